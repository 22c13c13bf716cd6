//! The operation: a bounded map whose source is what the map has found.

use super::{
    found::{Finding, Finished, Found},
    frontier::Frontier,
};
#[cfg(feature = "std")]
use crate::flow::work::CatchUnwind;
use crate::{
    flow::{
        source::{Flow, Source},
        work::{Call, MapConcurrent, Work, sealed},
    },
    limit::{IntoLimit, Limit},
    set::budget::Budget,
};
use alloc::vec::Vec;
use core::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};
use futures_core::{FusedStream, Stream};
use pin_project_lite::pin_project;

/// Creates a flow of work that finds more work, such as a crawler or the walk of a tree.
///
/// Calls `f` with every seed, and with every item that was found; runs at most `limit` of its futures
/// at the same time. Each returns `(value, more)`: the flow yields the value, and calls `f` with each
/// of `more` in its turn. It ends by itself, when everything that was found is done. An item that is
/// found twice is done twice: whoever walks a graph keeps what was seen, as in the example.
///
/// Values come **in the order in which a sequential breadth-first walk would yield them**: the seeds,
/// then what the first of them found, and so on, however long each takes. For that, what an item has
/// found is started when its value is delivered. [`unordered`](Flow::unordered) yields values as
/// they are ready, and starts what was found as soon as it is found: that is faster where work takes
/// different times. [`newest_first`](Flow::newest_first) keeps the frontier small.
///
/// The futures run in the task that drives the flow, and may borrow from around it. At most
/// [`window`](Flow::window) items are started and not delivered. To run the work **on an executor**,
/// spawn it in `f`, into a scope around the flow, and await its handle: see the third example.
///
/// If `f` may fail, it returns a `Result` of such a pair, and the flow yields a `Result` of the
/// value. An error finds nothing; it ends the whole walk with [`try_collect`](Flow::try_collect) or
/// [`until_error`](Flow::until_error), and is an item among others without them.
///
/// # Cancel safety
///
/// Dropping the flow drops the work under way, then the values that were not delivered, then what was
/// found and not started. [`into_parts`](Expand::into_parts) returns what is not under way.
///
/// # Panics
///
/// Panics at once if `limit` is 0. Propagates a panic of `f`, of its work, and of the iterators of
/// items; the rest is dropped with the flow. Panics if polled after that.
///
/// # Cost
///
/// As [`map_concurrent`](Flow::map_concurrent). **The memory is that of the frontier**, which is
/// not bounded by the limit: for each item that is done, what is left of its `more`, unless that says
/// that it is empty. In a tree that is up to its widest level; with
/// [`newest_first`](Flow::newest_first) up to the depth of the tree times `limit`. `more` is not
/// copied and is read one by one: it may be lazy, also endless. No allocation per item beyond those
/// of `f`.
///
/// # Examples
///
/// A crawler, with what it has seen:
///
/// ```
/// use anyscope::flow;
/// use std::{cell::RefCell, collections::HashSet};
///
/// # smol::block_on(async {
/// // The links of each page.
/// let site = [vec![1, 2], vec![2, 0], vec![3], vec![]];
/// let seen = RefCell::new(HashSet::from([0]));
/// let fetch = async |page: usize| {
///     // .. fetch it ..
/// #   smol::future::yield_now().await;
///     let links = site[page].iter().copied();
///     (page, links.filter(|link| seen.borrow_mut().insert(*link)).collect::<Vec<_>>())
/// };
/// let pages: Vec<_> = flow::expand([0], 10, fetch).collect().await;
/// assert_eq!(pages, [0, 1, 2, 3]);
/// # });
/// ```
///
/// Work that fails, with `?`:
///
/// ```
/// use anyscope::flow;
///
/// # smol::block_on(async {
/// let look = async |path: &'static str| -> Result<_, String> {
///     let inside = match path {
///         "/" => vec!["/etc", "/home"],
///         "/home" => vec!["/home/ann"],
///         "/home/ann" => Err(format!("{path}: permission denied"))?,
///         _ => vec![],
///     };
///     Ok((path, inside))
/// };
/// let paths = flow::expand(["/"], 2, look).try_collect::<Vec<_>>().await;
/// assert_eq!(paths, Err("/home/ann: permission denied".to_owned()));
///
/// let walk = flow::expand(["/"], 2, look).partition_results().await;
/// assert_eq!((walk.successes.len(), walk.failures.len()), (3, 1));
/// # });
/// ```
///
/// In parallel, as children of a scope:
///
/// ```
/// use anyscope::{flow, scope, smol::Smol};
///
/// # smol::block_on(async {
/// let sum = scope(&Smol, async |s| {
///     let halve = async |n: u64| s.spawn(async move { (n, [n / 2; 2].into_iter().filter(|n| *n > 0)) }).await.unwrap();
///     flow::expand([8], 4, halve).unordered().fold(0, async |sum, n| sum + n).await
/// })
/// .await;
/// assert_eq!(sum, 8 + 2 * 4 + 4 * 2 + 8);
/// # });
/// ```
#[track_caller]
pub fn expand<I, F, Fut>(
    seeds: I,
    limit: impl IntoLimit,
    f: F,
) -> Flow<Expand<I::IntoIter, Call<F>>>
where
    I: IntoIterator,
    F: FnMut(I::Item) -> Fut,
    Fut: Future<Output: Found<I::Item>>,
{
    let work = Finding { work: Call(f), is_last: None };
    let frontier = Frontier::new(seeds.into_iter());
    let map = MapConcurrent::new(frontier, limit.into_limit().into(), work);
    Flow { source: Expand { map } }
}

pin_project! {
    /// Source of [`expand`].
    #[must_use = "streams do nothing unless polled"]
    pub struct Expand<
        I,
        W,
        Item = <I as Iterator>::Item,
        Fut = <W as sealed::Work<Item>>::Future,
        V = <<W as sealed::Work<Item>>::Output as Found<Item>>::Value,
        M = <<W as sealed::Work<Item>>::Output as Found<Item>>::More,
    >
    where
        I: Iterator<Item = Item>,
        M: Iterator<Item = Item>,
        Fut: Future,
        W: sealed::Work<Item, Future = Fut>,
        <W as sealed::Work<Item>>::Output: Found<Item, Value = V, More = M>,
    {
        #[pin]
        map: MapConcurrent<Frontier<I, M>, Finding<W, V>, Item, Fut, Finished<V, M>>,
    }
}

impl<I, W, V, M> Flow<Expand<I, W, I::Item, W::Future, V, M>>
where
    I: Iterator,
    W: Work<I::Item, Output: Found<I::Item, Value = V, More = M>>,
    M: Iterator<Item = I::Item>,
{
    /// Yields values as they are ready, and starts what was found as soon as it is found, instead of
    /// in the order of a breadth-first walk.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow;
    /// # use smol::future::yield_now;
    ///
    /// # smol::block_on(async {
    /// let work = async |n: u32| {
    ///     if n == 1 {
    ///         yield_now().await;
    ///     }
    ///     (n, if n < 10 { vec![n * 10] } else { vec![] })
    /// };
    /// let all: Vec<_> = flow::expand([1, 2], 2, work).unordered().collect().await;
    /// assert_eq!(all[0], 2);
    /// # });
    /// ```
    pub fn unordered(mut self) -> Self {
        self.source.map = Flow { source: self.source.map }.unordered().source;
        self
    }

    /// Sets how many items may be started and not yet delivered. The limit is the default and the
    /// minimum. See [`window`](Flow::window) of a map.
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
    /// let work = async |n: u32| (n, (n < 3).then_some(n + 1));
    /// assert_eq!(flow::expand([1], 2, work).window(8).collect::<Vec<_>>().await, [1, 2, 3]);
    /// # });
    /// ```
    #[track_caller]
    pub fn window(mut self, window: impl IntoLimit<Limit = Limit>) -> Self {
        self.source.map = Flow { source: self.source.map }.window(window).source;
        self
    }

    /// Starts what was found last first, and the seeds last.
    ///
    /// In a tree, the frontier then is at most as large as its depth times the limit, and not as its
    /// widest level. With a limit of one this is a depth-first walk, each node before its children.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow;
    ///
    /// # smol::block_on(async {
    /// let work = async |n: u32| (n, if n < 10 { vec![n * 10, n * 10 + 1] } else { vec![] });
    /// let all: Vec<_> = flow::expand([1, 2], 1, work).newest_first().collect().await;
    /// assert_eq!(all, [1, 10, 11, 2, 20, 21]);
    /// # });
    /// ```
    pub fn newest_first(mut self) -> Self {
        if let Some(frontier) = Pin::new(&mut self.source.map).wake_source() {
            frontier.get_mut().newest_first = true;
        }
        self
    }

    /// Yields a panic of the work as an error, which finds nothing, so that it ends only the work on
    /// its item.
    ///
    /// As [`catch_unwind`](Flow::catch_unwind) of a map. A panic of the iterators of items still
    /// propagates.
    ///
    /// # Panics
    ///
    /// Panics if the flow has been polled and has work under way.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow;
    ///
    /// # smol::block_on(async {
    /// # std::panic::set_hook(Box::new(|_| {}));
    /// let work = async |n: u32| (12 / n, (n < 3).then_some(n + 1));
    /// let all: Vec<_> = flow::expand([0, 2], 2, work).catch_unwind().collect().await;
    /// assert!(all[0].is_err());
    /// assert_eq!((all[1].as_ref().ok(), all[2].as_ref().ok()), (Some(&6), Some(&4)));
    /// # });
    /// ```
    #[cfg(feature = "std")]
    #[track_caller]
    pub fn catch_unwind(self) -> Flow<Expand<I, CatchUnwind<W>>> {
        let map = self
            .source
            .map
            .rework(|finding| Finding { work: CatchUnwind { work: finding.work }, is_last: None });
        Flow { source: Expand { map } }
    }
}

impl<I, W, V, M> Expand<I, W, I::Item, W::Future, V, M>
where
    I: Iterator,
    W: Work<I::Item, Output: Found<I::Item, Value = V, More = M>>,
    M: Iterator<Item = I::Item>,
{
    /// Returns how many pieces of work are under way.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow;
    /// use smol::stream::StreamExt;
    /// use std::future::pending;
    ///
    /// # smol::block_on(async {
    /// let work = async |n: u32| if n == 0 { (0, Some(1)) } else { pending().await };
    /// let mut pages = flow::expand([0], 8, work).into_stream();
    /// assert_eq!(pages.next().await, Some(0));
    /// assert!(smol::future::poll_once(pages.next()).await.is_none());
    /// assert_eq!(pages.running(), 1);
    /// # });
    /// ```
    pub fn running(&self) -> usize {
        self.map.running()
    }

    /// Ends the walk, and returns what it holds. Only the items whose work is under way are lost:
    /// that work is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow;
    /// use smol::stream::StreamExt;
    ///
    /// # smol::block_on(async {
    /// let work = async |n: u32| (n, [2 * n, 2 * n + 1]);
    /// let mut walk = flow::expand([1], 1, work).into_stream();
    /// assert_eq!((walk.next().await, walk.next().await), (Some(1), Some(2)));
    /// let parts = walk.into_parts();
    /// let left: Vec<_> = parts.found.into_iter().flatten().collect();
    /// assert_eq!(left, [3, 4, 5]);
    /// # });
    /// ```
    pub fn into_parts(self) -> ExpandParts<I, M, V> {
        let parts = self.map.into_parts();
        let (seeds, found) = parts.source.map(Frontier::into_parts).unwrap_or_default();
        let mut found = Vec::from(found);
        let undelivered = parts.undelivered.into_iter().map(|finished| {
            found.extend(finished.more);
            finished.value
        });
        let undelivered = undelivered.collect();
        ExpandParts { seeds, found, undelivered }
    }

    /// Takes a value out of the map, and what was found with it.
    fn deliver(self: Pin<&mut Self>, finished: Finished<V, M>) -> V {
        let mut map = self.project().map;
        let is_alone = map.running() == 0 && map.done.is_empty();
        if finished.more.is_some() || is_alone {
            if let Some(frontier) = map.as_mut().wake_source() {
                let frontier = frontier.get_mut();
                if let Some(more) = finished.more {
                    frontier.push(more);
                }
                if is_alone {
                    frontier.starve();
                }
            }
        }
        finished.value
    }

    /// Takes what was found out of the values that are not delivered: true if there was something.
    fn feed(self: Pin<&mut Self>) -> bool {
        let mut map = self.project().map;
        let mut left = map.done.values().rev().take_while(|done| !done.is_fed).count();
        let mut is_fed = false;
        while left > 0 {
            let this = map.as_mut().project();
            let number = this.done.end().wrapping_sub(left);
            left -= 1;
            let Some(finished) = this.done.get_mut(number) else { continue };
            finished.is_fed = true;
            let Some(more) = finished.more.take() else { continue };
            if let Some(frontier) = map.as_mut().wake_source() {
                frontier.get_mut().push(more);
                is_fed = true;
            }
        }
        is_fed
    }
}

/// What an [`Expand`] holds; see [`into_parts`](Expand::into_parts).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExpandParts<I, M, V> {
    /// The seeds that were not started, if there may be any.
    pub seeds: Option<I>,
    /// What was found and not started: what is left of the `more` of each item.
    pub found: Vec<M>,
    /// Values that were ready, in the order in which they would have been delivered.
    pub undelivered: Vec<V>,
}

impl<I, W, V, M> Stream for Expand<I, W, I::Item, W::Future, V, M>
where
    I: Iterator,
    W: Work<I::Item, Output: Found<I::Item, Value = V, More = M>>,
    M: Iterator<Item = I::Item>,
{
    type Item = V;

    #[inline]
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<V>> {
        let polled = self.as_mut().project().map.poll_next(cx);
        polled.map(|finished| finished.map(|finished| self.deliver(finished)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.map.size_hint()
    }
}

impl<I, W, V, M> Source for Expand<I, W, I::Item, W::Future, V, M>
where
    I: Iterator,
    W: Work<I::Item, Output: Found<I::Item, Value = V, More = M>>,
    M: Iterator<Item = I::Item>,
{
    fn poll_progress(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut budget = Budget::new();
        loop {
            let polled = self.as_mut().project().map.poll_value(cx, &mut budget, false);
            // In order, what was found is started when its turn has come.
            if !self.map.ordered && self.as_mut().feed() {
                continue;
            }
            return polled.map(drop);
        }
    }

    fn end_at(self: Pin<&mut Self>, is_last: fn(&V) -> bool) {
        let mut map = self.project().map;
        let this = map.as_mut().project();
        if let Some(work) = this.work {
            work.is_last = Some(is_last);
        }
        this.done.for_each_mut(|finished| finished.is_last = is_last(&finished.value));
        map.end_at(|finished| finished.is_last);
    }
}

impl<I, W, V, M> FusedStream for Expand<I, W, I::Item, W::Future, V, M>
where
    I: Iterator,
    W: Work<I::Item, Output: Found<I::Item, Value = V, More = M>>,
    M: Iterator<Item = I::Item>,
{
    fn is_terminated(&self) -> bool {
        self.map.is_terminated()
    }
}

impl<I, W, V, M> fmt::Debug for Expand<I, W, I::Item, W::Future, V, M>
where
    I: Iterator,
    W: Work<I::Item, Output: Found<I::Item, Value = V, More = M>>,
    M: Iterator<Item = I::Item>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Expand").field("map", &self.map).finish()
    }
}
