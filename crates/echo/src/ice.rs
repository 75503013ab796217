//! ICE servers for clients of WHIP and WHEP, which ask for nothing beforehand: from the
//! credential issuer, in the same process or over HTTP.

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context as _;
use clap::Args;
use futures_util::future::BoxFuture;
use protocol::ice::{IceConfiguration, IceServer};
use service::config::{Secret, secret_or_file};

/// A client waits for its answer meanwhile; without ICE servers it still has our own address.
const TIMEOUT: Duration = Duration::from_secs(3);
/// An answer of the issuer is a few hundred bytes.
const MAX_ANSWER: usize = 16 * 1024;

/// A client's pseudonym to its ICE servers.
pub type IceSource = Arc<dyn Fn(String) -> BoxFuture<'static, Vec<IceServer>> + Send + Sync>;

/// Where the issuer is.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "ICE servers")]
pub struct IssuerArgs {
    /// Base URL of the credential issuer; without one clients of WHIP and WHEP are told no
    /// ICE servers.
    #[arg(long, env = "TUTURU_ISSUER_URL", value_name = "URL")]
    pub issuer_url: Option<reqwest::Url>,

    /// Token to show to the credential issuer.
    #[arg(
        long,
        env = "TUTURU_INTERNAL_TOKEN",
        hide_env_values = true,
        value_name = "SECRET"
    )]
    pub internal_token: Option<Secret>,

    /// File that holds the internal token.
    #[arg(long, env = "TUTURU_INTERNAL_TOKEN_FILE", value_name = "FILE")]
    pub internal_token_file: Option<PathBuf>,
}

impl IssuerArgs {
    /// The issuer over HTTP, when there is one.
    ///
    /// # Errors
    /// When the token is given twice or its file is no good, or the URL is no base.
    pub fn source(&self) -> anyhow::Result<Option<IceSource>> {
        let (value, file) = (
            self.internal_token.as_ref(),
            self.internal_token_file.as_deref(),
        );
        let token = secret_or_file(value, file, "TUTURU_INTERNAL_TOKEN")?;
        let Some(base) = &self.issuer_url else {
            return Ok(None);
        };
        let url = base.join("internal/ice-servers").context("no base URL")?;
        let client = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .context("cannot set up the HTTP client")?;
        Ok(Some(Arc::new(move |name| {
            let mut url = url.clone();
            url.query_pairs_mut().append_pair("client", &name);
            let mut request = client.get(url);
            if let Some(token) = &token {
                request = request.bearer_auth(token.expose());
            }
            Box::pin(async move {
                let asked = ask(request).await;
                if asked.is_none() {
                    tracing::warn!("the credential issuer gives no ICE servers");
                }
                asked.unwrap_or_default()
            })
        })))
    }
}

async fn ask(request: reqwest::RequestBuilder) -> Option<Vec<IceServer>> {
    let mut response = request.send().await.ok()?.error_for_status().ok()?;
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.ok()? {
        if body.len() + chunk.len() > MAX_ANSWER {
            return None;
        }
        body.extend_from_slice(&chunk);
    }
    let configuration: IceConfiguration = serde_json::from_slice(&body).ok()?;
    Some(configuration.ice_servers)
}
