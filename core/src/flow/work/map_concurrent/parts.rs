//! What a bounded map holds, for those who go on with it.

use super::map::MapConcurrent;
use crate::flow::{source::Source, work::Work};
use alloc::vec::Vec;

impl<S, W> MapConcurrent<S, W>
where
    S: Source,
    W: Work<S::Item>,
{
    /// Ends the map, and returns what it holds. Of the items that were taken from the source, only
    /// those whose work is under way are lost: that work is dropped.
    ///
    /// After a poll this needs a source that is [`Unpin`].
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow;
    /// use smol::stream::StreamExt;
    ///
    /// # smol::block_on(async {
    /// let mut doubled = flow::iter([1, 2, 3]).map_concurrent(2, async |n| 2 * n).into_stream();
    /// assert_eq!(doubled.next().await, Some(2));
    /// let parts = doubled.into_parts();
    /// let rest = flow::source(parts.source.unwrap()).count().await;
    /// assert_eq!(parts.undelivered.len() + rest, 2);
    /// # });
    /// ```
    pub fn into_parts(mut self) -> MapParts<S, S::Item, W::Output> {
        self.children.clear();
        self.work = None;
        MapParts {
            source: self.source.take(),
            waiting: self.held.take().map(|(item, _)| item),
            undelivered: self.done.drain().collect(),
        }
    }

    /// Returns the same map with its work replaced by `f` of it. Requires that no work is under
    /// way.
    #[track_caller]
    pub(in crate::flow) fn rework<V: Work<S::Item>>(
        mut self,
        f: impl FnOnce(W) -> V,
    ) -> MapConcurrent<S, V> {
        assert!(
            self.children.is_empty() && self.done.is_empty() && self.held.is_none(),
            "this map has work under way, which cannot be changed; call this before it is polled"
        );
        let source = self.source.take().expect("not polled");
        let work = self.work.take().expect("not polled");
        let mut map = MapConcurrent::new(source, self.limit.clone(), f(work));
        map.ordered = self.ordered;
        map.window = self.window;
        map
    }
}

/// What a [`MapConcurrent`] holds; see [`into_parts`](MapConcurrent::into_parts).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MapParts<S, Item, T> {
    /// The source, or `None` if an error has ended the operation.
    pub source: Option<S>,
    /// An item with a weight that did not fit yet.
    pub waiting: Option<Item>,
    /// Values that were ready, in the order in which they would have been delivered.
    pub undelivered: Vec<T>,
}
