//! What a pool shares with its workers and tickets.
//!
//! Every operation does its steps under the lock, collects what is to be woken and dropped, and deals
//! with that after the last step.

use super::{
    error::{JobError, PoolClosed, WorkerFailed},
    slot::Slot,
    state::{Ended, Entry, Leftovers, Refused, State},
    stats::{Stats, Totals},
    strategy::Strategy,
    submit::Waiter,
    ticket::Host,
};
use crate::{
    cancel::CancelToken,
    child::Panic,
    limit::{
        Capacity, LiveLimit,
        follow::{Follow, Follows, follow},
    },
    sync::{AtomicBool, Ordering, Wakers, atomic_waker::AtomicWaker, lock::Lock},
    unwind,
};
use alloc::sync::Arc;

pub(super) struct Shared<J, O> {
    pub(super) state: Lock<State<J, O>>,
    /// Set once; spares workers the lock.
    is_closed: AtomicBool,
    /// Closes the pool when it is cancelled.
    token: Option<CancelToken>,
    /// The limit of how many jobs run, if it changes.
    live: Option<(LiveLimit, Follows)>,
}

impl<J: Send + 'static, O: Send + 'static> Shared<J, O> {
    pub(super) fn new(
        workers: usize,
        room: usize,
        strategy: Strategy,
        limit: Capacity,
        token: Option<CancelToken>,
    ) -> Arc<Self> {
        let live = limit.live().map(|live| (live.clone(), Follows::new()));
        let state = Lock::new(State::new(workers, room, strategy, limit));
        let shared = Arc::new(Shared { state, is_closed: AtomicBool::new(false), token, live });
        if shared.live.is_some() {
            follow(&shared);
        }
        shared
    }
}

impl<J, O> Shared<J, O> {
    /// Closes the pool if its token is cancelled: whoever comes after the cancel may be faster than the child that
    /// waits for it.
    fn heed_token(&self) {
        let is_cancelled = self.token.as_ref().is_some_and(CancelToken::is_cancelled);
        if is_cancelled && !self.is_closed.load(Ordering::Acquire) {
            self.close(PoolClosed::ShutDown, false);
        }
    }

    /// Queues a job. Returns it if there is no room, or if the pool is closed, and why.
    pub(super) fn submit(
        &self,
        entry: Entry<J, O>,
    ) -> Result<(), (Entry<J, O>, Option<PoolClosed>)> {
        self.heed_token();
        let mut wakers = Wakers::new();
        let refused = self.state.with(|state| state.submit(entry, &mut wakers));
        wakers.fire_and_resume();
        refused.map_err(|(refused, entry)| match refused {
            Refused::Full => (entry, None),
            Refused::Closed(closed) => (entry, Some(closed)),
        })
    }

    /// Queues a job, or has it wait. Returns its number if it waits.
    pub(super) fn submit_or_wait(
        &self,
        entry: Entry<J, O>,
        waiter: &Arc<Waiter<J, O>>,
    ) -> Result<Option<u64>, (PoolClosed, Entry<J, O>)> {
        let mut wakers = Wakers::new();
        let result = self.state.with(|state| state.submit_or_wait(entry, waiter, &mut wakers));
        wakers.fire_and_resume();
        result
    }

    pub(super) fn take(&self, index: usize) -> Option<Entry<J, O>> {
        let mut wakers = Wakers::new();
        let entry = self.state.with(|state| state.take(index, &mut wakers));
        // A waker that panics must not cost the job that was taken.
        unwind::contain(|| wakers.fire_and_resume());
        entry
    }

    /// A worker is through with its job.
    pub(super) fn end(&self, index: usize, result: Result<O, JobError>) {
        let ended = match &result {
            Ok(_) => Ended::Done,
            Err(JobError::Panicked(_)) => Ended::Failed,
            Err(JobError::Aborted) => Ended::Aborted,
            Err(_) => Ended::Dropped,
        };
        let mut wakers = Wakers::new();
        let slot = self.state.with(|state| state.end(index, ended, &mut wakers));
        let unwanted = slot.map(|slot| slot.complete(result, &mut wakers));
        // The worker is not to blame for what a submitter has left behind.
        unwind::contain(|| wakers.fire_and_resume());
        unwind::discard(unwanted);
    }

    /// Why a job is dropped now that has begun.
    pub(super) fn why_dropped(&self) -> PoolClosed {
        let closed = self.state.with(|state| state.closed().cloned());
        closed.unwrap_or(PoolClosed::ExecutorGone)
    }

    pub(super) fn waker(&self, index: usize) -> Arc<AtomicWaker> {
        self.state.with(|state| state.waker(index))
    }

    pub(super) fn restart(&self, index: usize) {
        self.state.with(|state| state.restart(index));
    }

    /// Whether a worker has nothing left to do for ever.
    pub(super) fn may_leave(&self, index: usize) -> bool {
        // Acquire: whoever was woken by the close sees this set.
        self.is_closed.load(Ordering::Acquire) && self.state.with(|state| state.may_leave(index))
    }

    pub(super) fn has_left(&self, index: usize) {
        let mut wakers = Wakers::new();
        self.state.with(|state| state.has_left(index, &mut wakers));
        // The worker is not to blame, and may be about to say why it has left.
        unwind::contain(|| wakers.fire_and_resume());
    }

    /// Ends the pool: no worker is left to do what is queued.
    pub(super) fn fail(&self, failed: WorkerFailed) {
        self.close(PoolClosed::Failed(failed), true);
    }

    /// Takes no more jobs. With `empty`, drops those that are queued.
    pub(super) fn close(&self, closed: PoolClosed, empty: bool) {
        let mut wakers = Wakers::new();
        let Leftovers { dropped, waiters } = self.state.with(|state| {
            self.is_closed.store(true, Ordering::Release);
            state.close(&closed, empty, &mut wakers)
        });
        let mut panic = None;
        for Entry { job, slot, context, .. } in dropped {
            unwind::keep_first(&mut panic, || drop((job, context)));
            // After the job is gone.
            let unwanted = slot.complete(Err(JobError::Closed(closed.clone())), &mut wakers);
            unwind::keep_first(&mut panic, || drop(unwanted));
        }
        unwind::keep_first(&mut panic, || wakers.fire_and_resume());
        unwind::keep_first(&mut panic, || drop((waiters, closed)));
        unwind::resume_unless_panicking(panic);
    }

    pub(super) fn closed(&self) -> Option<PoolClosed> {
        self.heed_token();
        self.state.with(|state| state.closed().cloned())
    }

    pub(super) fn since_closed(&self) -> Totals {
        self.state.with(|state| state.since_closed())
    }

    pub(super) fn stats(&self) -> Stats {
        self.state.with(|state| state.stats())
    }
}

impl<J: Send, O: Send> Host<O> for Shared<J, O> {
    fn abort(&self, slot: &Arc<Slot<O>>, also_running: bool) {
        let mut wakers = Wakers::new();
        let entry = self.state.with(|state| state.withdraw(slot, also_running, &mut wakers));
        let mut panic = None;
        if let Some(Entry { job, slot, context, .. }) = entry {
            unwind::keep_first(&mut panic, || drop((job, context)));
            let unwanted = slot.complete(Err(JobError::Aborted), &mut wakers);
            unwind::keep_first(&mut panic, || drop(unwanted));
        }
        unwind::keep_first(&mut panic, || wakers.fire_and_resume());
        unwind::resume_unless_panicking(panic);
    }
}

impl<J: Send + 'static, O: Send + 'static> Follow for Shared<J, O> {
    fn live(&self) -> Option<(&LiveLimit, &Follows)> {
        self.live.as_ref().map(|(limit, follows)| (limit, follows))
    }

    fn look(&self) {
        let mut wakers = Wakers::new();
        self.state.with(|state| state.limit_changed(&mut wakers));
        wakers.fire_and_resume();
    }
}

/// The result of a job that panicked.
pub(super) fn panicked<O>(payload: unwind::Payload) -> Result<O, JobError> {
    Err(JobError::Panicked(Panic::new(payload)))
}
