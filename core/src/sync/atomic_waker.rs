//! A slot for the one waker of a task: replaced by that task, fired by any thread.
//!
//! The protocol is that of `AtomicWaker` in futures-rs: two bits, each held by at most one thread.
//!
//! | bits | who may touch the slot |
//! |---|---|
//! | none | no thread; the slot is at rest |
//! | `REGISTERING` | the one registering thread |
//! | `WAKING` | the waking thread that set the bit first |
//! | both | the registering thread; the waking thread has left the wake to it |

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
    /// If two threads register at the same time, which is a misuse, one of the wakers is fired at
    /// once.
    pub(crate) fn register(&self, waker: &Waker) {
        // Acquire: see the slot as the last thread to touch it left it.
        if self
            .state
            .compare_exchange(0, REGISTERING, Ordering::Acquire, Ordering::Relaxed)
            .is_err()
        {
            // A wake is under way and may have taken the old waker, so this one must not wait.
            waker.wake_by_ref();
            return;
        }
        // For a clone that panics: if `REGISTERING` stayed set, nothing could register any more.
        // The old waker belongs to a poll that is over, or its wake has been left to us.
        let unwinds = Finally::new(|| {
            // SAFETY: `REGISTERING` was set by this thread alone.
            let old = self.slot.with_mut(|slot| unsafe { (*slot).take() });
            self.state.store(0, Ordering::Release);
            // We are unwinding: a second panic would abort the process.
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
        // Release: publish the slot. Acquire: see what was changed before a wake that came
        // meanwhile.
        if self.state.compare_exchange(REGISTERING, 0, Ordering::AcqRel, Ordering::Acquire).is_err()
        {
            // Another thread called `wake` meanwhile and left the wake to us.
            // SAFETY: `REGISTERING` is still ours, with `WAKING` set beside it.
            let waker = self.slot.with_mut(|slot| unsafe { (*slot).take() });
            // Release: hand the slot to the next thread.
            self.state.store(0, Ordering::Release);
            if let Some(waker) = waker {
                waker.wake();
            }
        }
        // Last, because this runs code of the executor that made the old waker.
        drop(old);
    }

    /// Fires the registered waker, if there is one, and removes it.
    pub(crate) fn wake(&self) {
        if let Some(waker) = self.take() {
            waker.wake();
        }
    }

    /// Takes the registered waker, if there is one, for the caller to fire.
    pub(crate) fn take(&self) -> Option<Waker> {
        // Release: the registering thread that finds our bit sees the change we announce.
        // Acquire: we see the slot as the last thread left it.
        if self.state.fetch_or(WAKING, Ordering::AcqRel) != 0 {
            // Another thread holds the slot. If it registers, it will see our bit; if it wakes, it
            // fires the same waker.
            return None;
        }
        // SAFETY: `WAKING` was set by this thread alone, and no thread registers.
        let waker = self.slot.with_mut(|slot| unsafe { (*slot).take() });
        // Release: hand the slot to the next thread.
        self.state.fetch_and(!WAKING, Ordering::Release);
        waker
    }
}

/// For models: they try every access that may come after this.
#[cfg(anyscope_loom)]
impl Drop for AtomicWaker {
    fn drop(&mut self) {
        if !loom::thread::panicking() {
            // A load only: what keeps the cell alive may be a count that loom does not see.
            self.state.load(Ordering::Relaxed);
        }
    }
}
