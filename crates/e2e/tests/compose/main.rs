//! The deployment as a self-hoster runs it: containers, nginx, coturn, TLS on one port,
//! certificates, Prometheus. `make test-compose` prepares an engine and images; see
//! `deploy/test-compose`.

mod acme;
mod deployment;
mod monitoring;
mod neighbours;
mod relay;
mod turn;

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, bail, ensure};
use deployment::{Deployment, SERVICES, everything};
use e2e::{Browser, Driver};

const PAGE: &str = "https://call.test/";

/// Ann draws a PIN, Bob types it, both are connected and see each other.
async fn call(ann: &Browser, bob: &Browser) -> Result<String> {
    ann.go(PAGE).await?;
    bob.go(PAGE).await?;
    ann.act("new-call").await?;
    ann.act("join").await?;
    ann.screen("waiting").await?;
    let pin = ann.text("#waiting .big").await?;
    bob.type_pin(&pin).await?;
    bob.act("join").await?;
    for person in [ann, bob] {
        person
            .until("document.documentElement.dataset.media === 'connected'")
            .await?;
    }
    ann.sees().await?;
    bob.sees().await?;
    Ok(pin)
}

/// Status and headers of answers of every kind, as the page's own browser reads them.
async fn headers_are_on_every_answer(ann: &Browser, paths: &[(&str, u16)]) -> Result<()> {
    for (path, status) in paths {
        let script = format!(
            "const answer = await fetch('{path}', {{ cache: 'no-store' }}); \
             return [answer.status, ...['strict-transport-security', 'content-security-policy', \
                 'x-content-type-options', 'x-frame-options', 'referrer-policy', 'permissions-policy', \
                 'cross-origin-opener-policy', 'cross-origin-resource-policy', 'server'] \
                 .map((name) => answer.headers.get(name) ?? '')];"
        );
        let told = ann.run_async(&script).await?;
        let told: Vec<_> = told.as_array().into_iter().flatten().collect();
        ensure!(told[0] == *status, "{path}: {told:?}");
        let [
            _,
            hsts,
            csp,
            nosniff,
            frame,
            referrer,
            permissions,
            coop,
            corp,
            server,
        ] = told[..]
        else {
            bail!("{path}: {told:?}")
        };
        let exact = hsts == "max-age=63072000"
            && nosniff == "nosniff"
            && frame == "DENY"
            && referrer == "no-referrer"
            && coop == "same-origin"
            && corp == "same-origin"
            && server == "nginx";
        let policy = csp.as_str().unwrap_or_default();
        // One policy: two of the same header would be joined by a comma.
        let one = policy.starts_with("default-src 'none'") && !policy.contains(", ");
        ensure!(exact && one && permissions != "", "{path}: {told:?}");
    }
    Ok(())
}

/// Addresses that are somebody's; signaling's own way to the issuer is nobody's.
fn addresses_in(log: &str) -> BTreeSet<&str> {
    let lines = log
        .lines()
        .filter(|line| !line.contains(r#""target":"hyper_util::client::"#));
    let words =
        lines.flat_map(|line| line.split(|letter: char| !letter.is_ascii_digit() && letter != '.'));
    let address =
        |word: &&str| word.split('.').count() == 4 && word.parse::<std::net::Ipv4Addr>().is_ok();
    words
        .filter(address)
        .filter(|word| !matches!(*word, "0.0.0.0" | "127.0.0.1"))
        .collect()
}

#[test]
fn addresses_are_found() {
    let own = r#"{"message":"connecting to 10.0.0.3:8082","target":"hyper_util::client::legacy"}"#;
    let log = format!("0.0.0.0:80 1.2.3\n{own}\nremote 192.0.2.7:5000, nginx/1.22.1");
    assert_eq!(addresses_in(&log), BTreeSet::from(["192.0.2.7"]));
}

/// Nothing but port 443 was used: TURN over TLS, told from https by its name.
async fn is_relayed_by_tls(person: &Browser) -> Result<()> {
    ensure!(person.path().await? == ["relay", "relay"]);
    let way = person
        .run_async(
            "const stats = [...(await window.connections.at(-1).getStats()).values()]; \
             return stats.filter((one) => one.type === 'local-candidate').map((one) => one.relayProtocol + ' ' + one.url);",
        )
        .await?;
    let ways = way.as_array().context("candidates")?;
    let expected = "tls turns:turn.call.test:443?transport=tcp";
    ensure!(
        !ways.is_empty() && ways.iter().all(|way| way == expected),
        "{way}"
    );
    Ok(())
}

/// "Test your call" sends media to the echo's own port, and sees it come back.
async fn is_echoed(person: &Browser) -> Result<()> {
    person.go("https://call.test/echo.html").await?;
    person.act("start").await?;
    let verdict = "document.querySelector('#verdict strong').textContent";
    let good = format!("{verdict}.startsWith('Your calls will work: direct')");
    person.until(&good).await?;
    person.act("stop").await
}

/// Nothing of whom, from where, or what was said.
async fn logs_are_private(here: &Deployment, pins: &[String]) -> Result<()> {
    let log = here.compose(&["logs", "--no-color"]).await?;
    for pin in pins {
        ensure!(!log.contains(pin.as_str()), "a PIN in the log");
    }
    for canary in [
        "candidate:",
        "a=ice",
        "typ host",
        "username=",
        "probe",
        "turns:",
        "nobody@",
    ] {
        let line = log.lines().find(|line| line.contains(canary));
        ensure!(line.is_none(), "{canary} in the log: {line:?}");
    }
    let addresses = addresses_in(&log);
    ensure!(addresses.is_empty(), "in the log: {addresses:?}");
    // The negative control: what is not there was looked for where something is.
    ensure!(log.contains(r#""class":"call""#), "the log is kept: {log}");
    for service in SERVICES.iter().chain(&["certbot"]) {
        // Compose 1 and 2 write the number of a container in their own ways.
        let names = [format!("{service}_1 "), format!("{service}-1 ")];
        ensure!(
            names.iter().any(|name| log.contains(name)),
            "{service} logs"
        );
    }
    Ok(())
}

#[tokio::test]
#[ignore = "needs a Docker engine: make test-compose"]
async fn the_deployment_of_a_self_hoster() -> Result<()> {
    let mut here = Deployment::prepared()?;
    let before = everything().await?;
    here.up(&SERVICES).await?;
    let moved = here.plain("/x?y").await?;
    ensure!(moved.contains("301 Moved") && moved.contains("Location: https://call.test/x?y"));
    let challenge = here.plain("/.well-known/acme-challenge/none").await?;
    ensure!(challenge.contains("404 Not Found"));
    monitoring::sees_every_service(&here).await?;
    monitoring::sees_no_call(&here).await?;

    let _authority = acme::Authority::start(&here).await?;
    acme::issued(&here).await?;

    let driver = Driver::at_home(&here.work.join("home")).await?;
    let (ann, bob) = (
        here.browser(&driver, None).await?,
        here.browser(&driver, None).await?,
    );
    let mut pins = vec![call(&ann, &bob).await?];
    ensure!(!ann.path().await?.contains(&"relay".to_owned()));
    monitoring::sees_a_call(&here).await?;
    let answers = [
        ("/", 200),
        ("/none", 404),
        ("/ws", 426),
        ("/health", 200),
        ("/api/turn?service=turn&username=ann", 200),
        ("/api/v1/webrtc/ice-servers", 200),
        ("/internal/ice-servers", 404),
        ("/metrics", 404),
        ("/live", 404),
        ("/%2e%2e/%00", 400),
    ];
    headers_are_on_every_answer(&ann, &answers).await?;

    is_echoed(&here.browser(&driver, None).await?).await?;

    // The call goes on whatever is killed, and what was killed comes back.
    for service in SERVICES.iter().chain(&["certbot"]) {
        here.kill(service).await?;
        ann.sees().await?;
        bob.sees().await?;
    }
    // An error page of nginx's own.
    here.compose(&["stop", "static-asset"]).await?;
    headers_are_on_every_answer(&ann, &[("/none", 502)]).await?;
    here.compose(&["start", "static-asset"]).await?;
    here.healthy("static-asset").await?;
    ann.close().await?;
    bob.close().await?;

    let turns = Some("turns:");
    let (ann, bob) = (
        here.browser(&driver, turns).await?,
        here.browser(&driver, turns).await?,
    );
    pins.push(call(&ann, &bob).await?);
    is_relayed_by_tls(&ann).await?;
    is_relayed_by_tls(&bob).await?;
    acme::renewed(&here, &ann, &bob).await?;
    // The sockets as well: Bob is told by Ann's that she goes.
    ann.act("hang-up").await?;
    bob.screen("ended").await?;
    ann.close().await?;
    bob.close().await?;

    relay::reaches_the_public_only(&here).await?;
    // Before nginx is made anew: a container takes its log with it.
    logs_are_private(&here, &pins).await?;
    acme::of_ones_own(&mut here).await?;

    here.compose(&["down", "--volumes", "--timeout", "20"])
        .await?;
    let after = everything().await?;
    ensure!(after == before, "there was {before}and is {after}");
    Ok(())
}
