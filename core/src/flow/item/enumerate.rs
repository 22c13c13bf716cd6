//! Items with their numbers.

use super::adapter::{self, Adapt};
use crate::flow::{Flow, Source};

impl<S: Source> Flow<S> {
    /// Yields each item with its number, from 0 on.
    ///
    /// Before an unordered map it keeps the place in the source; after it, it numbers values as
    /// they come.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow;
    ///
    /// # smol::block_on(async {
    /// let mut lengths: Vec<_> = flow::iter(["a", "bb", "ccc"])
    ///     .enumerate()
    ///     .map_concurrent(2, async |(n, word)| (n, word.len()))
    ///     .unordered()
    ///     .collect()
    ///     .await;
    /// lengths.sort_unstable();
    /// assert_eq!(lengths, [(0, 1), (1, 2), (2, 3)]);
    /// # });
    /// ```
    pub fn enumerate(self) -> Flow<Adapt<S, Enumerate>> {
        self.adapt(Enumerate { next: 0 })
    }
}

/// Numbers items. Made by [`enumerate`](Flow::enumerate).
#[derive(Debug)]
pub struct Enumerate {
    next: usize,
}

impl<Item> adapter::sealed::Adapter<Item> for Enumerate {
    type Output = (usize, Item);

    fn adapt(&mut self, item: Item) -> Option<(usize, Item)> {
        let number = self.next;
        self.next = self.next.wrapping_add(1);
        Some((number, item))
    }
}
