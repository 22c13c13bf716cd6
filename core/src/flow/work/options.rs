//! What a bounded map can be told before it runs.

use super::{MapConcurrent, OnUndelivered, Work};
use crate::{
    flow::source::{Flow, Source},
    limit::{IntoLimit, Limit},
};

impl<S: Source, W: Work<S::Item>> Flow<MapConcurrent<S, W>> {
    /// Yields values as they are ready, instead of in the order of the items.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow;
    ///
    /// # smol::block_on(async {
    /// let work = async |n| {
    ///     if n == 1 {
    ///         smol::future::yield_now().await;
    ///     }
    ///     n
    /// };
    /// let all: Vec<_> = flow::iter([1, 2]).map_concurrent(2, work).unordered().collect().await;
    /// assert_eq!(all, [2, 1]);
    /// # });
    /// ```
    #[doc(alias = "buffer_unordered")]
    pub fn unordered(mut self) -> Self {
        self.source.ordered = false;
        // If the map was polled before: values no longer wait for earlier ones.
        self.source.done.close_gaps();
        self
    }

    /// Sets how many items may be started and not yet delivered. The limit of the map is the
    /// default and the minimum.
    ///
    /// In an ordered map, values wait for the values before them. With a larger window, a slow
    /// piece of work does not keep others from starting. In an unordered map, values wait only for
    /// the consumer.
    ///
    /// # Panics
    ///
    /// Panics if `window` is 0.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow;
    ///
    /// # smol::block_on(async {
    /// // Two run at a time; up to eight are started and not delivered.
    /// let all: Vec<_> =
    ///     flow::iter(1..=3).map_concurrent(2, async |n| n * n).window(8).collect().await;
    /// assert_eq!(all, [1, 4, 9]);
    /// # });
    /// ```
    #[track_caller]
    pub fn window(mut self, window: impl IntoLimit<Limit = Limit>) -> Self {
        self.source.window = window.into_limit().get();
        self
    }

    /// Calls `take` with the values that were ready and are not delivered because the flow is
    /// dropped.
    ///
    /// `take` receives them in the order in which they would have been delivered. Work that is not
    /// ready is dropped. So is a value that was delivered to an operation that did not use it, such
    /// as an item that the body of [`drive`](Flow::drive) asked for and did not take.
    ///
    /// # Panics
    ///
    /// Panics if the map has been polled and has work under way.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow;
    /// use std::cell::RefCell;
    /// use smol::stream::StreamExt;
    ///
    /// # smol::block_on(async {
    /// let left = RefCell::new(vec![]);
    /// let mut stream = std::pin::pin!(
    ///     flow::iter(1..)
    ///         .map_concurrent(2, async |n| n)
    ///         .on_undelivered(|n| left.borrow_mut().push(n))
    ///         .into_stream()
    /// );
    /// assert_eq!(stream.next().await, Some(1));
    /// # });
    /// ```
    #[track_caller]
    pub fn on_undelivered<G>(self, take: G) -> Flow<MapConcurrent<S, OnUndelivered<W, G>>>
    where
        G: FnMut(W::Output),
    {
        crate::flow::source(self.source.rework(|work| OnUndelivered { work, take }))
    }
}
