//! The shell kit that every service shares: configuration, logging, HTTP serving with
//! limits, the admin listener, and a graceful end.
//!
//! The rule: everything here is about *being a service*; nothing here knows of calls.

pub mod admin;
pub mod certificate;
pub mod client;
pub mod config;
pub mod crowd;
pub mod health;
pub mod http;
pub mod jwt;
pub mod lifecycle;
pub mod log;
pub mod origin;
mod process;
pub mod rate;
pub mod shutdown;
