//! A lock that can only be tried, never waited for.

use crate::sync::{AtomicBool, Ordering, UnsafeCell};
use crate::unwind::Finally;

/// A lock that is only ever tried. User code may run inside it, as no thread waits for it.
#[derive(Debug)]
pub(crate) struct TryLock<T> {
    taken: AtomicBool,
    value: UnsafeCell<T>,
}

// SAFETY: `taken` lets one thread at a time use the value, so the value is sent and never shared.
unsafe impl<T: Send> Send for TryLock<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for TryLock<T> {}

impl<T> TryLock<T> {
    pub(crate) fn new(value: T) -> Self {
        TryLock { taken: AtomicBool::new(false), value: UnsafeCell::new(value) }
    }

    /// Returns whether a thread holds the lock right now.
    pub(crate) fn is_taken(&self) -> bool {
        self.taken.load(Ordering::Relaxed)
    }

    /// Calls `f` with the value, unless the lock is taken right now.
    pub(crate) fn try_with<R>(&self, f: impl FnOnce(&mut T) -> R) -> Option<R> {
        // Acquire: see what the previous holder did to the value.
        // The load before spares threads that fail the exclusive use of the cache line: they write
        // nothing.
        if self.is_taken()
            || self
                .taken
                .compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed)
                .is_err()
        {
            return None;
        }
        // Release: the next holder sees what we did. This also runs when `f` panics.
        let _leave = Finally::new(|| self.taken.store(false, Ordering::Release));
        Some(self.value.with_mut(|value| {
            // SAFETY: we changed `taken` from false to true, so the value is ours until we change
            // it back.
            f(unsafe { &mut *value })
        }))
    }
}
