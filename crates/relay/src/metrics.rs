//! What Prometheus sees of the relay.

use prometheus::{IntCounter, IntCounterVec, IntGauge, Opts, Registry};

/// Cheap to clone: every metric is shared.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    pub(crate) allocations: IntGauge,
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

impl Metrics {
    pub(crate) fn register(registry: &Registry) -> prometheus::Result<Self> {
        let allocations = IntGauge::new("tuturu_relay_allocations", "Allocations there are now.")?;
        let bytes = IntCounter::new("tuturu_relay_relayed_bytes_total", "Payload relayed.")?;
        let packets = IntCounter::new("tuturu_relay_relayed_packets_total", "Packets relayed.")?;
        let options = Opts::new("tuturu_relay_refused_total", "What was refused, by reason.");
        let refused = IntCounterVec::new(options, &["reason"])?;
        registry.register(Box::new(allocations.clone()))?;
        registry.register(Box::new(bytes.clone()))?;
        registry.register(Box::new(packets.clone()))?;
        registry.register(Box::new(refused.clone()))?;
        Ok(Self {
            allocations,
            bytes,
            packets,
            refused,
        })
    }

    pub(crate) fn refuse(&self, refusal: Refusal) {
        let reason = match refusal {
            Refusal::Expired => "expired",
            Refusal::Quota => "quota",
            Refusal::Rate => "rate",
            Refusal::Peer => "peer",
            Refusal::Connection => "connection",
            Refusal::Bandwidth => "bandwidth",
        };
        self.refused.with_label_values(&[reason]).inc();
    }

    pub(crate) fn relayed(&self, bytes: usize) {
        self.packets.inc();
        self.bytes.inc_by(u64::try_from(bytes).unwrap_or(u64::MAX));
    }
}
