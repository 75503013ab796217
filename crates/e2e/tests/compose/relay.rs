//! What is really sent through the deployed relay arrives at the public and nowhere else.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::{
    deployment::Deployment,
    neighbours::{BEHIND, BEHIND_V6, Listener, Neighbour, Neighbours, PUBLIC},
    turn::{Allocation, Credentials},
};

async fn credentials(here: &Deployment) -> Result<Credentials> {
    let told = here.https("/api/turn?service=turn&username=probe").await?;
    let told: Value = serde_json::from_str(&told)?;
    let text = |key: &str| {
        told[key]
            .as_str()
            .map(ToOwned::to_owned)
            .context("no credentials")
    };
    Ok(Credentials {
        username: text("username")?,
        password: text("password")?,
    })
}

/// Two who are relayed meet, and so do one who is relayed and one who is public; both ways.
async fn the_public_is_reached(
    here: &Deployment,
    one: &mut Allocation,
    public: &Listener,
) -> Result<()> {
    let relay = SocketAddr::new(here.address, 3478);
    let mut other = Allocation::open(relay, credentials(here).await?).await?;
    ensure!(
        one.permit(other.relayed).await?.is_ok(),
        "the relay denies itself"
    );
    ensure!(
        other.bind(0x4000, one.relayed).await?.is_ok(),
        "the relay denies itself"
    );
    one.send(other.relayed, b"by indication").await?;
    ensure!(other.data().await? == b"by indication");
    other.send_on(0x4000, b"by channel").await?;
    ensure!(one.data().await? == b"by channel");

    let peer = public.address()?;
    ensure!(
        one.permit(peer).await?.is_ok(),
        "the relay denies a public peer"
    );
    one.send(peer, b"to a peer").await?;
    let (heard, from) = public.next().await?;
    ensure!(heard == b"to a peer" && from == one.relayed, "{from}");
    public.0.send_to(b"from a peer", from).await?;
    ensure!(one.data().await? == b"from a peer");
    Ok(())
}

/// Real packets, by every way that TURN has, to everybody whom callers have no business with.
pub(crate) async fn reaches_the_public_only(here: &Deployment) -> Result<()> {
    let neighbours = Neighbours::arrive().await?;
    let relay = SocketAddr::new(here.address, 3478);
    let mut one = Allocation::open(relay, credentials(here).await?).await?;
    let public = Listener::at(PUBLIC).await?;
    the_public_is_reached(here, &mut one, &public).await?;

    // Who is to hear nothing, and the addresses that may lead there.
    let mut listeners = Vec::new();
    let mut ways = BTreeMap::new();
    let gateways = [here.gateway("edge").await?, here.gateway("inside").await?];
    for address in BEHIND
        .into_iter()
        .chain(gateways)
        .chain([Ipv4Addr::LOCALHOST])
    {
        let listener = Listener::at(address).await?;
        let port = listener.address()?.port();
        ways.insert(listener.address()?, address.to_string());
        ways.insert(
            (address.to_ipv6_mapped(), port).into(),
            format!("::ffff:{address}"),
        );
        ways.insert(
            (address.to_ipv6_compatible(), port).into(),
            format!("::{address}"),
        );
        if address.is_loopback() {
            ways.insert((Ipv4Addr::UNSPECIFIED, port).into(), "0.0.0.0".to_owned());
        }
        listeners.push(listener);
    }
    for address in BEHIND_V6.into_iter().chain([Ipv6Addr::LOCALHOST]) {
        let listener = Listener::at(address).await?;
        ways.insert(listener.address()?, address.to_string());
        listeners.push(listener);
    }
    let containers = [
        Neighbour::arrive(here, "edge").await?,
        Neighbour::arrive(here, "inside").await?,
    ];
    for container in &containers {
        ways.insert(container.address, "a container".to_owned());
    }

    let mut accepted = Vec::new();
    for (channel, (peer, name)) in (0x4100..).zip(&ways) {
        // 403 Forbidden, or 443 Peer Address Family Mismatch.
        let refused = |verdict| matches!(verdict, Err(403 | 443));
        let (permitted, bound) = (one.permit(*peer).await?, one.bind(channel, *peer).await?);
        one.send(*peer, format!("to {name}").as_bytes()).await?;
        one.send_on(channel, format!("on a channel to {name}").as_bytes())
            .await?;
        if !(refused(permitted) && refused(bound)) {
            accepted.push(format!("{name}: {permitted:?}, {bound:?}"));
        }
    }
    let v6 = Allocation::open_v6(relay, credentials(here).await?).await?;
    ensure!(v6 == Err(440), "an allocation of IPv6: {v6:?}");

    // What the relay passed on before this has arrived before it.
    one.send(public.address()?, b"the last").await?;
    ensure!(public.next().await?.0 == b"the last");
    for listener in &listeners {
        listener.heard_nothing_before(here.address).await?;
    }
    for container in &containers {
        container.heard_nothing_before(here.address).await?;
    }
    drop(neighbours);
    ensure!(accepted.is_empty(), "not refused: {accepted:?}");
    Ok(())
}
