//! TLS as callers see it. A certificate that is no good is told, and the connection is used
//! all the same, so that everything behind it is looked at too.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::Context as _;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::ring,
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject as _},
};
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::{TlsConnector, client::TlsStream};

/// Fewer days than this, and the renewal does not work.
const FEW_DAYS: u64 = 14;

/// 31 December 9999, the last day that a certificate can name.
const END_OF_TIME: Duration = Duration::from_secs(253_402_300_799);

/// What a certificate was found to be.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    /// For this name, now.
    pub(super) verdict: Result<(), Error>,
    /// Unix seconds of its end.
    pub(super) expires: Option<u64>,
    pub(super) now: u64,
}

/// The roots to check with: this machine's, and those of a file.
pub(super) fn roots(ca: Option<&Path>) -> anyhow::Result<Arc<RootCertStore>> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(file) = ca {
        let why = || format!("cannot read certificates from {}", file.display());
        let pem = std::fs::read(file).with_context(why)?;
        let certificates: Vec<_> = CertificateDer::pem_slice_iter(&pem)
            .collect::<Result<_, _>>()
            .with_context(why)?;
        anyhow::ensure!(
            !certificates.is_empty(),
            "{} holds no certificate",
            file.display()
        );
        for certificate in certificates {
            roots.add(certificate).with_context(why)?;
        }
    }
    anyhow::ensure!(
        !roots.is_empty(),
        "this machine has no root certificates: install ca-certificates, or name some with --ca"
    );
    Ok(Arc::new(roots))
}

/// Connects, and tells what the certificate is worth.
pub(super) async fn connect(
    stream: TcpStream,
    name: &str,
    roots: &Arc<RootCertStore>,
    patience: Duration,
) -> Result<(TlsStream<TcpStream>, Seen), String> {
    let provider = Arc::new(ring::default_provider());
    let inner =
        WebPkiServerVerifier::builder_with_provider(Arc::clone(roots), Arc::clone(&provider))
            .build()
            .map_err(|error| error.to_string())?;
    let witness = Arc::new(Witness {
        inner,
        seen: Mutex::default(),
    });
    let verifier: Arc<dyn ServerCertVerifier> = Arc::clone(&witness) as _;
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    let server =
        ServerName::try_from(name.to_owned()).map_err(|_| format!("{name} is no name for TLS"))?;
    let connecting = TlsConnector::from(Arc::new(config)).connect(server, stream);
    let stream = timeout(patience, connecting)
        .await
        .map_err(|_| "no TLS handshake in time".to_owned())?
        .map_err(|error| format!("no TLS: {error}"))?;
    let seen = witness
        .seen
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    let seen = seen.ok_or_else(|| "the server showed no certificate".to_owned())?;
    Ok((stream, seen))
}

/// The finding about a certificate: what was seen and, where it is no good, what to do.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "what is not told apart is told in the library's words"
)]
pub(super) fn judge(seen: &Seen, name: &str) -> Result<String, (String, String)> {
    let days = seen
        .expires
        .map(|end| end.saturating_sub(seen.now) / 86_400);
    if let Err(error) = &seen.verdict {
        let (what, advice) = match error {
            Error::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => (
                "the certificate has expired".to_owned(),
                "renew it: see the log of certbot, and that port 80 is open".to_owned(),
            ),
            Error::InvalidCertificate(CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. }) => (
                "the certificate is not valid yet".to_owned(),
                "check the clocks of this machine and of the server".to_owned(),
            ),
            Error::InvalidCertificate(CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }) => (
                format!("the certificate is not for {name}"),
                format!("issue one that names {name} as well"),
            ),
            Error::InvalidCertificate(
                // Somebody known has that name, but another key.
                CertificateError::UnknownIssuer | CertificateError::BadSignature,
            ) => (
                "nobody known vouches for the certificate".to_owned(),
                "set TLS_MODE=letsencrypt, serve fullchain.pem with all intermediates, or give its CA with --ca".to_owned(),
            ),
            other => (format!("the certificate is no good: {other}"), "replace it".to_owned()),
        };
        return Err((what, advice));
    }
    match days {
        Some(days) if days < FEW_DAYS => Err((
            format!("valid, but for {days} more days only"),
            "its renewal does not work: see the log of certbot".to_owned(),
        )),
        Some(days) => Ok(format!("valid for {name}, {days} days left")),
        None => Ok(format!("valid for {name}")),
    }
}

#[derive(Debug)]
struct Witness {
    inner: Arc<WebPkiServerVerifier>,
    seen: Mutex<Option<Seen>>,
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        end: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let at = |time| {
            self.inner
                .verify_server_cert(end, intermediates, name, ocsp, time)
                .map(drop)
        };
        // At the end of time it has expired, and the error says when.
        let expires = match at(UnixTime::since_unix_epoch(END_OF_TIME)) {
            Err(Error::InvalidCertificate(CertificateError::ExpiredContext {
                not_after, ..
            })) => Some(not_after.as_secs()),
            _ => None,
        };
        let seen = Seen {
            verdict: at(now),
            expires,
            now: now.as_secs(),
        };
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(seen);
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_and_reasons_told_apart() {
        let seen = |verdict, days: u64| Seen {
            verdict,
            expires: Some(1_000_000 + days * 86_400),
            now: 1_000_000,
        };
        assert!(judge(&seen(Ok(()), 60), "a.org").is_ok_and(|text| text.contains("60 days")));
        assert!(judge(&seen(Ok(()), 14), "a.org").is_ok());
        assert!(judge(&seen(Ok(()), 13), "a.org").is_err());
        for (error, what) in [
            (CertificateError::Expired, "expired"),
            (CertificateError::NotValidForName, "not for a.org"),
            (CertificateError::UnknownIssuer, "nobody known"),
            (CertificateError::BadSignature, "nobody known"),
            (CertificateError::BadEncoding, "no good"),
        ] {
            let (said, advice) =
                judge(&seen(Err(Error::InvalidCertificate(error)), 60), "a.org").unwrap_err();
            assert!(said.contains(what) && !advice.is_empty(), "{said}");
        }
    }
}
