//! What a page says.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::{EPOCH_CHARACTERS, PEER_MESSAGE_BYTES, REPORT_BYTES, Report, TOKEN_CHARACTERS};
use crate::pin::{CallId, InvalidCallId, InvalidPin, Pin};

/// One message of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientMessage<'a> {
    /// `join-pin` and `join-call`: take a seat.
    Join {
        /// Where.
        room: RoomName,
        /// Whether the page can come back, and as whom.
        resume: Resume<'a>,
    },
    /// `offer`, `answer`, `ice-candidate`, `peer-message`: for the other one.
    Relay(Relayed<'a>),
    /// `ack`: everything of that epoch up to that number has arrived.
    Ack(Mark<'a>),
    /// `report`: how the call came about. It goes to nobody.
    Report(Report),
    /// `ping`: wants a `pong`.
    Ping,
    /// `leave`: gives the seat up.
    Leave,
}

/// The room a page asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoomName {
    /// Six digits that two people agreed on.
    Pin(Pin),
    /// An unguessable ID out of a link.
    Call(CallId),
}

/// What `resume` said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resume<'a> {
    /// Absent: a released page that never reconnects.
    Unable,
    /// `null`: can resume, has nothing to resume yet.
    Fresh,
    /// A token out of an earlier reply. Unchecked.
    Token(&'a str),
}

/// Numbers a message: unique and rising by one within an epoch, which is one page load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark<'a> {
    /// ASCII letters, digits, `-` and `_`.
    pub epoch: &'a str,
    /// From 1.
    pub seq: u64,
}

/// Kinds of messages that go to the other one, unread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelayedKind {
    /// An SDP offer.
    Offer,
    /// An SDP answer.
    Answer,
    /// A trickled candidate, or the end of candidates.
    IceCandidate,
    /// Anything between two new pages.
    PeerMessage,
}

impl RelayedKind {
    /// The value of `type`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Offer => "offer",
            Self::Answer => "answer",
            Self::IceCandidate => "ice-candidate",
            Self::PeerMessage => "peer-message",
        }
    }
}

/// A message for the other one. Its data is carried unread.
#[derive(Clone, Copy, Debug)]
pub struct Relayed<'a> {
    /// The kind.
    pub kind: RelayedKind,
    /// The raw JSON; `null` when the page sent none.
    pub data: &'a RawValue,
    /// Absent from released pages.
    pub mark: Option<Mark<'a>>,
}

impl PartialEq for Relayed<'_> {
    fn eq(&self, other: &Self) -> bool {
        let data = self.data.get() == other.data.get();
        data && self.kind == other.kind && self.mark == other.mark
    }
}
impl Eq for Relayed<'_> {}

/// Why a message, or a join, was refused: a sentence for people, a code for machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// Not a JSON object with the fields of the envelope.
    #[error("This message is not valid JSON of the expected shape.")]
    InvalidMessage,
    /// `type` is missing or unknown.
    #[error("This message has a missing or unknown type.")]
    UnknownType,
    /// Not six ASCII digits in a string.
    #[error("A PIN is six digits.")]
    InvalidPin,
    /// Not 22 base64url characters.
    #[error("This link is not complete: copy all of it.")]
    InvalidCall,
    /// Two people are in the call already.
    #[error("Two people are already in this call. Choose another PIN.")]
    RoomFull,
    /// Too many joins that found nobody.
    #[error("Too many attempts. Wait a little and try again.")]
    RateLimited,
    /// The message needs a seat.
    #[error("Join a call first.")]
    NotInRoom,
    /// The message is over its limit.
    #[error("This message is too large.")]
    TooLarge,
    /// Not of its closed sets, or not the first one of a call of two.
    #[error("This report is not one, or not expected.")]
    InvalidReport,
    /// The seat was taken over by another connection of the same page session.
    #[error("This call goes on in another window.")]
    Replaced,
    /// The server cannot do it now.
    #[error("The server is busy. Try again in a moment.")]
    Unavailable,
}

impl CallError {
    /// The stable code.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::InvalidMessage | Self::UnknownType => "invalid-message",
            Self::InvalidPin => "invalid-pin",
            Self::InvalidCall => "invalid-call",
            Self::RoomFull => "room-full",
            Self::RateLimited => "rate-limited",
            Self::NotInRoom => "not-in-room",
            Self::TooLarge => "too-large",
            Self::InvalidReport => "invalid-report",
            Self::Replaced => "replaced",
            Self::Unavailable => "unavailable",
        }
    }

    /// The WebSocket close code (RFC 6455 section 7.4) that follows, if one does.
    #[must_use]
    pub fn close_code(self) -> Option<u16> {
        match self {
            Self::UnknownType
            | Self::InvalidPin
            | Self::InvalidCall
            | Self::RoomFull
            | Self::RateLimited => Some(1008),
            Self::Replaced => Some(4409),
            Self::Unavailable => Some(1013),
            Self::InvalidMessage | Self::NotInRoom | Self::TooLarge | Self::InvalidReport => None,
        }
    }

    /// A released page ends its call for good on any error: it is told only of what it
    /// cannot live with.
    #[must_use]
    pub fn is_for_released_pages(self) -> bool {
        !matches!(self, Self::TooLarge | Self::NotInRoom | Self::InvalidReport)
    }
}

impl From<InvalidPin> for CallError {
    fn from(_: InvalidPin) -> Self {
        Self::InvalidPin
    }
}

impl From<InvalidCallId> for CallError {
    fn from(_: InvalidCallId) -> Self {
        Self::InvalidCall
    }
}

/// Every field is raw at first, so that a wrong one is told apart from a missing one.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(rename = "type", borrow, default, deserialize_with = "present")]
    kind: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    pin: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    call: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    resume: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    data: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    epoch: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    seq: Option<&'a RawValue>,
}

/// Unlike serde's own `Option`, tells `null` from absent.
fn present<'de, D: Deserializer<'de>>(source: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(source).map(Some)
}

impl<'a> ClientMessage<'a> {
    /// Reads one text frame.
    ///
    /// # Errors
    /// A [`CallError`] that says which part is wrong; nothing of the text is in it.
    pub fn decode(text: &'a str) -> Result<Self, CallError> {
        // serde also reads a struct from an array; an envelope is an object.
        if !text.trim_ascii_start().starts_with('{') {
            return Err(CallError::InvalidMessage);
        }
        let envelope: Envelope<'a> =
            serde_json::from_str(text).map_err(|_| CallError::InvalidMessage)?;
        let kind = envelope
            .kind
            .and_then(string)
            .ok_or(CallError::UnknownType)?;
        match &*kind {
            "join-pin" => {
                let pin = envelope.pin.and_then(string).ok_or(CallError::InvalidPin)?;
                let room = RoomName::Pin(Pin::parse(&pin)?);
                Ok(Self::Join {
                    room,
                    resume: envelope.resume()?,
                })
            }
            "join-call" => {
                let call = envelope
                    .call
                    .and_then(string)
                    .ok_or(CallError::InvalidCall)?;
                let room = RoomName::Call(CallId::parse(&call)?);
                Ok(Self::Join {
                    room,
                    resume: envelope.resume()?,
                })
            }
            "offer" => envelope.relay(RelayedKind::Offer),
            "answer" => envelope.relay(RelayedKind::Answer),
            "ice-candidate" => envelope.relay(RelayedKind::IceCandidate),
            "peer-message" => envelope.relay(RelayedKind::PeerMessage),
            "ack" => envelope
                .mark()?
                .map(Self::Ack)
                .ok_or(CallError::InvalidMessage),
            "report" if text.len() > REPORT_BYTES => Err(CallError::TooLarge),
            "report" => envelope
                .data
                .ok_or(CallError::InvalidReport)
                .and_then(Report::decode)
                .map(Self::Report),
            "ping" => Ok(Self::Ping),
            "leave" => Ok(Self::Leave),
            _ => Err(CallError::UnknownType),
        }
    }
}

/// Whether a message that could not be decoded said `resume`: its sender understands codes.
#[must_use]
pub fn says_resume(text: &str) -> bool {
    serde_json::from_str::<Envelope<'_>>(text).is_ok_and(|envelope| envelope.resume.is_some())
}

impl<'a> Envelope<'a> {
    fn resume(&self) -> Result<Resume<'a>, CallError> {
        match self.resume {
            None => Ok(Resume::Unable),
            Some(raw) if raw.get() == "null" => Ok(Resume::Fresh),
            Some(raw) => {
                let token = plain(raw).ok_or(CallError::InvalidMessage)?;
                Ok(if token.len() <= TOKEN_CHARACTERS {
                    Resume::Token(token)
                } else {
                    Resume::Fresh
                })
            }
        }
    }

    fn relay(&self, kind: RelayedKind) -> Result<ClientMessage<'a>, CallError> {
        let data = self.data.unwrap_or(RawValue::NULL);
        if kind == RelayedKind::PeerMessage && data.get().len() > PEER_MESSAGE_BYTES {
            return Err(CallError::TooLarge);
        }
        Ok(ClientMessage::Relay(Relayed {
            kind,
            data,
            mark: self.mark()?,
        }))
    }

    fn mark(&self) -> Result<Option<Mark<'a>>, CallError> {
        let (Some(epoch), Some(seq)) = (self.epoch, self.seq) else {
            return match (self.epoch, self.seq) {
                (None, None) => Ok(None),
                _ => Err(CallError::InvalidMessage),
            };
        };
        let epoch = plain(epoch).ok_or(CallError::InvalidMessage)?;
        let seq: u64 = serde_json::from_str(seq.get()).map_err(|_| CallError::InvalidMessage)?;
        let letters = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
        let bounded = (1..=EPOCH_CHARACTERS).contains(&epoch.len()) && epoch.bytes().all(letters);
        if bounded && seq > 0 {
            Ok(Some(Mark { epoch, seq }))
        } else {
            Err(CallError::InvalidMessage)
        }
    }
}

fn string(raw: &RawValue) -> Option<Cow<'_, str>> {
    plain(raw)
        .map(Cow::Borrowed)
        .or_else(|| serde_json::from_str(raw.get()).ok().map(Cow::Owned))
}

/// A string without escapes.
fn plain(raw: &RawValue) -> Option<&str> {
    serde_json::from_str(raw.get()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_no_pin_and_digits_of_other_scripts_are_none() {
        for text in [
            r#"{"type":"join-pin","pin":123456}"#,
            r#"{"type":"join-pin","pin":"١٢٣٤٥٦"}"#,
            r#"{"type":"join-pin"}"#,
            r#"{"type":"join-pin","pin":null,"resume":null}"#,
        ] {
            assert_eq!(
                ClientMessage::decode(text),
                Err(CallError::InvalidPin),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_malformed_is_told_apart_from_what_is_unknown() {
        for text in [
            "",
            "{",
            "[]",
            "null",
            "\"ping\"",
            "[\"ping\"]",
            r#"{"type":"ping"} x"#,
            r#"{"type":"ping","type":"leave"}"#,
            "\u{feff}{\"type\":\"ping\"}",
            r#"{"type":"join-pin","pin":"123456","resume":7}"#,
            r#"{"type":"offer","data":{},"seq":1}"#,
            r#"{"type":"offer","data":{},"epoch":"a","seq":0}"#,
            r#"{"type":"offer","data":{},"epoch":"a\"b","seq":1}"#,
            r#"{"type":"offer","data":{},"epoch":"a b","seq":1}"#,
            r#"{"type":"ack"}"#,
        ] {
            assert_eq!(
                ClientMessage::decode(text),
                Err(CallError::InvalidMessage),
                "{text}"
            );
        }
        for text in [
            "{}",
            r#"{"type":"dance"}"#,
            r#"{"type":7}"#,
            r#"{"type":null}"#,
        ] {
            assert_eq!(
                ClientMessage::decode(text),
                Err(CallError::UnknownType),
                "{text}"
            );
        }
    }

    #[test]
    fn resume_absent_null_and_a_token_are_three_things() {
        let join = |resume: &str| format!(r#"{{"type":"join-pin","pin":"012345"{resume}}}"#);
        let cases = [
            (join(""), Resume::Unable),
            (join(r#","resume":null"#), Resume::Fresh),
            (join(r#","resume":"abc""#), Resume::Token("abc")),
            (
                join(&format!(r#","resume":"{}""#, "x".repeat(257))),
                Resume::Fresh,
            ),
        ];
        for (text, expected) in cases {
            let Ok(ClientMessage::Join { resume, .. }) = ClientMessage::decode(&text) else {
                panic!("{text}");
            };
            assert_eq!(resume, expected);
        }
    }

    #[test]
    fn only_peer_messages_have_a_limit_of_their_own() {
        let data = "x".repeat(PEER_MESSAGE_BYTES);
        let message = |kind: &str| format!(r#"{{"type":"{kind}","data":"{data}"}}"#);
        let peer_message = message("peer-message");
        assert_eq!(
            ClientMessage::decode(&peer_message),
            Err(CallError::TooLarge)
        );
        assert!(ClientMessage::decode(&message("offer")).is_ok());
    }

    #[test]
    fn close_reasons_fit_a_control_frame() {
        for error in [
            CallError::RoomFull,
            CallError::InvalidCall,
            CallError::RateLimited,
        ] {
            assert!(error.to_string().len() <= 123);
        }
    }
}
