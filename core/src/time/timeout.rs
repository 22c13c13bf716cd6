//! Time limits for a single future.

use super::{Clock, Instant, Timer};
use core::{
    error::Error,
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use pin_project_lite::pin_project;

/// Gives `future` so much time, and drops it after that.
///
/// The time begins with the first poll, not with this call. `future` is polled before the clock
/// is asked: a value that is ready always counts, even with no time at all, and a future that is
/// ready at once costs no timer. With no time at all it is polled once, and costs none either. A
/// limit of [`Duration::MAX`] is none.
///
/// # Errors
///
/// [`Elapsed`], which is a failure of its own and never a cancel. `future` has been dropped then.
///
/// # Cancel safety
///
/// Dropping it drops `future`, and releases the timer.
///
/// # Examples
///
/// ```
/// use anyscope::{smol::Smol, timeout};
/// use std::{future::pending, time::Duration};
///
/// # smol::block_on(async {
/// const MOMENT: Duration = Duration::from_millis(1);
///
/// assert_eq!(timeout(&Smol, MOMENT, async { 42 }).await, Ok(42));
/// let fallback = timeout(&Smol, MOMENT, pending()).await.unwrap_or("fallback");
/// assert_eq!(fallback, "fallback");
/// # });
/// ```
pub fn timeout<T: Timer, F: Future>(timer: T, limit: Duration, future: F) -> Timeout<T, F> {
    Timeout { timed: Timed::new(timer, future), limit }
}

/// Gives `future` until the moment `at`, and drops it after that; as [`timeout`].
///
/// With a moment that has passed, `future` is polled once. [`Instant::NEVER`] is no limit.
///
/// # Errors
///
/// [`Elapsed`], as [`timeout`].
pub fn deadline<T: Timer + Clock, F: Future>(timer: T, at: Instant, future: F) -> Deadline<T, F> {
    Deadline { timed: Timed::new(timer, future), at }
}

/// The time that something was given has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elapsed(());

impl Elapsed {
    pub(crate) fn new() -> Self {
        Elapsed(())
    }
}

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("timed out: it took longer than it was given")
    }
}

impl Error for Elapsed {}

pin_project! {
    /// Future of [`timeout`].
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Timeout<T: Timer, F> {
        #[pin]
        timed: Timed<T, F>,
        limit: Duration,
    }
}

impl<T: Timer, F> Timeout<T, F> {
    /// Whether the time had passed when the future was last polled; also true of one that was in
    /// time for that poll only, and gave its value.
    pub fn expired(&self) -> bool {
        self.timed.expired
    }
}

impl<T: Timer, F: Future> Future for Timeout<T, F> {
    type Output = Result<F::Output, Elapsed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        this.timed.poll(cx, |_| *this.limit)
    }
}

pin_project! {
    /// Future of [`deadline`].
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Deadline<T: Timer, F> {
        #[pin]
        timed: Timed<T, F>,
        at: Instant,
    }
}

impl<T: Timer, F> Deadline<T, F> {
    /// As [`Timeout::expired`].
    pub fn expired(&self) -> bool {
        self.timed.expired
    }
}

impl<T: Timer + Clock, F: Future> Future for Deadline<T, F> {
    type Output = Result<F::Output, Elapsed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        this.timed.poll(cx, |timer| match *this.at {
            Instant::NEVER => Duration::MAX,
            at => at.saturating_duration_since(timer.now()),
        })
    }
}

pin_project! {
    /// A future and its time.
    struct Timed<T: Timer, F> {
        // None when it is over.
        #[pin]
        future: Option<F>,
        // None before the first poll that has to wait, and when it is over.
        #[pin]
        sleep: Option<T::Sleep>,
        timer: T,
        expired: bool,
    }
}

impl<T: Timer, F> Timed<T, F> {
    fn new(timer: T, future: F) -> Self {
        Timed { future: Some(future), sleep: None, timer, expired: false }
    }
}

impl<T: Timer, F: Future> Timed<T, F> {
    /// # Panics
    ///
    /// When polled after it was ready.
    fn poll(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        limit: impl FnOnce(&T) -> Duration,
    ) -> Poll<Result<F::Output, Elapsed>> {
        let mut this = self.project();
        let future = this.future.as_mut().as_pin_mut().expect("polled after it was ready");
        let polled = future.poll(cx);
        if this.sleep.is_none() && polled.is_pending() {
            match limit(this.timer) {
                Duration::MAX => return Poll::Pending,
                // Not left to the timer: some round up to their next tick.
                Duration::ZERO => *this.expired = true,
                limit => this.sleep.set(Some(this.timer.sleep(limit))),
            }
        }
        if let Some(sleep) = this.sleep.as_mut().as_pin_mut() {
            *this.expired = sleep.poll(cx).is_ready();
        }
        let result = match polled {
            Poll::Ready(output) => Ok(output),
            Poll::Pending if *this.expired => Err(Elapsed::new()),
            Poll::Pending => return Poll::Pending,
        };
        this.sleep.set(None);
        this.future.set(None);
        Poll::Ready(result)
    }
}

impl<T: Timer, F> fmt::Debug for Timeout<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timeout")
            .field("limit", &self.limit)
            .field("expired", &self.expired())
            .finish()
    }
}

impl<T: Timer, F> fmt::Debug for Deadline<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deadline").field("at", &self.at).field("expired", &self.expired()).finish()
    }
}
