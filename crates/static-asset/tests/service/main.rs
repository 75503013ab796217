//! The real binary over real sockets.
#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod configuration;
mod contract;
mod golden;
mod page;
mod paths;
mod support;
