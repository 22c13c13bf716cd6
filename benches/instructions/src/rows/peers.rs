//! Work on the executors of others, and one after the other.

use crate::{
    meter::counted_in_task,
    own::{self},
    work::Yields,
};
use anyscope::{Spawn, tokio::TokioHandle};
use tokio::{
    runtime::{Builder, Runtime},
    task::JoinSet,
};

/// Counts children of scopes on what `exec` makes of a tokio runtime, in a task of that.
pub(super) fn in_tokio<M: own::Map<Yields>, E: Spawn + Clone + Send + Sync + 'static>(
    n: usize,
    work: M,
    exec: impl Fn(TokioHandle) -> E,
) {
    let runtime = runtime();
    let exec = exec(TokioHandle::from(runtime.handle().clone()));
    let once = async move {
        counted_in_task(n, || own::spawn_and_join(&exec, n, work)).await;
    };
    runtime.block_on(runtime.spawn(once)).unwrap();
}

pub(super) fn runtime() -> Runtime {
    Builder::new_current_thread().build().unwrap()
}

/// Time does not pass, so that it costs the same in every run.
pub(super) fn paused() -> Runtime {
    Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}

pub(super) async fn in_turn(n: usize, work: impl Fn(usize) -> Yields) -> u64 {
    let mut sum = 0_u64;
    for n in 0..n {
        sum = sum.wrapping_add(work(n).await);
    }
    sum
}

pub(super) async fn tokio_handles(n: usize, work: impl Fn(usize) -> Yields) -> u64 {
    let handles: Vec<_> = (0..n).map(|n| tokio::spawn(work(n))).collect();
    let mut sum = 0_u64;
    for handle in handles {
        sum = sum.wrapping_add(handle.await.unwrap());
    }
    sum
}

pub(super) async fn join_set(n: usize, work: impl Fn(usize) -> Yields) -> u64 {
    let mut set = JoinSet::new();
    for n in 0..n {
        set.spawn(work(n));
    }
    let mut sum = 0_u64;
    while let Some(output) = set.join_next().await {
        sum = sum.wrapping_add(output.unwrap());
    }
    sum
}

pub(super) async fn tasks(
    spawn: impl Fn(Yields) -> async_executor::Task<u64>,
    n: usize,
    work: impl Fn(usize) -> Yields,
) -> u64 {
    let tasks: Vec<_> = (0..n).map(|n| spawn(work(n))).collect();
    let mut sum = 0_u64;
    for task in tasks {
        sum = sum.wrapping_add(task.await);
    }
    sum
}
