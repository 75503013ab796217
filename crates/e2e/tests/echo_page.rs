//! "Test your call", as a person uses it: the real server sends a real browser's media back.

use anyhow::{Result, ensure};
use e2e::{Browser, Driver, Options, Server, accessible};

async fn page(size: (u32, u32), dark: bool) -> Result<(Server, Driver, Browser)> {
    let server = Server::start(&[]).await?;
    let driver = Driver::start().await?;
    let options = Options {
        size,
        dark,
        ..Options::default()
    };
    let ann = Browser::open(&driver, options).await?;
    ann.go(&format!("{}/#test", server.page)).await?;
    ann.until("location.pathname === '/echo.html' && document.documentElement.dataset.verdict === 'neutral'")
        .await?;
    Ok((server, driver, ann))
}

async fn says(ann: &Browser, verdict: &str) -> Result<()> {
    ann.until(&format!(
        "document.querySelector('#verdict strong').textContent.includes('{verdict}')"
    ))
    .await
}

/// The verdict, the picture and the graphs.
async fn sees_itself(ann: &Browser) -> Result<()> {
    ann.act("start").await?;
    says(ann, "Your calls will work: direct").await?;
    ann.until("document.querySelector('#echo-video').videoWidth > 0")
        .await?;
    ann.until("document.querySelectorAll('#metrics polyline[points*=\",\"]').length > 3")
        .await
}

/// The slider turns the step on, and the server says so.
async fn pulls_loss(ann: &Browser) -> Result<()> {
    ann.run("const slider = document.querySelector('#loss'); slider.value = 20; slider.dispatchEvent(new Event('input', { bubbles: true }))")
        .await?;
    says(ann, "This is how a bad network feels").await
}

/// Downloads a still and a recording.
async fn records(ann: &Browser) -> Result<()> {
    ann.run("URL.createObjectURL = (blob) => { (window.kept ??= []).push(blob); return '#'; }")
        .await?;
    ann.act("still").await?;
    ann.until("window.kept?.length === 1 && window.kept[0].type === 'image/png'")
        .await?;
    ann.act("record").await?;
    ann.until(
        "document.querySelector('[data-action=record]').getAttribute('aria-pressed') === 'true'",
    )
    .await?;
    ann.run("window.recordedFrom = document.querySelector('#echo-video').currentTime")
        .await?;
    ann.until("document.querySelector('#echo-video').currentTime > window.recordedFrom + 2")
        .await?;
    ann.act("record").await?;
    ann.until("window.kept?.length === 2 && window.kept[1].size > 10000")
        .await
}

#[tokio::test]
async fn a_person_sees_themselves_as_others_will_and_plays_with_the_network() -> Result<()> {
    let (server, _driver, ann) = page((1280, 800), false).await?;
    accessible(&ann, "echo-idle").await?;
    sees_itself(&ann).await?;
    accessible(&ann, "echo-connected").await?;

    pulls_loss(&ann).await?;
    let pipeline = ann
        .run("return document.querySelector('#pipeline').value")
        .await?;
    ensure!(pipeline == "loss", "{pipeline}");
    ann.run("const step = document.querySelector('#pipeline'); step.value = 'passthrough'; step.dispatchEvent(new Event('change'))")
        .await?;
    says(&ann, "Your calls will work").await?;

    ann.run("document.querySelector('#prompt').value = 'a cat'; document.querySelector('#prompt-form').requestSubmit()")
        .await?;
    ann.until("document.querySelector('#answer').textContent !== ''")
        .await?;

    records(&ann).await?;

    ann.act("stop").await?;
    says(&ann, "The test is over").await?;
    let complaints = ann.complaints().await?;
    ensure!(complaints.is_empty(), "on the console: {complaints:?}");
    ann.close().await?;
    server.stop().await?;
    Ok(())
}

#[tokio::test]
async fn on_a_phone_in_the_dark() -> Result<()> {
    let (server, _driver, ann) = page((390, 844), true).await?;
    accessible(&ann, "echo-phone-idle").await?;
    ann.act("start").await?;
    says(&ann, "Your calls will work: direct").await?;
    accessible(&ann, "echo-phone-connected").await?;
    ann.close().await?;
    server.stop().await?;
    Ok(())
}

#[tokio::test]
async fn in_firefox_too() -> Result<()> {
    let server = Server::in_reach_of_firefox().await?;
    let driver = Driver::of_firefox().await?;
    let profile = tempfile::tempdir()?;
    let ann = Browser::open_firefox(&driver, profile.path()).await?;
    ann.go(&format!("{}/echo.html", server.page)).await?;
    sees_itself(&ann).await?;
    records(&ann).await?;
    pulls_loss(&ann).await?;
    ann.act("stop").await?;
    says(&ann, "The test is over").await?;
    ann.close().await?;
    server.stop().await?;
    Ok(())
}
