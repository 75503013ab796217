//! Where the relay listens and what it may cost.

use std::{net::SocketAddr, str::FromStr, time::Duration};

use clap::Args;
use service::{config::bytes, rate::Rate};

/// The embedded relay.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Relay")]
pub struct RelayArgs {
    /// Address of the embedded TURN relay, UDP and TCP.
    #[arg(
        long,
        env = "TUTURU_TURN_LISTEN",
        default_value = "0.0.0.0:3478",
        value_name = "ADDRESS"
    )]
    pub turn_listen: SocketAddr,

    /// Ports that relayed packets leave from.
    #[arg(
        long,
        env = "TUTURU_RELAY_PORTS",
        default_value = "49160-49259",
        value_name = "FROM-TO"
    )]
    pub relay_ports: PortRange,

    /// Realm of the relay (RFC 5389).
    #[arg(
        long,
        env = "TUTURU_REALM",
        default_value = "tuturu",
        value_name = "REALM"
    )]
    pub realm: String,

    /// Allocations at most.
    #[arg(
        long,
        env = "TUTURU_MAX_ALLOCATIONS",
        default_value_t = 100,
        value_name = "N"
    )]
    pub max_allocations: usize,

    /// Allocations of one source: names are free to choose, addresses are not.
    #[arg(
        long,
        env = "TUTURU_MAX_ALLOCATIONS_PER_SOURCE",
        default_value_t = 16,
        value_name = "N"
    )]
    pub max_allocations_per_source: usize,

    /// Bytes a second that an allocation may relay, both ways together; more is dropped.
    #[arg(long = "relay-max-rate", env = "TUTURU_RELAY_MAX_RATE", default_value = "1MiB", value_parser = bytes, value_name = "SIZE")]
    pub max_rate: usize,

    /// Relay to private, loopback and link-local addresses too: for development only.
    #[arg(
        long = "relay-allow-private-peers",
        env = "TUTURU_RELAY_ALLOW_PRIVATE_PEERS",
        default_value_t = false
    )]
    pub allow_private_peers: bool,
}

/// Bounds of TURN over TCP.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TcpLimits {
    pub(crate) connections: usize,
    pub(crate) of_source: usize,
    /// A connection must speak within this time.
    pub(crate) first: Duration,
    /// Clients refresh allocations, which live ten minutes, before these end.
    pub(crate) idle: Duration,
}

impl RelayArgs {
    /// A second's worth may come at once: a key frame is a burst.
    pub(crate) fn rate(&self) -> Rate {
        let bytes = u32::try_from(self.max_rate).unwrap_or(u32::MAX);
        Rate::new(bytes, Duration::from_secs(1), bytes)
    }

    pub(crate) fn tcp_limits(&self) -> TcpLimits {
        TcpLimits {
            connections: self.max_allocations * 2,
            of_source: self.max_allocations_per_source * 2,
            first: Duration::from_secs(10),
            idle: Duration::from_secs(660),
        }
    }
}

/// Ports from and to, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortRange {
    /// The lowest.
    pub first: u16,
    /// The highest.
    pub last: u16,
}

impl PortRange {
    pub(crate) fn contains(self, port: u16) -> bool {
        (self.first..=self.last).contains(&port)
    }
}

impl FromStr for PortRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let ports = text.split_once('-').and_then(|(first, last)| {
            Some(Self {
                first: first.trim().parse().ok()?,
                last: last.trim().parse().ok()?,
            })
        });
        ports
            .filter(|range| range.first > 1023 && range.first <= range.last)
            .ok_or_else(|| "a port range is like 49160-49259, above 1023".into())
    }
}
