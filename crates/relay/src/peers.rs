//! Whom the relay may send to: the public Internet and other allocations of its own, never
//! the networks behind it (docs/security.md has the list).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::config::PortRange;

#[derive(Clone, Debug)]
pub(crate) struct Peers {
    /// Addresses of this very relay.
    pub(crate) own: Vec<IpAddr>,
    pub(crate) ports: PortRange,
    /// Private addresses are fine: development.
    pub(crate) private: bool,
}

impl Peers {
    pub(crate) fn allow(&self, peer: SocketAddr) -> bool {
        let address = peer.ip().to_canonical();
        let relay = self.own.contains(&address) && self.ports.contains(peer.port());
        relay || self.private && !is_nowhere(address) || !is_denied(address)
    }

    /// Whether a permission may be given. It is for an address; the port counts only when a
    /// datagram is sent.
    pub(crate) fn permits(&self, peer: SocketAddr) -> bool {
        self.own.contains(&peer.ip().to_canonical()) || self.allow(peer)
    }
}

fn is_denied(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_denied_v4(v4),
        IpAddr::V6(v6) => is_denied_v6(v6),
    }
}

/// Nobody's address, even on a developer's machine.
fn is_nowhere(address: IpAddr) -> bool {
    address.is_unspecified() || address.is_multicast() || address == Ipv4Addr::BROADCAST
}

fn is_denied_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    matches!(
        (a, b, c),
        (0 | 10 | 127 | 224..=255, _, _)
            | (100, 64..=127, _)
            | (169, 254, _)
            | (172, 16..=31, _)
            | (192, 168, _)
            | (192, 0, 0 | 2)
            | (198, 18 | 19, _)
            | (198, 51, 100)
            | (203, 0, 113)
    )
}

/// Only global unicast, without the ranges that carry an IPv4 address inside: NAT64
/// (RFC 6052) lies outside of 2000::/3, 6to4 (RFC 3056) and Teredo (RFC 4380) inside.
fn is_denied_v6(address: Ipv6Addr) -> bool {
    let [a, b, ..] = address.segments();
    let global = a & 0xe000 == 0x2000;
    let carries_v4 = a == 0x2002 || (a == 0x2001 && b == 0);
    let documentation = a == 0x2001 && b == 0x0db8;
    !global || carries_v4 || documentation
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peers(private: bool) -> Peers {
        let ports = PortRange {
            first: 50_000,
            last: 50_010,
        };
        Peers {
            own: vec!["192.168.1.5".parse().unwrap()],
            ports,
            private,
        }
    }

    fn allows(private: bool, address: &str) -> bool {
        peers(private).allow(address.parse().unwrap())
    }

    #[test]
    fn the_networks_behind_the_relay_are_out_of_reach() {
        for denied in [
            "0.0.0.0:1",
            "10.0.0.1:1",
            "100.64.0.1:1",
            "127.0.0.1:1",
            "169.254.169.254:80",
            "172.17.0.1:1",
            "172.31.255.255:1",
            "192.0.0.1:1",
            "192.168.0.1:1",
            "198.18.0.1:1",
            "224.0.0.1:1",
            "255.255.255.255:1",
            "192.0.2.1:1",
            "198.51.100.1:1",
            "203.0.113.1:1",
            "[::1]:1",
            "[::]:1",
            "[fe80::1]:1",
            "[fd00::1]:1",
            "[ff02::1]:1",
            "[::ffff:10.0.0.1]:1",
            "[64:ff9b::a00:1]:1",
            "[2002:a00:1::]:1",
            "[2001::1]:1",
            "[2001:db8::1]:1",
            "[::7f00:1]:1",
        ] {
            assert!(!allows(false, denied), "{denied}");
        }
        for fine in [
            "8.8.8.8:1",
            "172.32.0.1:1",
            "100.128.0.1:1",
            "[2a00:1450::1]:1",
        ] {
            assert!(allows(false, fine), "{fine}");
        }
    }

    #[test]
    fn allocations_of_the_relay_itself_may_meet() {
        assert!(allows(false, "192.168.1.5:50003"));
        assert!(allows(false, "[::ffff:192.168.1.5]:50003"));
        assert!(!allows(false, "192.168.1.5:22"));
        assert!(peers(false).permits("192.168.1.5:0".parse().unwrap()));
        assert!(!peers(false).permits("192.168.1.6:50003".parse().unwrap()));
    }

    #[test]
    fn development_reaches_private_peers_but_no_groups() {
        assert!(allows(true, "127.0.0.1:1") && allows(true, "192.168.0.1:1"));
        assert!(!allows(true, "224.0.0.1:1") && !allows(true, "0.0.0.0:1"));
    }
}
