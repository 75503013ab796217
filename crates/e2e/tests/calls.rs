//! Calls between two real browsers through the real server.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use e2e::{Browser, Driver, Options, Server};

/// A server and two people with a browser each.
struct Scene {
    server: Server,
    driver: Driver,
    ann: Browser,
    bob: Browser,
}

impl Scene {
    async fn set(arguments: &[&str]) -> Result<Self> {
        let server = Server::start(arguments).await?;
        let driver = Driver::start().await?;
        let ann = Browser::open(&driver, Options::default()).await?;
        let bob = Browser::open(
            &driver,
            Options {
                size: (390, 844),
                ..Options::default()
            },
        )
        .await?;
        Ok(Self {
            server,
            driver,
            ann,
            bob,
        })
    }

    /// Ann draws a PIN, Bob types it, both join and are connected.
    async fn call(&self) -> Result<String> {
        let pin = self.dial().await?;
        self.connected().await?;
        Ok(pin)
    }

    async fn dial(&self) -> Result<String> {
        self.ann.go(&self.server.page).await?;
        self.bob.go(&self.server.page).await?;
        self.ann.act("new-call").await?;
        self.ann.act("join").await?;
        self.ann.screen("waiting").await?;
        let pin = self.ann.text("#waiting .big").await?;
        self.bob.type_pin(&pin).await?;
        self.bob.act("join").await?;
        Ok(pin)
    }

    async fn connected(&self) -> Result<()> {
        for person in [&self.ann, &self.bob] {
            person
                .until("document.documentElement.dataset.media === 'connected'")
                .await?;
        }
        Ok(())
    }

    async fn moving(&self) -> Result<()> {
        self.ann.sees().await?;
        self.bob.sees().await
    }

    async fn quiet(&self) -> Result<()> {
        for person in [&self.ann, &self.bob] {
            let complaints = person.complaints().await?;
            ensure!(complaints.is_empty(), "on the console: {complaints:?}");
        }
        Ok(())
    }

    async fn end(self) -> Result<()> {
        self.ann.close().await?;
        self.bob.close().await?;
        self.server.stop().await?;
        drop(self.driver);
        Ok(())
    }
}

#[tokio::test]
async fn two_people_with_the_same_pin_see_and_hear_each_other() -> Result<()> {
    let scene = Scene::set(&[]).await?;
    scene.call().await?;
    scene.moving().await?;
    scene.ann.hears().await?;
    scene.bob.hears().await?;
    ensure!(
        !scene.ann.path().await?.contains(&"relay".to_owned()),
        "on one machine the path is direct"
    );
    scene
        .bob
        .until("document.documentElement.dataset.path === 'direct'")
        .await?;
    let server = &scene.server;
    server
        .counts("tuturu_signaling_calls_started_total 1")
        .await?;
    server
        .counts(&reported("connected", "direct", "none", 2))
        .await?;
    let setup = "tuturu_signaling_call_setup_seconds_count{path=\"direct\"} 2";
    server.counts(setup).await?;
    scene.ann.act("hang-up").await?;
    scene.ann.screen("ended").await?;
    scene.bob.screen("ended").await?;
    ensure!(scene.bob.text("#ended-title").await? == "The other person left");
    scene.quiet().await?;
    scene.end().await
}

#[tokio::test]
async fn a_private_link_opens_the_same_call_and_leaves_no_trace_in_the_address() -> Result<()> {
    let scene = Scene::set(&[]).await?;
    scene.ann.go(&scene.server.page).await?;
    scene
        .ann
        .run("document.querySelector('details').open = true")
        .await?;
    scene.ann.act("new-link").await?;
    scene.ann.act("join").await?;
    scene.ann.screen("waiting").await?;
    scene.ann.run("Object.defineProperty(navigator, 'clipboard', { value: { writeText: async (text) => { window.copied = text; } } })").await?;
    scene.ann.act("copy-link").await?;
    scene.ann.until("window.copied").await?;
    let link = scene.ann.run("return window.copied").await?;
    let link = link.as_str().unwrap_or_default();
    ensure!(link.len() == scene.server.page.len() + 24, "{link}");
    scene.bob.go(link).await?;
    scene.bob.act("join").await?;
    scene.connected().await?;
    scene.moving().await?;
    ensure!(scene.bob.run("return location.hash").await? == "");
    scene.quiet().await?;
    scene.end().await
}

#[tokio::test]
async fn a_relayed_call_goes_through_the_embedded_relay() -> Result<()> {
    let scene = Scene::set(&["--ice-transport-policy", "relay"]).await?;
    scene.call().await?;
    scene.moving().await?;
    for person in [&scene.ann, &scene.bob] {
        ensure!(person.path().await? == ["relay", "relay"]);
        person
            .until("document.documentElement.dataset.path === 'relayed'")
            .await?;
    }
    let relayed = reported("connected", "relayed", "none", 2);
    scene.server.counts(&relayed).await?;
    scene.quiet().await?;
    scene.end().await
}

#[tokio::test]
async fn without_a_relay_a_relayed_call_does_not_connect() -> Result<()> {
    // The negative control of the test above: no relay is where the page is told.
    let nowhere = [
        "--ice-transport-policy",
        "relay",
        "--turn-uris",
        "turn:127.0.0.1:9?transport=udp",
    ];
    let scene = Scene::set(&nowhere).await?;
    scene.dial().await?;
    scene
        .bob
        .until("document.documentElement.dataset.media === 'failed'")
        .await?;
    let failed = reported("failed", "none", "no-relay", 2);
    scene.server.counts(&failed).await?;
    scene.end().await
}

#[tokio::test]
async fn a_third_person_is_refused_and_the_call_goes_on() -> Result<()> {
    let scene = Scene::set(&[]).await?;
    let pin = scene.call().await?;
    let carl = Browser::open(&scene.driver, Options::default()).await?;
    carl.go(&scene.server.page).await?;
    carl.type_pin(&pin).await?;
    carl.act("join").await?;
    carl.screen("failure").await?;
    ensure!(
        carl.run("return document.documentElement.dataset.failure")
            .await?
            == "room-full"
    );
    ensure!(
        carl.text("#failure-text")
            .await?
            .contains("Two people are already in this call")
    );
    scene.moving().await?;
    carl.close().await?;
    scene.end().await
}

#[tokio::test]
async fn a_wrong_pin_is_named_and_an_unknown_one_waits() -> Result<()> {
    let scene = Scene::set(&[]).await?;
    scene.ann.go(&scene.server.page).await?;
    scene.ann.type_pin("12a45").await?;
    scene.ann.act("enter-pin").await?;
    ensure!(scene.ann.text("#pin-note").await?.contains("six digits"));
    ensure!(
        scene
            .ann
            .run("return document.querySelector('#pin').ariaInvalid")
            .await?
            == "true"
    );
    // Digits of other scripts, and a gap, are what people paste.
    scene.ann.type_pin("١٢٣ ４５６").await?;
    scene.ann.screen("lobby").await?;
    scene.ann.act("join").await?;
    scene.ann.screen("waiting").await?;
    scene
        .ann
        .until("document.querySelector('#waiting .big').textContent === '123 456'")
        .await?;
    scene.ann.act("cancel").await?;
    scene.ann.screen("home").await?;
    scene.end().await
}

#[tokio::test]
async fn a_page_that_is_loaded_again_is_back_in_the_call() -> Result<()> {
    let scene = Scene::set(&[]).await?;
    scene.call().await?;
    scene.moving().await?;
    // The one who answers, then the one who offers.
    scene.bob.reload().await?;
    scene.connected().await?;
    scene.moving().await?;
    scene.ann.reload().await?;
    scene.connected().await?;
    scene.moving().await?;
    // Both at once.
    let (ann, bob) = tokio::join!(scene.ann.reload(), scene.bob.reload());
    ann.and(bob)?;
    scene.connected().await?;
    scene.moving().await?;
    scene.bob.act("hang-up").await?;
    scene.ann.screen("ended").await?;
    scene.quiet().await?;
    scene.end().await
}

#[tokio::test]
async fn a_killed_server_stops_no_call_and_is_found_again() -> Result<()> {
    killed_and_started_again(false).await
}

#[tokio::test]
async fn a_server_that_lost_even_its_secrets_stops_no_call() -> Result<()> {
    killed_and_started_again(true).await
}

async fn killed_and_started_again(secrets_too: bool) -> Result<()> {
    let mut scene = Scene::set(&[]).await?;
    scene.call().await?;
    scene.moving().await?;
    // Media must not even hiccup: no frame may be more than a second late.
    let watch = "
        window.longest = 0;
        let last = performance.now();
        const video = document.querySelector('#remote-video');
        const next = () => { const now = performance.now(); window.longest = Math.max(window.longest, now - last); last = now; video.requestVideoFrameCallback(next); };
        video.requestVideoFrameCallback(next);
        window.connectionsBefore = window.connections.length;";
    for person in [&scene.ann, &scene.bob] {
        person.run(watch).await?;
    }
    scene.server.kill().await?;
    for person in [&scene.ann, &scene.bob] {
        person
            .until("document.querySelector('#notes').textContent.includes('The call goes on')")
            .await?;
        person.sees().await?;
    }
    if secrets_too {
        scene.server.forget()?;
    }
    scene.server.start_again().await?;
    for person in [&scene.ann, &scene.bob] {
        person
            .until("document.querySelector('#notes').textContent === ''")
            .await?;
        person.sees().await?;
        ensure!(
            person
                .run("return window.connections.length === window.connectionsBefore")
                .await?
                == true,
            "the connection is the same"
        );
        let longest = person
            .run("return window.longest")
            .await?
            .as_f64()
            .unwrap_or(f64::MAX);
        ensure!(longest < 2000.0, "a frame came {longest} ms late");
    }
    scene.ann.act("hang-up").await?;
    scene.bob.screen("ended").await?;
    scene.end().await
}

#[tokio::test]
async fn a_shared_screen_is_seen_beside_the_camera() -> Result<()> {
    let scene = Scene::set(&[]).await?;
    scene.call().await?;
    scene.ann.act("share-screen").await?;
    scene.bob.until("document.querySelector('#remote-second').checkVisibility() && document.querySelector('#remote-second').videoWidth > 0").await?;
    scene.bob.until("document.querySelector('#remote-video').srcObject.getVideoTracks()[0].readyState === 'live'").await?;
    scene
        .ann
        .until("document.querySelector('[data-action=share-screen]').ariaPressed === 'true'")
        .await?;
    scene.ann.act("share-screen").await?;
    scene
        .bob
        .until("!document.querySelector('#remote-second').checkVisibility()")
        .await?;
    scene.moving().await?;
    scene.quiet().await?;
    scene.end().await
}

#[tokio::test]
async fn muting_is_told_and_silences() -> Result<()> {
    let scene = Scene::set(&[]).await?;
    scene.call().await?;
    scene.bob.hears().await?;
    scene
        .ann
        .run("document.dispatchEvent(new KeyboardEvent('keydown', { key: 'm', bubbles: true }))")
        .await?;
    scene
        .bob
        .until("document.querySelector('#remote-video').hasAttribute('data-silent') && document.querySelector('#silent').checkVisibility()")
        .await?;
    scene.bob.hears_nothing().await?;
    scene
        .ann
        .run("document.dispatchEvent(new KeyboardEvent('keydown', { key: 'm', bubbles: true }))")
        .await?;
    scene.bob.hears().await?;
    scene.end().await
}

#[tokio::test]
async fn who_is_asked_and_says_no_is_told_how_and_can_still_watch() -> Result<()> {
    let server = Server::start(&[]).await?;
    let driver = Driver::start().await?;
    let ann = Browser::open(
        &driver,
        Options {
            denied: true,
            ..Options::default()
        },
    )
    .await?;
    let bob = Browser::open(&driver, Options::default()).await?;
    ann.go(&server.page).await?;
    ann.type_pin("204060").await?;
    ann.screen("lobby").await?;
    ann.until("document.querySelector('#device-problem').checkVisibility()")
        .await?;
    ensure!(
        ann.text("#device-problem")
            .await?
            .contains("You can also join without")
    );
    // The browser's own button stands where trying again would be in vain.
    ann.until("document.querySelector('#device-problem usermedia').checkVisibility()")
        .await?;
    ensure!(
        ann.run("return document.querySelector('[data-action=retry-devices]').checkVisibility()")
            .await?
            == false
    );
    give_way(&ann, "error").await?;
    ensure!(
        ann.run("return document.querySelector('#device-problem').checkVisibility()")
            .await?
            == true
    );
    let complaints = ann.complaints().await?;
    ensure!(complaints.is_empty(), "on the console: {complaints:?}");
    ann.act("join").await?;
    ann.screen("waiting").await?;
    bob.go(&format!("{}/#204060", server.page)).await?;
    bob.act("join").await?;
    for person in [&ann, &bob] {
        person
            .until("document.documentElement.dataset.media === 'connected'")
            .await?;
    }
    ann.sees().await?;
    ann.hears().await?;
    bob.until("document.querySelector('#remote-off').checkVisibility()")
        .await?;
    ann.close().await?;
    bob.close().await?;
    server.stop().await?;
    Ok(())
}

/// Presses the browser's own button until it has that. It is deaf for a moment after it appears,
/// lest somebody hits it who aimed at something else.
async fn give_way(person: &Browser, what: &str) -> Result<()> {
    person
        .run("window.button = document.querySelector('#device-problem usermedia')")
        .await?;
    let deadline = Instant::now() + Duration::from_secs(30);
    while person
        .run(&format!("return Boolean(window.button.{what})"))
        .await?
        == false
    {
        ensure!(Instant::now() < deadline, "no {what}");
        // It goes away as soon as it has a stream.
        let _ = person.press("#device-problem usermedia").await;
    }
    Ok(())
}

#[tokio::test]
async fn who_said_no_can_say_yes_in_the_page_itself() -> Result<()> {
    let server = Server::start(&[]).await?;
    let driver = Driver::start().await?;
    let ann = Browser::open(&driver, Options::default()).await?;
    ann.go(&server.page).await?;
    ann.run("navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('Permission denied', 'NotAllowedError'); };")
        .await?;
    ann.type_pin("204062").await?;
    ann.until("document.querySelector('#device-problem usermedia')?.checkVisibility()")
        .await?;
    give_way(&ann, "stream").await?;
    ann.until("document.querySelector('#preview').videoWidth > 0")
        .await?;
    ann.until("Number(document.querySelector('.meter').ariaValueNow) > 0")
        .await?;
    ensure!(
        ann.run("return document.querySelector('#device-problem').checkVisibility()")
            .await?
            == false
    );
    let complaints = ann.complaints().await?;
    ensure!(complaints.is_empty(), "on the console: {complaints:?}");
    ann.close().await?;
    server.stop().await?;
    Ok(())
}

/// So many sides have told that their call came about like this.
fn reported(outcome: &str, path: &str, reason: &str, sides: u32) -> String {
    let labels = format!("outcome=\"{outcome}\",path=\"{path}\",reason=\"{reason}\"");
    format!("tuturu_signaling_call_reports_total{{{labels}}} {sides}")
}

#[tokio::test]
async fn who_is_not_asked_or_wants_privacy_tells_nothing() -> Result<()> {
    for (arguments, told) in [(&[][..], 1), (&["--call-reports", "off"], 0)] {
        let scene = Scene::set(arguments).await?;
        scene.ann.go(&scene.server.page).await?;
        scene
            .ann
            .run("Object.defineProperty(navigator, 'globalPrivacyControl', { value: true })")
            .await?;
        scene.ann.type_pin("204064").await?;
        scene.ann.act("join").await?;
        scene.ann.screen("waiting").await?;
        scene.bob.go(&scene.server.page).await?;
        scene.bob.type_pin("204064").await?;
        scene.bob.act("join").await?;
        scene.connected().await?;
        for person in [&scene.ann, &scene.bob] {
            // By now a page has told, or never does.
            person
                .until("document.documentElement.dataset.path === 'direct'")
                .await?;
        }
        scene.ann.act("hang-up").await?;
        scene.bob.screen("ended").await?;
        let direct = reported("connected", "direct", "none", told);
        scene.server.counts(&direct).await?;
        scene.quiet().await?;
        scene.end().await?;
    }
    Ok(())
}

/// Hides the page from its person, or shows it again.
async fn look_away(person: &Browser, away: bool) -> Result<()> {
    let state = if away { "hidden" } else { "visible" };
    person
        .run(&format!(
            "Object.defineProperty(document, 'visibilityState', {{ value: '{state}', configurable: true }}); \
             document.dispatchEvent(new Event('visibilitychange'));"
        ))
        .await
        .map(|_| ())
}

#[tokio::test]
async fn who_looks_elsewhere_sees_in_the_title_who_came_until_they_look() -> Result<()> {
    let scene = Scene::set(&[]).await?;
    scene.ann.go(&scene.server.page).await?;
    scene.ann.type_pin("204063").await?;
    scene.ann.act("join").await?;
    scene.ann.screen("waiting").await?;
    look_away(&scene.ann, true).await?;
    scene.bob.go(&scene.server.page).await?;
    scene.bob.type_pin("204063").await?;
    scene.bob.act("join").await?;
    scene
        .ann
        .until("document.title === '● The other person is here.'")
        .await?;
    look_away(&scene.ann, false).await?;
    scene
        .ann
        .until("document.title.startsWith('In a call')")
        .await?;
    scene.quiet().await?;
    scene.end().await
}

#[tokio::test]
async fn what_the_system_takes_away_is_told_and_asked_for_again() -> Result<()> {
    let scene = Scene::set(&[]).await?;
    scene.call().await?;
    scene.moving().await?;
    let pause = "
        const [track] = document.querySelector('#self-video').srcObject.getVideoTracks();
        Object.defineProperty(track, 'muted', { value: true });
        track.dispatchEvent(new Event('mute'));";
    scene.ann.run(pause).await?;
    scene
        .ann
        .until("document.querySelector('#notes').textContent === 'The system has stopped your camera.'")
        .await?;
    scene
        .bob
        .until("document.querySelector('#remote-off').checkVisibility()")
        .await?;
    look_away(&scene.ann, true).await?;
    look_away(&scene.ann, false).await?;
    scene
        .ann
        .until("document.querySelector('#notes').textContent === 'Your camera is back.'")
        .await?;
    scene
        .bob
        .until("!document.querySelector('#remote-off').checkVisibility()")
        .await?;
    scene.moving().await?;
    scene.quiet().await?;
    scene.end().await
}

#[tokio::test]
async fn who_has_no_camera_is_told_and_is_heard() -> Result<()> {
    let server = Server::start(&[]).await?;
    let driver = Driver::start().await?;
    let ann = Browser::open(
        &driver,
        Options {
            no_camera: true,
            ..Options::default()
        },
    )
    .await?;
    let bob = Browser::open(&driver, Options::default()).await?;
    ann.go(&server.page).await?;
    ann.type_pin("204061").await?;
    ann.until("document.querySelector('#device-problem strong').textContent === 'No camera found'")
        .await?;
    ann.act("join").await?;
    ann.screen("waiting").await?;
    bob.go(&server.page).await?;
    bob.type_pin("204061").await?;
    bob.act("join").await?;
    bob.until("document.documentElement.dataset.media === 'connected'")
        .await?;
    bob.hears().await?;
    bob.until("document.querySelector('#remote-off').checkVisibility()")
        .await?;
    ann.sees().await?;
    ann.close().await?;
    bob.close().await?;
    server.stop().await?;
    Ok(())
}

#[tokio::test]
async fn nothing_private_is_logged_or_counted() -> Result<()> {
    let scene = Scene::set(&["--ice-transport-policy", "relay"]).await?;
    let pin = scene.call().await?.replace(' ', "");
    scene.moving().await?;
    let body = "
        const local = window.connections.at(-1).localDescription.sdp;
        return [/ice-ufrag:(\\S+)/.exec(local)[1], /ice-pwd:(\\S+)/.exec(local)[1], /fingerprint:sha-256 (\\S+)/.exec(local)[1],
            sessionStorage.getItem('tuturu-resume'), ...window.connections.at(-1).getConfiguration().iceServers.map((server) => server.credential)];";
    let canaries = scene.ann.run_async(body).await?;
    let canaries = canaries.as_array().cloned().unwrap_or_default();
    let text = canaries.iter().filter_map(|canary| canary.as_str());
    let mut canaries: Vec<String> = text
        .filter(|text| !text.is_empty())
        .map(ToOwned::to_owned)
        .collect();
    ensure!(canaries.len() >= 5, "{canaries:?}");
    canaries.extend([pin, "candidate:".into(), "v=0".into()]);
    scene.bob.go(&scene.server.admin).await?;
    let metrics = scene.bob.text("body").await?;
    ensure!(
        metrics.contains("tuturu_signaling_joins_total{outcome=\"seated\"} 2"),
        "{metrics}"
    );
    let Scene {
        server, ann, bob, ..
    } = scene;
    ann.close().await?;
    bob.close().await?;
    let log = server.stop().await?;
    ensure!(!log.is_empty(), "the server logs something");
    for canary in canaries {
        ensure!(!log.contains(&canary), "in the log: {canary}");
        ensure!(!metrics.contains(&canary), "in the metrics: {canary}");
    }
    ensure!(!log.contains("127.0.0.1"), "an address in the log: {log}");
    Ok(())
}
