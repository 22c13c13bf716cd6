//! Sources of items, and flows of them.

use core::{
    pin::Pin,
    task::{Context, Poll},
};
use futures_core::Stream;
use pin_project_lite::pin_project;

/// A stream that can make progress while its next item is not wanted.
///
/// A [`Stream`] works only while it is polled for an item. While its consumer is busy with the
/// previous item, the work that the stream has under way (a request that was sent, a lock that was
/// taken) is suspended. If the consumer waits for that work, neither makes progress. Every
/// operation of this module is a `Source` and lets its own sources make progress, so work continues
/// through a whole chain.
///
/// [`stream`] turns any stream into a flow. For a stream of your own that has work under way,
/// implement this trait and turn it into a flow with [`source`].
pub trait Source: Stream {
    /// Continues the work that has started, without yielding an item.
    ///
    /// Ready when there is nothing to do before the next item is asked for. Pending when there is:
    /// the task is then woken when this should be called again. May be called at any time, also
    /// after the end.
    ///
    /// An operation at its limit calls this once after the last item that it took, and then each
    /// time the source has woken it.
    fn poll_progress(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()>;

    /// Asks the source to end with the first item for which `is_last` returns true: the first in
    /// time, not in order.
    ///
    /// An operation that completes items out of order and yields them in order, such as
    /// [`map_concurrent`](Flow::map_concurrent), then drops everything else as soon as there is
    /// such an item, yields it, and ends. An operation that yields all items of its source as they
    /// are passes the request on. All others, and a source without such a method, ignore it:
    /// whoever asks must look at the items too.
    ///
    /// [`try_collect`](Flow::try_collect) and [`until_error`](Flow::until_error) ask for the first
    /// error, once, before they ask for an item.
    fn end_at(self: Pin<&mut Self>, is_last: fn(&Self::Item) -> bool) {
        let _ = is_last;
    }
}

/// A source of items, with the operations of the [module](crate::flow).
///
/// # Examples
///
/// ```
/// use anyscope::flow::{self, Flow, Source};
///
/// /// A part of a pipeline, for whatever source.
/// fn squares(numbers: Flow<impl Source<Item = u64>>) -> Flow<impl Source<Item = u64>> {
///     numbers.map_concurrent(8, async |n| n * n)
/// }
///
/// # smol::block_on(async {
/// assert_eq!(squares(flow::iter(1..=3)).fold(0, async |sum, n| sum + n).await, 14);
/// # });
/// ```
#[derive(Clone, Debug)]
#[must_use = "a flow does nothing unless an operation drives it"]
pub struct Flow<S> {
    pub(in crate::flow) source: S,
}

/// Creates a flow of the items of an iterator, or of any value that can be iterated over.
///
/// # Examples
///
/// ```
/// use anyscope::flow;
///
/// # smol::block_on(async {
/// assert_eq!(flow::iter([1, 2]).collect::<Vec<_>>().await, [1, 2]);
/// # });
/// ```
pub fn iter<I: IntoIterator>(items: I) -> Flow<Iter<I::IntoIter>> {
    source(Iter { iter: Some(items.into_iter()) })
}

/// Creates a flow of the items of a stream.
///
/// The stream is not polled again once it has ended. A read of it that has begun is never
/// suspended: it continues while the operation has no room for the item. The item is then kept
/// until there is room. So at most one item is taken ahead.
///
/// A receiver that is not a [`Stream`], such as that of tokio's `mpsc`, becomes one in `ReceiverStream` of the crate tokio-stream.
/// That of a [`channel`](crate::channel) of this crate goes into [`source`].
///
/// # Examples
///
/// ```
/// use anyscope::flow;
///
/// # smol::block_on(async {
/// let stream = smol::stream::iter([1, 2]);
/// assert_eq!(flow::stream(stream).collect::<Vec<_>>().await, [1, 2]);
/// # });
/// ```
pub fn stream<S: Stream>(stream: S) -> Flow<FromStream<S>> {
    source(FromStream { stream, state: State::Fresh, parked: None })
}

/// Creates a flow of the items of a [`Source`].
///
/// # Examples
///
/// ```
/// use anyscope::flow::{self, Source};
/// use futures_core::Stream;
/// use std::{pin::Pin, task::{Context, Poll}};
///
/// /// Yields 2, 1, and has no work of its own.
/// struct Countdown(u32);
///
/// impl Stream for Countdown {
///     type Item = u32;
///
///     fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<u32>> {
///         self.0 -= 1;
///         Poll::Ready((self.0 > 0).then_some(self.0))
///     }
/// }
///
/// impl Source for Countdown {
///     fn poll_progress(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
///         Poll::Ready(())
///     }
/// }
///
/// # smol::block_on(async {
/// assert_eq!(flow::source(Countdown(3)).collect::<Vec<_>>().await, [2, 1]);
/// # });
/// ```
pub fn source<S: Source>(source: S) -> Flow<S> {
    Flow { source }
}

impl<S: Source> Flow<S> {
    /// Returns the items as a stream, for code that takes one.
    ///
    /// **What a stream cannot promise:** it works only while it is polled for an item. A loop that
    /// awaits something else between two items suspends all work that this flow has under way, and
    /// deadlocks if it awaits something that this work holds. Prefer an operation that owns the
    /// loop, such as [`for_each_concurrent`](Flow::for_each_concurrent); or call
    /// [`poll_progress`](Source::poll_progress) of the stream while you wait.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow;
    /// use smol::stream::StreamExt;
    ///
    /// # smol::block_on(async {
    /// let words = flow::iter(["to", "be"]).map_concurrent(2, async |word| word.len());
    /// let mut lengths = words.into_stream();
    /// assert_eq!(lengths.next().await, Some(2));
    /// # });
    /// ```
    pub fn into_stream(self) -> S {
        self.source
    }
}

/// The stream of an iterator: always ready.
///
/// Source of [`iter`].
#[derive(Clone, Debug)]
pub struct Iter<I> {
    iter: Option<I>,
}

/// The iterator is not pinned.
impl<I> Unpin for Iter<I> {}

impl<I: Iterator> Stream for Iter<I> {
    type Item = I::Item;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<I::Item>> {
        let Some(iter) = &mut self.iter else { return Poll::Ready(None) };
        let item = iter.next();
        if item.is_none() {
            self.iter = None;
        }
        Poll::Ready(item)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.iter.as_ref().map_or((0, Some(0)), Iterator::size_hint)
    }
}

impl<I: Iterator> Source for Iter<I> {
    fn poll_progress(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }
}

pin_project! {
    /// The source of a stream; see [`stream`].
    #[derive(Debug)]
    pub struct FromStream<S: Stream, Item = <S as Stream>::Item> {
        // Kept after its end: the work on its items may use what it owns.
        #[pin]
        stream: S,
        state: State,
        // An item that was taken ahead.
        parked: Option<Item>,
    }
}

/// One value, as it is looked at for each item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
enum State {
    /// Neither polled nor let to make progress since it last yielded an item.
    Fresh,
    /// Polled, or let to make progress.
    Settled,
    /// An item was taken ahead.
    Ahead,
    /// It has ended.
    Ended,
}

impl<S: Stream> FromStream<S> {
    /// Returns the stream, and the item that was taken ahead, if there is one.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow;
    /// use smol::stream::{self, StreamExt};
    ///
    /// # smol::block_on(async {
    /// let mut items = flow::stream(stream::iter([1, 2])).into_stream();
    /// assert_eq!(items.next().await, Some(1));
    /// let (mut rest, ahead) = items.into_parts();
    /// assert_eq!((ahead, rest.next().await), (None, Some(2)));
    /// # });
    /// ```
    pub fn into_parts(self) -> (S, Option<S::Item>) {
        (self.stream, self.parked)
    }

    /// Takes the item that was taken ahead: none if it has ended.
    #[cold]
    fn take_ahead(self: Pin<&mut Self>) -> Option<S::Item> {
        let this = self.project();
        if *this.state == State::Ahead {
            *this.state = State::Fresh;
        }
        this.parked.take()
    }

    /// Polls the stream, which has not ended, for an item.
    #[inline]
    fn ask(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let this = self.project();
        let polled = this.stream.poll_next(cx);
        *this.state = match polled {
            Poll::Ready(Some(_)) => State::Fresh,
            Poll::Ready(None) => State::Ended,
            // A read has begun.
            Poll::Pending => State::Settled,
        };
        polled
    }
}

impl<S: Stream> Stream for FromStream<S> {
    type Item = S::Item;

    #[inline]
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        if self.state >= State::Ahead {
            return Poll::Ready(self.take_ahead());
        }
        self.ask(cx)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let parked = usize::from(self.parked.is_some());
        let ended = self.state == State::Ended;
        let (low, high) = if ended { (0, Some(0)) } else { self.stream.size_hint() };
        (low.saturating_add(parked), high.and_then(|high| high.checked_add(parked)))
    }
}

impl<S: Stream> Source for FromStream<S> {
    fn poll_progress(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.state >= State::Ahead {
            return Poll::Ready(());
        }
        // We have begun no read. If the stream has work under way nevertheless, it wakes us.
        if self.state == State::Fresh {
            *self.project().state = State::Settled;
            return Poll::Pending;
        }
        let Poll::Ready(item) = self.as_mut().ask(cx) else { return Poll::Pending };
        let this = self.project();
        if item.is_some() {
            *this.state = State::Ahead;
            *this.parked = item;
        }
        Poll::Ready(())
    }
}
