//! Credentials of one provider, kept for half their life. They are the issuer's, not a
//! caller's: however many ask at once, one request is made and all wait for it.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use futures_util::{
    FutureExt as _,
    future::{BoxFuture, Shared},
};

use crate::{
    answer::Answer,
    breaker::{Breaker, PAUSE, State},
    metrics::{Outcome, ProviderMetrics},
    outbound::Failure,
    provider::ProviderName,
};

/// Asks the provider.
pub(crate) type Fetch = Box<dyn Fn() -> BoxFuture<'static, Result<Answer, Failure>> + Send + Sync>;

type Flight = Shared<BoxFuture<'static, Result<Good, Failure>>>;

/// What a provider gave, and since when it counts.
#[derive(Clone, Debug)]
pub(crate) struct Good {
    pub(crate) answer: Arc<Answer>,
    asked: Instant,
    life: Duration,
}

impl Good {
    /// Seconds that it is good for.
    pub(crate) fn ttl(&self, now: Instant) -> u64 {
        (self.asked + self.life)
            .saturating_duration_since(now)
            .as_secs()
    }

    fn is_fresh(&self, now: Instant) -> bool {
        now < self.asked + self.life / 2
    }
}

pub(crate) struct Kept {
    name: ProviderName,
    fetch: Fetch,
    /// How long the credentials live that are asked for.
    life: Duration,
    metrics: ProviderMetrics,
    /// Never locked across an await.
    slot: Arc<Mutex<Slot>>,
}

#[derive(Default)]
struct Slot {
    good: Option<Good>,
    breaker: Breaker,
    flight: Option<Flight>,
}

impl Kept {
    pub(crate) fn new(
        name: ProviderName,
        life: Duration,
        metrics: ProviderMetrics,
        fetch: Fetch,
    ) -> Self {
        metrics.expect(name);
        Self {
            name,
            fetch,
            life,
            metrics,
            slot: Arc::default(),
        }
    }

    /// What is kept, else what the provider gives now.
    pub(crate) async fn get(&self, now: Instant) -> Result<Good, Failure> {
        let flight = {
            let mut slot = lock(&self.slot);
            if let Some(good) = slot.good.as_ref().filter(|good| good.is_fresh(now)) {
                self.metrics.count(self.name, Outcome::Cached);
                return Ok(good.clone());
            }
            // One that landed and is still here was cut short: it took nobody anywhere.
            match slot.flight.clone().filter(|flight| flight.peek().is_none()) {
                Some(flight) => flight,
                None if slot.breaker.admits(now) => {
                    self.metrics.breaker(self.name, slot.breaker.under_way());
                    let flight = self.take_off(now);
                    slot.flight = Some(flight.clone());
                    flight
                }
                None => {
                    self.metrics.count(self.name, Outcome::Open);
                    return Err(Failure::Open);
                }
            }
        };
        flight.await
    }

    /// A task of its own: a caller who hangs up takes nothing from the others.
    fn take_off(&self, asked: Instant) -> Flight {
        let (name, life) = (self.name, self.life);
        let (slot, metrics) = (Arc::clone(&self.slot), self.metrics.clone());
        let fetching = (self.fetch)();
        let started = Instant::now();
        let task = tokio::spawn(async move {
            let outcome = fetching.await.map(|answer| {
                let said = answer.ttl.map_or(life, Duration::from_secs);
                Good {
                    answer: Arc::new(answer),
                    asked,
                    life: life.min(said),
                }
            });
            let landed = asked + started.elapsed();
            lock(&slot).land(name, &outcome, landed, &metrics);
            outcome
        });
        task.map(|ended| ended.unwrap_or(Err(Failure::Unreachable)))
            .boxed()
            .shared()
    }
}

impl Slot {
    fn land(
        &mut self,
        name: ProviderName,
        outcome: &Result<Good, Failure>,
        now: Instant,
        metrics: &ProviderMetrics,
    ) {
        let provider = name.as_str();
        let was = self.breaker.under_way();
        match outcome {
            Ok(good) => {
                self.good = Some(good.clone());
                self.breaker.succeeded();
                metrics.count(name, Outcome::Fetched);
                if was != State::Closed {
                    tracing::info!(provider, "the ICE provider is back");
                }
            }
            Err(failure) => {
                self.breaker.failed(now);
                metrics.count(name, Outcome::of(*failure));
                tracing::warn!(provider, %failure, "an ICE provider failed");
                if self.breaker.state(now) == State::Open {
                    let seconds = PAUSE.as_secs();
                    tracing::warn!(provider, seconds, "the ICE provider is left alone");
                }
            }
        }
        metrics.breaker(name, self.breaker.state(now));
        self.flight = None;
    }
}

fn lock(slot: &Mutex<Slot>) -> MutexGuard<'_, Slot> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    use tokio::sync::Semaphore;

    use super::*;

    const LIFE: Duration = Duration::from_secs(600);

    /// A provider that answers when it is let, with what it is told.
    struct Stage {
        asked: AtomicUsize,
        gate: Semaphore,
        answer: Mutex<Result<Option<u64>, Failure>>,
    }

    fn stage(answer: Result<Option<u64>, Failure>, open: usize) -> (Arc<Stage>, Arc<Kept>) {
        let stage = Arc::new(Stage {
            asked: AtomicUsize::new(0),
            gate: Semaphore::new(open),
            answer: Mutex::new(answer),
        });
        let behind = Arc::clone(&stage);
        let fetch: Fetch = Box::new(move || {
            let stage = Arc::clone(&behind);
            Box::pin(async move {
                stage.asked.fetch_add(1, SeqCst);
                stage.gate.acquire().await.unwrap().forget();
                let ttl = (*stage.answer.lock().unwrap())?;
                Ok(Answer {
                    servers: vec![],
                    policy: None,
                    ttl,
                })
            })
        });
        let metrics = ProviderMetrics::new(&prometheus::Registry::new()).unwrap();
        let kept = Kept::new(ProviderName::Cloudflare, LIFE, metrics, fetch);
        (stage, Arc::new(kept))
    }

    #[tokio::test]
    async fn half_a_life_is_kept_and_the_rest_is_for_the_call() {
        let (stage, kept) = stage(Ok(None), 100);
        let start = Instant::now();
        assert_eq!(kept.get(start).await.unwrap().ttl(start), 600);
        let almost = start + LIFE / 2 - Duration::from_secs(1);
        assert_eq!(kept.get(almost).await.unwrap().ttl(almost), 301);
        assert_eq!(stage.asked.load(SeqCst), 1);
        let half = start + LIFE / 2;
        assert_eq!(kept.get(half).await.unwrap().ttl(half), 600);
        assert_eq!(stage.asked.load(SeqCst), 2);
    }

    #[tokio::test]
    async fn a_shorter_life_than_asked_for_counts_and_a_longer_one_does_not() {
        let start = Instant::now();
        for (said, ttl) in [(100, 100), (u64::MAX, 600)] {
            let (_stage, kept) = stage(Ok(Some(said)), 1);
            assert_eq!(kept.get(start).await.unwrap().ttl(start), ttl);
        }
    }

    #[tokio::test]
    async fn callers_wait_together_and_one_who_leaves_takes_nothing() {
        let (stage, kept) = stage(Ok(None), 0);
        let now = Instant::now();
        let mut first = Box::pin(kept.get(now));
        assert!((&mut first).now_or_never().is_none());
        let mut others: Vec<_> = (0..50).map(|_| Box::pin(kept.get(now))).collect();
        for other in &mut others {
            assert!(other.now_or_never().is_none());
        }
        drop(first);
        stage.gate.add_permits(1);
        for other in others {
            assert!(other.await.is_ok());
        }
        assert_eq!(stage.asked.load(SeqCst), 1);
    }

    #[tokio::test]
    async fn what_nobody_waited_for_is_kept_as_well() {
        let (stage, kept) = stage(Ok(None), 0);
        let now = Instant::now();
        let mut only = Box::pin(kept.get(now));
        assert!((&mut only).now_or_never().is_none());
        drop(only);
        stage.gate.add_permits(2);
        let landed = async {
            while lock(&kept.slot).good.is_none() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), landed)
            .await
            .unwrap();
        assert!(kept.get(now).await.is_ok());
        assert_eq!(stage.asked.load(SeqCst), 1);
        let later = now + LIFE;
        assert_eq!(kept.get(later).await.unwrap().ttl(later), 600);
        assert_eq!(stage.asked.load(SeqCst), 2, "not the old flight again");
    }

    #[tokio::test]
    async fn a_request_that_was_cut_short_is_made_again() {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let fetch: Fetch = Box::new(move || {
            let first = count.fetch_add(1, SeqCst) == 0;
            Box::pin(async move {
                assert!(!first, "a fault of ours");
                Ok(Answer {
                    servers: vec![],
                    policy: None,
                    ttl: None,
                })
            })
        });
        let metrics = ProviderMetrics::new(&prometheus::Registry::new()).unwrap();
        let kept = Kept::new(ProviderName::Twilio, LIFE, metrics, fetch);
        let now = Instant::now();
        assert_eq!(kept.get(now).await.unwrap_err(), Failure::Unreachable);
        assert!(kept.get(now).await.is_ok());
        assert_eq!(asked.load(SeqCst), 2);
    }

    #[tokio::test]
    async fn three_failures_and_it_is_left_alone_until_it_is_back() {
        let (stage, kept) = stage(Err(Failure::Status(500)), 100);
        let start = Instant::now();
        for expected in [Failure::Status(500); 3]
            .into_iter()
            .chain([Failure::Open; 5])
        {
            assert_eq!(kept.get(start).await.unwrap_err(), expected);
        }
        assert_eq!(stage.asked.load(SeqCst), 3);
        *stage.answer.lock().unwrap() = Ok(None);
        // The pause counts from when the last failure was known.
        let later = start + PAUSE + Duration::from_secs(20);
        assert!(kept.get(later).await.is_ok());
        assert_eq!(stage.asked.load(SeqCst), 4);
    }
}
