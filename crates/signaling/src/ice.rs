//! Where the ICE servers of a join come from: the credential issuer, over HTTP or in the
//! same process. What it said last is kept, so that calls are still set up while it is down.

use std::{
    num::NonZeroUsize,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use futures_util::future::BoxFuture;
use lru::LruCache;
use protocol::ice::{IceConfiguration, IceServer};
use serde::Deserialize;

use crate::metrics::Metrics;

/// An issuer that does not answer within this time is down. It waits 3 s for a provider of
/// its own, and may have to try another one.
const TIMEOUT: Duration = Duration::from_secs(7);
/// An answer of the issuer is a few hundred bytes.
const MAX_ANSWER: usize = 16 * 1024;
/// Credentials that are this fresh are given to the same caller again.
const FRESH: Duration = Duration::from_secs(30);

/// ICE servers with short-lived credentials.
#[derive(Clone, Debug, Deserialize)]
pub struct Issued {
    /// For the `RTCPeerConnection`.
    #[serde(flatten)]
    pub configuration: Arc<IceConfiguration>,
    /// How long the credentials are good for, in seconds.
    pub ttl: u64,
    /// There should be a relay among them, but nobody gives one.
    #[serde(default)]
    pub failed: bool,
}

/// The issuer that runs in the same process: a caller's pseudonym to its ICE servers.
pub type InProcess = Arc<dyn Fn(String) -> BoxFuture<'static, Issued> + Send + Sync>;

/// Where ICE servers come from.
#[derive(Clone)]
pub enum IssuerLink {
    /// `GET <base>/internal/ice-servers?client=<pseudonym>` with a bearer token.
    Http {
        /// For example `http://credential-issuer:8082`.
        base: reqwest::Url,
        /// Shared between the services.
        token: Option<String>,
    },
    /// In this very process.
    InProcess(InProcess),
}

/// Asks the issuer and remembers.
pub(crate) struct IceServers {
    link: IssuerLink,
    client: reqwest::Client,
    fallback: Issued,
    known: Mutex<LruCache<String, (Instant, Issued)>>,
    metrics: Metrics,
}

impl IceServers {
    pub(crate) fn new(
        link: IssuerLink,
        fallback: Vec<String>,
        metrics: Metrics,
    ) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .context("cannot set up the HTTP client")?;
        let servers = if fallback.is_empty() {
            vec![]
        } else {
            vec![IceServer {
                urls: fallback,
                username: None,
                credential: None,
            }]
        };
        let configuration = IceConfiguration {
            ice_servers: servers,
            ice_transport_policy: None,
        };
        let fallback = Issued {
            configuration: Arc::new(configuration),
            ttl: 120,
            failed: true,
        };
        let size = NonZeroUsize::new(4096).expect("not zero");
        Ok(Self {
            link,
            client,
            fallback,
            known: Mutex::new(LruCache::new(size)),
            metrics,
        })
    }

    /// ICE servers for that caller, whatever happens: fresh ones, else the last ones that
    /// are still good, else STUN only.
    pub(crate) async fn for_client(&self, client: &str) -> Issued {
        let (base, token) = match &self.link {
            IssuerLink::InProcess(issue) => return issue(client.to_owned()).await,
            IssuerLink::Http { base, token } => (base, token),
        };
        let known = self.lock().get(client).cloned();
        if let Some((_, issued)) = known.as_ref().filter(|(at, _)| at.elapsed() < FRESH) {
            return issued.clone();
        }
        match self.ask(base, token.as_deref(), client).await {
            Ok(issued) => {
                self.metrics.ice("fresh");
                self.lock()
                    .put(client.to_owned(), (Instant::now(), issued.clone()));
                issued
            }
            Err(error) => {
                tracing::warn!(%error, "the credential issuer does not answer");
                let good = |(at, issued): &(Instant, Issued)| at.elapsed().as_secs() < issued.ttl;
                let still_good = known.filter(good);
                self.metrics.ice(if still_good.is_some() {
                    "cached"
                } else {
                    "stun-only"
                });
                still_good.map_or_else(|| self.fallback.clone(), |(_, issued)| issued)
            }
        }
    }

    async fn ask(
        &self,
        base: &reqwest::Url,
        token: Option<&str>,
        client: &str,
    ) -> Result<Issued, AskError> {
        let mut url = base
            .join("internal/ice-servers")
            .map_err(|_| AskError::Url)?;
        url.query_pairs_mut().append_pair("client", client);
        let mut request = self.client.get(url);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let mut response = request.send().await.map_err(|_| AskError::Unreachable)?;
        if !response.status().is_success() {
            return Err(AskError::Status(response.status().as_u16()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|_| AskError::Unreachable)? {
            if body.len() + chunk.len() > MAX_ANSWER {
                return Err(AskError::Answer);
            }
            body.extend_from_slice(&chunk);
        }
        serde_json::from_slice(&body).map_err(|_| AskError::Answer)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, LruCache<String, (Instant, Issued)>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Says what went wrong without the address or the answer of the issuer.
#[derive(Debug, thiserror::Error)]
enum AskError {
    #[error("its address is not a base URL")]
    Url,
    #[error("it cannot be reached, or is too slow")]
    Unreachable,
    #[error("it answered with status {0}")]
    Status(u16),
    #[error("its answer is not of the expected shape")]
    Answer,
}
