//! Rooms by call ID: everybody hears everybody else.

use protocol::party::Presence;
use rooms::{Effect, RoomKey, SeatId};

use super::{Heard, Spoken, View};

/// The room of that name in that party.
pub(crate) fn key(party: &str, room: &str) -> RoomKey {
    RoomKey::new(format!("party:{party}/{room}"))
}

/// One connection.
pub(crate) struct Member {
    pub(crate) seat: SeatId,
    /// It wants to hear who comes and goes.
    pub(crate) presence: bool,
}

impl Member {
    pub(crate) fn hears(&mut self, effect: &Effect<Spoken>, view: &View<'_>) -> Heard {
        match effect {
            Effect::Said {
                message: Spoken::Frame(frame),
                ..
            } => Heard {
                frame: Some(frame.clone()),
                ..Heard::default()
            },
            Effect::Seated { others, .. } => {
                let ids = others.iter().filter_map(|other| view.name(other.seat));
                self.presence(Some(Presence::Peers(&ids.collect::<Vec<_>>())))
            }
            Effect::Arrived { seat, .. } => self.presence(view.name(*seat).map(Presence::Joined)),
            Effect::Left { seat, .. } => self.presence(view.name(*seat).map(Presence::Left)),
            Effect::Refused { .. } => Heard::close(1013, "this room is full"),
            Effect::Replaced { .. } => Heard::close(4409, "this id connected again"),
            // Who is back under its id was never away.
            Effect::Said { .. } | Effect::Away { .. } | Effect::Back { .. } => Heard::default(),
        }
    }

    fn presence(&self, presence: Option<Presence<'_>>) -> Heard {
        let presence = presence.filter(|_| self.presence);
        presence.map_or_else(Heard::default, |presence| Heard::text(presence.encode()))
    }
}
