//! Requests to providers: bounded in time and size, nothing followed, nothing passed on.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use rustls::{ClientConfig, RootCertStore};
use service::config::ConfigError;

/// An answer of a provider is a few hundred bytes.
const MAX_ANSWER: usize = 64 * 1024;

/// Why a provider gave nothing. SECURITY: not a byte of its answer is in here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failure {
    #[error("it took too long")]
    Timeout,
    #[error("it cannot be reached")]
    Unreachable,
    #[error("it answered with status {0}")]
    Status(u16),
    #[error("it wanted to redirect the request")]
    Redirect,
    #[error("its answer is too large")]
    TooLarge,
    #[error("its answer is no good: {0}")]
    Malformed(#[from] crate::answer::Malformed),
    #[error("it failed too often to be asked")]
    Open,
}

/// The HTTP client of all providers.
#[derive(Clone)]
pub(crate) struct Outbound {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    timeout: Duration,
}

impl Outbound {
    pub(crate) fn new(timeout: Duration, roots: RootCertStore) -> Self {
        // Named here because a process-wide default may be another one.
        let ring = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(ring)
            .with_safe_default_protocol_versions()
            .expect("ring speaks TLS 1.2 and 1.3")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .build();
        // Requests are half a life apart: no connection is worth keeping.
        let client = Client::builder(TokioExecutor::new())
            .pool_max_idle_per_host(0)
            .build(connector);
        Self { client, timeout }
    }

    /// The body of a 2xx answer.
    pub(crate) async fn ask(&self, request: Request<Bytes>) -> Result<Bytes, Failure> {
        tokio::time::timeout(self.timeout, self.exchange(request))
            .await
            .unwrap_or(Err(Failure::Timeout))
    }

    async fn exchange(&self, request: Request<Bytes>) -> Result<Bytes, Failure> {
        let answer = self.client.request(request.map(Full::new)).await;
        let answer = answer.map_err(|_| Failure::Unreachable)?;
        let status = answer.status();
        // SECURITY: a redirect may lead anywhere, with our token in its bag.
        if status.is_redirection() {
            return Err(Failure::Redirect);
        }
        if !status.is_success() {
            return Err(Failure::Status(status.as_u16()));
        }
        let body = Limited::new(answer.into_body(), MAX_ANSWER).collect().await;
        match body {
            Ok(body) => Ok(body.to_bytes()),
            Err(error) if error.is::<LengthLimitError>() => Err(Failure::TooLarge),
            Err(_) => Err(Failure::Unreachable),
        }
    }
}

/// The certificates that this machine trusts; `SSL_CERT_FILE` names others.
pub(crate) fn system_roots() -> Result<RootCertStore, ConfigError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return Err(ConfigError::new(
            "no root certificates are found to check a TURN provider with: \
             install ca-certificates, or name a PEM file in SSL_CERT_FILE",
        ));
    }
    Ok(roots)
}
