//! A value for one at a time, of whom nobody waits for another.

use crate::sync::{AtomicBool, Ordering, UnsafeCell};
use crate::unwind::Finally;

/// A lock that is only ever tried: user code may run inside, as nobody is held up by it.
#[derive(Debug)]
pub(crate) struct TryLock<T> {
    taken: AtomicBool,
    value: UnsafeCell<T>,
}

// SAFETY: `taken` lets one thread at a time have the value, so it is sent and not shared.
unsafe impl<T: Send> Send for TryLock<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for TryLock<T> {}

impl<T> TryLock<T> {
    pub(crate) fn new(value: T) -> Self {
        TryLock { taken: AtomicBool::new(false), value: UnsafeCell::new(value) }
    }

    /// Whether somebody has the value right now.
    pub(crate) fn is_taken(&self) -> bool {
        self.taken.load(Ordering::Relaxed)
    }

    /// Calls `f` with the value, unless somebody has it right now.
    pub(crate) fn try_with<R>(&self, f: impl FnOnce(&mut T) -> R) -> Option<R> {
        // Acquire: see what the one before us did to the value.
        // The look before spares those who fail the cache line. Who fails writes nothing.
        if self.is_taken()
            || self
                .taken
                .compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed)
                .is_err()
        {
            return None;
        }
        // Release: the one after us sees what we did; also when `f` panics.
        let _leave = Finally::new(|| self.taken.store(false, Ordering::Release));
        Some(self.value.with_mut(|value| {
            // SAFETY: we changed `taken` from false to true, so the value is ours until we change
            // it back.
            f(unsafe { &mut *value })
        }))
    }
}
