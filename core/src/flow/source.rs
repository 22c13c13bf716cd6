//! What a flow comes from.

use core::{
    pin::Pin,
    task::{Context, Poll},
};
use futures_core::Stream;

/// A source of items, ready for an operation with a limit. See the [module](super).
#[derive(Clone, Debug)]
#[must_use = "a flow does nothing unless an operation drives it"]
pub struct Flow<S> {
    pub(super) source: S,
}

/// A flow of the items of an iterator, or of anything that can be iterated over.
pub fn iter<I: IntoIterator>(items: I) -> Flow<Iter<I::IntoIter>> {
    stream(Iter { iter: items.into_iter() })
}

/// A flow of the items of a stream.
pub fn stream<S: Stream>(source: S) -> Flow<S> {
    Flow { source }
}

/// The stream of an iterator: always ready.
#[derive(Clone, Debug)]
pub struct Iter<I> {
    iter: I,
}

/// The iterator is not pinned.
impl<I> Unpin for Iter<I> {}

impl<I: Iterator> Stream for Iter<I> {
    type Item = I::Item;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<I::Item>> {
        Poll::Ready(self.iter.next())
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.iter.size_hint()
    }
}
