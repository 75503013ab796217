//! Joins that must wait a while before they are tried.

use std::{
    collections::{BTreeMap, HashMap},
    time::Instant,
};

use crate::event::{Enter, PeerId};

/// In order of their time, then of their coming. At most one for each peer.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    by_time: BTreeMap<(Instant, u64), Enter>,
    by_peer: HashMap<PeerId, (Instant, u64)>,
    count: u64,
}

impl Queue {
    pub(crate) fn holds(&self, peer: PeerId) -> bool {
        self.by_peer.contains_key(&peer)
    }

    pub(crate) fn push(&mut self, at: Instant, enter: Enter) {
        self.count += 1;
        let place = (at, self.count);
        self.by_peer.insert(enter.peer, place);
        self.by_time.insert(place, enter);
    }

    pub(crate) fn remove(&mut self, peer: PeerId) {
        if let Some(place) = self.by_peer.remove(&peer) {
            self.by_time.remove(&place);
        }
    }

    pub(crate) fn next_time(&self) -> Option<Instant> {
        self.by_time.first_key_value().map(|((at, _), _)| *at)
    }

    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<Enter> {
        let entry = self.by_time.first_entry()?;
        if entry.key().0 > now {
            return None;
        }
        let enter = entry.remove();
        self.by_peer.remove(&enter.peer);
        Some(enter)
    }
}
