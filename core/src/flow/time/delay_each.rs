//! Items, delayed.

use super::Alarm;
use crate::{
    flow::{Flow, Source, source::reader::Reader},
    limit::{IntoLimit, Limit},
    time::{Clock, Instant, Timer},
    waits,
};
use alloc::collections::VecDeque;
use core::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use futures_core::Stream;
use pin_project_lite::pin_project;

impl<S: Source> Flow<S> {
    /// Yields each item `delay` after it came, with at most `limit` items waiting.
    ///
    /// ```text
    /// source               ab-c|
    /// delay_each(2, 8)     --ab-[c|]
    /// delay_each(2, 1)     --a--b---c|
    /// ```
    ///
    /// Items wait at the same time, and keep their order and their distance. While `limit` items
    /// wait, none is taken from the source. The delay of an item begins when it is taken. So with a
    /// limit of 1, an item is taken, and begins to wait, only after the previous one was yielded.
    /// No item is dropped. The flow ends with the last item, or with the source if that ends later.
    ///
    /// With a delay of zero, items are yielded as they come. With [`Duration::MAX`] none is ever
    /// yielded.
    ///
    /// While the consumer is busy, the delays pass, and only a read that has begun takes another
    /// item.
    ///
    /// # Cancel safety
    ///
    /// Loses nothing: [`into_parts`](DelayEach::into_parts) returns the source and the items
    /// that wait.
    ///
    /// # Panics
    ///
    /// Panics if `limit` is 0.
    ///
    /// # Cost
    ///
    /// One read of the clock and one sleep for each item; memory for at most `limit` items.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow;
    /// use std::time::Duration;
    ///
    /// anyscope::sim::Sim::new(7).run(async |sim| {
    ///     let late = |limit| {
    ///         let items = flow::stream(sim.marble("ab-c|"));
    ///         items.delay_each(&sim, Duration::from_secs(2), limit).into_stream()
    ///     };
    ///     assert_eq!(sim.draw(late(8)).await, "--ab-[c|]");
    ///     assert_eq!(sim.draw(late(1)).await, "--a--b---c|");
    /// })
    /// .unwrap();
    /// ```
    #[track_caller]
    pub fn delay_each<T: Timer + Clock>(
        self,
        timer: T,
        delay: Duration,
        limit: impl IntoLimit<Limit = Limit>,
    ) -> Flow<DelayEach<S, T>> {
        Flow {
            source: DelayEach {
                reader: Reader::new(self.source),
                alarm: Alarm::new(timer),
                delay,
                limit: limit.into_limit().get(),
                waiting: VecDeque::new(),
            },
        }
    }
}

pin_project! {
    /// Source of [`Flow::delay_each`].
    #[derive(Debug)]
    #[must_use = "streams do nothing unless polled"]
    pub struct DelayEach<S: Stream, T: Timer, Item = <S as Stream>::Item> {
        #[pin]
        reader: Reader<S>,
        // Rings when the first waiting item is due.
        alarm: Alarm<T>,
        delay: Duration,
        limit: usize,
        waiting: VecDeque<(Instant, Item)>,
    }
}

impl<S: Stream, T: Timer, Item> DelayEach<S, T, Item> {
    /// Returns the source, and the items that wait, in order.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{flow, smol::Smol};
    /// use smol::{future::poll_once, stream::StreamExt};
    /// use std::time::Duration;
    ///
    /// # smol::block_on(async {
    /// let mut late = flow::iter([1, 2, 3]).delay_each(&Smol, Duration::MAX, 2).into_stream();
    /// assert_eq!(poll_once(late.next()).await, None);
    /// let (_rest, waiting) = late.into_parts();
    /// assert_eq!(waiting.collect::<Vec<_>>(), [1, 2]);
    /// # });
    /// ```
    pub fn into_parts(self) -> (S, impl ExactSizeIterator<Item = Item>) {
        (self.reader.into_inner(), self.waiting.into_iter().map(|(_, item)| item))
    }
}

impl<S: Stream, T: Timer + Clock> DelayEach<S, T> {
    /// Takes one item, to wait. Returns false if there is none now.
    fn poll_one(self: Pin<&mut Self>, cx: &mut Context<'_>) -> bool {
        let this = self.project();
        let Poll::Ready(Some(item)) = this.reader.poll_next(cx) else { return false };
        let due = this.alarm.timer().now().saturating_add(*this.delay);
        this.waiting.push_back((due, item));
        true
    }
}

impl<S: Source, T: Timer + Clock> Stream for DelayEach<S, T> {
    type Item = S::Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let mut polls = crate::flow::POLLS;
        while self.waiting.len() < self.limit && self.as_mut().poll_one(cx) {
            polls -= 1;
            if polls == 0 {
                waits::yields(cx.waker());
                break;
            }
        }
        let this = self.project();
        let Some((due, _)) = this.waiting.front() else {
            return if this.reader.is_over() { Poll::Ready(None) } else { Poll::Pending };
        };
        if this.alarm.is_off() && *due != Instant::NEVER {
            let left = due.saturating_duration_since(this.alarm.timer().now());
            this.alarm.set(left);
        }
        if this.alarm.poll(cx).is_pending() {
            if !this.reader.is_reading() {
                // The source may have work under way.
                let _ = this.reader.poll_progress(cx);
            }
            return Poll::Pending;
        }
        this.alarm.clear();
        Poll::Ready(this.waiting.pop_front().map(|(_, item)| item))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.reader.size_hint_with(self.waiting.len())
    }
}

impl<S: Source, T: Timer + Clock> Source for DelayEach<S, T> {
    // The delays need no poll to pass.
    fn poll_progress(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.reader.is_reading() {
            self.as_mut().poll_one(cx);
            if self.reader.is_reading() {
                return Poll::Pending;
            }
        }
        self.project().reader.poll_progress(cx)
    }

    fn end_at(self: Pin<&mut Self>, is_last: fn(&S::Item) -> bool) {
        self.project().reader.end_at(is_last);
    }
}
