//! Who waits for permits, in the order in which they came.

use crate::{
    sync::{Arc, AtomicUsize, Ordering, Wakers, atomic_waker::AtomicWaker},
    unwind,
};
use alloc::{collections::VecDeque, vec::Vec};
use core::task::Waker;

const WAITING: usize = 0;
const GRANTED: usize = 1;
const REFUSED: usize = 2;
const GONE: usize = 3;

/// What the queue and the future of a waiter share.
///
/// | state | set by | leads to |
/// |---|---|---|
/// | `WAITING` | the future, before it enters | the others |
/// | `GRANTED` | whoever works on the queue, which has taken the permits | `GONE` |
/// | `REFUSED` | the same, of a semaphore that is closed | `GONE` |
/// | `GONE` | the future, when it is dropped | |
pub(super) struct Waiter {
    state: AtomicUsize,
    count: usize,
    waker: AtomicWaker,
}

/// What a future finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Nothing,
    Granted,
    Refused,
}

impl Waiter {
    pub(super) fn new(count: usize) -> Self {
        Waiter { state: AtomicUsize::new(WAITING), count, waker: AtomicWaker::new() }
    }

    /// Makes one that has no waker as new.
    pub(super) fn reset(&mut self, count: usize) {
        self.state.store(WAITING, Ordering::Relaxed);
        self.count = count;
    }

    /// Sets its waker, and returns the one before, while nobody else has the waiter.
    pub(super) fn set_waker(&mut self, waker: Option<Waker>) -> Option<Waker> {
        self.waker.replace(waker)
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Called by the future. Look again after [`register`](Self::register).
    pub(super) fn found(&self) -> Found {
        // Acquire: what was done with the permits before.
        match self.state.load(Ordering::Acquire) {
            GRANTED => Found::Granted,
            REFUSED => Found::Refused,
            _ => Found::Nothing,
        }
    }

    pub(super) fn register(&self, waker: &Waker) {
        self.waker.register(waker);
    }

    /// Called by the future when it is dropped. Returns what it had.
    pub(super) fn leave(&self) -> Found {
        // Acquire: as in `found`.
        match self.state.swap(GONE, Ordering::Acquire) {
            GRANTED => Found::Granted,
            REFUSED => Found::Refused,
            _ => Found::Nothing,
        }
    }

    /// Gives it the permits that the caller has taken. Returns false if it is gone.
    pub(super) fn grant(&self) -> bool {
        self.ends(GRANTED)
    }

    pub(super) fn refuse(&self) {
        self.ends(REFUSED);
    }

    fn ends(&self, state: usize) -> bool {
        // Release: whoever has the permits sees what was done with them before.
        self.state.compare_exchange(WAITING, state, Ordering::Release, Ordering::Relaxed).is_ok()
    }

    fn is_gone(&self) -> bool {
        self.state.load(Ordering::Relaxed) == GONE
    }
}

pub(super) enum Request {
    /// Puts a waiter at the end.
    Enter(Arc<Waiter>),
    /// One in the queue is gone.
    Leave,
    /// Looks whether the first can be served.
    Look,
}

/// The waiters; see the [module](self).
pub(super) struct Queue {
    waiting: VecDeque<Arc<Waiter>>,
    /// How many of them were dropped, at least: each is counted after it is gone.
    gone: usize,
}

impl Queue {
    pub(super) fn new() -> Self {
        Queue { waiting: VecDeque::new(), gone: 0 }
    }

    pub(super) fn enter(&mut self, waiter: Arc<Waiter>) {
        self.waiting.push_back(waiter);
    }

    /// The first that is not gone.
    pub(super) fn head(&mut self, done: &mut Done) -> Option<&Waiter> {
        while self.waiting.front()?.is_gone() {
            // It was counted, or will be, when it is not here any more; then the count is too high, and the queue is
            // tidied up sooner than it needs to.
            self.gone = self.gone.saturating_sub(1);
            self.pop(done);
        }
        self.waiting.front().map(|waiter| &**waiter)
    }

    pub(super) fn pop(&mut self, done: &mut Done) {
        done.add(self.waiting.pop_front());
    }

    /// Counts one that is gone, and tidies up when half of the queue is: so a look at each is paid for by as many that
    /// have gone.
    pub(super) fn count_gone(&mut self, done: &mut Done) {
        self.gone += 1;
        if self.gone * 2 > self.waiting.len() {
            for _ in 0..self.waiting.len() {
                let Some(waiter) = self.waiting.pop_front() else { break };
                match waiter.is_gone() {
                    true => done.add(Some(waiter)),
                    false => self.waiting.push_back(waiter),
                }
            }
            self.gone = 0;
        }
    }
}

/// Waiters that were taken from the queue, to be woken and dropped when nobody works on it: both run user code.
pub(super) struct Done {
    /// Apart from the others, as there is seldom more than one.
    first: Option<Arc<Waiter>>,
    others: Vec<Arc<Waiter>>,
}

impl Done {
    pub(super) fn new() -> Self {
        Done { first: None, others: Vec::new() }
    }

    fn add(&mut self, waiter: Option<Arc<Waiter>>) {
        match self.first {
            None => self.first = waiter,
            Some(_) => self.others.extend(waiter),
        }
    }

    /// Wakes them, in order. Then resumes the first panic of a waker.
    #[inline]
    pub(super) fn fire(self) {
        if self.first.is_some() {
            self.fire_all();
        }
    }

    #[inline(never)]
    fn fire_all(self) {
        let (mut wakers, mut unused, mut panic) = (Wakers::new(), Vec::new(), None);
        // All of them are let go before one is woken, so that its future finds itself alone with its waiter.
        for waiter in self.first.into_iter().chain(self.others) {
            let waker = waiter.waker.take();
            match waiter.is_gone() {
                true => unused.extend(waker),
                false => wakers.add(waker),
            }
            // A waker may still be in it, registered after ours was taken by a future that is gone.
            unwind::keep_first(&mut panic, || drop(waiter));
        }
        unwind::keep_first(&mut panic, || wakers.fire_and_resume());
        unused.into_iter().for_each(|waker| unwind::keep_first(&mut panic, || drop(waker)));
        unwind::resume_unless_panicking(panic);
    }
}
