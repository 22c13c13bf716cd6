//! The public methods of the bounded map.

use super::{Call, CallWeighted, CallWith, Itself, MapConcurrent, Work};
use crate::{
    flow::source::{Flow, Source},
    limit::{Capacity, IntoLimit},
};
use alloc::vec::Vec;
use core::future::Future;

impl<S: Source> Flow<S> {
    /// Calls `f` with every item, runs at most `limit` of its futures at the same time, and yields
    /// their values in the order of the items.
    ///
    /// As `buffered` of `futures`, except that the futures keep running while the consumer of the
    /// values is busy. They run in the task that drives the flow, and may borrow from around it.
    /// `f` is called in the order of the source, as soon as there is room under the limit. Its
    /// future is polled at once, and then whenever its waker fires.
    ///
    /// At most [`window`](Flow::window) items are started and not yet delivered: `limit` unless
    /// set. [`unordered`](Flow::unordered) yields values as they are ready.
    ///
    /// # Cancel safety
    ///
    /// Dropping the flow drops the work under way, then the values that were not delivered (see
    /// [`on_undelivered`](Flow::on_undelivered)), then the source.
    ///
    /// # Panics
    ///
    /// Panics at once if `limit` is 0. Propagates a panic of the source, of `f` or of the work; the
    /// rest of the work is dropped with the flow. Panics if polled after that.
    ///
    /// # Fairness
    ///
    /// Work is polled in passes. A pass polls each piece of work once that was woken before the
    /// pass began. After 64 polls or two passes the task yields to its executor.
    ///
    /// # Cost
    ///
    /// No allocation per item: memory is allocated for up to 64 pieces of work at a time, and
    /// reused. O(1) per item and per wake.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow;
    /// # use smol::future::yield_now;
    ///
    /// # smol::block_on(async {
    /// let squares: Vec<u64> = flow::iter(1..=5)
    ///     .map_concurrent(3, async |n| {
    ///         // .. fetch something ..
    /// #       yield_now().await;
    ///         n * n
    ///     })
    ///     .collect()
    ///     .await;
    /// assert_eq!(squares, [1, 4, 9, 16, 25]);
    /// # });
    /// ```
    #[track_caller]
    pub fn map_concurrent<F, Fut>(
        self,
        limit: impl IntoLimit,
        f: F,
    ) -> Flow<MapConcurrent<S, Call<F>>>
    where
        F: FnMut(S::Item) -> Fut,
        Fut: Future,
    {
        self.work(limit.into_limit().into(), Call(f))
    }

    /// Calls `f` with every item, and limits the work by weight: the weights of all items under way
    /// are at most `capacity` together. Yields the values in the order of the items.
    ///
    /// As [`map_concurrent`](Self::map_concurrent). Items start in the order of the source: an item
    /// that does not fit yet is held, and later items do not overtake it. An item that is heavier
    /// than `capacity` runs alone. An item of weight zero always fits, except beside an item that
    /// is heavier than `capacity`. But no item is taken from the source while the capacity is used
    /// up, nor while [`window`](Flow::window) items are open. The window is a number of items: the
    /// number of `capacity` unless set.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow;
    ///
    /// # smol::block_on(async {
    /// let files = [("a", 700), ("b", 200), ("c", 4000)];
    /// let megabytes = 1000;
    /// let names: Vec<_> = flow::iter(files)
    ///     .map_weighted(megabytes, |(_, size)| *size, async |(name, _)| name)
    ///     .collect()
    ///     .await;
    /// assert_eq!(names, ["a", "b", "c"]);
    /// # });
    /// ```
    #[track_caller]
    pub fn map_weighted<G, F, Fut>(
        self,
        capacity: impl IntoLimit,
        weigh: G,
        f: F,
    ) -> Flow<MapConcurrent<S, CallWeighted<G, F>>>
    where
        G: FnMut(&S::Item) -> usize,
        F: FnMut(S::Item) -> Fut,
        Fut: Future,
    {
        self.work(capacity.into_limit().into(), CallWeighted { weigh, f })
    }

    /// Calls `f` with every item and a resource of its own, such as a connection. Yields the values
    /// in the order of the items.
    ///
    /// As [`map_concurrent`](Self::map_concurrent). `f` receives a resource, and its future returns
    /// the resource with the value. `init` creates a resource when none is idle: at most `limit`
    /// times, unless resources were lost in a panic.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow;
    ///
    /// # smol::block_on(async {
    /// let mut connections = 0;
    /// let connect = || {
    ///     connections += 1;
    ///     String::new() // its buffer
    /// };
    /// let lengths: Vec<_> = flow::iter(["a", "bb", "ccc"])
    ///     .map_with(2, connect, async |mut buffer, item| {
    ///         buffer.clear();
    ///         buffer.push_str(item);
    ///         let length = buffer.len();
    ///         (buffer, length)
    ///     })
    ///     .collect()
    ///     .await;
    /// assert_eq!(lengths, [1, 2, 3]);
    /// assert!(connections <= 2);
    /// # });
    /// ```
    #[track_caller]
    pub fn map_with<I, R, F, Fut, T>(
        self,
        limit: impl IntoLimit,
        init: I,
        f: F,
    ) -> Flow<MapConcurrent<S, CallWith<I, R, F>>>
    where
        I: FnMut() -> R,
        F: FnMut(R, S::Item) -> Fut,
        Fut: Future<Output = (R, T)>,
    {
        self.work(limit.into_limit().into(), CallWith { init, idle: Vec::new(), f })
    }

    /// Runs items that are futures, at most `limit` at the same time, and yields their values in
    /// the order of the items.
    ///
    /// As [`map_concurrent`](Self::map_concurrent) with a function that returns its argument.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow;
    ///
    /// # smol::block_on(async {
    /// let calls = [1, 2, 3].map(|n| async move { n * 10 });
    /// let values: Vec<_> = flow::iter(calls).buffered(2).collect().await;
    /// assert_eq!(values, [10, 20, 30]);
    /// # });
    /// ```
    #[track_caller]
    pub fn buffered(self, limit: impl IntoLimit) -> Flow<MapConcurrent<S, Itself>>
    where
        S::Item: Future,
    {
        self.work(limit.into_limit().into(), Itself(()))
    }

    pub(in crate::flow) fn work<W: Work<S::Item>>(
        self,
        limit: Capacity,
        work: W,
    ) -> Flow<MapConcurrent<S, W>> {
        crate::flow::source(MapConcurrent::new(self.source, limit, work))
    }
}
