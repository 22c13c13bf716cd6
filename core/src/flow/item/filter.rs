//! Some of the items.

use super::adapter::{self, Adapt};
use crate::flow::{Flow, Source};

impl<S: Source> Flow<S> {
    /// Keeps the items for which `f` is true, and drops the others.
    ///
    /// # Panics
    ///
    /// A panic of `f` propagates, and its item is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow;
    ///
    /// # smol::block_on(async {
    /// let even: Vec<_> = flow::iter(1..=6).filter(|n| n % 2 == 0).collect().await;
    /// assert_eq!(even, [2, 4, 6]);
    /// # });
    /// ```
    pub fn filter<F>(self, f: F) -> Flow<Adapt<S, Filter<F>>>
    where
        F: FnMut(&S::Item) -> bool,
    {
        self.adapt(Filter(f))
    }

    /// Yields the values for which `f` returns `Some`, and drops the rest.
    ///
    /// # Panics
    ///
    /// A panic of `f` propagates.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow;
    ///
    /// # smol::block_on(async {
    /// let lines = ["1", "two", "3"];
    /// let numbers: Vec<_> = flow::iter(lines).filter_map(|line| line.parse::<u32>().ok()).collect().await;
    /// assert_eq!(numbers, [1, 3]);
    /// # });
    /// ```
    pub fn filter_map<F, T>(self, f: F) -> Flow<Adapt<S, FilterMap<F>>>
    where
        F: FnMut(S::Item) -> Option<T>,
    {
        self.adapt(FilterMap(f))
    }
}

/// Drops what it is told to. Made by [`filter`](Flow::filter).
pub struct Filter<F>(F);

impl<Item, F: FnMut(&Item) -> bool> adapter::sealed::Adapter<Item> for Filter<F> {
    type Output = Item;

    const GIVES_ALL: bool = false;

    fn adapt(&mut self, item: Item) -> Option<Item> {
        (self.0)(&item).then_some(item)
    }
}

/// Yields what a function makes of an item. Made by [`filter_map`](Flow::filter_map).
pub struct FilterMap<F>(F);

impl<Item, T, F: FnMut(Item) -> Option<T>> adapter::sealed::Adapter<Item> for FilterMap<F> {
    type Output = T;

    const GIVES_ALL: bool = false;

    fn adapt(&mut self, item: Item) -> Option<T> {
        (self.0)(item)
    }
}

adapter::debug! { Filter FilterMap }
