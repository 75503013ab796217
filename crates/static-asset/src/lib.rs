//! Serves the page: a fixed set of files that is in the binary, or any folder.
//!
//! A request goes through a list, in order: method, path, file, encoding, conditions,
//! range. Defences:
//! 1. A path is decoded once and split; a segment that is empty, hidden, or names a parent
//!    ends the request (`path`).
//! 2. In a folder, the file's real path must be inside the folder's real path.
//! 3. Every answer, whatever its status, carries the security headers ([`security`]).

mod asset;
mod config;
mod embedded;
mod encoding;
mod folder;
mod path;
mod respond;
mod routes;
pub mod security;

pub use config::StaticArgs;
pub use routes::{Assets, routes};
