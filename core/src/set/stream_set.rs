//! A growing set of streams.

use super::{passes, slab::Slab};
use core::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};
use futures_core::{FusedStream, Stream};

/// Streams whose items come as one stream, each when it is there.
///
/// Each stream is polled only when its own waker has fired, or after it gave an item. It is
/// dropped in place when it has ended. The set is `None` while it is empty, and goes on when
/// something is pushed.
///
/// [`merge_all`](crate::flow::merge_all) does the same as a [`Flow`](crate::flow::Flow).
///
/// # Cancel safety, panics, cost
///
/// Those of [`FutureSet`](crate::FutureSet).
///
/// # Fairness
///
/// In passes, as [`FutureSet`](crate::FutureSet): with k streams that are always ready, each gives
/// at least ⌊N/k⌋ − 1 of any N items.
///
/// # Examples
///
/// ```
/// use anyscope::StreamSet;
/// use smol::stream::{self, StreamExt};
///
/// # smol::block_on(async {
/// let mut set = StreamSet::new();
/// set.push(stream::iter([1, 2, 3]));
/// set.push(stream::iter([10, 20, 30]));
/// assert_eq!(set.collect::<Vec<_>>().await, [1, 10, 2, 20, 3, 30]);
/// # });
/// ```
pub struct StreamSet<S> {
    slab: Slab<S>,
}

impl<S> StreamSet<S> {
    /// An empty set. Allocates nothing.
    pub const fn new() -> Self {
        StreamSet { slab: Slab::new() }
    }

    /// An empty set whose first chunk of memory has room for `streams` (at most 64). Allocates
    /// nothing yet.
    pub fn with_capacity(streams: usize) -> Self {
        StreamSet { slab: Slab::with_capacity(streams) }
    }

    /// Adds a stream. It is first polled by the next poll of the set.
    #[inline]
    pub fn push(&mut self, stream: S) {
        self.slab.push(stream);
    }

    /// How many streams there are.
    pub fn len(&self) -> usize {
        self.slab.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.slab.is_empty()
    }

    /// Drops all streams.
    ///
    /// # Panics
    ///
    /// When the destructor of a stream does; the others are dropped first.
    pub fn clear(&mut self) {
        self.slab.clear();
    }

    /// Gives back the memory that no stream is in.
    ///
    /// Memory comes in pieces for up to 64 streams, and each piece stays while one of them is in it: they
    /// do not move. Takes time in proportion to the number of pieces.
    pub fn shrink_to_fit(&mut self) {
        self.slab.shrink_to_fit();
    }
}

impl<S: Stream> Stream for StreamSet<S> {
    type Item = S::Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        passes::poll_next(&mut self.slab, cx, |slab, key| {
            let polled = slab.poll_with(key, |stream, cx| stream.poll_next(cx))?;
            Some(match polled {
                Poll::Ready(Some(item)) => {
                    slab.wake(key);
                    Poll::Ready(item)
                }
                Poll::Ready(None) => {
                    slab.remove(key);
                    Poll::Pending
                }
                Poll::Pending => Poll::Pending,
            })
        })
    }
}

/// Terminated while it is empty.
impl<S: Stream> FusedStream for StreamSet<S> {
    fn is_terminated(&self) -> bool {
        self.is_empty()
    }
}

impl<S> Default for StreamSet<S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Extend<S> for StreamSet<S> {
    fn extend<I: IntoIterator<Item = S>>(&mut self, streams: I) {
        streams.into_iter().for_each(|stream| self.push(stream));
    }
}

impl<S> FromIterator<S> for StreamSet<S> {
    fn from_iter<I: IntoIterator<Item = S>>(streams: I) -> Self {
        let streams = streams.into_iter();
        let mut set = StreamSet::with_capacity(streams.size_hint().0);
        set.extend(streams);
        set
    }
}

impl<S> fmt::Debug for StreamSet<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamSet").field("len", &self.len()).finish_non_exhaustive()
    }
}
