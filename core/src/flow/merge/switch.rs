//! Switches to the newest of the flows in a flow.

use super::each::Each;
use crate::flow::source::{Flow, Source, into_flow::IntoFlow};
use crate::{set::budget::Budget, waits};
use core::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};
use futures_core::{FusedStream, Stream};
use pin_project_lite::pin_project;

impl<S: Source> Flow<S> {
    /// Yields the items of the newest inner flow. The inner flows are the items of this flow: flows
    /// or streams.
    ///
    /// ```text
    /// flow      A----B-----------|
    /// A         a-a-a-a-a|               dropped when B comes
    /// B              b----b----b|
    /// switch    a-a-ab----b----b-|
    /// ```
    ///
    /// When a new inner flow comes, the previous one is dropped before the new one is polled. If
    /// several have come, all but the newest are dropped without a poll. When this flow has ended,
    /// the last inner flow runs to its end. When an inner flow has ended, the next one is waited
    /// for.
    ///
    /// While the consumer is busy, this flow and the inner flow continue the work that they have
    /// begun. Each holds at most the items that it takes ahead itself.
    ///
    /// # Cancel safety
    ///
    /// Dropping the flow drops the inner flow, then this one, with the items that they have taken
    /// ahead. [`into_parts`](Switch::into_parts) returns them instead. An inner flow that is
    /// replaced is dropped with the items that it has taken ahead: that is the purpose of
    /// switching.
    ///
    /// # Panics
    ///
    /// Propagates a panic of a flow. An inner flow that has panicked is not polled again, and is
    /// dropped when the next one comes.
    ///
    /// # Fairness
    ///
    /// After 64 inner flows in a row, the newest one is polled once, and the task yields.
    ///
    /// # Cost
    ///
    /// No allocation. A wake for one of the two flows polls both.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow;
    ///
    /// # smol::block_on(async {
    /// let answers = flow::iter([1, 2, 3].map(|n| flow::iter([n, 10 * n])));
    /// let all: Vec<_> = answers.switch().collect().await;
    /// assert_eq!(all, [3, 30]); // the other flows were replaced at once
    /// # });
    /// ```
    pub fn switch(self) -> Flow<Switch<S, <S::Item as IntoFlow>::Source>>
    where
        S::Item: IntoFlow,
    {
        crate::flow::source(Switch { inner: None, outer: self.source, ended: false, broken: false })
    }

    /// Yields the items of the flow or stream that `f` returns for the newest item.
    ///
    /// As [`switch`](Self::switch).
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow;
    ///
    /// # smol::block_on(async {
    /// let queries = flow::iter(["a", "an", "any"]);
    /// let answers = queries.switch_map(|query| flow::iter([query.len(), 10 * query.len()]));
    /// assert_eq!(answers.collect::<Vec<_>>().await, [3, 30]); // the others were replaced at once
    /// # });
    /// ```
    pub fn switch_map<F, T>(self, f: F) -> Flow<Switch<Each<S, F>, T::Source>>
    where
        F: FnMut(S::Item) -> T,
        T: IntoFlow,
    {
        Each::new(self.source, f).switch()
    }
}

pin_project! {
    /// Source of [`Flow::switch`].
    #[must_use = "streams do nothing unless polled"]
    pub struct Switch<S, T> {
        // Dropped before the outer flow, whose data it may use.
        #[pin]
        inner: Option<T>,
        // Kept after its end.
        #[pin]
        outer: S,
        ended: bool,
        // The inner flow has panicked.
        broken: bool,
    }
}

/// What a [`Switch`] holds; see [`into_parts`](Switch::into_parts).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SwitchParts<S, T> {
    /// The outer source.
    pub outer: S,
    /// The newest inner source, unless it has ended.
    pub inner: Option<T>,
}

impl<S, T> Switch<S, T> {
    /// Returns the outer source and the inner source. The items that were taken ahead are in them:
    /// this operator holds none.
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
    /// let mut newest = flow::iter([1, 2].map(|n| flow::iter([n, 10 * n]))).switch().into_stream();
    /// assert_eq!(newest.next().await, Some(2));
    /// let inner = newest.into_parts().inner.unwrap();
    /// assert_eq!(flow::source(inner).collect::<Vec<_>>().await, [20]);
    /// # });
    /// ```
    pub fn into_parts(self) -> SwitchParts<S, T> {
        SwitchParts { outer: self.outer, inner: self.inner }
    }
}

impl<S: Source<Item: IntoFlow<Source = T>>, T: Source> Stream for Switch<S, T> {
    type Item = T::Item;

    #[inline]
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T::Item>> {
        let mut this = self.project();
        let mut budget = Budget::new();
        let mut spent = false;
        while !*this.ended && !spent {
            match this.outer.as_mut().poll_next(cx) {
                Poll::Ready(Some(item)) => {
                    this.inner.set(None);
                    *this.broken = false;
                    this.inner.set(Some(item.into_flow().source));
                    spent = !budget.pay_poll();
                }
                Poll::Ready(None) => *this.ended = true,
                Poll::Pending => break,
            }
        }
        if let (Some(inner), false) = (this.inner.as_mut().as_pin_mut(), *this.broken) {
            *this.broken = true;
            let polled = inner.poll_next(cx);
            *this.broken = false;
            match polled {
                Poll::Ready(Some(item)) => return Poll::Ready(Some(item)),
                Poll::Ready(None) => this.inner.set(None),
                Poll::Pending => {}
            }
        }
        if spent {
            waits::yields(cx.waker());
        }
        if *this.ended && (this.inner.is_none() || *this.broken) {
            return Poll::Ready(None);
        }
        Poll::Pending
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let (low, high) = self.inner.as_ref().map_or((0, Some(0)), |source| source.size_hint());
        match self.ended {
            true => (low, high),
            false => (0, high.filter(|_| self.outer.size_hint().1 == Some(0))),
        }
    }
}

impl<S: Source<Item: IntoFlow<Source = T>>, T: Source> Source for Switch<S, T> {
    fn poll_progress(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        let mut done = *this.ended || this.outer.poll_progress(cx).is_ready();
        if let (Some(inner), false) = (this.inner.as_pin_mut(), *this.broken) {
            *this.broken = true;
            done &= inner.poll_progress(cx).is_ready();
            *this.broken = false;
        }
        if done { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl<S: Source<Item: IntoFlow<Source = T>>, T: Source> FusedStream for Switch<S, T> {
    fn is_terminated(&self) -> bool {
        self.ended && (self.inner.is_none() || self.broken)
    }
}

impl<S, T> fmt::Debug for Switch<S, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Switch")
            .field("open", &self.inner.is_some())
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}
