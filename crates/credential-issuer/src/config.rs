//! The secret shared with the relay, the relay's addresses, and who may ask.

use std::{path::PathBuf, sync::Mutex, time::Duration};

use clap::{Args, ValueEnum};
use protocol::ice::{IceServer, IceTransportPolicy};
use service::config::{ConfigError, Secret, duration, secret_or_file};

use crate::{
    answer,
    chain::Providers,
    coturn::{Coturn, Lives, udp_first},
    issuer::Issuer,
    metrics::ProviderMetrics,
    providers::ProviderArgs,
};

/// The longest life that every provider grants, in seconds.
const MAX_UPSTREAM_TTL: u64 = 86_400;

/// What the credential issuer hands out.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "TURN credentials")]
pub struct IssuerArgs {
    /// Secret shared with the relay (coturn: `static-auth-secret`), 16 bytes or more. Needed
    /// when coturn is among the providers.
    #[arg(
        long,
        env = "TUTURU_TURN_SECRET",
        hide_env_values = true,
        value_name = "SECRET"
    )]
    pub turn_secret: Option<Secret>,

    /// File that holds the TURN secret.
    #[arg(long, env = "TUTURU_TURN_SECRET_FILE", value_name = "FILE")]
    pub turn_secret_file: Option<PathBuf>,

    /// The TURN secret before the last rotation: the relay still accepts it.
    #[arg(
        long,
        env = "TUTURU_TURN_SECRET_PREVIOUS",
        hide_env_values = true,
        value_name = "SECRET"
    )]
    pub turn_secret_previous: Option<Secret>,

    /// Addresses of the relay, comma separated, for example
    /// `turn:turn.example.org:3478?transport=udp`.
    #[arg(long, env = "TUTURU_TURN_URIS", value_delimiter = ',', value_name = "URI", value_parser = turn_uri)]
    pub turn_uris: Vec<String>,

    /// Addresses of STUN servers, comma separated, for example `stun:turn.example.org:3478`.
    #[arg(long, env = "TUTURU_STUN_URIS", value_delimiter = ',', value_name = "URI", value_parser = stun_uri)]
    pub stun_uris: Vec<String>,

    /// How long credentials are good for.
    #[arg(long, env = "TUTURU_TURN_TTL", default_value = "1h", value_parser = duration, value_name = "TIME")]
    pub turn_ttl: Duration,

    /// The longest life that a request may ask for.
    #[arg(long, env = "TUTURU_TURN_MAX_TTL", default_value = "24h", value_parser = duration, value_name = "TIME")]
    pub turn_max_ttl: Duration,

    /// `relay` hides callers' addresses from each other, and costs the relay every call.
    #[arg(
        long,
        env = "TUTURU_ICE_TRANSPORT_POLICY",
        value_enum,
        default_value = "all"
    )]
    pub ice_transport_policy: Policy,

    /// Credentials a minute that one source may ask for.
    #[arg(
        long,
        env = "TUTURU_CREDENTIAL_RATE",
        default_value_t = 30,
        value_name = "N"
    )]
    pub credential_rate: u32,

    /// Who is asked.
    #[command(flatten)]
    pub providers: ProviderArgs,
}

/// Which paths calls may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Policy {
    /// Direct where possible, else through the relay.
    All,
    /// Through the relay only.
    Relay,
}

/// The secret that signs, and the one before it.
#[derive(Clone, Debug)]
pub struct TurnSecrets {
    /// Signs and is accepted.
    pub current: Secret,
    /// Is accepted while a rotation lasts.
    pub previous: Option<Secret>,
}

impl IssuerArgs {
    /// The secrets as configured; `None` when there is no current one.
    ///
    /// # Errors
    /// [`ConfigError`] when the secret is given twice or its file is no good.
    pub fn secrets(&self) -> Result<Option<TurnSecrets>, ConfigError> {
        let (value, file) = (self.turn_secret.as_ref(), self.turn_secret_file.as_deref());
        let current = secret_or_file(value, file, "TUTURU_TURN_SECRET")?;
        let previous = self.turn_secret_previous.clone();
        Ok(current.map(|current| TurnSecrets { current, previous }))
    }

    /// The providers, before anything is bound.
    ///
    /// # Errors
    /// [`ConfigError`] when one of them cannot be asked with what is configured.
    pub fn providers(&self) -> Result<Providers, ConfigError> {
        let life = self.lives().clamp(None).min(MAX_UPSTREAM_TTL);
        self.providers.providers(Duration::from_secs(life))
    }

    /// An issuer that asks these providers. The relay's addresses are the configured ones,
    /// else those given.
    ///
    /// # Errors
    /// [`ConfigError`] when our own relay is among them and its secret or address is not.
    pub fn issuer(
        &self,
        providers: Providers,
        turn_uris: Vec<String>,
        stun_uris: Vec<String>,
        metrics: ProviderMetrics,
    ) -> Result<Issuer, ConfigError> {
        let or = |own: &Vec<String>, given| if own.is_empty() { given } else { own.clone() };
        let coturn = if providers.has_coturn() {
            Some(self.coturn(or(&self.turn_uris, turn_uris))?)
        } else {
            None
        };
        let stun = or(&self.stun_uris, stun_uris);
        Ok(Issuer {
            chain: providers.chain(coturn, &metrics),
            stun: (!stun.is_empty()).then_some(IceServer {
                urls: stun,
                username: None,
                credential: None,
            }),
            lives: self.lives(),
            policy: match self.ice_transport_policy {
                Policy::All => None,
                Policy::Relay => Some(IceTransportPolicy::Relay),
            },
            metrics,
            last: Mutex::new(None),
        })
    }

    fn coturn(&self, turn_uris: Vec<String>) -> Result<Coturn, ConfigError> {
        let secrets = self.secrets()?.ok_or_else(|| {
            ConfigError::new("TUTURU_TURN_SECRET is missing: make one with `openssl rand -hex 32`")
        })?;
        if turn_uris.is_empty() {
            return Err(ConfigError::new(
                "TUTURU_TURN_URIS is missing: the relay's address, like \
                 turn:host:3478?transport=udp",
            ));
        }
        Ok(Coturn {
            secret: secrets.current,
            turn_uris: udp_first(turn_uris),
        })
    }

    fn lives(&self) -> Lives {
        Lives {
            usual: self.turn_ttl.min(self.turn_max_ttl),
            longest: self.turn_max_ttl,
        }
    }
}

fn turn_uri(text: &str) -> Result<String, String> {
    if answer::is_turn(text) && answer::is_url(text) {
        Ok(text.to_owned())
    } else {
        Err("a TURN address is like turn:host:3478?transport=udp".into())
    }
}

fn stun_uri(text: &str) -> Result<String, String> {
    if answer::is_stun(text) && answer::is_url(text) {
        Ok(text.to_owned())
    } else {
        Err("a STUN address is like stun:host:3478".into())
    }
}
