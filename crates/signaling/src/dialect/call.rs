//! Calls by PIN or by link: effects of the rooms to frames for a page.

use std::sync::Arc;

use protocol::{
    call::{
        CallError, ErrorMessage, Joined, Mark, PeerJoined, Relayed, Resumable, RoomName,
        ServerMessage,
    },
    ice::IceConfiguration,
};
use rooms::{Effect, Refusal, RoomKey, SeatId};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use crate::{
    dialect::{self, Heard, View},
    token::Grant,
};

/// What one page says to the other one, as it will leave: carried unread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Spoken {
    frame: Utf8Bytes,
    /// Where the frame of a released page ends (it lacks the mark); `None` when released
    /// pages do not hear it.
    plain: Option<usize>,
}

impl Spoken {
    pub(crate) fn relayed(message: Relayed<'_>) -> Self {
        let (frame, plain) = message.encode();
        let heard = message.kind != protocol::call::RelayedKind::PeerMessage;
        Self {
            frame: frame.into(),
            plain: heard.then_some(plain),
        }
    }

    pub(crate) fn ack(mark: Mark<'_>) -> Self {
        Self {
            frame: mark.encode_ack().into(),
            plain: None,
        }
    }
}

/// The room's name in the namespace of this dialect.
pub(crate) fn room_key(name: &RoomName) -> RoomKey {
    let (kind, name): (_, &[u8]) = match name {
        RoomName::Pin(pin) => ("pin:", pin.digits()),
        RoomName::Call(call) => ("call:", call.characters()),
    };
    let name = name.iter().map(|byte| char::from(*byte));
    RoomKey::new(kind.chars().chain(name).collect::<String>())
}

/// One page with a seat, or on its way to one.
pub(crate) struct Page {
    /// It said `resume`: it may hear everything.
    pub(crate) resumable: bool,
    /// It asked with `join-call`.
    by_link: bool,
    /// Given away with the reply.
    ice: Option<Arc<IceConfiguration>>,
    seat: Option<SeatId>,
    /// Somebody sits opposite, or did.
    met: bool,
}

impl Page {
    pub(crate) fn new(resumable: bool, by_link: bool, ice: Arc<IceConfiguration>) -> Self {
        Self {
            resumable,
            by_link,
            ice: Some(ice),
            seat: None,
            met: false,
        }
    }

    /// The seat that may report how its call came about: of a page that knows the message,
    /// once there were two.
    pub(crate) fn reporter(&self) -> Option<SeatId> {
        self.seat.filter(|_| self.resumable && self.met)
    }

    /// What this page hears of an effect.
    pub(crate) fn hears(&mut self, effect: &Effect<dialect::Spoken>, view: &View<'_>) -> Heard {
        match effect {
            Effect::Seated {
                room,
                seat,
                first,
                resumed,
                others,
                ..
            } => {
                self.seat = Some(*seat);
                self.met = !others.is_empty();
                let grant = Grant {
                    seat: *seat,
                    other: others.first().map(|other| other.seat),
                    first: *first,
                };
                let resume = view.tokens.mint(room, grant, view.now);
                let ice = self.ice.take().unwrap_or_default();
                let resumable = self.resumable.then_some(Resumable {
                    resume: &resume,
                    offerer: *first,
                    peer_present: view.opposite.is_some(),
                    // Only a page that can resume has its seat held.
                    peer_resumes: view.opposite.unwrap_or(!others.is_empty()),
                    resumed: *resumed,
                    reports: view.reports,
                });
                let joined = Joined {
                    ice: &ice,
                    resumable,
                };
                said(&if self.by_link {
                    ServerMessage::JoinCall(joined)
                } else {
                    ServerMessage::JoinPin(joined)
                })
            }
            Effect::Refused { refusal, .. } => match refusal {
                Refusal::Full => self.refused(CallError::RoomFull, None),
                Refusal::AlreadyHere => self.refused(CallError::InvalidMessage, None),
                Refusal::Throttled { retry_after } => {
                    let milliseconds = u64::try_from(retry_after.as_millis()).unwrap_or(u64::MAX);
                    self.refused(CallError::RateLimited, Some(milliseconds))
                }
            },
            Effect::Arrived { room, seat, .. } => {
                self.met = true;
                let (true, Some(own)) = (self.resumable, self.seat) else {
                    return said(&ServerMessage::PeerJoinedPlain);
                };
                // Who hears this was here first, and makes the offers from now on.
                let grant = Grant {
                    seat: own,
                    other: Some(*seat),
                    first: true,
                };
                let resume = view.tokens.mint(room, grant, view.now);
                let peer_resumes = view.opposite.unwrap_or(false);
                said(&ServerMessage::PeerJoined(PeerJoined {
                    resume: &resume,
                    peer_resumes,
                }))
            }
            Effect::Away { .. } => self.said_to_new(&ServerMessage::PeerAway),
            Effect::Back { .. } => {
                let peer_resumes = view.opposite.unwrap_or(false);
                self.said_to_new(&ServerMessage::PeerBack { peer_resumes })
            }
            Effect::Left { .. } => said(&ServerMessage::PeerLeft),
            Effect::Said { message, .. } => {
                // Nobody else speaks in such a room.
                let dialect::Spoken::Call(message) = message else {
                    return Heard::default();
                };
                let frame = match message.plain {
                    _ if self.resumable => Some(message.frame.clone()),
                    Some(end) if end + 1 == message.frame.len() => Some(message.frame.clone()),
                    Some(end) => Some(format!("{}}}", &message.frame[..end]).into()),
                    None => None,
                };
                Heard {
                    frame: frame.map(Message::Text),
                    ..Heard::default()
                }
            }
            Effect::Replaced { .. } => self.refused(CallError::Replaced, None),
        }
    }

    /// An error for this page, and the close that follows.
    pub(crate) fn refused(&self, error: CallError, retry_after_ms: Option<u64>) -> Heard {
        refused(self.resumable, error, retry_after_ms)
    }

    fn said_to_new(&self, message: &ServerMessage<'_>) -> Heard {
        if self.resumable {
            said(message)
        } else {
            Heard::default()
        }
    }
}

/// An error in the words that kind of page understands.
pub(crate) fn refused(resumable: bool, error: CallError, retry_after_ms: Option<u64>) -> Heard {
    let frame = if resumable {
        Some(ErrorMessage::new(error, retry_after_ms).encode())
    } else {
        let told = error.is_for_released_pages();
        told.then(|| ErrorMessage::plain(error).encode())
    };
    Heard {
        frame: frame.map(Message::text),
        close: error.close_code().map(|code| (code, error.to_string())),
        leave: false,
    }
}

pub(crate) fn said(message: &ServerMessage<'_>) -> Heard {
    Heard::text(message.encode())
}
