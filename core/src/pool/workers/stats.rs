//! What a pool has done and has to do.

use alloc::vec::Vec;

/// What a pool has done and has to do, at one moment; see [`Pool::stats`](super::Pool::stats).
///
/// `submitted` is always the sum of `done`, `failed`, `aborted`, `dropped`, `queued` and `running`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// The workers, by their indices.
    pub workers: Vec<WorkerStats>,
    /// How many jobs the pool has taken.
    pub submitted: u64,
    /// How many jobs have returned.
    pub done: u64,
    /// How many jobs have panicked.
    pub failed: u64,
    /// How many jobs were ended by their tickets, or were given up before they ran.
    pub aborted: u64,
    /// How many jobs were dropped because the pool ended.
    pub dropped: u64,
    /// How many jobs are in the queue.
    pub queued: usize,
    /// How many jobs are running.
    pub running: usize,
    /// How many submits wait for room in the queue. Their jobs are not among those that the pool has
    /// taken.
    pub waiting: usize,
}

/// What a worker has done and has to do.
///
/// See [`Pool::stats`](super::Pool::stats).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorkerStats {
    /// What it does.
    pub state: WorkerState,
    /// How many jobs have returned.
    pub done: u64,
    /// How many jobs have panicked.
    pub failed: u64,
    /// How often it was made anew.
    pub restarts: u64,
    /// How many jobs are queued for this worker and no other.
    pub queued: usize,
}

/// What a worker of a pool does.
///
/// See [`Pool::stats`](super::Pool::stats).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WorkerState {
    /// It is being made for the first time.
    Starting,
    /// It waits for a job.
    Idle,
    /// It has no job, and begins none before one of those that run has ended: as many run as the
    /// [limit](super::Builder::limit) allows.
    Parked,
    /// It does a job.
    Running,
    /// It has failed, and waits to be made anew or is being made.
    Restarting,
    /// It has ended, with its pool.
    Ended,
}

/// Sums over all workers.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Totals {
    pub(super) submitted: u64,
    pub(super) done: u64,
    pub(super) failed: u64,
    pub(super) aborted: u64,
    pub(super) dropped: u64,
}
