//! How many there are, in all and of each source: connections, sockets.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::watch;

use crate::client::Source;

/// Counts and bounds. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Crowd {
    of_source: Arc<Mutex<HashMap<Source, usize>>>,
    total: Arc<watch::Sender<usize>>,
    limit: usize,
    limit_of_source: usize,
}

/// Why there is no room for one more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crowded {
    /// The limit of all sources together is reached.
    Server,
    /// The limit of this source is reached.
    Source,
}

/// One of them; counted until it is dropped.
#[derive(Debug)]
pub struct Place {
    crowd: Crowd,
    source: Option<Source>,
}

impl Crowd {
    /// Nobody yet; so many at most, and so many of one source.
    #[must_use]
    pub fn new(limit: usize, limit_of_source: usize) -> Self {
        let total = Arc::new(watch::Sender::new(0));
        Self {
            of_source: Arc::default(),
            total,
            limit,
            limit_of_source,
        }
    }

    /// One more, if there is room.
    ///
    /// # Errors
    /// [`Crowded`] says which limit is reached.
    pub fn take(&self, source: Source) -> Result<Place, Crowded> {
        self.take_for(Some(source))
    }

    /// One more that speaks for many sources, like a proxy's connection: counted in the
    /// total only.
    ///
    /// # Errors
    /// [`Crowded::Server`].
    pub fn take_shared(&self) -> Result<Place, Crowded> {
        self.take_for(None)
    }

    fn take_for(&self, source: Option<Source>) -> Result<Place, Crowded> {
        // Held to the end: the two counts change together.
        let mut of_source = self
            .of_source
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if *self.total.borrow() >= self.limit {
            return Err(Crowded::Server);
        }
        if let Some(source) = source {
            let count = of_source.entry(source).or_default();
            if *count >= self.limit_of_source {
                return Err(Crowded::Source);
            }
            *count += 1;
        }
        self.total.send_modify(|total| *total += 1);
        Ok(Place {
            crowd: self.clone(),
            source,
        })
    }

    /// How many there are.
    #[must_use]
    pub fn total(&self) -> usize {
        *self.total.borrow()
    }

    /// Waits until the last one is gone.
    pub async fn gone(&self) {
        // The sender lives in `self`, so the wait cannot fail.
        let _ = self.total.subscribe().wait_for(|total| *total == 0).await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let lock = self.crowd.of_source.lock();
        let mut of_source = lock.unwrap_or_else(PoisonError::into_inner);
        if let Some(source) = self.source
            && let Some(count) = of_source.get_mut(&source)
        {
            *count -= 1;
            if *count == 0 {
                of_source.remove(&source);
            }
        }
        self.crowd.total.send_modify(|total| *total -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Address;

    fn source(last: u8) -> Source {
        Address::new([192, 0, 2, last].into()).source()
    }

    #[tokio::test]
    async fn limits_hold_and_places_come_back() {
        let crowd = Crowd::new(3, 2);
        let first = crowd.take(source(1)).unwrap();
        let second = crowd.take(source(1)).unwrap();
        assert_eq!(crowd.take(source(1)).unwrap_err(), Crowded::Source);
        let third = crowd.take(source(2)).unwrap();
        assert_eq!(crowd.take(source(3)).unwrap_err(), Crowded::Server);
        drop(first);
        assert!(crowd.take(source(1)).is_ok());
        let shared = crowd.take_shared().unwrap();
        assert_eq!(crowd.take_shared().unwrap_err(), Crowded::Server);
        drop((second, third, shared));
        crowd.gone().await;
        assert!(crowd.of_source.lock().unwrap().is_empty());
    }
}
