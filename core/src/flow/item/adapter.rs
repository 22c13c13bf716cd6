//! The source of all operators that look at an item and yield one or none.

use crate::{
    flow::{Flow, Source},
    set::budget::Budget,
    waits,
};
use core::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};
use futures_core::Stream;
use pin_project_lite::pin_project;

/// What an operator makes of an item.
///
/// Implemented by what [`filter`](Flow::filter) and its kin return, and by nothing else.
pub trait Adapter<Item>: sealed::Adapter<Item> {}

impl<Item, A: sealed::Adapter<Item>> Adapter<Item> for A {}

pub(in crate::flow) mod sealed {
    #[allow(unnameable_types, reason = "sealed")]
    pub trait Adapter<Item> {
        /// The type of its items.
        type Output;

        /// Whether every item yields one.
        const GIVES_ALL: bool = true;

        fn adapt(&mut self, item: Item) -> Option<Self::Output>;

        /// What to ask the source, asked to end with the first item that `is_last`; see
        /// [`Source::end_at`](crate::flow::Source::end_at). `None` if the items are changed.
        fn end_at(is_last: fn(&Self::Output) -> bool) -> Option<fn(&Item) -> bool> {
            let _ = is_last;
            None
        }
    }
}

impl<S: Source> Flow<S> {
    pub(in crate::flow) fn adapt<A: Adapter<S::Item>>(self, adapter: A) -> Flow<Adapt<S, A>> {
        Flow { source: Adapt { source: self.source, adapter } }
    }
}

pin_project! {
    /// Source of [`Flow::filter`] and its kin.
    #[must_use = "streams do nothing unless polled"]
    pub struct Adapt<S, A> {
        #[pin]
        source: S,
        adapter: A,
    }
}

impl<S, A> Adapt<S, A> {
    /// Returns the source. Nothing of it is held here.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow;
    /// use smol::stream::StreamExt;
    ///
    /// # smol::block_on(async {
    /// let mut evens = flow::iter(1..=6).filter(|n| n % 2 == 0).into_stream();
    /// assert_eq!(evens.next().await, Some(2));
    /// // The rest, without the filter.
    /// let rest = flow::source(evens.into_inner());
    /// assert_eq!(rest.collect::<Vec<_>>().await, [3, 4, 5, 6]);
    /// # });
    /// ```
    pub fn into_inner(self) -> S {
        self.source
    }
}

impl<S, A> Stream for Adapt<S, A>
where
    S: Source,
    A: Adapter<S::Item>,
{
    type Item = A::Output;

    #[inline]
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<A::Output>> {
        let mut this = self.project();
        let mut budget = Budget::new();
        loop {
            let Some(item) = ready!(this.source.as_mut().poll_next(cx)) else {
                return Poll::Ready(None);
            };
            let adapted = this.adapter.adapt(item);
            if adapted.is_some() {
                return Poll::Ready(adapted);
            }
            if !budget.pay_poll() {
                waits::yields(cx.waker());
                return Poll::Pending;
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let (low, high) = self.source.size_hint();
        (if A::GIVES_ALL { low } else { 0 }, high)
    }
}

impl<S, A> Source for Adapt<S, A>
where
    S: Source,
    A: Adapter<S::Item>,
{
    fn poll_progress(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.project().source.poll_progress(cx)
    }

    fn end_at(self: Pin<&mut Self>, is_last: fn(&A::Output) -> bool) {
        if let Some(is_last) = A::end_at(is_last) {
            self.project().source.end_at(is_last);
        }
    }
}

impl<S: fmt::Debug, A> fmt::Debug for Adapt<S, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Adapt").field("source", &self.source).finish_non_exhaustive()
    }
}

/// Says only the name: an adapter is a function of the user's.
macro_rules! debug {
    ($($name:ident)+) => {$(
        impl<F> core::fmt::Debug for $name<F> {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    )+};
}

pub(in crate::flow) use debug;
