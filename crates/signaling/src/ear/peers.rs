//! What a peer by id says.

use protocol::peers::{Invalid, Request};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use super::{Frame, Wire, invalid};
use crate::{
    dialect::{Heard, peers::refused},
    hub::{Command, PeersWish},
    socket::End,
};

#[derive(Default)]
pub(crate) struct PeersEar {
    /// The id it said to have.
    id: Option<String>,
}

impl PeersEar {
    pub(crate) fn must_join(&self) -> bool {
        self.id.is_none()
    }

    pub(crate) async fn hear(&mut self, wire: &Wire, frame: Frame) -> Result<(), End> {
        let text = match frame {
            Frame::Text(text) => text,
            Frame::Binary(_) => return Self::refuse(wire, Invalid::Json),
            Frame::TooLarge => return Self::refuse(wire, Invalid::TooLarge),
        };
        match Request::decode(&text) {
            Ok(Some(request)) => self.obey(wire, request, &text).await,
            Ok(None) => {
                invalid(wire);
                Ok(())
            }
            Err(error) => Self::refuse(wire, error),
        }
    }

    async fn obey(
        &mut self,
        wire: &Wire,
        request: Request<'_>,
        text: &Utf8Bytes,
    ) -> Result<(), End> {
        let metrics = &wire.shared.metrics;
        let wish = match request {
            Request::New(card) => {
                metrics.message("new");
                self.id = Some(card.id.clone());
                PeersWish::Register(card)
            }
            Request::Forward(forward) => {
                metrics.message(forward.kind.name());
                let Some(id) = &self.id else {
                    wire.hear(refused(forward.kind.name(), Invalid::NotRegistered));
                    return Ok(());
                };
                PeersWish::Forward {
                    kind: forward.kind,
                    to: forward.to.clone(),
                    session_id: forward.session_id.clone(),
                    frame: forward.encode(id),
                }
            }
            Request::Bye { session_id } => {
                metrics.message("bye");
                PeersWish::Bye { session_id }
            }
            Request::Keepalive => {
                metrics.message("keepalive");
                wire.hear(Heard {
                    frame: Some(Message::Text(text.clone())),
                    ..Heard::default()
                });
                return Ok(());
            }
        };
        wire.tell(Command::Peers(wire.peer, Box::new(wish))).await
    }

    fn refuse(wire: &Wire, why: Invalid) -> Result<(), End> {
        invalid(wire);
        wire.hear(refused("", why));
        Ok(())
    }
}
