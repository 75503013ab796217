//! What a connection of a room by call ID says: anything.

use std::sync::Arc;

use rooms::RoomKey;
use tokio_tungstenite::tungstenite::Message;

use super::{Frame, Wire};
use crate::{
    dialect::{Heard, Spoken},
    hub::{Command, Party},
    socket::End,
};

pub(crate) struct PartyEar {
    pub(crate) room: RoomKey,
    pub(crate) id: Arc<str>,
    pub(crate) presence: bool,
}

impl PartyEar {
    pub(crate) async fn open(&self, wire: &Wire) -> Result<(), End> {
        let party = Party {
            room: self.room.clone(),
            id: Arc::clone(&self.id),
            presence: self.presence,
            capacity: wire.shared.limits.party_capacity,
        };
        wire.tell(Command::Party(wire.peer, party)).await
    }

    pub(crate) async fn hear(&mut self, wire: &Wire, frame: Frame) -> Result<(), End> {
        let message = match frame {
            Frame::Text(text) => Message::Text(text),
            Frame::Binary(bytes) => Message::Binary(bytes),
            // There is no word for it in this dialect but a close (RFC 6455 section 7.4.1).
            Frame::TooLarge => {
                wire.hear(Heard::close(1009, "message too large"));
                return Ok(());
            }
        };
        wire.shared.metrics.message("broadcast");
        wire.tell(Command::Say {
            peer: wire.peer,
            room: self.room.clone(),
            message: Spoken::Frame(message),
        })
        .await
    }
}
