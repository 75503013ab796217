//! Who may still guess: what a source pays for joins that find nobody.
//!
//! A PIN has a million values and one socket can try 760,000 a second, so a room whose key
//! can be guessed costs: a join that finds nobody is a *failed join* until a partner comes.
//! Failed joins slow the next one down, and too many end in a block. What all sources do
//! together only slows joins, it never locks anybody out.

use std::{
    collections::VecDeque,
    num::NonZeroUsize,
    time::{Duration, Instant},
};

use lru::LruCache;

/// Whom guesses are counted for: an address, a network, as the shell sees fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Guesser(pub u128);

/// What guessing costs.
#[derive(Clone, Debug)]
pub struct ThrottleLimits {
    /// Failed joins that a source may make at once.
    pub burst: u32,
    /// How fast these come back.
    pub per_minute: u32,
    /// Delay after the first failed join; each further one doubles it.
    pub base_delay: Duration,
    /// The longest delay.
    pub max_delay: Duration,
    /// So many failed joins within [`block_window`](Self::block_window) end in a block.
    pub block_after: usize,
    /// How long a failed join is remembered.
    pub block_window: Duration,
    /// How long a block lasts.
    pub block_for: Duration,
    /// Rooms in which one source may wait alone.
    pub waiting_rooms: usize,
    /// Failed joins of all sources together that cost no extra delay.
    pub global_per_second: u32,
    /// Sources remembered; the one unheard of for longest is forgotten first.
    pub sources: NonZeroUsize,
}

impl Default for ThrottleLimits {
    fn default() -> Self {
        Self {
            burst: 10,
            per_minute: 5,
            base_delay: Duration::from_millis(100),
            max_delay: Duration::from_secs(25),
            block_after: 10,
            block_window: Duration::from_secs(30 * 60),
            block_for: Duration::from_secs(30 * 60),
            waiting_rooms: 2,
            global_per_second: 50,
            sources: NonZeroUsize::new(10_000).expect("ten thousand is not zero"),
        }
    }
}

/// May this source try now?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// At once.
    Now,
    /// Yes, but not before this has passed.
    After(Duration),
    /// No; asking again before this has passed is in vain.
    Refused(Duration),
}

#[derive(Debug, Default)]
struct Record {
    failures: VecDeque<Instant>,
    blocked_until: Option<Instant>,
    waiting: usize,
}

/// The memory of failed joins.
#[derive(Debug)]
pub struct Throttle {
    limits: ThrottleLimits,
    sources: LruCache<Guesser, Record>,
    /// Until when the failed joins of everybody are paid for.
    global_paid_until: Option<Instant>,
}

impl Throttle {
    /// Remembers nobody yet.
    #[must_use]
    pub fn new(limits: ThrottleLimits) -> Self {
        Self {
            sources: LruCache::new(limits.sources),
            limits,
            global_paid_until: None,
        }
    }

    /// May `who` try a key now? Costs nothing by itself.
    pub fn ask(&mut self, who: Guesser, now: Instant) -> Verdict {
        let limits = &self.limits;
        let global = self.global_paid_until.map_or(Duration::ZERO, |until| {
            // A second's worth is free; what is beyond it delays everybody a little.
            let debt = until.saturating_duration_since(now);
            debt.saturating_sub(Duration::from_secs(1))
                .min(limits.max_delay)
        });
        let own = self.sources.get_mut(&who).map_or(Verdict::Now, |record| {
            record.forget_old(now, limits.block_window);
            record.verdict(now, limits)
        });
        match own {
            Verdict::Refused(_) => own,
            Verdict::Now if global.is_zero() => own,
            Verdict::Now => Verdict::After(global),
            Verdict::After(delay) => Verdict::After(delay.max(global)),
        }
    }

    /// May `who` wait alone in one more room?
    pub fn may_wait(&mut self, who: Guesser) -> bool {
        let waiting = self.sources.get(&who).map_or(0, |record| record.waiting);
        waiting < self.limits.waiting_rooms
    }

    /// A join of `who` found nobody it may sit with.
    pub fn charge(&mut self, who: Guesser, now: Instant) {
        let limits = &self.limits;
        let record = self.sources.get_or_insert_mut(who, Record::default);
        record.forget_old(now, limits.block_window);
        record.failures.push_back(now);
        if record.failures.len() >= limits.block_after {
            record.failures.clear();
            record.blocked_until = Some(now + limits.block_for);
        }
        let cost = Duration::from_secs(1) / limits.global_per_second.max(1);
        let from = self.global_paid_until.map_or(now, |until| until.max(now));
        self.global_paid_until = Some(from + cost);
    }

    /// `who` was charged and waits alone.
    pub fn waits(&mut self, who: Guesser) {
        self.sources.get_or_insert_mut(who, Record::default).waiting += 1;
    }

    /// `who` waits no more; `met` somebody, so the join was no guess after all, or gave up.
    pub fn waited(&mut self, who: Guesser, met: bool) {
        if let Some(record) = self.sources.get_mut(&who) {
            record.waiting = record.waiting.saturating_sub(1);
            if met {
                record.failures.pop_back();
            }
        }
    }
}

impl Record {
    fn forget_old(&mut self, now: Instant, window: Duration) {
        let old = |at: &Instant| now.saturating_duration_since(*at) >= window;
        while self.failures.front().is_some_and(old) {
            self.failures.pop_front();
        }
    }

    fn verdict(&self, now: Instant, limits: &ThrottleLimits) -> Verdict {
        if let Some(left) = self.blocked_until.and_then(|until| left_until(until, now)) {
            return Verdict::Refused(left);
        }
        if let Some(left) = self.next_token(limits).and_then(|at| left_until(at, now)) {
            return Verdict::Refused(left);
        }
        // Who still waits may yet be met, perhaps by the person in the next room.
        match u32::try_from(self.failures.len().saturating_sub(self.waiting)) {
            Ok(0) => Verdict::Now,
            Ok(failures) => {
                let factor = 2_u32.saturating_pow(failures - 1);
                Verdict::After(
                    limits
                        .base_delay
                        .saturating_mul(factor)
                        .min(limits.max_delay),
                )
            }
            Err(_) => Verdict::After(limits.max_delay),
        }
    }

    /// When the bucket of `burst` tokens, refilled `per_minute`, next holds one: the
    /// generic cell rate algorithm over the remembered failures.
    fn next_token(&self, limits: &ThrottleLimits) -> Option<Instant> {
        let interval = Duration::from_secs(60) / limits.per_minute.max(1);
        let mut paid_until: Option<Instant> = None;
        for &at in &self.failures {
            paid_until = Some(paid_until.map_or(at, |until| until.max(at)) + interval);
        }
        paid_until?.checked_sub(interval * limits.burst.saturating_sub(1))
    }
}

fn left_until(then: Instant, now: Instant) -> Option<Duration> {
    then.checked_duration_since(now)
        .filter(|left| !left.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHO: Guesser = Guesser(7);
    const SECOND: Duration = Duration::from_secs(1);

    #[expect(
        clippy::disallowed_methods,
        reason = "a test needs some instant to start from"
    )]
    fn start() -> (Throttle, Instant) {
        (Throttle::new(ThrottleLimits::default()), Instant::now())
    }

    #[test]
    fn delays_double_and_end_in_a_block() {
        let (mut throttle, mut now) = start();
        let mut delays = Vec::new();
        for _ in 0..10 {
            delays.push(match throttle.ask(WHO, now) {
                Verdict::Now => 0,
                Verdict::After(delay) => delay.as_millis(),
                Verdict::Refused(left) => panic!("refused too early: {left:?}"),
            });
            throttle.charge(WHO, now);
            now += 13 * SECOND;
        }
        assert_eq!(
            delays,
            [0, 100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_000]
        );
        assert!(matches!(throttle.ask(WHO, now), Verdict::Refused(left) if left > 1780 * SECOND));
        assert_eq!(
            throttle.ask(Guesser(8), now),
            Verdict::Now,
            "others are not blocked"
        );
        now += 1800 * SECOND;
        assert_eq!(throttle.ask(WHO, now), Verdict::Now, "a block ends");
    }

    #[test]
    fn a_burst_is_followed_by_five_a_minute() {
        let (_, now) = start();
        let limits = ThrottleLimits {
            burst: 3,
            ..ThrottleLimits::default()
        };
        let mut throttle = Throttle::new(limits);
        for _ in 0..3 {
            assert!(!matches!(throttle.ask(WHO, now), Verdict::Refused(_)));
            throttle.charge(WHO, now);
        }
        assert_eq!(throttle.ask(WHO, now), Verdict::Refused(12 * SECOND));
        assert!(!matches!(
            throttle.ask(WHO, now + 12 * SECOND),
            Verdict::Refused(_)
        ));
    }

    #[test]
    fn a_partner_who_comes_makes_up_for_the_charge() {
        let (mut throttle, now) = start();
        for _ in 0..100 {
            throttle.charge(WHO, now);
            throttle.waits(WHO);
            throttle.waited(WHO, true);
        }
        assert!(throttle.may_wait(WHO));
        let later = now + 2 * SECOND;
        assert_eq!(throttle.ask(WHO, later), Verdict::Now);
    }

    #[test]
    fn two_rooms_may_wait_and_no_third() {
        let (mut throttle, _) = start();
        throttle.waits(WHO);
        assert!(throttle.may_wait(WHO));
        throttle.waits(WHO);
        assert!(!throttle.may_wait(WHO));
        throttle.waited(WHO, false);
        assert!(throttle.may_wait(WHO));
    }

    #[test]
    fn guesses_of_everybody_slow_joins_but_lock_nobody_out() {
        let (mut throttle, now) = start();
        for source in 0..100_000 {
            throttle.charge(Guesser(source), now);
        }
        let verdict = throttle.ask(Guesser(u128::MAX), now);
        assert_eq!(verdict, Verdict::After(Duration::from_secs(25)));
    }
}
