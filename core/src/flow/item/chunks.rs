//! Items in groups.

use crate::flow::{Flow, POLLS, Source, source::reader::Reader};
use crate::waits;
use alloc::vec::Vec;
use core::{
    mem,
    num::NonZeroUsize,
    pin::Pin,
    task::{Context, Poll, ready},
};
use futures_core::Stream;
use pin_project_lite::pin_project;

impl<S: Source> Flow<S> {
    /// Yields the items in vectors of `size`; the last one may be shorter, and is never empty.
    ///
    /// ```text
    /// source       a-b-c-d-e-|
    /// chunks(2)    --ab--cd--[e|]
    /// ```
    ///
    /// The items of a `try_` source come as they are, errors among them. To have a chunk that is
    /// not full after some time, see [`chunks_timeout`](Flow::chunks_timeout).
    ///
    /// A chunk that has begun is filled further while the consumer is busy: so one chunk may be
    /// taken ahead.
    ///
    /// # Cancel safety
    ///
    /// Loses nothing: [`into_parts`](Chunks::into_parts) returns the source and the chunk that
    /// is not full.
    ///
    /// # Fairness
    ///
    /// After 64 items of one chunk the task yields to its executor.
    ///
    /// # Cost
    ///
    /// One vector for each chunk.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow;
    /// use std::num::NonZeroUsize;
    ///
    /// const TWO: NonZeroUsize = NonZeroUsize::new(2).unwrap(); // a zero does not compile
    ///
    /// # smol::block_on(async {
    /// let sums = std::cell::RefCell::new(Vec::new());
    /// flow::iter([1, 2, 3, 4, 5])
    ///     .chunks(TWO)
    ///     .for_each_concurrent(1, async |chunk: Vec<i32>| {
    ///         sums.borrow_mut().push(chunk.iter().sum::<i32>());
    ///     })
    ///     .await;
    /// assert_eq!(sums.into_inner(), [3, 7, 5]);
    /// # });
    /// ```
    pub fn chunks(self, size: NonZeroUsize) -> Flow<Chunks<S>> {
        Flow { source: Chunks { reader: Reader::new(self.source), chunk: Chunk::new(size) } }
    }
}

pin_project! {
    /// Source of [`Flow::chunks`].
    #[derive(Debug)]
    #[must_use = "streams do nothing unless polled"]
    pub struct Chunks<S: Stream, Item = <S as Stream>::Item> {
        #[pin]
        reader: Reader<S>,
        chunk: Chunk<Item>,
    }
}

impl<S: Stream> Chunks<S> {
    /// Returns the source, and the items that were taken from it and not yielded yet.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow;
    /// use smol::{future::poll_once, stream::{self, StreamExt}};
    /// use std::num::NonZeroUsize;
    ///
    /// # smol::block_on(async {
    /// let two_of_three = stream::iter([1, 2]).chain(stream::pending());
    /// let three = NonZeroUsize::new(3).unwrap();
    /// let mut chunks = flow::stream(two_of_three).chunks(three).into_stream();
    /// assert_eq!(poll_once(chunks.next()).await, None);
    /// let (_rest, items) = chunks.into_parts();
    /// assert_eq!(items, [1, 2]);
    /// # });
    /// ```
    pub fn into_parts(self) -> (S, Vec<S::Item>) {
        (self.reader.into_inner(), self.chunk.items)
    }
}

impl<S: Stream> Stream for Chunks<S> {
    type Item = Vec<S::Item>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Vec<S::Item>>> {
        let this = self.project();
        ready!(this.chunk.poll_fill(this.reader, cx));
        Poll::Ready(this.chunk.take())
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let (low, high) = self.reader.size_hint_with(self.chunk.items.len());
        let size = self.chunk.size.get();
        (low.div_ceil(size), high.map(|high| high.div_ceil(size)))
    }
}

impl<S: Source> Source for Chunks<S> {
    fn poll_progress(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        if this.reader.is_reading() || !this.chunk.items.is_empty() {
            ready!(this.chunk.poll_fill(this.reader.as_mut(), cx));
        }
        this.reader.poll_progress(cx)
    }
}

/// A chunk in the making.
#[derive(Debug)]
pub(in crate::flow) struct Chunk<T> {
    pub(in crate::flow) items: Vec<T>,
    size: NonZeroUsize,
}

impl<T> Chunk<T> {
    pub(in crate::flow) fn new(size: NonZeroUsize) -> Self {
        Chunk { items: Vec::new(), size }
    }

    pub(in crate::flow) fn is_full(&self) -> bool {
        self.items.len() >= self.size.get()
    }

    /// Ready when it is full or the source has ended.
    pub(in crate::flow) fn poll_fill<S: Stream<Item = T>>(
        &mut self,
        mut reader: Pin<&mut Reader<S>>,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        for _ in 0..POLLS {
            if self.is_full() {
                return Poll::Ready(());
            }
            match ready!(reader.as_mut().poll_next(cx)) {
                Some(item) => self.push(item, || reader.size_hint().0),
                None => return Poll::Ready(()),
            }
        }
        if self.is_full() {
            return Poll::Ready(());
        }
        waits::yields(cx.waker());
        Poll::Pending
    }

    /// None if it is empty.
    pub(in crate::flow) fn take(&mut self) -> Option<Vec<T>> {
        Some(mem::take(&mut self.items)).filter(|items| !items.is_empty())
    }

    fn push(&mut self, item: T, more: impl FnOnce() -> usize) {
        if self.items.is_empty() {
            // What is sure to come; the source is not trusted with more than a little.
            let room = more().saturating_add(1).min(self.size.get()).min(POLLS);
            self.items.reserve_exact(room);
        }
        self.items.push(item);
    }
}
