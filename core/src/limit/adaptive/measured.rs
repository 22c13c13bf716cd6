//! The future of a call that an adaptive limit learns from.

use super::{Algorithm, Outcome, call::Call, controller::AdaptiveLimit};
use crate::time::Clock;
use core::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};
use pin_project_lite::pin_project;

impl<A: Algorithm> AdaptiveLimit<A> {
    /// Runs `future` and learns from it: it succeeded if it is `Ok`, and says nothing about the
    /// service otherwise. Time begins with the first poll.
    ///
    /// Errors that do say something, such as a rejection or a timeout, take
    /// [`call_with`](Self::call_with).
    ///
    /// # Cancel safety
    ///
    /// Dropping the returned future drops `future`. A call that is dropped or panics says nothing.
    ///
    /// # Panics
    ///
    /// The panic of a waker that a raised limit fires propagates, as that of `future`, and that of an
    /// algorithm of your own.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{AdaptiveLimit, limit::adaptive::Aimd, smol::Smol};
    ///
    /// # smol::block_on(async {
    /// let adaptive = AdaptiveLimit::new(Aimd::default());
    /// let answer = adaptive.call(&Smol, async { Ok::<_, std::io::Error>("pong") }).await;
    /// assert_eq!(answer.unwrap(), "pong");
    /// assert_eq!(adaptive.in_flight(), 0);
    /// # });
    /// ```
    // The classifier is a function of the output, which cannot be said in fewer words.
    #[allow(clippy::type_complexity)]
    pub fn call<C, F, T, E>(
        &self,
        clock: C,
        future: F,
    ) -> Measured<A, C, F, fn(&F::Output) -> Outcome>
    where
        C: Clock,
        F: Future<Output = Result<T, E>>,
    {
        self.call_with(clock, future, Outcome::ignore_errors)
    }

    /// Runs `future`, and learns from it what `classify` makes of its output; otherwise as
    /// [`call`](Self::call).
    ///
    /// # Cancel safety
    ///
    /// As [`call`](Self::call).
    ///
    /// # Panics
    ///
    /// As [`call`](Self::call), and the panic of `classify` propagates; the call then says nothing.
    ///
    /// # Examples
    ///
    /// A call that takes more than a second was dropped, and so was one that the service rejected:
    ///
    /// ```
    /// use anyscope::{AdaptiveLimit, limit::adaptive::{Aimd, Outcome}, smol::Smol, timeout};
    /// use std::time::Duration;
    ///
    /// # async fn fetch(page: u32) -> Result<u16, std::io::Error> { Ok(503) }
    /// # smol::block_on(async {
    /// let adaptive = AdaptiveLimit::new(Aimd::default());
    /// let fetching = timeout(&Smol, Duration::from_secs(1), fetch(1));
    /// let status = adaptive
    ///     .call_with(&Smol, fetching, |result| match result {
    ///         Ok(Ok(503)) | Err(_) => Outcome::Dropped,
    ///         Ok(Ok(_)) => Outcome::Success,
    ///         Ok(Err(_)) => Outcome::Ignored,
    ///     })
    ///     .await;
    /// assert_eq!(status.unwrap().unwrap(), 503);
    /// assert_eq!(adaptive.get().get(), 18);
    /// # });
    /// ```
    pub fn call_with<C, F, G>(&self, clock: C, future: F, classify: G) -> Measured<A, C, F, G>
    where
        C: Clock,
        F: Future,
        G: FnOnce(&F::Output) -> Outcome,
    {
        Measured {
            future: Some(future),
            before: Some((self.clone(), clock)),
            call: None,
            classify: Some(classify),
        }
    }
}

pin_project! {
    /// Future of [`AdaptiveLimit::call`] and [`AdaptiveLimit::call_with`].
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Measured<A, C, F, G> {
        // None once its output has been returned.
        #[pin]
        future: Option<F>,
        // None from the first poll on.
        before: Option<(AdaptiveLimit<A>, C)>,
        call: Option<Call<A, C>>,
        classify: Option<G>,
    }
}

impl<A, C, F, G> Future for Measured<A, C, F, G>
where
    A: Algorithm,
    C: Clock,
    F: Future,
    G: FnOnce(&F::Output) -> Outcome,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        if let Some((adaptive, clock)) = this.before.take() {
            *this.call = Some(adaptive.start(clock));
        }
        let future = this.future.as_mut().as_pin_mut().expect("polled after it was ready");
        let output = ready!(future.poll(cx));
        this.future.set(None);
        if let (Some(call), Some(classify)) = (this.call.take(), this.classify.take()) {
            let outcome = classify(&output);
            call.end(outcome);
        }
        Poll::Ready(output)
    }
}

impl<A, C, F, G> fmt::Debug for Measured<A, C, F, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Measured").field("call", &self.call).finish()
    }
}
