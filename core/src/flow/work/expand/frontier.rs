//! What was found and not started.

use crate::flow::Source;
use alloc::collections::VecDeque;
use core::{
    pin::Pin,
    task::{Context, Poll},
};
use futures_core::Stream;

/// The source of an expansion: the seeds, and then what was found.
///
/// It is pending, without a wake, while it is empty and work that may find more is under way: the
/// expansion has it asked again when something was found, or nothing can be found any more.
pub(super) struct Frontier<I, M> {
    /// `None` once they are used up.
    seeds: Option<I>,
    /// Each not known to be empty.
    found: VecDeque<M>,
    /// Takes what was found last first.
    pub(super) newest_first: bool,
    /// Whether something that was yielded may still find more.
    is_fed: bool,
}

/// Neither iterator is pinned.
impl<I, M> Unpin for Frontier<I, M> {}

impl<I, M> Frontier<I, M> {
    pub(super) const fn new(seeds: I) -> Self {
        Frontier { seeds: Some(seeds), found: VecDeque::new(), newest_first: false, is_fed: false }
    }

    pub(super) fn push(&mut self, more: M) {
        match self.newest_first {
            true => self.found.push_front(more),
            false => self.found.push_back(more),
        }
    }

    /// Nothing that was yielded can find more.
    pub(super) fn starve(&mut self) {
        self.is_fed = false;
    }

    pub(super) fn into_parts(self) -> (Option<I>, VecDeque<M>) {
        (self.seeds, self.found)
    }
}

impl<I: Iterator, M: Iterator<Item = I::Item>> Frontier<I, M> {
    fn next(&mut self) -> Option<I::Item> {
        // In both orders the oldest are the seeds; of them, the next is not found but given.
        if !self.newest_first {
            if let Some(seed) = self.next_seed() {
                return Some(seed);
            }
        }
        while let Some(more) = self.found.front_mut() {
            match more.next() {
                Some(item) => return Some(item),
                None => drop(self.found.pop_front()),
            }
        }
        self.next_seed()
    }

    fn next_seed(&mut self) -> Option<I::Item> {
        let seed = self.seeds.as_mut()?.next();
        if seed.is_none() {
            self.seeds = None;
        }
        seed
    }
}

impl<I: Iterator, M: Iterator<Item = I::Item>> Stream for Frontier<I, M> {
    type Item = I::Item;

    #[inline]
    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<I::Item>> {
        let item = self.next();
        if item.is_none() && self.is_fed {
            return Poll::Pending;
        }
        self.is_fed = item.is_some();
        Poll::Ready(item)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        // Not that of what was found: it is asked for often, and that may be much.
        (self.seeds.as_ref().map_or(0, |seeds| seeds.size_hint().0), None)
    }
}

impl<I: Iterator, M: Iterator<Item = I::Item>> Source for Frontier<I, M> {
    fn poll_progress(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }
}
