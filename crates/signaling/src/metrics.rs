//! What Prometheus sees. Label values come from closed sets.

use prometheus::{IntCounterVec, IntGauge, Opts, Registry};
use rooms::Occupancy;

/// Cheap to clone: every metric is shared.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    pub(crate) sockets: IntGauge,
    rooms: IntGauge,
    seats_here: IntGauge,
    seats_away: IntGauge,
    joins: IntCounterVec,
    messages: IntCounterVec,
    closes: IntCounterVec,
    refused: IntCounterVec,
    ice: IntCounterVec,
}

impl Metrics {
    pub(crate) fn register(registry: &Registry) -> prometheus::Result<Self> {
        let gauge = |name: &str, help: &str| -> prometheus::Result<IntGauge> {
            let gauge = IntGauge::new(format!("tuturu_signaling_{name}"), help)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok(gauge)
        };
        let counter = |name: &str, help: &str, label: &str| -> prometheus::Result<IntCounterVec> {
            let options = Opts::new(format!("tuturu_signaling_{name}_total"), help);
            let counter = IntCounterVec::new(options, &[label])?;
            registry.register(Box::new(counter.clone()))?;
            Ok(counter)
        };
        Ok(Self {
            sockets: gauge("sockets", "WebSockets that are open now.")?,
            rooms: gauge("rooms", "Rooms with at least one seat taken or held.")?,
            seats_here: gauge("seats_present", "Seats with a connection in them.")?,
            seats_away: gauge(
                "seats_held",
                "Seats held for somebody whose socket was lost.",
            )?,
            joins: counter("joins", "Joins by outcome.", "outcome")?,
            messages: counter("messages", "Messages from pages by kind.", "kind")?,
            closes: counter("closes", "Sockets that ended, by reason.", "reason")?,
            refused: counter("upgrades_refused", "Upgrades refused, by reason.", "reason")?,
            ice: counter(
                "ice_servers",
                "ICE servers asked of the issuer, by source.",
                "source",
            )?,
        })
    }

    pub(crate) fn occupancy(&self, occupancy: Occupancy) {
        let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        self.rooms.set(number(occupancy.rooms));
        self.seats_here.set(number(occupancy.here));
        self.seats_away.set(number(occupancy.away));
    }

    pub(crate) fn rooms(&self) -> i64 {
        self.rooms.get()
    }

    pub(crate) fn join(&self, outcome: &'static str) {
        self.joins.with_label_values(&[outcome]).inc();
    }

    pub(crate) fn message(&self, kind: &'static str) {
        self.messages.with_label_values(&[kind]).inc();
    }

    pub(crate) fn close(&self, reason: &'static str) {
        self.closes.with_label_values(&[reason]).inc();
    }

    pub(crate) fn refuse(&self, reason: &'static str) {
        self.refused.with_label_values(&[reason]).inc();
    }

    pub(crate) fn ice(&self, source: &'static str) {
        self.ice.with_label_values(&[source]).inc();
    }
}
