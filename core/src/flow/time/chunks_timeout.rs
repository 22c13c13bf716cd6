//! Items in groups, with a time limit.

use super::Alarm;
use crate::{
    flow::{Flow, Source, item::chunks::Chunk, source::reader::Reader},
    time::Timer,
};
use alloc::vec::Vec;
use core::{
    num::NonZeroUsize,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};
use futures_core::Stream;
use pin_project_lite::pin_project;

impl<S: Source> Flow<S> {
    /// Yields the items in vectors of up to `size`. A chunk is yielded when it is full, when its
    /// first item is `limit` old, or when the source ends. No chunk is empty.
    ///
    /// ```text
    /// source                 ab-c-----d|
    /// chunks_timeout(2, 4)   -ab-----c--[d|]
    /// ```
    ///
    /// The source is polled before the timer: items that come just as the limit passes belong to
    /// the chunk.
    ///
    /// With a limit of zero, a chunk is what is there at once. With [`Duration::MAX`] this is
    /// [`chunks`](Flow::chunks).
    ///
    /// A chunk that has begun is filled further, and gets older, while the consumer is busy. It is
    /// then closed and kept. So one chunk may be taken ahead.
    ///
    /// # Cancel safety, fairness
    ///
    /// As [`chunks`](Flow::chunks).
    ///
    /// # Cost
    ///
    /// One vector and one sleep for each chunk.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow;
    /// use std::{num::NonZeroUsize, time::Duration};
    ///
    /// const TWO: NonZeroUsize = NonZeroUsize::new(2).unwrap();
    ///
    /// anyscope::sim::Sim::new(7).run(async |sim| {
    ///     let chunks = flow::stream(sim.marble("ab-c-----d|"))
    ///         .chunks_timeout(&sim, TWO, Duration::from_secs(4))
    ///         .into_stream();
    ///     let chunks = futures_lite::StreamExt::map(chunks, String::from_iter);
    ///     assert_eq!(sim.draw(chunks).await, "-ab-----c--[d|]");
    /// })
    /// .unwrap();
    /// ```
    pub fn chunks_timeout<T: Timer>(
        self,
        timer: T,
        size: NonZeroUsize,
        limit: Duration,
    ) -> Flow<ChunksTimeout<S, T>> {
        Flow {
            source: ChunksTimeout {
                reader: Reader::new(self.source),
                alarm: Alarm::new(timer),
                limit,
                chunk: Chunk::new(size),
            },
        }
    }
}

pin_project! {
    /// Source of [`Flow::chunks_timeout`].
    #[derive(Debug)]
    #[must_use = "streams do nothing unless polled"]
    pub struct ChunksTimeout<S: Stream, T: Timer, Item = <S as Stream>::Item> {
        #[pin]
        reader: Reader<S>,
        // Set with the first item of a chunk. When it has rung, the chunk is closed.
        alarm: Alarm<T>,
        limit: Duration,
        chunk: Chunk<Item>,
    }
}

impl<S: Stream, T: Timer> ChunksTimeout<S, T> {
    /// Returns the source, and what was taken from it and not yielded yet.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{flow, smol::Smol};
    /// use smol::{future::poll_once, stream::{self, StreamExt}};
    /// use std::{num::NonZeroUsize, time::Duration};
    ///
    /// const TEN: NonZeroUsize = NonZeroUsize::new(10).unwrap();
    ///
    /// # smol::block_on(async {
    /// let source = flow::stream(stream::iter([1, 2]).chain(stream::pending()));
    /// let mut chunks = source.chunks_timeout(&Smol, TEN, Duration::MAX).into_stream();
    /// assert_eq!(poll_once(chunks.next()).await, None); // not full
    /// let (_source, chunk) = chunks.into_parts();
    /// assert_eq!(chunk, [1, 2]);
    /// # });
    /// ```
    pub fn into_parts(self) -> (S, Vec<S::Item>) {
        (self.reader.into_inner(), self.chunk.items)
    }

    /// Ready when the chunk is closed.
    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        if this.alarm.has_rung() {
            return Poll::Ready(());
        }
        let begins = this.chunk.items.is_empty();
        if this.chunk.poll_fill(this.reader, cx).is_ready() {
            this.alarm.clear();
            return Poll::Ready(());
        }
        if this.chunk.items.is_empty() {
            return Poll::Pending;
        }
        if begins {
            this.alarm.set(*this.limit);
        }
        this.alarm.poll(cx)
    }
}

impl<S: Stream, T: Timer> Stream for ChunksTimeout<S, T> {
    type Item = Vec<S::Item>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Vec<S::Item>>> {
        ready!(self.as_mut().poll_close(cx));
        let this = self.project();
        this.alarm.clear();
        Poll::Ready(this.chunk.take())
    }
}

impl<S: Source, T: Timer> Source for ChunksTimeout<S, T> {
    fn poll_progress(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.reader.is_reading() || !self.chunk.items.is_empty() {
            ready!(self.as_mut().poll_close(cx));
        }
        self.project().reader.poll_progress(cx)
    }
}
