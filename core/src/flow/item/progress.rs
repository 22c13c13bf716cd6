//! How far an operation has come.

use crate::{
    flow::{Flow, Source},
    observe::{Progress, Teller},
    time::Clock,
};
use core::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};
use futures_core::Stream;
use pin_project_lite::pin_project;

impl<S: Source> Flow<S> {
    /// Tells `observer` how far the flow has come: first when it starts, with nothing done, then
    /// for each item, just before it is passed on.
    ///
    /// Put it after the work whose end counts: before a [`map_concurrent`](Flow::map_concurrent) it
    /// counts what is started. In an ordered flow an item counts when it is its turn, so a slow one
    /// holds up the count of those behind it; [`unordered`](Flow::unordered) counts at once. To
    /// have a [`for_each_concurrent`](Flow::for_each_concurrent) observed, write it as `map`, this,
    /// and [`count`](Flow::count).
    ///
    /// Time is that of `clock`, since the flow was first polled. Without one, pass [`NoClock`](crate::flow::NoClock).
    ///
    /// Nothing counts as failed; for results there is [`try_progress`](Flow::try_progress).
    ///
    /// # Panics
    ///
    /// A panic of the observer propagates like one of the work. The item it was told of is
    /// dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow::{self, NoClock};
    ///
    /// # smol::block_on(async {
    /// let mut told = vec![];
    /// let sent = flow::iter(["ann", "bob"])
    ///     .map_concurrent(2, async |user| drop(user)) // .. send a mail ..
    ///     .progress(NoClock, |progress| told.push(progress.to_string()))
    ///     .count()
    ///     .await;
    /// assert_eq!(sent, 2);
    /// assert_eq!(told, ["0 of 2", "1 of 2", "2 of 2"]);
    /// # });
    /// ```
    pub fn progress<C, O>(self, clock: C, observer: O) -> Flow<ReportProgress<S, C, O>>
    where
        C: Clock,
        O: FnMut(Progress),
    {
        ReportProgress::of(self.source, clock, observer, |_| false)
    }
}

impl<S, T, E> Flow<S>
where
    S: Source<Item = Result<T, E>>,
{
    /// As [`progress`](Flow::progress), for a flow of results, in which errors count as failed.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow::{self, NoClock};
    ///
    /// # smol::block_on(async {
    /// let mut last = String::new();
    /// let numbers: Vec<_> = flow::iter(["1", "two", "3"])
    ///     .map_concurrent(2, async |line: &str| line.parse::<u32>())
    ///     .try_progress(NoClock, |progress| last = progress.to_string())
    ///     .filter_ok()
    ///     .collect()
    ///     .await;
    /// assert_eq!(numbers, [1, 3]);
    /// assert_eq!(last, "3 of 3, 1 failed");
    /// # });
    /// ```
    pub fn try_progress<C, O>(self, clock: C, observer: O) -> Flow<ReportProgress<S, C, O>>
    where
        C: Clock,
        O: FnMut(Progress),
    {
        ReportProgress::of(self.source, clock, observer, Result::is_err)
    }
}

pin_project! {
    /// Source of [`Flow::progress`].
    #[must_use = "streams do nothing unless polled"]
    pub struct ReportProgress<S: Stream, C, O, Item = <S as Stream>::Item> {
        #[pin]
        source: S,
        teller: Teller<C, O>,
        is_error: fn(&Item) -> bool,
    }
}

impl<S, C, O> ReportProgress<S, C, O>
where
    S: Source,
    C: Clock,
    O: FnMut(Progress),
{
    fn of(source: S, clock: C, observer: O, is_error: fn(&S::Item) -> bool) -> Flow<Self> {
        let teller = Teller::new(clock, observer);
        Flow { source: ReportProgress { source, teller, is_error } }
    }

    fn start(self: Pin<&mut Self>) {
        let this = self.project();
        this.teller.start(|| exactly(this.source.size_hint()));
    }
}

impl<S: Stream, C, O> ReportProgress<S, C, O> {
    /// Returns the source. Nothing of it is held here.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow::{self, NoClock};
    /// use smol::stream::StreamExt;
    ///
    /// # smol::block_on(async {
    /// let mut mails = flow::iter(["ann", "bob"]).progress(NoClock, |_| {}).into_stream();
    /// assert_eq!(mails.next().await, Some("ann"));
    /// assert_eq!(flow::source(mails.into_inner()).collect::<Vec<_>>().await, ["bob"]);
    /// # });
    /// ```
    pub fn into_inner(self) -> S {
        self.source
    }
}

impl<S, C, O> Stream for ReportProgress<S, C, O>
where
    S: Source,
    C: Clock,
    O: FnMut(Progress),
{
    type Item = S::Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        self.as_mut().start();
        let mut this = self.project();
        let Some(item) = ready!(this.source.as_mut().poll_next(cx)) else {
            return Poll::Ready(None);
        };
        let is_error = (this.is_error)(&item);
        this.teller.item(is_error, || exactly(this.source.size_hint()));
        Poll::Ready(Some(item))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.source.size_hint()
    }
}

impl<S, C, O> Source for ReportProgress<S, C, O>
where
    S: Source,
    C: Clock,
    O: FnMut(Progress),
{
    fn poll_progress(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.as_mut().start();
        self.project().source.poll_progress(cx)
    }

    fn end_at(self: Pin<&mut Self>, is_last: fn(&S::Item) -> bool) {
        self.project().source.end_at(is_last);
    }
}

impl<S: Stream + fmt::Debug, C, O> fmt::Debug for ReportProgress<S, C, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (done, failed) = self.teller.counts();
        f.debug_struct("ReportProgress")
            .field("source", &self.source)
            .field("done", &done)
            .field("failed", &failed)
            .finish_non_exhaustive()
    }
}

/// How many items are to come, if the source knows exactly.
fn exactly((low, high): (usize, Option<usize>)) -> Option<usize> {
    high.filter(|&high| high == low)
}
