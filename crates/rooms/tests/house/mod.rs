//! A house full of rooms, for stories: something happens, and this is what is to be done.

use std::time::{Duration, Instant};

use rooms::{
    Claim, Effect, Enter, Event, Limits, Occupant, PeerId, Recipient, Refusal, RoomKey, Rooms,
    SeatId,
    throttle::{Guesser, ThrottleLimits},
};

pub(crate) type Heard = Effect<&'static str>;

pub(crate) const ANN: PeerId = PeerId(1);
pub(crate) const BOB: PeerId = PeerId(2);
pub(crate) const CARL: PeerId = PeerId(3);
pub(crate) const GRACE: Duration = Duration::from_secs(30);
pub(crate) const ATTACKER: Guesser = Guesser(666);

pub(crate) struct House {
    pub(crate) rooms: Rooms<&'static str>,
    pub(crate) now: Instant,
}

impl House {
    #[expect(clippy::disallowed_methods, reason = "a story begins at some instant")]
    pub(crate) fn new() -> Self {
        Self {
            rooms: Rooms::new(Limits {
                throttle: ThrottleLimits::default(),
            }),
            now: Instant::now(),
        }
    }

    /// This happens, and exactly that is to be done.
    #[track_caller]
    pub(crate) fn expect(&mut self, event: Event<&'static str>, effects: impl Into<Vec<Heard>>) {
        self.rooms.handle(event, self.now);
        assert_eq!(self.drain(), effects.into());
    }

    pub(crate) fn drain(&mut self) -> Vec<Heard> {
        std::iter::from_fn(|| self.rooms.poll_effect()).collect()
    }

    /// The clock goes to the next deadline, which must be so far away.
    #[track_caller]
    pub(crate) fn after(&mut self, time: Duration, effects: impl Into<Vec<Heard>>) {
        assert_eq!(self.rooms.poll_timeout(), Some(self.now + time));
        self.now += time;
        self.expect(Event::TimedOut, effects);
    }
}

pub(crate) fn key(name: &'static str) -> RoomKey {
    RoomKey::new(name)
}

/// A peer's seat has the number of the peer, times ten.
pub(crate) fn seat_of(peer: PeerId) -> SeatId {
    SeatId(peer.0 * 10)
}

pub(crate) fn enter(peer: PeerId, room: &'static str) -> Enter {
    let claim = Claim::New(seat_of(peer));
    Enter {
        peer,
        room: key(room),
        claim,
        capacity: 2,
        grace: Some(GRACE),
        guesser: None,
    }
}

pub(crate) fn join(peer: PeerId, room: &'static str) -> Event<&'static str> {
    Event::Enter(enter(peer, room))
}

pub(crate) fn guess(peer: PeerId, room: &'static str) -> Event<&'static str> {
    Event::Enter(Enter {
        guesser: Some(ATTACKER),
        ..enter(peer, room)
    })
}

pub(crate) fn come_back(
    peer: PeerId,
    room: &'static str,
    as_whom: PeerId,
    other: Option<PeerId>,
    first: bool,
) -> Event<&'static str> {
    let others = other.map(seat_of).into_iter().collect();
    let claim = Claim::Again {
        seat: seat_of(as_whom),
        others,
        first,
    };
    Event::Enter(Enter {
        claim,
        ..enter(peer, room)
    })
}

pub(crate) fn say(peer: PeerId, room: &'static str, message: &'static str) -> Event<&'static str> {
    Event::Say {
        peer,
        room: key(room),
        to: Recipient::Others,
        message,
    }
}

pub(crate) fn leave(peer: PeerId, room: &'static str) -> Event<&'static str> {
    Event::Leave {
        peer,
        room: key(room),
    }
}

pub(crate) fn lose(peer: PeerId) -> Event<&'static str> {
    Event::Lost { peer }
}

/// Seated as the first, or with others that were there before or after.
pub(crate) fn seated(peer: PeerId, room: &'static str, first: bool, others: &[Occupant]) -> Heard {
    Effect::Seated {
        peer,
        room: key(room),
        seat: seat_of(peer),
        first,
        resumed: false,
        others: others.to_vec(),
    }
}

pub(crate) fn seated_again(
    peer: PeerId,
    room: &'static str,
    as_whom: PeerId,
    first: bool,
    others: &[Occupant],
) -> Heard {
    let seat = seat_of(as_whom);
    Effect::Seated {
        peer,
        room: key(room),
        seat,
        first,
        resumed: true,
        others: others.to_vec(),
    }
}

pub(crate) fn here(peer: PeerId) -> Occupant {
    Occupant {
        seat: seat_of(peer),
        peer: Some(peer),
    }
}

pub(crate) fn held(whose: PeerId) -> Occupant {
    Occupant {
        seat: seat_of(whose),
        peer: None,
    }
}

pub(crate) fn arrived(to: PeerId, room: &'static str, who: PeerId) -> Heard {
    Effect::Arrived {
        to,
        room: key(room),
        seat: seat_of(who),
        peer: who,
    }
}

pub(crate) fn away(to: PeerId, room: &'static str, who: PeerId) -> Heard {
    Effect::Away {
        to,
        room: key(room),
        seat: seat_of(who),
    }
}

pub(crate) fn back(to: PeerId, room: &'static str, whose: PeerId, peer: PeerId) -> Heard {
    Effect::Back {
        to,
        room: key(room),
        seat: seat_of(whose),
        peer,
    }
}

pub(crate) fn left(to: PeerId, room: &'static str, who: PeerId) -> Heard {
    Effect::Left {
        to,
        room: key(room),
        seat: seat_of(who),
    }
}

pub(crate) fn said(to: PeerId, room: &'static str, from: PeerId, message: &'static str) -> Heard {
    Effect::Said {
        to,
        room: key(room),
        from: seat_of(from),
        message,
    }
}

pub(crate) fn replaced(peer: PeerId, room: &'static str) -> Heard {
    Effect::Replaced {
        peer,
        room: key(room),
    }
}

pub(crate) fn refused(peer: PeerId, room: &'static str, refusal: Refusal) -> Heard {
    Effect::Refused {
        peer,
        room: key(room),
        refusal,
    }
}
