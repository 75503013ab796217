//! One room: its seats in order of arrival.

use std::time::{Duration, Instant};

use crate::{
    event::{Occupant, PeerId, SeatId},
    throttle::Guesser,
};

/// Who is in a seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holder {
    Here(PeerId),
    /// Held until the ticket's time.
    Away(Ticket),
}

/// A place in the list of held seats: until when, and a number that makes it unique.
pub(crate) type Ticket = (Instant, u64);

#[derive(Clone, Debug)]
pub(crate) struct Seat {
    pub(crate) id: SeatId,
    pub(crate) holder: Holder,
    pub(crate) grace: Option<Duration>,
    /// Who paid for a join that found nobody, until somebody comes.
    pub(crate) charged: Option<Guesser>,
}

impl Seat {
    pub(crate) fn peer(&self) -> Option<PeerId> {
        match self.holder {
            Holder::Here(peer) => Some(peer),
            Holder::Away(_) => None,
        }
    }
}

/// Few seats, so a list is both the fastest and the one that keeps the order.
#[derive(Debug, Default)]
pub(crate) struct Room {
    pub(crate) seats: Vec<Seat>,
}

impl Room {
    pub(crate) fn seat(&mut self, id: SeatId) -> Option<&mut Seat> {
        self.seats.iter_mut().find(|seat| seat.id == id)
    }

    pub(crate) fn has(&self, id: SeatId) -> bool {
        self.seats.iter().any(|seat| seat.id == id)
    }

    pub(crate) fn seat_of(&self, peer: PeerId) -> Option<SeatId> {
        let held = |seat: &&Seat| seat.holder == Holder::Here(peer);
        self.seats.iter().find(held).map(|seat| seat.id)
    }

    pub(crate) fn is_first(&self, id: SeatId) -> bool {
        self.seats.first().is_some_and(|seat| seat.id == id)
    }

    pub(crate) fn occupants(&self) -> Vec<Occupant> {
        let occupant = |seat: &Seat| Occupant {
            seat: seat.id,
            peer: seat.peer(),
        };
        self.seats.iter().map(occupant).collect()
    }

    pub(crate) fn others(&self, id: SeatId) -> Vec<Occupant> {
        let mut others = self.occupants();
        others.retain(|other| other.seat != id);
        others
    }

    /// The connections of everybody but that seat.
    pub(crate) fn audience(&self, except: SeatId) -> impl Iterator<Item = (SeatId, PeerId)> + '_ {
        let others = self.seats.iter().filter(move |seat| seat.id != except);
        others.filter_map(|seat| Some((seat.id, seat.peer()?)))
    }

    pub(crate) fn remove(&mut self, id: SeatId) -> Option<Seat> {
        let place = self.seats.iter().position(|seat| seat.id == id)?;
        Some(self.seats.remove(place))
    }
}
