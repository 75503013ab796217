//! The one task that owns the rooms. It awaits nothing but its queue and its clock: a slow
//! socket has an outbox that fills up, never a hub that waits.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use protocol::{call::ServerMessage, ice::IceConfiguration};
use rooms::{Effect, Enter, Event, Limits, PeerId, Recipient, RoomKey, Rooms};
use tokio::sync::{mpsc, oneshot};

use crate::{
    dialect::call::{Heard, Page, Spoken, View, said},
    metrics::Metrics,
    outbox::Outbox,
    token::Tokens,
};

/// Commands that may wait for the hub; a socket whose command finds no room waits itself.
const QUEUE: usize = 1024;

/// What a socket, or the operator, wants of the hub.
pub(crate) enum Command {
    /// A socket is open: it may be told to go away.
    Opened { peer: PeerId, outbox: Outbox },
    /// A page wants a seat.
    Join(Box<Join>),
    /// A page speaks to the other one.
    Say {
        peer: PeerId,
        room: RoomKey,
        message: Spoken,
    },
    /// A page gives its seat up.
    Leave { peer: PeerId, room: RoomKey },
    /// A socket is gone.
    Closed { peer: PeerId },
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
    pub(crate) resumable: bool,
    pub(crate) by_link: bool,
    pub(crate) ice: Arc<IceConfiguration>,
}

struct Peer {
    outbox: Outbox,
    page: Option<Page>,
}

struct Hub {
    rooms: Rooms<Spoken>,
    peers: HashMap<PeerId, Peer>,
    tokens: Arc<Tokens>,
    metrics: Metrics,
}

/// Starts the hub; it ends when the last sender is gone.
pub(crate) fn spawn(
    limits: Limits,
    tokens: Arc<Tokens>,
    metrics: Metrics,
) -> mpsc::Sender<Command> {
    let (sender, commands) = mpsc::channel(QUEUE);
    let (rooms, peers) = (Rooms::new(limits), HashMap::new());
    tokio::spawn(
        Hub {
            rooms,
            peers,
            tokens,
            metrics,
        }
        .run(commands),
    );
    sender
}

impl Hub {
    async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        loop {
            let timeout = self.rooms.poll_timeout();
            let command = match timeout {
                None => commands.recv().await,
                Some(at) => match tokio::time::timeout_at(at.into(), commands.recv()).await {
                    Ok(command) => command,
                    Err(_) => {
                        self.happened(Event::TimedOut);
                        continue;
                    }
                },
            };
            match command {
                Some(command) => self.obey(command),
                None => return,
            }
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Opened { peer, outbox } => {
                self.peers.insert(peer, Peer { outbox, page: None });
            }
            Command::Join(join) => {
                let Join {
                    enter,
                    resumable,
                    by_link,
                    ice,
                } = *join;
                if let Some(peer) = self.peers.get_mut(&enter.peer) {
                    peer.page = Some(Page::new(resumable, by_link, ice));
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
            Command::Leave { peer, room } => self.happened(Event::Leave { peer, room }),
            Command::Closed { peer } => {
                self.peers.remove(&peer);
                self.happened(Event::Lost { peer });
            }
            Command::Probe(answer) => {
                // Who asked may have given up waiting.
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
        while let Some(effect) = self.rooms.poll_effect() {
            self.carry_out(&effect);
        }
        self.metrics.occupancy(self.rooms.occupancy());
    }

    fn carry_out(&mut self, effect: &Effect<Spoken>) {
        self.count(effect);
        let (to, opposite) = match effect {
            Effect::Seated { peer, others, .. } => (*peer, others.first().and_then(|o| o.peer)),
            Effect::Arrived { to, peer, .. } | Effect::Back { to, peer, .. } => (*to, Some(*peer)),
            Effect::Refused { peer, .. } | Effect::Replaced { peer, .. } => (*peer, None),
            Effect::Away { to, .. } | Effect::Left { to, .. } | Effect::Said { to, .. } => {
                (*to, None)
            }
        };
        let resumable = |peer: &Peer| peer.page.as_ref().is_some_and(|page| page.resumable);
        let opposite = opposite
            .and_then(|peer| self.peers.get(&peer))
            .map(resumable);
        let Some(peer) = self.peers.get_mut(&to) else {
            return;
        };
        let Some(page) = &mut peer.page else { return };
        let view = View {
            tokens: &self.tokens,
            now: unix_now(),
            opposite,
        };
        let heard = page.hears(effect, &view);
        deliver(&peer.outbox, heard);
    }

    fn count(&self, effect: &Effect<Spoken>) {
        match effect {
            Effect::Seated { resumed: true, .. } => self.metrics.join("resumed"),
            Effect::Seated { .. } => self.metrics.join("seated"),
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

    /// Pages that can come back go at once; a released page loses its call with its socket,
    /// so it may stay until [`Command::CloseAll`]. A socket that never joined has nothing
    /// to lose.
    fn drain(&self, after: Duration) {
        let after_ms = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
        for peer in self.peers.values() {
            let stays = peer.page.as_ref().is_some_and(|page| !page.resumable);
            if !stays {
                if peer.page.is_some() {
                    deliver(&peer.outbox, said(&ServerMessage::Draining { after_ms }));
                }
                peer.outbox.close(1012, "restart");
            }
        }
    }
}

/// Puts what a page hears into its outbox.
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
