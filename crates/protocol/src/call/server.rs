//! What a page hears.

use serde::Serialize;

use super::{CallError, Mark, Relayed};
use crate::ice::{IceConfiguration, IceServer};

/// One message to a page, save relayed ones: see [`Relayed::encode`].
#[derive(Debug, Serialize)]
#[serde(tag = "type", content = "data", rename_all = "kebab-case")]
pub enum ServerMessage<'a> {
    /// The reply to `join-pin`, before everything else.
    JoinPin(Joined<'a>),
    /// The reply to `join-call`.
    JoinCall(Joined<'a>),
    /// Somebody came; whoever hears this was there first and makes the offer.
    PeerJoined(PeerJoined<'a>),
    /// The same for a released page.
    #[serde(rename = "peer-joined")]
    PeerJoinedPlain,
    /// The other one left for good.
    PeerLeft,
    /// The other one's socket was lost; its seat is held.
    PeerAway,
    /// The other one is back.
    #[serde(rename_all = "camelCase")]
    PeerBack {
        /// It can resume.
        peer_resumes: bool,
    },
    /// Fresh credentials for later restarts.
    #[serde(rename_all = "camelCase")]
    IceServers {
        /// As in the reply to the join.
        ice_servers: &'a [IceServer],
    },
    /// The server is about to restart.
    #[serde(rename_all = "camelCase")]
    Draining {
        /// The socket is closed within this time, in milliseconds.
        after_ms: u64,
    },
    /// The answer to `ping`.
    Pong,
}

/// The data of the reply to a join.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Joined<'a> {
    /// What to give the `RTCPeerConnection`.
    #[serde(flatten)]
    pub ice: &'a IceConfiguration,
    /// Absent for released pages, which cannot resume.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub resumable: Option<Resumable<'a>>,
}

/// What a page that can resume is told in addition.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Resumable<'a> {
    /// Brings this seat back.
    pub resume: &'a str,
    /// This side makes offers and ICE restarts.
    pub offerer: bool,
    /// Somebody with a live socket sits opposite.
    pub peer_present: bool,
    /// That one can resume too.
    pub peer_resumes: bool,
    /// The seat is the one the token stood for.
    pub resumed: bool,
    /// The server wants to hear how the call comes about: see
    /// [`Report`](super::Report). Only told when it does.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub reports: bool,
}

/// The data of `peer-joined`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PeerJoined<'a> {
    /// Replaces the token of the join reply.
    pub resume: &'a str,
    /// The newcomer can resume.
    pub peer_resumes: bool,
}

/// `error`.
#[derive(Debug, Serialize)]
pub struct ErrorMessage {
    #[serde(rename = "type")]
    kind: &'static str,
    error: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<RetryAfter>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct RetryAfter {
    retry_after_ms: u64,
}

impl ErrorMessage {
    /// The full form, for pages that can resume.
    #[must_use]
    pub fn new(error: CallError, retry_after_ms: Option<u64>) -> Self {
        Self {
            kind: "error",
            error: error.to_string(),
            code: Some(error.code()),
            data: retry_after_ms.map(|retry_after_ms| RetryAfter { retry_after_ms }),
        }
    }

    /// The form of released pages: a sentence and nothing else.
    #[must_use]
    pub fn plain(error: CallError) -> Self {
        Self {
            kind: "error",
            error: error.to_string(),
            code: None,
            data: None,
        }
    }

    /// As a text frame.
    #[must_use]
    pub fn encode(&self) -> String {
        serde_json::to_string(self).expect("strings and numbers always serialise")
    }
}

impl ServerMessage<'_> {
    /// As a text frame.
    #[must_use]
    pub fn encode(&self) -> String {
        serde_json::to_string(self).expect("strings and numbers always serialise")
    }
}

impl Relayed<'_> {
    /// As a text frame, and how much of it, closed with a brace, is the frame without the
    /// mark that released pages get.
    #[must_use]
    pub fn encode(&self) -> (String, usize) {
        let (kind, data) = (self.kind.name(), self.data.get());
        let mut text = String::with_capacity(data.len() + 96);
        text.push_str(r#"{"type":""#);
        text.push_str(kind);
        text.push_str(r#"","data":"#);
        text.push_str(data);
        let plain = text.len();
        push_mark(&mut text, self.mark);
        text.push('}');
        (text, plain)
    }
}

impl Mark<'_> {
    /// As an `ack` frame.
    #[must_use]
    pub fn encode_ack(self) -> String {
        let mut text = String::from(r#"{"type":"ack""#);
        push_mark(&mut text, Some(self));
        text.push('}');
        text
    }
}

/// The epoch holds no character that JSON would escape.
fn push_mark(text: &mut String, mark: Option<Mark<'_>>) {
    use std::fmt::Write as _;
    if let Some(Mark { epoch, seq }) = mark {
        write!(text, r#","epoch":"{epoch}","seq":{seq}"#).expect("a string grows");
    }
}
