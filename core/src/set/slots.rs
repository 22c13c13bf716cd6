//! Futures of one task, each polled only when its own waker fired.

use super::ready::ReadyQueue;
use crate::unwind;
use alloc::{boxed::Box, sync::Arc, vec::Vec};
use core::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, Waker},
};

/// A growable set of futures with one [`ReadyQueue`].
///
/// A slot, its box and its waker are used again by later futures, so a set of bounded size stops
/// allocating. A stale waker of an earlier tenant causes a spurious poll of the present one, no
/// more.
pub(crate) struct Slots<F> {
    slots: Vec<Slot<F>>,
    free: Vec<usize>,
    queue: Arc<ReadyQueue>,
    first_key: usize,
}

struct Slot<F> {
    future: Pin<Box<Option<F>>>,
    waker: Waker,
}

impl<F: Future> Slots<F> {
    /// An empty set whose keys, `first_key` and up, share `queue` with others below `first_key`.
    pub(crate) fn new(queue: Arc<ReadyQueue>, first_key: usize) -> Self {
        Slots { slots: Vec::new(), free: Vec::new(), queue, first_key }
    }

    /// How many futures there are.
    pub(crate) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Stores `future` and returns its key. It has not been polled: poll it once.
    pub(crate) fn insert(&mut self, future: F) -> usize {
        let index = self.free.pop().unwrap_or_else(|| {
            let index = self.slots.len();
            let waker = self.queue.waker(self.first_key + index);
            self.slots.push(Slot { future: Box::pin(None), waker });
            index
        });
        self.slots[index].future.set(Some(future));
        self.first_key + index
    }

    /// Polls the future called `key`, or answers `None` if it has ended. Drops it in place when
    /// it is ready.
    pub(crate) fn poll(&mut self, key: usize) -> Option<Poll<F::Output>> {
        let index = key - self.first_key;
        let Slot { future, waker } = &mut self.slots[index];
        let poll = future.as_mut().as_pin_mut()?.poll(&mut Context::from_waker(waker));
        if poll.is_ready() {
            future.set(None);
            self.free.push(index);
        }
        Some(poll)
    }
}

impl<F> Slots<F> {
    /// Drops every future, also when the destructor of one of them panics; the first panic then
    /// goes on.
    pub(crate) fn clear(&mut self) {
        let mut first = None;
        for slot in &mut self.slots {
            unwind::keep_first(&mut first, || slot.future.set(None));
        }
        self.slots.clear();
        self.free.clear();
        unwind::resume_unless_panicking(first);
    }
}

impl<F> Drop for Slots<F> {
    fn drop(&mut self) {
        self.clear();
    }
}

impl<F> fmt::Debug for Slots<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slots").field("slots", &self.slots.len()).finish_non_exhaustive()
    }
}
