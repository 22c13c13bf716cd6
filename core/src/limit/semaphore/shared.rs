//! The word that counts the permits in use, and the protocol around it.
//!
//! | bits of the word | set | cleared |
//! |---|---|---|
//! | `QUEUED` | under the lock of the queue, when the first waiter enters | under the lock, when the last one has left |
//! | `CLOSED` | under the lock, by [`close`](Shared::close) | never |
//! | the others: permits in use | by whoever takes them, for itself or for a waiter | by whoever gives them back |
//!
//! While nobody waits, a permit costs one compare-and-swap, and so does its return. A caller that finds `QUEUED` set,
//! or too few permits, enters the queue. While `QUEUED` is set, the word changes under the lock only: permits that come
//! back then go to the waiter at the head without being free in between.
//!
//! Nobody is missed: `QUEUED` is set by the same compare-and-swap that finds too few permits, and permits come back by
//! one that fails if it is set.

use super::{
    Backlog,
    queue::{Found, Left, Queue},
};
use crate::{
    limit::{
        Capacity, LiveLimit,
        follow::{Follow, Follows, follow},
    },
    sync::{AtomicUsize, Ordering, Wakers, lock::Lock},
    unwind::{self, Finally},
    waits::held,
};
use alloc::sync::Arc;
use core::task::Waker;

const QUEUED: usize = 1;
const CLOSED: usize = 2;
const ONE: usize = 4;

/// The most permits that the word can count.
const MOST: usize = usize::MAX / ONE;

/// What all handles of a semaphore share; see the [module](self).
pub(super) struct Shared {
    hot: Hot,
    limit: Capacity,
    follows: Follows,
}

/// What changes with each permit, on one cache line.
#[repr(align(64))]
struct Hot {
    word: AtomicUsize,
    queue: Lock<Queue>,
}

/// Why permits were not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Full,
    Closed,
}

impl Drop for Shared {
    fn drop(&mut self) {
        // Another one may come to be at this address, and permits may have been leaked.
        held::forget(self.address());
    }
}

impl Shared {
    pub(super) fn new(limit: Capacity, backlog: Backlog) -> Arc<Self> {
        let shared = Arc::new(Shared {
            hot: Hot { word: AtomicUsize::new(0), queue: Lock::new(Queue::new(backlog)) },
            limit,
            follows: Follows::new(),
        });
        if shared.limit.live().is_some() {
            follow(&shared);
        }
        shared
    }

    /// Returns what tells it from other semaphores, as long as it lives.
    #[inline]
    pub(super) fn address(&self) -> usize {
        core::ptr::from_ref(self).addr()
    }

    pub(super) fn limit(&self) -> &Capacity {
        &self.limit
    }

    fn most(&self) -> usize {
        self.limit.now().min(MOST)
    }

    pub(super) fn in_use(&self) -> usize {
        self.hot.word.load(Ordering::Relaxed) / ONE
    }

    pub(super) fn free(&self) -> usize {
        self.most().saturating_sub(self.in_use())
    }

    pub(super) fn is_closed(&self) -> bool {
        self.hot.word.load(Ordering::Relaxed) & CLOSED != 0
    }

    /// Returns how many wait.
    pub(super) fn waiting(&self) -> usize {
        self.hot.queue.with(|queue| queue.waiting())
    }

    /// Returns whether so many permits can never be taken, however many are returned.
    pub(super) fn is_never(&self, count: usize) -> bool {
        count > MOST || self.limit.live().is_none() && count > self.most()
    }

    /// Takes permits for a caller that does not wait. Those who wait come first.
    #[inline]
    pub(super) fn try_take(&self, count: usize) -> Result<(), Refusal> {
        let mut word = self.hot.word.load(Ordering::Relaxed);
        loop {
            if word & CLOSED != 0 {
                return Err(Refusal::Closed);
            }
            if word & QUEUED != 0 || count > self.most().saturating_sub(word / ONE) {
                return Err(Refusal::Full);
            }
            // Acquire: pairs with `give_back`, so that what was done with a permit is seen by whoever has it next.
            match self.hot.word.compare_exchange_weak(
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
        let mut word = self.hot.word.load(Ordering::Relaxed);
        while word & QUEUED == 0 {
            // Release: see `try_take`.
            match self.hot.word.compare_exchange_weak(
                word,
                word - count * ONE,
                Ordering::Release,
                Ordering::Relaxed,
            ) {
                Ok(_) => return,
                Err(now) => word = now,
            }
        }
        self.give_on(count);
    }

    /// Gives what is free, and so many permits that are in use, to those who wait.
    #[inline(never)]
    fn give_on(&self, count: usize) {
        let mut wakers = Wakers::new();
        self.hot.queue.with(|queue| self.serve(queue, count, &mut wakers));
        wakers.fire_and_resume();
    }

    /// Fails those who wait, and whoever comes later.
    pub(super) fn close(&self) {
        let mut wakers = Wakers::new();
        self.hot.queue.with(|queue| {
            // Relaxed: it brings nothing along.
            self.hot.word.fetch_or(CLOSED, Ordering::Relaxed);
            self.serve(queue, 0, &mut wakers);
        });
        // Whoever waits goes on, whoever holds what.
        held::forget(self.address());
        wakers.fire_and_resume();
    }

    /// Takes permits, or enters the queue and returns the place.
    ///
    /// # Errors
    ///
    /// Returns [`Refusal::Full`] if as many wait as may.
    pub(super) fn enter(&self, count: usize, waker: &Waker) -> Result<Option<u32>, Refusal> {
        // User code, so before.
        let mut waker = Some(waker.clone());
        let entered = self.hot.queue.with(|queue| {
            let takes = match queue.is_special() {
                true => self.take_or_refuse(queue, count)?,
                false => queue.is_empty() && self.take_or_queue(count, true)?,
            };
            if takes {
                return Ok(None);
            }
            Ok(waker.take().map(|waker| queue.enter(count, waker)))
        });
        if waker.is_some() {
            // For a waker that panics when it is dropped: then nobody has the permits.
            let lost = Finally::new(|| {
                if entered.is_ok() {
                    self.give_back(count);
                }
            });
            drop(waker);
            lost.disarm();
        }
        entered
    }

    /// Takes permits if not all may wait, or if the newest is first. Under the lock.
    #[cold]
    fn take_or_refuse(&self, queue: &Queue, count: usize) -> Result<bool, Refusal> {
        let may_wait = !queue.is_full();
        if queue.next_is_first() && self.take_or_queue(count, may_wait)? {
            return Ok(true);
        }
        if may_wait { Ok(false) } else { Err(Refusal::Full) }
    }

    /// Takes permits, or else sets `QUEUED` if the caller may wait. Under the lock, for whoever is the first.
    fn take_or_queue(&self, count: usize, may_wait: bool) -> Result<bool, Refusal> {
        let mut word = self.hot.word.load(Ordering::Relaxed);
        loop {
            if word & CLOSED != 0 {
                return Err(Refusal::Closed);
            }
            let takes = count <= self.most().saturating_sub(word / ONE);
            let to = match (takes, may_wait) {
                (true, _) => word + count * ONE,
                (false, true) => word | QUEUED,
                (false, false) => return Err(Refusal::Full),
            };
            // Acquire: see `try_take`; also for those who will be given what is free now.
            match self.hot.word.compare_exchange_weak(
                word,
                to,
                Ordering::Acquire,
                Ordering::Relaxed,
            ) {
                Ok(_) => return Ok(takes),
                Err(now) => word = now,
            }
        }
    }

    /// Looks for a waiter whether it was served. If so, its place is not its own any more. If not, `waker` wakes it.
    pub(super) fn find(&self, place: u32, waker: &Waker) -> Found {
        let mut new = None;
        loop {
            match self.hot.queue.with(|queue| queue.look(place, waker, &mut new)) {
                // User code, so not under the lock; as is the drop of the one before.
                Found::OtherWaker => new = Some(waker.clone()),
                found => return found,
            }
        }
    }

    /// Removes a waiter for so many permits, which go to the next who wait if it has them.
    pub(super) fn leave(&self, place: u32, count: usize) {
        let (mut wakers, mut unused) = (Wakers::new(), None);
        self.hot.queue.with(|queue| match queue.leave(place) {
            Left::Waiting(waker, is_first) => {
                unused = Some(waker);
                if is_first {
                    self.serve(queue, 0, &mut wakers);
                }
            }
            Left::Granted => self.serve(queue, count, &mut wakers),
            Left::Nothing => {}
        });
        let mut panic = wakers.fire().err();
        unwind::keep_first(&mut panic, || drop(unused));
        unwind::resume_unless_panicking(panic);
    }

    /// Takes back so many permits, and gives what is free to those who wait. Under the lock.
    #[inline]
    fn serve(&self, queue: &mut Queue, back: usize, wakers: &mut Wakers) {
        let word = self.hot.word.load(Ordering::Relaxed);
        if word & QUEUED == 0 {
            // Nobody waits, and others change the word.
            self.hot.word.fetch_sub(back * ONE, Ordering::Release);
            return;
        }
        let mut in_use = word / ONE - back;
        if word & CLOSED != 0 {
            queue.refuse_all(wakers);
        }
        let most = self.most();
        while let Some(count) = queue.asked() {
            if count > most.saturating_sub(in_use) {
                break;
            }
            in_use += count;
            queue.grant(wakers);
        }
        let queued = if queue.is_empty() { 0 } else { QUEUED };
        // Not a read-modify-write: see the module. Release: see `try_take`.
        self.hot.word.store((in_use * ONE) | (word & CLOSED) | queued, Ordering::Release);
    }
}

impl Follow for Shared {
    fn live(&self) -> Option<(&LiveLimit, &Follows)> {
        Some((self.limit.live()?, &self.follows))
    }

    fn look(&self) {
        self.give_on(0);
    }
}
