//! One socket: reads what a client says, writes what it hears, and ends within its budgets.
//!
//! One task, no locks held, no buffer that stays: an idle socket costs its read buffer and
//! little more. The task waits for the client, the outbox, or a clock, whichever comes first.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::{Sink, SinkExt as _, Stream, StreamExt as _};
use rooms::PeerId;
use service::client::Source;
use tokio::time::sleep_until;
use tokio_tungstenite::tungstenite::{self, Message, error::CapacityError};

use crate::{
    Shared,
    ear::{Ear, Frame, Wire},
    hub::{Command, random},
    outbox::{Batch, Outbox},
};

/// What carries messages both ways: a WebSocket, or what stands in for one.
pub(crate) trait Carrier:
    Stream<Item = Result<Message, tungstenite::Error>>
    + Sink<Message, Error = tungstenite::Error>
    + Unpin
    + Send
{
}

impl<S> Carrier for S where
    S: Stream<Item = Result<Message, tungstenite::Error>>
        + Sink<Message, Error = tungstenite::Error>
        + Unpin
        + Send
{
}

/// Serves one socket until it ends.
pub(crate) async fn serve(shared: Arc<Shared>, source: Source, ear: Ear, stream: impl Carrier) {
    let peer = PeerId(random());
    let outbox = Outbox::new(shared.limits.outbox);
    let hub = shared.hub.clone();
    let opened = Command::Opened {
        peer,
        outbox: outbox.clone(),
    };
    if hub.send(opened).await.is_err() {
        return;
    }
    let now = Instant::now();
    let mut socket = Socket {
        wire: Wire {
            shared,
            source,
            peer,
            outbox,
        },
        ear,
        stream,
        paid_until: now,
        opened: now,
        heard: now,
        pinged: now,
    };
    let reason = socket.run().await;
    socket.wire.shared.metrics.close(reason.label());
    // The hub outlives its sockets; when it is gone there is nobody to tell.
    let _ = hub.send(Command::Closed { peer }).await;
}

struct Socket<S> {
    wire: Wire,
    ear: Ear,
    stream: S,
    /// Messages are paid for until then.
    paid_until: Instant,
    opened: Instant,
    heard: Instant,
    pinged: Instant,
}

/// Why a socket ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    ByPage,
    ByServer,
    Lost,
    Silent,
    NeverJoined,
    TooFast,
    TooLarge,
    Invalid,
    Origin,
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
            Self::Origin => "origin",
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
            Self::Origin => Some((1008, "origin not allowed")),
        }
    }
}

impl<S: Carrier> Socket<S> {
    async fn run(&mut self) -> End {
        let end = self.converse().await;
        if let Some((code, reason)) = end.close() {
            self.wire.outbox.close(code, reason);
            let batch = self.wire.outbox.take().await;
            if self.write(batch).await.is_ok() {
                self.say_goodbye().await;
            }
        }
        end
    }

    async fn converse(&mut self) -> End {
        if let Err(end) = self.ear.open(&self.wire).await {
            return end;
        }
        let clock = sleep_until(self.next_wake().into());
        tokio::pin!(clock);
        loop {
            tokio::select! {
                // What came in is read before the clock is asked: after this process stood
                // still, nobody is silent who spoke meanwhile.
                biased;
                batch = self.wire.outbox.take() => match self.write(batch).await {
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
            self.stream.feed(frame).await?;
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
            None => {
                return Err(if self.ear.left() {
                    End::ByPage
                } else {
                    End::Lost
                });
            }
            Some(Err(error)) => return Err(end_of(&error)),
            Some(Ok(frame)) => frame,
        };
        self.heard = Instant::now();
        let limits = &self.wire.shared.limits;
        let paid = limits.message_rate.take(&mut self.paid_until, self.heard);
        if paid.is_err() {
            return Err(End::TooFast);
        }
        // After a close frame the next read finds the end of the stream.
        match Frame::of(frame, limits.max_message) {
            Some(frame) => self.ear.hear(&self.wire, frame).await,
            None => Ok(()),
        }
    }

    fn next_wake(&self) -> Instant {
        let limits = &self.wire.shared.limits;
        let ping = self.heard.max(self.pinged) + limits.ping_interval;
        let dead = self.heard + limits.ping_timeout;
        let join = self.ear.must_join();
        let join = join.then(|| self.opened + limits.join_timeout);
        let times = [Some(ping), Some(dead), join, self.ear.next_wake()];
        times.into_iter().flatten().min().unwrap_or(ping)
    }

    async fn tick(&mut self) -> Result<(), End> {
        let (now, limits) = (Instant::now(), &self.wire.shared.limits);
        if now >= self.heard + limits.ping_timeout {
            return Err(End::Silent);
        }
        if self.ear.must_join() && now >= self.opened + limits.join_timeout {
            return Err(End::NeverJoined);
        }
        if now >= self.heard.max(self.pinged) + limits.ping_interval {
            self.pinged = now;
            let ping = Message::Ping(tungstenite::Bytes::new());
            self.stream.send(ping).await.map_err(|_| End::Lost)?;
        }
        self.ear.tick(&self.wire).await;
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
