//! Under which addresses this machine is known.

use std::net::{IpAddr, Ipv4Addr};

/// Addresses of this machine's networks, loopback left out, IPv4 first.
pub(crate) fn local() -> Vec<IpAddr> {
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    let outside = interfaces
        .iter()
        .filter(|interface| !interface.is_loopback());
    let mut addresses: Vec<IpAddr> = outside
        .map(if_addrs::Interface::ip)
        .filter(|address| match address {
            IpAddr::V4(v4) => !v4.is_link_local(),
            IpAddr::V6(v6) => !v6.is_unicast_link_local(),
        })
        .collect();
    addresses.sort_by_key(IpAddr::is_ipv6);
    addresses.dedup();
    addresses
}

/// The address that callers are told to reach the relay at: the first IPv4 one, loopback
/// on a machine without any network.
pub(crate) fn main_address() -> IpAddr {
    let first = local().into_iter().find(IpAddr::is_ipv4);
    first.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))
}

/// This machine's public IPv4 address, when one of its interfaces has one.
pub(crate) fn global_v4() -> Option<Ipv4Addr> {
    local().into_iter().find_map(|address| match address {
        IpAddr::V4(v4) => is_global(v4).then_some(v4),
        IpAddr::V6(_) => None,
    })
}

/// Whether an address means the same machine everywhere (RFC 6890, without its list of
/// documentation ranges: networks of tests use those as their Internet).
pub(crate) fn is_global(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !matches!(
        (a, b, c),
        (0 | 10 | 127 | 224..=255, _, _)
            | (100, 64..=127, _)
            | (169, 254, _)
            | (172, 16..=31, _)
            | (192, 168, _)
            | (192, 0, 0)
            | (198, 18 | 19, _)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_mean_the_same_machine_everywhere() {
        let global = |text: &str| is_global(text.parse().unwrap());
        for no in [
            "10.1.2.3",
            "192.168.0.1",
            "172.17.0.1",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.1.1",
            "0.0.0.0",
            "224.0.0.1",
        ] {
            assert!(!global(no), "{no}");
        }
        for yes in ["8.8.8.8", "172.32.0.1", "100.128.0.1", "203.0.113.7"] {
            assert!(global(yes), "{yes}");
        }
    }
}
