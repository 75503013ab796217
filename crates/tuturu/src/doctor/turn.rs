//! The relay: each transport carries a real packet from one allocation to another, and what
//! lies behind the relay is out of reach.

mod client;

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    str::FromStr,
    time::Duration,
};

use stun::message::{CLASS_REQUEST, METHOD_BINDING};
use tokio::time::Instant;

pub(in crate::doctor) use client::{Client, Wire};
use client::{Failure, message};

/// How callers reach the relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transport {
    Udp,
    Tcp,
    Tls,
}

/// An address of the relay, as browsers are told it (RFC 7065).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TurnUri {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) transport: Transport,
}

impl FromStr for TurnUri {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (scheme, rest) = text.split_once(':').ok_or(())?;
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let transport = match (scheme, query) {
            ("turn", "" | "transport=udp") => Transport::Udp,
            ("turn", "transport=tcp") => Transport::Tcp,
            ("turns", "" | "transport=tcp") => Transport::Tls,
            _ => return Err(()),
        };
        let usual = if transport == Transport::Tls {
            5349
        } else {
            3478
        };
        // An IPv6 address stands in brackets, and its colons are no port.
        let (host, port) = match place.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().map_err(drop)?),
            _ => (place, usual),
        };
        let host = host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        Ok(Self {
            host,
            port,
            transport,
        })
    }
}

/// Where the relay may send to nobody.
const BEHIND: [Ipv4Addr; 3] = [
    Ipv4Addr::LOCALHOST,
    // The metadata service of clouds.
    Ipv4Addr::new(169, 254, 169, 254),
    Ipv4Addr::new(10, 0, 0, 1),
];

/// What the relay says our address is. It has to be a public one when the relay's is.
pub(super) async fn binding(mut client: Client, server: IpAddr) -> Result<String, String> {
    let seen = client
        .binding()
        .await
        .map_err(|failure| failure.to_string())?
        .ip()
        .to_canonical();
    if seen.is_loopback() && !server.is_loopback() {
        return Err(
            "it sees callers at a loopback address: Firefox gets no relayed address".to_owned(),
        );
    }
    Ok("answers".to_owned())
}

/// Two allocations; a packet leaves one and arrives at the other.
pub(super) async fn relayed(
    one: &mut Client,
    other: &mut Client,
    patience: Duration,
) -> Result<String, String> {
    let outcome = packet(one, other, patience).await;
    one.release().await;
    other.release().await;
    outcome
}

async fn packet(
    one: &mut Client,
    other: &mut Client,
    patience: Duration,
) -> Result<String, String> {
    let why = |failure: Failure| format!("no allocation: {failure}");
    let (from, to) = (
        one.allocate().await.map_err(why)?,
        other.allocate().await.map_err(why)?,
    );
    let why = |failure: Failure| match failure {
        Failure::Refused(403) => {
            "the relay denies its own address, so that relayed callers cannot meet".to_owned()
        }
        Failure::Silence | Failure::Refused(_) | Failure::Broken(_) => {
            format!("no permission: {failure}")
        }
    };
    one.permit(to).await.map_err(why)?;
    other.permit(from).await.map_err(why)?;
    let mut payload = [0; 32];
    getrandom::fill(&mut payload).expect("the system has a source of randomness");
    let (began, why) = (Instant::now(), |failure: Failure| failure.to_string());
    while began.elapsed() < patience {
        // A datagram may be lost: again.
        one.send(to, &payload).await.map_err(why)?;
        let until = Instant::now() + Duration::from_millis(500);
        while let Some(data) = other.data(until).await.map_err(why)? {
            if data == payload {
                return Ok(format!(
                    "a relayed packet arrived after {} ms",
                    began.elapsed().as_millis()
                ));
            }
        }
    }
    Err("an allocation, but the packet did not arrive".to_owned())
}

/// Whether the relay refuses to send to what lies behind it. `port`: the relay's own, where a
/// STUN server would answer if loopback were open.
pub(super) async fn denied(client: &mut Client, port: u16) -> Result<String, String> {
    let why = |failure: Failure| format!("no allocation: {failure}");
    client.allocate().await.map_err(why)?;
    let mut open = Vec::new();
    for address in BEHIND {
        let peer = SocketAddr::new(address.into(), port);
        match client.permit(peer).await {
            // 401, 437 and 438 say nothing of the peer.
            Err(Failure::Refused(code)) if ![401, 437, 438].contains(&code) => {}
            Ok(()) => {
                let answered = answers(client, peer).await;
                open.push(if answered {
                    format!("{address} (and it answers)")
                } else {
                    address.to_string()
                });
            }
            Err(failure) => {
                client.release().await;
                return Err(format!("not found out: {failure}"));
            }
        }
    }
    client.release().await;
    if open.is_empty() {
        let all = BEHIND.map(|address| address.to_string());
        Ok(format!("{} are refused", all.join(", ")))
    } else {
        Err(format!("the relay sends to {}", open.join(", ")))
    }
}

async fn answers(client: &mut Client, peer: SocketAddr) -> bool {
    let Ok(request) = message(METHOD_BINDING, CLASS_REQUEST) else {
        return false;
    };
    let until = Instant::now() + Duration::from_secs(1);
    client.send(peer, &request.raw).await.is_ok() && matches!(client.data(until).await, Ok(Some(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_as_browsers_are_told_them() {
        let uri = |text: &str| {
            text.parse::<TurnUri>()
                .map(|uri| (uri.host, uri.port, uri.transport))
        };
        assert_eq!(
            uri("turn:a.org"),
            Ok(("a.org".into(), 3478, Transport::Udp))
        );
        assert_eq!(
            uri("turn:a.org:99?transport=tcp"),
            Ok(("a.org".into(), 99, Transport::Tcp))
        );
        assert_eq!(
            uri("turns:a.org:443?transport=tcp"),
            Ok(("a.org".into(), 443, Transport::Tls))
        );
        assert_eq!(
            uri("turns:a.org"),
            Ok(("a.org".into(), 5349, Transport::Tls))
        );
        assert_eq!(uri("turn:[::1]:99"), Ok(("::1".into(), 99, Transport::Udp)));
        assert_eq!(uri("turn:[::1]"), Ok(("::1".into(), 3478, Transport::Udp)));
        for wrong in [
            "stun:a.org",
            "a.org",
            "turn:a.org:x",
            "turns:a.org?transport=udp",
        ] {
            assert!(uri(wrong).is_err(), "{wrong}");
        }
    }
}
