//! The signaling service over real sockets.
#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod calls;
mod desk;
mod fallback;
mod hostile;
mod mixed;
mod party;
mod peers;
mod reports;
mod robots;
