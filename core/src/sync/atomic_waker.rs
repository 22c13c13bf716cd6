//! The one waker of whoever polls a scope: replaced by its owner, fired by anybody.
//!
//! The protocol is that of `AtomicWaker` in futures-rs: two bits, each held by at most one thread.
//!
//! | bits | who may touch the slot |
//! |---|---|
//! | none | nobody; the slot is at rest |
//! | `REGISTERING` | the one registrar |
//! | `WAKING` | the waker that set it first |
//! | both | the registrar; the waker has left its wake to the registrar |

use crate::sync::{AtomicUsize, Ordering, UnsafeCell};
use crate::unwind::{self, Finally};
use core::task::Waker;

const REGISTERING: usize = 1;
const WAKING: usize = 2;

/// A slot for one waker.
#[derive(Debug)]
pub(crate) struct AtomicWaker {
    state: AtomicUsize,
    slot: UnsafeCell<Option<Waker>>,
}

// SAFETY: `slot` is only touched by the thread that the state machine above names, and wakers may
// be used and dropped on every thread.
unsafe impl Sync for AtomicWaker {}

impl AtomicWaker {
    #[cfg(not(anyscope_loom))]
    pub(crate) const fn new() -> Self {
        AtomicWaker { state: AtomicUsize::new(0), slot: UnsafeCell::new(None) }
    }

    /// The same, because loom's types cannot be made in a constant.
    #[cfg(anyscope_loom)]
    pub(crate) fn new() -> Self {
        AtomicWaker { state: AtomicUsize::new(0), slot: UnsafeCell::new(None) }
    }

    /// Makes `waker` the one that the next [`wake`](Self::wake) fires.
    ///
    /// Check the awaited condition *after* this call: a change before it may have found no waker.
    /// If two threads register at once, which is a misuse, one of the wakers is fired at once.
    pub(crate) fn register(&self, waker: &Waker) {
        // Acquire: see the slot as the last registrar or waker left it.
        if self
            .state
            .compare_exchange(0, REGISTERING, Ordering::Acquire, Ordering::Relaxed)
            .is_err()
        {
            // A wake is under way and may have taken the old waker, so this one must not wait.
            waker.wake_by_ref();
            return;
        }
        // Only if a clone panics: nobody could register any more. The old waker is for a poll
        // that is over, or whose wake has been left to us.
        let unwinds = Finally::new(|| {
            // SAFETY: `REGISTERING` was set by this thread alone.
            let old = self.slot.with_mut(|slot| unsafe { (*slot).take() });
            self.state.store(0, Ordering::Release);
            // We unwind: a panic of this one, too, would end the process.
            unwind::contain(|| old.into_iter().for_each(Waker::wake));
        });
        let old = self.slot.with_mut(|slot| {
            // SAFETY: `REGISTERING` was set by this thread alone, so the slot is ours.
            let slot = unsafe { &mut *slot };
            match slot {
                Some(current) if current.will_wake(waker) => None,
                _ => slot.replace(waker.clone()),
            }
        });
        unwinds.disarm();
        // Release: publish the slot. Acquire: a wake that came meanwhile happened before.
        if self.state.compare_exchange(REGISTERING, 0, Ordering::AcqRel, Ordering::Acquire).is_err()
        {
            // Somebody called `wake` meanwhile and left it to us.
            // SAFETY: `REGISTERING` is still ours, with `WAKING` set beside it.
            let waker = self.slot.with_mut(|slot| unsafe { (*slot).take() });
            // Release: leave the slot to the next registrar or waker.
            self.state.store(0, Ordering::Release);
            if let Some(waker) = waker {
                waker.wake();
            }
        }
        // Last, because it runs code of the old waker's executor.
        drop(old);
    }

    /// Fires the registered waker, if there is one, and forgets it.
    pub(crate) fn wake(&self) {
        if let Some(waker) = self.take() {
            waker.wake();
        }
    }

    /// The registered waker, if there is one, for the caller to fire.
    pub(crate) fn take(&self) -> Option<Waker> {
        // AcqRel. Release: the registrar that finds our bit sees the change we announce.
        // Acquire: we see the slot as it was left.
        if self.state.fetch_or(WAKING, Ordering::AcqRel) != 0 {
            // A registrar or another waker is at it, and will see our bit or fire the same waker.
            return None;
        }
        // SAFETY: `WAKING` was set by this thread alone, and nobody registers.
        let waker = self.slot.with_mut(|slot| unsafe { (*slot).take() });
        // Release: leave the slot to the next registrar or waker.
        self.state.fetch_and(!WAKING, Ordering::Release);
        waker
    }
}

/// For models: what may come after this is tried.
#[cfg(anyscope_loom)]
impl Drop for AtomicWaker {
    fn drop(&mut self) {
        if !loom::thread::panicking() {
            // No more than a look: what keeps the cell may be a count that loom does not see.
            self.state.load(Ordering::Relaxed);
        }
    }
}
