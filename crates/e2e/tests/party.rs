//! Rooms by call ID: the page of `examples/party`, and PartyKit's own client.

use std::{path::Path, time::Duration};

use anyhow::{Context as _, Result, ensure};
use e2e::{Browser, Driver, Options, Server, binary, example};
use tokio::{process::Command, time::timeout};

/// A server with the page, and two people with a browser each.
struct Scene {
    server: Server,
    driver: Driver,
    ann: Browser,
    bob: Browser,
}

impl Scene {
    async fn set() -> Result<Self> {
        let root = example("party");
        let root = root.to_str().context("a path of text")?;
        let server = Server::start(&["--web-root", root]).await?;
        let driver = Driver::start().await?;
        let ann = Browser::open(&driver, Options::default()).await?;
        let bob = Browser::open(&driver, Options::default()).await?;
        Ok(Self {
            server,
            driver,
            ann,
            bob,
        })
    }

    /// Ann opens a room, Bob follows.
    async fn call(&self) -> Result<()> {
        self.ann.go(&self.server.page).await?;
        status(&self.ann, "Waiting for the other person").await?;
        self.bob.go(&self.link().await?).await?;
        self.moving().await
    }

    async fn link(&self) -> Result<String> {
        let link = self.ann.run("return location.href").await?;
        let link = link.as_str().context("an address")?;
        ensure!(link.contains('#'), "a room in {link}");
        Ok(link.to_owned())
    }

    async fn moving(&self) -> Result<()> {
        for person in [&self.ann, &self.bob] {
            status(person, "connected").await?;
            person
                .until("document.querySelector('#remote-video').videoWidth > 0")
                .await?;
        }
        self.ann.sees().await?;
        self.bob.sees().await
    }

    async fn end(self) -> Result<()> {
        self.ann.close().await?;
        self.bob.close().await?;
        self.server.stop().await?;
        drop(self.driver);
        Ok(())
    }
}

async fn status(person: &Browser, text: &str) -> Result<()> {
    let told = format!("document.querySelector('#status').textContent === '{text}'");
    person.until(&told).await
}

#[tokio::test]
async fn two_people_in_a_room_see_and_hear_each_other_and_a_third_does_not() -> Result<()> {
    let scene = Scene::set().await?;
    scene.call().await?;
    scene.ann.hears().await?;
    scene.bob.hears().await?;
    let carl = Browser::open(&scene.driver, Options::default()).await?;
    carl.go(&scene.link().await?).await?;
    let met = "document.querySelector('#local-video').videoWidth > 0";
    carl.until(met).await?;

    // Bob goes: Ann hears it, and Carl's next visit is answered.
    scene.bob.go("about:blank").await?;
    status(&scene.ann, "Waiting for the other person").await?;
    ensure!(
        carl.run("return window.connections.length").await? == 0,
        "nobody called Carl while two were in the call"
    );
    carl.reload().await?;
    status(&carl, "connected").await?;
    carl.sees().await?;
    for person in [&scene.ann, &carl] {
        let complaints = person.complaints().await?;
        ensure!(complaints.is_empty(), "on the console: {complaints:?}");
    }
    carl.close().await?;
    scene.end().await
}

#[tokio::test]
async fn a_call_in_a_room_outlives_the_server_and_a_reload() -> Result<()> {
    let mut scene = Scene::set().await?;
    scene.call().await?;
    scene.server.kill().await?;
    scene.ann.sees().await?;
    scene.bob.sees().await?;
    scene.server.start_again().await?;
    for person in [&scene.ann, &scene.bob] {
        let connections = person.run("return window.connections.length").await?;
        ensure!(connections == 1, "{connections} connections");
    }
    // The room is there again when the other one can be called anew.
    let both =
        "(await (await fetch(`/parties/call/${location.hash.slice(1)}`)).json()).connections === 2";
    scene.ann.until(both).await?;
    scene.moving().await?;
    scene.bob.reload().await?;
    scene.moving().await?;
    scene.end().await
}

#[tokio::test]
async fn partykits_own_client_is_at_home() -> Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("party");
    ensure!(
        folder.join("node_modules/partysocket").exists(),
        "the client is not installed: make tools"
    );
    let running = Command::new("node")
        .args(["--test", "--test-reporter=tap"])
        .current_dir(folder)
        .env("SERVER_UNDER_TEST", binary("tuturu")?)
        .kill_on_drop(true)
        .output();
    let ran = timeout(Duration::from_mins(5), running).await;
    let ran = ran.context("the tests in crates/e2e/party do not end")??;
    let told = String::from_utf8_lossy(&ran.stdout);
    ensure!(ran.status.success(), "{told}");
    for line in ["# pass 4", "# fail 0", "# skipped 0"] {
        ensure!(told.contains(line), "{line} is missing: {told}");
    }
    Ok(())
}
