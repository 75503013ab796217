//! What happens between receiving and sending back: the seam for a step that processes
//! media. A step knows no socket and no clock; it is told the time.

mod delay;
mod loss;
mod passthrough;

use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::{packet::Packet, parameters::Parameters};

/// A step between what comes and what goes. Media is encoded and in packets, see
/// docs/decisions/0008; a step that wants pictures puts a decoder and an encoder around them.
pub trait Pipeline: Send {
    /// Takes a packet.
    fn take(&mut self, packet: Packet);

    /// The next packet to send at this time; called until there is none.
    fn poll(&mut self, now: Instant) -> Option<Packet>;

    /// When to ask again although nothing came.
    fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    /// Gives what it holds back, one after the other: another step takes its place.
    fn flush(&mut self) -> Option<Packet>;

    /// Takes new values of what it already runs with.
    fn adjust(&mut self, parameters: &Parameters);

    /// Whether the next encrypted packet reaches the network.
    fn delivers(&mut self) -> bool {
        true
    }

    /// What it says to the prompts that were sent to it.
    fn answer(&self, parameters: &Parameters) -> String;
}

/// Those there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PipelineId {
    /// Sends back at once what comes.
    #[default]
    Passthrough,
    /// Sends it back later: see yourself as others did some seconds ago.
    Delay,
    /// Loses some of it: how a bad network feels.
    Loss,
}

impl PipelineId {
    /// Its name on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Passthrough => "passthrough",
            Self::Delay => "delay",
            Self::Loss => "loss",
        }
    }

    /// The one of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Passthrough, Self::Delay, Self::Loss]
            .into_iter()
            .find(|id| id.name() == name)
    }
}

/// The step that the parameters name.
pub(crate) fn of(parameters: &Parameters) -> Box<dyn Pipeline> {
    match parameters.pipeline {
        PipelineId::Passthrough => Box::<passthrough::Passthrough>::default(),
        PipelineId::Delay => Box::new(delay::Delay::new(parameters)),
        PipelineId::Loss => Box::new(loss::Loss::new(parameters)),
    }
}
