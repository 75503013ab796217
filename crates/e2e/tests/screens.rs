//! Every screen, as people of all kinds meet it: light and dark, phone and desktop, with a
//! screen reader, on a slow line. `SCREENSHOTS=<folder>` keeps the pictures.

use anyhow::{Context as _, Result, ensure};
use e2e::{Browser, Driver, Options, Server, accessible};

async fn every_screen(dark: bool, size: (u32, u32)) -> Result<()> {
    let server = Server::start(&[]).await?;
    let driver = Driver::start().await?;
    let ann = Browser::open(
        &driver,
        Options {
            dark,
            size,
            ..Options::default()
        },
    )
    .await?;
    let bob = Browser::open(&driver, Options::default()).await?;
    let name = |screen: &str| {
        format!(
            "{screen}-{}x{}-{}",
            size.0,
            size.1,
            if dark { "dark" } else { "light" }
        )
    };

    ann.go(&server.page).await?;
    ann.until("'ready' in document.documentElement.dataset")
        .await?;
    accessible(&ann, &name("home")).await?;
    ann.type_pin("314159").await?;
    ann.until("document.querySelector('#preview').videoWidth > 0")
        .await?;
    accessible(&ann, &name("lobby")).await?;
    ann.act("join").await?;
    ann.until("document.querySelector('#waiting-socket').textContent === ''")
        .await?;
    accessible(&ann, &name("waiting")).await?;
    bob.go(&format!("{}/#314159", server.page)).await?;
    bob.act("join").await?;
    ann.until("document.documentElement.dataset.path === 'direct'")
        .await?;
    ann.sees().await?;
    accessible(&ann, &name("call")).await?;
    bob.act("toggle-camera").await?;
    ann.until("document.querySelector('#remote-off').checkVisibility()")
        .await?;
    accessible(&ann, &name("call-camera-off")).await?;
    for dialog in ["settings", "help"] {
        ann.act(dialog).await?;
        ann.until(&format!("document.querySelector('#{dialog}').open"))
            .await?;
        accessible(&ann, &name(dialog)).await?;
    }
    ann.run("document.querySelector('#help').close()").await?;
    bob.act("hang-up").await?;
    ann.screen("ended").await?;
    accessible(&ann, &name("ended")).await?;
    ann.act("home").await?;
    ann.screen("home").await?;
    ann.go(&format!("{}/#network", server.page)).await?;
    ann.until("document.documentElement.dataset.network === 'good'")
        .await?;
    accessible(&ann, &name("network")).await?;
    let complaints = ann.complaints().await?;
    ensure!(complaints.is_empty(), "on the console: {complaints:?}");
    ann.close().await?;
    bob.close().await?;
    server.stop().await?;
    Ok(())
}

#[tokio::test]
async fn a_device_that_is_blocked() -> Result<()> {
    let server = Server::start(&[]).await?;
    let driver = Driver::start().await?;
    let ann = Browser::open(
        &driver,
        Options {
            denied: true,
            size: (320, 640),
            ..Options::default()
        },
    )
    .await?;
    ann.go(&server.page).await?;
    ann.type_pin("314159").await?;
    ann.until("document.querySelector('#device-problem usermedia')?.checkVisibility()")
        .await?;
    accessible(&ann, "lobby-blocked").await?;
    // Firefox has a list of speakers of its own, and shows none to pages.
    ann.run(
        "navigator.mediaDevices.enumerateDevices = async () => []; \
         navigator.mediaDevices.selectAudioOutput = async () => ({ deviceId: 'headset' }); \
         navigator.mediaDevices.dispatchEvent(new Event('devicechange'));",
    )
    .await?;
    ann.act("choose-speaker").await?;
    ann.until("localStorage.getItem('tuturu-devices')?.includes('headset')")
        .await?;
    accessible(&ann, "lobby-choose-speaker").await?;
    let complaints = ann.complaints().await?;
    ensure!(complaints.is_empty(), "on the console: {complaints:?}");
    ann.close().await?;
    server.stop().await?;
    Ok(())
}

#[tokio::test]
async fn a_phone_in_light() -> Result<()> {
    every_screen(false, (390, 844)).await
}

#[tokio::test]
async fn a_phone_in_dark_on_its_side() -> Result<()> {
    every_screen(true, (844, 390)).await
}

#[tokio::test]
async fn a_desktop_in_dark() -> Result<()> {
    every_screen(true, (1280, 800)).await
}

#[tokio::test]
async fn the_smallest_window_in_light() -> Result<()> {
    every_screen(false, (320, 640)).await
}

/// What came over the wire since the page was opened: bytes, and addresses of others.
const WEIGHT: &str = "
    const entries = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')];
    return {
        bytes: entries.reduce((sum, entry) => sum + entry.encodedBodySize, 0),
        names: entries.map((entry) => entry.name),
        foreign: entries.map((entry) => entry.name).filter((name) => !name.startsWith(location.origin)),
    };";

#[tokio::test]
async fn the_page_is_light_and_comes_from_nowhere_else() -> Result<()> {
    let server = Server::start(&[]).await?;
    let driver = Driver::start().await?;
    let ann = Browser::open(&driver, Options::default()).await?;
    let bob = Browser::open(&driver, Options::default()).await?;
    ann.go(&server.page).await?;
    ann.until("'ready' in document.documentElement.dataset")
        .await?;
    let start = "
        const wanted = ['/style.css', '/src/main.js', '/src/call.js', '/src/pin.js', '/src/view.js'];
        const entries = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')];
        return entries.filter(({ name, entryType }) => entryType === 'navigation' || wanted.some((end) => name.endsWith(end)))
            .reduce((sum, entry) => sum + entry.encodedBodySize, 0);";
    let start = ann.run(start).await?.as_u64().context("a number")?;
    ann.type_pin("271828").await?;
    ann.act("join").await?;
    bob.go(&format!("{}/#271828", server.page)).await?;
    bob.act("join").await?;
    ann.until("document.documentElement.dataset.media === 'connected'")
        .await?;
    let whole = ann.run(WEIGHT).await?;
    let bytes = whole["bytes"].as_u64().context("a number")?;
    ensure!(
        start > 2000 && start <= 25 * 1024,
        "{start} bytes to the PIN field"
    );
    ensure!(
        bytes <= 50 * 1024,
        "{bytes} bytes to a running call: {}",
        whole["names"]
    );
    ensure!(
        whole["foreign"] == serde_json::json!([]),
        "{}",
        whole["foreign"]
    );
    let immutable = whole["names"].to_string().matches("/assets/").count();
    ensure!(
        immutable > 10,
        "the page's parts have addresses that name their content"
    );
    ann.close().await?;
    bob.close().await?;
    server.stop().await?;
    Ok(())
}
