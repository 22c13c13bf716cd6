//! What this client has leased, and until when.

use crate::names::Key;
use anyscope_remote::engine::{JobId, LeaseId, WorkerName};
use bytes::Bytes;
use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

#[derive(Default)]
pub(super) struct AllHeld(Mutex<HashMap<LeaseId, Held>>);

#[derive(Clone)]
pub(super) struct Held {
    pub(super) job: JobId,
    pub(super) key: Option<Key>,
    /// Which kind of job it is.
    pub(super) name: String,
    /// The envelope, as it is stored.
    pub(super) bytes: Bytes,
    /// Its number in the stream.
    pub(super) sequence: u64,
    pub(super) attempt: u32,
    pub(super) epoch: u64,
    /// When it was put, in nanoseconds by the server's clock.
    pub(super) put_at: u64,
    pub(super) worker: WorkerName,
    pub(super) since: Instant,
    /// How long the lease is.
    pub(super) lease: Duration,
    /// Until when it is ours, by our own clock, which began when we asked.
    pub(super) until: Instant,
}

impl AllHeld {
    fn lock(&self) -> MutexGuard<'_, HashMap<LeaseId, Held>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn add(&self, lease: LeaseId, held: Held) {
        self.lock().insert(lease, held);
    }

    /// Returns a lease that is held by our own clock.
    pub(super) fn get(&self, lease: &LeaseId) -> Option<Held> {
        self.lock().get(lease).filter(|held| held.until > Instant::now()).cloned()
    }

    pub(super) fn remove(&self, lease: &LeaseId) {
        self.lock().remove(lease);
    }

    /// Notes that a lease was extended. Returns false if it was lost before that was heard.
    pub(super) fn extend(&self, lease: &LeaseId, asked: Instant, length: Duration) -> bool {
        let mut all = self.lock();
        let Some(held) = all.get_mut(lease).filter(|held| held.until > Instant::now()) else {
            return false;
        };
        (held.lease, held.until) = (length, asked + length);
        true
    }

    pub(super) fn all(&self) -> Vec<Held> {
        self.lock().values().cloned().collect()
    }

    /// Removes those that have run out. Returns them, and when the next one does.
    pub(super) fn expire(&self) -> (Vec<(LeaseId, Held)>, Option<Instant>) {
        let (mut all, now) = (self.lock(), Instant::now());
        let over = all.extract_if(|_, held| held.until <= now).collect();
        (over, all.values().map(|held| held.until).min())
    }
}
