//! Something else, when it fails.

use core::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};
use pin_project_lite::pin_project;

/// Awaits `future`; if that fails, awaits what `fallback` makes of the error instead.
///
/// Around a [`timeout`](crate::timeout), for an answer in time that is perhaps not the best one. What failed
/// is dropped before `fallback` is called.
///
/// # Cancel safety
///
/// Dropping the returned future drops the one that is under way.
///
/// # Panics
///
/// A panic of `future`, `fallback` or its future propagates. The returned future panics if polled after it
/// was ready or has panicked.
///
/// # Examples
///
/// ```
/// use anyscope::{Elapsed, resilience::with_fallback, smol::Smol, timeout};
/// use std::{future::pending, time::Duration};
///
/// # smol::block_on(async {
/// let slow = timeout(&Smol, Duration::from_millis(1), pending::<&str>());
/// let page = with_fallback(slow, |_: Elapsed| async { "from the cache" }).await;
/// assert_eq!(page, "from the cache");
///
/// // What is fallible itself has another layer, and so may its fallback.
/// let fetch = async { Err::<u32, _>("no route") };
/// let fetch = timeout(&Smol, Duration::from_secs(1), fetch);
/// let result = with_fallback(fetch, |_| async { Ok(7) }).await;
/// assert_eq!(result, Err("no route"));
/// # });
/// ```
pub fn with_fallback<Fut, F, Second, V, E>(future: Fut, fallback: F) -> WithFallback<Fut, F, Second>
where
    Fut: Future<Output = Result<V, E>>,
    F: FnOnce(E) -> Second,
    Second: Future<Output = V>,
{
    WithFallback { first: Some(future), second: None, fallback: Some(fallback) }
}

pin_project! {
    /// Future of [`with_fallback`].
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct WithFallback<Fut, F, Second> {
        #[pin]
        first: Option<Fut>,
        #[pin]
        second: Option<Second>,
        // None when it was called, or is not needed.
        fallback: Option<F>,
    }
}

impl<Fut, F, Second, V, E> Future for WithFallback<Fut, F, Second>
where
    Fut: Future<Output = Result<V, E>>,
    F: FnOnce(E) -> Second,
    Second: Future<Output = V>,
{
    type Output = V;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<V> {
        let mut this = self.project();
        // Taken, and put back if there is more to do: so a panic is the end.
        let fallback = this.fallback.take();
        if let Some(first) = this.first.as_mut().as_pin_mut() {
            let fallback = fallback.expect("polled after it was ready");
            match first.poll(cx) {
                Poll::Pending => {
                    *this.fallback = Some(fallback);
                    return Poll::Pending;
                }
                Poll::Ready(Ok(value)) => {
                    this.first.set(None);
                    return Poll::Ready(value);
                }
                Poll::Ready(Err(error)) => {
                    this.first.set(None);
                    this.second.set(Some(fallback(error)));
                }
            }
        }
        let second = this.second.as_mut().as_pin_mut().expect("polled after it was ready");
        let polled = second.poll(cx);
        if polled.is_ready() {
            this.second.set(None);
        }
        polled
    }
}

impl<Fut, F, Second> fmt::Debug for WithFallback<Fut, F, Second> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WithFallback")
            .field("has_failed", &self.second.is_some())
            .finish_non_exhaustive()
    }
}
