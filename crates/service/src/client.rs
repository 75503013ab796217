//! Who is calling: the client's address, and the source that budgets are counted for.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
    str::FromStr,
};

use ::http::HeaderMap;
use clap::Args;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use warp::{Filter, Rejection};

/// A client's address; IPv4 in IPv6 clothes is IPv4. Debug prints none of it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Address(IpAddr);

/// Whom a budget is counted for: an IPv4 address or an IPv6 /64, which is what one
/// customer gets. Debug prints none of it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Source(u128);

impl Address {
    /// Takes a socket's or a proxy's word.
    #[must_use]
    pub fn new(address: IpAddr) -> Self {
        Self(address.to_canonical())
    }

    /// The address itself; never to be logged.
    #[must_use]
    pub fn ip(self) -> IpAddr {
        self.0
    }

    /// Whom to count.
    #[must_use]
    pub fn source(self) -> Source {
        Source(match self.0 {
            IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
            IpAddr::V6(v6) => v6.to_bits() & (u128::MAX << 64),
        })
    }
}

impl Source {
    /// As a number, for the crates that know nothing of networks.
    #[must_use]
    pub fn as_u128(self) -> u128 {
        self.0
    }

    /// A stable name that says nothing of the address to who lacks the key: 12 lower-case
    /// hexadecimal digits of an HMAC-SHA256.
    #[must_use]
    pub fn pseudonym(self, key: &[u8]) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
        mac.update(&self.0.to_be_bytes());
        let digest = mac.finalize().into_bytes();
        digest[..6]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Address(…)")
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Source(…)")
    }
}

/// The address that [`http::serve`](crate::http::serve) found out.
pub fn address() -> impl Filter<Extract = (Address,), Error = Rejection> + Copy {
    warp::ext::get::<Address>()
}

/// Whose word is taken for a client's address.
#[derive(Clone, Debug, Default, Args)]
pub struct ProxyArgs {
    /// Proxies whose X-Forwarded-For is believed (its last entry): addresses or networks,
    /// comma separated. Without any the address of the connection counts.
    #[arg(
        long,
        env = "TUTURU_TRUSTED_PROXIES",
        value_delimiter = ',',
        value_name = "NETWORK"
    )]
    pub trusted_proxies: Vec<Network>,
}

impl ProxyArgs {
    /// Whether that address is a proxy whose word is taken.
    #[must_use]
    pub fn trusts(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.trusted_proxies
            .iter()
            .any(|network| network.contains(peer))
    }

    /// The client of a request that came over a connection from `peer`.
    #[must_use]
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> Address {
        let peer = Address::new(peer);
        if !self.trusts(peer.0) {
            return peer;
        }
        // SECURITY: all entries but the last are the client's own words.
        let forwarded = headers.get_all("x-forwarded-for").iter().next_back();
        let last = forwarded.and_then(|value| value.to_str().ok()?.rsplit(',').next());
        let address = last.and_then(|text| text.trim().parse().ok());
        address.map_or(peer, Address::new)
    }
}

/// An address, or a network in CIDR notation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    bits: u128,
    prefix: u8,
}

impl Network {
    /// Whether the address is in it.
    #[must_use]
    pub fn contains(self, address: IpAddr) -> bool {
        (mapped(address) ^ self.bits) & mask(self.prefix) == 0
    }
}

fn mapped(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => Ipv6Addr::to_bits(v6),
    }
}

fn mask(prefix: u8) -> u128 {
    u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0)
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "a network is like 10.0.0.7, 172.16.0.0/12 or fd00::/8".to_owned();
        let (address, prefix) = text
            .split_once('/')
            .map_or((text, None), |(a, p)| (a, Some(p)));
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let (width, offset) = if address.is_ipv4() {
            (32, 96)
        } else {
            (128, 0)
        };
        let prefix = prefix.map_or(Ok(width), |p| p.parse::<u8>().map_err(|_| wrong()))?;
        if prefix > width {
            return Err(wrong());
        }
        let prefix = prefix + offset;
        Ok(Self {
            bits: mapped(address) & mask(prefix),
            prefix,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source {
        Address::new(text.parse().unwrap()).source()
    }

    #[test]
    fn a_source_is_an_ipv4_address_or_an_ipv6_64() {
        assert_eq!(source("192.0.2.1"), source("::ffff:192.0.2.1"));
        assert_ne!(source("192.0.2.1"), source("192.0.2.2"));
        assert_eq!(source("2001:db8::1"), source("2001:db8::ffff:1"));
        assert_ne!(source("2001:db8::1"), source("2001:db8:0:1::1"));
        assert_eq!(source("192.0.2.1").pseudonym(b"k").len(), 12);
        assert_ne!(
            source("192.0.2.1").pseudonym(b"k"),
            source("192.0.2.1").pseudonym(b"l")
        );
    }

    #[test]
    fn only_the_proxy_is_believed_and_only_its_own_entry() {
        let proxies = ProxyArgs {
            trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()],
        };
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", "1.1.1.1, 203.0.113.9".parse().unwrap());
        let client = |peer: &str| {
            proxies
                .client(peer.parse().unwrap(), &headers)
                .ip()
                .to_string()
        };
        assert_eq!(client("10.1.2.3"), "203.0.113.9");
        assert_eq!(client("::ffff:10.1.2.3"), "203.0.113.9");
        assert_eq!(client("192.0.2.7"), "192.0.2.7", "not the proxy");
    }

    #[test]
    fn networks() {
        let network: Network = "fd00::/8".parse().unwrap();
        assert!(network.contains("fd12::1".parse().unwrap()));
        assert!(!network.contains("fe80::1".parse().unwrap()));
        assert!(
            "0.0.0.0/0"
                .parse::<Network>()
                .unwrap()
                .contains("8.8.8.8".parse().unwrap())
        );
        assert!(
            !"0.0.0.0/0"
                .parse::<Network>()
                .unwrap()
                .contains("2001:db8::".parse().unwrap())
        );
        for wrong in ["", "10.0.0.0/33", "x", "10.0.0.0/-1", "::/129"] {
            assert!(wrong.parse::<Network>().is_err(), "{wrong}");
        }
    }
}
