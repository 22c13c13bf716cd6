//! Submits that wait for room.

use super::{
    error::PoolClosed, error::SubmitError, pool::Pool, slot::Slot, state::Entry, strategy::Route,
    ticket::Ticket,
};
use crate::{
    cancel::current,
    sync::{EventListener, Wakers, atomic_waker::AtomicWaker, lock::Lock},
    waits,
};
use alloc::sync::Arc;
use core::{
    fmt,
    future::Future,
    mem,
    pin::Pin,
    task::{Context, Poll},
};

/// A submit that waits for room in the queue; see [`Pool::submit`].
///
/// See [`cancel`](Self::cancel).
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct Submit<'p, J, O> {
    pool: &'p Pool<J, O>,
    stage: Stage<J, O>,
    /// Whether a drop takes the job out of the queue, too.
    withdraws: bool,
    heard: Option<EventListener>,
}

enum Stage<J, O> {
    New(J, Route),
    Waits(u64, Arc<Waiter<J, O>>, Arc<Slot<O>>),
    Over,
}

/// What a submit that waits and its pool share.
pub(super) struct Waiter<J, O> {
    answer: Lock<Answer<J, O>>,
    waker: AtomicWaker,
}

enum Answer<J, O> {
    None,
    Admitted,
    Refused(Entry<J, O>, PoolClosed),
}

impl<J, O> Waiter<J, O> {
    fn new() -> Arc<Self> {
        Arc::new(Waiter { answer: Lock::new(Answer::None), waker: AtomicWaker::new() })
    }

    /// The job is in the queue.
    pub(super) fn admit(&self, wakers: &mut Wakers) {
        self.answer.with(|answer| *answer = Answer::Admitted);
        wakers.add(self.waker.take());
    }

    /// The job is handed back.
    pub(super) fn refuse(&self, entry: Entry<J, O>, closed: PoolClosed, wakers: &mut Wakers) {
        self.answer.with(|answer| *answer = Answer::Refused(entry, closed));
        wakers.add(self.waker.take());
    }

    fn take(&self) -> Answer<J, O> {
        self.answer.with(|answer| mem::replace(answer, Answer::None))
    }
}

/// Nothing in it is pinned.
impl<J, O> Unpin for Submit<'_, J, O> {}

impl<'p, J, O> Submit<'p, J, O> {
    pub(super) fn new(pool: &'p Pool<J, O>, job: J, route: Route) -> Self {
        Submit { pool, stage: Stage::New(job, route), withdraws: false, heard: None }
    }

    /// For whoever wants nothing but the result.
    pub(super) fn withdrawn_on_drop(mut self) -> Self {
        self.withdraws = true;
        self
    }

    /// Gives up, and returns the job if it is not in the queue.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{pool::{Pool, worker}, smol::Smol};
    ///
    /// # smol::block_on(async {
    /// let pool = Pool::builder(&Smol)
    ///     .start(async |_| worker((), async |_: &mut (), n: u32| n))
    ///     .unwrap();
    /// assert_eq!(pool.submit(7).cancel(), Some(7));
    /// # });
    /// ```
    pub fn cancel(mut self) -> Option<J> {
        match mem::replace(&mut self.stage, Stage::Over) {
            Stage::New(job, _) => Some(job),
            Stage::Waits(number, waiter, slot) => {
                self.leave(number, &waiter, &slot).map(|entry| entry.job)
            }
            Stage::Over => None,
        }
    }

    /// Takes the job back, if it is not in the queue. If it is, nobody wants its result.
    fn leave(
        &self,
        number: u64,
        waiter: &Waiter<J, O>,
        slot: &Arc<Slot<O>>,
    ) -> Option<Entry<J, O>> {
        if let Some(entry) = self.pool.shared.state.with(|state| state.leave(number)) {
            return Some(entry);
        }
        match waiter.take() {
            Answer::Refused(entry, _) => Some(entry),
            Answer::None | Answer::Admitted => {
                slot.give_up();
                None
            }
        }
    }

    fn ticket(&self, slot: Arc<Slot<O>>) -> Ticket<O> {
        Ticket::new(slot, self.pool.host.clone())
    }
}

impl<J, O> Future for Submit<'_, J, O> {
    type Output = Result<Ticket<O>, SubmitError<J>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        match mem::replace(&mut this.stage, Stage::Over) {
            Stage::New(job, route) => {
                let entry = Entry::new(job, route, current::context());
                let slot = entry.slot.clone();
                let entry = match this.pool.shared.submit(entry) {
                    Ok(()) => return Poll::Ready(Ok(this.ticket(slot))),
                    Err((entry, None)) => entry,
                    Err((entry, Some(closed))) => {
                        return Poll::Ready(Err(SubmitError::new(entry.job, closed)));
                    }
                };
                // It has to wait, unless there is room now.
                let waiter = Waiter::new();
                waiter.waker.register(cx.waker());
                match this.pool.shared.submit_or_wait(entry, &waiter) {
                    Ok(None) => return Poll::Ready(Ok(this.ticket(slot))),
                    Ok(Some(number)) => this.stage = Stage::Waits(number, waiter, slot),
                    Err((closed, entry)) => {
                        return Poll::Ready(Err(SubmitError::new(entry.job, closed)));
                    }
                }
            }
            waits => {
                this.stage = waits;
                match &this.stage {
                    Stage::Waits(_, waiter, _) => waiter.waker.register(cx.waker()),
                    _ => panic!("a submit was polled after it was ready"),
                }
            }
        }
        // The worker of an inline pool may make room.
        this.pool.host.drive(&mut this.heard, cx);
        let Stage::Waits(_, waiter, slot) = &this.stage else { unreachable!("set above") };
        let answer = match waiter.take() {
            Answer::None => {
                waits::waits_for_what(waits::What::QueueRoom);
                return Poll::Pending;
            }
            Answer::Admitted => Ok(this.ticket(slot.clone())),
            Answer::Refused(entry, closed) => Err(SubmitError::new(entry.job, closed)),
        };
        this.stage = Stage::Over;
        Poll::Ready(answer)
    }
}

impl<J, O> Drop for Submit<'_, J, O> {
    fn drop(&mut self) {
        if let Stage::Waits(number, waiter, slot) = mem::replace(&mut self.stage, Stage::Over) {
            if self.leave(number, &waiter, &slot).is_none() && self.withdraws {
                self.pool.host.abort(&slot, false);
            }
        }
    }
}

impl<J, O> fmt::Debug for Submit<'_, J, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stage = match self.stage {
            Stage::New(..) => "new",
            Stage::Waits(..) => "waits",
            Stage::Over => "over",
        };
        f.debug_struct("Submit").field("stage", &stage).finish_non_exhaustive()
    }
}
