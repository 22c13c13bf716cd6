//! Time limits for a single future.

use super::{
    Clock, Instant, Timer,
    alarm::{Alarm, time_left},
};
use core::{
    error::Error,
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use pin_project_lite::pin_project;

/// Limits `future` to the time `limit`, and drops it when the time has passed.
///
/// The time begins with the first poll, not with this call. `future` is polled before the clock
/// is read, so a value that is ready always counts, even with a limit of zero. With a limit of
/// zero, `future` is polled once. [`Duration::MAX`] means no limit.
///
/// The returned future keeps `timer`. Pass `&timer` where it is awaited, and `timer.clone()` where
/// it goes elsewhere: into a child, or out of a closure.
///
/// # Errors
///
/// Returns [`Elapsed`] if the time has passed, after `future` has been dropped. This is a failure
/// of its own and never a cancel.
///
/// # Cancel safety
///
/// Dropping the returned future drops `future` and releases the timer.
///
/// # Cost
///
/// A future that is ready at once, or has no time at all, costs no timer.
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

/// Limits `future` to the moment `at`, and drops it when the moment has passed; as [`timeout`].
///
/// If the moment has passed already, `future` is polled once. [`Instant::NEVER`] means no limit.
///
/// # Errors
///
/// Returns [`Elapsed`] if the moment has passed, as [`timeout`] does.
///
/// # Cancel safety
///
/// Dropping the returned future drops `future` and releases the timer.
///
/// # Examples
///
/// Two steps that share one deadline:
///
/// ```
/// use anyscope::{Clock, Elapsed, deadline, smol::Smol};
/// use std::{future::pending, time::Duration};
///
/// # smol::block_on(async {
/// let at = Smol.now() + Duration::from_millis(1);
///
/// let first: Result<u32, Elapsed> = deadline(&Smol, at, async { 42 }).await;
/// assert_eq!(first, Ok(42));
/// assert!(deadline(&Smol, at, pending::<u32>()).await.is_err());
/// # });
/// ```
#[doc(alias = "timeout_at")]
pub fn deadline<T: Timer + Clock, F: Future>(timer: T, at: Instant, future: F) -> Deadline<T, F> {
    Deadline { timed: Timed::new(timer, future), at }
}

/// An error: the time limit has passed.
///
/// Returned by [`timeout`] and [`deadline`].
///
/// # Examples
///
/// ```
/// use anyscope::{smol::Smol, time::Elapsed, timeout};
/// use std::{future::pending, time::Duration};
///
/// # smol::block_on(async {
/// /// `?` turns it into an error of one's own.
/// async fn answer() -> Result<u32, Elapsed> {
///     timeout(&Smol, Duration::from_millis(1), pending()).await
/// }
///
/// assert!(answer().await.unwrap_err().to_string().starts_with("timed out"));
/// # });
/// ```
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

/// As [`TimedOut`](std::io::ErrorKind::TimedOut), for functions that return an [`io::Result`](std::io::Result).
///
/// # Examples
///
/// ```
/// use anyscope::{smol::Smol, timeout};
/// use std::{future::pending, io, time::Duration};
///
/// async fn read() -> io::Result<usize> {
///     let silent = pending::<io::Result<usize>>(); // a peer that says nothing
///     timeout(&Smol, Duration::from_millis(1), silent).await?
/// }
///
/// assert_eq!(smol::block_on(read()).unwrap_err().kind(), io::ErrorKind::TimedOut);
/// ```
#[cfg(feature = "std")]
impl From<Elapsed> for std::io::Error {
    fn from(elapsed: Elapsed) -> Self {
        std::io::Error::new(std::io::ErrorKind::TimedOut, elapsed)
    }
}

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
    /// Returns whether the time had passed when the future was last polled. This is also true if
    /// that late poll found the value ready, and returned it.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{smol::Smol, timeout};
    /// use std::{pin::pin, time::Duration};
    ///
    /// # smol::block_on(async {
    /// let mut future = pin!(timeout(&Smol, Duration::from_secs(60), async { 42 }));
    /// assert_eq!(future.as_mut().await, Ok(42));
    /// assert!(!future.expired());
    /// # });
    /// ```
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
    /// Returns whether the moment had passed when the future was last polled, as
    /// [`Timeout::expired`] does.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{Clock, deadline, sim::Sim};
    /// use std::{future::pending, pin::pin, time::Duration};
    ///
    /// Sim::new(7).run(async |sim| {
    ///     let at = sim.now() + Duration::from_secs(1);
    ///     let mut waiting = pin!(deadline(&sim, at, pending::<()>()));
    ///     assert!(!waiting.expired());
    ///     assert!(waiting.as_mut().await.is_err());
    ///     assert!(waiting.expired());
    /// }).unwrap();
    /// ```
    pub fn expired(&self) -> bool {
        self.timed.expired
    }
}

impl<T: Timer + Clock, F: Future> Future for Deadline<T, F> {
    type Output = Result<F::Output, Elapsed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        this.timed.poll(cx, |timer| time_left(*this.at, || timer.now()))
    }
}

pin_project! {
    /// A future and its time limit.
    struct Timed<T: Timer, F> {
        // None once the result has been returned.
        #[pin]
        future: Option<F>,
        #[pin]
        alarm: Alarm<T>,
        expired: bool,
    }
}

impl<T: Timer, F> Timed<T, F> {
    fn new(timer: T, future: F) -> Self {
        Timed { future: Some(future), alarm: Alarm::new(timer), expired: false }
    }
}

impl<T: Timer, F: Future> Timed<T, F> {
    /// # Panics
    ///
    /// Panics if polled after it was ready.
    fn poll(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        limit: impl FnOnce(&T) -> Duration,
    ) -> Poll<Result<F::Output, Elapsed>> {
        let mut this = self.project();
        let future = this.future.as_mut().as_pin_mut().expect("polled after it was ready");
        let polled = future.poll(cx);
        *this.expired = match polled {
            Poll::Pending => this.alarm.as_mut().poll(cx, limit),
            Poll::Ready(_) => this.alarm.as_mut().has_rung(cx),
        };
        let result = match polled {
            Poll::Ready(output) => Ok(output),
            Poll::Pending if *this.expired => Err(Elapsed::new()),
            Poll::Pending => return Poll::Pending,
        };
        this.alarm.stop();
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
