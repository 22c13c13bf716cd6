//! Collects all items.

use super::super::{Flow, Source};
use crate::{set::budget::Budget, waits};
use alloc::vec::Vec;
use core::{
    fmt,
    future::Future,
    mem,
    ops::ControlFlow,
    pin::Pin,
    task::{Context, Poll, ready},
};
use pin_project_lite::pin_project;

impl<S: Source> Flow<S> {
    /// Collects all items, in the order in which they come.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops what was collected, and the flow.
    ///
    /// # Panics
    ///
    /// Panics if polled after it was ready.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow;
    ///
    /// # smol::block_on(async {
    /// let doubled: Vec<_> = flow::iter([1, 2]).map_concurrent(2, async |n| n * 2).collect().await;
    /// assert_eq!(doubled, [2, 4]);
    /// # });
    /// ```
    pub fn collect<C>(self) -> Collect<S, C>
    where
        C: Default + Extend<S::Item>,
    {
        Collect { items: Some(C::default()), source: Some(self.source) }
    }

    /// Counts the items, and drops each.
    ///
    /// # Panics
    ///
    /// Panics if polled after it was ready.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow;
    ///
    /// # smol::block_on(async {
    /// assert_eq!(flow::iter(1..=6).filter(|n| n % 2 == 0).count().await, 3);
    /// # });
    /// ```
    pub fn count(self) -> Count<S> {
        Count { items: 0, source: Some(self.source) }
    }
}

impl<S, T, E> Flow<S>
where
    S: Source<Item = Result<T, E>>,
{
    /// Collects values until the first error.
    ///
    /// # Errors
    ///
    /// Returns the first error in time. In an ordered flow it does not wait for its turn: earlier
    /// work may be under way. All other work and values, and the source, are dropped before the
    /// error is returned.
    ///
    /// After an operation that drops or changes items ([`filter`](Self::filter),
    /// [`map`](Self::map)), the error of an ordered flow does wait for its turn. To see it at once,
    /// put [`until_error`](Self::until_error) before that operation.
    ///
    /// # Cancel safety, panics
    ///
    /// Those of [`collect`](Self::collect).
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow;
    /// use std::num::ParseIntError;
    ///
    /// # smol::block_on(async {
    /// let parse = |lines: [&'static str; 2]| {
    ///     flow::iter(lines)
    ///         .map_concurrent(2, async |line: &str| line.parse::<u32>())
    ///         .try_collect::<Vec<_>>()
    /// };
    /// assert_eq!(parse(["1", "2"]).await, Ok(vec![1, 2]));
    /// assert!(parse(["1", "two"]).await.is_err());
    /// # });
    /// ```
    pub fn try_collect<C>(self) -> TryCollect<S, C>
    where
        C: Default + Extend<T>,
    {
        TryCollect { items: Some(C::default()), source: Some(self.source), asked: false }
    }

    /// Collects successes and failures separately, each with its index.
    ///
    /// The index counts the items as they come. In an ordered flow, it is also the index in the
    /// source.
    ///
    /// After [`map_on`](Self::map_on) a failure is a panic, or work that the executor has dropped. For work on an executor
    /// that may fail by itself, write [`try_map_on`](Self::try_map_on) before it.
    ///
    /// # Cancel safety, panics
    ///
    /// Those of [`collect`](Self::collect).
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow;
    ///
    /// # smol::block_on(async {
    /// let parts = flow::iter(["1", "two", "3"])
    ///     .map_concurrent(2, async |line: &str| line.parse::<u32>().map_err(drop))
    ///     .partition_results()
    ///     .await;
    /// assert_eq!(parts.successes, [(0, 1), (2, 3)]);
    /// assert_eq!(parts.failures, [(1, ())]);
    /// # });
    /// ```
    pub fn partition_results(self) -> PartitionResults<S, T, E> {
        PartitionResults { parts: Some(Partitioned::default()), source: Some(self.source) }
    }
}

/// What [`partition_results`](Flow::partition_results) collects, each with its index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partitioned<T, E> {
    /// The values, in the order in which they came.
    pub successes: Vec<(usize, T)>,
    /// The errors, in the order in which they came.
    pub failures: Vec<(usize, E)>,
}

impl<T, E> Default for Partitioned<T, E> {
    fn default() -> Self {
        Partitioned { successes: Vec::new(), failures: Vec::new() }
    }
}

pin_project! {
    /// Future of [`Flow::collect`].
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Collect<S, C> {
        #[pin]
        source: Option<S>,
        items: Option<C>,
    }
}

impl<S, C> Future for Collect<S, C>
where
    S: Source,
    C: Extend<S::Item>,
{
    type Output = C;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<C> {
        let this = self.project();
        let items = this.items;
        let _ = ready!(poll_items(this.source, cx, |item| {
            items.as_mut().expect(GONE).extend(Some(item));
            ControlFlow::<()>::Continue(())
        }));
        Poll::Ready(items.take().expect(GONE))
    }
}

pin_project! {
    /// Future of [`Flow::count`].
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Count<S> {
        #[pin]
        source: Option<S>,
        items: usize,
    }
}

impl<S: Source> Future for Count<S> {
    type Output = usize;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<usize> {
        let this = self.project();
        let _ = ready!(poll_items(this.source, cx, |_| {
            *this.items += 1;
            ControlFlow::<()>::Continue(())
        }));
        Poll::Ready(*this.items)
    }
}

pin_project! {
    /// Future of [`Flow::try_collect`].
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct TryCollect<S, C> {
        #[pin]
        source: Option<S>,
        items: Option<C>,
        // The source was asked to end with the first error.
        asked: bool,
    }
}

impl<S, C, T, E> Future for TryCollect<S, C>
where
    S: Source<Item = Result<T, E>>,
    C: Extend<T>,
{
    type Output = Result<C, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<C, E>> {
        let mut this = self.project();
        if !mem::replace(this.asked, true) {
            this.source.as_mut().as_pin_mut().expect(GONE).end_at(Result::is_err);
        }
        let items = this.items;
        let end = ready!(poll_items(this.source, cx, |item| match item {
            Ok(value) => {
                items.as_mut().expect(GONE).extend(Some(value));
                ControlFlow::Continue(())
            }
            Err(error) => ControlFlow::Break(error),
        }));
        let items = items.take().expect(GONE);
        Poll::Ready(match end {
            None => Ok(items),
            Some(error) => Err(error),
        })
    }
}

pin_project! {
    /// Future of [`Flow::partition_results`].
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct PartitionResults<S, T, E> {
        #[pin]
        source: Option<S>,
        parts: Option<Partitioned<T, E>>,
    }
}

impl<S, T, E> Future for PartitionResults<S, T, E>
where
    S: Source<Item = Result<T, E>>,
{
    type Output = Partitioned<T, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Partitioned<T, E>> {
        let this = self.project();
        let parts = this.parts;
        let _ = ready!(poll_items(this.source, cx, |item| {
            let parts = parts.as_mut().expect(GONE);
            let index = parts.successes.len() + parts.failures.len();
            match item {
                Ok(value) => parts.successes.push((index, value)),
                Err(error) => parts.failures.push((index, error)),
            }
            ControlFlow::<()>::Continue(())
        }));
        Poll::Ready(mem::take(parts).expect(GONE))
    }
}

const GONE: &str = "polled after it was ready";

/// Takes items until the source ends or `each` breaks, then drops the source.
fn poll_items<S: Source, B>(
    mut source: Pin<&mut Option<S>>,
    cx: &mut Context<'_>,
    mut each: impl FnMut(S::Item) -> ControlFlow<B>,
) -> Poll<Option<B>> {
    let mut budget = Budget::new();
    while budget.pay_poll() {
        let end = match ready!(source.as_mut().as_pin_mut().expect(GONE).poll_next(cx)) {
            None => None,
            Some(item) => match each(item) {
                ControlFlow::Continue(()) => continue,
                ControlFlow::Break(value) => Some(value),
            },
        };
        source.set(None);
        return Poll::Ready(end);
    }
    waits::yields(cx.waker());
    Poll::Pending
}

macro_rules! debug {
    ($($name:ident<S $(, $param:ident)*>)+) => {$(
        impl<S $(, $param)*> fmt::Debug for $name<S $(, $param)*> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name))
                    .field("over", &self.source.is_none())
                    .finish_non_exhaustive()
            }
        }
    )+};
}

debug! { Collect<S, C> Count<S> TryCollect<S, C> PartitionResults<S, T, E> }
