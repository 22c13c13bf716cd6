//! Each item with those before it.

use super::adapter::{self, Adapt};
use crate::flow::{Flow, POLLS, Source};
use alloc::{collections::VecDeque, vec::Vec};
use core::{fmt, num::NonZeroUsize};

impl<S: Source> Flow<S> {
    /// Yields each item together with the `size - 1` before it, the oldest first: windows that overlap, as
    /// those of [`slice::windows`]. A flow that has fewer items yields none.
    ///
    /// ```text
    /// source       a-b-c-d-|
    /// windows(2)   --ab-bc-cd-|
    /// ```
    ///
    /// Groups that do not overlap are [`chunks`](Self::chunks).
    ///
    /// # Cancel safety
    ///
    /// Dropping it drops the last items, all of which were in windows if one was yielded.
    ///
    /// # Panics
    ///
    /// A panic of a `clone` propagates.
    ///
    /// # Cost
    ///
    /// One vector and `size` clones for each window. It holds `size` items.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow;
    /// use std::num::NonZeroUsize;
    ///
    /// const THREE: NonZeroUsize = NonZeroUsize::new(3).unwrap();
    ///
    /// # smol::block_on(async {
    /// let temperatures = [20.0, 21.0, 19.0, 30.0, 20.0];
    /// let means = flow::iter(temperatures).windows(THREE).map(|last| last.iter().sum::<f64>() / 3.0);
    /// assert_eq!(means.collect::<Vec<_>>().await, [20.0, 70.0 / 3.0, 23.0]);
    /// # });
    /// ```
    pub fn windows(self, size: NonZeroUsize) -> Flow<Adapt<S, Windows<S::Item>>>
    where
        S::Item: Clone,
    {
        // A size that is never reached costs nothing.
        let last = VecDeque::with_capacity(size.get().min(POLLS));
        self.adapt(Windows { last, size })
    }
}

/// Keeps the last items. Made by [`windows`](Flow::windows).
pub struct Windows<Item> {
    last: VecDeque<Item>,
    size: NonZeroUsize,
}

impl<Item: Clone> adapter::sealed::Adapter<Item> for Windows<Item> {
    type Output = Vec<Item>;

    const GIVES_ALL: bool = false;

    fn adapt(&mut self, item: Item) -> Option<Vec<Item>> {
        if self.last.len() == self.size.get() {
            self.last.pop_front();
        }
        self.last.push_back(item);
        (self.last.len() == self.size.get()).then(|| self.last.iter().cloned().collect())
    }
}

impl<Item> fmt::Debug for Windows<Item> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Windows").field("size", &self.size).finish_non_exhaustive()
    }
}
