//! The reading half of each dialect: frames become wishes for the hub.

pub(crate) mod call;
pub(crate) mod party;
pub(crate) mod peers;
pub(crate) mod robot;

use std::{sync::Arc, time::Instant};

use rooms::PeerId;
use service::client::Source;
use tokio_tungstenite::tungstenite::Message;

use crate::{
    Shared,
    dialect::Heard,
    hub::{Command, deliver},
    outbox::Outbox,
    socket::End,
};

/// What an ear needs of its socket.
pub(crate) struct Wire {
    pub(crate) shared: Arc<Shared>,
    pub(crate) source: Source,
    pub(crate) peer: PeerId,
    pub(crate) outbox: Outbox,
}

impl Wire {
    pub(crate) async fn tell(&self, command: Command) -> Result<(), End> {
        let told = self.shared.hub.send(command).await;
        told.map_err(|_| End::ByServer)
    }

    pub(crate) fn hear(&self, heard: Heard) {
        deliver(&self.outbox, heard);
    }
}

/// Something a client sent.
pub(crate) enum Frame {
    Text(tokio_tungstenite::tungstenite::Utf8Bytes),
    Binary(tokio_tungstenite::tungstenite::Bytes),
    /// Over the limit; what it was is not kept.
    TooLarge,
}

/// Who listens to a socket.
pub(crate) enum Ear {
    /// Of `/ws`, where the first frame decides.
    First(Box<call::CallEar>, Allowed),
    Call(Box<call::CallEar>),
    Peers(peers::PeersEar),
    Robot(robot::RobotEar),
    Party(party::PartyEar),
}

/// The dialects of `/ws` that the page's origin may speak.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Allowed {
    pub(crate) calls: bool,
    pub(crate) peers: bool,
}

impl Ear {
    /// Before anything is said.
    pub(crate) async fn open(&self, wire: &Wire) -> Result<(), End> {
        match self {
            Self::First(..) | Self::Call(_) | Self::Peers(_) => Ok(()),
            Self::Robot(ear) => ear.open(wire).await,
            Self::Party(ear) => ear.open(wire).await,
        }
    }

    pub(crate) async fn hear(&mut self, wire: &Wire, frame: Frame) -> Result<(), End> {
        self.decide(&frame)?;
        match self {
            Self::First(ear, _) | Self::Call(ear) => ear.hear(wire, frame).await,
            Self::Peers(ear) => ear.hear(wire, frame).await,
            Self::Robot(ear) => ear.hear(wire, frame).await,
            Self::Party(ear) => ear.hear(wire, frame).await,
        }
    }

    /// Which dialect the first text is of.
    fn decide(&mut self, frame: &Frame) -> Result<(), End> {
        let (Self::First(_, allowed), Frame::Text(text)) = (&*self, frame) else {
            return Ok(());
        };
        let (allowed, peers) = (*allowed, protocol::peers::Request::is_first(text));
        if !(if peers { allowed.peers } else { allowed.calls }) {
            return Err(End::Origin);
        }
        let before = std::mem::replace(self, Self::Peers(peers::PeersEar::default()));
        if let (Self::First(ear, _), false) = (before, peers) {
            *self = Self::Call(ear);
        }
        Ok(())
    }

    /// Until when it must have joined.
    pub(crate) fn must_join(&self) -> bool {
        match self {
            Self::First(ear, _) | Self::Call(ear) => ear.must_join(),
            Self::Peers(ear) => ear.must_join(),
            Self::Robot(_) | Self::Party(_) => false,
        }
    }

    /// Its end is no loss to anybody.
    pub(crate) fn left(&self) -> bool {
        match self {
            Self::First(ear, _) | Self::Call(ear) => ear.left(),
            Self::Peers(ear) => ear.must_join(),
            Self::Robot(_) | Self::Party(_) => false,
        }
    }

    /// When it has something of its own to say.
    pub(crate) fn next_wake(&self) -> Option<Instant> {
        match self {
            Self::First(ear, _) | Self::Call(ear) => ear.next_wake(),
            Self::Peers(_) | Self::Robot(_) | Self::Party(_) => None,
        }
    }

    pub(crate) async fn tick(&mut self, wire: &Wire) {
        match self {
            Self::First(ear, _) | Self::Call(ear) => ear.tick(wire).await,
            Self::Peers(_) | Self::Robot(_) | Self::Party(_) => {}
        }
    }
}

/// Counts what could not be read.
pub(crate) fn invalid(wire: &Wire) {
    wire.shared.metrics.message("invalid");
}

impl Frame {
    /// What is neither text nor bytes is no concern of a dialect.
    pub(crate) fn of(message: Message, limit: usize) -> Option<Self> {
        match message {
            Message::Text(text) if text.len() > limit => Some(Self::TooLarge),
            Message::Binary(bytes) if bytes.len() > limit => Some(Self::TooLarge),
            Message::Text(text) => Some(Self::Text(text)),
            Message::Binary(bytes) => Some(Self::Binary(bytes)),
            Message::Close(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => None,
        }
    }
}
