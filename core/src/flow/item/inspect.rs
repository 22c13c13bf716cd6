//! A look at what passes.

use super::adapter::{self, Adapt};
use crate::flow::{Flow, Source};

impl<S: Source> Flow<S> {
    /// Calls `f` with each item as it passes.
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
    /// let mut seen = vec![];
    /// let count = flow::iter([1, 2]).inspect(|n| seen.push(*n)).count().await;
    /// assert_eq!((count, seen), (2, vec![1, 2]));
    /// # });
    /// ```
    pub fn inspect<F>(self, f: F) -> Flow<Adapt<S, Inspect<F>>>
    where
        F: FnMut(&S::Item),
    {
        self.adapt(Inspect(f))
    }
}

impl<S, T, E> Flow<S>
where
    S: Source<Item = Result<T, E>>,
{
    /// Calls `f` with each error as it passes: to log it, say. Values pass too.
    ///
    /// # Panics
    ///
    /// A panic of `f` propagates, and its error is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow;
    ///
    /// # smol::block_on(async {
    /// let mut seen = vec![];
    /// let all = flow::iter([Ok(1), Err("lost"), Ok(3)]).inspect_err(|error| seen.push(*error)).collect::<Vec<_>>().await;
    /// assert_eq!(all, [Ok(1), Err("lost"), Ok(3)]);
    /// assert_eq!(seen, ["lost"]);
    /// # });
    /// ```
    pub fn inspect_err<F>(self, f: F) -> Flow<Adapt<S, InspectErr<F>>>
    where
        F: FnMut(&E),
    {
        self.adapt(InspectErr(f))
    }
}

/// Shows items to a function. Made by [`inspect`](Flow::inspect).
pub struct Inspect<F>(F);

impl<Item, F: FnMut(&Item)> adapter::sealed::Adapter<Item> for Inspect<F> {
    type Output = Item;

    fn adapt(&mut self, item: Item) -> Option<Item> {
        (self.0)(&item);
        Some(item)
    }

    fn end_at(is_last: fn(&Item) -> bool) -> Option<fn(&Item) -> bool> {
        Some(is_last)
    }
}

/// Shows errors to a function. Made by [`inspect_err`](Flow::inspect_err).
pub struct InspectErr<F>(F);

impl<T, E, F: FnMut(&E)> adapter::sealed::Adapter<Result<T, E>> for InspectErr<F> {
    type Output = Result<T, E>;

    fn adapt(&mut self, item: Result<T, E>) -> Option<Result<T, E>> {
        Some(item.inspect_err(&mut self.0))
    }

    fn end_at(is_last: fn(&Result<T, E>) -> bool) -> Option<fn(&Result<T, E>) -> bool> {
        Some(is_last)
    }
}

adapter::debug! { Inspect InspectErr }
