//! The harness of the end-to-end tests: the real `tuturu` binary and real headless browsers.
//!
//! Nothing here waits for a time: the page itself is asked to tell when something is so, and
//! a service is asked until it is, within a deadline. Every process is a child of the test
//! and ends with it.

mod ask;
mod browser;
mod build;
mod driver;
mod robot;
mod server;
mod service;

pub use ask::{get, get_until};
pub use browser::{Browser, Options};
pub use build::binary;
pub use driver::Driver;
pub use robot::{Robot, example, link};
pub use server::Server;
pub use service::Service;
