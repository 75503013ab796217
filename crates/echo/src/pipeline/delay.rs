//! Sends back what comes some seconds later.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use super::Pipeline;
use crate::{packet::Packet, parameters::Parameters};

/// Its memory is bounded by the longest delay and the rate that a session may send at.
pub(super) struct Delay {
    delay: Duration,
    waiting: VecDeque<Packet>,
}

impl Delay {
    pub(super) fn new(parameters: &Parameters) -> Self {
        Self {
            delay: parameters.delay(),
            waiting: VecDeque::new(),
        }
    }
}

impl Pipeline for Delay {
    fn take(&mut self, packet: Packet) {
        self.waiting.push_back(packet);
    }

    fn poll(&mut self, now: Instant) -> Option<Packet> {
        let due = self.poll_timeout().is_some_and(|due| due <= now);
        due.then(|| self.waiting.pop_front()).flatten()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        Some(self.waiting.front()?.arrived + self.delay)
    }

    fn flush(&mut self) -> Option<Packet> {
        self.waiting.pop_front()
    }

    fn adjust(&mut self, parameters: &Parameters) {
        self.delay = parameters.delay();
    }

    fn answer(&self, _: &Parameters) -> String {
        format!(
            "You see and hear yourself {} s later.",
            self.delay.as_secs_f64()
        )
    }
}
