//! What a flow comes from.

use core::{
    mem,
    pin::Pin,
    task::{Context, Poll},
};
use futures_core::Stream;
use pin_project_lite::pin_project;

/// A stream that can make progress while its next item is not wanted.
///
/// A [`Stream`] only works while it is asked for an item. What it has under way (a request that
/// was sent, a lock that was taken) then waits until its consumer is done with the item before, and
/// may never be done itself if the consumer waits for it. Every operation of this module is a
/// `Source`, asks the sources it stands on to go on in the same way, and so stays awake through a
/// whole chain.
///
/// [`stream`] makes a source of any stream; implement this trait for a stream of your own that has
/// work under way, and enter it with [`source`].
pub trait Source: Stream {
    /// Goes on with what has started, without giving an item.
    ///
    /// Ready when nothing is left to do before the next item is asked for. Pending when something
    /// is: the task is then woken when it is worth calling again. May be called at any time, also
    /// after the end.
    ///
    /// An operation at its limit calls it once after the last item that it took, and then for each
    /// time that its source has woken it.
    fn poll_progress(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()>;
}

/// A source of items, ready for an operation with a limit. See the [module](crate::flow).
#[derive(Clone, Debug)]
#[must_use = "a flow does nothing unless an operation drives it"]
pub struct Flow<S> {
    pub(in crate::flow) source: S,
}

/// A flow of the items of an iterator, or of anything that can be iterated over.
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

/// A flow of the items of a stream.
///
/// The stream is not polled again once it has ended. A read of it that has begun is never
/// suspended: it continues while the operation has no room for the item, which is then kept until
/// it has. So at most one item is taken ahead.
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
    source(FromStream { stream, ended: false, parked: None, settled: false })
}

/// A flow of the items of a [`Source`].
pub fn source<S: Source>(source: S) -> Flow<S> {
    Flow { source }
}

impl<S: Source> Flow<S> {
    /// Returns the items as a stream, for code that takes one.
    ///
    /// **What a stream cannot promise:** it works only while it is asked for an item. A loop that
    /// awaits something else between two items suspends all work that this flow has under way, and
    /// deadlocks if it awaits something that this work holds. Prefer an operation that owns the
    /// loop, such as [`for_each_concurrent`](Flow::for_each_concurrent); or call
    /// [`poll_progress`](Source::poll_progress) of the stream while you wait.
    pub fn into_stream(self) -> S {
        self.source
    }
}

/// The stream of an iterator: always ready.
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
        // Stays when it has ended: what it owns may be used by the work on its items.
        #[pin]
        stream: S,
        ended: bool,
        // Taken while it was not wanted.
        parked: Option<Item>,
        // Asked to go on since it last yielded an item.
        settled: bool,
    }
}

impl<S: Stream> FromStream<S> {
    /// Returns the stream, and the item that was taken ahead if there is one.
    pub fn into_parts(self) -> (S, Option<S::Item>) {
        (self.stream, self.parked)
    }

    fn ask(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let this = self.project();
        if *this.ended {
            return Poll::Ready(None);
        }
        let polled = this.stream.poll_next(cx);
        match polled {
            Poll::Ready(Some(_)) => *this.settled = false,
            Poll::Ready(None) => *this.ended = true,
            // A read has begun.
            Poll::Pending => *this.settled = true,
        }
        polled
    }
}

impl<S: Stream> Stream for FromStream<S> {
    type Item = S::Item;

    #[inline]
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        // Not `take` alone, which would copy an item that is hardly ever there.
        if self.parked.is_some() {
            return Poll::Ready(self.as_mut().project().parked.take());
        }
        self.ask(cx)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let parked = usize::from(self.parked.is_some());
        let (low, high) = if self.ended { (0, Some(0)) } else { self.stream.size_hint() };
        (low.saturating_add(parked), high.and_then(|high| high.checked_add(parked)))
    }
}

impl<S: Stream> Source for FromStream<S> {
    fn poll_progress(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.parked.is_some() || self.ended {
            return Poll::Ready(());
        }
        // No read has begun as far as we know; if the stream has one under way, it wakes us.
        if !mem::replace(self.as_mut().project().settled, true) {
            return Poll::Pending;
        }
        match self.as_mut().ask(cx) {
            Poll::Ready(item) => *self.project().parked = item,
            Poll::Pending => return Poll::Pending,
        }
        Poll::Ready(())
    }
}
