//! The echo: a WebRTC peer on the server that sends back what it sees and hears, so that
//! people can test their call, and shows viewers what a publisher sends.
//!
//! `session` is the pure part around `str0m`: datagrams and times in, datagrams out, and
//! between them the [`Pipeline`]. Around it `wire` and `tcp` own the one port of all
//! sessions, `switch` finds the session that a datagram is for, `run` is the task of one
//! session, and the routes are the ways to ask for one.
//!
//! Media stays in the packets it came in: nothing is decoded, and quality is what the
//! encoder of the sender makes of the feedback.

mod accept;
mod channel;
mod config;
mod echo;
mod ice;
mod metrics;
mod packet;
mod parameters;
mod pipeline;
mod rewrite;
mod routes;
mod run;
mod sdp;
mod session;
mod streams;
mod switch;
mod tcp;
mod wire;

pub use config::EchoArgs;
pub use echo::Echo;
pub use ice::{IceSource, IssuerArgs};
pub use packet::Packet;
pub use parameters::{Parameters, Prompt};
pub use pipeline::{Pipeline, PipelineId};
pub use routes::{health_route, routes};
