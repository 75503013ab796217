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

use crate::metrics::{Metrics, Refusal};

/// What all servers of this relay share.
pub(crate) struct Book {
    of_user: Mutex<HashMap<String, usize>>,
    total: AtomicUsize,
    most: usize,
    most_of_user: usize,
    pub(crate) metrics: Metrics,
}

/// One server's view: whose message it is handling.
pub(crate) struct Account {
    book: Arc<Book>,
    user: Mutex<String>,
    secret: AtomicUsize,
}

/// One allocation; counted until it is dropped.
pub(crate) struct Entry {
    book: Arc<Book>,
    user: String,
}

impl Book {
    pub(crate) fn new(most: usize, most_of_user: usize, metrics: Metrics) -> Self {
        Self {
            of_user: Mutex::default(),
            total: AtomicUsize::new(0),
            most,
            most_of_user,
            metrics,
        }
    }

    pub(crate) fn account(self: &Arc<Self>) -> Arc<Account> {
        let (user, secret) = (Mutex::default(), AtomicUsize::new(0));
        Arc::new(Account {
            book: Arc::clone(self),
            user,
            secret,
        })
    }

    fn users(&self) -> MutexGuard<'_, HashMap<String, usize>> {
        self.of_user.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Account {
    pub(crate) fn speaks_for(&self, user: &str) {
        user.clone_into(&mut self.user.lock().unwrap_or_else(PoisonError::into_inner));
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

    /// One more allocation for the user at hand, within the quotas.
    pub(crate) fn open(&self) -> Option<Entry> {
        let user = self
            .user
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let mut users = self.book.users();
        let count = users.get(&user).copied().unwrap_or_default();
        let total = self.book.total.load(Ordering::Relaxed);
        if count >= self.book.most_of_user || total >= self.book.most {
            drop(users);
            self.refuse(Refusal::Quota);
            return None;
        }
        users.insert(user.clone(), count + 1);
        self.book.total.fetch_add(1, Ordering::Relaxed);
        self.book.metrics.allocations.inc();
        Some(Entry {
            book: Arc::clone(&self.book),
            user,
        })
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut users = self.book.users();
        if let Some(count) = users.get_mut(&self.user) {
            *count -= 1;
            if *count == 0 {
                users.remove(&self.user);
            }
        }
        self.book.total.fetch_sub(1, Ordering::Relaxed);
        self.book.metrics.allocations.dec();
    }
}
