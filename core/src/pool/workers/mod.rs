//! Workers with a state each, and a bounded queue of jobs in front of them.
//!
//! | file | what |
//! |---|---|
//! | [`pool`] | `Pool`, as its users see it |
//! | [`builder`] | how one is made |
//! | [`worker`](mod@worker) | what a worker is |
//! | [`call`] | jobs that are closures and futures |
//! | [`strategy`] | which worker gets a job |
//! | [`submit`], [`ticket`] | the futures of a submit and of a result |
//! | [`shutdown`] | the end of a pool |
//! | [`stats`], [`error`] | what is counted, and what fails |
//! | [`state`], [`desk`] | the machinery: queues and workers, under one lock |
//! | [`turns`] | whose turn it is, under a limit |
//! | [`shared`], [`slot`] | what a pool shares with its workers, and a job with its ticket |
//! | [`life`] | what a worker does from its start to its end |
//! | [`crew`], [`inline`] | the workers as one: of an executor, or polled by whoever waits |

mod builder;
mod call;
mod crew;
mod desk;
mod error;
mod inline;
mod life;
#[allow(clippy::module_inception, reason = "the pool itself")]
mod pool;
mod shared;
mod shutdown;
mod slot;
mod state;
mod stats;
mod strategy;
mod submit;
mod ticket;
mod turns;
mod worker;

pub use builder::{Builder, InSubmitter, NoTimer};
pub use call::{Call, CallOnce, Caller, caller};
pub use error::{BuildError, JobError, PoolClosed, SubmitError, TrySubmitError, WorkerFailed};
pub use pool::Pool;
pub use shutdown::{Report, Shutdown, ShuttingDown};
pub use stats::{Stats, WorkerState, WorkerStats};
pub use strategy::Strategy;
pub use submit::Submit;
pub use ticket::Ticket;
pub use worker::{FnWorker, Handler, IntoWorker, Worker, worker};
