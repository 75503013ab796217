//! What holds whatever happens, in whatever order.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::{Duration, Instant},
};

use proptest::prelude::*;
use rooms::{
    Claim, Effect, Enter, Event, Limits, PeerId, Recipient, RoomKey, Rooms, SeatId,
    throttle::Guesser,
};

const CAPACITY: usize = 2;
const ROOMS: [&str; 3] = ["a", "b", "c"];

/// The room is part of the message, so that a message in the wrong room is seen.
type Message = (&'static str, u64);

#[derive(Clone, Debug)]
enum Step {
    Enter {
        peer: u64,
        room: usize,
        again: Option<(u64, Option<u64>, bool)>,
        grace: bool,
        guess: bool,
    },
    Say {
        peer: u64,
        room: usize,
        to: Option<u64>,
    },
    Leave {
        peer: u64,
        room: usize,
    },
    Lost {
        peer: u64,
    },
    Pass {
        seconds: u64,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (peer, room, seat) = (0..6_u64, 0..ROOMS.len(), 0..8_u64);
    let again = prop::option::weighted(
        0.4,
        (seat.clone(), prop::option::of(seat.clone()), any::<bool>()),
    );
    let step = prop_oneof![
        4 => (peer.clone(), room.clone(), again, any::<bool>(), any::<bool>()).prop_map(
            |(peer, room, again, grace, guess)| Step::Enter { peer, room, again, grace, guess }
        ),
        3 => (peer.clone(), room.clone(), prop::option::of(seat)).prop_map(|(peer, room, to)| Step::Say { peer, room, to }),
        2 => (peer.clone(), room).prop_map(|(peer, room)| Step::Leave { peer, room }),
        2 => peer.prop_map(|peer| Step::Lost { peer }),
        1 => (0..40_u64).prop_map(|seconds| Step::Pass { seconds }),
    ];
    prop::collection::vec(step, 0..80)
}

/// Runs the steps as a shell would: a lost connection never speaks again, it comes back as
/// another peer; new seats are drawn, claimed ones are whatever the claim says.
struct Shell {
    rooms: Rooms<Message>,
    now: Instant,
    generation: HashMap<u64, u64>,
    drawn: u64,
    lost: HashSet<PeerId>,
    /// Who sits where, as the effects tell it.
    seats: BTreeMap<(PeerId, String), SeatId>,
    log: Vec<String>,
}

impl Shell {
    fn new(now: Instant) -> Self {
        Self {
            rooms: Rooms::new(Limits::default()),
            now,
            generation: HashMap::new(),
            drawn: 100,
            lost: HashSet::new(),
            seats: BTreeMap::new(),
            log: Vec::new(),
        }
    }

    fn peer(&self, peer: u64) -> PeerId {
        PeerId(peer * 1000 + self.generation.get(&peer).copied().unwrap_or_default())
    }

    fn event(&mut self, step: &Step) -> Event<Message> {
        match *step {
            Step::Enter {
                peer,
                room,
                again,
                grace,
                guess,
            } => {
                self.drawn += 1;
                // Seats are bound to rooms by the token; the model keeps the numbers apart.
                let in_room = |seat: u64| SeatId(seat * 10 + room as u64);
                let claim = again.map_or(
                    Claim::New(SeatId(self.drawn * 10)),
                    |(seat, other, first)| {
                        let others = other.map(in_room).into_iter().collect();
                        Claim::Again {
                            seat: in_room(seat),
                            others,
                            first,
                        }
                    },
                );
                Event::Enter(Enter {
                    peer: self.peer(peer),
                    room: RoomKey::new(ROOMS[room]),
                    claim,
                    capacity: CAPACITY,
                    grace: grace.then_some(Duration::from_secs(30)),
                    guesser: guess.then_some(Guesser(u128::from(peer))),
                })
            }
            Step::Say { peer, room, to } => Event::Say {
                peer: self.peer(peer),
                room: RoomKey::new(ROOMS[room]),
                to: to.map_or(Recipient::Others, |seat| {
                    Recipient::Seat(SeatId(seat * 10 + room as u64))
                }),
                message: (ROOMS[room], peer),
            },
            Step::Leave { peer, room } => Event::Leave {
                peer: self.peer(peer),
                room: RoomKey::new(ROOMS[room]),
            },
            Step::Lost { peer } => {
                let gone = self.peer(peer);
                *self.generation.entry(peer).or_default() += 1;
                self.lost.insert(gone);
                Event::Lost { peer: gone }
            }
            Step::Pass { seconds } => {
                self.now += Duration::from_secs(seconds);
                Event::TimedOut
            }
        }
    }

    fn run(&mut self, event: Event<Message>) -> Result<(), TestCaseError> {
        match &event {
            Event::Leave { peer, room } => {
                self.seats.remove(&(*peer, room.as_str().to_owned()));
            }
            Event::Lost { peer } => self.seats.retain(|(holder, _), _| holder != peer),
            Event::Enter(_) | Event::Say { .. } | Event::TimedOut => {}
        }
        self.rooms.handle(event, self.now);
        while let Some(effect) = self.rooms.poll_effect() {
            self.log.push(format!("{effect:?}"));
            self.check(&effect)?;
        }
        prop_assert!(
            self.rooms
                .poll_timeout()
                .is_none_or(|at| at > self.now || self.rooms.occupancy().away > 0)
        );
        prop_assert_eq!(
            self.rooms.occupancy().here,
            self.seats.len(),
            "seats with somebody in them"
        );
        Ok(())
    }

    fn sits(&self, peer: PeerId, room: &RoomKey) -> bool {
        self.seats.contains_key(&(peer, room.as_str().to_owned()))
    }

    fn check(&mut self, effect: &Effect<Message>) -> Result<(), TestCaseError> {
        match effect {
            Effect::Seated {
                peer,
                room,
                seat,
                others,
                ..
            } => {
                prop_assert!(!self.lost.contains(peer), "a lost peer sits down");
                prop_assert!(others.len() < CAPACITY, "more seats than the room has");
                prop_assert!(others.iter().all(|other| other.seat != *seat));
                self.seats.insert((*peer, room.as_str().to_owned()), *seat);
            }
            Effect::Replaced { peer, room } => {
                self.seats.remove(&(*peer, room.as_str().to_owned()));
            }
            Effect::Refused { peer, .. } => prop_assert!(!self.lost.contains(peer)),
            Effect::Said {
                to, room, message, ..
            } => {
                prop_assert_eq!(room.as_str(), message.0, "somebody hears another room");
                prop_assert!(self.sits(*to, room));
            }
            Effect::Arrived { to, room, .. }
            | Effect::Away { to, room, .. }
            | Effect::Back { to, room, .. }
            | Effect::Left { to, room, .. } => {
                prop_assert!(self.sits(*to, room), "heard by one who is not there")
            }
        }
        let in_room = |name: &str| self.seats.keys().filter(|(_, room)| room == name).count();
        // A seat that is taken over counts twice until its old holder is told.
        prop_assert!(ROOMS.iter().all(|name| in_room(name) <= CAPACITY + 1));
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn rooms_keep_their_promises(steps in steps()) {
        #[expect(clippy::disallowed_methods, reason = "a test begins at some instant")]
        let start = Instant::now();
        let (mut shell, mut twin) = (Shell::new(start), Shell::new(start));
        for step in &steps {
            let event = shell.event(step);
            shell.run(event)?;
            let event = twin.event(step);
            twin.run(event)?;
        }
        prop_assert_eq!(&shell.log, &twin.log, "the same story has the same effects");

        // Every seat that was taken is left in the end.
        for peer in 0..6 {
            let event = shell.event(&Step::Lost { peer });
            shell.run(event)?;
        }
        while let Some(at) = shell.rooms.poll_timeout() {
            prop_assert!(at >= shell.now || shell.rooms.occupancy().away > 0);
            shell.now = shell.now.max(at);
            shell.run(Event::TimedOut)?;
        }
        let empty = shell.rooms.occupancy();
        prop_assert_eq!((empty.rooms, empty.here, empty.away), (0, 0, 0));
    }
}
