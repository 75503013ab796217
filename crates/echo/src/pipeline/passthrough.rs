//! Sends back what comes, at once.

use std::{collections::VecDeque, time::Instant};

use super::Pipeline;
use crate::{packet::Packet, parameters::Parameters};

#[derive(Default)]
pub(super) struct Passthrough(VecDeque<Packet>);

impl Pipeline for Passthrough {
    fn take(&mut self, packet: Packet) {
        self.0.push_back(packet);
    }

    fn poll(&mut self, _: Instant) -> Option<Packet> {
        self.0.pop_front()
    }

    fn flush(&mut self) -> Option<Packet> {
        self.0.pop_front()
    }

    fn adjust(&mut self, _: &Parameters) {}

    fn answer(&self, _: &Parameters) -> String {
        "Your picture and sound come back as they are.".into()
    }
}
