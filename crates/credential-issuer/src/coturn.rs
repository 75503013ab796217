//! Our own relay: credentials that it checks by the secret it shares with the issuer. No
//! request is made, so it cannot fail, and every caller has credentials of its own.

use std::time::Duration;

use protocol::ice::IceServer;
use service::{client::Source, config::Secret};

use crate::shared_secret::{Credentials, credentials};

/// Shortest life of a credential: a call must have the time to begin.
const MIN_TTL: Duration = Duration::from_secs(60);

/// Lives of credentials, in seconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lives {
    pub(crate) usual: Duration,
    pub(crate) longest: Duration,
}

impl Lives {
    /// The life asked for, clamped; the usual one without.
    pub(crate) fn clamp(self, asked: Option<u64>) -> u64 {
        let asked = asked.map_or(self.usual, Duration::from_secs);
        let shortest = MIN_TTL.min(self.longest);
        asked.clamp(shortest, self.longest).as_secs()
    }
}

pub(crate) struct Coturn {
    pub(crate) secret: Secret,
    /// UDP first.
    pub(crate) turn_uris: Vec<String>,
}

impl Coturn {
    /// Credentials of a client until `now + ttl` (unix seconds).
    pub(crate) fn issue(&self, client: &str, ttl: u64, now: u64) -> Credentials {
        credentials(self.secret.expose().as_bytes(), client, now + ttl)
    }

    pub(crate) fn server(&self, client: &str, ttl: u64, now: u64) -> IceServer {
        let made = self.issue(client, ttl, now);
        IceServer {
            urls: self.turn_uris.clone(),
            username: Some(made.username),
            credential: Some(made.password),
        }
    }

    /// A stable name for a source, to count its allocations by.
    pub(crate) fn pseudonym(&self, source: Source) -> String {
        // Another use of the secret than signing needs another key.
        source.pseudonym(format!("pseudonym:{}", self.secret.expose()).as_bytes())
    }
}

/// Clients of the draft take the first address and nothing else: UDP is the best one, and
/// what an address without a transport means (RFC 7065 section 3.1).
pub(crate) fn udp_first(mut uris: Vec<String>) -> Vec<String> {
    uris.sort_by_key(|uri| (uri.starts_with("turns:"), uri.contains("transport=tcp")));
    uris
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lifetimes_are_clamped_whatever_is_asked() {
        let lives = Lives {
            usual: Duration::from_secs(3600),
            longest: Duration::from_secs(86_400),
        };
        let asked = [None, Some(0), Some(100), Some(u64::MAX)];
        assert_eq!(asked.map(|ttl| lives.clamp(ttl)), [3600, 60, 100, 86_400]);
    }

    #[test]
    fn udp_comes_first() {
        let uris = [
            "turns:a:443?transport=tcp",
            "turn:a?transport=tcp",
            "turn:a",
        ];
        let uris = udp_first(uris.map(str::to_owned).into());
        assert_eq!(uris[0], "turn:a");
        assert!(uris[2].starts_with("turns:"));
    }
}
