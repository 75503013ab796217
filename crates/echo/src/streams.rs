//! What is published under a name, and who looks at it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast};

use crate::{
    packet::Packet,
    switch::{Command, Inbox},
};

/// Packets that a viewer may be behind; one that is slower misses some.
const BEHIND: usize = 512;

/// All of them. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Streams {
    named: Arc<Mutex<HashMap<String, Stream>>>,
    max_viewers: usize,
}

#[derive(Clone)]
struct Stream {
    packets: broadcast::Sender<Arc<Packet>>,
    publisher: Inbox,
    places: Arc<Semaphore>,
}

/// Why there is nothing to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoView {
    NoStream,
    Full,
}

/// A name that is taken until this is dropped.
pub(crate) struct Publication {
    streams: Streams,
    name: String,
    packets: broadcast::Sender<Arc<Packet>>,
}

/// A place among the viewers, until it is dropped.
pub(crate) struct View {
    pub(crate) packets: broadcast::Receiver<Arc<Packet>>,
    publisher: Inbox,
    _place: OwnedSemaphorePermit,
}

impl Streams {
    pub(crate) fn new(max_viewers: usize) -> Self {
        Self {
            named: Arc::default(),
            max_viewers,
        }
    }

    /// Takes the name; none when somebody has it.
    pub(crate) fn publish(&self, name: &str, publisher: Inbox) -> Option<Publication> {
        let mut named = self.lock();
        if named.contains_key(name) {
            return None;
        }
        let (packets, _) = broadcast::channel(BEHIND);
        let stream = Stream {
            packets: packets.clone(),
            publisher,
            places: Arc::new(Semaphore::new(self.max_viewers)),
        };
        named.insert(name.to_owned(), stream);
        Some(Publication {
            streams: self.clone(),
            name: name.to_owned(),
            packets,
        })
    }

    pub(crate) fn view(&self, name: &str) -> Result<View, NoView> {
        let stream = self.lock().get(name).cloned().ok_or(NoView::NoStream)?;
        let place = stream
            .places
            .try_acquire_owned()
            .map_err(|_| NoView::Full)?;
        Ok(View {
            packets: stream.packets.subscribe(),
            publisher: stream.publisher,
            _place: place,
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Stream>> {
        self.named.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Publication {
    /// Shows a packet to who looks; nobody need look.
    pub(crate) fn show(&self, packet: Arc<Packet>) {
        let _ = self.packets.send(packet);
    }
}

impl Drop for Publication {
    fn drop(&mut self) {
        self.streams.lock().remove(&self.name);
    }
}

impl View {
    /// Asks the publisher for a whole picture.
    pub(crate) fn ask_for_key_frame(&self) {
        let _ = self.publisher.try_send(Command::KeyFrame);
    }
}
