//! What workers tell of themselves.

use crate::engine::{EngineError, JobId};

/// Something that happened in a worker; see [`Workers::on_event`](crate::Workers::on_event).
///
/// Nothing of a job's payload is in it.
///
/// See [`Workers::on_event`](crate::Workers::on_event).
#[derive(Debug)]
#[non_exhaustive]
pub enum WorkerEvent<'a> {
    /// The engine did not do what it was asked. The worker asks again, later each time.
    Engine(&'a EngineError),
    /// An attempt has failed, with an error or a panic, and the job will be tried again.
    Retried {
        /// The job.
        job: &'a JobId,
        /// Which attempt it was.
        attempt: u32,
    },
    /// A job has become a dead letter.
    Dead {
        /// The job.
        job: &'a JobId,
        /// How often it was begun.
        attempts: u32,
        /// Why.
        why: &'a str,
    },
    /// The time of a lease was over before it was extended: the handler was cancelled, and another worker may have the job.
    LeaseLost {
        /// The job.
        job: &'a JobId,
    },
}

/// What a worker has done; returned by [`Workers::serve`](crate::Workers::serve).
///
/// See [`Workers`](crate::Workers).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Served {
    /// Handlers that were begun.
    pub begun: u64,
    /// Outcomes that were stored, of values, errors and dead letters.
    pub settled: u64,
    /// Jobs that were given back, to be tried again or as the worker was shutting down.
    pub given_back: u64,
    /// Leases that were lost.
    pub lost: u64,
}
