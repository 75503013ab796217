//! What the page's server answers over HTTP: headers on every status, the clock,
//! credentials.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use headers::{Date, HeaderMapExt as _};
use http::{HeaderMap, Request, StatusCode, header, request};
use http_body_util::{BodyExt as _, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::timeout,
};

use super::report::Report;

/// What we ask for is a few kilobytes.
const MAX_ANSWER: usize = 1024 * 1024;
/// Credentials and certificates allow for minutes, but a clock that is kept is not off at all.
const MAX_SKEW: u64 = 30;

pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

/// One GET on a connection of its own.
pub(super) async fn get<S>(
    stream: S,
    host: &str,
    path: &str,
    patience: Duration,
) -> Result<Answer, String>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    ask(stream, host, Request::get(path), String::new(), patience).await
}

/// One request on a connection of its own.
pub(super) async fn ask<S>(
    stream: S,
    host: &str,
    request: request::Builder,
    body: String,
    patience: Duration,
) -> Result<Answer, String>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let exchange = async {
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| error.to_string())?;
        let connection = tokio::spawn(connection);
        let request = request
            .header(header::HOST, host)
            .header(header::CONNECTION, "close")
            .header(
                header::USER_AGENT,
                concat!("tuturu-doctor/", env!("CARGO_PKG_VERSION")),
            )
            .body(body)
            .map_err(|error| error.to_string())?;
        let answer = sender
            .send_request(request)
            .await
            .map_err(|error| error.to_string())?;
        let (parts, body) = answer.into_parts();
        let body = Limited::new(body, MAX_ANSWER)
            .collect()
            .await
            .map_err(|error| error.to_string())?;
        connection.abort();
        Ok(Answer {
            status: parts.status,
            headers: parts.headers,
            body: body.to_bytes().to_vec(),
        })
    };
    timeout(patience, exchange)
        .await
        .unwrap_or_else(|_| Err("no answer in time".to_owned()))
}

/// What the echo answers.
#[derive(Deserialize)]
pub(super) struct EchoAnswer {
    pub(super) sdp: String,
    #[serde(rename = "sessionId")]
    pub(super) session: String,
}

/// Reads what the echo answers.
pub(super) fn answer(answer: &Answer) -> Result<EchoAnswer, String> {
    if answer.status != StatusCode::OK {
        return Err(format!("status {}", answer.status.as_u16()));
    }
    serde_json::from_slice(&answer.body).map_err(|_| "the answer is none".to_owned())
}

/// Headers that every answer needs, and a word that must be in them.
const HEADERS: [(&str, &str); 6] = [
    ("strict-transport-security", "max-age="),
    ("content-security-policy", "default-src"),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", ""),
    ("permissions-policy", "camera"),
    ("cross-origin-opener-policy", "same-origin"),
];

/// What is missing of the headers.
fn missing(headers: &HeaderMap) -> Vec<&'static str> {
    let good = |name: &str, word: &str| {
        headers
            .get(name)
            .is_some_and(|value| value.to_str().is_ok_and(|text| text.contains(word)))
    };
    HEADERS
        .iter()
        .filter(|(name, word)| !good(name, word))
        .map(|(name, _)| *name)
        .collect()
}

/// The page and an address that is none.
pub(super) fn headers(report: &mut Report, page: &Answer, nothing: &Answer) {
    report.outcome(
        "page",
        if page.status == StatusCode::OK && !page.body.is_empty() {
            Ok(format!("{} bytes", page.body.len()))
        } else {
            Err(format!("status {}", page.status.as_u16()))
        },
        "see the log of nginx and of static-asset",
    );
    for (check, answer) in [("headers of the page", page), ("headers of a 404", nothing)] {
        let missing = missing(&answer.headers);
        report.outcome(
            check,
            if missing.is_empty() {
                Ok("all are there".to_owned())
            } else {
                Err(format!("missing or weak: {}", missing.join(", ")))
            },
            "send them on every status (nginx: `always`; tuturu serve: --hsts)",
        );
    }
}

/// The server's clock against ours.
pub(super) fn clock(report: &mut Report, headers: &HeaderMap) {
    let Some(date) = headers.typed_get::<Date>() else {
        report.bad(
            "clock",
            "the server names no date",
            "let the proxy pass the Date header",
        );
        return;
    };
    let skew = skew(date.into(), SystemTime::now());
    report.outcome(
        "clock",
        if skew <= MAX_SKEW {
            Ok(format!("{skew} s apart"))
        } else {
            Err(format!("{skew} s apart"))
        },
        "set both clocks (timedatectl set-ntp true): credentials expire by them",
    );
}

fn skew(one: SystemTime, other: SystemTime) -> u64 {
    one.duration_since(other)
        .or_else(|_| other.duration_since(one))
        .map_or(0, |apart| apart.as_secs())
}

/// What `/api/turn` gives.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Credentials {
    pub(super) username: String,
    pub(super) password: String,
    ttl: u64,
    pub(super) uris: Vec<String>,
}

/// Reads it, and says what is wrong with it.
pub(super) fn credentials(answer: &Answer) -> Result<Credentials, String> {
    if answer.status != StatusCode::OK {
        return Err(format!("status {}", answer.status.as_u16()));
    }
    let credentials: Credentials = serde_json::from_slice(&answer.body)
        .map_err(|_| "the answer is no set of credentials".to_owned())?;
    if credentials.uris.is_empty() {
        return Err("it names no relay".to_owned());
    }
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    match credential_issuer::shared_secret::expiry(&credentials.username) {
        Some(expiry) if expiry <= now => Err("they have expired already".to_owned()),
        _ => Ok(credentials),
    }
}

impl Credentials {
    pub(super) fn describe(&self) -> String {
        format!("good for {} s, {} addresses", self.ttl, self.uris.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_headers_are_named() {
        let mut headers = HeaderMap::new();
        assert_eq!(missing(&headers).len(), HEADERS.len());
        let ours = static_asset::security::SecurityHeaders::new(None, true).unwrap();
        ours.apply(&mut headers);
        assert_eq!(missing(&headers), [""; 0]);
        headers.insert("x-content-type-options", "sniff".parse().unwrap());
        assert_eq!(missing(&headers), ["x-content-type-options"]);
    }

    #[test]
    fn clocks_are_compared_either_way() {
        let now = SystemTime::now();
        let later = now + Duration::from_secs(40);
        assert_eq!((skew(now, later), skew(later, now)), (40, 40));
    }

    #[test]
    fn credentials_are_read_and_judged() {
        let answer = |status: u16, body: &str| Answer {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: body.as_bytes().to_vec(),
        };
        let good = r#"{"username":"4102444800:x","password":"y","ttl":60,"uris":["turn:a:1"]}"#;
        assert!(credentials(&answer(200, good)).is_ok());
        for (status, body) in [
            (429, good.to_owned()),
            (200, good.replace("4102444800", "1")),
            (200, good.replace("\"turn:a:1\"", "")),
            (200, "<html>".to_owned()),
        ] {
            assert!(
                credentials(&answer(status, &body)).is_err(),
                "{status} {body}"
            );
        }
    }
}
