//! The bounded map as users call it.

use super::{Call, CallWeighted, CallWith, Itself, MapConcurrent, Work};
use crate::{
    flow::source::{Flow, Source},
    limit::{Capacity, IntoLimit},
};
use alloc::vec::Vec;
use core::future::Future;

impl<S: Source> Flow<S> {
    /// Calls `f` with every item, has at most `limit` of its futures under way at the same time,
    /// and yields their values in the order of the items. futures' `buffered`, repaired.
    ///
    /// The futures run in the task that drives the flow, and may borrow from around it. `f` is
    /// called in the order of the source, when there is room for one more; its future is polled at
    /// once, and then whenever its waker fires. All of them keep running while the consumer of the
    /// values is busy.
    ///
    /// No more than [`window`](Flow::window) items are started and not yet delivered: `limit`
    /// unless given. [`unordered`](Flow::unordered) yields values as they come.
    ///
    /// # Cancel safety
    ///
    /// Dropping it drops the work under way, then values that were not delivered (see
    /// [`on_undelivered`](Flow::on_undelivered)), then the source.
    ///
    /// # Panics
    ///
    /// At once when `limit` is 0. A panic of the source, of `f` or of the work propagates; the rest
    /// of the work is dropped with the flow. It panics when polled after that.
    ///
    /// # Fairness
    ///
    /// In passes: whatever was woken when a pass begins is polled once in it before anything is
    /// polled again. After 64 polls or two passes the task yields to its executor.
    ///
    /// # Cost
    ///
    /// No allocation per item: memory for the work is allocated for up to 64 pieces at a time and
    /// used again. O(1) per item and per wake.
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

    /// [`map_concurrent`](Self::map_concurrent) in which the items have weights: those of all work
    /// under way are at most `capacity` together.
    ///
    /// Items start in the order of the source: one that does not fit yet is held, and not overtaken
    /// by later ones. One that is heavier than `capacity` runs alone. One that weighs nothing runs
    /// beside whatever is not too heavy itself; but nothing is taken from the source while the
    /// capacity is used up, nor more items than the [`window`](Flow::window), which is a number of
    /// items: that of `capacity` unless given.
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

    /// [`map_concurrent`](Self::map_concurrent) in which each piece of work has a resource to
    /// itself: a connection, say.
    ///
    /// `f` gets the resource and returns it with its value. `init` makes one when none is
    /// idle, so at most `limit` times, unless some were lost in a panic.
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
    /// the order of the items. As [`map_concurrent`](Self::map_concurrent) with a function that
    /// returns its argument.
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
