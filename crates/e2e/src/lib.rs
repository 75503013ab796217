//! The harness of the end-to-end tests: the real `tuturu` binary and real headless browsers.
//!
//! Nothing here sleeps: the page itself is asked to tell when something is so, within a
//! deadline. Every process is a child of the test and ends with it.

mod browser;
mod build;
mod driver;
mod robot;
mod server;

pub use browser::{Browser, Options};
pub use build::binary;
pub use driver::Driver;
pub use robot::{Robot, example, link};
pub use server::Server;
