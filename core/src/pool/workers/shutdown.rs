//! The end of a pool.

use super::{builder::NoTimer, crew::Closing, stats::Totals};
use crate::time::{Timer, alarm::Alarm};
use core::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use pin_project_lite::pin_project;

/// What becomes of the jobs that a pool has when it is shut down.
///
/// See [`Pool::shutdown`](super::Pool::shutdown).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shutdown {
    /// They are done.
    Drain,
    /// They are dropped: those in the queue at once, those that run where they wait.
    Abort,
}

/// What was done with the jobs that a pool had when it was shut down.
///
/// See [`Pool::shutdown`](super::Pool::shutdown).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// How many jobs have returned since then.
    pub done: u64,
    /// How many jobs have panicked since then.
    pub failed: u64,
    /// How many jobs were ended by their tickets since then.
    pub aborted: u64,
    /// How many jobs were dropped, queued or running.
    pub dropped: u64,
    /// Whether the [timeout](ShuttingDown::timeout) of this call has passed.
    pub timed_out: bool,
}

impl Report {
    pub(super) fn new(totals: Totals, timed_out: bool) -> Self {
        let Totals { done, failed, aborted, dropped, submitted: _ } = totals;
        Report { done, failed, aborted, dropped, timed_out }
    }
}

/// What a shutdown asks of its pool.
pub(super) trait Ends: Send + Sync {
    fn abort(&self);

    fn report(&self, timed_out: bool) -> Report;
}

pin_project! {
    /// Future of [`Pool::shutdown`](super::Pool::shutdown).
    #[must_use = "the pool takes no more jobs; await this to wait until no worker is left"]
    pub struct ShuttingDown<'p, T: Timer> {
        pool: &'p dyn Ends,
        closing: Closing<'p>,
        #[pin]
        alarm: Alarm<T>,
        timeout: Duration,
        timed_out: bool,
    }
}

impl<'p> ShuttingDown<'p, NoTimer> {
    pub(super) fn new(pool: &'p dyn Ends, closing: Closing<'p>) -> Self {
        let alarm = Alarm::new(NoTimer::new());
        ShuttingDown { pool, closing, alarm, timeout: Duration::MAX, timed_out: false }
    }

    /// Aborts what is left after `timeout`, counted from the first poll; see
    /// [`Shutdown::Abort`].
    ///
    /// # Examples
    ///
    /// See [`Pool::shutdown`](super::Pool::shutdown).
    pub fn timeout<T: Timer + Clone>(self, timer: &T, timeout: Duration) -> ShuttingDown<'p, T> {
        let ShuttingDown { pool, closing, alarm: _, timeout: _, timed_out } = self;
        ShuttingDown { pool, closing, alarm: Alarm::new(timer.clone()), timeout, timed_out }
    }
}

impl<T: Timer> Future for ShuttingDown<'_, T> {
    type Output = Report;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Report> {
        let mut this = self.project();
        loop {
            if this.closing.as_mut().poll(cx).is_ready() {
                return Poll::Ready(this.pool.report(*this.timed_out));
            }
            if *this.timed_out {
                return Poll::Pending;
            }
            let timeout = *this.timeout;
            if !this.alarm.as_mut().poll(cx, |_| timeout) {
                return Poll::Pending;
            }
            this.alarm.as_mut().stop();
            *this.timed_out = true;
            this.pool.abort();
        }
    }
}

impl<T: Timer> fmt::Debug for ShuttingDown<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShuttingDown").field("timed_out", &self.timed_out).finish_non_exhaustive()
    }
}
