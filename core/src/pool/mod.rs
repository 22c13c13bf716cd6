//! Workers and resources that several callers share.
//!
//! | to | use |
//! |---|---|
//! | have jobs done by a few workers, each with a state of its own | [`Pool`] |

pub(crate) mod workers;

pub use workers::{
    BuildError, Builder, Call, CallOnce, Caller, FnWorker, Handler, InSubmitter, IntoWorker,
    JobError, NoTimer, Pool, PoolClosed, Report, Shutdown, Stats, Strategy, SubmitError, Ticket,
    TrySubmitError, Worker, WorkerFailed, WorkerState, WorkerStats, caller, worker,
};
