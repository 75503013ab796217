//! What travels: the wire types of every dialect, and nothing else.
//!
//! A leaf crate: serde only, no runtime, no clock. SDP and candidates are carried as
//! bounded raw JSON and never parsed; everything around them is typed.

pub mod call;
pub mod ice;
pub mod object;
pub mod party;
pub mod peers;
pub mod pin;
pub mod robot;
