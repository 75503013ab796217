//! When the certificate that callers see expires, for those who watch.

use std::{
    path::PathBuf,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use clap::Args;
use prometheus::{
    IntGauge, Registry,
    core::{Collector, Desc},
    proto::MetricFamily,
};
use tokio_rustls::rustls::pki_types::{CertificateDer, pem::PemObject as _};
use x509_parser::{certificate::X509Certificate, prelude::FromDer as _};

/// A renewal is seen within this time.
const READ_AGAIN: Duration = Duration::from_secs(60);

/// Which certificate to watch.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Admin")]
pub struct CertificateArgs {
    /// PEM file with the certificate that the TLS proxy in front serves: /metrics tells when
    /// it expires. Read again every minute.
    #[arg(long, env = "TUTURU_CERTIFICATE_FILE", value_name = "FILE")]
    pub certificate_file: Option<PathBuf>,
}

impl CertificateArgs {
    /// Tells of the file's certificate from now on, if there is such a file.
    ///
    /// # Errors
    /// When the metric is registered already.
    pub fn watch(&self, registry: &Registry) -> prometheus::Result<()> {
        let Some(file) = self.certificate_file.clone() else {
            return Ok(());
        };
        let seen = Mutex::default();
        let gauge = gauge()?;
        registry.register(Box::new(Watched { file, gauge, seen }))
    }
}

/// Tells of a certificate that stays for as long as the process does.
///
/// # Errors
/// When the metric is registered already.
pub fn tell(expiry: i64, registry: &Registry) -> prometheus::Result<()> {
    let gauge = gauge()?;
    gauge.set(expiry);
    registry.register(Box::new(gauge))
}

/// When the first certificate of a chain expires, in unix seconds. `None` when it cannot be
/// read.
#[must_use]
pub fn expiry(certificate: &CertificateDer<'_>) -> Option<i64> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    Some(certificate.validity().not_after.timestamp())
}

fn gauge() -> prometheus::Result<IntGauge> {
    IntGauge::new(
        "tuturu_certificate_expiry_timestamp_seconds",
        "When the certificate expires, in seconds since 1970.",
    )
}

/// A file that others renew. While it cannot be read there is no metric.
struct Watched {
    file: PathBuf,
    gauge: IntGauge,
    seen: Mutex<Option<Seen>>,
}

struct Seen {
    at: Instant,
    expiry: Option<i64>,
}

impl Watched {
    fn read(&self) -> Option<i64> {
        let pem = std::fs::read(&self.file).ok()?;
        expiry(&CertificateDer::from_pem_slice(&pem).ok()?)
    }

    fn expiry(&self, now: Instant) -> Option<i64> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(seen) = &*seen
            && now.duration_since(seen.at) < READ_AGAIN
        {
            return seen.expiry;
        }
        let expiry = self.read();
        let known = seen.as_ref().is_none_or(|seen| seen.expiry.is_some());
        if expiry.is_none() && known {
            tracing::warn!("there is no readable certificate in TUTURU_CERTIFICATE_FILE");
        }
        *seen = Some(Seen { at: now, expiry });
        expiry
    }
}

impl Collector for Watched {
    fn desc(&self) -> Vec<&Desc> {
        self.gauge.desc()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        self.expiry(Instant::now()).map_or_else(Vec::new, |expiry| {
            self.gauge.set(expiry);
            self.gauge.collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made with `openssl req -x509 -days …`; expires on 2034-05-06 07:08:09 UTC.
    const PEM: &str = include_str!("../tests/keys/certificate.pem");
    const EXPIRY: i64 = 2_030_512_089;

    #[test]
    fn the_first_certificate_of_the_file_is_told_and_read_again_after_a_minute() {
        let file = std::env::temp_dir().join(format!("tuturu-watched-{}.pem", std::process::id()));
        let watched = Watched {
            file: file.clone(),
            gauge: gauge().unwrap(),
            seen: Mutex::default(),
        };
        let start = Instant::now();
        assert_eq!(watched.expiry(start), None);
        std::fs::write(&file, format!("{PEM}\n{PEM}")).unwrap();
        let later = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(watched.expiry(later(59)), None, "a scrape costs no reading");
        assert_eq!(watched.expiry(later(60)), Some(EXPIRY));
        std::fs::write(&file, "no certificate").unwrap();
        assert_eq!(watched.expiry(later(119)), Some(EXPIRY));
        assert_eq!(watched.expiry(later(120)), None);
        std::fs::remove_file(&file).unwrap();
    }

    #[test]
    fn what_cannot_be_read_is_no_metric() {
        let watched = Watched {
            file: "/nowhere".into(),
            gauge: gauge().unwrap(),
            seen: Mutex::default(),
        };
        assert!(watched.collect().is_empty());
        assert_eq!(expiry(&CertificateDer::from(vec![0x30, 0x03])), None);
    }
}
