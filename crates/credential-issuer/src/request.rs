//! Parts of requests to providers, checked once at the start.

use std::{fmt, str::FromStr};

use http::{HeaderValue, Uri};
use service::config::ConfigError;

/// Longest identifier in a path.
const MAX_SEGMENT: usize = 128;

/// Where a provider is: `https://host[:port][/path]`. http is for a proxy or a test on the
/// same network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl(Uri);

impl BaseUrl {
    /// The address of a path under it, which begins with a slash.
    pub(crate) fn join(&self, path: &str) -> Result<Uri, ConfigError> {
        let base = self.0.to_string();
        format!("{}{path}", base.trim_end_matches('/'))
            .parse()
            .map_err(|_| ConfigError::new("a provider's URL is too long"))
    }
}

impl FromStr for BaseUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = "a base URL is like https://turn.example.org, without user and query";
        let uri: Uri = text.parse().map_err(|_| wrong)?;
        let scheme = matches!(uri.scheme_str(), Some("https" | "http"));
        let authority = uri.authority().is_some_and(|authority| {
            !authority.host().is_empty() && !authority.as_str().contains('@')
        });
        if scheme && authority && uri.query().is_none() && !text.contains('#') {
            Ok(Self(uri))
        } else {
            Err(wrong)
        }
    }
}

/// A value of the `Authorization` header; its Debug says nothing.
pub(crate) fn authorization(value: &str, variable: &str) -> Result<HeaderValue, ConfigError> {
    let plain = value.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    let value = HeaderValue::from_str(value).ok().filter(|_| plain);
    let mut value = value.ok_or_else(|| {
        ConfigError::new(format!("{variable} holds characters that no token has"))
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// An identifier that is one segment of a path, whatever is written in it.
pub(crate) fn path_segment<'a>(id: &'a str, variable: &str) -> Result<&'a str, ConfigError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    if (1..=MAX_SEGMENT).contains(&id.len()) && id.bytes().all(plain) {
        Ok(id)
    } else {
        Err(ConfigError::new(format!(
            "{variable} is made of letters, digits, - and _"
        )))
    }
}

/// A token as its provider gave it out: its strength is theirs to judge. Debug prints dots.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// The token itself, without what editors add; never to be logged.
    pub(crate) fn expose(&self) -> &str {
        self.0.trim()
    }
}

impl From<String> for Token {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Token {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_keeps_its_path_and_has_no_user_and_no_query() {
        let base: BaseUrl = "http://127.0.0.1:9/proxy/".parse().unwrap();
        assert_eq!(
            base.join("/x?y=1").unwrap(),
            "http://127.0.0.1:9/proxy/x?y=1"
        );
        for odd in [
            "",
            "rtc.example",
            "/path",
            "ftp://a",
            "https://",
            "https://user:pass@a",
            "https://a?b=c",
            "https://a/#b",
        ] {
            assert!(odd.parse::<BaseUrl>().is_err(), "{odd}");
        }
    }

    #[test]
    fn tokens_are_never_printed() {
        let value = authorization("Bearer hush", "HF_TOKEN").unwrap();
        let shown = format!("{value:?} {:?}", Token::from("hush"));
        assert!(!shown.contains("hush"), "{shown}");
        let error = authorization("Bearer hu\nsh", "HF_TOKEN").unwrap_err();
        assert!(!error.to_string().contains("hu"), "{error}");
    }
}
