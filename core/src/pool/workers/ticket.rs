//! What the user receives for a job: its result, later.

use super::{error::JobError, slot::Slot};
use crate::{sync::EventListener, waits};
use alloc::sync::Arc;
use core::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

/// The future of a job's result; see [`Pool::submit`](super::Pool::submit).
///
/// Dropping it gives up the *result*, never the job: a job that was submitted runs, and what it
/// returns is dropped at once. To end the job, call [`abort`](Self::abort).
///
/// # Cancel safety
///
/// Awaiting `&mut ticket` is cancel safe: the result stays where it is until a poll returns it. Then
/// the ticket returns [`JobError::Taken`] from then on.
///
/// # Errors
///
/// Returns a [`JobError`] if the job panicked, was aborted, or was dropped with its pool.
///
/// # Examples
///
/// ```
/// use anyscope::{pool::{Pool, worker}, smol::Smol};
///
/// # smol::block_on(async {
/// let pool = Pool::builder(&Smol)
///     .start(async |_| worker((), async |_: &mut (), n: u32| n * n))
///     .unwrap();
/// let four = pool.submit(2).await.unwrap();
/// let nine = pool.submit(3).await.unwrap();
/// assert_eq!(nine.await.unwrap() - four.await.unwrap(), 5);
/// # });
/// ```
#[must_use = "a ticket that is dropped gives up the result of the job, which runs all the same"]
pub struct Ticket<O> {
    slot: Arc<Slot<O>>,
    host: Arc<dyn Host<O>>,
    heard: Option<EventListener>,
}

/// What the tickets of a pool ask of it.
pub(super) trait Host<O>: Send + Sync {
    /// Ends the job of a slot: takes it out of the queue, or has the worker drop it. Without
    /// `also_running`, a job that runs goes on.
    fn abort(&self, slot: &Arc<Slot<O>>, also_running: bool);

    /// Lets the worker of an inline pool go on in this task, and has the task woken when it should
    /// again.
    fn drive(&self, heard: &mut Option<EventListener>, cx: &mut Context<'_>) {
        let _ = (heard, cx);
    }
}

impl<O> Ticket<O> {
    pub(super) fn new(slot: Arc<Slot<O>>, host: Arc<dyn Host<O>>) -> Self {
        Ticket { slot, host, heard: None }
    }

    /// Ends the job.
    ///
    /// One that is queued has been dropped when this returns, and its place in the queue is free. Of
    /// one that runs, the future is dropped as soon as its worker is polled again, and the worker goes
    /// on with its next job: use it only where [`handle`](super::Worker::handle) leaves a good state
    /// behind when it is dropped at an `await`. The ticket then returns
    /// [`JobError::Aborted`], when the job is gone. If the job has ended, nothing happens.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{pool::{JobError, Pool, worker}, smol::Smol};
    /// use std::future::pending;
    ///
    /// # smol::block_on(async {
    /// let pool = Pool::builder(&Smol)
    ///     .start(async |_| worker((), async |_: &mut (), _: ()| pending::<()>().await))
    ///     .unwrap();
    /// let ticket = pool.submit(()).await.unwrap();
    /// ticket.abort();
    /// assert!(matches!(ticket.await, Err(JobError::Aborted)));
    /// # });
    /// ```
    pub fn abort(&self) {
        self.host.abort(&self.slot, true);
    }

    /// As [`abort`](Self::abort), unless the job runs already.
    pub(super) fn withdraw(&self) {
        self.host.abort(&self.slot, false);
    }

    /// Returns whether the job has ended, in whatever way.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::pool::{Pool, worker};
    ///
    /// # smol::block_on(async {
    /// let pool = Pool::inline()
    ///     .start(async |_| worker((), async |_: &mut (), n: u32| n))
    ///     .unwrap();
    /// let ticket = pool.submit(1).await.unwrap();
    /// assert!(!ticket.is_finished());
    /// pool.call(2).await.unwrap(); // after the first
    /// assert!(ticket.is_finished());
    /// # });
    /// ```
    pub fn is_finished(&self) -> bool {
        self.slot.is_done()
    }
}

impl<O> Future for Ticket<O> {
    type Output = Result<O, JobError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if let Poll::Ready(result) = this.slot.poll_take(cx) {
            return Poll::Ready(result);
        }
        this.host.drive(&mut this.heard, cx);
        match this.slot.try_take() {
            Some(result) => Poll::Ready(result),
            None => {
                waits::waits_for_what(waits::What::JobResult);
                Poll::Pending
            }
        }
    }
}

impl<O> Drop for Ticket<O> {
    fn drop(&mut self) {
        self.slot.give_up();
    }
}

impl<O> fmt::Debug for Ticket<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket").field("finished", &self.is_finished()).finish()
    }
}
