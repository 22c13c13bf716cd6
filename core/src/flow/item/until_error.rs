//! Up to the first error.

use crate::flow::{
    merge::TryItem,
    source::{Flow, Source},
};
use core::{
    fmt, mem,
    pin::Pin,
    task::{Context, Poll, ready},
};
use futures_core::{FusedStream, Stream};
use pin_project_lite::pin_project;

impl<S: Source<Item: TryItem>> Flow<S> {
    /// Ends with the first error in time: everything before is dropped, then the error is yielded,
    /// and that is the last item.
    ///
    /// ```text
    /// flow           a-b-X-c-|
    /// until_error    a-b-X
    /// ```
    ///
    /// "Everything before" are the sources of a merge, the inner flows of a
    /// [`flatten`](Self::flatten), the work of a [`map_concurrent`](Self::map_concurrent), with
    /// what they have taken ahead; when the error is out, they are gone.
    ///
    /// In an ordered flow the error does not wait for its turn. Values whose turn it is when the work
    /// fails are still yielded before it; what waits for earlier work is dropped.
    ///
    /// # Cancel safety
    ///
    /// Dropping it drops what it stands on.
    ///
    /// # Panics
    ///
    /// When what it stands on does.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow;
    ///
    /// # smol::block_on(async {
    /// let results = [Ok(1), Err("broken"), Ok(3)];
    /// let all: Vec<_> = flow::iter(results).until_error().collect().await;
    /// assert_eq!(all, [Ok(1), Err("broken")]);
    /// # });
    /// ```
    pub fn until_error(self) -> Flow<UntilError<S>> {
        crate::flow::source(UntilError { source: Some(self.source), asked: false })
    }
}

pin_project! {
    /// Source of [`Flow::until_error`].
    #[must_use = "streams do nothing unless polled"]
    pub struct UntilError<S> {
        // Gone after its end.
        #[pin]
        source: Option<S>,
        // The source was asked to end with the first error.
        asked: bool,
    }
}

impl<S> UntilError<S> {
    /// Returns the source, unless it has ended.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow;
    /// use smol::stream::StreamExt;
    ///
    /// # smol::block_on(async {
    /// let mut lines = flow::iter([Ok(1), Ok(2), Err("broken")]).until_error().into_stream();
    /// assert_eq!(lines.next().await, Some(Ok(1)));
    /// let rest = flow::source(lines.into_parts().unwrap());
    /// assert_eq!(rest.collect::<Vec<_>>().await, [Ok(2), Err("broken")]);
    /// # });
    /// ```
    pub fn into_parts(self) -> Option<S> {
        self.source
    }
}

impl<S: Source<Item: TryItem>> Stream for UntilError<S> {
    type Item = Result<<S::Item as TryItem>::Ok, <S::Item as TryItem>::Err>;

    #[inline]
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        let Some(mut source) = this.source.as_mut().as_pin_mut() else { return Poll::Ready(None) };
        if !mem::replace(this.asked, true) {
            source.as_mut().end_at(S::Item::is_error);
        }
        let item = ready!(source.poll_next(cx)).map(TryItem::into_result);
        if !matches!(item, Some(Ok(_))) {
            this.source.set(None);
        }
        Poll::Ready(item)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let (low, high) = self.source.as_ref().map_or((0, Some(0)), |source| source.size_hint());
        // An error may be the next item.
        (low.min(1), high)
    }
}

impl<S: Source<Item: TryItem>> Source for UntilError<S> {
    fn poll_progress(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        let Some(mut source) = this.source.as_pin_mut() else { return Poll::Ready(()) };
        if !mem::replace(this.asked, true) {
            source.as_mut().end_at(S::Item::is_error);
        }
        source.poll_progress(cx)
    }
}

impl<S: Source<Item: TryItem>> FusedStream for UntilError<S> {
    fn is_terminated(&self) -> bool {
        self.source.is_none()
    }
}

impl<S> fmt::Debug for UntilError<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UntilError").field("ended", &self.source.is_none()).finish_non_exhaustive()
    }
}
