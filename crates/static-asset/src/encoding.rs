//! Which forms of a file a client takes, best first (RFC 9110 section 12.5.3).

use http::{HeaderMap, header};

/// A form of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Brotli,
    Gzip,
    Identity,
}

impl Encoding {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Gzip => "gzip",
            Self::Identity => "identity",
        }
    }

    fn of(coding: &str) -> Option<Self> {
        match coding.to_ascii_lowercase().as_str() {
            "br" => Some(Self::Brotli),
            "gzip" | "x-gzip" => Some(Self::Gzip),
            "identity" => Some(Self::Identity),
            _ => None,
        }
    }
}

/// Weights are thousandths.
const FULL: u16 = 1000;

/// What the client takes, best first; the smaller form where it does not mind. Entries that
/// cannot be read count as refused. The list may be empty: whoever refuses everything gets
/// the file as it is, which helps more than an error.
pub(crate) fn accepted(headers: &HeaderMap) -> Vec<Encoding> {
    let mut weights = [None; 3];
    let mut others = None;
    let values = headers.get_all(header::ACCEPT_ENCODING).iter();
    for entry in values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
    {
        let (coding, parameters) = entry.split_once(';').unwrap_or((entry, ""));
        let weight = match coding.trim() {
            "*" => &mut others,
            coding => match Encoding::of(coding) {
                Some(encoding) => &mut weights[encoding as usize],
                None => continue,
            },
        };
        weight.get_or_insert(quality(parameters));
    }
    let weight = |encoding: Encoding| match (weights[encoding as usize], others, encoding) {
        (Some(weight), _, _) | (None, Some(weight), _) => weight,
        // Not mentioned, it is welcome only where nothing else fits.
        (None, None, Encoding::Identity) => 1,
        (None, None, Encoding::Brotli | Encoding::Gzip) => 0,
    };
    let mut accepted = vec![Encoding::Brotli, Encoding::Gzip, Encoding::Identity];
    accepted.retain(|encoding| weight(*encoding) > 0);
    accepted.sort_by_key(|encoding| FULL - weight(*encoding));
    accepted
}

/// `q=0.5`, in thousandths; full weight where there is none, zero where it is nonsense.
fn quality(parameters: &str) -> u16 {
    let parameters = parameters.trim();
    if parameters.is_empty() {
        return FULL;
    }
    let value = parameters
        .strip_prefix("q=")
        .or_else(|| parameters.strip_prefix("Q="));
    value.and_then(thousandths).unwrap_or(0)
}

fn thousandths(value: &str) -> Option<u16> {
    let (whole, fraction) = value.split_once('.').unwrap_or((value, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let fraction: u16 = format!("{fraction:0<3}").parse().ok()?;
    match whole {
        "0" => Some(fraction),
        "1" if fraction == 0 => Some(FULL),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{
        Encoding::{Brotli, Gzip, Identity},
        *,
    };

    fn of(value: &str) -> Vec<Encoding> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_ENCODING, value.parse().unwrap());
        accepted(&headers)
    }

    #[test]
    fn the_best_accepted_form_is_first() {
        for (value, expected) in [
            ("gzip, deflate, br, zstd", vec![Brotli, Gzip, Identity]),
            ("gzip;q=1.0, br;q=0", vec![Gzip, Identity]),
            ("gzip;q=1, br;q=0.999", vec![Gzip, Brotli, Identity]),
            ("*", vec![Brotli, Gzip, Identity]),
            ("*;q=0, gzip", vec![Gzip]),
            ("*;q=0", vec![]),
            ("gzip, identity;q=0", vec![Gzip]),
            ("identity", vec![Identity]),
            ("identity;q=1, *;q=0", vec![Identity]),
            ("identity, br;q=0.5", vec![Identity, Brotli]),
            ("br;q=nonsense, X-GZIP ; q=0.5", vec![Gzip, Identity]),
            ("br;q=1.1, gzip;q=-1, br;q=inf", vec![Identity]),
            ("deflate, zstd", vec![Identity]),
            ("", vec![Identity]),
        ] {
            assert_eq!(of(value), expected, "{value}");
        }
        assert_eq!(accepted(&HeaderMap::new()), [Identity]);
    }

    #[test]
    fn several_headers_are_one_list() {
        let mut headers = HeaderMap::new();
        headers.append(header::ACCEPT_ENCODING, "gzip".parse().unwrap());
        headers.append(header::ACCEPT_ENCODING, "br".parse().unwrap());
        assert_eq!(accepted(&headers), [Brotli, Gzip, Identity]);
    }

    proptest! {
        #[test]
        fn what_is_refused_is_never_offered(value in "((br|gzip|identity|\\*|x)(;q=[01](\\.[0-9]{0,4})?)?, ?){0,6}") {
            let accepted = of(&value);
            for encoding in [Brotli, Gzip, Identity] {
                let first = value.split(',').map(str::trim).find_map(|entry| {
                    let (coding, weight) = entry.split_once(";q=").unwrap_or((entry, "1"));
                    (coding == encoding.name()).then(|| weight.parse::<f32>().unwrap())
                });
                if first == Some(0.0) {
                    prop_assert!(!accepted.contains(&encoding));
                }
            }
        }
    }
}
