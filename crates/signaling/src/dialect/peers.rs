//! Peers by id: one lobby where everybody is, and a room for each session of two.

use std::sync::Arc;

use protocol::peers::{Event, Invalid};
use rooms::{Effect, RoomKey, SeatId};

use super::{Heard, Spoken, View};

/// The room where everybody is.
pub(crate) fn lobby() -> RoomKey {
    RoomKey::new("peers")
}

/// The room of a session of these two: what others call theirs makes no difference.
pub(crate) fn session_key(one: &str, two: &str, session_id: &str) -> RoomKey {
    let (low, high) = if one < two { (one, two) } else { (two, one) };
    // Lengths keep names apart that would read the same in a row.
    RoomKey::new(format!(
        "peers:{}:{}:{low}{high}{session_id}",
        low.len(),
        high.len()
    ))
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
                let name = view.name(*seat).filter(|_| view.tells_leave);
                let left = name.map(|id| Event::Leave { id }.encode());
                Heard {
                    leave: true,
                    ..left.map(Heard::text).unwrap_or_default()
                }
            }
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

/// There is no room for one more, and nothing else to do here.
pub(crate) fn full() -> Heard {
    Heard {
        close: Some((1013, Invalid::Full.to_string())),
        ..refused("new", Invalid::Full)
    }
}

/// A request that came to nothing, in the words of the protocol.
pub(crate) fn refused(request: &str, why: Invalid) -> Heard {
    let reason = &why.to_string();
    Heard::text(Event::Error { request, reason }.encode())
}
