//! Pairs of the items of two flows.

use super::OneOf2;
use crate::flow::source::{Flow, Source, into_flow::IntoFlow};
use core::{
    error::Error,
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};
use futures_core::{FusedStream, Stream};
use pin_project_lite::pin_project;

impl<S: Source> Flow<S> {
    /// Pairs each item with an item of `other`, a flow or stream, until one of the two ends.
    ///
    /// ```text
    /// flow     a--b--c--d--|
    /// other    1-2-----3|
    /// zip      A--B----C|         (a,1) (b,2) (c,3)
    /// ```
    ///
    /// Both flows are polled for their next item at the same time. Once one has ended, the other is
    /// not polled again. If both must have the same length, use [`zip_strict`](Self::zip_strict).
    ///
    /// While the consumer is busy, both continue the work that they have begun.
    ///
    /// # Cancel safety
    ///
    /// Dropping the flow drops an item that waits for its partner, and both flows.
    /// [`into_parts`](Zip::into_parts) returns them instead, also after the end: an item of the
    /// longer flow may have been taken before the other flow ended.
    ///
    /// # Panics
    ///
    /// Propagates a panic of either flow. May be polled after that if that flow may be.
    ///
    /// # Cost
    ///
    /// No allocation. A wake for one of the two flows polls both, except a flow whose item is
    /// there.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow;
    ///
    /// # smol::block_on(async {
    /// let numbered = flow::iter(1..).zip(flow::iter(["a", "b"]));
    /// let all: Vec<_> = numbered.collect().await;
    /// assert_eq!(all, [(1, "a"), (2, "b")]);
    /// # });
    /// ```
    pub fn zip<O: IntoFlow>(self, other: O) -> Flow<Zip<S, O::Source>> {
        crate::flow::source(Zip {
            one: Half::new(self.source),
            two: Half::new(other.into_flow().source),
            pairs: 0,
        })
    }

    /// Pairs each item with an item of `other`, which must have the same length: otherwise the last
    /// item is an error.
    ///
    /// As [`zip`](Self::zip).
    ///
    /// # Errors
    ///
    /// Yields [`UnequalLengths`], with the first item that has no partner, if one flow has ended
    /// and the other has not. This is the last item, and neither flow is polled again.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow::{self, OneOf2};
    ///
    /// # smol::block_on(async {
    /// let zip = flow::iter([1, 2, 3]).zip_strict(flow::iter(["a", "b"]));
    /// let mut all: Vec<_> = zip.collect().await;
    /// let error = all.pop().unwrap().unwrap_err();
    /// assert_eq!((error.pairs, error.left), (2, OneOf2::First(3)));
    /// assert_eq!(all, [Ok((1, "a")), Ok((2, "b"))]);
    /// # });
    /// ```
    pub fn zip_strict<O: IntoFlow>(self, other: O) -> Flow<ZipStrict<S, O::Source>> {
        crate::flow::source(ZipStrict { zip: self.zip(other).source, failed: false })
    }
}

/// The error of [`zip_strict`](Flow::zip_strict): one of the flows was longer than the other.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnequalLengths<A, B> {
    /// How many pairs there were.
    pub pairs: usize,
    /// The item without a partner, from the longer flow.
    pub left: OneOf2<A, B>,
}

impl<A, B> fmt::Display for UnequalLengths<A, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (shorter, longer) = match self.left {
            OneOf2::First(_) => ("second", "first"),
            OneOf2::Second(_) => ("first", "second"),
        };
        write!(f, "the {shorter} flow ended after {} items, the {longer} did not", self.pairs)
    }
}

impl<A: fmt::Debug, B: fmt::Debug> Error for UnequalLengths<A, B> {}

pin_project! {
    /// One of the two flows.
    struct Half<S: Stream, Item = <S as Stream>::Item> {
        #[pin]
        source: S,
        // Waits for its partner.
        item: Option<Item>,
        ended: bool,
    }
}

impl<S: Source> Half<S> {
    fn new(source: S) -> Self {
        Half { source, item: None, ended: false }
    }

    /// Ready when there is an item, or the flow has ended.
    #[inline]
    fn fill(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        if this.item.is_none() && !*this.ended {
            *this.item = ready!(this.source.poll_next(cx));
            *this.ended = this.item.is_none();
        }
        Poll::Ready(())
    }

    fn progress(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.ended { Poll::Ready(()) } else { self.project().source.poll_progress(cx) }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let item = usize::from(self.item.is_some());
        let (low, high) = if self.ended { (0, Some(0)) } else { self.source.size_hint() };
        (low.saturating_add(item), high.and_then(|high| high.checked_add(item)))
    }
}

pin_project! {
    /// Source of [`Flow::zip`].
    #[must_use = "streams do nothing unless polled"]
    pub struct Zip<
        A: Stream,
        B: Stream,
        ItemA = <A as Stream>::Item,
        ItemB = <B as Stream>::Item,
    > {
        #[pin]
        one: Half<A, ItemA>,
        #[pin]
        two: Half<B, ItemB>,
        pairs: usize,
    }
}

/// What a [`Zip`] holds; see [`into_parts`](Zip::into_parts).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ZipParts<A: Stream, B: Stream, ItemA = <A as Stream>::Item, ItemB = <B as Stream>::Item>
{
    /// The first source.
    pub one: A,
    /// The second source.
    pub two: B,
    /// An item that waits for its partner. Never more than one.
    pub waiting: Option<OneOf2<ItemA, ItemB>>,
}

impl<A: Source, B: Source> Zip<A, B> {
    /// Returns the sources, and an item that waits for its partner if there is one.
    ///
    /// After a poll this needs sources that are [`Unpin`].
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow::{self, OneOf2};
    /// use smol::stream::StreamExt;
    ///
    /// # smol::block_on(async {
    /// let mut zip = flow::iter([1, 2]).zip(flow::iter(["a"])).into_stream();
    /// assert_eq!(zip.next().await, Some((1, "a")));
    /// assert_eq!(zip.next().await, None);
    /// assert_eq!(zip.into_parts().waiting, Some(OneOf2::First(2)));
    /// # });
    /// ```
    pub fn into_parts(self) -> ZipParts<A, B> {
        // There is at most one: two would have been yielded as a pair.
        let one = self.one.item.map(OneOf2::First);
        let waiting = one.or(self.two.item.map(OneOf2::Second));
        ZipParts { one: self.one.source, two: self.two.source, waiting }
    }

    /// Polls for the next pair. Ready with `None` when one flow has ended.
    #[inline]
    fn poll_pair(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<(A::Item, B::Item)>> {
        let mut this = self.project();
        if this.one.ended || this.two.ended {
            return Poll::Ready(None);
        }
        let one = this.one.as_mut().fill(cx);
        if this.one.ended {
            return Poll::Ready(None);
        }
        let two = this.two.as_mut().fill(cx);
        if this.two.ended {
            return Poll::Ready(None);
        }
        ready!(one);
        ready!(two);
        *this.pairs += 1;
        Poll::Ready(this.one.project().item.take().zip(this.two.project().item.take()))
    }
}

impl<A: Source, B: Source> Stream for Zip<A, B> {
    type Item = (A::Item, B::Item);

    #[inline]
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_pair(cx)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let (one, two) = (self.one.size_hint(), self.two.size_hint());
        let high = match (one.1, two.1) {
            (Some(one), Some(two)) => Some(one.min(two)),
            (one, two) => one.or(two),
        };
        (one.0.min(two.0), high)
    }
}

impl<A: Source, B: Source> Source for Zip<A, B> {
    fn poll_progress(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        if this.one.ended || this.two.ended {
            return Poll::Ready(());
        }
        let (one, two) = (this.one.progress(cx), this.two.progress(cx));
        ready!(one);
        two
    }
}

impl<A: Source, B: Source> FusedStream for Zip<A, B> {
    fn is_terminated(&self) -> bool {
        self.one.ended || self.two.ended
    }
}

impl<A: Stream, B: Stream> fmt::Debug for Zip<A, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Zip").field("pairs", &self.pairs).finish_non_exhaustive()
    }
}

pin_project! {
    /// Source of [`Flow::zip_strict`].
    #[must_use = "streams do nothing unless polled"]
    pub struct ZipStrict<
        A: Stream,
        B: Stream,
        ItemA = <A as Stream>::Item,
        ItemB = <B as Stream>::Item,
    > {
        #[pin]
        zip: Zip<A, B, ItemA, ItemB>,
        failed: bool,
    }
}

impl<A: Source, B: Source> ZipStrict<A, B> {
    /// Returns the sources, and an item that waits for its partner if there is one.
    ///
    /// After a poll this needs sources that are [`Unpin`].
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow;
    /// use smol::stream::StreamExt;
    ///
    /// # smol::block_on(async {
    /// let mut pairs = flow::iter([1, 2, 3]).zip_strict(flow::iter(["a", "b", "c"])).into_stream();
    /// assert_eq!(pairs.next().await, Some(Ok((1, "a"))));
    /// let parts = pairs.into_parts();
    /// assert_eq!(flow::source(parts.one).collect::<Vec<_>>().await, [2, 3]);
    /// # });
    /// ```
    pub fn into_parts(self) -> ZipParts<A, B> {
        self.zip.into_parts()
    }
}

impl<A: Source, B: Source> Stream for ZipStrict<A, B> {
    type Item = Result<(A::Item, B::Item), UnequalLengths<A::Item, B::Item>>;

    #[inline]
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        if let Some(pair) = ready!(this.zip.as_mut().poll_pair(cx)) {
            return Poll::Ready(Some(Ok(pair)));
        }
        if *this.failed {
            return Poll::Ready(None);
        }
        // One flow has ended, so the other one should have ended too.
        let zip = this.zip.project();
        let (mut one, mut two) = (zip.one, zip.two);
        ready!(one.as_mut().fill(cx));
        ready!(two.as_mut().fill(cx));
        let one = one.project().item.take().map(OneOf2::First);
        let left = one.or(two.project().item.take().map(OneOf2::Second));
        *this.failed = left.is_some();
        Poll::Ready(left.map(|left| Err(UnequalLengths { pairs: *zip.pairs, left })))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let (one, two) = (self.zip.one.size_hint(), self.zip.two.size_hint());
        let high = match (one.1, two.1) {
            // Plus one for the error.
            (Some(one), Some(two)) => one.min(two).checked_add(1),
            _ => None,
        };
        (0, if self.failed { Some(0) } else { high })
    }
}

impl<A: Source, B: Source> Source for ZipStrict<A, B> {
    fn poll_progress(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        if *this.failed {
            return Poll::Ready(());
        }
        let zip = this.zip.project();
        let (one, two) = (zip.one.progress(cx), zip.two.progress(cx));
        ready!(one);
        two
    }
}

impl<A: Source, B: Source> FusedStream for ZipStrict<A, B> {
    fn is_terminated(&self) -> bool {
        self.failed || (self.zip.one.ended && self.zip.two.ended)
    }
}

impl<A: Stream, B: Stream> fmt::Debug for ZipStrict<A, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ZipStrict").field("pairs", &self.zip.pairs).finish_non_exhaustive()
    }
}
