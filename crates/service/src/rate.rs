//! How often: token buckets as the generic cell rate algorithm keeps them, where one
//! instant, until when everything is paid for, is the whole state of a bucket.

use std::{
    num::NonZeroUsize,
    time::{Duration, Instant},
};

use lru::LruCache;

use crate::client::Source;

/// So many at once, and one more after each interval.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    interval: Duration,
    burst: Duration,
}

impl Rate {
    /// `count` within each `period`, and `burst` at once.
    #[must_use]
    pub fn new(count: u32, period: Duration, burst: u32) -> Self {
        let interval = period / count.max(1);
        Self {
            interval,
            burst: interval * burst.max(1),
        }
    }

    /// One more, now, out of the bucket that is paid for until then?
    ///
    /// # Errors
    /// How long to wait before there is room.
    pub fn take(self, paid_until: &mut Instant, now: Instant) -> Result<(), Duration> {
        self.take_many(1, paid_until, now)
    }

    /// So many more at once, or none of them.
    ///
    /// # Errors
    /// How long to wait before there is room.
    pub fn take_many(
        self,
        count: u32,
        paid_until: &mut Instant,
        now: Instant,
    ) -> Result<(), Duration> {
        let paid = (*paid_until).max(now) + self.interval * count;
        let wait = paid.saturating_duration_since(now + self.burst);
        if wait.is_zero() {
            *paid_until = paid;
            Ok(())
        } else {
            Err(wait)
        }
    }
}

/// A bucket for each source; the one unheard of for longest is forgotten first.
#[derive(Debug)]
pub struct Rates {
    rate: Rate,
    of_source: LruCache<Source, Instant>,
}

impl Rates {
    /// Nobody took anything yet.
    #[must_use]
    pub fn new(rate: Rate) -> Self {
        let sources = NonZeroUsize::new(10_000).expect("ten thousand is not zero");
        Self {
            rate,
            of_source: LruCache::new(sources),
        }
    }

    /// One more for that source, now?
    ///
    /// # Errors
    /// How long to wait before there is room.
    pub fn take(&mut self, source: Source, now: Instant) -> Result<(), Duration> {
        self.rate
            .take(self.of_source.get_or_insert_mut(source, || now), now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Address;

    #[test]
    fn a_burst_then_the_rate() {
        let start = Instant::now();
        let rate = Rate::new(50, Duration::from_secs(1), 100);
        let mut paid_until = start;
        assert!((0..100).all(|_| rate.take(&mut paid_until, start).is_ok()));
        assert_eq!(
            rate.take(&mut paid_until, start),
            Err(Duration::from_millis(20))
        );
        let later = start + Duration::from_secs(1);
        assert_eq!(
            (0..100)
                .filter(|_| rate.take(&mut paid_until, later).is_ok())
                .count(),
            50
        );
    }

    #[test]
    fn every_source_has_a_bucket_of_its_own() {
        let now = Instant::now();
        let mut rates = Rates::new(Rate::new(30, Duration::from_secs(60), 30));
        let source = |last| Address::new([192, 0, 2, last].into()).source();
        assert!((0..30).all(|_| rates.take(source(1), now).is_ok()));
        assert_eq!(rates.take(source(1), now), Err(Duration::from_secs(2)));
        assert!(rates.take(source(2), now).is_ok());
        assert!(rates.take(source(1), now + Duration::from_secs(2)).is_ok());
    }
}
