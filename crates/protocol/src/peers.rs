//! Peers by id: the dialect of flutter-webrtc-server, its Dart, Flutter and HTML5 clients.
//!
//! `{type, data}` both ways. The older HTML5 client puts the fields beside `type` instead
//! of under `data`; it hears them under `data` all the same. A message of unknown type, or
//! whose `data` is no object, means nothing.

use std::fmt;

use serde::Serialize;

use crate::object::Object;

/// Longest id, in bytes.
pub const ID_BYTES: usize = 64;
/// Longest name, in characters; longer ones are cut.
const NAME_CHARACTERS: usize = 64;
/// Longest user agent, in characters; longer ones are cut.
const AGENT_CHARACTERS: usize = 256;
/// Longest session id: two ids and what stands between them.
const SESSION_BYTES: usize = 2 * ID_BYTES + 16;

/// Who somebody says to be.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Card {
    /// Under which others reach it.
    pub id: String,
    /// For people.
    pub name: String,
    /// For people.
    pub user_agent: String,
}

impl Card {
    /// How many bytes it takes in a list of peers.
    #[must_use]
    pub fn weight(&self) -> usize {
        let card = serde_json::to_string(self).expect("strings always encode");
        card.len() + ",".len()
    }
}

impl fmt::Debug for Card {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Card(…)")
    }
}

/// Kinds of messages that go to one other peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An SDP offer.
    Offer,
    /// An SDP answer.
    Answer,
    /// A trickled candidate; it may come before the offer.
    Candidate,
}

impl Kind {
    /// The value of `type`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Offer => "offer",
            Self::Answer => "answer",
            Self::Candidate => "candidate",
        }
    }
}

/// What a client says.
#[derive(Clone, Debug)]
pub enum Request<'a> {
    /// `new`: it wants to be reachable under that id.
    New(Card),
    /// For one other peer, unread.
    Forward(Forward<'a>),
    /// `bye`: the session is over.
    Bye {
        /// Of two ids, usually `<caller>-<called>`.
        session_id: String,
    },
    /// `keepalive`: to be sent back as it came.
    Keepalive,
}

/// A message for one other peer.
#[derive(Clone, Debug)]
pub struct Forward<'a> {
    /// What.
    pub kind: Kind,
    /// The id of the other one.
    pub to: String,
    /// The session it belongs to, if it names one.
    pub session_id: Option<String>,
    fields: Object<'a>,
}

/// Why a message is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// No JSON object.
    #[error("This message is not a JSON object.")]
    Json,
    /// A field that is needed is missing or is no string of a bearable length.
    #[error("id, to and session_id are strings of up to 64, 64 and 144 bytes.")]
    Field,
    /// Over the limit.
    #[error("This message is too large.")]
    TooLarge,
    /// The id is not registered yet.
    #[error("Say new first.")]
    NotRegistered,
    /// As many peers as there may be.
    #[error("Too many peers are here. Try again later.")]
    Full,
}

impl<'a> Request<'a> {
    /// Reads one text frame; `None` for a message that means nothing.
    ///
    /// # Errors
    /// [`Invalid`] where a client would want to know.
    pub fn decode(text: &'a str) -> Result<Option<Self>, Invalid> {
        let envelope = Object::parse(text).ok_or(Invalid::Json)?;
        let Some(kind) = envelope.string("type") else {
            return Ok(None);
        };
        let fields = match envelope.get("data") {
            None => envelope.without(&["type"]),
            Some(data) => match Object::parse(data.get()) {
                Some(fields) => fields,
                None => return Ok(None),
            },
        };
        let kind = match &*kind {
            "new" => return card(&fields).map(|card| Some(Self::New(card))),
            "bye" => {
                let session_id = field(&fields, "session_id", SESSION_BYTES)?;
                return Ok(Some(Self::Bye { session_id }));
            }
            "keepalive" => return Ok(Some(Self::Keepalive)),
            "offer" => Kind::Offer,
            "answer" => Kind::Answer,
            "candidate" => Kind::Candidate,
            _ => return Ok(None),
        };
        Ok(Some(Self::Forward(Forward {
            kind,
            to: field(&fields, "to", ID_BYTES)?,
            session_id: field(&fields, "session_id", SESSION_BYTES).ok(),
            fields,
        })))
    }

    /// Whether a first frame is of this dialect.
    #[must_use]
    pub fn is_first(text: &str) -> bool {
        let kind = Object::parse(text).and_then(|envelope| {
            let kind = envelope.string("type")?;
            Some(matches!(&*kind, "new" | "keepalive"))
        });
        kind.unwrap_or(false)
    }
}

fn field(fields: &Object<'_>, name: &str, bytes: usize) -> Result<String, Invalid> {
    let value = fields.string(name).ok_or(Invalid::Field)?;
    if value.is_empty() || value.len() > bytes {
        return Err(Invalid::Field);
    }
    Ok(value.into_owned())
}

fn card(fields: &Object<'_>) -> Result<Card, Invalid> {
    let cut = |name, characters| -> String {
        let text = fields.string(name).unwrap_or_default();
        text.chars()
            .filter(|letter| !letter.is_control())
            .take(characters)
            .collect()
    };
    Ok(Card {
        id: field(fields, "id", ID_BYTES)?,
        name: cut("name", NAME_CHARACTERS),
        user_agent: cut("user_agent", AGENT_CHARACTERS),
    })
}

impl Forward<'_> {
    /// The frame for the other one. Who it is from is the server's word, not the client's.
    #[must_use]
    pub fn encode(self, from: &str) -> String {
        #[derive(Serialize)]
        struct Data<'a> {
            #[serde(flatten)]
            fields: Object<'a>,
            from: &'a str,
        }
        let fields = self.fields.without(&["from"]);
        frame(self.kind.name(), &Data { fields, from })
    }
}

/// What clients hear.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// `peers`: everybody who is here.
    Peers(&'a [&'a Card]),
    /// `leave`: the other end of a session is gone.
    Leave {
        /// Whose.
        id: &'a str,
    },
    /// `bye`: the session is over.
    Bye {
        /// Who hears it.
        to: &'a str,
        /// Which session.
        session_id: &'a str,
    },
    /// `error`: a request came to nothing.
    Error {
        /// Its type.
        request: &'a str,
        /// For people.
        reason: &'a str,
    },
}

impl Event<'_> {
    /// As a text frame.
    #[must_use]
    pub fn encode(&self) -> String {
        #[derive(Serialize)]
        struct Bye<'a> {
            to: &'a str,
            session_id: &'a str,
        }
        #[derive(Serialize)]
        struct Error<'a> {
            request: &'a str,
            reason: &'a str,
        }
        match *self {
            Self::Peers(cards) => frame("peers", &cards),
            Self::Leave { id } => frame("leave", &id),
            Self::Bye { to, session_id } => frame("bye", &Bye { to, session_id }),
            Self::Error { request, reason } => frame("error", &Error { request, reason }),
        }
    }
}

fn frame<T: Serialize>(kind: &str, data: &T) -> String {
    #[derive(Serialize)]
    struct Envelope<'a, T> {
        #[serde(rename = "type")]
        kind: &'a str,
        data: T,
    }
    serde_json::to_string(&Envelope { kind, data }).expect("strings and raw JSON always encode")
}
