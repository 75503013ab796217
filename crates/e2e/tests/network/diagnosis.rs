//! What "Test my network" says behind each kind of router.

use anyhow::{Context as _, Result, ensure};
use e2e::lab::{DOMAIN, Lab, Person, Policy, Stack, apart};

/// The relay over UDP, TCP and TLS, the router, and the verdict, each by some of its words.
struct Told([bool; 3], &'static str, &'static str);

async fn tells(person: &Person, title: &str, Told(relay, router, verdict): Told) -> Result<()> {
    let browser = &person.browser;
    person.forgets().await?;
    browser.go(&format!("https://{DOMAIN}/#network")).await?;
    let done = "!['', 'testing'].includes(document.documentElement.dataset.network ?? '')";
    browser
        .until(done)
        .await
        .with_context(|| title.to_owned())?;
    let found = browser.text("#network-checks").await?;
    for (transport, works) in ["UDP", "TCP", "TLS"].into_iter().zip(relay) {
        let word = if works { "A packet" } else { "Blocked" };
        let line = format!("Relay over {transport} {word}");
        ensure!(found.contains(&line), "{title}, {line}: {found}");
    }
    ensure!(found.contains(router), "{title}, {router}: {found}");
    let told = browser.text("#network-verdict").await?;
    ensure!(told.contains(verdict), "{title}, {verdict}: {told}");
    Ok(())
}

#[test]
fn each_network_is_told_what_to_expect() -> Result<()> {
    use Policy::{FullCone, NoUdp, Only443, Open, PortCone, Symmetric};
    apart(async || {
        let lab = Lab::new().await?;
        let ann = Person::new(&lab, "ann").await?;
        let direct = "most of them directly";
        let reached = "reach you directly";
        for (policy, told) in [
            (Open, Told([true; 3], reached, direct)),
            (FullCone, Told([true; 3], reached, direct)),
            (PortCone, Told([true; 3], reached, direct)),
            (
                Symmetric,
                Told([true; 3], "symmetric NAT", "some of them through the relay"),
            ),
            (
                NoUdp,
                Told([false, true, true], "no UDP through", "picture may freeze"),
            ),
            (
                Only443,
                Told([false, false, true], "no UDP through", "picture may freeze"),
            ),
        ] {
            ann.goes_behind(&lab.router(policy).await?)?;
            tells(&ann, &policy.to_string(), told).await?;
        }
        let line = e2e::lab::Line::default();
        ann.goes_behind(&lab.router_with(Open, Stack::V6, line).await?)?;
        // The relay's own addresses are IPv4: from those nobody reaches back.
        let relays = Told([true; 3], "not be told", "some of them through the relay");
        tells(&ann, "open, IPv6", relays).await
    })
}
