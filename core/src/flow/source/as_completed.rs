//! A flow of what ends in a set or map of futures.

use super::{Flow, Source, source};
use crate::set::{
    FutureMap, FutureSet,
    budget::Budget,
    wait::{Gather, Progress},
};
use core::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};
use futures_core::Stream;

impl<K: Ord + Clone, F: Future> FutureMap<K, F> {
    /// Returns the map as a flow of `(key, output)`, in order of completion.
    ///
    /// The futures run on while the consumer of the flow is busy; what they leave then waits in
    /// the map. Dropping the flow drops the futures that are not done. To leave early and keep
    /// them, call [`wait`](Self::wait) in a loop.
    ///
    /// Where there are [handles](Self::handle), the flow also continues after the map was empty.
    /// It ends when the map is empty and no handle can add to it: the last one was dropped, or
    /// one of them has said [`close`](crate::MapHandle::close). Whoever consumes the flow and has
    /// a handle itself waits for itself, unless it says so.
    ///
    /// # Cancel safety
    ///
    /// Dropping the flow drops all that is left in the map.
    ///
    /// # Cost
    ///
    /// That of polling the map: O(1) for a wake, and a look-up of the key for each item.
    ///
    /// # Examples
    ///
    /// Pages that lead to more pages:
    ///
    /// ```
    /// use anyscope::FutureMap;
    ///
    /// # smol::block_on(async {
    /// let links = async |page: u32| [2 * page, 2 * page + 1];
    /// let mut pages = FutureMap::new();
    /// pages.replace(1, links(1));
    ///
    /// let handle = pages.handle();
    /// let mut seen = Vec::new();
    /// let crawl = pages.as_completed().drive(async |mut completed| {
    ///     while let Some((page, more)) = completed.next().await {
    ///         seen.push(page);
    ///         for next in more.into_iter().filter(|&next| next < 8) {
    ///             handle.insert(next, links(next)).expect("a tree has each page once");
    ///         }
    ///         if seen.len() == 7 {
    ///             handle.close();
    ///         }
    ///     }
    /// });
    /// crawl.await;
    /// seen.sort();
    /// assert_eq!(seen, [1, 2, 3, 4, 5, 6, 7]);
    /// # });
    /// ```
    pub fn as_completed(self) -> Flow<AsCompleted<Self>> {
        source(AsCompleted(self))
    }
}

impl<F: Future> FutureSet<F> {
    /// Returns the set as a flow of outputs, in order of completion; as the
    /// [`as_completed`](crate::set::PollMap::as_completed) of a map, which says more.
    ///
    /// # Cancel safety, cost
    ///
    /// As of a map.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::FutureSet;
    /// use smol::future;
    ///
    /// # smol::block_on(async {
    /// let mut set = FutureSet::new();
    /// for n in [2, 0, 1] {
    ///     set.push(async move {
    ///         for _ in 0..n {
    ///             future::yield_now().await;
    ///         }
    ///         n
    ///     });
    /// }
    /// assert_eq!(set.as_completed().collect::<Vec<_>>().await, [0, 1, 2]);
    /// # });
    /// ```
    pub fn as_completed(self) -> Flow<AsCompleted<Self>> {
        source(AsCompleted(self))
    }
}

/// Source of `as_completed` of a [`FutureMap`] or [`FutureSet`].
pub struct AsCompleted<G>(G);

/// What is pinned is not in the set or map itself.
impl<G> Unpin for AsCompleted<G> {}

impl<G: Gather> Stream for AsCompleted<G> {
    type Item = G::Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut budget = Budget::new();
        loop {
            if let Some(item) = self.0.next_kept() {
                return Poll::Ready(Some(item));
            }
            match self.0.poll_kept(cx, &mut budget) {
                Progress::Kept => {}
                Progress::Empty { open: false } => return Poll::Ready(None),
                Progress::Empty { open: true } | Progress::Waits | Progress::Yields => {
                    return Poll::Pending;
                }
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let (here, more) = self.0.left();
        (here, (!more).then_some(here))
    }
}

impl<G: Gather> Source for AsCompleted<G> {
    fn poll_progress(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut budget = Budget::new();
        loop {
            match self.0.poll_kept(cx, &mut budget) {
                Progress::Kept => {}
                Progress::Empty { open: false } => return Poll::Ready(()),
                Progress::Empty { open: true } | Progress::Waits | Progress::Yields => {
                    return Poll::Pending;
                }
            }
        }
    }
}

impl<G: fmt::Debug> fmt::Debug for AsCompleted<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AsCompleted").field(&self.0).finish()
    }
}
