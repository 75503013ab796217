//! App and robot: an app asks for a robot that it owns, and both get a session through
//! which SDP and candidates travel unread.

use serde::Serialize;

use crate::{ice::IceConfiguration, object::Object};

/// Longest id of a robot, in bytes.
pub const DEVICE_BYTES: usize = 64;

/// The two ends of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The person.
    App,
    /// The robot.
    Device,
}

/// What an app or a robot says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// `webrtc_request`, of an app: it wants a session with that robot.
    Session {
        /// Which robot.
        device_id: String,
    },
    /// `webrtc_offer`, `webrtc_answer`, `webrtc_ice`: for the other end, as it came.
    Forward {
        /// Which session.
        session_id: String,
    },
    /// `webrtc_close`: the session is over.
    Close {
        /// Which session.
        session_id: String,
    },
}

/// Why a message, or a session, is refused. The texts are those of the wire.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RobotError {
    /// No JSON object with the fields of its type.
    #[error("Invalid message")]
    Invalid,
    /// `type` is missing or unknown, or belongs to the other role.
    #[error("Unknown message type")]
    UnknownType,
    /// Over the limit.
    #[error("Message too large")]
    TooLarge,
    /// The robot is somebody else's, or there is none of that name.
    #[error("Not authorized")]
    NotAuthorized,
    /// The robot is not connected.
    #[error("Device offline")]
    Offline,
    /// As many sessions as that end may have.
    #[error("Too many sessions")]
    TooMany,
    /// No relay to hand out.
    #[error("TURN error: {0}")]
    Turn(&'static str),
}

impl Request {
    /// Reads one text frame. Offers come from robots, answers from apps.
    ///
    /// # Errors
    /// [`RobotError`] that says which part is wrong.
    pub fn decode(text: &str, role: Role) -> Result<Self, RobotError> {
        let message = Object::parse(text).ok_or(RobotError::Invalid)?;
        let kind = message.string("type").ok_or(RobotError::UnknownType)?;
        let session = || {
            let session = message.string("session_id").ok_or(RobotError::Invalid)?;
            Ok(session.into_owned())
        };
        match (&*kind, role) {
            ("webrtc_request", Role::App) => {
                let device = message.string("device_id").ok_or(RobotError::Invalid)?;
                if device.is_empty() || device.len() > DEVICE_BYTES {
                    return Err(RobotError::Invalid);
                }
                Ok(Self::Session {
                    device_id: device.into_owned(),
                })
            }
            ("webrtc_offer", Role::Device) | ("webrtc_answer", Role::App) | ("webrtc_ice", _) => {
                Ok(Self::Forward {
                    session_id: session()?,
                })
            }
            ("webrtc_close", _) => Ok(Self::Close {
                session_id: session()?,
            }),
            _ => Err(RobotError::UnknownType),
        }
    }
}

/// What apps and robots hear.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// `webrtc_credentials`, to the app: the session begins.
    Credentials {
        /// Of both ends.
        session_id: &'a str,
        /// For its `RTCPeerConnection`.
        ice: &'a IceConfiguration,
    },
    /// `webrtc_request`, to the robot: the session begins, and it offers.
    Request {
        /// Of both ends.
        session_id: &'a str,
        /// For its `RTCPeerConnection`.
        ice: &'a IceConfiguration,
    },
    /// `webrtc_close`: the session is over.
    Close {
        /// Which.
        session_id: &'a str,
    },
    /// `error`.
    Error(&'a RobotError),
}

impl Event<'_> {
    /// As a text frame.
    #[must_use]
    pub fn encode(&self) -> String {
        #[derive(Serialize, Default)]
        struct Frame<'a> {
            #[serde(rename = "type")]
            kind: &'static str,
            #[serde(skip_serializing_if = "Option::is_none")]
            session_id: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            ice_servers: Option<&'a IceConfiguration>,
            #[serde(skip_serializing_if = "Option::is_none")]
            message: Option<String>,
        }
        let (kind, session_id, ice_servers, message) = match *self {
            Self::Credentials { session_id, ice } => {
                ("webrtc_credentials", Some(session_id), Some(ice), None)
            }
            Self::Request { session_id, ice } => {
                ("webrtc_request", Some(session_id), Some(ice), None)
            }
            Self::Close { session_id } => ("webrtc_close", Some(session_id), None, None),
            Self::Error(error) => ("error", None, None, Some(error.to_string())),
        };
        let frame = Frame {
            kind,
            session_id,
            ice_servers,
            message,
        };
        serde_json::to_string(&frame).expect("strings always encode")
    }
}
