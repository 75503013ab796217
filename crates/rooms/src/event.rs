//! What can happen to the rooms, and what they want done about it.

use std::{fmt, sync::Arc, time::Duration};

use crate::throttle::Guesser;

/// A connection. The shell draws it and never uses one twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId(pub u64);

/// A place in a room. The shell draws it at random; it outlives the connection in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeatId(pub u64);

/// The name of a room, in a namespace of its dialect. Debug prints dots: it may be a PIN.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RoomKey(Arc<str>);

impl RoomKey {
    /// Takes the name as it is.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self(name.into())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for RoomKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("RoomKey(…)")
    }
}

/// Which seat a peer asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Any free place; it gets this id.
    New(SeatId),
    /// The very seat it had before. The shell has checked that the claim is genuine.
    Again {
        /// The seat it had.
        seat: SeatId,
        /// Who sat there as well when the claim was made out. When the room is gone (the
        /// process was restarted), their seats are held for them for the grace time.
        others: Vec<SeatId>,
        /// It was there before the `others`.
        first: bool,
    },
}

/// A peer wants a seat.
#[derive(Clone, Debug)]
pub struct Enter {
    /// Who.
    pub peer: PeerId,
    /// Where.
    pub room: RoomKey,
    /// As whom.
    pub claim: Claim,
    /// How many seats the room may have at most.
    pub capacity: usize,
    /// How long the seat is held when the peer is lost; `None` frees it at once.
    pub grace: Option<Duration>,
    /// Set where the room's key can be guessed: this source pays for joins that find nobody.
    pub guesser: Option<Guesser>,
}

/// Who is to hear a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recipient {
    /// Everybody else in the room.
    Others,
    /// One of the others.
    Seat(SeatId),
}

/// One thing happened.
#[derive(Clone, Debug)]
pub enum Event<M> {
    /// A peer wants a seat.
    Enter(Enter),
    /// A seated peer speaks. Ignored when it has no seat in that room.
    Say {
        /// Who speaks.
        peer: PeerId,
        /// Where.
        room: RoomKey,
        /// To whom.
        to: Recipient,
        /// What; never looked into.
        message: M,
    },
    /// A peer gives its seat up.
    Leave {
        /// Who.
        peer: PeerId,
        /// Where.
        room: RoomKey,
    },
    /// A connection is gone, with all its seats.
    Lost {
        /// Which.
        peer: PeerId,
    },
    /// The time that [`poll_timeout`](crate::Rooms::poll_timeout) named has come.
    TimedOut,
}

/// Somebody else in the room of a newcomer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Occupant {
    /// Their seat.
    pub seat: SeatId,
    /// Their connection; `None` while the seat is held for somebody who is away.
    pub peer: Option<PeerId>,
}

/// Why there is no seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Every seat is taken or held.
    Full,
    /// This source guessed too often.
    Throttled {
        /// When it is worth trying again.
        retry_after: Duration,
    },
    /// This peer already sits in that room or waits at its door.
    AlreadyHere,
}

/// One thing to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect<M> {
    /// The peer has a seat. Always before anything else it hears from that room.
    Seated {
        /// Who.
        peer: PeerId,
        /// Where.
        room: RoomKey,
        /// In which seat.
        seat: SeatId,
        /// Nobody who is here was here before it.
        first: bool,
        /// It is the seat that was claimed again, and the others knew it.
        resumed: bool,
        /// Who else sits there, in order of arrival.
        others: Vec<Occupant>,
    },
    /// The peer has no seat.
    Refused {
        /// Who.
        peer: PeerId,
        /// Where.
        room: RoomKey,
        /// Why.
        refusal: Refusal,
    },
    /// Somebody new took a seat.
    Arrived {
        /// Who hears it.
        to: PeerId,
        /// Where.
        room: RoomKey,
        /// The newcomer's seat.
        seat: SeatId,
        /// The newcomer.
        peer: PeerId,
    },
    /// Somebody's connection was lost; the seat is held.
    Away {
        /// Who hears it.
        to: PeerId,
        /// Where.
        room: RoomKey,
        /// The seat that is held.
        seat: SeatId,
    },
    /// Somebody is back in the seat that was held, or took it over with a new connection.
    Back {
        /// Who hears it.
        to: PeerId,
        /// Where.
        room: RoomKey,
        /// The seat.
        seat: SeatId,
        /// The connection that is in it now.
        peer: PeerId,
    },
    /// A seat was given up, or its grace time is over.
    Left {
        /// Who hears it.
        to: PeerId,
        /// Where.
        room: RoomKey,
        /// The seat that is free now.
        seat: SeatId,
    },
    /// Somebody spoke.
    Said {
        /// Who hears it.
        to: PeerId,
        /// Where.
        room: RoomKey,
        /// The speaker's seat.
        from: SeatId,
        /// What.
        message: M,
    },
    /// The peer's seat was claimed by another connection; it sits there no more.
    Replaced {
        /// Who hears it.
        peer: PeerId,
        /// Where.
        room: RoomKey,
    },
}
