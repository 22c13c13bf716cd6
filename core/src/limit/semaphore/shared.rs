//! The word that counts the permits in use, and the protocol around it.
//!
//! | bits of the word | set | cleared |
//! |---|---|---|
//! | `QUEUED` | by whoever works on the queue, when the first waiter enters | by the same, when the last one has left |
//! | `CLOSED` | by [`close`](Shared::close) | never |
//! | the others: permits in use | by whoever takes them, for itself or for a waiter | by whoever gives them back |
//!
//! While nobody waits, a permit costs one compare-and-swap, and its return one subtraction. A caller that finds
//! `QUEUED` set, or too few permits, enters the queue. The queue is a [`Combiner`]: one thread at a time works on it, and
//! takes permits for the waiter at the head as long as there are enough. A thread that returns permits and
//! sees `QUEUED` has the queue looked at again.
//!
//! Nobody is missed: `QUEUED` is set *before* the permits are counted for a waiter, and permits are returned by
//! a change of the same word. If the return comes first, the count sees it; if not, whoever returns sees `QUEUED`.

use super::queue::{Done, Queue, Request, Waiter};
use crate::{
    limit::{
        Capacity, LiveLimit,
        follow::{Follow, Follows, follow},
    },
    sync::{Arc, AtomicUsize, Ordering, combiner::Combiner, try_lock::TryLock},
};
use alloc::{sync::Arc as StdArc, vec::Vec};
use core::task::Waker;

const QUEUED: usize = 1;
const CLOSED: usize = 2;
const ONE: usize = 4;

/// The most permits that the word can count.
const MOST: usize = usize::MAX / ONE;

/// How many waiters are kept for the next who wait, so that waiting allocates nothing in the long run.
const SPARE: usize = 64;

/// What all handles of a semaphore share; see the [module](self).
pub(super) struct Shared {
    word: AtomicUsize,
    limit: Capacity,
    queue: Combiner<Queue, Request>,
    spare: TryLock<Vec<Arc<Waiter>>>,
    follows: Follows,
}

/// Why permits were not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Full,
    Closed,
}

impl Shared {
    pub(super) fn new(limit: Capacity) -> StdArc<Self> {
        let shared = StdArc::new(Shared {
            word: AtomicUsize::new(0),
            limit,
            queue: Combiner::new(Queue::new()),
            spare: TryLock::new(Vec::new()),
            follows: Follows::new(),
        });
        if shared.limit.live().is_some() {
            follow(&shared);
        }
        shared
    }

    pub(super) fn limit(&self) -> &Capacity {
        &self.limit
    }

    fn most(&self) -> usize {
        self.limit.now().min(MOST)
    }

    pub(super) fn in_use(&self) -> usize {
        self.word.load(Ordering::Relaxed) / ONE
    }

    pub(super) fn free(&self) -> usize {
        self.most().saturating_sub(self.in_use())
    }

    pub(super) fn is_closed(&self) -> bool {
        self.word.load(Ordering::Relaxed) & CLOSED != 0
    }

    /// Returns whether so many permits can never be taken, however many are returned.
    pub(super) fn is_never(&self, count: usize) -> bool {
        count > MOST || self.limit.live().is_none() && count > self.most()
    }

    /// Takes permits for a caller that does not wait. Those who wait come first.
    #[inline]
    pub(super) fn try_take(&self, count: usize) -> Result<(), Refusal> {
        self.take(count, QUEUED)
    }

    #[inline]
    fn take(&self, count: usize, full_if: usize) -> Result<(), Refusal> {
        let mut word = self.word.load(Ordering::Relaxed);
        loop {
            if word & CLOSED != 0 {
                return Err(Refusal::Closed);
            }
            let free = self.most().saturating_sub(word / ONE);
            if word & full_if != 0 || count > free {
                return Err(Refusal::Full);
            }
            // Acquire: pairs with `give_back`, so that what was done with a permit is seen by whoever has it next.
            match self.word.compare_exchange_weak(
                word,
                word + count * ONE,
                Ordering::Acquire,
                Ordering::Relaxed,
            ) {
                Ok(_) => return Ok(()),
                Err(now) => word = now,
            }
        }
    }

    /// Returns permits, and gives them to who waits.
    #[inline]
    pub(super) fn give_back(&self, count: usize) {
        // Release: see `take`.
        let word = self.word.fetch_sub(count * ONE, Ordering::Release);
        if word & QUEUED != 0 {
            self.look();
        }
    }

    /// Fails those who wait, and whoever comes later.
    pub(super) fn close(&self) {
        // Relaxed: it brings nothing along.
        if self.word.fetch_or(CLOSED, Ordering::Relaxed) & CLOSED == 0 {
            self.run(Request::Look);
        }
    }

    /// Returns a waiter for so many permits that is in no queue.
    pub(super) fn waiter(&self, count: usize, waker: &Waker) -> Arc<Waiter> {
        // User code, so before.
        let mut waker = Some(waker.clone());
        if let Some(mut spare) = self.spare.try_with(Vec::pop).flatten() {
            if let Some(waiter) = Arc::get_mut(&mut spare) {
                waiter.reset(count);
                waiter.set_waker(waker.take());
                return spare;
            }
        }
        let mut waiter = Waiter::new(count);
        waiter.set_waker(waker);
        Arc::new(waiter)
    }

    /// Keeps a waiter that its future has done with, if nobody else has it. Returns a waker to be dropped.
    #[must_use = "dropping a waker runs user code"]
    pub(super) fn keep(&self, mut waiter: Arc<Waiter>) -> Option<Waker> {
        let waker = Arc::get_mut(&mut waiter)?.set_waker(None);
        let mut waiter = Some(waiter);
        self.spare.try_with(|spare| {
            if spare.len() < SPARE {
                spare.extend(waiter.take());
            }
        });
        waker
    }

    pub(super) fn run(&self, request: Request) {
        let mut done = Done::new();
        self.queue.run(request, |request, queue| {
            match request {
                Request::Enter(waiter) => {
                    queue.enter(waiter);
                    // Changed by whoever works on the queue only.
                    if self.word.load(Ordering::Relaxed) & QUEUED == 0 {
                        self.word.fetch_or(QUEUED, Ordering::Relaxed);
                    }
                }
                Request::Leave => queue.count_gone(&mut done),
                Request::Look => {}
            }
            self.serve(queue, &mut done);
        });
        done.fire();
    }

    fn serve(&self, queue: &mut Queue, done: &mut Done) {
        while let Some(waiter) = queue.head(done) {
            match self.take(waiter.count(), 0) {
                Ok(()) => {
                    if !waiter.grant() {
                        // It has left meanwhile. Release: as in `give_back`; whoever works on the queue looks anyway.
                        self.word.fetch_sub(waiter.count() * ONE, Ordering::Release);
                        continue;
                    }
                }
                Err(Refusal::Closed) => waiter.refuse(),
                Err(Refusal::Full) => return,
            }
            queue.pop(done);
        }
        // Only here, by whoever works on the queue; see the module.
        if self.word.load(Ordering::Relaxed) & QUEUED != 0 {
            self.word.fetch_and(!QUEUED, Ordering::Relaxed);
        }
    }
}

impl Follow for Shared {
    fn live(&self) -> Option<(&LiveLimit, &Follows)> {
        Some((self.limit.live()?, &self.follows))
    }

    #[inline(never)]
    fn look(&self) {
        self.run(Request::Look);
    }
}
