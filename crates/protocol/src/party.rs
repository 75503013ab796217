//! Rooms by call ID, as PartyKit's clients know them. What is said in a room is anybody's:
//! text or bytes, never looked into. Only presence is ours to say.

use serde::Serialize;

/// Longest name of a party, a room or a connection, in bytes.
pub const NAME_BYTES: usize = 128;

/// Who is in the room.
#[derive(Clone, Copy, Debug)]
pub enum Presence<'a> {
    /// To a newcomer: the others.
    Peers(&'a [&'a str]),
    /// To the others: somebody came.
    Joined(&'a str),
    /// To the others: somebody is gone.
    Left(&'a str),
}

impl Presence<'_> {
    /// As a text frame.
    #[must_use]
    pub fn encode(&self) -> String {
        #[derive(Serialize)]
        #[serde(tag = "type", rename_all = "kebab-case")]
        enum Frame<'a> {
            Peers {
                ids: &'a [&'a str],
            },
            // Programs of this dialect read one or the other name.
            PeerJoined {
                #[serde(rename = "peerId")]
                peer_id: &'a str,
                id: &'a str,
            },
            PeerDisconnected {
                #[serde(rename = "peerId")]
                peer_id: &'a str,
                id: &'a str,
            },
        }
        let frame = match *self {
            Self::Peers(ids) => Frame::Peers { ids },
            Self::Joined(id) => Frame::PeerJoined { peer_id: id, id },
            Self::Left(id) => Frame::PeerDisconnected { peer_id: id, id },
        };
        serde_json::to_string(&frame).expect("strings always encode")
    }
}

/// The answer to a plain `GET` of a room.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Connections {
    /// How many are in it.
    pub connections: usize,
}
