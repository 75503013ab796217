//! Peers by id: who is reachable under which id, and who is in a session with whom.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use protocol::peers::{Card, Event, Invalid, Kind};
use rooms::{Claim, PeerId, Recipient, RoomKey, SeatId};
use tokio_tungstenite::tungstenite::Message;

use super::{Hub, enter, random};
use crate::dialect::{
    Heard, Speaker, Spoken,
    peers::{Peer, full, lobby, refused, session_key},
};

/// Sessions that one peer may have begun and not ended; of more it is not told who left.
const SESSIONS: usize = 32;
/// Presence goes to everybody, so its cost grows with the square of their number: the more
/// there are, the less often it is told.
const PRESENCE: Duration = Duration::from_millis(50);
const PRESENCE_OF_EACH: Duration = Duration::from_millis(1);

/// What a peer wants.
pub(crate) enum PeersWish {
    /// To be reachable.
    Register(Card),
    /// To say something to one other peer.
    Forward {
        kind: Kind,
        to: String,
        session_id: Option<String>,
        frame: String,
    },
    /// To end a session.
    Bye { session_id: String },
}

/// Everybody who is reachable, by id.
pub(super) struct Directory {
    by_id: HashMap<Arc<str>, Entry>,
    sessions: HashMap<RoomKey, Session>,
    most: usize,
    /// What all cards together may weigh: everybody gets all of them in one frame.
    most_bytes: usize,
    bytes: usize,
    due: Option<Instant>,
    told: Option<Instant>,
}

struct Entry {
    peer: PeerId,
    seat: SeatId,
    card: Card,
}

/// Two peers, from an offer on. Its room is theirs alone, whatever others call a session.
struct Session {
    id: String,
    caller: PeerId,
    /// The called one has answered.
    answered: bool,
}

impl Directory {
    pub(super) fn new(most: usize, most_bytes: usize) -> Self {
        Self {
            by_id: HashMap::new(),
            sessions: HashMap::new(),
            most,
            most_bytes,
            bytes: 0,
            due: None,
            told: None,
        }
    }

    /// When presence is to be told.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    fn has_room(&self, card: &Card) -> bool {
        self.by_id.len() < self.most && self.bytes + card.weight() <= self.most_bytes
    }

    fn insert(&mut self, id: Arc<str>, entry: Entry) {
        self.bytes += entry.card.weight();
        self.by_id.insert(id, entry);
        self.changed();
    }

    fn remove(&mut self, id: &str) {
        if let Some(entry) = self.by_id.remove(id) {
            self.bytes -= entry.card.weight();
        }
        self.changed();
    }

    fn replace(&mut self, id: &str, card: Card) {
        if let Some(entry) = self.by_id.get_mut(id) {
            self.bytes -= entry.card.weight();
            let fits = self.bytes + card.weight() <= self.most_bytes;
            if fits {
                entry.card = card;
            }
            self.bytes += entry.card.weight();
        }
        self.changed();
    }

    fn changed(&mut self) {
        let count = u32::try_from(self.by_id.len()).unwrap_or(u32::MAX);
        let pause = PRESENCE + PRESENCE_OF_EACH * count;
        let now = Instant::now();
        self.due
            .get_or_insert(self.told.map_or(now, |told| now.max(told + pause)));
    }
}

impl Hub {
    pub(super) fn peers(&mut self, peer: PeerId, wish: PeersWish) {
        match wish {
            PeersWish::Register(card) => self.register(peer, card),
            PeersWish::Forward {
                kind,
                to,
                session_id,
                frame,
            } => {
                if self.registered(peer).is_none() {
                    return self.deliver_to(peer, refused(kind.name(), Invalid::NotRegistered));
                }
                let Some(other) = self.directory.by_id.get(&*to) else {
                    let reason = format!("Peer [{to}] not found ");
                    return self.complain(peer, kind.name(), &reason);
                };
                let (other, seat) = (other.peer, other.seat);
                if let Some(session_id) = session_id {
                    self.remember(kind, session_id, peer, other);
                }
                self.happened(rooms::Event::Say {
                    peer,
                    room: lobby(),
                    to: Recipient::Seat(seat),
                    message: Spoken::Frame(Message::text(frame)),
                });
            }
            PeersWish::Bye { session_id } => self.bye(peer, &session_id),
        }
    }

    /// The newer registration of an id wins.
    fn register(&mut self, peer: PeerId, card: Card) {
        if !self.peers.contains_key(&peer) {
            return;
        }
        let id: Arc<str> = card.id.as_str().into();
        if let Some(entry) = self.directory.by_id.get(&id).filter(|old| old.peer != peer) {
            let old = entry.peer;
            self.evict(old);
        }
        if let Some((old, seat)) = self.registered(peer) {
            if old == id {
                return self.directory.replace(&id, card);
            }
            // The same socket under another id: it gives the old one up.
            self.lost(peer);
            self.forget(&Peer { id: old, seat });
        }
        let seat = SeatId(random());
        self.speaks_as(
            peer,
            Speaker::Peer(Peer {
                id: Arc::clone(&id),
                seat,
            }),
        );
        let most = self.directory.most;
        if self.directory.has_room(&card) {
            self.names.insert(seat, Arc::clone(&id));
            self.directory.insert(id, Entry { peer, seat, card });
            let enter = enter(peer, lobby(), Claim::New(seat), most);
            self.happened(rooms::Event::Enter(enter));
        } else {
            self.deliver_to(peer, full());
        }
    }

    /// Two peers are in a session from its offer on; it is answered by whatever the called
    /// one says in it.
    fn remember(&mut self, kind: Kind, id: String, from: PeerId, to: PeerId) {
        let (Some((own, own_seat)), Some((other, other_seat))) =
            (self.registered(from), self.registered(to))
        else {
            return;
        };
        let room = session_key(&own, &other, &id);
        if let Some(session) = self.directory.sessions.get_mut(&room) {
            session.answered |= session.caller != from;
            return;
        }
        let begun = |room| self.directory.sessions.get(room);
        let begun = self.rooms.rooms_of(from).iter().filter_map(begun);
        let begun = begun.filter(|session| session.caller == from).count();
        if kind != Kind::Offer || from == to || begun >= SESSIONS {
            return;
        }
        for (peer, seat) in [(from, own_seat), (to, other_seat)] {
            let enter = enter(peer, room.clone(), Claim::New(seat), 2);
            self.quietly(rooms::Event::Enter(enter));
        }
        let session = Session {
            id,
            caller: from,
            answered: false,
        };
        self.directory.sessions.insert(room, session);
    }

    /// Both ends hear that it is over, who said so included.
    fn bye(&mut self, peer: PeerId, session_id: &str) {
        let Some((own, _)) = self.registered(peer) else {
            return self.deliver_to(peer, refused("bye", Invalid::NotRegistered));
        };
        let named = self.sessions_named(peer, session_id);
        if named.is_empty() {
            let Some(legs) = split(session_id, &own) else {
                return self.complain(peer, "bye", &format!("Invalid session [{session_id}]"));
            };
            return legs
                .into_iter()
                .for_each(|leg| self.say_bye(peer, &leg, session_id));
        }
        for room in named {
            let ends = self.rooms.occupants(&room);
            for end in &ends {
                let Some(leg) = self.names.get(&end.seat).cloned() else {
                    continue;
                };
                // SECURITY: who names its own session after another one does not end that.
                let other = end.peer.filter(|end| *end != peer);
                let elsewhere = other.is_some_and(|other| {
                    let all = self.sessions_named(other, session_id);
                    all.iter()
                        .any(|named| *named != room && self.counts(named, other))
                });
                if self.counts(&room, end.peer.unwrap_or(peer)) || !elsewhere {
                    self.say_bye(peer, &leg, session_id);
                }
            }
            self.end_session(&room);
        }
    }

    fn say_bye(&self, peer: PeerId, leg: &Arc<str>, session_id: &str) {
        let to = &**leg;
        match self.directory.by_id.get(leg) {
            Some(end) => {
                let bye = Event::Bye { to, session_id };
                self.deliver_to(end.peer, Heard::text(bye.encode()));
            }
            None => self.complain(peer, "bye", &format!("Peer [{leg}] not found.")),
        }
    }

    fn sessions_named(&self, peer: PeerId, session_id: &str) -> Vec<RoomKey> {
        let named = |room: &&RoomKey| {
            let session = self.directory.sessions.get(*room);
            session.is_some_and(|session| session.id == session_id)
        };
        self.rooms
            .rooms_of(peer)
            .iter()
            .filter(named)
            .cloned()
            .collect()
    }

    /// Whether that peer takes part by its own doing: it called, or has answered.
    fn counts(&self, room: &RoomKey, peer: PeerId) -> bool {
        let session = self.directory.sessions.get(room);
        session.is_some_and(|session| session.answered || session.caller == peer)
    }

    /// Whether `to` is told that the other end of that session is gone. Its client ends its
    /// call whoever left, so a call that it never took must not end one that it did.
    pub(super) fn tells_leave(&self, to: PeerId, room: &RoomKey) -> bool {
        let mut others = self
            .rooms
            .rooms_of(to)
            .iter()
            .filter(|other| *other != room);
        self.counts(room, to) || !others.any(|other| self.counts(other, to))
    }

    fn end_session(&mut self, room: &RoomKey) {
        for end in self.rooms.occupants(room) {
            if let Some(peer) = end.peer {
                let room = room.clone();
                self.quietly(rooms::Event::Leave { peer, room });
            }
        }
        self.directory.sessions.remove(room);
    }

    /// All its seats are given up, and its sessions are over.
    pub(super) fn lost(&mut self, peer: PeerId) {
        let rooms = self.rooms.rooms_of(peer).to_vec();
        self.happened(rooms::Event::Lost { peer });
        for room in rooms {
            self.directory.sessions.remove(&room);
        }
    }

    fn registered(&self, peer: PeerId) -> Option<(Arc<str>, SeatId)> {
        match &self.peers.get(&peer)?.speaker {
            Speaker::Peer(known) => {
                let entry = self.directory.by_id.get(&known.id)?;
                (entry.seat == known.seat).then(|| (Arc::clone(&known.id), known.seat))
            }
            Speaker::Nobody | Speaker::Call(_) | Speaker::Robot(_) | Speaker::Party(_) => None,
        }
    }

    fn complain(&self, peer: PeerId, request: &str, reason: &str) {
        self.deliver_to(peer, Heard::text(Event::Error { request, reason }.encode()));
    }

    pub(super) fn forget(&mut self, peer: &Peer) {
        self.names.remove(&peer.seat);
        let own = self.directory.by_id.get(&peer.id);
        if own.is_some_and(|entry| entry.seat == peer.seat) {
            self.directory.remove(&peer.id);
        }
    }

    pub(super) fn tell_presence(&mut self, now: Instant) {
        (self.directory.due, self.directory.told) = (None, Some(now));
        let occupants = self.rooms.occupants(&lobby());
        let card = |seat| Some(&self.directory.by_id.get(self.names.get(&seat)?)?.card);
        let cards: Vec<&Card> = occupants.iter().filter_map(|end| card(end.seat)).collect();
        let frame = Message::text(Event::Peers(&cards).encode());
        let outboxes = occupants
            .iter()
            .filter_map(|end| self.peers.get(&end.peer?));
        // Who is slow gets the next list: presence alone must close nobody's socket.
        let slow = outboxes
            .filter(|peer| !peer.outbox.offer(frame.clone()))
            .count();
        if slow > 0 {
            self.directory.changed();
        }
    }
}

/// A session nobody remembers is named after its two ends; ids may hold dashes themselves.
fn split(session_id: &str, own: &str) -> Option<Vec<Arc<str>>> {
    let after = session_id
        .strip_prefix(own)
        .and_then(|rest| rest.strip_prefix('-'));
    let before = session_id
        .strip_suffix(own)
        .and_then(|rest| rest.strip_suffix('-'));
    let legs = match (after, before) {
        (Some(other), _) => [own, other],
        (None, Some(other)) => [other, own],
        (None, None) => return None,
    };
    Some(legs.map(Arc::from).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_split_at_the_id_of_who_asks() {
        let of = |session: &str, own: &str| {
            split(session, own)
                .map(|legs| legs.iter().map(|leg| leg.to_string()).collect::<Vec<_>>())
        };
        assert_eq!(of("1-2", "1"), Some(vec!["1".into(), "2".into()]));
        assert_eq!(of("1-2", "2"), Some(vec!["1".into(), "2".into()]));
        assert_eq!(of("a-b-c", "b-c"), Some(vec!["a".into(), "b-c".into()]));
        assert_eq!(of("1-2", "3"), None);
        assert_eq!(of("12", "1"), None);
    }
}
