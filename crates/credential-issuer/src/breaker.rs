//! A circuit breaker: who failed three times in a row is left alone for a while, so that
//! callers do not wait for it one after the other. Pure: time is an argument.

use std::time::{Duration, Instant};

/// Failures in a row that open it.
const FAILURES: u32 = 3;
/// How long it stays open before one request may try again.
pub(crate) const PAUSE: Duration = Duration::from_secs(30);

/// What a breaker lets through. The numbers are those of the metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Everything.
    Closed = 0,
    /// One request, to see.
    HalfOpen = 1,
    /// Nothing.
    Open = 2,
}

#[derive(Debug, Default)]
pub(crate) struct Breaker {
    failures: u32,
    /// Until when nothing is let through, once there were enough failures.
    shut_until: Option<Instant>,
}

impl Breaker {
    /// Whether a request may be made now; who is told yes reports how it went. While it is
    /// half-open that is one request each pause, even when the report never comes.
    pub(crate) fn admits(&mut self, now: Instant) -> bool {
        match self.state(now) {
            State::Closed => true,
            State::HalfOpen => {
                self.shut_until = Some(now + PAUSE);
                true
            }
            State::Open => false,
        }
    }

    /// What it is while an admitted request is under way.
    pub(crate) fn under_way(&self) -> State {
        self.shut_until.map_or(State::Closed, |_| State::HalfOpen)
    }

    pub(crate) fn succeeded(&mut self) {
        *self = Self::default();
    }

    pub(crate) fn failed(&mut self, now: Instant) {
        self.failures = self.failures.saturating_add(1);
        if self.failures >= FAILURES {
            self.shut_until = Some(now + PAUSE);
        }
    }

    pub(crate) fn state(&self, now: Instant) -> State {
        match self.shut_until {
            None => State::Closed,
            Some(until) if now < until => State::Open,
            Some(_) => State::HalfOpen,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn three_in_a_row_open_it_and_one_success_closes_it() {
        let start = Instant::now();
        let mut breaker = Breaker::default();
        for _ in 0..2 {
            breaker.failed(start);
        }
        breaker.succeeded();
        for _ in 0..2 {
            breaker.failed(start);
        }
        assert!(breaker.admits(start), "not in a row");
        breaker.failed(start);
        assert_eq!(breaker.state(start), State::Open);
        let almost = start + PAUSE - Duration::from_millis(1);
        assert!(!breaker.admits(almost));

        let later = start + PAUSE;
        assert_eq!(breaker.state(later), State::HalfOpen);
        assert!(breaker.admits(later));
        assert!(!breaker.admits(later), "one request tries, not two");
        breaker.failed(later);
        assert!(
            !breaker.admits(later + PAUSE / 2),
            "one failure is enough now"
        );

        let again = later + PAUSE;
        assert!(breaker.admits(again));
        breaker.succeeded();
        assert_eq!(breaker.state(again), State::Closed);
    }

    proptest! {
        /// Each step is a pause in milliseconds and how the request goes if there is one.
        #[test]
        fn who_always_fails_is_asked_three_times_and_then_once_a_pause(
            steps in prop::collection::vec(0_u64..20_000, 1..200),
        ) {
            let start = Instant::now();
            let (mut now, mut breaker, mut asked) = (start, Breaker::default(), Vec::new());
            for step in steps {
                now += Duration::from_millis(step);
                if breaker.admits(now) {
                    asked.push(now);
                    breaker.failed(now);
                }
            }
            let rest = asked.get(2..).unwrap_or_default();
            prop_assert!(rest.windows(2).all(|pair| pair[1] - pair[0] >= PAUSE));
        }
    }
}
