//! How often one source may ask: a token bucket for each, the least recent ones forgotten.

use std::{
    num::NonZeroUsize,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use lru::LruCache;
use service::client::Source;

/// Sources remembered.
const SOURCES: usize = 10_000;

/// Buckets of `per_minute` tokens (generic cell rate algorithm).
pub(crate) struct Rate {
    interval: Duration,
    paid_until: Mutex<LruCache<Source, Instant>>,
}

impl Rate {
    pub(crate) fn new(per_minute: u32) -> Self {
        let size = NonZeroUsize::new(SOURCES).expect("not zero");
        let interval = Duration::from_secs(60) / per_minute.max(1);
        Self {
            interval,
            paid_until: Mutex::new(LruCache::new(size)),
        }
    }

    /// One more, now? If not, when.
    pub(crate) fn take(&self, source: Source, now: Instant) -> Result<(), Duration> {
        let mut sources = self
            .paid_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let paid = sources.get(&source).map_or(now, |until| (*until).max(now)) + self.interval;
        let most = now + Duration::from_secs(60);
        if paid > most {
            return Err(paid - most);
        }
        sources.put(source, paid);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use service::client::Address;

    #[test]
    fn a_minutes_worth_at_once_and_no_more() {
        let (rate, now) = (Rate::new(30), Instant::now());
        let source = |last| Address::new([192, 0, 2, last].into()).source();
        assert!((0..30).all(|_| rate.take(source(1), now).is_ok()));
        assert_eq!(rate.take(source(1), now), Err(Duration::from_secs(2)));
        assert!(rate.take(source(2), now).is_ok(), "others are not limited");
        assert!(rate.take(source(1), now + Duration::from_secs(2)).is_ok());
    }
}
