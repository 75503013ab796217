//! What Prometheus sees. Label values come from closed sets and are there from the start.

use std::time::Duration;

use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGaugeVec, Opts, Registry,
};
use str0m::stats::PeerStats;

use crate::session::Ended;

/// How a client asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    Offer,
    FastRtc,
    Whip,
    Whep,
}

impl Dialect {
    const ALL: [Self; 4] = [Self::Offer, Self::FastRtc, Self::Whip, Self::Whep];

    fn name(self) -> &'static str {
        match self {
            Self::Offer => "offer",
            Self::FastRtc => "fastrtc",
            Self::Whip => "whip",
            Self::Whep => "whep",
        }
    }
}

/// Cheap to clone: every metric is shared.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    sessions: IntGaugeVec,
    opened: IntCounterVec,
    refused: IntCounterVec,
    ended: IntCounterVec,
    setup: Histogram,
    packets_in: IntCounter,
    packets_out: IntCounter,
    bytes_in: IntCounter,
    bytes_out: IntCounter,
    loss: HistogramVec,
    round_trip: Histogram,
}

impl Metrics {
    pub(crate) fn register(registry: &Registry) -> prometheus::Result<Self> {
        let counter = |name: &str, help: &str, label, known: &[&str]| {
            let options = Opts::new(format!("tuturu_echo_{name}_total"), help);
            let counter = IntCounterVec::new(options, &[label])?;
            registry.register(Box::new(counter.clone()))?;
            for value in known {
                counter.with_label_values(&[value]);
            }
            prometheus::Result::Ok(counter)
        };
        let seconds = |name: &str, help: &str, buckets: &[f64]| {
            let name = format!("tuturu_echo_{name}_seconds");
            let options = HistogramOpts::new(name, help).buckets(buckets.into());
            let histogram = Histogram::with_opts(options)?;
            registry.register(Box::new(histogram.clone()))?;
            prometheus::Result::Ok(histogram)
        };
        let sessions = Opts::new("tuturu_echo_sessions", "Sessions that are open now.");
        let sessions = IntGaugeVec::new(sessions, &["dialect"])?;
        registry.register(Box::new(sessions.clone()))?;
        let dialects = Dialect::ALL.map(Dialect::name);
        for dialect in dialects {
            sessions.with_label_values(&[dialect]);
        }
        let loss = HistogramOpts::new(
            "tuturu_echo_loss_ratio",
            "Packets lost on the way, of all, by session and every 5 s.",
        );
        let loss = loss.buckets(vec![0.0, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5]);
        let loss = HistogramVec::new(loss, &["direction"])?;
        registry.register(Box::new(loss.clone()))?;
        let both = ["received", "sent"];
        for direction in both {
            loss.with_label_values(&[direction]);
        }
        let packets = counter(
            "packets",
            "Packets of sessions, by direction.",
            "direction",
            &both,
        )?;
        let bytes = counter(
            "bytes",
            "Bytes of sessions, by direction.",
            "direction",
            &both,
        )?;
        Ok(Self {
            sessions,
            opened: counter(
                "sessions_opened",
                "Offers that were answered.",
                "dialect",
                &dialects,
            )?,
            refused: counter(
                "offers_refused",
                "Offers that were not, by reason.",
                "reason",
                &[
                    "rate-limited",
                    "unavailable",
                    "unprocessable",
                    "too-large",
                    "forbidden",
                ],
            )?,
            ended: counter(
                "sessions_ended",
                "Sessions that ended, by reason.",
                "reason",
                &Ended::ALL.map(Ended::name),
            )?,
            setup: seconds(
                "setup",
                "Time from the offer to the first encrypted connection.",
                &[0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0],
            )?,
            packets_in: packets.with_label_values(&["received"]),
            packets_out: packets.with_label_values(&["sent"]),
            bytes_in: bytes.with_label_values(&["received"]),
            bytes_out: bytes.with_label_values(&["sent"]),
            loss,
            round_trip: seconds(
                "round_trip",
                "Round trip to the client, by session and every 5 s.",
                &[0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.4, 0.8],
            )?,
        })
    }

    pub(crate) fn opened(&self, dialect: Dialect) {
        self.opened.with_label_values(&[dialect.name()]).inc();
        self.sessions.with_label_values(&[dialect.name()]).inc();
    }

    pub(crate) fn connected(&self, setup: Duration) {
        self.setup.observe(setup.as_secs_f64());
    }

    pub(crate) fn ended(&self, dialect: Dialect, ended: Ended) {
        self.ended.with_label_values(&[ended.name()]).inc();
        self.sessions.with_label_values(&[dialect.name()]).dec();
    }

    pub(crate) fn refused(&self, code: &str) {
        self.refused.with_label_values(&[code]).inc();
    }

    pub(crate) fn received(&self, bytes: usize) {
        self.packets_in.inc();
        self.bytes_in.inc_by(bytes as u64);
    }

    pub(crate) fn sent(&self, bytes: usize) {
        self.packets_out.inc();
        self.bytes_out.inc_by(bytes as u64);
    }

    pub(crate) fn link(&self, stats: &PeerStats) {
        let losses = [
            ("received", stats.ingress_loss_fraction),
            ("sent", stats.egress_loss_fraction),
        ];
        for (direction, loss) in losses {
            if let Some(loss) = loss {
                self.loss
                    .with_label_values(&[direction])
                    .observe(f64::from(loss));
            }
        }
        if let Some(round_trip) = stats.rtt {
            self.round_trip.observe(round_trip.as_secs_f64());
        }
    }
}
