//! Where a picture has no room, the sound has: 150 kbit/s, 5 % lost, 80 ms each way.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use e2e::lab::{Lab, Line, Person, Policy, Stack, Talk, apart};

/// The longest time without a packet of sound, of a minute, in milliseconds. Silence has its
/// packets too: one each 400 ms (RFC 7587, section 3.1.3).
const LISTEN: &str = "
    window.worst = null;
    window.sampled = 0;
    void (async () => {
        const connection = window.connections.filter(({ connectionState }) => connectionState === 'connected').at(-1);
        const begun = performance.now();
        let [worst, last, seen] = [0, begun, 0];
        while (performance.now() < begun + 60000) {
            const reports = [...(await connection.getStats()).values()];
            const sound = reports.find(({ type, kind }) => type === 'inbound-rtp' && kind === 'audio');
            const now = performance.now();
            if (sound.packetsReceived > seen) { last = now; seen = sound.packetsReceived; }
            worst = Math.max(worst, now - last);
            window.sampled += 1;
            await new Promise((next) => setTimeout(next, 50));
        }
        window.worst = Math.round(worst);
    })();";

#[test]
#[ignore = "takes minutes: make test-network"]
fn sound_survives_where_a_picture_cannot() -> Result<()> {
    apart(async || {
        let lab = Lab::new().await?;
        let (ann, bob) = (
            Person::new(&lab, "ann").await?,
            Person::new(&lab, "bob").await?,
        );
        ann.goes_behind(&lab.router(Policy::PortCone).await?)?;
        bob.goes_behind(
            &lab.router_with(Policy::PortCone, Stack::V4, Line::NARROW)
                .await?,
        )?;
        let talk = Talk::dial(&ann, &bob, "161803").await?;
        for person in talk.both() {
            person
                .browser
                .until("document.documentElement.dataset.media === 'connected'")
                .await?;
        }
        for person in talk.both() {
            person.browser.run(LISTEN).await?;
        }
        for (who, person) in ["the first one", "the second one"].iter().zip(talk.both()) {
            let end = tokio::time::Instant::now() + Duration::from_secs(120);
            while person.browser.until("window.worst !== null").await.is_err() {
                ensure!(tokio::time::Instant::now() < end, "{who} hears no end");
            }
            let number = async |name: &str| -> Result<f64> {
                let value = person.browser.run(&format!("return window.{name}")).await?;
                value.as_f64().with_context(|| format!("no {name}"))
            };
            let (worst, sampled) = (number("worst").await?, number("sampled").await?);
            ensure!(sampled > 100.0, "{who} looked {sampled} times only");
            ensure!(worst <= 1000.0, "{who} heard nothing for {worst} ms");
            eprintln!("{who}: the longest time without sound was {worst} ms");
        }
        Ok(())
    })
}
