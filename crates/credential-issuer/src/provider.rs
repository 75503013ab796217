//! Where ICE servers come from: our own relay, a list, or somebody else's service.

use std::{fmt, str::FromStr, time::Instant};

use protocol::ice::{IceServer, IceTransportPolicy};

use crate::{
    coturn::Coturn,
    kept::Kept,
    metrics::{Outcome, ProviderMetrics},
    outbound::Failure,
};

/// The providers by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProviderName {
    /// Our own relay, by shared secret.
    Coturn,
    /// Cloudflare Realtime TURN.
    Cloudflare,
    /// Hugging Face's relay for FastRTC.
    HuggingFace,
    /// Twilio's network traversal service.
    Twilio,
    /// The list in the configuration.
    Static,
    /// Nobody: STUN only.
    None,
}

impl ProviderName {
    /// As in the configuration, in metrics and in logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Coturn => "coturn",
            Self::Cloudflare => "cloudflare",
            Self::HuggingFace => "hugging-face",
            Self::Twilio => "twilio",
            Self::Static => "static",
            Self::None => "none",
        }
    }
}

impl fmt::Display for ProviderName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

impl FromStr for ProviderName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.trim().to_ascii_lowercase().replace('_', "-").as_str() {
            "coturn" => Ok(Self::Coturn),
            "cloudflare" => Ok(Self::Cloudflare),
            "hugging-face" | "huggingface" | "hf" => Ok(Self::HuggingFace),
            "twilio" => Ok(Self::Twilio),
            "static" | "static-list" => Ok(Self::Static),
            "none" => Ok(Self::None),
            _ => Err("a provider is coturn, cloudflare, hugging-face, twilio, static or none"),
        }
    }
}

/// One link of the chain.
pub(crate) enum Provider {
    Coturn(Coturn),
    Static(Vec<IceServer>),
    Upstream(ProviderName, Kept),
}

/// For whom, and for how long.
#[derive(Clone, Copy)]
pub(crate) struct Wish<'a> {
    pub(crate) client: &'a str,
    /// Seconds, clamped.
    pub(crate) ttl: u64,
    /// Unix seconds.
    pub(crate) now: u64,
}

/// What a provider gave to one caller.
pub(crate) struct Given {
    pub(crate) servers: Vec<IceServer>,
    pub(crate) policy: Option<IceTransportPolicy>,
    /// Seconds.
    pub(crate) ttl: u64,
}

impl Provider {
    pub(crate) fn name(&self) -> ProviderName {
        match self {
            Self::Coturn(_) => ProviderName::Coturn,
            Self::Static(_) => ProviderName::Static,
            Self::Upstream(name, _) => *name,
        }
    }

    /// ICE servers for one caller. Only an upstream can fail, and only there is waited.
    pub(crate) async fn give(
        &self,
        wish: Wish<'_>,
        stun: Option<&IceServer>,
        metrics: &ProviderMetrics,
    ) -> Result<Given, Failure> {
        let servers = match self {
            Self::Coturn(coturn) => {
                let relay = coturn.server(wish.client, wish.ttl, wish.now);
                stun.cloned().into_iter().chain([relay]).collect()
            }
            Self::Static(servers) => servers.clone(),
            Self::Upstream(_, kept) => {
                let now = Instant::now();
                let good = kept.get(now).await?;
                return Ok(Given {
                    servers: good.answer.servers.clone(),
                    policy: good.answer.policy,
                    ttl: good.ttl(now),
                });
            }
        };
        metrics.count(self.name(), Outcome::Issued);
        Ok(Given {
            servers,
            policy: None,
            ttl: wish.ttl,
        })
    }
}
