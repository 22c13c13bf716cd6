//! The queues of one thread, and whose turn it is.
//!
//! What was woken is taken first in, first out, by turns with what was spawned. Of that, what the
//! latest poll has spawned comes first, in order, then what those before it have. So a tree of
//! children is walked in depth, and few of them have begun and not ended at a time; in breadth, all
//! children of a level would be in memory. As the oldest could then wait for ever, the driver takes
//! one after each round.

use async_task::Runnable;
use crossbeam_deque::{Injector, Steal, Stealer, Worker};
use std::{cell::Cell, iter};

/// So much room is kept for tasks that are brought in order.
const ROOM: usize = 256;

pub(super) struct Local {
    /// First in, first out.
    woken: Worker<Runnable>,
    /// Last in, first out.
    spawned: Worker<Runnable>,
    /// How many were spawned since the last [`settle`](Self::settle).
    unsettled: Cell<usize>,
    /// Empty, but for its room.
    last_first: Cell<Vec<Runnable>>,
    /// Whether it is the turn of what was woken.
    is_turn_of_woken: Cell<bool>,
    ends: Ends,
}

/// The ends where other threads take from.
#[derive(Clone, Debug)]
pub(super) struct Ends {
    woken: Stealer<Runnable>,
    spawned: Stealer<Runnable>,
}

impl Local {
    pub(super) fn new() -> Self {
        let (woken, spawned) = (Worker::new_fifo(), Worker::new_lifo());
        let ends = Ends { woken: woken.stealer(), spawned: spawned.stealer() };
        Local {
            woken,
            spawned,
            unsettled: Cell::new(0),
            last_first: Cell::default(),
            is_turn_of_woken: Cell::new(true),
            ends,
        }
    }

    pub(super) fn ends(&self) -> Ends {
        self.ends.clone()
    }

    pub(super) fn push_woken(&self, task: Runnable) {
        self.woken.push(task);
    }

    pub(super) fn push_spawned(&self, task: Runnable) {
        self.spawned.push(task);
        self.unsettled.set(self.unsettled.get() + 1);
    }

    /// To be called after each poll: brings in order what that has spawned. Returns whether others
    /// did not see some of it in the meantime.
    pub(super) fn settle(&self) -> bool {
        let unsettled = self.unsettled.take();
        if unsettled < 2 {
            return false;
        }
        let mut last_first = self.last_first.take();
        // There are fewer if others have taken some, which they do at the other end.
        last_first.extend(iter::from_fn(|| self.spawned.pop()).take(unsettled));
        for task in last_first.drain(..) {
            self.spawned.push(task);
        }
        last_first.shrink_to(ROOM);
        self.last_first.set(last_first);
        true
    }

    /// Takes the one whose turn it is.
    pub(super) fn next(&self) -> Option<Runnable> {
        let is_turn_of_woken = self.is_turn_of_woken.get();
        self.is_turn_of_woken.set(!is_turn_of_woken);
        if is_turn_of_woken {
            self.woken.pop().or_else(|| self.spawned.pop())
        } else {
            self.spawned.pop().or_else(|| self.woken.pop())
        }
    }

    /// Takes the one that was spawned first.
    pub(super) fn oldest(&self) -> Option<Runnable> {
        // If another thread is about to take it, it does not wait any more.
        self.ends.spawned.steal().success()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Takes one of `from`, and moves some more here.
    pub(super) fn take_from(&self, from: &Injector<Runnable>) -> Steal<Runnable> {
        from.steal_batch_and_pop(&self.woken)
    }

    /// Takes one of another thread, and moves up to half of what it has here.
    pub(super) fn steal(&self, from: &Ends) -> Steal<Runnable> {
        let woken = from.woken.steal_batch_and_pop(&self.woken);
        woken.or_else(|| from.spawned.steal_batch_and_pop(&self.spawned))
    }
}

impl Ends {
    /// Takes the one that was woken first, or else the one that was spawned first.
    pub(super) fn oldest(&self) -> Steal<Runnable> {
        self.woken.steal().or_else(|| self.spawned.steal())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.woken.is_empty() && self.spawned.is_empty()
    }
}
