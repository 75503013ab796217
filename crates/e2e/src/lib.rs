//! The harness of the end-to-end tests: the real `tuturu` binary and real headless browsers.
//!
//! Nothing here waits for a time: the page itself is asked to tell when something is so, and
//! a service is asked until it is, within a deadline. Every process is a child of the test
//! and ends with it.

mod accessible;
mod apart;
mod ask;
mod browser;
mod build;
mod caller;
mod driver;
mod front;
pub mod lab;
mod network;
mod papers;
mod proxy;
mod robot;
mod server;
mod service;
mod workers;

pub use accessible::accessible;
pub use ask::{get, get_until, until};
pub use browser::{Browser, Options};
pub use build::binary;
pub use caller::{Answer, Caller, rest};
pub use driver::Driver;
pub use front::{Front, Part, SECRET, TOKEN};
pub use network::{DOMAIN, SERVER, TURN_DOMAIN, alone};
pub use papers::{Certificate, Papers};
pub use proxy::Proxy;
pub use robot::{Robot, example, link, python};
pub use server::Server;
pub use service::Service;
pub use workers::leaving;
