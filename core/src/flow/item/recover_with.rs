//! Another flow, from the first error on.

use super::UntilError;
use crate::flow::{Flow, Source, merge::TryItem};
use core::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};
use futures_core::Stream;
use pin_project_lite::pin_project;

impl<S: Source<Item: TryItem>> Flow<S> {
    /// Goes on with another flow from the first error on: that which `f` makes of the error. Errors of
    /// the other flow are yielded; if it has a `recover_with` of its own, they are recovered from there.
    ///
    /// ```text
    /// flow            a-b-X-c-|
    /// f(X)                r-s-|
    /// recover_with    a-b-r-s-|
    /// ```
    ///
    /// As with [`until_error`](Self::until_error), everything before is gone by then. To keep the
    /// flow and replace only the items that failed, [`map`](Self::map) them; to leave them out,
    /// [`filter_ok`](Self::filter_ok).
    ///
    /// # Cancel safety
    ///
    /// Dropping it drops what it stands on.
    ///
    /// # Panics
    ///
    /// When what it stands on does. A panic of `f` propagates, and the flow has then ended.
    ///
    /// # Examples
    ///
    /// The rest of a list, from a mirror:
    ///
    /// ```
    /// use anyscope::flow;
    ///
    /// #[derive(Debug, PartialEq)]
    /// struct Lost {
    ///     page: u32,
    /// }
    ///
    /// # smol::block_on(async {
    /// let main = flow::iter(1..=4).map(|page| if page == 3 { Err(Lost { page }) } else { Ok(page) });
    /// let mirror = |page| flow::iter(page..=4).map(|page| Ok::<_, Lost>(10 * page));
    /// let pages = main.recover_with(|lost| mirror(lost.page)).try_collect::<Vec<_>>().await;
    /// assert_eq!(pages.unwrap(), [1, 2, 30, 40]);
    /// # });
    /// ```
    pub fn recover_with<F, R, E>(self, f: F) -> Flow<RecoverWith<S, F, R>>
    where
        F: FnOnce(<S::Item as TryItem>::Err) -> Flow<R>,
        R: Source<Item = Result<<S::Item as TryItem>::Ok, E>>,
    {
        let first = Some(self.until_error().source);
        crate::flow::source(RecoverWith { first, f: Some(f), rest: None, is_last: None })
    }
}

pin_project! {
    /// Source of [`Flow::recover_with`].
    #[must_use = "streams do nothing unless polled"]
    pub struct RecoverWith<S, F, R: Stream> {
        // Gone after its error, or its end.
        #[pin]
        first: Option<UntilError<S>>,
        f: Option<F>,
        #[pin]
        rest: Option<R>,
        is_last: Option<fn(&R::Item) -> bool>,
    }
}

impl<S, F, R, E> Stream for RecoverWith<S, F, R>
where
    S: Source<Item: TryItem>,
    F: FnOnce(<S::Item as TryItem>::Err) -> Flow<R>,
    R: Source<Item = Result<<S::Item as TryItem>::Ok, E>>,
{
    type Item = R::Item;

    #[inline]
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<R::Item>> {
        let mut this = self.project();
        if let Some(first) = this.first.as_mut().as_pin_mut() {
            let error = match ready!(first.poll_next(cx)) {
                Some(Ok(value)) => return Poll::Ready(Some(Ok(value))),
                Some(Err(error)) => Some(error),
                None => None,
            };
            this.first.set(None);
            if let (Some(error), Some(f)) = (error, this.f.take()) {
                this.rest.set(Some(f(error).source));
                if let (Some(rest), Some(is_last)) =
                    (this.rest.as_mut().as_pin_mut(), *this.is_last)
                {
                    rest.end_at(is_last);
                }
            }
        }
        match this.rest.as_pin_mut() {
            Some(rest) => rest.poll_next(cx),
            None => Poll::Ready(None),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match (&self.first, &self.rest) {
            (Some(_), _) => (0, None),
            (None, Some(rest)) => rest.size_hint(),
            (None, None) => (0, Some(0)),
        }
    }
}

impl<S, F, R, E> Source for RecoverWith<S, F, R>
where
    S: Source<Item: TryItem>,
    F: FnOnce(<S::Item as TryItem>::Err) -> Flow<R>,
    R: Source<Item = Result<<S::Item as TryItem>::Ok, E>>,
{
    fn poll_progress(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        match (this.first.as_pin_mut(), this.rest.as_pin_mut()) {
            (Some(first), _) => first.poll_progress(cx),
            (None, Some(rest)) => rest.poll_progress(cx),
            (None, None) => Poll::Ready(()),
        }
    }

    fn end_at(self: Pin<&mut Self>, is_last: fn(&R::Item) -> bool) {
        let this = self.project();
        *this.is_last = Some(is_last);
        if let Some(rest) = this.rest.as_pin_mut() {
            rest.end_at(is_last);
        }
    }
}

impl<S, F, R: Stream> fmt::Debug for RecoverWith<S, F, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecoverWith")
            .field("recovered", &self.rest.is_some())
            .finish_non_exhaustive()
    }
}
