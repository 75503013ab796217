//! A call between two people of the lab, and how it went.

use std::{fmt::Write as _, time::Duration};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::{DOMAIN, Person};

/// Counts painted frames of the other side, where they can be seen, and remembers when the
/// first and the last one came; knows every connection. Times are of the wall clock, which both
/// browsers share.
const WATCH: &str = "
    if (!window.connections) {
        window.connections = [];
        window.RTCPeerConnection = class extends RTCPeerConnection {
            constructor(...options) { super(...options); window.connections.push(this); }
        };
    }
    window.painted = 0;
    window.firstPainted = window.lastPainted = null;
    const video = document.querySelector('#remote-video');
    const count = () => {
        if (!video.checkVisibility()) return;
        window.lastPainted = Date.now();
        window.firstPainted ??= window.lastPainted;
        window.painted += 1;
    };
    if ('mozPaintedFrames' in video) {
        let before = 0;
        const look = () => {
            if (video.mozPaintedFrames !== before) { before = video.mozPaintedFrames; if (before > 0) count(); }
            requestAnimationFrame(look);
        };
        look();
    } else {
        const next = () => video.requestVideoFrameCallback(() => { count(); next(); });
        next();
    }";

/// The selected pair's candidate types, and the protocol to the relay if there is one.
const PATH: &str = "
    const connection = window.connections.filter(({ connectionState }) => connectionState === 'connected').at(-1);
    if (!connection) return null;
    const stats = await connection.getStats();
    const all = [...stats.values()];
    const transport = all.find((report) => report.type === 'transport' && report.selectedCandidatePairId);
    const pair = transport ? stats.get(transport.selectedCandidatePairId)
        : all.find((report) => report.type === 'candidate-pair' && report.selected);
    if (!pair) return null;
    const [local, remote] = [stats.get(pair.localCandidateId), stats.get(pair.remoteCandidateId)];
    return [local.candidateType, remote.candidateType, local.relayProtocol ?? ''];";

/// What somebody who looks for the cause of a failure asks for.
const LOOK: &str = "
    const { videoWidth, readyState, paused } = document.querySelector('#remote-video');
    const kinds = ['inbound-rtp', 'outbound-rtp'];
    const rows = [...(await window.connections.at(-1)?.getStats() ?? []).values()].filter(({ type }) => kinds.includes(type));
    return JSON.stringify({ ...document.documentElement.dataset, videoWidth, readyState, paused,
        notes: document.querySelector('#notes')?.textContent,
        states: window.connections.map((one) => [one.connectionState, one.iceConnectionState, one.signalingState].join()),
        lanes: window.connections.at(-1)?.getTransceivers().map((one) => [one.currentDirection, one.sender.track?.label, one.receiver.track.muted].join()),
        media: rows.map((row) => [row.type, row.mid, row.packetsSent ?? row.packetsReceived, row.framesEncoded ?? row.framesDecoded].join()) });";

/// What a call may need to come back on a busy machine.
const RECOVERY: Duration = Duration::from_secs(100);

/// How the media goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    /// From browser to browser.
    Direct,
    /// Through the relay, for one of them at least.
    Relayed,
}

/// Two people with the same PIN.
pub struct Talk<'a> {
    /// Who came first.
    pub ann: &'a Person,
    /// Who came second.
    pub bob: &'a Person,
}

/// How a call went.
pub struct Row {
    /// Who called whom.
    pub title: String,
    /// The candidates of each side's selected pair.
    pub candidates: [String; 2],
    /// From the second join to the first painted frame, on the side where it took longer.
    pub first_frame: Duration,
}

impl<'a> Talk<'a> {
    /// Both open the page, the first one waits, the second one joins.
    ///
    /// # Errors
    /// When they do not meet.
    pub async fn dial(ann: &'a Person, bob: &'a Person, pin: &str) -> Result<Self> {
        let talk = Self { ann, bob };
        for person in talk.both() {
            let browser = &person.browser;
            person.forgets().await?;
            browser.go(&format!("https://{DOMAIN}/")).await?;
            browser.run(WATCH).await?;
            browser.type_pin(pin).await?;
            browser.screen("lobby").await?;
            browser
                .until("document.querySelector('#preview').videoWidth > 0")
                .await?;
        }
        ann.browser.act("join").await?;
        ann.browser.screen("waiting").await?;
        ann.browser
            .until("document.querySelector('#waiting .big').textContent !== ''")
            .await?;
        // Noted in the page: what the driver needs is not the call's.
        bob.browser
            .run("addEventListener('click', () => { window.joined = Date.now(); }, { capture: true, once: true })")
            .await?;
        bob.browser.act("join").await?;
        Ok(talk)
    }

    /// Both see the other one move.
    ///
    /// # Errors
    /// When one of them does not.
    pub async fn moves(&self) -> Result<()> {
        let (ann, bob) = tokio::join!(self.ann.browser.sees(), self.bob.browser.sees());
        if ann.is_ok() && bob.is_ok() {
            return Ok(());
        }
        let look = self.look().await;
        ann.with_context(|| format!("the first one: {look}"))?;
        bob.with_context(|| format!("the second one: {look}"))
    }

    /// Waits until the path is of that kind, and tells how the call went.
    ///
    /// # Errors
    /// When the path is another one.
    pub async fn went(&self, title: &str, path: Path) -> Result<Row> {
        self.moves().await?;
        let wanted = |candidates: &str| match path {
            Path::Direct => !candidates.contains("relay"),
            Path::Relayed => candidates.contains("relay"),
        };
        let mut candidates = [String::new(), String::new()];
        for (person, candidates) in self.both().into_iter().zip(&mut candidates) {
            let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
            loop {
                *candidates = told(&person.browser.run_async(PATH).await?);
                if wanted(candidates) {
                    break;
                }
                // A relayed path may be the first one; a better one takes over.
                ensure!(
                    tokio::time::Instant::now() < deadline,
                    "{title}: {path:?} was expected, not {candidates}"
                );
            }
        }
        Ok(Row {
            title: title.to_owned(),
            candidates,
            first_frame: self.first_frame().await?,
        })
    }

    /// From the second join to the first painted frame, where it took longer.
    ///
    /// # Errors
    /// When a browser is gone.
    pub async fn first_frame(&self) -> Result<Duration> {
        let number = |value: Value| value.as_f64().context("no frame was painted");
        let joined = number(self.bob.browser.run("return window.joined").await?)?;
        let mut last = joined;
        for person in self.both() {
            person.browser.until("window.firstPainted").await?;
            let first = person.browser.run("return window.firstPainted").await?;
            last = last.max(number(first)?);
        }
        Ok(Duration::from_millis((last - joined) as u64))
    }

    /// Waits until both see the other one move again, and tells how long that took.
    ///
    /// # Errors
    /// When one of them does not.
    pub async fn recovers(&self, title: &str) -> Result<()> {
        let since = tokio::time::Instant::now();
        for person in self.both() {
            let browser = &person.browser;
            browser.run("window.painted = 0").await?;
            while let Err(error) = browser.until("window.painted >= 10").await {
                let why = self.look().await;
                let waited = since.elapsed();
                ensure!(waited < RECOVERY, "{title}: {error:#}; {why}");
            }
        }
        let took = since.elapsed().as_millis();
        self.moves().await.with_context(|| title.to_owned())?;
        eprintln!("{title}: moving again after {took} ms");
        Ok(())
    }

    /// What both pages show, for who has to find out.
    async fn look(&self) -> String {
        let mut seen = String::new();
        for person in self.both() {
            let page = person.browser.run_async(LOOK).await.unwrap_or_default();
            let _ = write!(seen, "{page} ");
        }
        seen
    }

    /// Waits until the picture of each stands still.
    ///
    /// # Errors
    /// When it goes on.
    pub async fn stands_still(&self) -> Result<()> {
        for person in self.both() {
            person
                .browser
                .until("Date.now() - window.lastPainted > 1500")
                .await?;
        }
        Ok(())
    }

    /// Both of them.
    #[must_use]
    pub fn both(&self) -> [&'a Person; 2] {
        [self.ann, self.bob]
    }
}

fn told(candidates: &Value) -> String {
    let words = candidates.as_array().map(Vec::as_slice).unwrap_or_default();
    let words: Vec<_> = words.iter().filter_map(Value::as_str).collect();
    words.join(" ").trim().to_owned()
}

/// All calls, one in a line.
#[must_use]
pub fn table(rows: &[Row]) -> String {
    let mut table = format!(
        "\n{:<32} {:<22} {:<22} {:>12}\n",
        "", "path of the first", "path of the second", "first frame"
    );
    for row in rows {
        let [ann, bob] = &row.candidates;
        let ms = row.first_frame.as_millis();
        let _ = writeln!(table, "{:<32} {ann:<22} {bob:<22} {ms:>9} ms", row.title);
    }
    table
}
