//! One file, in every form that it is served in.

use std::io::Write as _;

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use headers::ETag;
use sha2::{Digest as _, Sha256};

use crate::encoding::Encoding;

/// A file with its compressed forms; each has an entity tag of its own.
#[derive(Debug)]
pub(crate) struct Asset {
    pub(crate) content_type: String,
    /// SHA-256 of the content, 32 hexadecimal digits of it.
    digest: String,
    identity: Bytes,
    brotli: Option<Bytes>,
    gzip: Option<Bytes>,
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
    pub(crate) fn prepare(name: &str, content: Bytes, effort: Effort) -> Self {
        let kind = mime_guess::from_path(name).first_or_octet_stream();
        let text = kind.type_() == "text"
            || matches!(
                kind.subtype().as_str(),
                "javascript" | "json" | "wasm" | "manifest+json"
            )
            || kind
                .suffix()
                .is_some_and(|suffix| suffix == "xml" || suffix == "json");
        let worthwhile = |form: Vec<u8>| (form.len() < content.len()).then(|| Bytes::from(form));
        let utf8 = text && kind.subtype() != "wasm" && kind.type_() != "image";
        Self {
            content_type: if utf8 {
                format!("{kind}; charset=utf-8")
            } else {
                kind.to_string()
            },
            digest: hex(&Sha256::digest(&content)[..16]),
            brotli: text.then(|| brotli(&content, effort)).and_then(worthwhile),
            gzip: text.then(|| gzip(&content, effort)).and_then(worthwhile),
            identity: content,
        }
    }

    /// The content in that form, or as it is where there is none.
    pub(crate) fn form(&self, encoding: Encoding) -> (Encoding, Bytes) {
        let form = match encoding {
            Encoding::Brotli => self.brotli.clone(),
            Encoding::Gzip => self.gzip.clone(),
            Encoding::Identity => None,
        };
        form.map_or_else(
            || (Encoding::Identity, self.identity.clone()),
            |form| (encoding, form),
        )
    }

    /// Whether the form depends on what the client takes.
    pub(crate) fn varies(&self) -> bool {
        self.brotli.is_some() || self.gzip.is_some()
    }

    pub(crate) fn tag(&self, encoding: Encoding) -> ETag {
        let tag = format!("\"{}-{}\"", self.digest, encoding.name());
        tag.parse().expect("hexadecimal digits are a tag")
    }

    /// What it costs to keep.
    pub(crate) fn weight(&self) -> usize {
        let of = |form: &Option<Bytes>| form.as_ref().map_or(0, Bytes::len);
        self.identity.len() + of(&self.brotli) + of(&self.gzip)
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn brotli(content: &[u8], effort: Effort) -> Vec<u8> {
    let quality = match effort {
        Effort::Best => 11,
        Effort::Quick => 5,
    };
    let parameters = brotli::enc::BrotliEncoderParams {
        quality,
        ..Default::default()
    };
    let mut form = Vec::new();
    let done = brotli::BrotliCompress(&mut &*content, &mut form, &parameters);
    // An empty form is never smaller than the content, so a failure is no form at all.
    if done.is_err() {
        content.to_vec()
    } else {
        form
    }
}

fn gzip(content: &[u8], effort: Effort) -> Vec<u8> {
    let level = match effort {
        Effort::Best => Compression::best(),
        Effort::Quick => Compression::new(6),
    };
    let mut encoder = GzEncoder::new(Vec::new(), level);
    let written = encoder.write_all(content).and_then(|()| encoder.finish());
    written.unwrap_or_else(|_| content.to_vec())
}
