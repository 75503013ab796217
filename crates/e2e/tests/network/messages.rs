//! Signaling is killed again and again while numbered messages pass between two pages: none is
//! lost, doubled or overtaken.

use anyhow::{Context as _, Result, ensure};
use e2e::lab::{DOMAIN, Lab, Part, Person, Policy, apart};

const KILLS: u32 = 20;
/// In each direction.
const MESSAGES: u32 = 5000;

/// The page's own line over a real socket. What stands in for the connection carries numbers in
/// the place of candidates, below the rate at which the server takes somebody for a flood.
const CARRY: &str = "
    const page = document.querySelector('script[type=module]').src;
    const { Line } = await import(new URL('line.js', page));
    window.received = [];
    window.breaks = 0;
    let current;
    class Carrier {
        connectionState = 'connected';
        iceConnectionState = 'connected';
        signalingState = 'stable';
        remoteDescription = {};
        localDescription = null;
        constructor() { current = this; setTimeout(() => this.onconnectionstatechange?.()); }
        addTransceiver() {
            const track = new EventTarget();
            return { receiver: { track }, sender: { track: null, replaceTrack: async () => {}, getParameters: () => ({ encodings: [] }), setParameters: async () => {} } };
        }
        async addIceCandidate({ candidate }) { window.received.push(Number(candidate)); }
        getTransceivers() { return []; }
        getSenders() { return []; }
        getConfiguration() { return {}; }
        setConfiguration() {}
        async getStats() { return new Map(); }
        restartIce() {}
        close() {}
    }
    const kept = new Map();
    const line = new Line({
        url: `wss://${location.host}/ws`,
        storage: { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => kept.set(key, value), removeItem: (key) => kept.delete(key) },
        mayReport: false,
        on: ({ type }) => { if (type === 'socket-lost') window.breaks += 1; },
        surroundings: {
            WebSocket, MediaStream, RTCPeerConnection: Carrier,
            setTimeout: (run, ms) => setTimeout(run, ms), clearTimeout: (timer) => clearTimeout(timer),
            fetch: (...of) => fetch(...of), EventSource,
            random: Math.random, now: () => performance.now(), randomName: () => crypto.randomUUID().replaceAll('-', '').slice(8),
        },
    });
    window.line = line;
    line.join({ kind: 'call', call: 'AbCdEfGhIjKlMnOpQr-_09' });
    window.begin = (most) => {
        let sent = 0;
        const timer = setInterval(() => {
            if (!current?.onicecandidate) return;
            sent += 1;
            const candidate = String(sent);
            current.onicecandidate({ candidate: { candidate, toJSON: () => ({ candidate }) } });
            if (sent === most) clearInterval(timer);
        }, 33);
    };";

#[test]
#[ignore = "takes minutes: make test-network"]
fn numbered_messages_survive_twenty_killings() -> Result<()> {
    apart(async || {
        let mut lab = Lab::new().await?;
        let (ann, bob) = tokio::try_join!(Person::new(&lab, "ann"), Person::new(&lab, "bob"))?;
        for person in [&ann, &bob] {
            person.goes_behind(&lab.router(Policy::PortCone).await?)?;
            person.browser.go(&format!("https://{DOMAIN}/")).await?;
            person.browser.screen("home").await?;
            person.browser.run_async(CARRY).await?;
        }
        for person in [&ann, &bob] {
            let begin = format!("window.begin({MESSAGES})");
            person.browser.run(&begin).await?;
        }
        for kill in 1..=KILLS {
            lab.server.kill(Part::Signaling)?;
            lab.server.begin(Part::Signaling).await?;
            arrived([&ann, &bob], kill * MESSAGES / (KILLS + 1)).await?;
        }
        arrived([&ann, &bob], MESSAGES).await?;
        for person in [&ann, &bob] {
            let right = "return received.every((number, before) => number === before + 1)";
            let all = person.browser.run("return received.length").await?;
            ensure!(
                all == MESSAGES && person.browser.run(right).await? == true,
                "{all}"
            );
            let breaks = person.browser.run("return breaks").await?;
            let breaks = breaks.as_u64().context("a number")?;
            ensure!(
                breaks >= u64::from(KILLS),
                "it lost its line {breaks} times only"
            );
        }
        Ok(())
    })
}

/// Waits until so many have come to both. A page has forty seconds for the next fifty.
async fn arrived(people: [&Person; 2], count: u32) -> Result<()> {
    for person in people {
        let mut next = 50;
        while next < count + 50 {
            let some = format!("window.received.length >= {}", next.min(count));
            let waited = person.browser.until(&some).await;
            let came = person
                .browser
                .run("return [received.length, received.slice(-3), breaks]")
                .await?;
            waited.with_context(|| format!("{came} of {count}"))?;
            next += 50;
        }
    }
    Ok(())
}
