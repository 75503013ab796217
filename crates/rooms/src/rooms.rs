//! All rooms, and everything that can happen to them.

use std::{
    collections::{BTreeMap, HashMap, VecDeque, hash_map::Entry},
    time::{Duration, Instant},
};

use crate::{
    entry::Queue,
    event::{Claim, Effect, Enter, Event, Occupant, PeerId, Recipient, Refusal, RoomKey, SeatId},
    room::{Holder, Room, Seat, Ticket},
    throttle::{Throttle, ThrottleLimits, Verdict},
};

/// What the rooms may cost.
#[derive(Clone, Debug, Default)]
pub struct Limits {
    /// What guessing costs.
    pub throttle: ThrottleLimits,
}

/// How full the rooms are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Occupancy {
    /// Rooms with at least one seat taken or held.
    pub rooms: usize,
    /// Seats with a connection in them.
    pub here: usize,
    /// Seats held for somebody who is away.
    pub away: usize,
}

/// When a source that waits in too many rooms may try one more.
const WAITING_ROOM: Duration = Duration::from_secs(60);

/// The state of all rooms. `M` is a message, never looked into.
#[derive(Debug)]
pub struct Rooms<M> {
    rooms: HashMap<RoomKey, Room>,
    seats_of: HashMap<PeerId, Vec<RoomKey>>,
    /// Seats held for somebody who is away, by the time they are given up.
    held: BTreeMap<Ticket, (RoomKey, SeatId)>,
    tickets: u64,
    door: Queue,
    throttle: Throttle,
    effects: VecDeque<Effect<M>>,
    here: usize,
}

impl<M: Clone> Rooms<M> {
    /// No rooms yet.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            rooms: HashMap::new(),
            seats_of: HashMap::new(),
            held: BTreeMap::new(),
            tickets: 0,
            door: Queue::default(),
            throttle: Throttle::new(limits.throttle),
            effects: VecDeque::new(),
            here: 0,
        }
    }

    /// One thing happened; its effects are to be drained before the next one.
    pub fn handle(&mut self, event: Event<M>, now: Instant) {
        match event {
            Event::Enter(enter) => self.knock(enter, now),
            Event::Say {
                peer,
                room,
                to,
                message,
            } => self.say(peer, &room, to, &message),
            Event::Leave { peer, room } => self.leave(peer, &room),
            Event::Lost { peer } => self.lost(peer, now),
            Event::TimedOut => self.timed_out(now),
        }
    }

    /// The next thing to be done, in order, until `None`.
    pub fn poll_effect(&mut self) -> Option<Effect<M>> {
        self.effects.pop_front()
    }

    /// When [`Event::TimedOut`] is due, if anything waits.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let held = self.held.first_key_value().map(|(ticket, _)| ticket.0);
        [held, self.door.next_time()].into_iter().flatten().min()
    }

    /// How full the rooms are.
    #[must_use]
    pub fn occupancy(&self) -> Occupancy {
        Occupancy {
            rooms: self.rooms.len(),
            here: self.here,
            away: self.held.len(),
        }
    }

    /// Who sits in a room, in order of arrival.
    #[must_use]
    pub fn occupants(&self, room: &RoomKey) -> Vec<Occupant> {
        let room = self.rooms.get(room);
        room.map(Room::occupants).unwrap_or_default()
    }

    /// The rooms in which a peer sits, in the order it took its seats.
    #[must_use]
    pub fn rooms_of(&self, peer: PeerId) -> &[RoomKey] {
        self.seats_of.get(&peer).map_or(&[], Vec::as_slice)
    }

    /// The throttle stands before the door: it answers before anything is looked up, so
    /// that neither its answer nor its delay tells whether the room exists.
    fn knock(&mut self, enter: Enter, now: Instant) {
        let Enter {
            peer,
            ref room,
            guesser,
            ..
        } = enter;
        let seated = self
            .seats_of
            .get(&peer)
            .is_some_and(|keys| keys.contains(room));
        if seated || self.door.holds(peer) {
            return self.refuse(enter, Refusal::AlreadyHere);
        }
        let guess = matches!(enter.claim, Claim::New(_));
        match guesser
            .filter(|_| guess)
            .map(|who| self.throttle.ask(who, now))
        {
            None | Some(Verdict::Now) => self.enter(enter, now),
            Some(Verdict::After(delay)) => self.door.push(now + delay, enter),
            Some(Verdict::Refused(retry_after)) => {
                self.refuse(enter, Refusal::Throttled { retry_after });
            }
        }
    }

    fn enter(&mut self, enter: Enter, now: Instant) {
        match enter.claim {
            Claim::New(seat) => self.take_free(enter, seat, now),
            Claim::Again { seat, .. } => match self.rooms.get(&enter.room) {
                None => self.rebuild(enter, now),
                Some(room) if room.has(seat) => self.take_again(&enter, seat),
                Some(_) => self.take_free(enter, seat, now),
            },
        }
    }

    /// A seat nobody has: in a room that is there, or in a new one.
    fn take_free(&mut self, enter: Enter, id: SeatId, now: Instant) {
        let room = self.rooms.get(&enter.room);
        let waits = room.is_none();
        let full = room.map_or(0, |room| room.seats.len()) >= enter.capacity;
        if full || room.is_some_and(|room| room.has(id)) {
            if let Some(who) = enter.guesser {
                self.throttle.charge(who, now);
            }
            return self.refuse(enter, Refusal::Full);
        }
        if let Some(who) = enter.guesser.filter(|_| waits) {
            if !self.throttle.may_wait(who) {
                return self.refuse(
                    enter,
                    Refusal::Throttled {
                        retry_after: WAITING_ROOM,
                    },
                );
            }
            self.throttle.charge(who, now);
            self.throttle.waits(who);
        }
        let room = self.rooms.entry(enter.room.clone()).or_default();
        for seat in &mut room.seats {
            if let Some(who) = seat.charged.take() {
                self.throttle.waited(who, true);
            }
        }
        room.seats.push(Seat {
            id,
            holder: Holder::Here(enter.peer),
            grace: enter.grace,
            charged: enter.guesser.filter(|_| waits),
        });
        let (peer, key) = (enter.peer, enter.room);
        self.effects.push_back(seated(peer, &key, room, id, false));
        for (_, to) in room.audience(id) {
            self.effects.push_back(Effect::Arrived {
                to,
                room: key.clone(),
                seat: id,
                peer,
            });
        }
        self.sits(peer, key);
    }

    /// The very seat it had, whether its old connection is known to be gone or not.
    fn take_again(&mut self, enter: &Enter, id: SeatId) {
        let (peer, key) = (enter.peer, &enter.room);
        let room = self.rooms.get_mut(key).expect("the caller found the room");
        let seat = room.seat(id).expect("the caller found the seat");
        let before = std::mem::replace(&mut seat.holder, Holder::Here(peer));
        seat.grace = enter.grace;
        self.effects.push_back(seated(peer, key, room, id, true));
        for (_, to) in room.audience(id) {
            self.effects.push_back(Effect::Back {
                to,
                room: key.clone(),
                seat: id,
                peer,
            });
        }
        match before {
            Holder::Away(ticket) => {
                self.held.remove(&ticket);
            }
            Holder::Here(old) => {
                self.stands_up(old, key);
                self.effects.push_back(Effect::Replaced {
                    peer: old,
                    room: key.clone(),
                });
            }
        }
        self.sits(peer, key.clone());
    }

    /// The process lost its memory: make the room again as the claim remembers it.
    fn rebuild(&mut self, enter: Enter, now: Instant) {
        let Enter {
            peer,
            room: key,
            claim,
            capacity,
            grace,
            ..
        } = enter;
        let Claim::Again {
            seat: id,
            others,
            first,
        } = claim
        else {
            return;
        };
        let mut room = Room::default();
        for other in others {
            if other != id && !room.has(other) && room.seats.len() + 1 < capacity {
                let holder = self.hold(&key, other, now + grace.unwrap_or_default());
                room.seats.push(Seat {
                    id: other,
                    holder,
                    grace,
                    charged: None,
                });
            }
        }
        let place = if first { 0 } else { room.seats.len() };
        let holder = Holder::Here(peer);
        room.seats.insert(
            place,
            Seat {
                id,
                holder,
                grace,
                charged: None,
            },
        );
        self.effects.push_back(seated(peer, &key, &room, id, true));
        self.rooms.insert(key.clone(), room);
        self.sits(peer, key);
    }

    fn say(&mut self, peer: PeerId, key: &RoomKey, to: Recipient, message: &M) {
        let Some(room) = self.rooms.get(key) else {
            return;
        };
        let Some(from) = room.seat_of(peer) else {
            return;
        };
        for (seat, to_peer) in room.audience(from) {
            if to == Recipient::Others || to == Recipient::Seat(seat) {
                self.effects.push_back(Effect::Said {
                    to: to_peer,
                    room: key.clone(),
                    from,
                    message: message.clone(),
                });
            }
        }
    }

    fn leave(&mut self, peer: PeerId, key: &RoomKey) {
        self.door.remove(peer);
        let seat = self.rooms.get(key).and_then(|room| room.seat_of(peer));
        if let Some(seat) = seat {
            self.stands_up(peer, key);
            self.vacate(key, seat);
        }
    }

    fn lost(&mut self, peer: PeerId, now: Instant) {
        self.door.remove(peer);
        for key in self.seats_of.remove(&peer).unwrap_or_default() {
            self.here -= 1;
            let Some(room) = self.rooms.get_mut(&key) else {
                continue;
            };
            let Some(id) = room.seat_of(peer) else {
                continue;
            };
            let seat = room.seat(id).expect("it was just found");
            let Some(grace) = seat.grace else {
                self.vacate(&key, id);
                continue;
            };
            let holder = self.hold(&key, id, now + grace);
            let Some(room) = self.rooms.get_mut(&key) else {
                continue;
            };
            if let Some(seat) = room.seat(id) {
                seat.holder = holder;
            }
            for (_, to) in room.audience(id) {
                self.effects.push_back(Effect::Away {
                    to,
                    room: key.clone(),
                    seat: id,
                });
            }
        }
    }

    fn timed_out(&mut self, now: Instant) {
        while let Some(entry) = self.held.first_entry().filter(|entry| entry.key().0 <= now) {
            let (key, id) = entry.remove();
            self.vacate(&key, id);
        }
        while let Some(enter) = self.door.pop_due(now) {
            // Others of the same source may have been charged while this one waited.
            match enter.guesser.map(|who| self.throttle.ask(who, now)) {
                Some(Verdict::Refused(retry_after)) => {
                    self.refuse(enter, Refusal::Throttled { retry_after });
                }
                Some(Verdict::Now | Verdict::After(_)) | None => self.enter(enter, now),
            }
        }
    }

    /// Takes the seat away and tells who is still there.
    fn vacate(&mut self, key: &RoomKey, id: SeatId) {
        let Entry::Occupied(mut entry) = self.rooms.entry(key.clone()) else {
            return;
        };
        let room = entry.get_mut();
        if let Some(who) = room.remove(id).and_then(|seat| seat.charged) {
            self.throttle.waited(who, false);
        }
        for (_, to) in room.audience(id) {
            self.effects.push_back(Effect::Left {
                to,
                room: key.clone(),
                seat: id,
            });
        }
        if room.seats.is_empty() {
            entry.remove();
        }
    }

    fn hold(&mut self, key: &RoomKey, id: SeatId, until: Instant) -> Holder {
        self.tickets += 1;
        let ticket = (until, self.tickets);
        self.held.insert(ticket, (key.clone(), id));
        Holder::Away(ticket)
    }

    fn sits(&mut self, peer: PeerId, key: RoomKey) {
        self.here += 1;
        self.seats_of.entry(peer).or_default().push(key);
    }

    fn stands_up(&mut self, peer: PeerId, key: &RoomKey) {
        if let Entry::Occupied(mut entry) = self.seats_of.entry(peer) {
            let before = entry.get().len();
            entry.get_mut().retain(|held| held != key);
            self.here -= before - entry.get().len();
            if entry.get().is_empty() {
                entry.remove();
            }
        }
    }

    fn refuse(&mut self, enter: Enter, refusal: Refusal) {
        let Enter { peer, room, .. } = enter;
        self.effects.push_back(Effect::Refused {
            peer,
            room,
            refusal,
        });
    }
}

fn seated<M>(peer: PeerId, key: &RoomKey, room: &Room, seat: SeatId, resumed: bool) -> Effect<M> {
    Effect::Seated {
        peer,
        room: key.clone(),
        seat,
        first: room.is_first(seat),
        resumed,
        others: room.others(seat),
    }
}
