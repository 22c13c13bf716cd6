//! Wakers that were taken from their slots and are to be fired later.
//!
//! A waker is user code: it may panic, poll the task that it wakes, wake other tasks, or drop what
//! is being worked on. So this crate never fires one between two steps. Code that announces a
//! change first completes the change, collects the wakers of the waiting tasks, and fires them when
//! no lock is held and no step is left.

use crate::unwind::{self, Payload};
use alloc::vec::Vec;
use core::{mem, task::Waker};

/// Wakers to be fired; see the [module](self). Dropping this fires the remaining ones.
#[derive(Debug, Default)]
#[must_use = "wakers are collected to be fired"]
pub(crate) struct Wakers {
    /// Apart from the others, as there is seldom more than one, which then costs no allocation.
    /// `others` is empty while this is none.
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

    /// Adds those of another, after those of this.
    pub(crate) fn append(&mut self, mut other: Wakers) {
        self.add(other.first.take());
        mem::take(&mut other.others).into_iter().for_each(|waker| self.add(Some(waker)));
    }

    /// Fires all wakers in the order in which they were added, even if some panic.
    ///
    /// # Errors
    ///
    /// Returns the first panic of a waker. Further panics are reported by the panic hook only.
    #[inline]
    pub(crate) fn fire(mut self) -> Result<(), Payload> {
        if self.first.is_none() {
            // Not even to free memory: where there are no others, there is none.
            mem::forget(self);
            return Ok(());
        }
        self.fire_all()
    }

    /// Fires all wakers, then resumes the first panic of one. For callers that can pass a panic only
    /// to their own caller. Call it last.
    pub(crate) fn fire_and_resume(self) {
        unwind::resume_unless_panicking(self.fire().err());
    }

    #[inline(never)]
    fn fire_all(&mut self) -> Result<(), Payload> {
        let mut panic = None;
        if let Some(waker) = self.first.take() {
            unwind::keep_first(&mut panic, || waker.wake());
        }
        if self.others.is_empty() {
            return panic.map_or(Ok(()), Err);
        }
        for waker in mem::take(&mut self.others) {
            unwind::keep_first(&mut panic, || waker.wake());
        }
        panic.map_or(Ok(()), Err)
    }
}

/// For code that unwinds before it fires: no task is left asleep.
impl Drop for Wakers {
    #[inline]
    fn drop(&mut self) {
        if self.first.is_some() || !self.others.is_empty() {
            unwind::discard(self.fire_all());
        }
    }
}
