//! Chromium, and all that is said and set.

use anyhow::{Context as _, Result, ensure};
use e2e::{Browser, Driver, Options, Server};

use crate::CLIENT;

struct Scene {
    server: Server,
    page: Browser,
    _driver: Driver,
}

impl Scene {
    async fn set(arguments: &[&str]) -> Result<Self> {
        let server = Server::start(arguments).await?;
        let driver = Driver::start().await?;
        let page = Browser::open(&driver, Options::default()).await?;
        page.go(&server.page).await?;
        page.run(CLIENT).await?;
        Ok(Self {
            server,
            page,
            _driver: driver,
        })
    }

    async fn call(&self, options: &str) -> Result<serde_json::Value> {
        let call = format!("return await echoClient.call({options})");
        self.page.run_async(&call).await
    }
}

#[tokio::test]
async fn chromium_sees_and_hears_itself() -> Result<()> {
    let scene = Scene::set(&[]).await?;
    let answer = scene.call("{}").await?;
    let sdp = answer["sdp"].as_str().context("an answer")?;
    ensure!(
        !sdp.contains("a=msid:-"),
        "pages show no track without a stream"
    );
    ensure!(
        sdp.contains(" udp ") && sdp.contains(" tcp "),
        "all candidates are in it"
    );
    let seen = scene
        .page
        .run_async("return await echoClient.seen()")
        .await?;
    ensure!(
        seen["moved"].as_f64() < Some(0.9),
        "the measure tells pictures apart: {seen}"
    );
    scene
        .page
        .run_async("return await echoClient.heard()")
        .await?;

    // Nothing was lost and nothing had to be asked for again.
    let stats = "const video = await echoClient.stats('inbound-rtp', 'video'); return [video.packetsLost, video.framesDropped]";
    ensure!(scene.page.run_async(stats).await?[0] == 0);
    scene
        .server
        .counts("tuturu_echo_sessions{dialect=\"offer\"} 1")
        .await?;
    scene
        .server
        .counts("tuturu_echo_setup_seconds_count 1")
        .await?;
    scene.page.run("echoClient.pc.close()").await?;
    scene
        .server
        .counts("tuturu_echo_sessions_ended_total{reason=\"closed\"} 1")
        .await?;
    scene
        .server
        .counts("tuturu_echo_sessions{dialect=\"offer\"} 0")
        .await?;

    let log = scene.server.stop().await?;
    for private in ["ice-ufrag", "candidate", "a=", "127.0.0.1:", "192.0.2."] {
        ensure!(!log.contains(private), "the log has {private}: {log}");
    }
    Ok(())
}

#[tokio::test]
async fn every_codec_of_chromium_comes_back() -> Result<()> {
    let scene = Scene::set(&[]).await?;
    for (codec, name) in [
        ("vp8", "video/VP8"),
        ("vp9", "video/VP9"),
        ("h264", "video/H264"),
        ("av1", "video/AV1"),
    ] {
        scene.call(&format!("{{ codec: '{codec}' }}")).await?;
        let decoded = scene
            .page
            .run_async("return await echoClient.decoded()")
            .await?;
        ensure!(decoded == name, "{decoded} instead of {name}");
        let seen = scene.page.run_async("await echoClient.seen()").await;
        seen.context(name)?;
        scene
            .page
            .run("echoClient.pc.close(); echoClient.remote.remove(); echoClient.own.remove()")
            .await?;
    }
    Ok(())
}

#[tokio::test]
async fn where_udp_is_blocked_media_takes_tcp() -> Result<()> {
    let scene = Scene::set(&[]).await?;
    scene.call("{ tcp: true }").await?;
    scene.page.run_async("await echoClient.seen()").await?;
    let protocol = "
        const pair = await echoClient.stats('candidate-pair');
        return (await echoClient.pc.getStats()).get(pair.localCandidateId).protocol";
    ensure!(scene.page.run_async(protocol).await? == "tcp");
    Ok(())
}

#[tokio::test]
async fn parameters_are_set_with_the_offer_and_changed_live() -> Result<()> {
    let scene = Scene::set(&[]).await?;
    let page = &scene.page;
    scene
        .call("{ initialParameters: { pipeline: 'delay', delay: 0.5, noise_scale: 0.7 } }")
        .await?;
    let opened = page
        .run_async("return await echoClient.told(({ type }) => type === 'parameters_updated')")
        .await?;
    ensure!(
        opened["pipeline"] == "delay" && opened["delay"] == 0.5,
        "{opened}"
    );

    // The picture that comes back is an old one: by so much as is set.
    let late = "
        const lag = async () => {
            const sent = [];
            return echoClient.until(() => {
                const now = performance.now();
                sent.push([now, echoClient.pixels(echoClient.own)]);
                const back = echoClient.pixels(echoClient.remote);
                const [at, least] = sent
                    .map(([at, picture]) => [at, 1 - echoClient.likeness(picture, back)])
                    .reduce((best, one) => (one[1] < best[1] ? one : best));
                return sent.length > 60 && least < 0.01 && now - at;
            }, 'an old picture');
        };
        const lags = [];
        for (let n = 0; n < 7; n += 1) lags.push(await lag());
        return lags.sort((a, b) => a - b)[3];";
    let set = page
        .run_async("return await echoClient.set({ delay: 2, loss: 50, prompts: ['a cat'] })")
        .await?;
    ensure!(
        set["delay"] == 2.0 && set["errors"]["loss"].is_string(),
        "{set}"
    );
    ensure!(
        set["prompts"][0]["text"] == "a cat" && set["answer"].is_string(),
        "{set}"
    );
    let lag = page.run_async(late).await?.as_f64().context("a time")?;
    ensure!((1500.0..3500.0).contains(&lag), "{lag} ms instead of 2000");

    let set = page
        .run_async("return await echoClient.set({ pipeline: 'passthrough' })")
        .await?;
    ensure!(set["pipeline"] == "passthrough", "{set}");
    page.run_async("await echoClient.seen()").await?;
    let wrong = page.run_async("echoClient.channel.send('no JSON'); return await echoClient.told(({ type }) => type === 'error')").await?;
    ensure!(wrong["code"] == "invalid-message", "{wrong}");

    page.run_async("await echoClient.set({ pipeline: 'loss', loss: 10 })")
        .await?;
    let lost = "
        const before = (await echoClient.stats('inbound-rtp', 'video')).nackCount;
        return await echoClient.until(async () => {
            const video = await echoClient.stats('inbound-rtp', 'video');
            return video.nackCount > before + 20 && video.retransmittedPacketsReceived > 10;
        }, 'lost packets are sent again');";
    page.run_async(lost).await?;
    page.run_async("await echoClient.seen()").await?;
    Ok(())
}

#[tokio::test]
async fn a_stop_tells_everybody_before_it_ends_them() -> Result<()> {
    let scene = Scene::set(&[]).await?;
    scene.call("{}").await?;
    scene.page.run_async("await echoClient.seen()").await?;
    let ended = "echoClient.ended = new Promise((done) => { echoClient.pc.addEventListener('connectionstatechange', done); echoClient.channel.onclose = done; })";
    scene.page.run(ended).await?;
    let stopped = scene.server.stop();
    let told = async {
        scene
            .page
            .run_async("return await echoClient.told(({ type }) => type === 'stream_stopped')")
            .await
    };
    let (stopped, told) = tokio::join!(stopped, told);
    stopped?;
    ensure!(told?["error_message"].is_string());
    scene.page.run_async("await echoClient.ended").await?;
    Ok(())
}
