//! What Prometheus sees. Label values come from closed sets; those that an alert counts are
//! there from the start, because a counter that appears with its first event hides it.

use prometheus::{
    HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry,
};
use protocol::call::{FailureReason, Path, Report, SETUP_BUCKETS_MS};
use rooms::Occupancy;

/// Cheap to clone: every metric is shared.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    pub(crate) sockets: IntGauge,
    pub(crate) fallbacks: IntGauge,
    rooms: IntGauge,
    seats_here: IntGauge,
    seats_away: IntGauge,
    joins: IntCounterVec,
    opened: IntCounter,
    started: IntCounter,
    reports: IntCounterVec,
    setup: HistogramVec,
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
        let counters = |name: &str, help: &str, labels: &[&str]| {
            let options = Opts::new(format!("tuturu_signaling_{name}_total"), help);
            let counter = IntCounterVec::new(options, labels)?;
            registry.register(Box::new(counter.clone()))?;
            prometheus::Result::Ok(counter)
        };
        let counter = |name, help, label, known: &[&str]| -> prometheus::Result<IntCounterVec> {
            let counter = counters(name, help, &[label])?;
            for value in known {
                counter.with_label_values(&[value]);
            }
            Ok(counter)
        };
        let total = |name: &str, help: &str| -> prometheus::Result<IntCounter> {
            let counter = IntCounter::new(format!("tuturu_signaling_{name}_total"), help)?;
            registry.register(Box::new(counter.clone()))?;
            Ok(counter)
        };
        let help = "How calls came about, as told by each side.";
        let reports = counters("call_reports", help, &["outcome", "reason", "path"])?;
        let name = "tuturu_signaling_call_setup_seconds";
        let help = "Time from the second join to media, rounded up to its bucket, by each side.";
        let bounds = SETUP_BUCKETS_MS.map(|bound| f64::from(bound) / 1000.0);
        let options = HistogramOpts::new(name, help).buckets(bounds.into());
        let setup = HistogramVec::new(options, &["path"])?;
        registry.register(Box::new(setup.clone()))?;
        for path in Path::ALL.map(Path::name) {
            setup.with_label_values(&[path]);
            reports.with_label_values(&["connected", "none", path]);
        }
        for reason in FailureReason::ALL.map(FailureReason::name) {
            reports.with_label_values(&["failed", reason, "none"]);
        }
        Ok(Self {
            sockets: gauge("sockets", "WebSockets that are open now.")?,
            fallbacks: gauge(
                "fallbacks",
                "Conversations open now over plain HTTP, where WebSockets fail.",
            )?,
            rooms: gauge("rooms", "Rooms with at least one seat taken or held.")?,
            seats_here: gauge("seats_present", "Seats with a connection in them.")?,
            seats_away: gauge(
                "seats_held",
                "Seats held for somebody whose socket was lost.",
            )?,
            joins: counter(
                "joins",
                "Joins by outcome.",
                "outcome",
                &["seated", "resumed", "full", "throttled", "invalid"],
            )?,
            opened: total(
                "calls_opened",
                "Calls that somebody joined and nobody was there.",
            )?,
            started: total("calls_started", "Calls that a second person joined.")?,
            reports,
            setup,
            messages: counter("messages", "Messages from pages by kind.", "kind", &[])?,
            closes: counter("closes", "Sockets that ended, by reason.", "reason", &[])?,
            refused: counter(
                "upgrades_refused",
                "Upgrades refused, by reason.",
                "reason",
                &["forbidden", "rate-limited", "unauthorized", "unavailable"],
            )?,
            ice: counter(
                "ice_servers",
                "ICE servers asked of the issuer, by source.",
                "source",
                &["fresh", "cached", "stun-only"],
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

    /// Somebody joined a call, alone or as the second one.
    pub(crate) fn call(&self, second: bool) {
        if second {
            self.started.inc();
        } else {
            self.opened.inc();
        }
    }

    pub(crate) fn report(&self, report: Report) {
        let labels = match report {
            Report::Connected { setup, path } => {
                // What is longer than every bucket counts as twice the last one.
                let bound = setup.upper_bound_ms();
                let bound = bound.unwrap_or(2 * SETUP_BUCKETS_MS[SETUP_BUCKETS_MS.len() - 1]);
                let setup = self.setup.with_label_values(&[path.name()]);
                setup.observe(f64::from(bound) / 1000.0);
                ["connected", "none", path.name()]
            }
            Report::Failed(reason) => ["failed", reason.name(), Path::None.name()],
        };
        self.reports.with_label_values(&labels).inc();
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
