//! The credential issuer: short-lived TURN credentials out of a secret that it shares with
//! the relay (draft-uberti-behave-turn-rest-00).
//!
//! Pure functions with a thin shell: [`Issuer`] issues, the routes put it on the wire.

mod config;
mod issuer;
mod routes;
pub mod shared_secret;

pub use config::{IssuerArgs, TurnSecrets};
pub use issuer::{IceServers, Issuer};
pub use routes::{Access, internal_routes, public_routes};
