//! What a pool knows of one worker.

use super::{
    slot::Slot,
    state::Entry,
    stats::{WorkerState, WorkerStats},
};
use crate::sync::{Wakers, atomic_waker::AtomicWaker};
use alloc::{collections::VecDeque, sync::Arc};

/// What there is for each worker, also while it is being made anew.
pub(super) struct Desk<J, O> {
    pub(super) queue: VecDeque<Entry<J, O>>,
    pub(super) running: Option<Arc<Slot<O>>>,
    pub(super) waker: Arc<AtomicWaker>,
    /// Whether it was woken since it became idle, so a job of all would better wake another one.
    pub(super) is_told: bool,
    pub(super) state: WorkerState,
    pub(super) done: u64,
    pub(super) failed: u64,
    pub(super) restarts: u64,
}

impl<J, O> Desk<J, O> {
    pub(super) fn new() -> Self {
        Desk {
            queue: VecDeque::new(),
            running: None,
            waker: Arc::new(AtomicWaker::new()),
            is_told: false,
            state: WorkerState::Starting,
            done: 0,
            failed: 0,
            restarts: 0,
        }
    }

    pub(super) fn load(&self) -> usize {
        self.queue.len() + usize::from(self.running.is_some())
    }

    /// Returns the number of the first job that is for this worker only.
    pub(super) fn first(&self) -> Option<u64> {
        self.queue.front().map(|entry| entry.number)
    }

    pub(super) fn is_idle(&self) -> bool {
        self.state == WorkerState::Idle
    }

    /// Whether it looks for a job only if it is told.
    pub(super) fn is_uncalled(&self) -> bool {
        self.is_idle() && !self.is_told
    }

    pub(super) fn tell(&mut self, wakers: &mut Wakers) {
        self.is_told = true;
        wakers.add(self.waker.take());
    }

    /// `is_full`: as many jobs run as may.
    pub(super) fn stats(&self, is_full: bool) -> WorkerStats {
        WorkerStats {
            state: if is_full && self.is_idle() { WorkerState::Parked } else { self.state },
            done: self.done,
            failed: self.failed,
            restarts: self.restarts,
            queued: self.queue.len(),
        }
    }
}
