//! From the configuration to the chain of providers, with all their secrets at hand.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use bytes::Bytes;
use http::Request;
use protocol::ice::IceServer;
use rustls::RootCertStore;
use service::config::ConfigError;

use crate::{
    answer::{self, Answer, Malformed},
    cloudflare,
    coturn::Coturn,
    hugging_face,
    kept::{Fetch, Kept},
    metrics::ProviderMetrics,
    outbound::{Outbound, system_roots},
    provider::{Provider, ProviderName},
    providers::ProviderArgs,
    request::Token,
    static_list, twilio,
};

/// The providers as configured, with all their secrets at hand.
pub struct Providers {
    links: Vec<Link>,
    life: Duration,
    timeout: Duration,
    roots: RootCertStore,
}

enum Link {
    Coturn,
    Static(Vec<IceServer>),
    Upstream(ProviderName, Box<Request<Bytes>>),
}

impl ProviderArgs {
    /// The providers, to be asked for credentials of that life.
    ///
    /// # Errors
    /// [`ConfigError`] when one lacks a secret, is named twice, or the list is no good.
    pub(crate) fn providers(&self, life: Duration) -> Result<Providers, ConfigError> {
        let names = &self.ice_providers;
        let twice = |(at, name): (usize, &ProviderName)| names[..at].contains(name);
        if names.iter().enumerate().any(twice) {
            return Err(ConfigError::new(
                "TUTURU_ICE_PROVIDERS names a provider twice",
            ));
        }
        if names.contains(&ProviderName::None) && names.len() > 1 {
            return Err(ConfigError::new(
                "TUTURU_ICE_PROVIDERS: none stands alone, it is what comes last anyway",
            ));
        }
        let (text, file) = (self.ice_servers.as_ref(), self.ice_servers_file.as_deref());
        let list = read(text, file, "TUTURU_ICE_SERVERS")?;
        let list = list.map(|list| static_list::parse(list.expose()));
        let list = list.transpose()?;
        let link = |name: &ProviderName| self.link(*name, list.as_deref(), life.as_secs());
        let links = names.iter().filter_map(|name| link(name).transpose());
        let links: Vec<Link> = links.collect::<Result<_, _>>()?;
        warn_of_the_last_word(names);
        links.iter().for_each(Link::warn_of_http);
        let https = links.iter().any(Link::is_https);
        Ok(Providers {
            links,
            life,
            timeout: self.provider_timeout,
            roots: if https {
                system_roots()?
            } else {
                RootCertStore::empty()
            },
        })
    }

    fn link(
        &self,
        name: ProviderName,
        list: Option<&[IceServer]>,
        ttl: u64,
    ) -> Result<Option<Link>, ConfigError> {
        let missing = |variable: &str| {
            ConfigError::new(format!(
                "{variable} is missing: TUTURU_ICE_PROVIDERS names {name}"
            ))
        };
        let needed = |value: &Option<Token>, file: &Option<PathBuf>, variable| {
            read(value.as_ref(), file.as_deref(), variable)?.ok_or_else(|| missing(variable))
        };
        let request = match name {
            ProviderName::None => return Ok(None),
            ProviderName::Coturn => return Ok(Some(Link::Coturn)),
            ProviderName::Static => {
                let list = list.ok_or_else(|| missing("TUTURU_ICE_SERVERS"))?;
                return Ok(Some(Link::Static(list.to_vec())));
            }
            ProviderName::Cloudflare => {
                let key = needed(
                    &self.cloudflare_turn_key_id,
                    &self.cloudflare_turn_key_id_file,
                    "CLOUDFLARE_TURN_KEY_ID",
                )?;
                let token = self.cloudflare_token()?;
                let token = token.ok_or_else(|| missing("CLOUDFLARE_TURN_API_TOKEN"))?;
                cloudflare::request(&self.cloudflare_url, key.expose(), token.expose(), ttl)
            }
            ProviderName::HuggingFace => {
                let token = needed(&self.hf_token, &self.hf_token_file, "HF_TOKEN")?;
                hugging_face::request(&self.hugging_face_url, token.expose(), ttl)
            }
            ProviderName::Twilio => {
                let account = needed(
                    &self.twilio_account_sid,
                    &self.twilio_account_sid_file,
                    "TWILIO_ACCOUNT_SID",
                )?;
                let token = needed(
                    &self.twilio_auth_token,
                    &self.twilio_auth_token_file,
                    "TWILIO_AUTH_TOKEN",
                )?;
                twilio::request(&self.twilio_url, account.expose(), token.expose(), ttl)
            }
        };
        Ok(Some(Link::Upstream(name, Box::new(request?))))
    }

    fn cloudflare_token(&self) -> Result<Option<Token>, ConfigError> {
        let token = read(
            self.cloudflare_turn_api_token.as_ref(),
            self.cloudflare_turn_api_token_file.as_deref(),
            "CLOUDFLARE_TURN_API_TOKEN",
        )?;
        let other = read(
            self.cloudflare_turn_key_api_token.as_ref(),
            self.cloudflare_turn_key_api_token_file.as_deref(),
            "CLOUDFLARE_TURN_KEY_API_TOKEN",
        )?;
        match (&token, &other) {
            (Some(token), Some(other)) if token.expose() != other.expose() => {
                Err(ConfigError::new(
                    "CLOUDFLARE_TURN_API_TOKEN and CLOUDFLARE_TURN_KEY_API_TOKEN differ: keep one",
                ))
            }
            _ => Ok(token.or(other)),
        }
    }
}

fn warn_of_the_last_word(names: &[ProviderName]) {
    let certain = |name: &&ProviderName| {
        matches!(name, ProviderName::Coturn | ProviderName::Static) && Some(*name) != names.last()
    };
    if let Some(name) = names.iter().find(certain) {
        tracing::warn!(provider = %name, "always answers: providers behind it are never asked");
    }
}

impl Link {
    fn is_https(&self) -> bool {
        match self {
            Self::Upstream(_, request) => request.uri().scheme_str() == Some("https"),
            Self::Coturn | Self::Static(_) => false,
        }
    }

    /// A proxy on the same machine is asked without TLS; anything else better is not.
    fn warn_of_http(&self) {
        let Self::Upstream(name, request) = self else {
            return;
        };
        let host = request.uri().host().unwrap_or_default();
        let local = ["localhost", "127.0.0.1", "[::1]"].contains(&host);
        if !self.is_https() && !local {
            tracing::warn!(provider = %name, "asked without TLS: its token can be read on the way");
        }
    }
}

impl Providers {
    /// Whether our own relay is among them.
    #[must_use]
    pub fn has_coturn(&self) -> bool {
        self.links.iter().any(|link| matches!(link, Link::Coturn))
    }

    /// The chain itself; `coturn` is there when it is among them.
    pub(crate) fn chain(
        self,
        mut coturn: Option<Coturn>,
        metrics: &ProviderMetrics,
    ) -> Vec<Provider> {
        let outbound = Outbound::new(self.timeout, self.roots);
        let provider = |link| match link {
            Link::Coturn => coturn.take().map(Provider::Coturn),
            Link::Static(servers) => Some(Provider::Static(servers)),
            Link::Upstream(name, request) => {
                let fetch = fetch(outbound.clone(), *request, parser(name));
                let kept = Kept::new(name, self.life, metrics.clone(), fetch);
                Some(Provider::Upstream(name, kept))
            }
        };
        self.links.into_iter().filter_map(provider).collect()
    }
}

type Parser = fn(&[u8]) -> Result<Answer, Malformed>;

fn parser(name: ProviderName) -> Parser {
    if name == ProviderName::Twilio {
        twilio::parse
    } else {
        answer::parse
    }
}

fn fetch(outbound: Outbound, request: Request<Bytes>, parse: Parser) -> Fetch {
    Box::new(move || {
        let (outbound, request) = (outbound.clone(), request.clone());
        Box::pin(async move { Ok(parse(&outbound.ask(request).await?)?) })
    })
}

/// A token given by value or by file, not both; an empty one is none.
fn read(
    value: Option<&Token>,
    file: Option<&Path>,
    variable: &str,
) -> Result<Option<Token>, ConfigError> {
    let value = value.filter(|token| !token.expose().is_empty());
    let token = match (value, file) {
        (Some(_), Some(_)) => {
            return Err(ConfigError::new(format!(
                "{variable} and {variable}_FILE are both given: keep one"
            )));
        }
        (Some(token), None) => Some(token.clone()),
        (None, None) => None,
        (None, Some(file)) => {
            let text = std::fs::read_to_string(file).map_err(|error| {
                let file = file.display();
                ConfigError::new(format!("{variable}_FILE: cannot read {file}: {error}"))
            })?;
            Some(Token::from(text))
        }
    };
    Ok(token.filter(|token| !token.expose().is_empty()))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Arguments {
        #[command(flatten)]
        providers: ProviderArgs,
    }

    fn providers(arguments: &[&str]) -> Result<Vec<String>, String> {
        let arguments = Arguments::parse_from(["issuer"].iter().chain(arguments));
        let made = arguments.providers.providers(Duration::from_secs(3600));
        let name = |link: &Link| match link {
            Link::Coturn => "coturn".to_owned(),
            Link::Static(servers) => format!("static {}", servers.len()),
            Link::Upstream(name, request) => format!("{name} {}", request.uri()),
        };
        let made = made.map_err(|error| error.to_string())?;
        Ok(made.links.iter().map(name).collect())
    }

    #[test]
    fn they_are_asked_in_the_order_they_are_named() {
        let all = [
            "--ice-providers=twilio, HF,cloudflare,coturn,static",
            "--twilio-account-sid=AC1",
            "--twilio-auth-token=t",
            "--twilio-url=http://127.0.0.1:1",
            "--hf-token=h",
            "--hugging-face-url=http://127.0.0.1:2/x/",
            "--cloudflare-turn-key-id=k",
            "--cloudflare-turn-key-api-token=c",
            "--cloudflare-url=http://127.0.0.1:3",
            r#"--ice-servers=[{"urls":"stun:a"}]"#,
        ];
        assert_eq!(
            providers(&all).unwrap(),
            [
                "twilio http://127.0.0.1:1/2010-04-01/Accounts/AC1/Tokens.json",
                "hugging-face http://127.0.0.1:2/x/credentials?ttl=3600",
                "cloudflare http://127.0.0.1:3/v1/turn/keys/k/credentials/generate-ice-servers",
                "coturn",
                "static 1",
            ]
        );
        assert_eq!(providers(&[]).unwrap(), ["coturn"]);
        assert!(providers(&["--ice-providers=none"]).unwrap().is_empty());
    }

    #[test]
    fn what_is_missing_or_odd_is_one_line_without_a_secret() {
        for (arguments, needle) in [
            (&["--ice-providers=coturn,coturn"][..], "twice"),
            (&["--ice-providers=none,coturn"], "none stands alone"),
            (&["--ice-providers=static"], "TUTURU_ICE_SERVERS is missing"),
            (&["--ice-servers={}"], "TUTURU_ICE_SERVERS is a JSON array"),
            (&["--ice-providers=hf"], "HF_TOKEN is missing"),
            (
                &["--ice-providers=hf", "--hf-token= "],
                "HF_TOKEN is missing",
            ),
            (
                &["--ice-providers=hf", "--hf-token=hush\u{7f}hush"],
                "HF_TOKEN holds",
            ),
            (
                &[
                    "--ice-providers=hf",
                    "--hf-token=hush",
                    "--hf-token-file=/none",
                ],
                "HF_TOKEN and HF_TOKEN_FILE are both given",
            ),
            (
                &["--ice-providers=hf", "--hf-token-file=/none"],
                "HF_TOKEN_FILE: cannot read /none",
            ),
            (
                &["--ice-providers=cloudflare"],
                "CLOUDFLARE_TURN_KEY_ID is missing",
            ),
            (
                &["--ice-providers=cloudflare", "--cloudflare-turn-key-id=k"],
                "CLOUDFLARE_TURN_API_TOKEN is missing",
            ),
            (
                &[
                    "--ice-providers=cloudflare",
                    "--cloudflare-turn-key-id=k",
                    "--cloudflare-turn-api-token=hush",
                    "--cloudflare-turn-key-api-token=hush-hush",
                ],
                "differ",
            ),
            (&["--ice-providers=twilio"], "TWILIO_ACCOUNT_SID is missing"),
            (
                &["--ice-providers=twilio", "--twilio-account-sid=../hush"],
                "TWILIO_AUTH_TOKEN is missing",
            ),
            (
                &[
                    "--ice-providers=twilio",
                    "--twilio-account-sid=../hush",
                    "--twilio-auth-token=hush",
                ],
                "TWILIO_ACCOUNT_SID is made of",
            ),
        ] {
            let error = providers(arguments).unwrap_err();
            assert!(error.contains(needle), "{error}");
            assert!(!error.contains("hush") && !error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn secrets_come_from_files_as_well() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"AC77\n").unwrap();
        let file = format!("--twilio-account-sid-file={}", file.path().display());
        let made = providers(&[
            "--ice-providers=twilio",
            "--twilio-url=http://127.0.0.1:1",
            "--twilio-auth-token=t",
            &file,
        ]);
        assert!(made.unwrap()[0].ends_with("/Accounts/AC77/Tokens.json"));
    }
}
