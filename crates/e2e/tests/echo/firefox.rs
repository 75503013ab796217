//! Firefox, which offers its own codecs and extensions.

use anyhow::{Result, ensure};
use e2e::{Browser, Driver, Server};

use crate::CLIENT;

#[tokio::test]
async fn firefox_sees_and_hears_itself() -> Result<()> {
    let server = Server::in_reach_of_firefox().await?;
    let driver = Driver::of_firefox().await?;
    let profile = tempfile::tempdir()?;
    let page = Browser::open_firefox(&driver, profile.path()).await?;
    page.go(&server.page).await?;
    page.run(CLIENT).await?;
    // Firefox's fake microphone whistles of itself.
    page.run_async("await echoClient.call({ microphone: true })")
        .await?;
    let seen = page.run_async("return await echoClient.seen()").await?;
    ensure!(seen["likeness"].is_number(), "{seen}");
    page.run_async("await echoClient.heard()").await?;
    let set = page
        .run_async("return await echoClient.set({ pipeline: 'delay', delay: 1 })")
        .await?;
    ensure!(set["delay"] == 1.0, "{set}");
    page.run_async("await echoClient.seen()").await?;
    page.close().await?;
    server
        .counts("tuturu_echo_sessions{dialect=\"offer\"} 0")
        .await?;
    server.stop().await?;
    Ok(())
}
