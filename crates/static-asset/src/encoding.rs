//! Which compressed form a client takes (RFC 9110 section 12.5.3).

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
}

/// The best form that the client takes. What it says wrong counts as not said.
pub(crate) fn accepted(headers: &HeaderMap) -> Encoding {
    let values = headers.get_all(header::ACCEPT_ENCODING).iter();
    let values: Vec<&str> = values.filter_map(|value| value.to_str().ok()).collect();
    let entries = || values.iter().flat_map(|value| value.split(','));
    let takes = |name: &str| {
        let of = |wanted: &str| {
            entries().find_map(|entry| {
                let (coding, parameters) = entry.split_once(';').unwrap_or((entry, ""));
                let named = coding.trim().eq_ignore_ascii_case(wanted);
                named.then(|| quality(parameters) > 0.0)
            })
        };
        of(name).or_else(|| of("*")).unwrap_or(false)
    };
    if takes("br") {
        Encoding::Brotli
    } else if takes("gzip") {
        Encoding::Gzip
    } else {
        Encoding::Identity
    }
}

fn quality(parameters: &str) -> f32 {
    let value = parameters
        .trim()
        .strip_prefix("q=")
        .or(parameters.trim().strip_prefix("Q="));
    value.map_or(1.0, |value| value.trim().parse().unwrap_or(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(value: &str) -> Encoding {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_ENCODING, value.parse().unwrap());
        accepted(&headers)
    }

    #[test]
    fn the_best_accepted_form_wins() {
        assert_eq!(of("gzip, deflate, br, zstd"), Encoding::Brotli);
        assert_eq!(of("gzip;q=1.0, br;q=0"), Encoding::Gzip);
        assert_eq!(of("*"), Encoding::Brotli);
        assert_eq!(of("*;q=0, gzip"), Encoding::Gzip);
        assert_eq!(of("identity"), Encoding::Identity);
        assert_eq!(of("br;q=nonsense, GZIP ; q=0.5"), Encoding::Gzip);
        assert_eq!(accepted(&HeaderMap::new()), Encoding::Identity);
    }
}
