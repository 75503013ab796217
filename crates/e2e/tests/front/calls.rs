//! A call over TURN on port 443 goes on while the certificate is renewed.

use anyhow::{Context as _, Result, ensure};
use e2e::{
    Browser, Caller, DOMAIN, Driver, Front, Options, Part, SERVER, Service, TURN_DOMAIN, alone,
    leaving, until,
};

/// What must be the same before and after: connection, ICE credentials, candidate pair.
const PATH: &str = "
    const connection = window.connections.at(-1);
    const stats = await connection.getStats();
    const all = [...stats.values()];
    const transport = all.find((report) => report.type === 'transport');
    const local = stats.get(stats.get(transport.selectedCandidatePairId).localCandidateId);
    return JSON.stringify([window.connections.length, transport.selectedCandidatePairId,
        transport.selectedCandidatePairChanges, local.url, local.relayProtocol,
        connection.localDescription.sdp.match(/a=ice-ufrag:.*/)[0],
        connection.remoteDescription.sdp.match(/a=ice-ufrag:.*/)[0]]);";

async fn path(person: &Browser) -> Result<String> {
    let path = person.run_async(PATH).await?;
    Ok(path.as_str().context("no path")?.to_owned())
}

/// The certificate that a new handshake sees, of the page's name and of the relay's.
async fn shown(caller: &Caller) -> Result<Vec<Vec<u8>>> {
    let mut shown = Vec::new();
    for name in [DOMAIN, TURN_DOMAIN] {
        let stream = caller.secure(name, "").await?;
        let chain = stream.get_ref().1.peer_certificates();
        let first = chain.and_then(<[_]>::first).context("no certificate")?;
        shown.push(first.to_vec());
    }
    Ok(shown)
}

#[test]
fn a_call_outlives_its_certificate() -> Result<()> {
    alone(async || {
        let front = Front::start().await?;
        let carl = Caller::new(3, front.papers.roots()?);
        let home = tempfile::tempdir()?;
        front.papers.trusted_at(home.path())?;
        let driver = Driver::at_home(home.path()).await?;
        let options = Options {
            hosts: Some((&[DOMAIN, TURN_DOMAIN], SERVER.into())),
            relay_by: Some("turns:"),
            ..Options::default()
        };
        let (ann, bob) = (
            Browser::open(&driver, options).await?,
            Browser::open(&driver, options).await?,
        );
        for person in [&ann, &bob] {
            person.go(&format!("https://{DOMAIN}/")).await?;
        }
        ann.act("new-call").await?;
        ann.act("join").await?;
        ann.screen("waiting").await?;
        let pin = ann.text("#waiting .big").await?;
        bob.type_pin(&pin).await?;
        bob.act("join").await?;
        for person in [&ann, &bob] {
            let connected = "document.documentElement.dataset.media === 'connected'";
            person.until(connected).await?;
            person.sees().await?;
        }
        let before = (path(&ann).await?, path(&bob).await?);
        let way = format!("turns:{TURN_DOMAIN}:443?transport=tcp");
        ensure!(
            before.0.contains(&way) && before.1.contains(&way),
            "{before:?}"
        );
        let signaling = front.service(Part::Signaling).context("signaling")?;
        ensure!(sockets(signaling).await? == (2, 0), "one for each");

        // Twice, as after a year: each time for both names at once.
        for _ in 0..2 {
            let new = front.papers.sign(&[DOMAIN, TURN_DOMAIN], 4000)?;
            ensure!(!shown(&carl).await?.contains(&new.der.to_vec()));
            front.install(&new).await?;
            let shown = shown(&carl).await?;
            ensure!(shown.iter().all(|seen| *seen == new.der.to_vec()));
            for person in [&ann, &bob] {
                person.sees().await?;
            }
            let after = (path(&ann).await?, path(&bob).await?);
            ensure!(before == after, "{before:?} {after:?}");
        }
        ensure!(
            leaving()? > 0,
            "the call is with the worker that it began with"
        );
        ensure!(sockets(signaling).await? == (2, 0), "they are the same");

        // The socket that it began with tells the end of the call; the old workers go with it.
        ann.act("hang-up").await?;
        bob.screen("ended").await?;
        ann.close().await?;
        bob.close().await?;
        let gone = async || {
            sockets(signaling)
                .await
                .is_ok_and(|(open, closed)| open == 0 && closed == 2)
        };
        until("their sockets are closed", gone).await?;
        until("the old workers end", async || matches!(leaving(), Ok(0))).await?;
        for log in [front.log("nginx"), front.log("coturn")] {
            let pin = pin.replace(' ', "");
            ensure!(!log.contains(&pin) && !log.contains("203.0.113."), "{log}");
        }
        Ok(())
    })
}

/// How many sockets are open, and how many were closed before.
async fn sockets(signaling: &Service) -> Result<(u64, u64)> {
    let metrics = e2e::get(&signaling.admin, "/metrics").await?;
    let sum = |name: &str| {
        let values = metrics.lines().filter(|line| line.starts_with(name));
        let values = values.filter_map(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok());
        values.sum()
    };
    Ok((
        sum("tuturu_signaling_sockets "),
        sum("tuturu_signaling_closes_total{"),
    ))
}
