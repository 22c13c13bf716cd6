//! A place for one value, handed from a giver to a taker that asks for it.
//!
//! | state | meaning | who may touch the place |
//! |---|---|---|
//! | `IDLE` | the taker does not ask | neither |
//! | `WANTED` | the taker asks | the giver |
//! | `FULL` | there is a value | the taker |
//! | `ENDED` | there will be no more values | neither |

use super::atomic_waker::AtomicWaker;
use crate::sync::{AtomicUsize, Ordering, UnsafeCell};
use core::task::{Context, Poll, Waker};

const IDLE: usize = 0;
const WANTED: usize = 1;
const FULL: usize = 2;
const ENDED: usize = 3;

/// The place between one giver and one taker; see the [module](self).
#[derive(Debug)]
pub(crate) struct Handoff<T> {
    state: AtomicUsize,
    place: UnsafeCell<Option<T>>,
    taker: AtomicWaker,
    giver: AtomicWaker,
}

// SAFETY: values move from one thread to another. Only the side that the state names touches the
// place, so no value is ever shared.
unsafe impl<T: Send> Send for Handoff<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Handoff<T> {}

impl<T> Handoff<T> {
    pub(crate) fn new() -> Self {
        Handoff {
            state: AtomicUsize::new(IDLE),
            place: UnsafeCell::new(None),
            taker: AtomicWaker::new(),
            giver: AtomicWaker::new(),
        }
    }

    /// Asks for the next value, and polls for it. Called by the one taker.
    pub(crate) fn poll_take(&self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let mut waits = false;
        loop {
            // Acquire: see the value.
            match self.state.load(Ordering::Acquire) {
                FULL => {
                    let value = self.place.with_mut(|place| {
                        // SAFETY: the state is `FULL`, and we are the taker.
                        unsafe { &mut *place }.take()
                    });
                    // Release: the giver's next write to the place happens after our read. This
                    // fails if the giver has ended.
                    let _ = self.change(FULL, IDLE, Ordering::Release);
                    return Poll::Ready(value);
                }
                ENDED => return Poll::Ready(None),
                _ if waits => return Poll::Pending,
                state => {
                    self.taker.register(cx.waker());
                    waits = true;
                    // Release: what we did with the last value happens before the next is given.
                    if state == IDLE && self.change(IDLE, WANTED, Ordering::Release) {
                        self.giver.wake();
                    }
                }
            }
        }
    }

    /// Returns whether the taker asks. Called by the one giver.
    pub(crate) fn is_wanted(&self) -> bool {
        // Acquire: the taker's use of the place happens before ours.
        self.state.load(Ordering::Acquire) == WANTED
    }

    /// Registers the giver's waker, to be fired when the taker asks. Check
    /// [`is_wanted`](Self::is_wanted) after this call.
    pub(crate) fn register_giver(&self, waker: &Waker) {
        self.giver.register(waker);
    }

    /// Gives the value that is wanted. Returns the taker's waker, for the caller to fire.
    pub(crate) fn give(&self, value: T) -> Option<Waker> {
        debug_assert!(self.is_wanted());
        self.place.with_mut(|place| {
            // SAFETY: the state is `WANTED`, and we are the giver.
            unsafe { *place = Some(value) };
        });
        // Release: publish the value.
        self.state.store(FULL, Ordering::Release);
        self.taker.take()
    }

    /// Announces that there will be no more values. A value that was given and not taken is dropped
    /// with the place. Returns the taker's waker, for the caller to fire.
    pub(crate) fn end(&self) -> Option<Waker> {
        // Release: what we did happens before the taker sees the end. A store would be enough, but
        // loom may order it before a request of the taker that we have not seen.
        self.state.swap(ENDED, Ordering::Release);
        self.taker.take()
    }

    fn change(&self, from: usize, to: usize, order: Ordering) -> bool {
        self.state.compare_exchange(from, to, order, Ordering::Relaxed).is_ok()
    }
}
