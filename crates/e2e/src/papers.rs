//! Certificates of a small authority that nobody else trusts.

use std::{path::Path, process::Command, sync::Arc};

use anyhow::{Context as _, Result, ensure};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::{RootCertStore, pki_types::CertificateDer};

/// The authority.
pub struct Papers {
    issuer: Issuer<'static, KeyPair>,
    certificate: rcgen::Certificate,
}

/// A certificate and its key.
pub struct Certificate {
    /// The chain, in PEM.
    pub chain: String,
    /// The key, in PEM.
    pub key: String,
    /// The certificate as it is seen in a handshake.
    pub der: CertificateDer<'static>,
}

impl Papers {
    /// A new authority.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn new() -> Result<Self> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
            .distinguished_name
            .push(DnType::CommonName, "an authority of tests");
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?;
        let issuer = Issuer::new(params, key);
        Ok(Self {
            issuer,
            certificate,
        })
    }

    /// A certificate for these names that ends with that year.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn sign(&self, names: &[&str], year: i32) -> Result<Certificate> {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(names)?;
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(year, 12, 31);
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(Certificate {
            chain: certificate.pem(),
            key: key.serialize_pem(),
            der: certificate.der().clone(),
        })
    }

    /// The authority's own certificate, in PEM.
    #[must_use]
    pub fn authority(&self) -> String {
        self.certificate.pem()
    }

    /// Roots for who trusts this authority alone.
    ///
    /// # Errors
    /// Never, unless the authority is broken.
    pub fn roots(&self) -> Result<Arc<RootCertStore>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.der().clone())?;
        Ok(Arc::new(roots))
    }

    /// Makes a home whose Chromium trusts this authority.
    ///
    /// # Errors
    /// When there is no `certutil`.
    pub fn trusted_at(&self, home: &Path) -> Result<()> {
        let store = home.join(".pki/nssdb");
        std::fs::create_dir_all(&store)?;
        let file = home.join("authority.pem");
        std::fs::write(&file, self.authority())?;
        let store = format!("sql:{}", store.display());
        let certutil = |arguments: &[&str]| -> Result<()> {
            let mut command = Command::new("certutil");
            let done = command.args(["-d", &store]).args(arguments).status();
            let done = done.context("certutil is missing: apt-get install libnss3-tools")?;
            ensure!(done.success(), "certutil {arguments:?}: {done}");
            Ok(())
        };
        certutil(&["-N", "--empty-password"])?;
        let file = file.to_string_lossy();
        certutil(&["-A", "-t", "C,,", "-n", "authority", "-i", &file])
    }
}
