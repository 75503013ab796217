//! What the page of a call says.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use protocol::call::{CallError, ClientMessage, Resume, RoomName, ServerMessage, says_resume};
use rooms::{Claim, Enter, RoomKey, SeatId, throttle::Guesser};
use tokio::task::JoinHandle;

use super::{Frame, Wire, invalid};
use crate::{
    Shared,
    dialect::{
        self,
        call::{Page, Spoken, refused, room_key, said},
    },
    hub::{Command, Join, deliver, random, unix_now},
    ice::Issued,
    socket::End,
};

/// How soon to see whether fresh credentials have come.
const LOOK_AGAIN: Duration = Duration::from_secs(10);
/// Two people to a call.
const CAPACITY: usize = 2;

pub(crate) struct CallEar {
    /// Under which the relay knows the caller.
    client: String,
    asking: Option<JoinHandle<Issued>>,
    room: Option<RoomKey>,
    resumable: bool,
    /// When fresh credentials are due.
    refresh: Option<Instant>,
    /// Gives how long the fresh credentials are good for, in seconds.
    refreshing: Option<JoinHandle<u64>>,
}

impl CallEar {
    /// Credentials are asked for while the page still types its PIN.
    pub(crate) fn new(shared: &Arc<Shared>, source: service::client::Source) -> Self {
        let client = source.pseudonym(&shared.pseudonym_key);
        let (shared, name) = (Arc::clone(shared), client.clone());
        let asking = tokio::spawn(async move { shared.ice.for_client(&name).await });
        Self {
            client,
            asking: Some(asking),
            room: None,
            resumable: false,
            refresh: None,
            refreshing: None,
        }
    }

    pub(crate) fn must_join(&self) -> bool {
        self.asking.is_some()
    }

    /// It said `leave`, or never joined.
    pub(crate) fn left(&self) -> bool {
        self.room.is_none()
    }

    pub(crate) fn next_wake(&self) -> Option<Instant> {
        self.refresh
    }

    /// Fetches in the background, because the issuer may be slow and the call goes on.
    pub(crate) async fn tick(&mut self, wire: &Wire) {
        if self.refresh.is_none_or(|at| Instant::now() < at) {
            return;
        }
        match self.refreshing.take() {
            Some(done) if done.is_finished() => {
                let ttl = done.await.unwrap_or_default();
                self.refresh_later(ttl);
                return;
            }
            Some(fetching) => self.refreshing = Some(fetching),
            None => {
                let (shared, outbox) = (Arc::clone(&wire.shared), wire.outbox.clone());
                let client = self.client.clone();
                self.refreshing = Some(tokio::spawn(async move {
                    let issued = shared.ice.for_client(&client).await;
                    let ice_servers = &issued.configuration.ice_servers;
                    deliver(&outbox, said(&ServerMessage::IceServers { ice_servers }));
                    issued.ttl
                }));
            }
        }
        self.refresh = Some(Instant::now() + LOOK_AGAIN);
    }

    pub(crate) async fn hear(&mut self, wire: &Wire, frame: Frame) -> Result<(), End> {
        match frame {
            Frame::Text(text) => match ClientMessage::decode(&text) {
                Ok(message) => self.obey(wire, message).await?,
                Err(error) => {
                    invalid(wire);
                    self.resumable |= says_resume(&text);
                    self.refuse(wire, error);
                }
            },
            Frame::Binary(_) => {
                invalid(wire);
                self.refuse(wire, CallError::InvalidMessage);
            }
            Frame::TooLarge => self.refuse(wire, CallError::TooLarge),
        }
        Ok(())
    }

    async fn obey(&mut self, wire: &Wire, message: ClientMessage<'_>) -> Result<(), End> {
        let metrics = &wire.shared.metrics;
        match message {
            ClientMessage::Join { room, resume } => self.join(wire, &room, resume).await,
            ClientMessage::Relay(relayed) => {
                metrics.message(relayed.kind.name());
                self.say(wire, Spoken::relayed(relayed)).await
            }
            ClientMessage::Ack(mark) => {
                metrics.message("ack");
                self.say(wire, Spoken::ack(mark)).await
            }
            ClientMessage::Report(report) => {
                metrics.message("report");
                if self.room.is_none() {
                    self.refuse(wire, CallError::NotInRoom);
                    return Ok(());
                }
                let peer = wire.peer;
                wire.tell(Command::Report { peer, report }).await
            }
            ClientMessage::Ping => {
                metrics.message("ping");
                wire.hear(said(&ServerMessage::Pong));
                Ok(())
            }
            ClientMessage::Leave => {
                metrics.message("leave");
                if let Some(room) = self.room.take() {
                    let peer = wire.peer;
                    wire.tell(Command::Leave { peer, room }).await?;
                }
                wire.outbox.close(1000, "left");
                Ok(())
            }
        }
    }

    async fn join(&mut self, wire: &Wire, name: &RoomName, resume: Resume<'_>) -> Result<(), End> {
        wire.shared.metrics.message("join");
        let Some(asking) = self.asking.take() else {
            self.refuse(wire, CallError::InvalidMessage);
            return Ok(());
        };
        self.resumable = resume != Resume::Unable;
        let Ok(issued) = asking.await else {
            self.refuse(wire, CallError::Unavailable);
            return Ok(());
        };
        self.refresh_later(issued.ttl);
        let room = room_key(name);
        self.room = Some(room.clone());
        let token = match resume {
            Resume::Token(token) => Some(token),
            Resume::Unable | Resume::Fresh => None,
        };
        let again = token.and_then(|token| wire.shared.tokens.verify(&room, token, unix_now()));
        let enter = Enter {
            peer: wire.peer,
            room,
            claim: again.unwrap_or_else(|| Claim::New(SeatId(random()))),
            capacity: CAPACITY,
            grace: self.resumable.then_some(wire.shared.limits.seat_grace),
            guesser: matches!(name, RoomName::Pin(_)).then(|| Guesser(wire.source.as_u128())),
        };
        let by_link = matches!(name, RoomName::Call(_));
        let page = Page::new(self.resumable, by_link, issued.configuration);
        wire.tell(Command::Join(Box::new(Join { enter, page })))
            .await
    }

    async fn say(&mut self, wire: &Wire, message: Spoken) -> Result<(), End> {
        let Some(room) = self.room.clone() else {
            self.refuse(wire, CallError::NotInRoom);
            return Ok(());
        };
        let (peer, message) = (wire.peer, dialect::Spoken::Call(message));
        wire.tell(Command::Say {
            peer,
            room,
            message,
        })
        .await
    }

    fn refuse(&self, wire: &Wire, error: CallError) {
        wire.hear(refused(self.resumable, error, None));
    }

    fn refresh_later(&mut self, ttl: u64) {
        let half = Duration::from_secs((ttl / 2).max(30));
        self.refresh = self.resumable.then(|| Instant::now() + half);
    }
}
