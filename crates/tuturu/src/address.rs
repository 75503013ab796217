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
