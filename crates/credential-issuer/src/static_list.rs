//! ICE servers that are written down in the configuration, credentials and all.

use protocol::ice::IceServer;
use service::config::ConfigError;

use crate::answer::{self, Malformed, OneOrMany, RawServer};

/// Longest list in bytes.
const MAX_LIST: usize = 64 * 1024;

/// A JSON array of `RTCIceServer`.
///
/// # Errors
/// [`ConfigError`] says what is wrong, without a word of the list.
pub(crate) fn parse(text: &str) -> Result<Vec<IceServer>, ConfigError> {
    let raw = if text.len() > MAX_LIST {
        Err(Malformed::TooMuch)
    } else {
        serde_json::from_str(text).map_err(|_| Malformed::Shape)
    };
    let servers = raw.and_then(|raw: Vec<RawServer>| answer::checked(OneOrMany::Many(raw)));
    let servers = servers.and_then(|servers| {
        if servers.is_empty() {
            Err(Malformed::Empty)
        } else {
            Ok(servers)
        }
    });
    servers.map_err(|why| {
        ConfigError::new(format!(
            "TUTURU_ICE_SERVERS is a JSON array like \
             [{{\"urls\":[\"turn:host:3478\"],\"username\":\"…\",\"credential\":\"…\"}}]: {why}"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_checked_and_never_repeated() {
        let list = r#"[{"urls":"stun:a"},{"urls":["turn:a:53"],"username":"u","credential":"c"}]"#;
        let servers = parse(list).unwrap();
        assert_eq!(servers[1].urls, ["turn:a:53"], "as it is written");
        for (odd, why) in [
            ("", "not JSON"),
            ("{}", "not JSON"),
            ("[]", "no server"),
            (r#"[{"urls":"turn:hush"}]"#, "without username"),
            (r#"[{"urls":"http://hush"}]"#, "a URL is not"),
        ] {
            let error = parse(odd).unwrap_err().to_string();
            assert!(error.contains(why) && !error.contains("hush"), "{error}");
            assert!(!error.contains('\n'), "{error}");
        }
    }
}
