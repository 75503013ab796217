//! Which path a call takes, from every network to every other.

use anyhow::{Result, ensure};
use e2e::lab::{Lab, Line, Part, Path, Person, Policy, Row, Stack, Talk, apart, table};

/// What a router gives to its guests.
#[derive(Clone, Copy)]
struct Network(Policy, Stack, Line);

const fn v4(policy: Policy) -> Network {
    Network(
        policy,
        Stack::V4,
        Line {
            delay: std::time::Duration::ZERO,
            loss: 0,
            cap: None,
        },
    )
}

async fn call(
    lab: &Lab,
    people: [&Person; 2],
    title: &str,
    networks: [Network; 2],
    path: Path,
    number: usize,
) -> Result<Row> {
    let [ann, bob] = people;
    for (person, Network(policy, stack, line)) in [ann, bob].into_iter().zip(networks) {
        person.forgets().await?;
        person.goes_behind(&lab.router_with(policy, stack, line).await?)?;
    }
    let talk = Talk::dial(ann, bob, &format!("{:06}", 271_828 + number)).await?;
    talk.went(title, path).await
}

async fn all(pairs: &[([Network; 2], Path, String)]) -> Result<()> {
    let lab = Lab::new().await?;
    let (ann, bob) = (
        Person::new(&lab, "ann").await?,
        Person::new(&lab, "bob").await?,
    );
    let mut rows = Vec::new();
    let mut failures = Vec::new();
    for (number, (networks, path, title)) in pairs.iter().enumerate() {
        match call(&lab, [&ann, &bob], title, *networks, *path, number).await {
            Ok(row) => rows.push(row),
            Err(error) => failures.push(format!("{title}: {error:#}")),
        }
    }
    eprintln!("{}", table(&rows));
    ensure!(failures.is_empty(), "{}", failures.join("\n"));
    Ok(())
}

#[test]
fn a_few_networks_to_a_few_others() -> Result<()> {
    use Policy::{FullCone, Only443, PortCone, Symmetric};
    apart(async || {
        let pairs = [
            (
                [v4(PortCone), v4(FullCone)],
                Path::Direct,
                "port cone × full cone",
            ),
            (
                [v4(Symmetric), v4(Symmetric)],
                Path::Relayed,
                "symmetric × symmetric",
            ),
            (
                [v4(Only443), v4(PortCone)],
                Path::Relayed,
                "only 443 × port cone",
            ),
        ];
        all(&pairs.map(|(networks, path, title)| (networks, path, title.to_owned()))).await
    })
}

#[test]
fn without_a_relay_symmetric_networks_do_not_meet() -> Result<()> {
    apart(async || {
        let lab = Lab::without(&[Part::Issuer]).await?;
        let (ann, bob) = (
            Person::new(&lab, "ann").await?,
            Person::new(&lab, "bob").await?,
        );
        let cone = [v4(Policy::PortCone), v4(Policy::PortCone)];
        let row = call(
            &lab,
            [&ann, &bob],
            "port cone × port cone, STUN only",
            cone,
            Path::Direct,
            0,
        )
        .await?;
        eprintln!("{}", table(&[row]));
        for person in [&ann, &bob] {
            person.goes_behind(&lab.router(Policy::Symmetric).await?)?;
        }
        let talk = Talk::dial(&ann, &bob, "161803").await?;
        for person in talk.both() {
            person
                .browser
                .until("document.documentElement.dataset.media === 'failed'")
                .await?;
            ensure!(person.browser.run("return window.painted").await? == 0);
            let told = person
                .browser
                .run("return document.querySelector('#call').textContent")
                .await?;
            ensure!(told.to_string().contains("relay is away"), "{told}");
        }
        Ok(())
    })
}

/// Every network to every other that differs, and what else there is between two people.
#[test]
#[ignore = "takes minutes: make test-network"]
fn every_network_to_every_other() -> Result<()> {
    apart(async || {
        let kinds = Policy::ALL;
        let mut pairs = Vec::new();
        for (first, one) in kinds.iter().enumerate() {
            for other in &kinds[first + 1..] {
                let path = if one.direct(*other) {
                    Path::Direct
                } else {
                    Path::Relayed
                };
                pairs.push(([v4(*one), v4(*other)], path, format!("{one} × {other}")));
            }
        }
        all(&pairs).await
    })
}

/// The same kind on both sides, other protocols, and bad lines.
#[test]
#[ignore = "takes minutes: make test-network"]
fn likes_and_other_lines() -> Result<()> {
    use Policy::{NoUdp, Only443, Open, PortCone, Symmetric};
    apart(async || {
        let at = |policy, stack| Network(policy, stack, Line::default());
        let lossy = |policy| Network(policy, Stack::V4, Line::LOSSY);
        let pairs = [
            (
                [v4(PortCone), v4(PortCone)],
                Path::Direct,
                "port cone × port cone",
            ),
            (
                [v4(Symmetric), v4(Symmetric)],
                Path::Relayed,
                "symmetric × symmetric",
            ),
            ([v4(NoUdp), v4(NoUdp)], Path::Relayed, "no UDP × no UDP"),
            (
                [v4(Only443), v4(Only443)],
                Path::Relayed,
                "only 443 × only 443",
            ),
            (
                [at(Open, Stack::V6), at(PortCone, Stack::V6)],
                Path::Direct,
                "IPv6 × IPv6, firewall",
            ),
            (
                [at(PortCone, Stack::Dual), at(PortCone, Stack::V6)],
                Path::Direct,
                "both × IPv6",
            ),
            (
                [at(PortCone, Stack::Dual), at(PortCone, Stack::V4)],
                Path::Direct,
                "both × IPv4",
            ),
            (
                [at(PortCone, Stack::V6), at(PortCone, Stack::V4)],
                Path::Relayed,
                "IPv6 × IPv4",
            ),
            (
                [at(Only443, Stack::V6), at(Symmetric, Stack::V4)],
                Path::Relayed,
                "IPv6 only 443 × symmetric",
            ),
            (
                [lossy(PortCone), v4(PortCone)],
                Path::Direct,
                "port cone, 5 %, 80 ms",
            ),
            (
                [lossy(Only443), v4(Symmetric)],
                Path::Relayed,
                "only 443, 5 %, 80 ms",
            ),
        ];
        all(&pairs.map(|(networks, path, title)| (networks, path, title.to_owned()))).await
    })
}

#[test]
fn behind_the_same_router_the_path_stays_there() -> Result<()> {
    apart(async || {
        let lab = Lab::new().await?;
        let (ann, bob) = (
            Person::new(&lab, "ann").await?,
            Person::new(&lab, "bob").await?,
        );
        let mut rows = Vec::new();
        for (policy, pin) in [(Policy::Symmetric, "141421"), (Policy::NoUdp, "577215")] {
            let router = lab.router(policy).await?;
            ann.goes_behind(&router)?;
            bob.goes_behind(&router)?;
            let talk = Talk::dial(&ann, &bob, pin).await?;
            // Where nothing gets out by UDP it begins at the relay.
            let title = format!("behind the same router, {policy}");
            let row = talk.went(&title, Path::Direct).await?;
            ensure!(
                row.candidates.iter().all(|path| path == "host host"),
                "{:?}",
                row.candidates
            );
            rows.push(row);
        }
        eprintln!("{}", table(&rows));
        Ok(())
    })
}

#[test]
#[ignore = "needs Firefox and geckodriver: make test-network"]
fn firefox_calls_through_the_relay() -> Result<()> {
    apart(async || {
        let lab = Lab::new().await?;
        let fox = Person::with_firefox(&lab, "fox").await?;
        let vixen = Person::with_firefox(&lab, "vixen").await?;
        let ann = Person::new(&lab, "ann").await?;
        let mut rows = Vec::new();
        // Firefox stays where it is: it would wait for minutes for connections it had elsewhere.
        fox.goes_behind(&lab.router(Policy::Only443).await?)?;
        for (other, pin, title) in [
            (&ann, "173205", "Firefox × Chromium"),
            (&vixen, "264575", "Firefox × Firefox"),
        ] {
            other.goes_behind(&lab.router(Policy::Symmetric).await?)?;
            let talk = Talk::dial(&fox, other, pin).await?;
            rows.push(talk.went(title, Path::Relayed).await?);
        }
        eprintln!("{}", table(&rows));
        Ok(())
    })
}
