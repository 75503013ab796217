//! Rooms by call ID: a connection id keeps its place when it connects again.

use std::sync::Arc;

use rooms::{Claim, PeerId, RoomKey, SeatId};

use super::{Hub, enter, random};
use crate::dialect::{Speaker, party::Member};

/// A connection that wants in.
pub(crate) struct Party {
    pub(crate) room: RoomKey,
    pub(crate) id: Arc<str>,
    pub(crate) presence: bool,
    pub(crate) capacity: usize,
}

impl Hub {
    pub(super) fn party(&mut self, peer: PeerId, party: Party) {
        let Party {
            room,
            id,
            presence,
            capacity,
        } = party;
        let mut occupants = self.rooms.occupants(&room).into_iter();
        let same = occupants.find(|other| self.names.get(&other.seat) == Some(&id));
        let (seat, claim) = match same {
            Some(other) => (
                other.seat,
                Claim::Again {
                    seat: other.seat,
                    others: vec![],
                    first: false,
                },
            ),
            None => {
                let seat = SeatId(random());
                (seat, Claim::New(seat))
            }
        };
        self.names.insert(seat, id);
        let member = Member { seat, presence };
        if self.speaks_as(peer, Speaker::Party(member)) {
            self.happened(rooms::Event::Enter(enter(peer, room, claim, capacity)));
        }
    }
}
