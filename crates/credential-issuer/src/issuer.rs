//! Who gets what: ICE servers with credentials for one client. Pure: time is an argument.

use std::{sync::Arc, time::Duration};

use protocol::ice::{IceConfiguration, IceServer, IceTransportPolicy};
use serde::Serialize;

use crate::shared_secret::{Credentials, credentials};

/// Shortest life of a credential: a call must have the time to begin.
const MIN_TTL: Duration = Duration::from_secs(60);

/// Issues credentials of one relay.
#[derive(Clone)]
pub struct Issuer {
    pub(crate) secret: Arc<[u8]>,
    pub(crate) stun_uris: Vec<String>,
    pub(crate) turn_uris: Vec<String>,
    pub(crate) ttl: Duration,
    pub(crate) max_ttl: Duration,
    pub(crate) policy: Option<IceTransportPolicy>,
}

/// ICE servers with credentials, and how long these are good for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct IceServers {
    /// For the `RTCPeerConnection`.
    #[serde(flatten)]
    pub configuration: IceConfiguration,
    /// Seconds from the time of issue.
    pub ttl: u64,
}

impl Issuer {
    /// ICE servers for a client, known by its pseudonym, at `now` (unix seconds). The life
    /// asked for is clamped.
    #[must_use]
    pub fn ice_servers(&self, client: &str, ttl: Option<u64>, now: u64) -> IceServers {
        let (made, ttl) = self.issue(client, ttl, now);
        let mut ice_servers = Vec::new();
        if !self.stun_uris.is_empty() {
            let urls = self.stun_uris.clone();
            ice_servers.push(IceServer {
                urls,
                username: None,
                credential: None,
            });
        }
        if !self.turn_uris.is_empty() {
            ice_servers.push(IceServer {
                urls: self.turn_uris.clone(),
                username: Some(made.username),
                credential: Some(made.password),
            });
        }
        let ice_transport_policy = self.policy;
        IceServers {
            configuration: IceConfiguration {
                ice_servers,
                ice_transport_policy,
            },
            ttl,
        }
    }

    /// TURN credentials of a client, and how long they are good for in seconds.
    #[must_use]
    pub fn issue(&self, client: &str, ttl: Option<u64>, now: u64) -> (Credentials, u64) {
        let asked = ttl.map_or(self.ttl, Duration::from_secs);
        let ttl = asked
            .clamp(MIN_TTL.min(self.max_ttl), self.max_ttl)
            .as_secs();
        (credentials(&self.secret, client, now + ttl), ttl)
    }

    /// The relay's addresses, UDP first.
    #[must_use]
    pub fn turn_uris(&self) -> &[String] {
        &self.turn_uris
    }
}

/// Clients of the draft take the first address and nothing else: UDP is the best one.
pub(crate) fn udp_first(mut uris: Vec<String>) -> Vec<String> {
    uris.sort_by_key(|uri| (uri.starts_with("turns:"), !uri.contains("transport=udp")));
    uris
}

#[cfg(test)]
mod tests {
    use super::*;

    fn issuer() -> Issuer {
        let uri = |transport| format!("turn:relay.example:3478?transport={transport}");
        Issuer {
            secret: Arc::from(*b"0123456789abcdef"),
            stun_uris: vec!["stun:relay.example:3478".into()],
            turn_uris: udp_first(vec![uri("tcp"), uri("udp")]),
            ttl: Duration::from_secs(3600),
            max_ttl: Duration::from_secs(86_400),
            policy: None,
        }
    }

    #[test]
    fn lifetimes_are_clamped_whatever_is_asked() {
        let lives =
            [None, Some(0), Some(100), Some(u64::MAX)].map(|ttl| issuer().issue("a", ttl, 0).1);
        assert_eq!(lives, [3600, 60, 100, 86_400]);
    }

    #[test]
    fn udp_comes_first_and_only_the_relay_has_credentials() {
        let servers = issuer()
            .ice_servers("ann", None, 1000)
            .configuration
            .ice_servers;
        assert_eq!(servers[0].username, None);
        assert!(servers[1].urls[0].ends_with("udp"));
        assert_eq!(servers[1].username.as_deref(), Some("4600:ann"));
    }
}
