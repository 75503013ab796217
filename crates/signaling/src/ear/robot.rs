//! What an app or a robot says.

use std::sync::Arc;

use protocol::robot::{Event, Request, RobotError, Role};
use tokio::{sync::oneshot, task::JoinSet};
use tokio_tungstenite::tungstenite::Message;

use super::{Frame, Wire, invalid};
use crate::{
    dialect::{Heard, Spoken, robot::session_key},
    hub::{Command, RobotWish, deliver},
    socket::End,
};

/// Sessions of one app whose credentials are fetched at once.
const ASKING: usize = 4;

/// Who was let in.
pub(crate) enum RobotEar {
    /// The subject of its token.
    App {
        subject: String,
        /// Credentials that are being fetched for sessions to begin.
        asking: JoinSet<()>,
    },
    /// The id that it proved to have.
    Device { device_id: String },
}

impl RobotEar {
    pub(crate) fn app(subject: String) -> Self {
        let asking = JoinSet::new();
        Self::App { subject, asking }
    }

    pub(crate) async fn open(&self, wire: &Wire) -> Result<(), End> {
        let wish = match self {
            Self::App { subject, .. } => RobotWish::App {
                subject: subject.clone(),
            },
            Self::Device { device_id } => RobotWish::Device {
                device_id: device_id.clone(),
            },
        };
        wire.tell(Command::Robot(wire.peer, wish)).await
    }

    pub(crate) async fn hear(&mut self, wire: &Wire, frame: Frame) -> Result<(), End> {
        let role = match self {
            Self::App { .. } => Role::App,
            Self::Device { .. } => Role::Device,
        };
        let (request, text) = match frame {
            Frame::Text(text) => (Request::decode(&text, role), text),
            Frame::Binary(_) => (Err(RobotError::Invalid), Default::default()),
            Frame::TooLarge => (Err(RobotError::TooLarge), Default::default()),
        };
        let metrics = &wire.shared.metrics;
        match request {
            Ok(Request::Session { device_id }) => {
                metrics.message("webrtc-request");
                match self.session(wire, &device_id).await? {
                    Ok(()) => Ok(()),
                    Err(error) => Self::refuse(wire, &error),
                }
            }
            Ok(Request::Forward { session_id }) => {
                metrics.message("webrtc-forward");
                wire.tell(Command::Say {
                    peer: wire.peer,
                    room: session_key(&session_id),
                    message: Spoken::Frame(Message::Text(text)),
                })
                .await
            }
            Ok(Request::Close { session_id }) => {
                metrics.message("webrtc-close");
                let wish = RobotWish::Close { session_id };
                wire.tell(Command::Robot(wire.peer, wish)).await
            }
            Err(error) => {
                invalid(wire);
                Self::refuse(wire, &error)
            }
        }
    }

    /// Ownership, then presence, then credentials; these in the background, because the
    /// issuer may be slow and other sessions go on.
    async fn session(&mut self, wire: &Wire, device: &str) -> Result<Result<(), RobotError>, End> {
        let Self::App { subject, asking } = self else {
            return Ok(Err(RobotError::UnknownType));
        };
        if !wire.shared.robots.owns(subject, device) {
            return Ok(Err(RobotError::NotAuthorized));
        }
        let device_id = device.to_owned();
        let (answer, online) = oneshot::channel();
        let ask = RobotWish::IsOnline {
            device_id: device_id.clone(),
            answer,
        };
        wire.tell(Command::Robot(wire.peer, ask)).await?;
        if !online.await.unwrap_or(false) {
            return Ok(Err(RobotError::Offline));
        }
        while asking.try_join_next().is_some() {}
        if asking.len() >= ASKING {
            return Ok(Err(RobotError::TooMany));
        }
        let client = wire.source.pseudonym(&wire.shared.pseudonym_key);
        let (shared, outbox, peer) = (Arc::clone(&wire.shared), wire.outbox.clone(), wire.peer);
        asking.spawn(async move {
            let issued = shared.ice.for_client(&client).await;
            if issued.failed {
                let error = RobotError::Turn("no relay can be reached");
                return deliver(&outbox, Heard::text(Event::Error(&error).encode()));
            }
            let ice = issued.configuration;
            let meet = RobotWish::Meet { device_id, ice };
            // The hub outlives its sockets.
            let _ = shared.hub.send(Command::Robot(peer, meet)).await;
        });
        Ok(Ok(()))
    }

    fn refuse(wire: &Wire, error: &RobotError) -> Result<(), End> {
        wire.hear(Heard::text(Event::Error(error).encode()));
        Ok(())
    }
}
