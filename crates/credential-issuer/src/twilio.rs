//! Twilio's network traversal service: tokens of an account.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{Request, header};
use protocol::ice::IceTransportPolicy;
use serde::Deserialize;
use service::config::ConfigError;

use crate::{
    answer::{self, Answer, Malformed, OneOrMany, RawServer},
    request::{BaseUrl, authorization, path_segment},
};

/// The shortest life worth keeping, in seconds.
const MIN_TTL: u64 = 30;

/// `POST …/2010-04-01/Accounts/{account}/Tokens.json` with the form `Ttl=n`.
pub(crate) fn request(
    base: &BaseUrl,
    account: &str,
    token: &str,
    ttl: u64,
) -> Result<Request<Bytes>, ConfigError> {
    let account = path_segment(account, "TWILIO_ACCOUNT_SID")?;
    let pair = STANDARD.encode(format!("{account}:{token}"));
    let basic = authorization(&format!("Basic {pair}"), "TWILIO_AUTH_TOKEN")?;
    let path = format!("/2010-04-01/Accounts/{account}/Tokens.json");
    let request = Request::post(base.join(&path)?)
        .header(header::AUTHORIZATION, basic)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Bytes::from(format!("Ttl={ttl}")));
    Ok(request.expect("its parts are checked"))
}

#[derive(Deserialize)]
struct RawToken {
    ice_servers: OneOrMany<RawServer>,
    ttl: Option<Ttl>,
}

/// Seconds; Twilio says them in a string.
#[derive(Deserialize)]
#[serde(untagged)]
enum Ttl {
    Number(u64),
    Text(String),
}

/// `ice_servers` with `url` beside `urls`, each one string, and a `ttl`. Its callers are
/// told to use nothing but the relay.
pub(crate) fn parse(body: &[u8]) -> Result<Answer, Malformed> {
    let raw: RawToken = serde_json::from_slice(body).map_err(|_| Malformed::Shape)?;
    let ttl: Option<u64> = match raw.ttl {
        None => None,
        Some(Ttl::Number(seconds)) => Some(seconds),
        Some(Ttl::Text(text)) => Some(text.parse().map_err(|_| Malformed::Shape)?),
    };
    // What is kept for half of no time would be asked for by every caller.
    if ttl.is_some_and(|ttl| ttl < MIN_TTL) {
        return Err(Malformed::ShortLived);
    }
    Ok(Answer {
        servers: answer::relayed(raw.ice_servers)?,
        policy: Some(IceTransportPolicy::Relay),
        ttl,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn the_request() {
        let base = "https://api.twilio.com".parse().unwrap();
        let request = request(&base, "AC0123", "token", 3600).unwrap();
        assert_eq!(
            request.uri(),
            "https://api.twilio.com/2010-04-01/Accounts/AC0123/Tokens.json"
        );
        assert_eq!(request.headers()["authorization"], "Basic QUMwMTIzOnRva2Vu");
        assert_eq!(request.body(), "Ttl=3600");
    }

    #[test]
    fn the_answer() {
        let body = json!({
            "account_sid": "AC0123",
            "ttl": "3600",
            "username": "u",
            "password": "c",
            "ice_servers": [
                { "url": "stun:global.stun.twilio.com:3478", "urls": "stun:global.stun.twilio.com:3478" },
                { "url": "turn:global.turn.twilio.com:3478?transport=udp", "username": "u", "credential": "c" },
            ],
        });
        let answer = parse(body.to_string().as_bytes()).unwrap();
        assert_eq!(answer.ttl, Some(3600));
        assert_eq!(answer.policy, Some(IceTransportPolicy::Relay));
        assert_eq!(answer.servers[0].urls, ["stun:global.stun.twilio.com:3478"]);
        assert_eq!(answer.servers[1].credential.as_deref(), Some("c"));
        let odd = body.to_string().replace("\"3600\"", "\"soon\"");
        assert_eq!(parse(odd.as_bytes()), Err(Malformed::Shape));
        let short = body.to_string().replace("\"3600\"", "\"29\"");
        assert_eq!(parse(short.as_bytes()), Err(Malformed::ShortLived));
    }

    proptest! {
        #[test]
        fn no_bytes_are_a_surprise(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&bytes);
        }

        #[test]
        fn a_life_is_the_same_as_text_and_as_number(ttl in MIN_TTL..) {
            let body = |ttl: serde_json::Value| {
                let server = json!({ "urls": "turn:a", "username": "u", "credential": "c" });
                json!({ "ice_servers": [server], "ttl": ttl }).to_string()
            };
            let (number, text) = (body(json!(ttl)), body(json!(ttl.to_string())));
            let number = parse(number.as_bytes()).unwrap();
            prop_assert_eq!(number.ttl, Some(ttl));
            prop_assert_eq!(Ok(number), parse(text.as_bytes()));
        }
    }
}
