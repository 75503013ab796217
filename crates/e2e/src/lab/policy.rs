//! What a router lets through, and how it translates.

use std::{fmt, net::Ipv4Addr};

/// What a router does with what passes (RFC 4787 has the terms).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Public addresses, no firewall.
    Open,
    /// One mapping for all destinations, and everybody may answer.
    FullCone,
    /// One mapping for all destinations, and only who was spoken to may answer.
    PortCone,
    /// Another mapping for each destination.
    Symmetric,
    /// As the last but one, and UDP is dropped.
    NoUdp,
    /// Only connections to port 443 of TCP.
    Only443,
}

impl Policy {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Open,
        Self::FullCone,
        Self::PortCone,
        Self::Symmetric,
        Self::NoUdp,
        Self::Only443,
    ];

    pub(super) fn translates(self) -> bool {
        self != Self::Open
    }

    /// Whether two people behind such routers need no relay.
    #[must_use]
    pub fn direct(self, other: Self) -> bool {
        use Policy::{FullCone, NoUdp, Only443, Open, PortCone, Symmetric};
        match (self, other) {
            (NoUdp | Only443, _) | (_, NoUdp | Only443) => false,
            (Symmetric, Symmetric | PortCone) | (PortCone, Symmetric) => false,
            (Open | FullCone | PortCone | Symmetric, Open | FullCone | PortCone | Symmetric) => {
                true
            }
        }
    }

    /// For nft. Whoever is behind a full cone has the first address.
    pub(super) fn rules(self, first: Ipv4Addr) -> String {
        let closed = "iifname wan drop;";
        let (forward, incoming, outgoing) = match self {
            Self::Open => (String::new(), String::new(), ""),
            Self::FullCone => (
                String::new(),
                format!("iifname wan meta l4proto udp dnat ip to {first};"),
                "oifname wan masquerade;",
            ),
            Self::PortCone => (closed.into(), String::new(), "oifname wan masquerade;"),
            Self::Symmetric => (
                closed.into(),
                String::new(),
                "oifname wan masquerade random,fully-random;",
            ),
            Self::NoUdp => (
                format!("{closed} oifname wan meta l4proto udp drop;"),
                String::new(),
                "oifname wan masquerade;",
            ),
            Self::Only443 => (
                format!("{closed} oifname wan tcp dport 443 accept; oifname wan drop;"),
                String::new(),
                "oifname wan masquerade;",
            ),
        };
        // What nobody asked for is dropped before it makes an entry that would stand in the
        // way of the mapping of who is about to ask.
        let unasked = if self == Self::Open {
            ""
        } else {
            "iifname wan ct state new meta l4proto { tcp, udp } drop;"
        };
        format!(
            "table inet router {{
                chain forward {{ type filter hook forward priority 0; ct state established,related accept; ct status dnat accept; {forward} }}
                chain input {{ type filter hook input priority 0; {unasked} }}
             }}
             table ip translation {{
                chain incoming {{ type nat hook prerouting priority -100; {incoming} }}
                chain outgoing {{ type nat hook postrouting priority 100; {outgoing} }}
             }}"
        )
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Open => "open",
            Self::FullCone => "full cone",
            Self::PortCone => "port cone",
            Self::Symmetric => "symmetric",
            Self::NoUdp => "no UDP",
            Self::Only443 => "only 443",
        })
    }
}
