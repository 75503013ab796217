//! A network lab: an Internet with a server in it, and people behind routers of every kind.
//! Each machine is a network namespace; what runs there is what is deployed.
//!
//! A lab is made [`apart`]: nothing of it can outlive the test.

mod person;
mod policy;
mod router;
mod server;
mod space;
mod stub;
mod talk;
mod wire;

use std::sync::atomic::{AtomicU8, Ordering};

use anyhow::Result;

pub use person::Person;
pub use policy::Policy;
pub use router::{Router, Stack};
pub use server::{ADDRESS, DOMAIN, Part, Server, TURN_DOMAIN};
pub use space::Space;
pub use stub::stub;
pub use talk::{Path, Row, Talk, table};
pub use wire::Line;

use crate::apart;
use space::sh;

/// Runs the story of a test in a lab of its own.
///
/// # Errors
/// When the kernel does not allow it, and what the story ends with.
pub fn apart<F: AsyncFnOnce() -> Result<()>>(story: F) -> Result<()> {
    apart::apart(&hosts(), Some(apart::test_of::<F>()?), story)
}

/// Runs a whole program in a lab of its own.
///
/// # Errors
/// As [`apart()`].
pub fn program<F: AsyncFnOnce() -> Result<()>>(story: F) -> Result<()> {
    apart::apart(&hosts(), None, story)
}

/// What everybody's names lead to. Chromium looks those of relays up with a dot at the end.
fn hosts() -> String {
    let names = format!("{DOMAIN} {TURN_DOMAIN} {DOMAIN}. {TURN_DOMAIN}.");
    let v6 = server::ADDRESS_V6;
    format!("127.0.0.1 localhost\n{ADDRESS} {names}\n{v6} {names}\n")
}

/// The Internet and the server.
pub struct Lab {
    internet: Space,
    routers: AtomicU8,
    /// What everybody calls.
    pub server: Server,
}

impl Lab {
    /// Starts the server.
    ///
    /// # Errors
    /// When a part does not come up.
    pub async fn new() -> Result<Self> {
        Self::without(&[]).await
    }

    /// Starts the server, but not these parts of it.
    ///
    /// # Errors
    /// When a part does not come up.
    pub async fn without(parts: &[Part]) -> Result<Self> {
        let internet = Space::new("internet")?;
        let server = Space::new("server")?;
        let v6 = server::ADDRESS_V6;
        sh(&format!(
            "ip netns exec internet sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding'
             ip -n internet link add server type veth peer name eth0 netns server
             ip -n internet addr add 20.0.0.1/24 dev server; ip -n internet addr add 2001:db8::1/64 dev server
             ip -n internet link set server up
             ip -n server addr add {ADDRESS}/24 dev eth0; ip -n server addr add {v6}/64 dev eth0
             ip -n server link set eth0 up
             ip -n server route add default via 20.0.0.1; ip -n server route add default via 2001:db8::1"
        ))?;
        Ok(Self {
            internet,
            routers: AtomicU8::new(1),
            server: Server::start(server, parts).await?,
        })
    }

    /// One more router, of IPv4 and with a good line.
    ///
    /// # Errors
    /// When it cannot be made.
    pub async fn router(&self, policy: Policy) -> Result<Router> {
        self.router_with(policy, Stack::V4, Line::default()).await
    }

    /// One more router.
    ///
    /// # Errors
    /// When it cannot be made.
    pub async fn router_with(&self, policy: Policy, stack: Stack, line: Line) -> Result<Router> {
        let number = self.routers.fetch_add(1, Ordering::Relaxed);
        Router::new(&self.internet, number, policy, stack, line).await
    }
}
