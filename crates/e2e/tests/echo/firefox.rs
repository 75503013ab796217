//! Firefox, driven by geckodriver: one process for each browser.

use std::{
    net::{IpAddr, UdpSocket},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use e2e::Server;
use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
    time::timeout,
};

use crate::CLIENT;

const PATIENCE: Duration = Duration::from_secs(60);

/// Firefox goes with its driver, as one group.
struct Firefox {
    client: Client,
    driver: Child,
    _profile: TempDir,
}

impl Firefox {
    async fn open() -> Result<Self> {
        let profile = tempfile::tempdir()?;
        let mut driver = Command::new("geckodriver")
            .args(["--port=0", "--websocket-port=0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .context("geckodriver is missing: run `make tools`")?;
        let stdout = driver.stdout.take().context("no output")?;
        let mut lines = BufReader::new(stdout).lines();
        let address = timeout(PATIENCE, async {
            while let Some(line) = lines.next_line().await? {
                if let Some((_, address)) = line.split_once("Listening on ") {
                    return Ok(address.trim().to_owned());
                }
            }
            bail!("geckodriver ended")
        });
        let address = address.await??;
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let capabilities = json!({
            "moz:firefoxOptions": {
                "args": ["-headless", "-profile", profile.path()],
                "prefs": {
                    "media.navigator.streams.fake": true,
                    "media.navigator.audio.fake_frequency": 1000,
                    "media.navigator.permission.disabled": true,
                    "media.autoplay.default": 0,
                    "media.autoplay.blocking_policy": 0,
                },
            },
            "timeouts": { "script": PATIENCE.as_millis() as u64 },
        });
        let Value::Object(capabilities) = capabilities else {
            bail!("capabilities are an object")
        };
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities)
            .connect(&format!("http://{address}"))
            .await
            .context("Firefox does not start")?;
        Ok(Self {
            client,
            driver,
            _profile: profile,
        })
    }

    async fn run(&self, body: &str) -> Result<Value> {
        let script = format!(
            "const done = arguments[arguments.length - 1]; \
             (async () => {{ {body} }})().then((value) => done({{ value }}), (error) => done({{ error: String(error) }}));"
        );
        let outcome = self.client.execute_async(&script, vec![]).await?;
        match outcome.get("error") {
            Some(error) => bail!("in the page: {body}: {error}"),
            None => Ok(outcome.get("value").cloned().unwrap_or_default()),
        }
    }
}

impl Drop for Firefox {
    fn drop(&mut self) {
        if let Some(group) = self.driver.id() {
            let group = format!("-{group}");
            // Nobody is left to tell that they are gone already.
            let _ = std::process::Command::new("kill")
                .args(["-KILL", "--", &group])
                .status();
        }
    }
}

/// The address that this machine would send from; nothing is sent.
fn default_address() -> Result<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    socket
        .connect("192.0.2.1:9")
        .context("this machine has no network")?;
    Ok(socket.local_addr()?.ip())
}

#[tokio::test]
async fn firefox_sees_and_hears_itself() -> Result<()> {
    // Firefox offers its default address alone, and pairs that with no loopback.
    let address = default_address()?.to_string();
    let arguments = ["--public-ip", &address, "--echo-media-listen", "0.0.0.0:0"];
    let server = Server::start(&arguments).await?;
    let page = Firefox::open().await?;
    page.client.goto(&server.page).await?;
    page.client.execute(CLIENT, vec![]).await?;
    // Firefox's fake microphone whistles of itself.
    page.run("await echoClient.call({ microphone: true })")
        .await?;
    let seen = page.run("return await echoClient.seen()").await?;
    ensure!(seen["likeness"].is_number(), "{seen}");
    page.run("await echoClient.heard()").await?;
    let set = page
        .run("return await echoClient.set({ pipeline: 'delay', delay: 1 })")
        .await?;
    ensure!(set["delay"] == 1.0, "{set}");
    page.run("await echoClient.seen()").await?;
    page.client.clone().close().await?;
    server
        .counts("tuturu_echo_sessions{dialect=\"offer\"} 0")
        .await?;
    server.stop().await?;
    Ok(())
}
