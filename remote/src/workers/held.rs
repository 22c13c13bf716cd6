//! The leases that a worker holds.

use super::context::Ended;
use crate::engine::{JobId, Leased};
use anyscope_core::{CancelToken, Instant};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

/// A job that is leased to this worker.
pub(super) struct Run {
    pub(super) leased: Leased,
    /// Until when we may believe that the lease is ours, by our own clock.
    until: Mutex<Instant>,
    kill: CancelToken,
    lost: CancelToken,
    why: OnceLock<Ended>,
    /// The engine is being told what has become of it.
    ends: AtomicBool,
}

impl Run {
    pub(super) fn until(&self) -> Instant {
        *self.until.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn extend(&self, until: Instant) {
        *self.until.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }

    /// Asks its handler to end. The first reason counts.
    pub(super) fn end(&self, why: Ended) {
        if self.why.set(why).is_ok() {
            self.kill.cancel(why.to_string());
        }
    }

    /// Notes why it has ended, if nobody else has.
    pub(super) fn has_ended(&self, why: Ended) {
        let _ = self.why.set(why);
    }

    pub(super) fn why(&self) -> Option<Ended> {
        self.why.get().copied()
    }

    /// Ends it at once, as its lease is lost. Returns false if that is known.
    pub(super) fn lose(&self) -> bool {
        if self.lost.is_cancelled() {
            return false;
        }
        self.lost.cancel(Ended::LeaseLost.to_string());
        self.end(Ended::LeaseLost);
        true
    }

    /// From here on its lease may end because it is ended.
    pub(super) fn begin_to_end(&self) {
        self.ends.store(true, Ordering::Release);
    }

    pub(super) fn ends(&self) -> bool {
        self.ends.load(Ordering::Acquire)
    }

    pub(super) fn is_lost(&self) -> bool {
        self.lost.is_cancelled()
    }

    /// Cancelled when the lease is lost.
    pub(super) fn lost(&self) -> &CancelToken {
        &self.lost
    }

    /// Cancelled when the handler is asked to end.
    pub(super) fn kill(&self) -> &CancelToken {
        &self.kill
    }
}

/// All of them, in the order in which they were leased.
#[derive(Default)]
pub(super) struct AllHeld(Mutex<Table>);

#[derive(Default)]
struct Table {
    next: u64,
    runs: BTreeMap<u64, Arc<Run>>,
    /// What was cancelled that is not here, and when: it may be on its way, as an engine can tell of a cancel before whoever asked for jobs has heard of the job.
    early: VecDeque<(JobId, Instant)>,
}

/// So many of them are kept; then the oldest are lost, and are heard of when leases are extended.
const EARLY: usize = 256;

impl AllHeld {
    fn lock(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a job that was asked for at this moment.
    pub(super) fn add(&self, leased: Leased, until: Instant, asked: Instant) -> (u64, Arc<Run>) {
        let (kill, lost) = (CancelToken::new(), CancelToken::new());
        let run = Run {
            leased,
            until: Mutex::new(until),
            kill,
            lost,
            why: OnceLock::new(),
            ends: AtomicBool::new(false),
        };
        let run = Arc::new(run);
        let mut table = self.lock();
        let number = table.next;
        table.next += 1;
        table.runs.insert(number, run.clone());
        let job = &run.leased.envelope.id;
        let is_cancelled = table.early.iter().any(|(early, at)| early == job && *at >= asked);
        drop(table);
        if is_cancelled {
            run.end(Ended::Cancelled);
        }
        (number, run)
    }

    /// Ends a job that is cancelled, now or when it comes.
    pub(super) fn cancel(&self, job: JobId, now: Instant) {
        let mut table = self.lock();
        let runs = table.runs.values().filter(|run| run.leased.envelope.id == job);
        let runs: Vec<_> = runs.cloned().collect();
        if runs.is_empty() {
            if table.early.len() == EARLY {
                table.early.pop_front();
            }
            table.early.push_back((job, now));
        }
        drop(table);
        runs.iter().for_each(|run| run.end(Ended::Cancelled));
    }

    pub(super) fn remove(&self, number: u64) {
        let run = self.lock().runs.remove(&number);
        drop(run);
    }

    pub(super) fn all(&self) -> Vec<Arc<Run>> {
        self.lock().runs.values().cloned().collect()
    }
}
