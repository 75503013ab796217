//! Cloudflare Realtime TURN: credentials for an API token of one TURN key.

use bytes::Bytes;
use http::{Request, header};
use service::config::ConfigError;

use crate::request::{BaseUrl, authorization, path_segment};

/// `POST …/v1/turn/keys/{key}/credentials/generate-ice-servers` with `{"ttl":n}`. The
/// answer is that of [`answer::parse`](crate::answer::parse).
pub(crate) fn request(
    base: &BaseUrl,
    key_id: &str,
    token: &str,
    ttl: u64,
) -> Result<Request<Bytes>, ConfigError> {
    let key = path_segment(key_id, "CLOUDFLARE_TURN_KEY_ID")?;
    let path = format!("/v1/turn/keys/{key}/credentials/generate-ice-servers");
    let bearer = authorization(&format!("Bearer {token}"), "CLOUDFLARE_TURN_API_TOKEN")?;
    let request = Request::post(base.join(&path)?)
        .header(header::AUTHORIZATION, bearer)
        .header(header::CONTENT_TYPE, "application/json")
        .body(Bytes::from(format!(r#"{{"ttl":{ttl}}}"#)));
    Ok(request.expect("its parts are checked"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request() {
        let base = "https://rtc.live.cloudflare.com/".parse().unwrap();
        let request = request(&base, "0123abcd", "token", 3600).unwrap();
        assert_eq!(
            request.uri(),
            "https://rtc.live.cloudflare.com/v1/turn/keys/0123abcd/credentials/generate-ice-servers"
        );
        assert_eq!(request.headers()["authorization"], "Bearer token");
        assert_eq!(request.body(), r#"{"ttl":3600}"#);
        assert!(!format!("{request:?}").contains("token"), "{request:?}");
    }

    #[test]
    fn a_key_stays_in_its_place() {
        let base = "https://rtc.live.cloudflare.com".parse().unwrap();
        for odd in ["../x", "a/b", "a?b", "", "ä"] {
            assert!(request(&base, odd, "token", 60).is_err(), "{odd}");
        }
        assert!(request(&base, "a", "to\r\nken", 60).is_err());
    }
}
