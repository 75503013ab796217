//! Calls by PIN or by link: what a tuturu page says and hears on `/ws`.
//!
//! Frames of released pages are `{type, pin?, data?, error?}`. Everything else here is an
//! addition that only pages hear which said `resume` when they joined, so that old and new
//! pages can call each other in either order.

mod client;
mod report;
mod server;

pub use client::{
    CallError, ClientMessage, Mark, Relayed, RelayedKind, Resume, RoomName, says_resume,
};
pub use report::{FailureReason, Path, REPORT_BYTES, Report, SETUP_BUCKETS_MS, SetupBucket};
pub use server::{ErrorMessage, Joined, PeerJoined, Resumable, ServerMessage};

/// Longest `data` of a `peer-message`, in bytes of JSON.
pub const PEER_MESSAGE_BYTES: usize = 16 * 1024;
/// Longest `epoch`, in characters.
pub const EPOCH_CHARACTERS: usize = 32;
/// Longest resume token, in characters; longer ones are no tokens of ours.
pub const TOKEN_CHARACTERS: usize = 256;
