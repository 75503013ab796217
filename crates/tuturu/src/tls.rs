//! https: a given certificate, or one that this machine signs for itself.

use std::{
    net::IpAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context as _;
use clap::Args;
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use service::certificate;

use crate::secrets;

/// https beside http.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "https")]
pub(crate) struct TlsArgs {
    /// Serve https as well; with a self-signed certificate unless one is given.
    #[arg(long, env = "TUTURU_HTTPS", default_value_t = false)]
    pub(crate) https: bool,

    /// Address of https.
    #[arg(
        long,
        env = "TUTURU_HTTPS_LISTEN",
        default_value = "0.0.0.0:8443",
        value_name = "ADDRESS"
    )]
    pub(crate) https_listen: std::net::SocketAddr,

    /// PEM file with the certificate and its chain.
    #[arg(
        long,
        env = "TUTURU_CERTIFICATE",
        requires = "private_key",
        value_name = "FILE"
    )]
    pub(crate) certificate: Option<PathBuf>,

    /// PEM file with the certificate's private key.
    #[arg(
        long,
        env = "TUTURU_PRIVATE_KEY",
        requires = "certificate",
        value_name = "FILE"
    )]
    pub(crate) private_key: Option<PathBuf>,
}

/// What the https listener needs.
pub(crate) struct Https {
    pub(crate) config: Arc<ServerConfig>,
    /// When the certificate expires, in unix seconds.
    pub(crate) expiry: Option<i64>,
}

/// The set-up of the https listener; `None` without https.
pub(crate) fn config(
    args: &TlsArgs,
    state: Option<&Path>,
    addresses: &[IpAddr],
) -> anyhow::Result<Option<Https>> {
    if !args.https {
        return Ok(None);
    }
    let (chain, key) = match (&args.certificate, &args.private_key) {
        (Some(certificate), Some(key)) => (read(certificate)?, read(key)?),
        _ => self_signed(state, addresses)?,
    };
    let chain: Vec<_> = CertificateDer::pem_slice_iter(chain.as_bytes())
        .collect::<Result<_, _>>()
        .context("the certificate is not PEM")?;
    let expiry = chain.first().and_then(certificate::expiry);
    let key =
        PrivateKeyDer::from_pem_slice(key.as_bytes()).context("the private key is not PEM")?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .context("no TLS versions")?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .context("certificate and private key do not fit together")?;
    // WebSockets are upgraded HTTP/1.1 connections.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let config = Arc::new(config);
    Ok(Some(Https { config, expiry }))
}

fn read(file: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
}

/// A certificate for every name and address of this machine. It is kept with the state, so
/// that a browser's exception for it lasts.
fn self_signed(state: Option<&Path>, addresses: &[IpAddr]) -> anyhow::Result<(String, String)> {
    let files = state.map(|state| (state.join("certificate.pem"), state.join("private-key.pem")));
    if let Some((certificate, key)) = &files
        && certificate.exists()
        && key.exists()
    {
        return Ok((read(certificate)?, read(key)?));
    }
    let mut names = vec![
        "localhost".to_owned(),
        "127.0.0.1".to_owned(),
        "::1".to_owned(),
    ];
    names.extend(addresses.iter().map(ToString::to_string));
    let made = rcgen::generate_simple_self_signed(names).context("cannot make a certificate")?;
    let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    if let Some((certificate_file, key_file)) = &files {
        secrets::keep(key_file, &key)?;
        secrets::keep(certificate_file, &certificate)?;
    }
    Ok((certificate, key))
}
