//! What a wait needs of a set or map.

use super::kept::Kept;
use crate::set::budget::Budget;
use alloc::vec::Vec;
use core::task::{Context, Poll};

/// A [`FutureSet`](crate::FutureSet) or [`FutureMap`](crate::FutureMap). Sealed: only this crate
/// has the types of its methods.
pub trait Gather {
    /// What it yields.
    type Item;

    /// What was gathered and not returned.
    #[doc(hidden)]
    fn kept(&self) -> &Kept<Self::Item>;

    /// Polls until one more is kept. Yields to the executor when the budget is spent, of which
    /// what other threads add takes a part.
    #[doc(hidden)]
    fn poll_kept(&mut self, cx: &mut Context<'_>, budget: &mut Budget) -> Progress;

    /// How many are here, and whether handles may still add more.
    #[doc(hidden)]
    fn left(&self) -> (usize, bool);

    /// Takes the output that was kept first.
    #[doc(hidden)]
    fn next_kept(&mut self) -> Option<Self::Item>;

    /// Takes those kept before this number, oldest first.
    #[doc(hidden)]
    fn take_before(&mut self, number: usize) -> Vec<Self::Item>;
}

impl Progress {
    /// After a poll of the slab. `is_open` is that of the intake, with which the task has
    /// registered.
    pub(super) fn of(
        polled: Poll<Option<()>>,
        budget: &Budget,
        is_open: impl FnOnce() -> bool,
    ) -> Self {
        match polled {
            Poll::Ready(Some(())) => Progress::Kept,
            Poll::Ready(None) => Progress::Empty { open: is_open() },
            Poll::Pending if budget.is_spent() => Progress::Yields,
            Poll::Pending => Progress::Waits,
        }
    }
}

/// What a poll has come to.
#[derive(Clone, Copy, Debug)]
pub enum Progress {
    /// One more is kept.
    Kept,
    /// Nothing is left that could become ready. `open` if handles may still add something; the
    /// task is woken when they do, and when the last one goes.
    Empty { open: bool },
    /// All that was woken has been polled.
    Waits,
    /// The task has done enough, and was woken.
    Yields,
}
