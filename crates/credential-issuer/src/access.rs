//! Who may ask for credentials, and how often.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use prometheus::{IntCounterVec, Opts, Registry};
use service::{
    client::Address,
    config::Secret,
    http::error::HttpError,
    rate::{Rate, Rates},
};
use subtle::ConstantTimeEq as _;

/// Who may ask for what, and how often.
#[derive(Clone)]
pub struct Access {
    rates: Arc<Mutex<Rates>>,
    requests: IntCounterVec,
    token: Option<Secret>,
}

impl Access {
    /// `token` opens the internal route; without one it is open to whoever reaches it.
    ///
    /// # Errors
    /// When the metric is registered already.
    pub fn new(
        per_minute: u32,
        token: Option<Secret>,
        registry: &Registry,
    ) -> prometheus::Result<Self> {
        let help = "Requests for TURN credentials, by outcome.";
        let options = Opts::new("tuturu_issuer_requests_total", help);
        let requests = IntCounterVec::new(options, &["outcome"])?;
        // An alert counts these: a counter that appears with its first event hides it.
        for outcome in [
            "issued",
            "listed",
            "internal",
            "rate-limited",
            "unavailable",
        ] {
            requests.with_label_values(&[outcome]);
        }
        registry.register(Box::new(requests.clone()))?;
        let rates = Rates::new(Rate::new(per_minute, Duration::from_secs(60), per_minute));
        Ok(Self {
            rates: Arc::new(Mutex::new(rates)),
            requests,
            token,
        })
    }

    /// One more answer for that source: all public routes draw on the same budget.
    pub(crate) fn take(&self, address: Address) -> Result<(), HttpError> {
        let mut rates = self.rates.lock().unwrap_or_else(PoisonError::into_inner);
        let allowed = rates.take(address.source(), Instant::now());
        drop(rates);
        allowed.map_err(|wait| HttpError::RateLimited(wait.as_secs() + 1))
    }

    /// Whether that `Authorization` header opens the internal route.
    pub(crate) fn opens(&self, authorization: Option<&str>) -> bool {
        let Some(token) = &self.token else {
            return true;
        };
        let given = authorization.and_then(|text| text.strip_prefix("Bearer "));
        let given = given.unwrap_or_default().as_bytes();
        given.ct_eq(token.expose().as_bytes()).into()
    }

    /// Counts an answer by its outcome: the error's code, or that name.
    pub(crate) fn count<T>(&self, answer: &Result<T, HttpError>, name: &str) {
        let outcome = answer
            .as_ref()
            .map_or_else(|error| error.parts().2, |_| name);
        self.requests.with_label_values(&[outcome]).inc();
    }
}
