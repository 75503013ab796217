//! How fast one socket may speak: a token bucket.

use std::time::{Duration, Instant};

/// The generic cell rate algorithm: one instant is the whole state.
#[derive(Debug)]
pub(crate) struct Rate {
    interval: Duration,
    burst: Duration,
    paid_until: Instant,
}

impl Rate {
    pub(crate) fn new(per_second: u32, burst: u32, now: Instant) -> Self {
        let interval = Duration::from_secs(1) / per_second.max(1);
        Self {
            interval,
            burst: interval * burst.max(1),
            paid_until: now,
        }
    }

    /// One more message, now?
    pub(crate) fn allows(&mut self, now: Instant) -> bool {
        let paid_until = self.paid_until.max(now) + self.interval;
        if paid_until > now + self.burst {
            return false;
        }
        self.paid_until = paid_until;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_the_rate() {
        let start = Instant::now();
        let mut rate = Rate::new(50, 100, start);
        assert!((0..100).all(|_| rate.allows(start)));
        assert!(!rate.allows(start));
        let later = start + Duration::from_secs(1);
        assert_eq!((0..100).filter(|_| rate.allows(later)).count(), 50);
    }
}
