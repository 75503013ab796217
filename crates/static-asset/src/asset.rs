//! One file, in every form that it is served in.

use std::{
    io::{self, Write as _},
    sync::OnceLock,
};

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use headers::ETag;
use mime_guess::Mime;
use sha2::{Digest as _, Sha256};

use crate::encoding::Encoding;

/// A file with its compressed forms; each has an entity tag of its own. A form is made when
/// it is first asked for, once, however many ask.
#[derive(Debug)]
pub(crate) struct Asset {
    pub(crate) content_type: String,
    /// SHA-256 of the content, 32 hexadecimal digits of it.
    digest: String,
    compressible: bool,
    effort: Effort,
    identity: Bytes,
    brotli: OnceLock<Option<Bytes>>,
    gzip: OnceLock<Option<Bytes>>,
}

/// How much work compression may be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Effort {
    /// Once, at the start.
    Best,
    /// While somebody waits.
    Quick,
}

impl Asset {
    pub(crate) fn new(name: &str, content: Bytes, effort: Effort) -> Self {
        let kind = mime_guess::from_path(name).first_or_octet_stream();
        let (text, compressible) = nature(&kind);
        Self {
            content_type: if text {
                format!("{kind}; charset=utf-8")
            } else {
                kind.to_string()
            },
            digest: hex(&Sha256::digest(&content)[..16]),
            compressible,
            effort,
            identity: content,
            brotli: OnceLock::new(),
            gzip: OnceLock::new(),
        }
    }

    /// The first of the wanted forms that there is, else the content as it is. Blocking:
    /// it may compress.
    pub(crate) fn form(&self, wanted: &[Encoding]) -> (Encoding, Bytes) {
        let form = wanted.iter().find_map(|encoding| {
            let form = match encoding {
                Encoding::Brotli => self.compressed(&self.brotli, brotli)?,
                Encoding::Gzip => self.compressed(&self.gzip, gzip)?,
                Encoding::Identity => self.identity.clone(),
            };
            Some((*encoding, form))
        });
        form.unwrap_or_else(|| (Encoding::Identity, self.identity.clone()))
    }

    fn compressed(
        &self,
        form: &OnceLock<Option<Bytes>>,
        compress: fn(&[u8], Effort) -> io::Result<Vec<u8>>,
    ) -> Option<Bytes> {
        let make = || {
            let form = compress(&self.identity, self.effort).ok()?;
            (form.len() < self.identity.len()).then(|| form.into())
        };
        let form = self.compressible.then(|| form.get_or_init(make))?;
        form.clone()
    }

    /// Whether the form depends on what the client takes.
    pub(crate) fn varies(&self) -> bool {
        self.compressible
    }

    pub(crate) fn tag(&self, encoding: Encoding) -> ETag {
        let tag = format!("\"{}-{}\"", self.digest, encoding.name());
        tag.parse().expect("hexadecimal digits are a tag")
    }

    /// What it costs at most to keep: no form is larger than the content.
    pub(crate) fn weight(&self) -> usize {
        self.identity.len() * if self.compressible { 3 } else { 1 }
    }
}

/// Whether it is text in UTF-8, and whether compression pays.
fn nature(kind: &Mime) -> (bool, bool) {
    let name = kind.subtype().as_str();
    let suffix = kind.suffix().map_or("", |suffix| suffix.as_str());
    let text = kind.type_() == "text" || matches!(name, "javascript" | "json") || suffix == "json";
    let font = matches!(
        kind.essence_str(),
        "font/ttf" | "font/otf" | "application/font-sfnt"
    );
    (text, text || font || name == "wasm" || suffix == "xml")
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn brotli(content: &[u8], effort: Effort) -> io::Result<Vec<u8>> {
    let quality = match effort {
        Effort::Best => 11,
        Effort::Quick => 5,
    };
    let parameters = brotli::enc::BrotliEncoderParams {
        quality,
        ..Default::default()
    };
    let mut form = Vec::new();
    brotli::BrotliCompress(&mut &*content, &mut form, &parameters)?;
    Ok(form)
}

fn gzip(content: &[u8], effort: Effort) -> io::Result<Vec<u8>> {
    let level = match effort {
        Effort::Best => Compression::best(),
        Effort::Quick => Compression::default(),
    };
    let mut encoder = GzEncoder::new(Vec::new(), level);
    encoder.write_all(content)?;
    encoder.finish()
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use proptest::prelude::*;

    use super::{
        Encoding::{Brotli, Gzip, Identity},
        *,
    };

    fn asset(name: &str, content: &[u8]) -> Asset {
        Asset::new(name, Bytes::copy_from_slice(content), Effort::Quick)
    }

    #[test]
    fn a_form_is_offered_only_where_it_is_smaller() {
        let long = asset("a.js", &[b'a'; 4096]);
        assert_eq!(long.form(&[Brotli, Gzip]).0, Brotli);
        assert_eq!(long.form(&[Gzip, Brotli]).0, Gzip);
        assert_eq!(long.form(&[Identity, Brotli]).0, Identity);
        assert_eq!(long.form(&[]).0, Identity);
        assert_eq!(asset("a.js", b"a").form(&[Brotli, Gzip]).0, Identity);
        assert_eq!(asset("a.png", &[0; 4096]).form(&[Brotli]).0, Identity);
    }

    #[test]
    fn kinds_of_a_compiled_page() {
        for (name, kind, varies) in [
            ("index.html", "text/html; charset=utf-8", true),
            ("main.dart.js", "text/javascript; charset=utf-8", true),
            ("canvaskit.wasm", "application/wasm", true),
            ("manifest.json", "application/json; charset=utf-8", true),
            (
                "manifest.webmanifest",
                "application/manifest+json; charset=utf-8",
                true,
            ),
            ("icon.svg", "image/svg+xml", true),
            ("MaterialIcons.otf", "application/font-sfnt", true),
            ("icon.png", "image/png", false),
            ("AssetManifest.bin", "application/octet-stream", false),
            ("NOTICES", "application/octet-stream", false),
        ] {
            let asset = asset(name, b"x");
            assert_eq!((&*asset.content_type, asset.varies()), (kind, varies));
        }
    }

    proptest! {
        #[test]
        fn every_form_is_the_same_content(content in prop::collection::vec(0_u8..4, 0..3000)) {
            let asset = asset("a.css", &content);
            let (mut one, mut two) = (Vec::new(), Vec::new());
            match asset.form(&[Brotli]) {
                (Brotli, form) => brotli::BrotliDecompress(&mut &*form, &mut one).unwrap(),
                (_, form) => one.extend(form),
            }
            match asset.form(&[Gzip]) {
                (Gzip, form) => {
                    flate2::read::GzDecoder::new(&*form).read_to_end(&mut two).unwrap();
                }
                (_, form) => two.extend(form),
            }
            prop_assert!(one == content && two == content);
        }
    }
}
