//! The router that a person sits behind, and its line to the Internet.

use std::{
    net::Ipv4Addr,
    sync::atomic::{AtomicU8, Ordering},
};

use anyhow::Result;

use super::{
    policy::Policy,
    space::{Space, sh},
    wire::{self, Line},
};

/// Which protocols a network has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stack {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
    /// Both.
    Dual,
}

impl Stack {
    pub(super) fn v4(self) -> bool {
        self != Self::V6
    }

    pub(super) fn v6(self) -> bool {
        self != Self::V4
    }
}

/// A router with a network behind it.
pub struct Router {
    pub(super) space: Space,
    pub(super) number: u8,
    pub(super) stack: Stack,
    policy: Policy,
    guests: AtomicU8,
}

impl Router {
    /// Connects one to the Internet.
    pub(super) async fn new(
        internet: &Space,
        number: u8,
        policy: Policy,
        stack: Stack,
        line: Line,
    ) -> Result<Self> {
        let space = Space::new(&format!("router{number}"))?;
        let router = Self {
            space,
            number,
            stack,
            policy,
            guests: AtomicU8::new(0),
        };
        let (own, net) = (router.space.name(), internet.name());
        let n = number;
        if line.is_plain() {
            sh(&format!(
                "ip -n {net} link add r{n} type veth peer name wan netns {own}"
            ))?;
        } else {
            router.stretch(internet, line).await?;
        }
        let mut script = format!(
            "ip -n {own} link add lan type bridge
             ip -n {own} link set lan up; ip -n {own} link set wan up; ip -n {net} link set r{n} up
             ip netns exec {own} sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding'\n"
        );
        if stack.v4() {
            let lan = router.v4(1);
            script += &format!(
                "ip -n {net} addr add 20.0.{n}.1/24 dev r{n}; ip -n {own} addr add 20.0.{n}.2/24 dev wan
                 ip -n {own} addr add {lan}/24 dev lan; ip -n {own} route add default via 20.0.{n}.1\n"
            );
            if !policy.translates() {
                script += &format!("ip -n {net} route add 20.1.{n}.0/24 via 20.0.{n}.2\n");
            }
        }
        if stack.v6() {
            script += &format!(
                "ip -n {net} addr add 2001:db8:{n}::1/64 dev r{n}; ip -n {own} addr add 2001:db8:{n}::2/64 dev wan
                 ip -n {own} addr add 2001:db8:{n}:1::1/64 dev lan; ip -n {own} route add default via 2001:db8:{n}::1
                 ip -n {net} route add 2001:db8:{n}:1::/64 via 2001:db8:{n}::2\n"
            );
        }
        if let Some(cap) = line.cap {
            let queue = format!("root tbf rate {cap}kbit burst 4kb latency 400ms");
            script += &format!(
                "ip netns exec {own} tc qdisc add dev wan {queue}; ip netns exec {net} tc qdisc add dev r{n} {queue}\n"
            );
        }
        sh(&script)?;
        let rules = policy.rules(router.v4(2));
        router.space.run(&format!("nft '{rules}'"))?;
        Ok(router)
    }

    /// An address of its network.
    pub(super) fn v4(&self, host: u8) -> Ipv4Addr {
        if self.policy.translates() {
            Ipv4Addr::new(192, 168, self.number, host)
        } else {
            Ipv4Addr::new(20, 1, self.number, host)
        }
    }

    /// The number of one more host behind it.
    pub(super) fn welcome(&self) -> u8 {
        2 + self.guests.fetch_add(1, Ordering::Relaxed)
    }

    /// Nothing comes through any more, and nobody is told.
    ///
    /// # Errors
    /// When that cannot be said.
    pub fn cut(&self) -> Result<()> {
        let rules = "add table inet outage
            add chain inet outage every { type filter hook prerouting priority -400; policy drop; }";
        self.space.run(&format!("nft '{rules}'"))
    }

    /// All is well again.
    ///
    /// # Errors
    /// When nothing was cut.
    pub fn mend(&self) -> Result<()> {
        self.space.run("nft delete table inet outage")
    }

    /// Both ends of its line become tunnels through the wire. A checksum that is left to a card
    /// would never be made, for there is none.
    async fn stretch(&self, internet: &Space, line: Line) -> Result<()> {
        let n = self.number;
        let middle = Space::new(&format!("wire{n}"))?;
        let mut ends = Vec::new();
        for (side, (space, tunnel)) in [(internet, format!("r{n}")), (&self.space, "wan".into())]
            .into_iter()
            .enumerate()
        {
            let (space, wire) = (space.name(), middle.name());
            let end = Ipv4Addr::new(169, 254, n, 4 * (side as u8) + 2);
            let other = Ipv4Addr::new(169, 254, n, 4 * (side as u8) + 1);
            sh(&format!(
                "ip -n {wire} link add end{side} type veth peer name cable{n} netns {space}
                 ip -n {wire} addr add {other}/30 dev end{side}; ip -n {wire} link set end{side} up
                 ip -n {space} addr add {end}/30 dev cable{n}; ip -n {space} link set cable{n} up
                 ip -n {space} link add {tunnel} type vxlan id {n} local {end} remote {other} dstport 4789 nolearning
                 ip -n {space} link set {tunnel} mtu 1450; ip netns exec {space} ethtool -K {tunnel} tx off >/dev/null"
            ))?;
            ends.push(end.into());
        }
        wire::carry(&middle, [ends[0], ends[1]], line).await
    }
}
