//! Folds all items into one value.

use super::super::{Flow, Source};
use crate::{set::budget::Budget, waits};
use core::{
    convert::Infallible,
    fmt,
    future::Future,
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
};
use pin_project_lite::pin_project;

impl<S: Source> Flow<S> {
    /// Folds the items into one value, with an async function of the value so far and an item.
    ///
    /// Runs one step at a time, in the order in which the items come. The flow keeps running while
    /// a step awaits something.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the step under way, then the flow, and with it an item that may
    /// have been taken ahead from a [`stream`](crate::flow::stream).
    ///
    /// # Panics
    ///
    /// Propagates a panic of the flow, of `f` or of a step. Panics if polled after that, or after
    /// it was ready.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow;
    ///
    /// # smol::block_on(async {
    /// let sum = flow::iter(1..=4)
    ///     .map_concurrent(2, async |n| n * n)
    ///     .fold(0, async |sum, square| sum + square)
    ///     .await;
    /// assert_eq!(sum, 30);
    /// # });
    /// ```
    pub fn fold<T, F, Fut>(self, init: T, f: F) -> Fold<S, T, F, Fut>
    where
        F: FnMut(T, S::Item) -> Fut,
        Fut: Future<Output = T>,
    {
        Fold { steps: Steps::new(self.source, init, f) }
    }

    /// Folds the items as [`fold`](Self::fold), with steps that may fail. The first error ends the
    /// operation.
    ///
    /// # Errors
    ///
    /// Returns the first error of a step, after the flow was dropped.
    ///
    /// If the items are results of an ordered flow, a step sees an error when its turn comes. To
    /// see it as soon as the step before has ended, put [`until_error`](Self::until_error) before
    /// this.
    ///
    /// # Cancel safety, panics
    ///
    /// As [`fold`](Self::fold).
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow;
    ///
    /// # smol::block_on(async {
    /// let sum = async |lines: [&'static str; 2]| {
    ///     flow::iter(lines)
    ///         .try_fold(0, async |sum, line: &str| line.parse::<u32>().map(|n| sum + n))
    ///         .await
    /// };
    /// assert_eq!(sum(["1", "2"]).await, Ok(3));
    /// assert!(sum(["1", "two"]).await.is_err());
    /// # });
    /// ```
    pub fn try_fold<T, F, Fut, E>(self, init: T, f: F) -> TryFold<S, T, F, Fut>
    where
        F: FnMut(T, S::Item) -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        TryFold { steps: Steps::new(self.source, init, f) }
    }
}

pin_project! {
    /// Future of [`Flow::fold`].
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Fold<S, T, F, Fut> {
        #[pin]
        steps: Steps<S, T, F, Fut>,
    }
}

impl<S, T, F, Fut> Future for Fold<S, T, F, Fut>
where
    S: Source,
    F: FnMut(T, S::Item) -> Fut,
    Fut: Future<Output = T>,
{
    type Output = T;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        match ready!(self.project().steps.poll(cx, Ok::<T, Infallible>)) {
            Ok(value) => Poll::Ready(value),
            Err(never) => match never {},
        }
    }
}

pin_project! {
    /// Future of [`Flow::try_fold`].
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct TryFold<S, T, F, Fut> {
        #[pin]
        steps: Steps<S, T, F, Fut>,
    }
}

impl<S, T, F, Fut, E> Future for TryFold<S, T, F, Fut>
where
    S: Source,
    F: FnMut(T, S::Item) -> Fut,
    Fut: Future<Output = Result<T, E>>,
{
    type Output = Result<T, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T, E>> {
        self.project().steps.poll(cx, |result| result)
    }
}

pin_project! {
    /// The state machine of both.
    struct Steps<S, T, F, Fut> {
        // Dropped before the flow.
        #[pin]
        step: Option<Fut>,
        #[pin]
        source: Option<S>,
        // Moved into each step, and back out of its output.
        value: Option<T>,
        // A poll has panicked.
        broken: bool,
        f: F,
    }
}

impl<S, T, F, Fut> Steps<S, T, F, Fut>
where
    S: Source,
    F: FnMut(T, S::Item) -> Fut,
    Fut: Future,
{
    fn new(source: S, init: T, f: F) -> Self {
        Steps { step: None, source: Some(source), value: Some(init), broken: false, f }
    }

    fn poll<E>(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        judge: impl Fn(Fut::Output) -> Result<T, E>,
    ) -> Poll<Result<T, E>> {
        assert!(
            !mem::replace(self.as_mut().project().broken, true),
            "polled again after a panic of the flow or of a step"
        );
        let polled = self.as_mut().poll_steps(cx, judge);
        *self.project().broken = false;
        polled
    }

    fn poll_steps<E>(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        judge: impl Fn(Fut::Output) -> Result<T, E>,
    ) -> Poll<Result<T, E>> {
        let mut this = self.project();
        let mut budget = Budget::new();
        while budget.pay_poll() {
            let mut source = this.source.as_mut().as_pin_mut().expect("polled after it was ready");
            if let Some(step) = this.step.as_mut().as_pin_mut() {
                let Poll::Ready(output) = step.poll(cx) else {
                    // Whether it is ready or not, this task waits for the step.
                    let _ = source.poll_progress(cx);
                    return Poll::Pending;
                };
                this.step.set(None);
                match judge(output) {
                    Ok(value) => *this.value = Some(value),
                    Err(error) => {
                        this.source.set(None);
                        return Poll::Ready(Err(error));
                    }
                }
            }
            let next = ready!(source.as_mut().poll_next(cx));
            let value = this.value.take().expect("is here between steps");
            match next {
                Some(item) => this.step.set(Some((this.f)(value, item))),
                None => {
                    this.source.set(None);
                    return Poll::Ready(Ok(value));
                }
            }
        }
        waits::yields(cx.waker());
        Poll::Pending
    }
}

macro_rules! debug {
    ($($name:ident)+) => {$(
        impl<S, T, F, Fut> fmt::Debug for $name<S, T, F, Fut> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name))
                    .field("in_step", &self.steps.step.is_some())
                    .field("over", &self.steps.source.is_none())
                    .finish_non_exhaustive()
            }
        }
    )+};
}

debug! { Fold TryFold }
