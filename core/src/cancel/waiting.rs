//! Waits for a cancel request.

use super::{CancelToken, Cancelled};
use crate::{sync::EventListener, waits};
use core::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};
use pin_project_lite::pin_project;

impl CancelToken {
    /// Waits until the token is cancelled.
    ///
    /// # Cancel safety
    ///
    /// Dropping the returned future has no effect.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{CancelToken, concurrent};
    ///
    /// # smol::block_on(async {
    /// let token = CancelToken::new();
    /// concurrent(async |s| {
    ///     let waiting = s.spawn(async { token.cancelled().await });
    ///     token.cancel("now");
    ///     waiting.await.unwrap();
    /// })
    /// .await;
    /// # });
    /// ```
    pub fn cancelled(&self) -> WaitCancelled<'_> {
        WaitCancelled { token: self, listener: None }
    }

    /// Runs `future` until the token is cancelled, and drops it then.
    ///
    /// If `future` is ready in the poll that finds the token cancelled, its value is returned.
    ///
    /// # Errors
    ///
    /// Returns [`Cancelled`] if the token was cancelled first. `future` has been dropped then.
    ///
    /// # Cancel safety
    ///
    /// Dropping the returned future drops `future`.
    ///
    /// # Panics
    ///
    /// The returned future panics if polled after it was ready.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::CancelToken;
    ///
    /// # smol::block_on(async {
    /// let token = CancelToken::new();
    /// assert_eq!(token.run_until_cancelled(async { 42 }).await, Ok(42));
    ///
    /// token.cancel("enough");
    /// let never = token.run_until_cancelled(std::future::pending::<()>()).await;
    /// assert!(never.unwrap_err().to_string().starts_with("cancelled: enough"));
    /// # });
    /// ```
    pub fn run_until_cancelled<F: Future>(&self, future: F) -> RunUntilCancelled<'_, F> {
        RunUntilCancelled { future: Some(future), cancelled: self.cancelled() }
    }
}

/// Future of [`CancelToken::cancelled`].
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct WaitCancelled<'a> {
    token: &'a CancelToken,
    listener: Option<EventListener>,
}

impl Future for WaitCancelled<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            if self.token.is_cancelled() {
                return Poll::Ready(());
            }
            match &mut self.listener {
                // Checked again after this: a cancel before `listen` notified nothing.
                None => self.listener = Some(self.token.listen()),
                Some(listener) => {
                    if Pin::new(listener).poll(cx).is_pending() {
                        waits::waits_for_what(waits::What::Cancel);
                        return Poll::Pending;
                    }
                    self.listener = None;
                }
            }
        }
    }
}

impl fmt::Debug for WaitCancelled<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WaitCancelled").field(self.token).finish()
    }
}

pin_project! {
    /// Future of [`CancelToken::run_until_cancelled`].
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct RunUntilCancelled<'a, F> {
        // None once the result has been returned.
        #[pin]
        future: Option<F>,
        #[pin]
        cancelled: WaitCancelled<'a>,
    }
}

impl<F: Future> Future for RunUntilCancelled<'_, F> {
    type Output = Result<F::Output, Cancelled>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let future = this.future.as_mut().as_pin_mut().expect("polled after it was ready");
        let result = match (future.poll(cx), this.cancelled.as_mut().poll(cx)) {
            (Poll::Ready(output), _) => Ok(output),
            (Poll::Pending, Poll::Ready(())) => Err(this.cancelled.token.to_error()),
            (Poll::Pending, Poll::Pending) => return Poll::Pending,
        };
        this.future.set(None);
        Poll::Ready(result)
    }
}

impl<F> fmt::Debug for RunUntilCancelled<'_, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunUntilCancelled")
            .field("token", self.cancelled.token)
            .finish_non_exhaustive()
    }
}
