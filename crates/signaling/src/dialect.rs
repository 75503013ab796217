//! Dialects: what each kind of client says and hears. The rooms never learn of them.
//!
//! An *ear* is the reading half: it turns frames into wishes for the hub. A *speaker* is
//! the telling half: it puts the rooms' effects into frames.

pub(crate) mod call;
pub(crate) mod party;
pub(crate) mod peers;
pub(crate) mod robot;

use std::{collections::HashMap, sync::Arc};

use rooms::{Effect, SeatId};
use tokio_tungstenite::tungstenite::Message;

use crate::token::Tokens;

/// What one client says to others, as it will leave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Spoken {
    /// Two kinds of pages hear it differently.
    Call(call::Spoken),
    /// Everybody hears the same.
    Frame(Message),
}

/// Who is at the other end of a socket.
pub(crate) enum Speaker {
    /// It has not said yet, or is somebody else's place now.
    Nobody,
    Call(call::Page),
    Peer(peers::Peer),
    Robot(robot::End),
    Party(party::Member),
}

/// What a client hears: a frame, then perhaps a close.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Heard {
    pub(crate) frame: Option<Message>,
    pub(crate) close: Option<(u16, String)>,
    /// It has no more business in that room.
    pub(crate) leave: bool,
}

impl Heard {
    pub(crate) fn text(text: String) -> Self {
        Self {
            frame: Some(Message::text(text)),
            ..Self::default()
        }
    }

    pub(crate) fn close(code: u16, reason: &str) -> Self {
        Self {
            close: Some((code, reason.to_owned())),
            ..Self::default()
        }
    }
}

/// What a speaker needs to know of the world to put an effect into words.
pub(crate) struct View<'a> {
    pub(crate) tokens: &'a Tokens,
    /// Unix seconds.
    pub(crate) now: u64,
    /// Whether somebody with a live socket sits opposite, and can resume.
    pub(crate) opposite: Option<bool>,
    /// Of peers by id: whether that somebody left is any of its business.
    pub(crate) tells_leave: bool,
    /// Whether pages are asked how their calls come about.
    pub(crate) reports: bool,
    /// What those who sit under a name are called.
    pub(crate) names: &'a HashMap<SeatId, Arc<str>>,
}

impl View<'_> {
    pub(crate) fn name(&self, seat: SeatId) -> Option<&str> {
        self.names.get(&seat).map(|name| &**name)
    }
}

impl Speaker {
    pub(crate) fn hears(&mut self, effect: &Effect<Spoken>, view: &View<'_>) -> Heard {
        match self {
            Self::Nobody => Heard::default(),
            Self::Call(page) => page.hears(effect, view),
            Self::Peer(_) => peers::Peer::hears(effect, view),
            Self::Robot(end) => end.hears(effect),
            Self::Party(member) => member.hears(effect, view),
        }
    }

    /// Whether its call lives on when its socket is closed and opened again.
    pub(crate) fn resumable(&self) -> bool {
        matches!(self, Self::Call(page) if page.resumable)
    }

    /// Whether a drain lets it be for as long as it can: it does not come back by itself.
    pub(crate) fn stays(&self) -> bool {
        match self {
            Self::Call(page) => !page.resumable,
            Self::Peer(_) => true,
            Self::Nobody | Self::Robot(_) | Self::Party(_) => false,
        }
    }
}
