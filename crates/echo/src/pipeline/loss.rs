//! Loses some of the encrypted packets on their way out, resent ones and feedback included:
//! what is missing is asked for again, as on a bad network.

use std::{collections::VecDeque, time::Instant};

use super::Pipeline;
use crate::{packet::Packet, parameters::Parameters};

pub(super) struct Loss {
    /// Of each 65,536 packets.
    lost: u32,
    percent: f64,
    through: VecDeque<Packet>,
}

impl Loss {
    pub(super) fn new(parameters: &Parameters) -> Self {
        let mut loss = Self {
            lost: 0,
            percent: 0.0,
            through: VecDeque::new(),
        };
        loss.adjust(parameters);
        loss
    }
}

impl Pipeline for Loss {
    fn take(&mut self, packet: Packet) {
        self.through.push_back(packet);
    }

    fn poll(&mut self, _: Instant) -> Option<Packet> {
        self.through.pop_front()
    }

    fn flush(&mut self) -> Option<Packet> {
        self.through.pop_front()
    }

    fn adjust(&mut self, parameters: &Parameters) {
        self.percent = parameters.loss;
        self.lost = (parameters.loss / 100.0 * 65_536.0).round() as u32;
    }

    fn delivers(&mut self) -> bool {
        let mut random = [0; 2];
        // Without randomness nothing is lost.
        getrandom::fill(&mut random).is_err() || u32::from(u16::from_ne_bytes(random)) >= self.lost
    }

    fn answer(&self, _: &Parameters) -> String {
        format!(
            "{} % of what the server sends you is lost on purpose.",
            self.percent
        )
    }
}
