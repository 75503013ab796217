//! App and robot: a room for each robot that is connected, and one for each session.

use std::sync::Arc;

use protocol::{
    ice::IceConfiguration,
    robot::{Event, Role},
};
use rooms::{Effect, RoomKey};

use super::{Heard, Spoken};

const SESSION: &str = "robot-session:";

/// The room that a connected robot sits in, alone.
pub(crate) fn device_key(device_id: &str) -> RoomKey {
    RoomKey::new(format!("robot:{device_id}"))
}

/// The room of one session.
pub(crate) fn session_key(session_id: &str) -> RoomKey {
    RoomKey::new(format!("{SESSION}{session_id}"))
}

/// The id of the session that a room is for.
pub(crate) fn session_of(room: &RoomKey) -> Option<&str> {
    room.as_str().strip_prefix(SESSION)
}

/// An app or a robot.
pub(crate) struct End {
    pub(crate) role: Role,
    /// The subject of the app's token, or the robot's id.
    pub(crate) name: String,
    /// For the session that begins.
    pub(crate) ice: Arc<IceConfiguration>,
}

impl End {
    pub(crate) fn new(role: Role, name: String) -> Self {
        Self {
            role,
            name,
            ice: Arc::default(),
        }
    }

    pub(crate) fn hears(&mut self, effect: &Effect<Spoken>) -> Heard {
        match effect {
            Effect::Seated { room, .. } => {
                let ice = std::mem::take(&mut self.ice);
                session_of(room).map_or_else(Heard::default, |session_id| {
                    let ice = &*ice;
                    let begins = match self.role {
                        Role::App => Event::Credentials { session_id, ice },
                        Role::Device => Event::Request { session_id, ice },
                    };
                    Heard::text(begins.encode())
                })
            }
            Effect::Said {
                message: Spoken::Frame(frame),
                ..
            } => Heard {
                frame: Some(frame.clone()),
                ..Heard::default()
            },
            Effect::Left { room, .. } => {
                session_of(room).map_or_else(Heard::default, |session_id| Heard {
                    leave: true,
                    ..Heard::text(Event::Close { session_id }.encode())
                })
            }
            Effect::Said { .. }
            | Effect::Refused { .. }
            | Effect::Arrived { .. }
            | Effect::Away { .. }
            | Effect::Back { .. }
            | Effect::Replaced { .. } => Heard::default(),
        }
    }
}
