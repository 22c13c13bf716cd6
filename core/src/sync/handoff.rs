//! A place for one value, from whoever gives to whoever asks.
//!
//! | state | what | who may touch the place |
//! |---|---|---|
//! | `IDLE` | nobody asks | nobody |
//! | `WANTED` | the taker asks | the giver |
//! | `FULL` | there is a value | the taker |
//! | `ENDED` | there will be none any more | nobody |

use super::atomic_waker::AtomicWaker;
use crate::sync::{AtomicUsize, Ordering, UnsafeCell};
use core::task::{Context, Poll, Waker};

const IDLE: usize = 0;
const WANTED: usize = 1;
const FULL: usize = 2;
const ENDED: usize = 3;

/// Between one giver and one taker; see the [module](self).
#[derive(Debug)]
pub(crate) struct Handoff<T> {
    state: AtomicUsize,
    place: UnsafeCell<Option<T>>,
    taker: AtomicWaker,
    giver: AtomicWaker,
}

// SAFETY: values move from one thread to another; only the one whom the state names touches the
// place, so nobody shares a value.
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

    /// Asks for the next value. For the one taker.
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
                    // Release: the giver comes after us. It fails if the giver has ended.
                    let _ = self.change(FULL, IDLE, Ordering::Release);
                    return Poll::Ready(value);
                }
                ENDED => return Poll::Ready(None),
                _ if waits => return Poll::Pending,
                state => {
                    self.taker.register(cx.waker());
                    waits = true;
                    // Release: the giver comes after what we did with the last value.
                    if state == IDLE && self.change(IDLE, WANTED, Ordering::Release) {
                        self.giver.wake();
                    }
                }
            }
        }
    }

    /// Whether the taker asks. For the one giver.
    pub(crate) fn is_wanted(&self) -> bool {
        // Acquire: come after what the taker did with the last value.
        self.state.load(Ordering::Acquire) == WANTED
    }

    /// Has the giver woken when the taker asks. Look whether it does after this call.
    pub(crate) fn register_giver(&self, waker: &Waker) {
        self.giver.register(waker);
    }

    /// Gives the value that is wanted. Answers the waker of the taker, which has to be woken.
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

    /// Says that there will be no value any more. One that was given and not taken goes with the
    /// exchange.
    pub(crate) fn end(&self) -> Option<Waker> {
        // Release: the taker that finds it comes after us. A store would do, but loom lets it come
        // before a question that we have not seen.
        self.state.swap(ENDED, Ordering::Release);
        self.taker.take()
    }

    fn change(&self, from: usize, to: usize, order: Ordering) -> bool {
        self.state.compare_exchange(from, to, order, Ordering::Relaxed).is_ok()
    }
}
