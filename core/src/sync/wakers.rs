//! Wakers on their way from where they were kept to where they may be fired.
//!
//! A waker is code of an executor's: it may panic, poll the task that it wakes, wake others, or
//! drop what is being worked on. So nobody here fires one in the middle of something. Whoever
//! announces a change does all that belongs to it, collects the wakers of those who wait for it, and
//! fires them when no lock is held and no step is left.

use crate::unwind::{self, Payload};
use alloc::vec::Vec;
use core::{mem, task::Waker};

/// Wakers to be fired; see the [module](self). Those that are left fire when this is dropped.
#[derive(Debug, Default)]
#[must_use = "wakers are collected to be fired"]
pub(crate) struct Wakers {
    /// Apart from the others, as there is seldom more than one: that costs no allocation. There are
    /// no others without it.
    first: Option<Waker>,
    others: Vec<Waker>,
}

impl Wakers {
    pub(crate) const fn new() -> Self {
        Wakers { first: None, others: Vec::new() }
    }

    pub(crate) fn add(&mut self, waker: Option<Waker>) {
        match (waker, &self.first) {
            (None, _) => {}
            (waker, None) => self.first = waker,
            (Some(waker), Some(_)) => self.others.push(waker),
        }
    }

    /// Fires all of them, in the order in which they came, whatever one of them does.
    ///
    /// # Errors
    ///
    /// The first panic of a waker. The others were reported by the panic hook, and are dropped.
    #[inline]
    pub(crate) fn fire(mut self) -> Result<(), Payload> {
        if self.first.is_none() {
            // Not even to free memory: where there are no others, there is none.
            mem::forget(self);
            return Ok(());
        }
        self.fire_all()
    }

    /// [`fire`](Self::fire) for callers with nobody to hand a panic to but their own caller. Call it
    /// last.
    pub(crate) fn fire_and_resume(self) {
        unwind::resume_unless_panicking(self.fire().err());
    }

    #[inline(never)]
    fn fire_all(&mut self) -> Result<(), Payload> {
        let mut panic = None;
        if let Some(waker) = self.first.take() {
            unwind::keep_first(&mut panic, || waker.wake());
        }
        for waker in mem::take(&mut self.others) {
            unwind::keep_first(&mut panic, || waker.wake());
        }
        panic.map_or(Ok(()), Err)
    }
}

/// For whoever unwinds on the way: nobody is left asleep.
impl Drop for Wakers {
    #[inline]
    fn drop(&mut self) {
        if self.first.is_some() || !self.others.is_empty() {
            unwind::discard(self.fire_all());
        }
    }
}
