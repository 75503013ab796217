//! One person's browser: headless Chromium with a fake camera and microphone.

use std::{net::IpAddr, path::Path, time::Duration};

use anyhow::{Context as _, bail};
use fantoccini::{Client, ClientBuilder, Locator, wd::WebDriverCompatibleCommand};
use http::Method;
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;
use url::{ParseError, Url};

use crate::Driver;

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(45);

/// What kind of browser.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Width and height of the window.
    pub size: (u32, u32),
    /// Prefers dark.
    pub dark: bool,
    /// Answers the question for camera and microphone with no.
    pub denied: bool,
    /// Has a microphone and no camera.
    pub no_camera: bool,
    /// Takes only ICE servers whose address starts so, and only relayed paths.
    pub relay_by: Option<&'static str>,
    /// Where these names are, without asking any resolver.
    pub hosts: Option<(&'static [&'static str], IpAddr)>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            size: (1280, 800),
            dark: false,
            denied: false,
            no_camera: false,
            relay_by: None,
            hosts: None,
        }
    }
}

/// A browser with one window.
pub struct Browser {
    client: Client,
    _profile: TempDir,
}

/// Keeps every connection and socket where a test can ask it.
const SPY: &str = r"
    window.connections = [];
    window.sockets = [];
    window.WebSocket = class extends WebSocket {
        constructor(...where) { super(...where); window.sockets.push(this); }
    };
    const adjusted = (config) => window.relayBy === undefined ? config : {
        ...config,
        iceTransportPolicy: 'relay',
        iceServers: config.iceServers
            .map((server) => ({ ...server, urls: [server.urls].flat().filter((url) => url.startsWith(window.relayBy)) }))
            .filter((server) => server.urls.length > 0),
    };
    window.RTCPeerConnection = class extends RTCPeerConnection {
        constructor(config) { super(adjusted(config)); window.connections.push(this); }
        setConfiguration(config) { super.setConfiguration(adjusted(config)); }
    };
";

impl Browser {
    /// Opens it, on nothing yet.
    ///
    /// # Errors
    /// When Chromium does not start.
    pub async fn open(driver: &Driver, options: Options) -> anyhow::Result<Self> {
        let profile = tempfile::tempdir()?;
        let (width, height) = options.size;
        let mut arguments = vec![
            "--headless".to_owned(),
            "--no-sandbox".into(),
            "--disable-gpu".into(),
            "--disable-quic".into(),
            "--no-first-run".into(),
            "--disable-background-networking".into(),
            "--disable-component-update".into(),
            "--disable-sync".into(),
            "--autoplay-policy=no-user-gesture-required".into(),
            format!("--window-size={width},{height}"),
            format!("--user-data-dir={}", profile.path().display()),
        ];
        arguments.push(if options.denied {
            "--deny-permission-prompts".into()
        } else {
            "--use-fake-ui-for-media-stream".into()
        });
        arguments.push(if options.no_camera {
            "--use-fake-device-for-media-stream=device-count=0".into()
        } else {
            "--use-fake-device-for-media-stream".into()
        });
        if let Some((names, address)) = options.hosts {
            // Chromium looks the names of relays up with a dot at the end.
            let rules = names
                .iter()
                .map(|name| format!("MAP {name} {address}, MAP {name}. {address}"));
            let rules: Vec<_> = rules.collect();
            arguments.push(format!("--host-resolver-rules={}", rules.join(", ")));
        }
        let capabilities = json!({
            "goog:chromeOptions": { "args": arguments },
            "goog:loggingPrefs": { "browser": "ALL" },
            "timeouts": { "script": PATIENCE.as_millis() as u64 },
        });
        let client = connect(driver, capabilities)
            .await
            .context("Chromium does not start")?;
        let browser = Self {
            client,
            _profile: profile,
        };
        let relay = options.relay_by;
        let relay = relay.map(|prefix| format!("window.relayBy = '{prefix}';"));
        for source in [Some(SPY.to_owned()), relay].into_iter().flatten() {
            let before = "Page.addScriptToEvaluateOnNewDocument";
            browser
                .devtools(before, json!({ "source": source }))
                .await?;
        }
        let scheme = if options.dark { "dark" } else { "light" };
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        browser
            .devtools("Emulation.setEmulatedMedia", features)
            .await?;
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
        browser
            .devtools("Emulation.setDeviceMetricsOverride", metrics)
            .await?;
        Ok(browser)
    }

    /// Opens Firefox with that profile, which is kept by who gives it.
    ///
    /// # Errors
    /// When Firefox does not start.
    pub async fn open_firefox(driver: &Driver, profile: &Path) -> anyhow::Result<Self> {
        let capabilities = json!({
            "moz:firefoxOptions": {
                "args": ["-headless", "-profile", profile],
                "prefs": {
                    "media.navigator.streams.fake": true,
                    "media.navigator.audio.fake_frequency": 1000,
                    "media.navigator.permission.disabled": true,
                    "media.autoplay.default": 0,
                    "browser.shell.checkDefaultBrowser": false,
                    "network.proxy.type": 0,
                },
            },
            "timeouts": { "script": PATIENCE.as_millis() as u64 },
        });
        let client = connect(driver, capabilities)
            .await
            .context("Firefox does not start")?;
        let profile = tempfile::tempdir()?;
        Ok(Self {
            client,
            _profile: profile,
        })
    }

    /// Goes to that address.
    ///
    /// # Errors
    /// When it cannot be loaded.
    pub async fn go(&self, url: &str) -> anyhow::Result<()> {
        self.client
            .goto(url)
            .await
            .with_context(|| format!("cannot open {url}"))
    }

    /// Loads the page again.
    ///
    /// # Errors
    /// When it cannot be loaded.
    pub async fn reload(&self) -> anyhow::Result<()> {
        self.client.refresh().await.context("cannot reload")
    }

    /// Runs a script's body and gives what it returns.
    ///
    /// # Errors
    /// When it throws.
    pub async fn run(&self, script: &str) -> anyhow::Result<Value> {
        self.client
            .execute(script, vec![])
            .await
            .with_context(|| format!("in the page: {script}"))
    }

    /// Runs the body of an async function and gives what it resolves to.
    ///
    /// # Errors
    /// When it throws or takes too long.
    pub async fn run_async(&self, body: &str) -> anyhow::Result<Value> {
        let script = format!(
            "const done = arguments[arguments.length - 1]; \
             (async () => {{ {body} }})().then((value) => done({{ value }}), (error) => done({{ error: String(error) }}));"
        );
        let outcome = self.client.execute_async(&script, vec![]).await;
        let outcome = outcome.with_context(|| format!("in the page: {body}"))?;
        match outcome.get("error") {
            Some(error) => bail!("in the page: {body}: {error}"),
            None => Ok(outcome.get("value").cloned().unwrap_or(Value::Null)),
        }
    }

    /// Waits until an expression is true in the page.
    ///
    /// # Errors
    /// When it is not in time; says what the page shows instead.
    pub async fn until(&self, expression: &str) -> anyhow::Result<()> {
        let wait = format!(
            "const end = performance.now() + {}; \
             while (!({expression})) {{ \
                 if (performance.now() > end) throw new Error('never: ' + JSON.stringify({{ ...document.documentElement.dataset }})); \
                 await new Promise((next) => setTimeout(next, 20)); \
             }}",
            PATIENCE.as_millis() - 5000
        );
        self.run_async(&wait).await.map(|_| ())
    }

    /// Waits for a screen.
    ///
    /// # Errors
    /// When it does not come.
    pub async fn screen(&self, name: &str) -> anyhow::Result<()> {
        self.until(&format!(
            "document.documentElement.dataset.screen === '{name}'"
        ))
        .await
    }

    /// Clicks the button for that action that can be seen.
    ///
    /// # Errors
    /// When there is none.
    pub async fn act(&self, action: &str) -> anyhow::Result<()> {
        let find = format!(
            "[...document.querySelectorAll('[data-action={action}]')].find((button) => button.checkVisibility() && !button.disabled)"
        );
        self.until(&find).await?;
        self.run(&format!("({find}).click()")).await.map(|_| ())
    }

    /// Clicks with the pointer, which a script cannot forge.
    ///
    /// # Errors
    /// When there is nothing to click.
    pub async fn press(&self, selector: &str) -> anyhow::Result<()> {
        let found = self.client.find(Locator::Css(selector)).await;
        let found = found.with_context(|| format!("no {selector}"))?;
        Ok(found.click().await?)
    }

    /// Types into the PIN field, as an input method would.
    ///
    /// # Errors
    /// When there is no such field.
    pub async fn type_pin(&self, text: &str) -> anyhow::Result<()> {
        self.until("'ready' in document.documentElement.dataset")
            .await?;
        let script = format!(
            "const field = document.querySelector('#pin'); field.value = '{text}'; \
             field.dispatchEvent(new InputEvent('input', {{ bubbles: true }}));"
        );
        self.run(&script).await.map(|_| ())
    }

    /// The text of what a selector finds.
    ///
    /// # Errors
    /// When it finds nothing.
    pub async fn text(&self, selector: &str) -> anyhow::Result<String> {
        let text = self
            .run(&format!(
                "return document.querySelector('{selector}').textContent"
            ))
            .await?;
        Ok(text.as_str().unwrap_or_default().to_owned())
    }

    /// Waits until ten frames of the other side were painted, and their picture moves.
    ///
    /// # Errors
    /// When they are not.
    pub async fn sees(&self) -> anyhow::Result<()> {
        let body = "
            const video = document.querySelector('#remote-video');
            const canvas = document.createElement('canvas');
            [canvas.width, canvas.height] = [64, 48];
            const pixels = () => {
                const context = canvas.getContext('2d', { willReadFrequently: true });
                context.drawImage(video, 0, 0, 64, 48);
                return context.getImageData(0, 0, 64, 48).data.join();
            };
            const painted = () => new Promise((done, fail) => {
                const timer = setTimeout(() => fail(new Error('no frame is painted')), 30000);
                video.requestVideoFrameCallback(() => { clearTimeout(timer); done(); });
            });
            const pictures = new Set();
            for (let frame = 0; frame < 10 || pictures.size < 3; frame += 1) {
                if (frame > 200) throw new Error('the picture stands still');
                await painted();
                pictures.add(pixels());
            }";
        self.run_async(body).await.map(|_| ())
    }

    /// Waits until the beep of the other side's fake microphone is heard.
    ///
    /// # Errors
    /// When it is not.
    pub async fn hears(&self) -> anyhow::Result<()> {
        self.listens("heard").await
    }

    /// Nothing is heard any more: for two seconds, because the fake microphone beeps every second.
    ///
    /// # Errors
    /// When something is.
    pub async fn hears_nothing(&self) -> anyhow::Result<()> {
        self.listens("performance.now() > last + 2000").await
    }

    /// Listens until that is so.
    async fn listens(&self, so: &str) -> anyhow::Result<()> {
        let body = format!(
            "
            const tracks = document.querySelector('#remote-video').srcObject.getAudioTracks();
            if (tracks.length !== 1) throw new Error('no sound track');
            const context = new AudioContext();
            const analyser = context.createAnalyser();
            context.createMediaStreamSource(new MediaStream(tracks)).connect(analyser);
            const samples = new Float32Array(analyser.fftSize);
            const end = performance.now() + 12000;
            let [heard, last] = [false, performance.now()];
            while (!({so})) {{
                if (performance.now() > end) throw new Error(heard ? 'sound' : 'silence');
                await new Promise((next) => setTimeout(next, 20));
                analyser.getFloatTimeDomainData(samples);
                if (Math.max(...samples) <= 0.02) continue;
                heard = true;
                last = performance.now();
            }}
            await context.close();"
        );
        self.run_async(&body).await.map(|_| ())
    }

    /// The candidate types, local and remote, of the path the call takes.
    ///
    /// # Errors
    /// When there is no path.
    pub async fn path(&self) -> anyhow::Result<Vec<String>> {
        let body = "
            const stats = await window.connections.at(-1).getStats();
            const all = [...stats.values()];
            const transport = all.find((report) => report.type === 'transport');
            const pair = stats.get(transport.selectedCandidatePairId);
            return [pair.localCandidateId, pair.remoteCandidateId].map((id) => stats.get(id).candidateType);";
        let types = self.run_async(body).await?;
        let types = types.as_array().context("no path")?.iter();
        Ok(types
            .filter_map(|kind| kind.as_str().map(ToOwned::to_owned))
            .collect())
    }

    /// Warnings and errors on the console since the last time.
    ///
    /// # Errors
    /// When the browser is gone.
    pub async fn complaints(&self) -> anyhow::Result<Vec<String>> {
        let entries = self.command("se/log", json!({ "type": "browser" })).await?;
        let entries = entries.as_array().cloned().unwrap_or_default();
        let bad = |entry: &&Value| matches!(entry["level"].as_str(), Some("SEVERE" | "WARNING"));
        Ok(entries
            .iter()
            .filter(bad)
            .map(|entry| entry["message"].to_string())
            .collect())
    }

    /// A picture of the window, as PNG.
    ///
    /// # Errors
    /// When the browser is gone.
    pub async fn screenshot(&self) -> anyhow::Result<Vec<u8>> {
        Ok(self.client.screenshot().await?)
    }

    /// Closes it.
    ///
    /// # Errors
    /// When it is gone already.
    pub async fn close(self) -> anyhow::Result<()> {
        Ok(self.client.close().await?)
    }

    async fn devtools(&self, command: &str, parameters: Value) -> anyhow::Result<Value> {
        self.command(
            "goog/cdp/execute",
            json!({ "cmd": command, "params": parameters }),
        )
        .await
    }

    async fn command(&self, name: &'static str, body: Value) -> anyhow::Result<Value> {
        let command = Command { name, body };
        self.client
            .issue_cmd(command)
            .await
            .with_context(|| format!("{name} failed"))
    }
}

async fn connect(driver: &Driver, capabilities: Value) -> anyhow::Result<Client> {
    let Value::Object(capabilities) = capabilities else {
        bail!("capabilities are an object")
    };
    let mut builder = ClientBuilder::new(HttpConnector::new());
    Ok(builder
        .capabilities(capabilities)
        .connect(&driver.url)
        .await?)
}

/// A command of chromedriver's own.
#[derive(Debug)]
struct Command {
    name: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Command {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        base.join(&format!(
            "session/{}/{}",
            session.unwrap_or_default(),
            self.name
        ))
    }

    fn method_and_body(&self, _url: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(self.body.to_string()))
    }
}
