//! Providers that answer well, badly, or never: the issuer and its process against a
//! stand-in over real HTTP.
#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod process;
mod providers;
mod stand_in;
