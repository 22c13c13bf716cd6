//! The lines behind their lock.

use super::{book::Book, desk::Desk};
use crate::{
    sync::{Arc, AtomicUsize, Ordering, Wakers, atomic_waker::AtomicWaker, lock::Lock},
    time::Instant,
    unwind,
};
use core::fmt;

/// An account, and those who wait for it. Wakers are fired when the lock is free.
pub(in crate::limit) struct Line<B: Book> {
    pub(in crate::limit) book: B,
    desk: Lock<Desk<B>>,
    /// How many wait. Changed under the lock.
    waiting: AtomicUsize,
}

/// Why something cannot be had at once.
// Without rates, no one asks when it can.
#[cfg_attr(not(feature = "rate"), allow(dead_code))]
pub(in crate::limit) struct NotNow {
    /// When it can be had. [`Instant::NEVER`] if others wait, or if that takes a return.
    pub(in crate::limit) at: Instant,
    /// How much those ask for who wait.
    pub(in crate::limit) ahead: u64,
}

impl<B: Book> Line<B> {
    pub(in crate::limit) fn new(book: B, counts: B::Counts) -> Self {
        let desk = Lock::new(Desk::new(&book, counts));
        Line { book, desk, waiting: AtomicUsize::new(0) }
    }

    /// Takes all of it now or nothing, and overtakes no one.
    ///
    /// # Errors
    ///
    /// Returns what is in the way.
    #[inline]
    pub(in crate::limit) fn take_now(&self, ask: &B::Ask, now: Instant) -> Result<B::Got, NotNow> {
        if self.waiting() == 0 {
            if let Some(got) = self.book.take_unlocked(ask, now) {
                return Ok(got);
            }
        }
        self.take_locked(ask, now)
    }

    fn take_locked(&self, ask: &B::Ask, now: Instant) -> Result<B::Got, NotNow> {
        let mut wakers = Wakers::new();
        let taken = self.desk.with(|desk| {
            desk.tell(Some(now));
            // Those whose time has come are before us.
            desk.serve(&self.book, None, &mut wakers);
            self.waiting.store(desk.waiting, Ordering::Relaxed);
            let ahead = desk.asked;
            desk.take_now(&self.book, ask).map_err(|at| NotNow { at, ahead })
        });
        match (wakers.fire(), taken) {
            (Ok(()), taken) => taken,
            (Err(panic), taken) => {
                if let Ok(got) = taken {
                    let give = |book: &B, counts: &mut _| book.give_back(counts, ask, got, now);
                    unwind::contain(|| self.change(Some(now), give));
                }
                unwind::resume(panic)
            }
        }
    }

    /// How many wait.
    #[inline]
    pub(in crate::limit) fn waiting(&self) -> usize {
        // Relaxed: whoever comes at the same moment may be seen or not.
        self.waiting.load(Ordering::Relaxed)
    }

    /// Changes the account, and serves those who can be served then. Without a clock, those who wait for
    /// time as well are woken to look at theirs.
    pub(in crate::limit) fn change(
        &self,
        now: Option<Instant>,
        f: impl FnOnce(&B, &mut B::Counts),
    ) {
        let f = |desk: &mut Desk<B>| {
            f(&self.book, &mut desk.counts);
            None
        };
        self.work(now, f).fire_and_resume();
    }

    /// Looks at the account.
    pub(in crate::limit) fn counts<R>(&self, f: impl FnOnce(&B::Counts) -> R) -> R {
        self.desk.with(|desk| f(&desk.counts))
    }

    /// Puts one into its lines, and returns its number, and the wakers to be fired.
    pub(super) fn enter(
        &self,
        ask: B::Ask,
        waker: Arc<AtomicWaker>,
        now: Instant,
    ) -> (u64, Wakers) {
        let mut number = 0;
        let wakers = self.work(Some(now), |desk| {
            number = desk.enter(ask, waker);
            Some(number)
        });
        (number, wakers)
    }

    pub(super) fn look(&self, number: u64) -> Result<(B::Ask, B::Got), Instant> {
        self.desk.with(|desk| desk.look(number))
    }

    pub(super) fn leave(&self, number: u64, now: Option<Instant>) {
        let leave = |desk: &mut Desk<B>| {
            desk.leave(&self.book, number);
            None
        };
        self.work(now, leave).fire_and_resume();
    }

    /// Serves those whose time has come. The one with this number will look.
    pub(super) fn tick(&self, number: u64, now: Instant) {
        self.work(Some(now), |_| Some(number)).fire_and_resume();
    }

    /// Does one thing, and then serves whoever can be served, of whom the one that `f` returns need not
    /// be woken. Fire the wakers last, as they may panic.
    fn work(&self, now: Option<Instant>, f: impl FnOnce(&mut Desk<B>) -> Option<u64>) -> Wakers {
        let mut wakers = Wakers::new();
        self.desk.with(|desk| {
            desk.tell(now);
            let me = f(desk);
            desk.serve(&self.book, me, &mut wakers);
            self.waiting.store(desk.waiting, Ordering::Relaxed);
        });
        wakers
    }
}

impl<B: Book> fmt::Debug for Line<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line").field("waiting", &self.waiting()).finish_non_exhaustive()
    }
}
