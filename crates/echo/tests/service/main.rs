//! The echo over real sockets, with a client that counts what it sends and gets.

#![expect(clippy::unwrap_used, reason = "a test may fail anywhere")]

mod desk;
mod hostile;
mod limits;
mod media;
mod peer;
mod streams;
mod wire;
