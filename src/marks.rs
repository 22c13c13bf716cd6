//! What an observer keeps of each scope or child, found by the mark that comes back with each event.

use alloc::sync::Arc;
use core::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
};
use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Values by mark. Marks are above 0, and no two of the process are the same: an event that comes a moment late finds
/// nothing, and not the value of another child.
pub(crate) struct Marks<T> {
    shards: [Shard<T>; SHARDS],
}

/// So that threads rarely meet at a lock.
const SHARDS: usize = 32;

/// On a cache line of its own.
#[repr(align(128))]
struct Shard<T>(Mutex<HashMap<u64, Arc<T>>>);

impl<T> Marks<T> {
    pub(crate) fn new() -> Self {
        Marks { shards: core::array::from_fn(|_| Shard(Mutex::new(HashMap::new()))) }
    }

    /// Keeps a value, and returns its mark.
    pub(crate) fn insert(&self, value: Arc<T>) -> u64 {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let mark = NEXT.fetch_add(1, Ordering::Relaxed);
        self.shard(mark).insert(mark, value);
        mark
    }

    pub(crate) fn get(&self, mark: u64) -> Option<Arc<T>> {
        if mark == 0 {
            return None;
        }
        self.shard(mark).get(&mark).cloned()
    }

    /// The value is dropped by the caller, without the lock.
    pub(crate) fn remove(&self, mark: u64) -> Option<Arc<T>> {
        if mark == 0 {
            return None;
        }
        self.shard(mark).remove(&mark)
    }

    fn shard(&self, mark: u64) -> MutexGuard<'_, HashMap<u64, Arc<T>>> {
        let Shard(shard) = &self.shards[mark as usize % SHARDS];
        // Nobody's code runs under the lock, so a map is whole.
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> fmt::Debug for Marks<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Marks").finish_non_exhaustive()
    }
}
