//! What an upstream provider answers, read tolerantly and bounded strictly: the shapes
//! differ by provider and year, but everything in them ends up in callers' browsers, where
//! one bad entry breaks the whole `RTCPeerConnection`.

use protocol::ice::{IceServer, IceTransportPolicy};
use serde::Deserialize;

/// Servers in one answer.
const MAX_SERVERS: usize = 20;
/// URLs of one server.
const MAX_URLS: usize = 10;
/// Bytes of one URL.
const MAX_URL: usize = 256;
/// Bytes of one user name or credential.
const MAX_CREDENTIAL: usize = 1024;
/// Bytes of everything together: signaling reads 16 KiB of JSON.
const MAX_TEXT: usize = 12 * 1024;

/// ICE servers that a provider gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) servers: Vec<IceServer>,
    pub(crate) policy: Option<IceTransportPolicy>,
    /// Seconds, when the provider said so.
    pub(crate) ttl: Option<u64>,
}

/// Why an answer is no good, without a word of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Malformed {
    #[error("it is not JSON of that shape")]
    Shape,
    #[error("more than 20 servers, 10 URLs of one, or 12 KiB")]
    TooMuch,
    #[error("a URL is not like stun:host:port or turn:host:port?transport=udp")]
    Url,
    #[error("a TURN server is without username or credential")]
    NoCredential,
    #[error("no server is left")]
    Empty,
    #[error("its credentials end too soon for a call to begin")]
    ShortLived,
}

/// One, or a list of it.
#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum OneOrMany<T> {
    Many(Vec<T>),
    One(T),
}

impl<T> OneOrMany<T> {
    fn into_vec(self) -> Vec<T> {
        match self {
            Self::Many(many) => many,
            Self::One(one) => vec![one],
        }
    }
}

/// An `RTCIceServer` of any year; other keys are nobody's business.
#[derive(Deserialize)]
pub(crate) struct RawServer {
    url: Option<OneOrMany<String>>,
    urls: Option<OneOrMany<String>>,
    username: Option<String>,
    credential: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawAnswer {
    ice_servers: OneOrMany<RawServer>,
}

/// `{"iceServers": […]}`, or the older form with one object.
pub(crate) fn parse(body: &[u8]) -> Result<Answer, Malformed> {
    let raw: RawAnswer = serde_json::from_slice(body).map_err(|_| Malformed::Shape)?;
    Ok(Answer {
        servers: relayed(raw.ice_servers)?,
        policy: None,
        ttl: None,
    })
}

/// Servers of a provider: browsers refuse port 53, and without TURN it gave nothing.
pub(crate) fn relayed(raw: OneOrMany<RawServer>) -> Result<Vec<IceServer>, Malformed> {
    let mut servers = checked(raw)?;
    for server in &mut servers {
        server.urls.retain(|url| port(url) != Some(53));
    }
    servers.retain(|server| !server.urls.is_empty());
    let turn = servers.iter().flat_map(|server| &server.urls);
    if turn.into_iter().any(|url| is_turn(url)) {
        Ok(servers)
    } else {
        Err(Malformed::Empty)
    }
}

/// Servers within the bounds, each usable as it stands.
pub(crate) fn checked(raw: OneOrMany<RawServer>) -> Result<Vec<IceServer>, Malformed> {
    let raw = raw.into_vec();
    if raw.len() > MAX_SERVERS {
        return Err(Malformed::TooMuch);
    }
    let servers: Vec<IceServer> = raw.into_iter().map(one).collect::<Result<_, _>>()?;
    let text = |server: &IceServer| {
        let urls: usize = server.urls.iter().map(String::len).sum();
        let of = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        urls + of(&server.username) + of(&server.credential)
    };
    if servers.iter().map(text).sum::<usize>() > MAX_TEXT {
        return Err(Malformed::TooMuch);
    }
    Ok(servers)
}

fn one(raw: RawServer) -> Result<IceServer, Malformed> {
    let urls = raw.urls.or(raw.url).ok_or(Malformed::Shape)?.into_vec();
    let long = |text: &Option<String>| text.as_ref().is_some_and(|t| t.len() > MAX_CREDENTIAL);
    if urls.len() > MAX_URLS || long(&raw.username) || long(&raw.credential) {
        return Err(Malformed::TooMuch);
    }
    let odd = |text: &Option<String>| text.iter().any(|t| t.chars().any(char::is_control));
    if odd(&raw.username) || odd(&raw.credential) {
        return Err(Malformed::Shape);
    }
    if urls.is_empty() || !urls.iter().all(|url| is_url(url)) {
        return Err(Malformed::Url);
    }
    let present = |text: &Option<String>| text.as_ref().is_some_and(|t| !t.is_empty());
    if urls.iter().any(|url| is_turn(url)) && !(present(&raw.username) && present(&raw.credential))
    {
        return Err(Malformed::NoCredential);
    }
    Ok(IceServer {
        urls,
        username: raw.username,
        credential: raw.credential,
    })
}

pub(crate) fn is_turn(url: &str) -> bool {
    url.starts_with("turn:") || url.starts_with("turns:")
}

pub(crate) fn is_stun(url: &str) -> bool {
    url.starts_with("stun:") || url.starts_with("stuns:")
}

/// `scheme:host[:port]`, for TURN also `?transport=udp` or `tcp` (RFC 7064, RFC 7065):
/// browsers throw at anything else.
pub(crate) fn is_url(url: &str) -> bool {
    let parts = Parts::of(url);
    let known = is_stun(url) || is_turn(url);
    let port = parts
        .port
        .is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
    let query = parts
        .query
        .is_none_or(|query| is_turn(url) && ["transport=udp", "transport=tcp"].contains(&query));
    url.len() <= MAX_URL && known && is_host(parts.host) && port && query
}

/// A name or an IPv4 address, or an IPv6 address in brackets.
fn is_host(host: &str) -> bool {
    let inside = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    match inside {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
            !host.is_empty() && host.bytes().all(plain)
        }
    }
}

fn port(url: &str) -> Option<u16> {
    Parts::of(url).port?.parse().ok()
}

struct Parts<'a> {
    host: &'a str,
    port: Option<&'a str>,
    query: Option<&'a str>,
}

impl<'a> Parts<'a> {
    fn of(url: &'a str) -> Self {
        let rest = url.split_once(':').map_or("", |(_, rest)| rest);
        let (rest, query) = match rest.split_once('?') {
            Some((rest, query)) => (rest, Some(query)),
            None => (rest, None),
        };
        // An IPv6 address is full of colons, and in brackets.
        let name = rest.rfind(']').map_or(0, |at| at + 1);
        let (host, port) = match rest[name..].find(':') {
            Some(at) => (&rest[..name + at], Some(&rest[name + at + 1..])),
            None => (rest, None),
        };
        Self { host, port, query }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn parsed(answer: &serde_json::Value) -> Result<Vec<IceServer>, Malformed> {
        parse(answer.to_string().as_bytes()).map(|answer| answer.servers)
    }

    #[test]
    fn a_list_and_one_object_are_read_alike() {
        let server = json!({ "urls": ["stun:a:3478", "turn:a:3478?transport=udp"], "username": "u", "credential": "c" });
        let many = parsed(&json!({ "iceServers": [server], "more": 1 })).unwrap();
        let one = parsed(&json!({ "iceServers": server })).unwrap();
        assert_eq!(many, one);
        assert_eq!((many.len(), many[0].urls.len()), (1, 2));
    }

    #[test]
    fn null_is_absent_and_port_53_is_dropped() {
        let servers = parsed(&json!({ "iceServers": [
            { "urls": "stun:a:53", "username": null, "credential": null },
            { "urls": ["stun:a:3478"], "username": null },
            { "urls": ["turn:a:53?transport=udp", "turn:[2001:db8::53]:3478", "turns:a:443?transport=tcp"], "username": "u", "credential": "c" },
        ] }))
        .unwrap();
        assert_eq!(
            serde_json::to_value(&servers).unwrap(),
            json!([
                { "urls": ["stun:a:3478"] },
                { "urls": ["turn:[2001:db8::53]:3478", "turns:a:443?transport=tcp"], "username": "u", "credential": "c" },
            ])
        );
    }

    #[test]
    fn what_would_break_a_browser_is_refused() {
        let turn = |url: &str| json!([{ "urls": [url], "username": "u", "credential": "c" }]);
        for (servers, why) in [
            (json!("x"), Malformed::Shape),
            (json!([{ "username": "u" }]), Malformed::Shape),
            (json!([]), Malformed::Empty),
            (json!([{ "urls": "stun:a" }]), Malformed::Empty),
            (json!([{ "urls": [] }]), Malformed::Url),
            (turn("http://169.254.169.254/"), Malformed::Url),
            (turn("turn:"), Malformed::Url),
            (turn("turn::3478"), Malformed::Url),
            (turn("turn:a:99999"), Malformed::Url),
            (turn("turn:a b"), Malformed::Url),
            (turn("turn:a/b"), Malformed::Url),
            (turn("turn:u@a"), Malformed::Url),
            (turn("turn:[::1"), Malformed::Url),
            (turn("turn:[x]:1"), Malformed::Url),
            (turn("turn:a?transport=tls"), Malformed::Url),
            (turn("stun:a?transport=udp"), Malformed::Url),
            (turn("turn:ä"), Malformed::Url),
            (turn(&format!("turn:{}", "a".repeat(252))), Malformed::Url),
            (turn("turn:a:53"), Malformed::Empty),
            (json!([{ "urls": "turn:a" }]), Malformed::NoCredential),
            (
                json!([{ "urls": "turn:a", "username": "u", "credential": null }]),
                Malformed::NoCredential,
            ),
            (
                json!([{ "urls": "turn:a", "username": "", "credential": "c" }]),
                Malformed::NoCredential,
            ),
            (
                json!([{ "urls": "turn:a", "username": "u\r\nx: y", "credential": "c" }]),
                Malformed::Shape,
            ),
            (json!([{ "urls": vec!["stun:a"; 11] }]), Malformed::TooMuch),
            (
                json!(vec![json!({ "urls": "stun:a" }); 21]),
                Malformed::TooMuch,
            ),
            (
                json!([{ "urls": "turn:a", "username": "u", "credential": "c".repeat(1025) }]),
                Malformed::TooMuch,
            ),
            (
                json!(vec![
                    json!({ "urls": "turn:a", "username": "u".repeat(1000), "credential": "c" });
                    13
                ]),
                Malformed::TooMuch,
            ),
        ] {
            assert_eq!(
                parsed(&json!({ "iceServers": servers })),
                Err(why),
                "{servers}"
            );
        }
        assert_eq!(parse(b"").unwrap_err(), Malformed::Shape);
    }

    fn server() -> impl Strategy<Value = serde_json::Value> {
        let url = prop_oneof![
            "(stun|stuns|turn|turns|http):[a-z\\[\\]:.]{0,8}(:[0-9]{1,5})?(\\?transport=(udp|tcp))?",
            "turn:[a-z]{1,8}:(53|3478)",
            ".{0,20}",
        ];
        let urls = prop_oneof![
            url.clone().prop_map(|url| json!(url)),
            prop::collection::vec(url, 0..12).prop_map(|urls| json!(urls)),
        ];
        let word = prop_oneof![Just(json!(null)), "[a-z]{0,3}".prop_map(|word| json!(word))];
        (urls, word.clone(), word, any::<bool>()).prop_map(|(urls, username, credential, old)| {
            let key = if old { "url" } else { "urls" };
            json!({ key: urls, "username": username, "credential": credential })
        })
    }

    proptest! {
        #[test]
        fn no_bytes_are_a_surprise(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&bytes);
        }

        #[test]
        fn whatever_is_accepted_is_good_for_a_browser(servers in prop::collection::vec(server(), 0..4)) {
            let Ok(servers) = parsed(&json!({ "iceServers": servers })) else { return Ok(()) };
            prop_assert!(!servers.is_empty() && servers.len() <= MAX_SERVERS);
            for server in servers {
                prop_assert!(!server.urls.is_empty() && server.urls.len() <= MAX_URLS);
                for url in &server.urls {
                    prop_assert!(is_url(url) && port(url) != Some(53), "{url}");
                    if is_turn(url) {
                        prop_assert!(server.username.is_some() && server.credential.is_some());
                    }
                }
            }
        }
    }
}
