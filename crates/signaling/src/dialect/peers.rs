//! Peers by id: one lobby where everybody is, and a room for each session of two.

use std::sync::Arc;

use protocol::peers::{Event, Invalid};
use rooms::{Effect, RoomKey, SeatId};

use super::{Heard, Spoken, View};

/// The room where everybody is.
pub(crate) fn lobby() -> RoomKey {
    RoomKey::new("peers")
}

/// The room of a session: whoever sits there hears when the other one is gone.
pub(crate) fn session_key(session_id: &str) -> RoomKey {
    RoomKey::new(format!("peers:{session_id}"))
}

/// Somebody with an id.
pub(crate) struct Peer {
    pub(crate) id: Arc<str>,
    /// The same in the lobby and in its sessions.
    pub(crate) seat: SeatId,
}

impl Peer {
    /// Who comes to the lobby and leaves it is told by `peers`, to all at once.
    pub(crate) fn hears(effect: &Effect<Spoken>, view: &View<'_>) -> Heard {
        match effect {
            Effect::Said {
                message: Spoken::Frame(frame),
                ..
            } => Heard {
                frame: Some(frame.clone()),
                ..Heard::default()
            },
            Effect::Left { room, seat, .. } if *room != lobby() => {
                let left = view.name(*seat).map(|id| Event::Leave { id }.encode());
                Heard {
                    leave: true,
                    ..left.map(Heard::text).unwrap_or_default()
                }
            }
            Effect::Refused { room, .. } if *room == lobby() => Heard {
                close: Some((1013, Invalid::Full.to_string())),
                ..refused("new", Invalid::Full)
            },
            Effect::Said { .. }
            | Effect::Left { .. }
            | Effect::Refused { .. }
            | Effect::Seated { .. }
            | Effect::Arrived { .. }
            | Effect::Away { .. }
            | Effect::Back { .. }
            | Effect::Replaced { .. } => Heard::default(),
        }
    }
}

/// A request that came to nothing, in the words of the protocol.
pub(crate) fn refused(request: &str, why: Invalid) -> Heard {
    let reason = &why.to_string();
    Heard::text(Event::Error { request, reason }.encode())
}
