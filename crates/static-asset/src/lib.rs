//! Serves the page: a fixed set of files that is in the binary, or any folder.
//!
//! A request goes through a list, in order: path, method, file, encoding, conditions,
//! range. Defences:
//! 1. A path is split and decoded once; a segment that is empty, hidden, names a parent, or
//!    would do so if it were decoded again ends the request.
//! 2. In a folder, the file's real path must be inside the folder's real path, and in sight.
//! 3. Files, paths and what is kept of them are bounded.
//! 4. Every answer, whatever its status, carries the security headers ([`security`]).

mod asset;
mod config;
mod embedded;
mod encoding;
mod folder;
mod path;
mod range;
mod respond;
mod routes;
pub mod security;

pub use config::StaticArgs;
pub use routes::{Assets, routes};
