//! The one task that owns the rooms. It awaits nothing but its queue and its clock: a slow
//! socket has an outbox that fills up, never a hub that waits.

mod party;
mod peers;
mod robot;

use std::{
    collections::HashMap,
    num::NonZeroUsize,
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use lru::LruCache;
use protocol::call::{CallError, Report, ServerMessage};
use rooms::{Claim, Effect, Enter, Event, Limits, PeerId, Recipient, RoomKey, Rooms, SeatId};
use tokio::sync::{mpsc, oneshot};

pub(crate) use self::{party::Party, peers::PeersWish, robot::RobotWish};
use crate::{
    dialect::{
        Heard, Speaker, Spoken, View,
        call::{Page, said},
    },
    metrics::Metrics,
    outbox::Outbox,
    robots::Robots,
    token::Tokens,
};

/// Commands that may wait for the hub; a socket whose command finds no room waits itself.
const QUEUE: usize = 1024;
/// Seats that are remembered to have reported. What is forgotten is old.
const REPORTED: NonZeroUsize = NonZeroUsize::new(10_000).expect("not zero");

/// What a socket, or the operator, wants of the hub.
pub(crate) enum Command {
    /// A socket is open: it may be told to go away.
    Opened { peer: PeerId, outbox: Outbox },
    /// A page wants a seat.
    Join(Box<Join>),
    /// A client speaks to others in a room.
    Say {
        peer: PeerId,
        room: RoomKey,
        message: Spoken,
    },
    /// A page tells how its call came about.
    Report { peer: PeerId, report: Report },
    /// A client gives its seat up.
    Leave { peer: PeerId, room: RoomKey },
    /// A socket is gone.
    Closed { peer: PeerId },
    /// A peer by id wants something.
    Peers(PeerId, Box<PeersWish>),
    /// An app or a robot wants something.
    Robot(PeerId, RobotWish),
    /// These are no robots any more, and owners may have changed.
    RobotsChanged { revoked: Vec<String> },
    /// A connection wants into a room by call ID.
    Party(PeerId, Party),
    /// How many sit in that room?
    Count(RoomKey, oneshot::Sender<usize>),
    /// Are you alive?
    Probe(oneshot::Sender<()>),
    /// Send everybody away: first those who can come back.
    Drain { after: Duration },
    /// Send away who is left.
    CloseAll,
}

/// The particulars of a join.
pub(crate) struct Join {
    pub(crate) enter: Enter,
    pub(crate) page: Page,
}

struct Peer {
    outbox: Outbox,
    speaker: Speaker,
}

struct Hub {
    rooms: Rooms<Spoken>,
    peers: HashMap<PeerId, Peer>,
    /// What those who sit under a name are called.
    names: HashMap<SeatId, Arc<str>>,
    directory: peers::Directory,
    robots: Robots,
    /// Seats that have told; `None` when nobody is asked.
    reported: Option<LruCache<SeatId, ()>>,
    tokens: Arc<Tokens>,
    metrics: Metrics,
}

/// Starts the hub, for so many peers by id whose cards weigh so much; it ends when the last
/// sender is gone.
pub(crate) fn spawn(
    limits: Limits,
    peers: (usize, usize),
    reports: bool,
    robots: Robots,
    tokens: Arc<Tokens>,
    metrics: Metrics,
) -> mpsc::Sender<Command> {
    let (sender, commands) = mpsc::channel(QUEUE);
    let hub = Hub {
        rooms: Rooms::new(limits),
        peers: HashMap::new(),
        names: HashMap::new(),
        directory: peers::Directory::new(peers.0, peers.1),
        robots,
        reported: reports.then(|| LruCache::new(REPORTED)),
        tokens,
        metrics,
    };
    tokio::spawn(hub.run(commands));
    sender
}

impl Hub {
    async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        loop {
            let due = [self.rooms.poll_timeout(), self.directory.due()];
            let command = match due.into_iter().flatten().min() {
                None => commands.recv().await,
                // A queue that is never empty must not stop the clock.
                Some(at) if at <= Instant::now() => {
                    self.timed_out();
                    continue;
                }
                Some(at) => match tokio::time::timeout_at(at.into(), commands.recv()).await {
                    Ok(command) => command,
                    Err(_) => continue,
                },
            };
            match command {
                Some(command) => self.obey(command),
                None => return,
            }
        }
    }

    fn timed_out(&mut self) {
        let now = Instant::now();
        if self.rooms.poll_timeout().is_some_and(|at| at <= now) {
            self.happened(Event::TimedOut);
        }
        if self.directory.due().is_some_and(|at| at <= now) {
            self.tell_presence(now);
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Opened { peer, outbox } => {
                let speaker = Speaker::Nobody;
                self.peers.insert(peer, Peer { outbox, speaker });
            }
            Command::Join(join) => {
                let Join { enter, page } = *join;
                if self.speaks_as(enter.peer, Speaker::Call(page)) {
                    self.happened(Event::Enter(enter));
                }
            }
            Command::Say {
                peer,
                room,
                message,
            } => {
                self.happened(Event::Say {
                    peer,
                    room,
                    to: Recipient::Others,
                    message,
                });
            }
            Command::Report { peer, report } => self.report(peer, report),
            Command::Leave { peer, room } => self.happened(Event::Leave { peer, room }),
            Command::Closed { peer } => self.gone(peer),
            Command::Peers(peer, wish) => self.peers(peer, *wish),
            Command::Robot(peer, wish) => self.robot(peer, wish),
            Command::RobotsChanged { revoked } => self.robots_changed(&revoked),
            Command::Party(peer, party) => self.party(peer, party),
            Command::Count(room, answer) => {
                // Who asked may have given up waiting.
                let _ = answer.send(self.rooms.occupants(&room).len());
            }
            Command::Probe(answer) => {
                let _ = answer.send(());
            }
            Command::Drain { after } => self.drain(after),
            Command::CloseAll => {
                for peer in self.peers.values() {
                    peer.outbox.close(1012, "restart");
                }
            }
        }
    }

    fn happened(&mut self, event: Event<Spoken>) {
        self.rooms.handle(event, Instant::now());
        let mut leavers = Vec::new();
        while let Some(effect) = self.rooms.poll_effect() {
            leavers.extend(self.carry_out(&effect));
        }
        for (peer, room) in leavers {
            self.quietly(Event::Leave { peer, room });
        }
        self.metrics.occupancy(self.rooms.occupancy());
    }

    /// Something that whoever it concerns has been told of already.
    fn quietly(&mut self, event: Event<Spoken>) {
        self.rooms.handle(event, Instant::now());
        while self.rooms.poll_effect().is_some() {}
    }

    /// Gives who has no more business in the room.
    fn carry_out(&mut self, effect: &Effect<Spoken>) -> Option<(PeerId, RoomKey)> {
        self.count(effect);
        let (to, room, opposite) = match effect {
            Effect::Seated {
                peer, room, others, ..
            } => (*peer, room, others.first().and_then(|other| other.peer)),
            Effect::Arrived { to, room, peer, .. } | Effect::Back { to, room, peer, .. } => {
                (*to, room, Some(*peer))
            }
            Effect::Refused { peer, room, .. } | Effect::Replaced { peer, room } => {
                (*peer, room, None)
            }
            Effect::Away { to, room, .. }
            | Effect::Left { to, room, .. }
            | Effect::Said { to, room, .. } => (*to, room, None),
        };
        let opposite = opposite.and_then(|peer| self.peers.get(&peer));
        let view = View {
            tokens: &self.tokens,
            now: unix_now(),
            opposite: opposite.map(|peer| peer.speaker.resumable()),
            tells_leave: matches!(effect, Effect::Left { .. }) && self.tells_leave(to, room),
            reports: self.reported.is_some(),
            names: &self.names,
        };
        let peer = self.peers.get_mut(&to)?;
        let heard = peer.speaker.hears(effect, &view);
        if matches!(effect, Effect::Replaced { .. }) {
            peer.speaker = Speaker::Nobody;
        }
        let leave = heard.leave;
        deliver(&peer.outbox, heard);
        leave.then(|| (to, room.clone()))
    }

    /// Counted at once, and once for each seat. A page that joined before the operator
    /// switched reports off is not told of it.
    fn report(&mut self, peer: PeerId, report: Report) {
        let Some(reported) = &mut self.reported else {
            return;
        };
        let Some(Peer { outbox, speaker }) = self.peers.get(&peer) else {
            return;
        };
        let Speaker::Call(page) = speaker else {
            return;
        };
        let first = |seat: &SeatId| reported.put(*seat, ()).is_none();
        if page.reporter().filter(first).is_some() {
            self.metrics.report(report);
        } else {
            deliver(outbox, page.refused(CallError::InvalidReport, None));
        }
    }

    /// Who a socket turned out to be; false when it is gone already.
    fn speaks_as(&mut self, peer: PeerId, speaker: Speaker) -> bool {
        let known = self.peers.get_mut(&peer);
        known.map(|peer| peer.speaker = speaker).is_some()
    }

    fn deliver_to(&self, peer: PeerId, heard: Heard) {
        if let Some(peer) = self.peers.get(&peer) {
            deliver(&peer.outbox, heard);
        }
    }

    /// A socket, and all its seats.
    fn gone(&mut self, peer: PeerId) {
        self.lost(peer);
        match self.peers.remove(&peer).map(|peer| peer.speaker) {
            Some(Speaker::Peer(peer)) => self.forget(&peer),
            Some(Speaker::Party(member)) => {
                self.names.remove(&member.seat);
            }
            Some(Speaker::Nobody | Speaker::Call(_) | Speaker::Robot(_)) | None => {}
        }
    }

    /// Somebody else has its place now.
    fn evict(&mut self, peer: PeerId) {
        self.deliver_to(peer, Heard::close(4409, "connected again from elsewhere"));
        self.gone(peer);
    }

    fn count(&self, effect: &Effect<Spoken>) {
        match effect {
            Effect::Seated { resumed: true, .. } => self.metrics.join("resumed"),
            Effect::Seated { peer, others, .. } => {
                self.metrics.join("seated");
                let speaker = self.peers.get(peer).map(|peer| &peer.speaker);
                if matches!(speaker, Some(Speaker::Call(_))) {
                    self.metrics.call(!others.is_empty());
                }
            }
            Effect::Refused { refusal, .. } => self.metrics.join(match refusal {
                rooms::Refusal::Full => "full",
                rooms::Refusal::Throttled { .. } => "throttled",
                rooms::Refusal::AlreadyHere => "invalid",
            }),
            Effect::Arrived { .. }
            | Effect::Away { .. }
            | Effect::Back { .. }
            | Effect::Left { .. }
            | Effect::Said { .. }
            | Effect::Replaced { .. } => {}
        }
    }

    /// Clients that come back by themselves go at once; the others may stay until
    /// [`Command::CloseAll`]. A socket that never joined has nothing to lose.
    fn drain(&self, after: Duration) {
        let after_ms = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
        for peer in self.peers.values().filter(|peer| !peer.speaker.stays()) {
            if peer.speaker.resumable() {
                deliver(&peer.outbox, said(&ServerMessage::Draining { after_ms }));
            }
            peer.outbox.close(1012, "restart");
        }
    }
}

/// Puts what a client hears into its outbox.
pub(crate) fn deliver(outbox: &Outbox, heard: Heard) {
    if let Some(frame) = heard.frame {
        outbox.push(frame);
    }
    if let Some((code, reason)) = heard.close {
        outbox.close(code, &reason);
    }
}

pub(crate) fn unix_now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// A seat that nobody holds while its owner is away, in a room whose name nobody guesses.
fn enter(peer: PeerId, room: RoomKey, claim: Claim, capacity: usize) -> Enter {
    Enter {
        peer,
        room,
        claim,
        capacity,
        grace: None,
        guesser: None,
    }
}

/// Ids are random, so that one tells nothing of another.
pub(crate) fn random() -> u64 {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).expect("the system has a source of randomness");
    u64::from_ne_bytes(bytes).max(1)
}
