//! One socket: reads what a page says, writes what it hears, and ends within its budgets.
//!
//! One task, no locks held, no buffer that stays: an idle socket costs its read buffer and
//! little more. The task waits for the page, the outbox, or a clock, whichever comes first.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::{SinkExt as _, StreamExt as _};
use protocol::call::{CallError, ClientMessage, Resume, RoomName, ServerMessage, says_resume};
use rooms::{Claim, Enter, PeerId, RoomKey, SeatId, throttle::Guesser};
use service::client::Source;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::mpsc,
    task::JoinHandle,
    time::sleep_until,
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{self, Message, error::CapacityError},
};

use crate::{
    Shared,
    dialect::call::{Spoken, refused, room_key, said},
    hub::{Command, Join, deliver, unix_now},
    ice::Issued,
    outbox::{Batch, Outbox},
};

/// Two people to a call.
const CAPACITY: usize = 2;

/// Serves one upgraded socket until it ends.
pub(crate) async fn serve<S>(shared: Arc<Shared>, source: Source, stream: WebSocketStream<S>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let peer = PeerId(random());
    let outbox = Outbox::new(shared.limits.outbox);
    let hub = shared.hub.clone();
    if hub
        .send(Command::Opened {
            peer,
            outbox: outbox.clone(),
        })
        .await
        .is_err()
    {
        return;
    }
    // Credentials are asked for while the page still types its PIN.
    let client = source.pseudonym(&shared.pseudonym_key);
    let asking = {
        let (shared, client) = (Arc::clone(&shared), client.clone());
        tokio::spawn(async move { shared.ice.for_client(&client).await })
    };
    let now = Instant::now();
    let mut socket = Socket {
        paid_until: now,
        shared,
        source,
        client,
        peer,
        outbox,
        stream,
        asking: Some(asking),
        room: None,
        resumable: false,
        opened: now,
        heard: now,
        pinged: now,
        refresh: None,
    };
    let reason = socket.run().await;
    socket.shared.metrics.close(reason.label());
    // The hub outlives its sockets; when it is gone there is nobody to tell.
    let _ = hub.send(Command::Closed { peer }).await;
}

struct Socket<S> {
    shared: Arc<Shared>,
    source: Source,
    client: String,
    peer: PeerId,
    outbox: Outbox,
    stream: WebSocketStream<S>,
    asking: Option<JoinHandle<Issued>>,
    room: Option<RoomKey>,
    resumable: bool,
    /// Messages are paid for until then.
    paid_until: Instant,
    opened: Instant,
    heard: Instant,
    pinged: Instant,
    /// When fresh credentials are due.
    refresh: Option<Instant>,
}

/// Why a socket ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    ByPage,
    ByServer,
    Lost,
    Silent,
    NeverJoined,
    TooFast,
    TooLarge,
    Invalid,
}

impl End {
    fn label(self) -> &'static str {
        match self {
            Self::ByPage => "page",
            Self::ByServer => "server",
            Self::Lost => "lost",
            Self::Silent => "silent",
            Self::NeverJoined => "never-joined",
            Self::TooFast => "too-fast",
            Self::TooLarge => "too-large",
            Self::Invalid => "invalid",
        }
    }

    /// The close frame the page gets, if it is still there to get one.
    fn close(self) -> Option<(u16, &'static str)> {
        match self {
            Self::ByPage | Self::ByServer | Self::Lost => None,
            Self::Silent => Some((1001, "silent for too long")),
            Self::NeverJoined => Some((1008, "joined no call in time")),
            Self::TooFast => Some((1008, "too many messages")),
            Self::TooLarge => Some((1009, "message too large")),
            Self::Invalid => Some((1007, "invalid frame")),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Socket<S> {
    async fn run(&mut self) -> End {
        let end = self.converse().await;
        if let Some((code, reason)) = end.close() {
            self.outbox.close(code, reason);
            let batch = self.outbox.take().await;
            if self.write(batch).await.is_ok() {
                self.say_goodbye().await;
            }
        }
        end
    }

    async fn converse(&mut self) -> End {
        let clock = sleep_until(self.next_wake().into());
        tokio::pin!(clock);
        loop {
            tokio::select! {
                batch = self.outbox.take() => match self.write(batch).await {
                    Ok(true) => {
                        self.say_goodbye().await;
                        return End::ByServer;
                    }
                    Ok(false) => {}
                    Err(_) => return End::Lost,
                },
                frame = self.stream.next() => {
                    if let Err(end) = self.hear(frame).await {
                        return end;
                    }
                }
                () = &mut clock => {
                    if let Err(end) = self.tick().await {
                        return end;
                    }
                    clock.as_mut().reset(self.next_wake().into());
                }
            }
        }
    }

    /// Everything that is queued, with one flush. True when it ended in a close.
    async fn write(&mut self, batch: Batch) -> Result<bool, tungstenite::Error> {
        for frame in batch.frames {
            self.stream.feed(Message::Text(frame)).await?;
        }
        let closes = batch.close.is_some();
        if let Some(close) = batch.close {
            self.stream.feed(Message::Close(Some(close))).await?;
        }
        self.stream.flush().await?;
        Ok(closes)
    }

    /// Waits a moment for the page to answer the close, so that it reads it before the
    /// connection goes.
    async fn say_goodbye(&mut self) {
        let answer = async { while let Some(Ok(_)) = self.stream.next().await {} };
        // A page that does not answer is cut off.
        let _ = tokio::time::timeout(Duration::from_secs(2), answer).await;
    }

    async fn hear(
        &mut self,
        frame: Option<Result<Message, tungstenite::Error>>,
    ) -> Result<(), End> {
        let frame = match frame {
            None => return Err(if self.left() { End::ByPage } else { End::Lost }),
            Some(Err(error)) => return Err(end_of(&error)),
            Some(Ok(frame)) => frame,
        };
        self.heard = Instant::now();
        let rate = self.shared.limits.message_rate;
        if rate.take(&mut self.paid_until, self.heard).is_err() {
            return Err(End::TooFast);
        }
        match frame {
            Message::Text(text) if text.len() > self.shared.limits.max_message => {
                self.refuse(CallError::TooLarge);
            }
            Message::Text(text) => match ClientMessage::decode(&text) {
                Ok(message) => self.obey(message).await?,
                Err(error) => {
                    self.shared.metrics.message("invalid");
                    self.resumable |= says_resume(&text);
                    self.refuse(error);
                }
            },
            Message::Binary(_) => {
                self.shared.metrics.message("invalid");
                self.refuse(CallError::InvalidMessage);
            }
            // The next read finds the end of the stream.
            Message::Close(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
        }
        Ok(())
    }

    async fn obey(&mut self, message: ClientMessage<'_>) -> Result<(), End> {
        match message {
            ClientMessage::Join { room, resume } => self.join(&room, resume).await,
            ClientMessage::Relay(relayed) => {
                self.shared.metrics.message(relayed.kind.name());
                self.say(Spoken::relayed(relayed)).await
            }
            ClientMessage::Ack(mark) => {
                self.shared.metrics.message("ack");
                self.say(Spoken::ack(mark)).await
            }
            ClientMessage::Ping => {
                self.shared.metrics.message("ping");
                deliver(&self.outbox, said(&ServerMessage::Pong));
                Ok(())
            }
            ClientMessage::Leave => {
                self.shared.metrics.message("leave");
                if let Some(room) = self.room.take() {
                    self.tell(Command::Leave {
                        peer: self.peer,
                        room,
                    })
                    .await?;
                }
                self.outbox.close(1000, "left");
                Ok(())
            }
        }
    }

    async fn join(&mut self, name: &RoomName, resume: Resume<'_>) -> Result<(), End> {
        self.shared.metrics.message("join");
        let Some(asking) = self.asking.take() else {
            self.refuse(CallError::InvalidMessage);
            return Ok(());
        };
        self.resumable = resume != Resume::Unable;
        let Ok(issued) = asking.await else {
            self.refuse(CallError::Unavailable);
            return Ok(());
        };
        self.refresh_later(issued.ttl);
        let room = room_key(name);
        self.room = Some(room.clone());
        let token = match resume {
            Resume::Token(token) => Some(token),
            Resume::Unable | Resume::Fresh => None,
        };
        let again = token.and_then(|token| self.shared.tokens.verify(&room, token, unix_now()));
        let enter = Enter {
            peer: self.peer,
            room,
            claim: again.unwrap_or_else(|| Claim::New(SeatId(random()))),
            capacity: CAPACITY,
            grace: self.resumable.then_some(self.shared.limits.seat_grace),
            guesser: matches!(name, RoomName::Pin(_)).then(|| Guesser(self.source.as_u128())),
        };
        let by_link = matches!(name, RoomName::Call(_));
        let join = Join {
            enter,
            resumable: self.resumable,
            by_link,
            ice: issued.configuration,
        };
        self.tell(Command::Join(Box::new(join))).await
    }

    async fn say(&mut self, message: Spoken) -> Result<(), End> {
        match self.room.clone() {
            Some(room) => {
                self.tell(Command::Say {
                    peer: self.peer,
                    room,
                    message,
                })
                .await
            }
            None => {
                self.refuse(CallError::NotInRoom);
                Ok(())
            }
        }
    }

    async fn tell(&mut self, command: Command) -> Result<(), End> {
        self.shared
            .hub
            .send(command)
            .await
            .map_err(|mpsc::error::SendError(_)| End::ByServer)
    }

    fn refuse(&self, error: CallError) {
        deliver(&self.outbox, refused(self.resumable, error, None));
    }

    fn refresh_later(&mut self, ttl: u64) {
        let half = Duration::from_secs((ttl / 2).max(30));
        self.refresh = self.resumable.then(|| Instant::now() + half);
    }

    /// It said `leave`, or never joined: its end is no loss.
    fn left(&self) -> bool {
        self.room.is_none()
    }

    fn next_wake(&self) -> Instant {
        let limits = &self.shared.limits;
        let ping = self.heard.max(self.pinged) + limits.ping_interval;
        let dead = self.heard + limits.ping_timeout;
        let join = self
            .asking
            .is_some()
            .then(|| self.opened + limits.join_timeout);
        let times = [Some(ping), Some(dead), join, self.refresh];
        times.into_iter().flatten().min().unwrap_or(ping)
    }

    async fn tick(&mut self) -> Result<(), End> {
        let (now, limits) = (Instant::now(), &self.shared.limits);
        if now >= self.heard + limits.ping_timeout {
            return Err(End::Silent);
        }
        if self.asking.is_some() && now >= self.opened + limits.join_timeout {
            return Err(End::NeverJoined);
        }
        if now >= self.heard.max(self.pinged) + limits.ping_interval {
            self.pinged = now;
            let ping = Message::Ping(tungstenite::Bytes::new());
            self.stream.send(ping).await.map_err(|_| End::Lost)?;
        }
        if self.refresh.is_some_and(|at| now >= at) {
            let issued = self.shared.ice.for_client(&self.client).await;
            let ice_servers = &issued.configuration.ice_servers;
            deliver(
                &self.outbox,
                said(&ServerMessage::IceServers { ice_servers }),
            );
            self.refresh_later(issued.ttl);
        }
        Ok(())
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "every other error is a lost connection"
)]
fn end_of(error: &tungstenite::Error) -> End {
    match error {
        tungstenite::Error::Capacity(CapacityError::MessageTooLong { .. }) => End::TooLarge,
        tungstenite::Error::Utf8(_) | tungstenite::Error::Protocol(_) => End::Invalid,
        tungstenite::Error::ConnectionClosed => End::ByPage,
        _ => End::Lost,
    }
}

/// Ids are random, so that one tells nothing of another.
fn random() -> u64 {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).expect("the system has a source of randomness");
    u64::from_ne_bytes(bytes).max(1)
}
