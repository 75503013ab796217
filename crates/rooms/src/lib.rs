//! Who sits where, what they hear, and who may still guess.
//!
//! A **room** has a key, a capacity and **seats**; a **peer** is a connection and may hold
//! seats in several rooms. [`Rooms`] is a pure state machine: it is told what happened and
//! when ([`Rooms::handle`]), and says what is to be done about it ([`Rooms::poll_effect`])
//! and when it wants to be woken ([`Rooms::poll_timeout`]). It owns no socket and no clock,
//! and never learns which dialect a peer speaks: messages are opaque.
//!
//! ```
//! use std::time::{Duration, Instant};
//! use rooms::{Claim, Effect, Enter, Event, Limits, PeerId, RoomKey, Rooms, SeatId};
//!
//! # fn main() { story(Instant::now()) }
//! # fn story(now: Instant) {
//! let mut rooms = Rooms::<&str>::new(Limits::default());
//! let enter = |peer, seat| Event::Enter(Enter {
//!     peer: PeerId(peer),
//!     room: RoomKey::new("kitchen"),
//!     claim: Claim::New(SeatId(seat)),
//!     capacity: 2,
//!     grace: Some(Duration::from_secs(30)),
//!     guesser: None,
//! });
//! rooms.handle(enter(1, 10), now);
//! rooms.handle(enter(2, 20), now);
//! let effects: Vec<_> = std::iter::from_fn(|| rooms.poll_effect()).collect();
//! assert!(matches!(effects[2], Effect::Arrived { to: PeerId(1), seat: SeatId(20), .. }));
//! # }
//! ```

mod entry;
mod event;
mod room;
mod rooms;
pub mod throttle;

pub use event::{
    Claim, Effect, Enter, Event, Occupant, PeerId, Recipient, Refusal, RoomKey, SeatId,
};
pub use rooms::{Limits, Occupancy, Rooms};
