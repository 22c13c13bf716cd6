//! What was granted, and when the next can be: numbers only, no one waits here.

use super::{Rate, rate::Kind, steady::Steady, window::Window};
use crate::{sync::lock::Lock, time::Instant};

/// The account of a [`Rate`]. All moments are of one clock.
#[derive(Debug)]
pub(crate) enum Bucket {
    Steady(Steady),
    Window(Lock<Window>),
}

/// What is noted of a grant, for it to be given back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark(pub(super) u128);

impl Bucket {
    pub(crate) fn new(rate: Rate) -> Self {
        match rate.kind {
            Kind::Steady => Bucket::Steady(Steady::new(rate)),
            Kind::Window => Bucket::Window(Lock::new(Window::new(rate))),
        }
    }

    /// When `amount` can be had, if `ahead` is granted before as soon as possible: not after `now` if
    /// that is at once.
    pub(crate) fn ready_at(&self, now: Instant, ahead: u64, amount: u32) -> Instant {
        match self {
            Bucket::Steady(steady) => steady.ready_at(now, ahead, amount),
            Bucket::Window(window) => window.with(|window| window.ready_at(now, ahead, amount)),
        }
    }

    /// When `amount` can be had, if it is known without a lock.
    pub(crate) fn glance(&self, now: Instant, amount: u32) -> Option<Instant> {
        match self {
            Bucket::Steady(steady) => Some(steady.ready_at(now, 0, amount)),
            Bucket::Window(_) => None,
        }
    }

    /// Takes `amount`.
    ///
    /// # Errors
    ///
    /// Returns the moment at which it can be had.
    #[inline]
    pub(crate) fn take(&self, now: Instant, amount: u32) -> Result<Mark, Instant> {
        match self {
            Bucket::Steady(steady) => steady.take(now, amount),
            Bucket::Window(window) => window.with(|window| window.take(now, amount)),
        }
    }

    /// Takes `amount` although there may be less: what comes later waits for longer.
    pub(crate) fn charge(&self, now: Instant, amount: u32) {
        match self {
            Bucket::Steady(steady) => steady.charge(now, amount),
            Bucket::Window(window) => window.with(|window| window.charge(now, amount)),
        }
    }

    /// Gives back what was not used of a grant, as far as time has not given it back already.
    pub(crate) fn give_back(&self, now: Instant, mark: Mark, amount: u32) {
        match self {
            Bucket::Steady(steady) => steady.give_back(now, mark, amount),
            Bucket::Window(window) => window.with(|window| window.give_back(mark, amount)),
        }
    }

    /// Returns whether it is as new: nothing that was granted counts any more.
    pub(crate) fn is_full(&self, now: Instant) -> bool {
        match self {
            Bucket::Steady(steady) => steady.is_full(now),
            Bucket::Window(window) => window.with(|window| window.is_full(now)),
        }
    }
}

/// Nanoseconds since the epoch of the clock.
pub(super) fn nanos(at: Instant) -> u64 {
    // An instant has 64 bits of them.
    at.since_epoch().as_nanos() as u64
}

pub(super) fn instant(nanos: u64) -> Instant {
    Instant::from_epoch(core::time::Duration::from_nanos(nanos))
}
