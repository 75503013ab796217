//! How the providers do. Labels come from closed sets.

use prometheus::{IntCounterVec, IntGaugeVec, Opts, Registry};

use crate::{breaker::State, outbound::Failure, provider::ProviderName};

/// Counters of all providers.
#[derive(Clone)]
pub struct ProviderMetrics {
    requests: IntCounterVec,
    breaker: IntGaugeVec,
}

/// How one request to a provider ended, or why none was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Made here: no request was needed.
    Issued,
    /// The provider was asked.
    Fetched,
    /// What it gave earlier is still good.
    Cached,
    Timeout,
    Unreachable,
    Status,
    Redirect,
    TooLarge,
    Malformed,
    /// It failed too often to be asked.
    Open,
    /// No provider is left: the caller has STUN and nothing else.
    StunOnly,
}

impl Outcome {
    pub(crate) fn of(failure: Failure) -> Self {
        match failure {
            Failure::Timeout => Self::Timeout,
            Failure::Unreachable => Self::Unreachable,
            Failure::Status(_) => Self::Status,
            Failure::Redirect => Self::Redirect,
            Failure::TooLarge => Self::TooLarge,
            Failure::Malformed(_) => Self::Malformed,
            Failure::Open => Self::Open,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Issued => "issued",
            Self::Fetched => "fetched",
            Self::Cached => "cached",
            Self::Timeout => "timeout",
            Self::Unreachable => "unreachable",
            Self::Status => "status",
            Self::Redirect => "redirect",
            Self::TooLarge => "too-large",
            Self::Malformed => "malformed",
            Self::Open => "open",
            Self::StunOnly => "stun-only",
        }
    }
}

impl ProviderMetrics {
    /// Registers them.
    ///
    /// # Errors
    /// When they are registered already.
    pub fn new(registry: &Registry) -> prometheus::Result<Self> {
        let help = "Uses of ICE providers, by outcome; provider none is the last resort.";
        let options = Opts::new("tuturu_issuer_provider_requests_total", help);
        let requests = IntCounterVec::new(options, &["provider", "outcome"])?;
        let help = "Circuit breaker of an ICE provider: 0 closed, 1 half-open, 2 open.";
        let options = Opts::new("tuturu_issuer_provider_breaker_state", help);
        let breaker = IntGaugeVec::new(options, &["provider"])?;
        requests.with_label_values(&[ProviderName::None.as_str(), Outcome::StunOnly.as_str()]);
        registry.register(Box::new(requests.clone()))?;
        registry.register(Box::new(breaker.clone()))?;
        Ok(Self { requests, breaker })
    }

    /// That provider may be asked: an alert counts how it fails, and a counter that appears
    /// with its first event hides it.
    pub(crate) fn expect(&self, provider: ProviderName) {
        for outcome in [
            Outcome::Fetched,
            Outcome::Timeout,
            Outcome::Unreachable,
            Outcome::Status,
            Outcome::Redirect,
            Outcome::TooLarge,
            Outcome::Malformed,
        ] {
            let labels = [provider.as_str(), outcome.as_str()];
            self.requests.with_label_values(&labels);
        }
        self.breaker(provider, State::Closed);
    }

    pub(crate) fn count(&self, provider: ProviderName, outcome: Outcome) {
        let labels = [provider.as_str(), outcome.as_str()];
        self.requests.with_label_values(&labels).inc();
    }

    pub(crate) fn breaker(&self, provider: ProviderName, state: State) {
        let gauge = self.breaker.with_label_values(&[provider.as_str()]);
        gauge.set(state as i64);
    }
}
