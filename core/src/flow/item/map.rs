//! Plain functions of items.

use super::adapter::{self, Adapt};
use crate::flow::{Flow, Source};

impl<S: Source> Flow<S> {
    /// Calls a plain function with each item, and yields what it returns. futures' `map`.
    ///
    /// For functions that wait there is [`map_concurrent`](Flow::map_concurrent), which takes a
    /// limit.
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
    /// let lengths: Vec<_> = flow::iter(["a", "bb"]).map(str::len).collect().await;
    /// assert_eq!(lengths, [1, 2]);
    /// # });
    /// ```
    pub fn map<F, T>(self, f: F) -> Flow<Adapt<S, Map<F>>>
    where
        F: FnMut(S::Item) -> T,
    {
        self.adapt(Map(f))
    }
}

impl<S, T, E> Flow<S>
where
    S: Source<Item = Result<T, E>>,
{
    /// Calls a plain function with each value; errors pass.
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
    /// let all: Vec<_> = flow::iter([Ok(1), Err("lost")]).map_ok(|n| n * 10).collect().await;
    /// assert_eq!(all, [Ok(10), Err("lost")]);
    /// # });
    /// ```
    pub fn map_ok<F, U>(self, f: F) -> Flow<Adapt<S, MapOk<F>>>
    where
        F: FnMut(T) -> U,
    {
        self.adapt(MapOk(f))
    }

    /// Calls a plain function with each error; values pass.
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
    /// let all = flow::iter([Ok(1), Err("lost")]).map_ok(|n| n * 10).map_err(str::len).collect::<Vec<_>>().await;
    /// assert_eq!(all, [Ok(10), Err(4)]);
    /// # });
    /// ```
    pub fn map_err<F, G>(self, f: F) -> Flow<Adapt<S, MapErr<F>>>
    where
        F: FnMut(E) -> G,
    {
        self.adapt(MapErr(f))
    }
}

/// Calls a function with each item. Made by [`map`](Flow::map).
pub struct Map<F>(F);

impl<Item, T, F: FnMut(Item) -> T> adapter::sealed::Adapter<Item> for Map<F> {
    type Output = T;

    fn adapt(&mut self, item: Item) -> Option<T> {
        Some((self.0)(item))
    }
}

/// Calls a function with each value. Made by [`map_ok`](Flow::map_ok).
pub struct MapOk<F>(F);

impl<T, U, E, F: FnMut(T) -> U> adapter::sealed::Adapter<Result<T, E>> for MapOk<F> {
    type Output = Result<U, E>;

    fn adapt(&mut self, item: Result<T, E>) -> Option<Result<U, E>> {
        Some(item.map(&mut self.0))
    }
}

/// Calls a function with each error. Made by [`map_err`](Flow::map_err).
pub struct MapErr<F>(F);

impl<T, E, G, F: FnMut(E) -> G> adapter::sealed::Adapter<Result<T, E>> for MapErr<F> {
    type Output = Result<T, G>;

    fn adapt(&mut self, item: Result<T, E>) -> Option<Result<T, G>> {
        Some(item.map_err(&mut self.0))
    }
}

adapter::debug! { Map MapOk MapErr }
