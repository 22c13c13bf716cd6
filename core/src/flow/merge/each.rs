//! A function that is called with each item.

use crate::flow::source::{Flow, Source, into_flow::IntoFlow};
use core::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};
use futures_core::Stream;
use pin_project_lite::pin_project;

pin_project! {
    /// Source of the values that a function returns for the items. Part of
    /// [`flat_map`](Flow::flat_map), [`switch_map`](Flow::switch_map) and
    /// [`try_flatten`](Flow::try_flatten).
    #[must_use = "streams do nothing unless polled"]
    pub struct Each<S, F> {
        #[pin]
        source: S,
        f: F,
    }
}

impl<S, F> Each<S, F> {
    pub(in crate::flow) fn new(source: S, f: F) -> Flow<Self>
    where
        Self: Source,
    {
        crate::flow::source(Each { source, f })
    }

    /// Returns the source and the function.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow;
    ///
    /// # smol::block_on(async {
    /// let pages = flow::iter([10, 20]).flat_map(1, |n| flow::iter([n, n + 1])).into_stream();
    /// // Nothing has been opened, so all of it is in the outer source.
    /// let (numbers, _open_page) = pages.into_parts().outer.into_parts();
    /// assert_eq!(flow::source(numbers).collect::<Vec<_>>().await, [10, 20]);
    /// # });
    /// ```
    pub fn into_parts(self) -> (S, F) {
        (self.source, self.f)
    }
}

impl<S: Source, F: FnMut(S::Item) -> T, T> Stream for Each<S, F> {
    type Item = T;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let this = self.project();
        this.source.poll_next(cx).map(|item| item.map(this.f))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.source.size_hint()
    }
}

impl<S: Source, F: FnMut(S::Item) -> T, T> Source for Each<S, F> {
    fn poll_progress(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.project().source.poll_progress(cx)
    }
}

impl<S, F> fmt::Debug for Each<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Each").finish_non_exhaustive()
    }
}

pin_project! {
    /// The inner flow of an item that may be an error: the items of the flow, or the error as the
    /// only item. Part of [`try_flatten`](Flow::try_flatten).
    #[must_use = "streams do nothing unless polled"]
    pub struct OrError<S, E> {
        #[pin]
        source: Option<S>,
        error: Option<E>,
    }
}

impl<S: Source, E> OrError<S, E> {
    pub(in crate::flow) fn new<I: IntoFlow<Source = S>>(item: Result<I, E>) -> Flow<Self>
    where
        Self: Source,
    {
        crate::flow::source(match item {
            Ok(inner) => OrError { source: Some(inner.into_flow().source), error: None },
            Err(error) => OrError { source: None, error: Some(error) },
        })
    }
}

impl<S: Source<Item = Result<T, E>>, T, E> Stream for OrError<S, E> {
    type Item = Result<T, E>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<T, E>>> {
        let this = self.project();
        match this.source.as_pin_mut() {
            Some(source) => source.poll_next(cx),
            None => Poll::Ready(this.error.take().map(Err)),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let one = usize::from(self.error.is_some());
        self.source.as_ref().map_or((one, Some(one)), |source| source.size_hint())
    }
}

impl<S: Source<Item = Result<T, E>>, T, E> Source for OrError<S, E> {
    fn poll_progress(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let source = self.project().source.as_pin_mut();
        source.map_or(Poll::Ready(()), |source| source.poll_progress(cx))
    }
}

impl<S, E> fmt::Debug for OrError<S, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OrError").finish_non_exhaustive()
    }
}
