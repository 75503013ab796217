//! The books: how many allocations there are, and whose.
//!
//! A `turn` server handles one message at a time and asks for a port right after it asked
//! for a password, so the account of a server knows for whom the port is.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use service::client::Source;

use crate::metrics::{Metrics, Refusal};

/// What all servers of this relay share.
pub(crate) struct Book {
    of_source: Mutex<HashMap<Source, usize>>,
    total: AtomicUsize,
    most: usize,
    most_of_source: usize,
    pub(crate) metrics: Metrics,
}

/// One server's view: whose message it is handling.
pub(crate) struct Account {
    book: Arc<Book>,
    source: Mutex<Option<Source>>,
    secret: AtomicUsize,
}

/// One allocation; counted until it is dropped.
pub(crate) struct Entry {
    book: Arc<Book>,
    source: Source,
}

impl Book {
    pub(crate) fn new(most: usize, most_of_source: usize, metrics: Metrics) -> Self {
        let limit = i64::try_from(most).unwrap_or(i64::MAX);
        metrics.allocations_limit.set(limit);
        Self {
            of_source: Mutex::default(),
            total: AtomicUsize::new(0),
            most,
            most_of_source,
            metrics,
        }
    }

    pub(crate) fn account(self: &Arc<Self>) -> Arc<Account> {
        let (source, secret) = (Mutex::default(), AtomicUsize::new(0));
        Arc::new(Account {
            book: Arc::clone(self),
            source,
            secret,
        })
    }

    fn sources(&self) -> MutexGuard<'_, HashMap<Source, usize>> {
        self.of_source
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Account {
    pub(crate) fn speaks_for(&self, source: Source) {
        *self.source.lock().unwrap_or_else(PoisonError::into_inner) = Some(source);
    }

    /// Which secret the message at hand was made with.
    pub(crate) fn secret(&self) -> usize {
        self.secret.load(Ordering::Relaxed)
    }

    pub(crate) fn set_secret(&self, index: usize) {
        self.secret.store(index, Ordering::Relaxed);
    }

    pub(crate) fn refuse(&self, refusal: Refusal) {
        self.book.metrics.refuse(refusal);
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.book.metrics
    }

    /// One more allocation for the source at hand, within the quotas.
    pub(crate) fn open(&self) -> Option<Entry> {
        let source = (*self.source.lock().unwrap_or_else(PoisonError::into_inner))?;
        let mut sources = self.book.sources();
        let count = sources.get(&source).copied().unwrap_or_default();
        let total = self.book.total.load(Ordering::Relaxed);
        if count >= self.book.most_of_source || total >= self.book.most {
            drop(sources);
            self.refuse(Refusal::Quota);
            return None;
        }
        sources.insert(source, count + 1);
        self.book.total.fetch_add(1, Ordering::Relaxed);
        self.book.metrics.allocations.inc();
        Some(Entry {
            book: Arc::clone(&self.book),
            source,
        })
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut sources = self.book.sources();
        if let Some(count) = sources.get_mut(&self.source) {
            *count -= 1;
            if *count == 0 {
                sources.remove(&self.source);
            }
        }
        self.book.total.fetch_sub(1, Ordering::Relaxed);
        self.book.metrics.allocations.dec();
    }
}
