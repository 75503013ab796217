//! Which pages may connect. A missing Origin is no browser and is allowed; the page's own
//! host is always allowed (RFC 6455 section 10.2).

use http::{HeaderMap, header};

/// Origins that may, beside the page's own.
#[derive(Debug)]
pub struct OriginList {
    all: bool,
    others: Vec<String>,
}

impl OriginList {
    /// These, and the page's own; `*` is every one.
    #[must_use]
    pub fn new(allowed: &[String]) -> Self {
        let others = allowed.iter().map(|origin| origin.trim_end_matches('/'));
        let others = others.map(str::to_ascii_lowercase).collect();
        Self {
            all: allowed.iter().any(|origin| origin == "*"),
            others,
        }
    }

    /// Whether a request with these headers may come.
    #[must_use]
    pub fn allow(&self, headers: &HeaderMap) -> bool {
        let mut origins = headers.get_all(header::ORIGIN).iter();
        let (origin, more) = (origins.next(), origins.next());
        let Some(origin) = origin else { return true };
        let Ok(origin) = origin.to_str() else {
            return false;
        };
        let origin = origin.to_ascii_lowercase();
        let host = headers
            .get(header::HOST)
            .and_then(|host| host.to_str().ok());
        let own = host.is_some_and(|host| {
            let authority = origin
                .strip_prefix("https://")
                .or(origin.strip_prefix("http://"));
            authority.is_some_and(|authority| authority.eq_ignore_ascii_case(host))
        });
        more.is_none() && (self.all || own || self.others.contains(&origin))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(allowed: &[&str], origins: &[&str]) -> bool {
        let allowed: Vec<String> = allowed.iter().map(ToString::to_string).collect();
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, "call.example:8443".parse().unwrap());
        for origin in origins {
            headers.append(header::ORIGIN, origin.parse().unwrap());
        }
        OriginList::new(&allowed).allow(&headers)
    }

    #[test]
    fn own_pages_listed_pages_and_non_browsers_may_connect() {
        assert!(allows(&[], &[]));
        assert!(allows(&[], &["https://call.example:8443"]));
        assert!(allows(&[], &["http://CALL.example:8443"]));
        assert!(allows(&["https://app.example/"], &["https://app.example"]));
        assert!(allows(&["*"], &["https://anything.example"]));
    }

    #[test]
    fn everybody_else_may_not() {
        for origin in [
            "https://call.example",
            "https://evil.example",
            "null",
            "",
            "call.example:8443",
        ] {
            assert!(!allows(&["https://app.example"], &[origin]), "{origin}");
        }
        let two = ["https://call.example:8443", "https://evil.example"];
        assert!(!allows(&[], &two));
    }
}
