//! The robot of `examples/robot`, written with aiortc, and browsers that watch it.

use anyhow::{Context as _, Result, ensure};
use e2e::{Browser, Driver, Options, Robot, Server, example, link};
use signaling::robots::RobotsFile;
use tempfile::TempDir;

const SECRET: &str = "a secret of the tests, long enough";

/// A server that knows the robot `rover`, which is Alice's.
struct Yard {
    server: Server,
    driver: Driver,
    key: String,
    _folder: TempDir,
}

impl Yard {
    async fn open() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("robots.json");
        let mut file = RobotsFile::default();
        let key = file.add("rover", &["alice".into()])?.context("a new key")?;
        file.write(&path)?;
        let root = example("robot");
        let server = Server::start(&[
            "--web-root",
            root.to_str().context("a path of text")?,
            "--robots-file",
            path.to_str().context("a path of text")?,
            "--jwt-secret",
            SECRET,
        ])
        .await?;
        let driver = Driver::start().await?;
        Ok(Self {
            server,
            driver,
            key,
            _folder: folder,
        })
    }

    async fn robot(&self) -> Result<Robot> {
        let mut robot = Robot::start(&self.server.page, "rover", &self.key).await?;
        robot.says("connected as rover").await?;
        Ok(robot)
    }

    async fn viewer(&self, name: &str) -> Result<Browser> {
        let browser = Browser::open(&self.driver, Options::default()).await?;
        let link = link(&self.server.page, "rover", name, SECRET).await?;
        browser.go(&link).await?;
        Ok(browser)
    }
}

async fn status(viewer: &Browser, text: &str) -> Result<()> {
    let told = format!("document.querySelector('#status').textContent === '{text}'");
    viewer.until(&told).await
}

/// Gives `colours()`: which of the test picture's eight are where, in a row of it.
const COLOURS: &str = "
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [64, 8];
    const context = canvas.getContext('2d', { willReadFrequently: true });
    const video = document.querySelector('#remote-video');
    const colours = () => {
        context.drawImage(video, 0, 0, 64, 8);
        const row = context.getImageData(0, 4, 64, 1).data;
        const colour = (place) => [0, 1, 2].map((part) => Number(row[4 * place + part] > 127)).join('');
        return [...Array(64).keys()].map(colour);
    };";

/// Waits until all eight colours are painted and have walked past one place. That frames
/// differ is not enough: a codec refines a still picture for a while.
async fn sees_the_bars(viewer: &Browser) -> Result<()> {
    viewer.sees().await?;
    let body = "
        const past = new Set();
        for (let frame = 0; past.size < 8; frame += 1) {
            if (frame > 600) throw new Error(`only ${[...past]} walk past`);
            await new Promise((painted, fail) => {
                const timer = setTimeout(() => fail(new Error('no frame is painted')), 20000);
                video.requestVideoFrameCallback(() => { clearTimeout(timer); painted(); });
            });
            const row = colours();
            if (new Set(row).size === 8) past.add(row[32]);
        }";
    viewer
        .run_async(&format!("{COLOURS}{body}"))
        .await
        .map(|_| ())
}

async fn sees_nothing(viewer: &Browser) -> Result<()> {
    let body = format!("{COLOURS} return new Set(colours()).size;");
    let count = viewer.run_async(&body).await?;
    ensure!(count == 1, "{count} colours are still painted");
    Ok(())
}

#[tokio::test]
async fn several_viewers_see_a_robot_written_with_aiortc() -> Result<()> {
    let yard = Yard::open().await?;
    let mut robot = yard.robot().await?;
    let first = yard.viewer("alice").await?;
    let second = yard.viewer("alice").await?;
    for viewer in [&first, &second] {
        status(viewer, "Watching").await?;
    }
    for viewer in [&first, &second] {
        sees_the_bars(viewer).await?;
    }

    // One ends its session, and begins another; the other one goes on.
    robot.says("2 watching").await?;
    first.run("document.querySelector('#stop').click()").await?;
    status(&first, "Ended").await?;
    robot.says("a viewer left, 1 watching").await?;
    sees_nothing(&first).await?;
    sees_the_bars(&second).await?;
    first
        .run("document.querySelector('#watch').click()")
        .await?;
    status(&first, "Watching").await?;
    sees_the_bars(&first).await?;

    // A page that is gone, and a robot that is gone, end their sessions too.
    first.close().await?;
    robot.says("a viewer left, 1 watching").await?;
    robot.kill().await?;
    status(&second, "Ended").await?;
    second
        .run("document.querySelector('#watch').click()")
        .await?;
    status(&second, "Device offline").await?;
    let complaints = second.complaints().await?;
    ensure!(complaints.is_empty(), "on the console: {complaints:?}");
    second.close().await?;

    let log = yard.server.stop().await?;
    ensure!(!log.contains(&yard.key), "a key in the log: {log}");
    Ok(())
}

#[tokio::test]
async fn a_robot_comes_back_after_the_server_was_killed() -> Result<()> {
    let mut yard = Yard::open().await?;
    let mut robot = yard.robot().await?;
    let viewer = yard.viewer("alice").await?;
    sees_the_bars(&viewer).await?;
    yard.server.kill().await?;
    robot.says("a viewer left, 0 watching").await?;
    status(&viewer, "The connection to the server was lost").await?;
    yard.server.start_again().await?;
    robot.says("connected as rover").await?;
    viewer
        .run("document.querySelector('#watch').click()")
        .await?;
    status(&viewer, "Watching").await?;
    sees_the_bars(&viewer).await?;
    viewer.close().await?;
    yard.server.stop().await?;
    Ok(())
}

#[tokio::test]
async fn only_the_owner_watches_and_only_the_key_is_the_robot() -> Result<()> {
    let yard = Yard::open().await?;
    let other_key = "0".repeat(64);
    let mut forger = Robot::start(&yard.server.page, "rover", &other_key).await?;
    forger.says("refused with 401").await?;
    let _robot = yard.robot().await?;
    let stranger = yard.viewer("mallory").await?;
    status(&stranger, "Not authorized").await?;
    let connections = stranger.run("return window.connections.length").await?;
    ensure!(connections == 0, "{connections} connections");
    stranger
        .go(&format!("{}/#device=rover&token=no", yard.server.page))
        .await?;
    status(
        &stranger,
        "No connection: is the token in the link still good?",
    )
    .await?;
    stranger.close().await?;
    yard.server.stop().await?;
    Ok(())
}
