//! The backends, and how work gets there.

use crate::sockets::{self, Sockets};
use anyscope::{BlockOn, Executor, scope, smol::Smol, threads::ThreadPool, tokio::TokioHandle};
use async_executor::Task;
use futures_lite::future::block_on;
use std::{future::Future, sync::Arc, time::Duration};
use tokio::runtime::{Builder, Runtime};

/// What work runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Backend {
    Smol,
    TokioCurrent,
    TokioMulti,
    Threads,
}

impl Backend {
    pub(crate) const ALL: [Backend; 4] =
        [Backend::Smol, Backend::TokioCurrent, Backend::TokioMulti, Backend::Threads];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Backend::Smol => "smol",
            Backend::TokioCurrent => "tokio, current thread",
            Backend::TokioMulti => "tokio, multi-thread",
            Backend::Threads => "threads",
        }
    }
}

/// What a round has measured: one number of the scenario's unit for each of its lines.
pub(crate) type Sample = Vec<f64>;

/// Work that is written three times: with anyscope, and as users of runtimes write it today.
///
/// Each future is the task that does the work on its runtime.
pub(crate) trait Work: Copy + Send + 'static {
    /// On any executor, by anyscope.
    fn own<E: Executor + Sockets>(self, exec: E) -> impl Future<Output = Sample> + Send + 'static;

    /// On tokio, without anyscope.
    fn on_tokio(self) -> impl Future<Output = Sample> + Send + 'static;

    /// On an executor of smol's kind, without anyscope.
    fn on_tasks<T: Tasks>(self, tasks: T) -> impl Future<Output = Sample> + Send + 'static;
}

/// An executor of smol's kind.
pub(crate) trait Tasks: Clone + Send + Sync + 'static {
    fn spawn<F>(&self, future: F) -> Task<F::Output>
    where
        F: Future<Output: Send> + Send + 'static;
}

/// The executor of the crate `smol`.
#[derive(Clone)]
pub(crate) struct Global;

impl Tasks for Global {
    fn spawn<F>(&self, future: F) -> Task<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        smol::spawn(future)
    }
}

/// What a `ThreadPool` is made of, without anyscope.
type Bare = Arc<async_executor::Executor<'static>>;

impl Tasks for Bare {
    fn spawn<F>(&self, future: F) -> Task<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        async_executor::Executor::spawn(self, future)
    }
}

/// All of them, running.
pub(crate) struct Backends {
    tokio_current: Runtime,
    tokio_multi: Runtime,
    pool: ThreadPool,
    bare: Bare,
}

impl Backends {
    pub(crate) fn start() -> Self {
        sockets::serve();
        let build = |builder: &mut Builder| builder.enable_all().build().expect("a runtime");
        Backends {
            tokio_current: build(&mut Builder::new_current_thread()),
            tokio_multi: build(Builder::new_multi_thread().worker_threads(2)),
            pool: ThreadPool::new(2),
            bare: crate::support::executor_of_two_threads(),
        }
    }

    /// Runs the work by anyscope.
    pub(crate) fn own(&self, on: Backend, work: impl Work) -> Sample {
        match on {
            Backend::Smol => block_on(smol::spawn(work.own(Smol))),
            Backend::TokioCurrent => own_on_tokio(&self.tokio_current, work),
            Backend::TokioMulti => own_on_tokio(&self.tokio_multi, work),
            Backend::Threads => {
                let exec = self.pool.handle();
                self.pool.block_on(scope(&exec.clone(), async |s| {
                    s.spawn(work.own(exec)).await.expect("work does not panic")
                }))
            }
        }
    }

    /// Runs the work as it is written on that backend today.
    pub(crate) fn today(&self, on: Backend, work: impl Work) -> Sample {
        match on {
            Backend::Smol => block_on(smol::spawn(work.on_tasks(Global))),
            Backend::TokioCurrent => on_tokio(&self.tokio_current, work.on_tokio()),
            Backend::TokioMulti => on_tokio(&self.tokio_multi, work.on_tokio()),
            Backend::Threads => block_on(self.bare.spawn(work.on_tasks(self.bare.clone()))),
        }
    }
}

fn own_on_tokio(runtime: &Runtime, work: impl Work) -> Sample {
    on_tokio(runtime, work.own(TokioHandle::from(runtime.handle().clone())))
}

fn on_tokio(runtime: &Runtime, future: impl Future<Output = Sample> + Send + 'static) -> Sample {
    runtime.block_on(runtime.spawn(future)).expect("work does not panic")
}

/// Returns the nanoseconds of each of so many items.
pub(crate) fn nanos(time: Duration, items: usize) -> Sample {
    vec![time.as_nanos() as f64 / items as f64]
}
