//! What Prometheus sees of the relay.

use prometheus::{IntCounter, IntCounterVec, IntGauge, Opts, Registry};

/// Cheap to clone: every metric is shared.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    pub(crate) allocations: IntGauge,
    pub(crate) allocations_limit: IntGauge,
    pub(crate) bytes: IntCounter,
    pub(crate) packets: IntCounter,
    refused: IntCounterVec,
}

/// What was refused, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Expired,
    Quota,
    Rate,
    Peer,
    Connection,
    Bandwidth,
}

impl Refusal {
    const ALL: [Self; 6] = [
        Self::Expired,
        Self::Quota,
        Self::Rate,
        Self::Peer,
        Self::Connection,
        Self::Bandwidth,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Quota => "quota",
            Self::Rate => "rate",
            Self::Peer => "peer",
            Self::Connection => "connection",
            Self::Bandwidth => "bandwidth",
        }
    }
}

impl Metrics {
    pub(crate) fn register(registry: &Registry) -> prometheus::Result<Self> {
        let allocations = IntGauge::new("tuturu_relay_allocations", "Allocations there are now.")?;
        let allocations_limit = IntGauge::new(
            "tuturu_relay_allocations_limit",
            "Allocations there may be.",
        )?;
        let bytes = IntCounter::new("tuturu_relay_relayed_bytes_total", "Payload relayed.")?;
        let packets = IntCounter::new("tuturu_relay_relayed_packets_total", "Packets relayed.")?;
        let options = Opts::new("tuturu_relay_refused_total", "What was refused, by reason.");
        let refused = IntCounterVec::new(options, &["reason"])?;
        registry.register(Box::new(allocations.clone()))?;
        registry.register(Box::new(allocations_limit.clone()))?;
        registry.register(Box::new(bytes.clone()))?;
        registry.register(Box::new(packets.clone()))?;
        registry.register(Box::new(refused.clone()))?;
        for refusal in Refusal::ALL {
            refused.with_label_values(&[refusal.name()]);
        }
        Ok(Self {
            allocations,
            allocations_limit,
            bytes,
            packets,
            refused,
        })
    }

    pub(crate) fn refuse(&self, refusal: Refusal) {
        self.refused.with_label_values(&[refusal.name()]).inc();
    }

    pub(crate) fn relayed(&self, bytes: usize) {
        self.packets.inc();
        self.bytes.inc_by(u64::try_from(bytes).unwrap_or(u64::MAX));
    }
}
