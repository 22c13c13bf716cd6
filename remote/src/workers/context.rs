//! What a handler knows of its job.

use super::held::Run;
use crate::{
    Headers,
    engine::{JobId, WorkerName},
};
use anyscope_core::{CancelToken, Instant};
use std::{fmt, sync::Arc};

/// Why a handler is asked to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ended {
    /// Whoever called has cancelled the job.
    Cancelled,
    /// The caller was not heard of any more.
    CallerGone,
    /// The time of the job is over.
    DeadlinePassed,
    /// The lease ran out before it could be extended: another worker may have the job.
    LeaseLost,
    /// The worker ends. The job is given back unless the handler returns a value.
    ShuttingDown,
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Ended::Cancelled => "its caller has cancelled it",
            Ended::CallerGone => "its caller is gone",
            Ended::DeadlinePassed => "its time is over",
            Ended::LeaseLost => "its lease is lost",
            Ended::ShuttingDown => "its worker is shutting down",
        })
    }
}

/// What a handler knows of its job.
#[derive(Clone)]
pub struct JobContext {
    pub(super) run: Arc<Run>,
    pub(super) token: CancelToken,
    pub(super) stop: CancelToken,
    pub(super) deadline: Option<Instant>,
    pub(super) worker: WorkerName,
}

impl JobContext {
    /// Returns the id of the job: the same in each attempt. With it, writes can be made such that a second one changes nothing.
    pub fn id(&self) -> &JobId {
        &self.run.leased.envelope.id
    }

    /// Returns a number that is greater in each lease of the job. A store that refuses writes with a smaller one than it has seen
    /// refuses those of a worker that has lost the job.
    pub fn epoch(&self) -> u64 {
        self.run.leased.epoch
    }

    /// Returns which attempt this is: 1 for the first.
    pub fn attempt(&self) -> u32 {
        self.run.leased.attempt
    }

    /// Returns what is cancelled when the handler is asked to end: by [`checkpoint()`](anyscope_core::checkpoint) it is noticed as well.
    /// When the [grace](crate::Workers::grace) is over, the handler is dropped.
    pub fn token(&self) -> &CancelToken {
        &self.token
    }

    /// Returns why the handler is asked to end, if it is.
    pub fn ended(&self) -> Option<Ended> {
        self.run.why().or_else(|| self.stop.is_cancelled().then_some(Ended::ShuttingDown))
    }

    /// Returns until when there is time, by the timer of the worker, if the job has a [limit](crate::Request::within). It is the scope's
    /// deadline as well.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Returns what came with the job.
    pub fn headers(&self) -> &Headers {
        &self.run.leased.envelope.headers
    }

    /// Returns the name of the worker.
    pub fn worker(&self) -> &WorkerName {
        &self.worker
    }
}

impl fmt::Debug for JobContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobContext")
            .field("id", self.id())
            .field("attempt", &self.attempt())
            .field("epoch", &self.epoch())
            .field("ended", &self.ended())
            .finish_non_exhaustive()
    }
}
