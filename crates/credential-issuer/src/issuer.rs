//! Who gets what: the providers are asked in order, and the first that gives something is
//! taken. When none does there is still STUN.

use std::sync::{Mutex, PoisonError};

use protocol::ice::{IceConfiguration, IceServer, IceTransportPolicy};
use serde::Serialize;
use service::client::Source;

use crate::{
    answer::is_turn,
    coturn::{Coturn, Lives, udp_first},
    metrics::{Outcome, ProviderMetrics},
    provider::{Provider, ProviderName, Wish},
};

/// How long an answer without a relay counts, in seconds: soon there may be one again.
const STUN_ONLY_TTL: u64 = 120;

/// Issues ICE servers and credentials.
pub struct Issuer {
    pub(crate) chain: Vec<Provider>,
    pub(crate) stun: Option<IceServer>,
    pub(crate) lives: Lives,
    pub(crate) policy: Option<IceTransportPolicy>,
    pub(crate) metrics: ProviderMetrics,
    /// Who gave the last answer, to tell of a change once.
    pub(crate) last: Mutex<Option<ProviderName>>,
}

/// ICE servers with credentials, and how long these are good for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct IceServers {
    /// For the `RTCPeerConnection`.
    #[serde(flatten)]
    pub configuration: IceConfiguration,
    /// Seconds from the time of issue.
    pub ttl: u64,
    /// Who gave them; none is STUN only.
    #[serde(skip)]
    pub source: ProviderName,
    /// There would be a relay, but every provider fails.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub failed: bool,
}

/// `{"iceServers":[…]}` and nothing else.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct IceList<'a> {
    ice_servers: &'a [IceServer],
}

impl IceServers {
    /// The list alone, as most clients want it.
    #[must_use]
    pub fn list(&self) -> IceList<'_> {
        IceList {
            ice_servers: &self.configuration.ice_servers,
        }
    }
}

/// Why there is no relay to be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unserved {
    /// The configuration names no provider.
    #[error("no TURN provider is configured")]
    NoneConfigured,
    /// Every one of them failed.
    #[error("every TURN provider failed")]
    ProvidersFailed,
}

/// TURN credentials and where to use them.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Grant {
    /// For a shared secret `<expiry unix seconds>:<client>`.
    pub username: String,
    /// Its password.
    pub password: String,
    /// Seconds from the time of issue.
    pub ttl: u64,
    /// `turn:` and `turns:` URIs, UDP first.
    pub uris: Vec<String>,
}

impl Issuer {
    /// ICE servers for a client, known by its pseudonym, at `now` (unix seconds), whatever
    /// happens: at worst STUN only. The life asked for is clamped.
    pub async fn ice_servers(&self, client: &str, ttl: Option<u64>, now: u64) -> IceServers {
        let served = self.try_ice_servers(client, ttl, now).await;
        served.unwrap_or_else(|unserved| {
            self.metrics.count(ProviderName::None, Outcome::StunOnly);
            self.taken_from(ProviderName::None);
            IceServers {
                configuration: IceConfiguration {
                    ice_servers: self.stun.iter().cloned().collect(),
                    ice_transport_policy: self.policy,
                },
                ttl: STUN_ONLY_TTL,
                source: ProviderName::None,
                failed: unserved == Unserved::ProvidersFailed,
            }
        })
    }

    /// ICE servers of the first provider that gives some.
    ///
    /// # Errors
    /// [`Unserved`] tells a server without providers from one whose providers fail.
    pub async fn try_ice_servers(
        &self,
        client: &str,
        ttl: Option<u64>,
        now: u64,
    ) -> Result<IceServers, Unserved> {
        let ttl = self.lives.clamp(ttl);
        let wish = Wish { client, ttl, now };
        for provider in &self.chain {
            let given = provider.give(wish, self.stun.as_ref(), &self.metrics);
            if let Ok(given) = given.await {
                let source = provider.name();
                self.taken_from(source);
                return Ok(IceServers {
                    configuration: IceConfiguration {
                        ice_servers: given.servers,
                        ice_transport_policy: self.policy.or(given.policy),
                    },
                    ttl: given.ttl,
                    source,
                    failed: false,
                });
            }
        }
        Err(if self.chain.is_empty() {
            Unserved::NoneConfigured
        } else {
            Unserved::ProvidersFailed
        })
    }

    /// TURN credentials of a client, for as long as may be unless it asks for less, because
    /// clients of the draft ask once: those of our own relay when there is one, else those
    /// of the first TURN server of the chain.
    pub async fn grant(&self, client: &str, ttl: Option<u64>, now: u64) -> Option<Grant> {
        if let Some(coturn) = self.coturn() {
            let ttl = self.lives.clamp(ttl.or(Some(u64::MAX)));
            let made = coturn.issue(client, ttl, now);
            self.metrics.count(ProviderName::Coturn, Outcome::Issued);
            return Some(Grant {
                username: made.username,
                password: made.password,
                ttl,
                uris: coturn.turn_uris.clone(),
            });
        }
        let served = self.ice_servers(client, ttl, now).await;
        let ttl = served.ttl;
        let servers = served.configuration.ice_servers.into_iter();
        servers.filter_map(|server| grant_of(server, ttl)).next()
    }

    /// A stable name for a source. It only matters where allocations are counted by it.
    #[must_use]
    pub fn pseudonym(&self, source: Source) -> String {
        let coturn = self.coturn();
        coturn.map_or_else(|| "anybody".into(), |coturn| coturn.pseudonym(source))
    }

    fn coturn(&self) -> Option<&Coturn> {
        self.chain.iter().find_map(|provider| match provider {
            Provider::Coturn(coturn) => Some(coturn),
            Provider::Static(_) | Provider::Upstream(..) => None,
        })
    }

    /// Tells of a change, not of every answer.
    fn taken_from(&self, source: ProviderName) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.replace(source) == Some(source) {
            return;
        }
        drop(last);
        let first = self.chain.first().map(Provider::name);
        if source == ProviderName::None {
            tracing::warn!("no ICE provider is left: callers get STUN only");
        } else if Some(source) == first {
            tracing::info!(provider = %source, "ICE servers come from the first provider");
        } else {
            tracing::warn!(provider = %source, "ICE servers come from a fallback");
        }
    }
}

fn grant_of(server: IceServer, ttl: u64) -> Option<Grant> {
    let uris = server.urls.into_iter().filter(|url| is_turn(url)).collect();
    let uris = udp_first(uris);
    let (username, password) = (server.username?, server.credential?);
    (!uris.is_empty()).then_some(Grant {
        username,
        password,
        ttl,
        uris,
    })
}
