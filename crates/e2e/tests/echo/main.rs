//! The echo with clients that nobody here wrote: Chromium, Firefox, aiortc and what speaks
//! like the pages of FastRTC and Scope get back the picture and the sound that they sent.

mod aiortc;
mod chromium;
mod firefox;
mod neighbours;
mod streams;

/// What pages do here.
const CLIENT: &str = include_str!("../../echo/client.js");
