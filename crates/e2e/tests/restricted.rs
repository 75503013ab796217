//! Calls from places where something on the way is broken or forbidden.

use anyhow::{Result, ensure};
use e2e::{Browser, Driver, Options, Proxy, Server};

/// Ann's proxy strips upgrades; Bob's network is fine.
#[tokio::test]
async fn a_proxy_that_knows_no_websockets_carries_a_call_and_its_recovery() -> Result<()> {
    let mut server = Server::start(&[]).await?;
    let proxy = Proxy::start(&server.page).await?;
    let driver = Driver::start().await?;
    let ann = Browser::open(&driver, Options::default()).await?;
    let bob = Browser::open(&driver, Options::default()).await?;
    ann.go(&proxy.page).await?;
    bob.go(&server.page).await?;
    ann.act("new-call").await?;
    ann.act("join").await?;
    ann.screen("waiting").await?;
    server.counts("tuturu_signaling_fallbacks 1").await?;
    let pin = ann.text("#waiting .big").await?;
    bob.type_pin(&pin).await?;
    bob.act("join").await?;
    for person in [&ann, &bob] {
        person
            .until("document.documentElement.dataset.media === 'connected'")
            .await?;
        person.sees().await?;
    }

    server.kill().await?;
    server.start_again().await?;
    server.counts("tuturu_signaling_fallbacks 1").await?;
    server.counts("tuturu_signaling_sockets 1").await?;
    ann.act("toggle-camera").await?;
    bob.until("!document.querySelector('#remote-off').hidden")
        .await?;
    bob.act("toggle-camera").await?;
    ann.until("!document.querySelector('#remote-off').hidden")
        .await?;

    ann.act("hang-up").await?;
    ann.act("network").await?;
    ann.until("document.documentElement.dataset.network === 'good'")
        .await?;
    let found = ann.text("#network-checks").await?;
    for line in [
        "without a WebSocket",
        "Relay over UDP A packet went through",
    ] {
        ensure!(found.contains(line), "{found}");
    }
    ensure!(!found.contains("Testing"), "{found}");
    bob.screen("ended").await?;
    ensure!(bob.text("#ended-title").await? == "The other person left");
    ann.close().await?;
    bob.close().await?;
    server.stop().await?;
    Ok(())
}
