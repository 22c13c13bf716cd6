//! Workers and resources that several callers share.
//!
//! | to | use |
//! |---|---|
//! | have jobs done by a few workers, each with a state of its own | [`Pool`] |
//! | lend connections and the like to one user at a time | [`ResourcePool`], by key [`KeyedResourcePool`] |
//! | give each worker of one flow a resource of its own | [`flow.map_with(limit, init, f)`](crate::flow::Flow::map_with) |
//! | compute in parallel | an executor with a thread for each core, such as `ThreadPool::builder().build()` of the threads adapter, beside the one that waits for sockets: [`s.spawn_on(&threads, f)`](crate::Scope::spawn_on), [`flow.map_on(&threads, limit, f)`](crate::flow::Flow::map_on) |
//! | call what blocks | [`s.spawn_blocking(f)`](crate::Scope::spawn_blocking): threads of their own, as many as the executor allows ([`SpawnBlocking`](crate::SpawnBlocking)) |
//!
//! A pool of workers or of resources has no threads: it runs where its callers and its executor run.
//! Work that computes for longer than some ten microseconds between two awaits holds up the others of its
//! thread, and more threads than cores make none of it faster. So such work goes to an executor of its own
//! whose size is [`available_parallelism`], and blocking calls, which wait without using a core, to
//! `spawn_blocking`, which has more threads than cores.
//!
//! [`available_parallelism`]: https://doc.rust-lang.org/std/thread/fn.available_parallelism.html

#[cfg(all(feature = "std", not(anyscope_loom)))]
pub mod resources;
pub(crate) mod workers;

#[cfg(all(feature = "std", not(anyscope_loom)))]
pub use resources::{KeyedResourcePool, Manage, ResourcePool};
pub use workers::{
    BuildError, Builder, Call, CallOnce, Caller, FnWorker, Handler, InSubmitter, IntoWorker,
    JobError, NoTimer, Pool, PoolClosed, Report, Shutdown, Stats, Strategy, SubmitError, Ticket,
    TrySubmitError, Worker, WorkerFailed, WorkerState, WorkerStats, caller, worker,
};
