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
    peers::{Peer, lobby, refused, session_key},
};

/// Sessions that one peer may be in at once; in more, it is not told who left.
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
    most: usize,
    due: Option<Instant>,
    told: Option<Instant>,
}

struct Entry {
    peer: PeerId,
    seat: SeatId,
    card: Card,
}

impl Directory {
    pub(super) fn new(most: usize) -> Self {
        Self {
            by_id: HashMap::new(),
            most,
            due: None,
            told: None,
        }
    }

    /// When presence is to be told.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
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
                if let (Kind::Offer, Some(session_id)) = (kind, session_id) {
                    self.remember(&session_key(&session_id), peer, other);
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
        let id: Arc<str> = card.id.as_str().into();
        match self.directory.by_id.get_mut(&id) {
            Some(entry) if entry.peer == peer => {
                entry.card = card;
                return self.directory.changed();
            }
            Some(entry) => {
                let old = entry.peer;
                self.evict(old);
            }
            None => {}
        }
        if let Some((_, seat)) = self.registered(peer) {
            // The same socket under another id: it gives the old one up.
            self.happened(rooms::Event::Lost { peer });
            let old = self.names.get(&seat).cloned().unwrap_or_default();
            self.forget(&Peer { id: old, seat });
        }
        let seat = SeatId(random());
        let speaker = Speaker::Peer(Peer {
            id: Arc::clone(&id),
            seat,
        });
        if !self.speaks_as(peer, speaker) {
            return;
        }
        let full = self.directory.by_id.len() >= self.directory.most;
        if !full {
            self.names.insert(seat, Arc::clone(&id));
            self.directory.by_id.insert(id, Entry { peer, seat, card });
            self.directory.changed();
        }
        let enter = enter(peer, lobby(), Claim::New(seat), self.directory.most);
        self.happened(rooms::Event::Enter(enter));
    }

    /// Two peers are in a session from its offer on.
    fn remember(&mut self, room: &RoomKey, caller: PeerId, called: PeerId) {
        let free = |peer| self.rooms.seats(peer) <= SESSIONS;
        let seats = [caller, called].map(|peer| self.registered(peer));
        if caller == called || !free(caller) || !free(called) {
            return;
        }
        if !self.rooms.occupants(room).is_empty() {
            return;
        }
        for (peer, seat) in [caller, called].into_iter().zip(seats) {
            if let Some((_, seat)) = seat {
                let enter = enter(peer, room.clone(), Claim::New(seat), 2);
                self.quietly(rooms::Event::Enter(enter));
            }
        }
    }

    /// Both ends hear that it is over, who said so included.
    fn bye(&mut self, peer: PeerId, session_id: &str) {
        let Some((own, _)) = self.registered(peer) else {
            return self.deliver_to(peer, refused("bye", Invalid::NotRegistered));
        };
        let room = session_key(session_id);
        let occupants = self.rooms.occupants(&room);
        let names = occupants.iter().map(|end| self.names.get(&end.seat));
        let legs: Option<Vec<Arc<str>>> = if occupants.is_empty() {
            split(session_id, &own)
        } else {
            let names: Vec<_> = names.flatten().cloned().collect();
            names.contains(&own).then_some(names)
        };
        let Some(legs) = legs else {
            return self.complain(peer, "bye", &format!("Invalid session [{session_id}]"));
        };
        for leg in legs {
            match self.directory.by_id.get(&leg) {
                Some(end) => {
                    let bye = Event::Bye {
                        to: &leg,
                        session_id,
                    };
                    self.deliver_to(end.peer, Heard::text(bye.encode()));
                }
                None => self.complain(peer, "bye", &format!("Peer [{leg}] not found.")),
            }
        }
        for end in occupants.into_iter().filter_map(|end| end.peer) {
            self.quietly(rooms::Event::Leave {
                peer: end,
                room: room.clone(),
            });
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
            self.directory.by_id.remove(&peer.id);
            self.directory.changed();
        }
    }

    pub(super) fn tell_presence(&mut self, now: Instant) {
        (self.directory.due, self.directory.told) = (None, Some(now));
        let occupants = self.rooms.occupants(&lobby());
        let card = |seat| Some(&self.directory.by_id.get(self.names.get(&seat)?)?.card);
        let cards: Vec<&Card> = occupants.iter().filter_map(|end| card(end.seat)).collect();
        let frame = Message::text(Event::Peers(&cards).encode());
        for peer in occupants.into_iter().filter_map(|end| end.peer) {
            let frame = Some(frame.clone());
            self.deliver_to(
                peer,
                Heard {
                    frame,
                    ..Heard::default()
                },
            );
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
