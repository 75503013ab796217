//! A network of a test's own: ports 80 and 443 are free there, nothing outside is reached,
//! and every process that was started in it ends with the test.

use std::{net::Ipv4Addr, process::Command};

use anyhow::{Result, ensure};

use crate::apart;

/// The server's public address, and the names that lead there (RFC 5737, RFC 6761).
pub const SERVER: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 7);
/// The page's name.
pub const DOMAIN: &str = "call.test";
/// The relay's name.
pub const TURN_DOMAIN: &str = "turn.call.test";

/// Both ends of a cable, so that browsers find an interface that is not the loopback one.
const SCRIPT: &str = "set -eu
ip link add front type veth peer name back
ip address add 203.0.113.7/24 dev front
for caller in 101 102 103 104; do ip address add 203.0.113.$caller/24 dev front; done
ip link set front up
ip link set back up
echo 0 >/proc/sys/net/ipv4/ip_unprivileged_port_start";

/// Runs the body of a test in a network of its own.
///
/// # Errors
/// When no network can be made, and what the story ends with.
pub fn alone<F: AsyncFnOnce() -> Result<()>>(story: F) -> Result<()> {
    let hosts = format!("127.0.0.1 localhost\n{SERVER} {DOMAIN} {TURN_DOMAIN}\n");
    apart::apart(&hosts, Some(apart::test_of::<F>()?), async move || {
        let made = Command::new("sh").args(["-c", SCRIPT]).status()?;
        ensure!(made.success(), "the network cannot be set up: {made}");
        story().await
    })
}
