//! A value that is worked on by whoever comes, one at a time, as often as it was called for.
//!
//! Nobody waits: whoever finds the value taken leaves, and the one that has it looks again before it leaves. User
//! code may run inside.
//!
//! A pair of fences makes sure that no call is missed: a caller calls, then tries the lock; whoever frees the lock
//! looks for a call after that. With a weaker order, both could read what was there before the other's write.

use super::{AtomicBool, Ordering, fence, try_lock::TryLock};

/// A value, and whether it was called for; see the [module](self).
pub(crate) struct OnCall<T> {
    value: TryLock<T>,
    is_called: AtomicBool,
}

impl<T> OnCall<T> {
    pub(crate) fn new(value: T) -> Self {
        OnCall { value: TryLock::new(value), is_called: AtomicBool::new(false) }
    }

    /// Calls for work. Whoever calls [`run`](Self::run) next does it, or whoever is at it.
    pub(crate) fn call(&self) {
        // Release: whoever works sees what was done before. Not a store, as that would hide what those did who
        // have called and were not heard.
        self.is_called.swap(true, Ordering::Release);
        // See the module; also for one that does not run it, but has another thread come.
        fence(Ordering::SeqCst);
    }

    /// Works until there is no call left, or another thread is at it. `work` must not panic.
    pub(crate) fn run(&self, mut work: impl FnMut(&mut T)) {
        while self.is_called.load(Ordering::Acquire) {
            fence(Ordering::SeqCst);
            let ran = self.value.try_with(|value| {
                // A call from now on is one for the next turn.
                if self.is_called.swap(false, Ordering::AcqRel) {
                    work(value);
                }
            });
            fence(Ordering::SeqCst);
            if ran.is_none() {
                return;
            }
        }
    }
}
