//! A budget that is not ours.

use crate::flow::{Flow, Source};
use core::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};
use futures_core::Stream;
use pin_project_lite::pin_project;

impl<S: Source> Flow<S> {
    /// Asks `proceed` before each item: the budget that an executor gives its tasks.
    ///
    /// Every operation that drives a flow yields to its executor after 64 items. That is enough
    /// unless the task does other things in the same poll, which an executor may count together:
    /// on tokio, pass `anyscope_tokio::proceed`, and the items of this flow are paid for like
    /// what is received from tokio's channels and sockets.
    ///
    /// `proceed` is ready, or has the task woken when it is worth asking again. Work that is under
    /// way continues meanwhile.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow;
    /// use std::task::Poll;
    ///
    /// # smol::block_on(async {
    /// let mut asked = 0;
    /// let proceed = |_: &mut std::task::Context<'_>| {
    ///     asked += 1;
    ///     Poll::Ready(())
    /// };
    /// assert_eq!(flow::iter(0..10).cooperate(proceed).count().await, 10);
    /// assert_eq!(asked, 11); // for the end, too
    /// # });
    /// ```
    pub fn cooperate<P>(self, proceed: P) -> Flow<Cooperate<S, P>>
    where
        P: FnMut(&mut Context<'_>) -> Poll<()>,
    {
        Flow { source: Cooperate { source: self.source, proceed } }
    }
}

pin_project! {
    /// Source of [`Flow::cooperate`].
    #[must_use = "streams do nothing unless polled"]
    pub struct Cooperate<S, P> {
        #[pin]
        source: S,
        proceed: P,
    }
}

impl<S, P> Cooperate<S, P> {
    /// Returns the source.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow;
    /// use smol::stream::StreamExt;
    /// use std::task::Poll;
    ///
    /// # smol::block_on(async {
    /// let mut numbers = flow::iter([1, 2, 3]).cooperate(|_| Poll::Ready(())).into_stream();
    /// assert_eq!(numbers.next().await, Some(1));
    /// assert_eq!(flow::source(numbers.into_inner()).collect::<Vec<_>>().await, [2, 3]);
    /// # });
    /// ```
    pub fn into_inner(self) -> S {
        self.source
    }
}

impl<S, P> Stream for Cooperate<S, P>
where
    S: Source,
    P: FnMut(&mut Context<'_>) -> Poll<()>,
{
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let this = self.project();
        if (this.proceed)(cx).is_ready() {
            return this.source.poll_next(cx);
        }
        // We are woken for an item in any case.
        let _ = this.source.poll_progress(cx);
        Poll::Pending
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.source.size_hint()
    }
}

impl<S, P> Source for Cooperate<S, P>
where
    S: Source,
    P: FnMut(&mut Context<'_>) -> Poll<()>,
{
    fn poll_progress(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.project().source.poll_progress(cx)
    }

    fn end_at(self: Pin<&mut Self>, is_last: fn(&S::Item) -> bool) {
        self.project().source.end_at(is_last);
    }
}

impl<S: fmt::Debug, P> fmt::Debug for Cooperate<S, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cooperate").field("source", &self.source).finish_non_exhaustive()
    }
}
