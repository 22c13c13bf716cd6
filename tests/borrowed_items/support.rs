//! Where the rows run.

use anyscope::{BlockOn, Clock, Instant, Timer, block_scope, scope, threads::ThreadPool};
use std::{
    future::{Ready, ready},
    time::Duration,
};

/// What a task owns, and its flow borrows.
pub(crate) struct Owned {
    pub(crate) names: Vec<String>,
    pub(crate) prefix: String,
}

impl Owned {
    pub(crate) fn new() -> Self {
        Owned { names: ["ann", "bob", "cleo"].map(String::from).into(), prefix: "dear ".into() }
    }
}

/// Runs a task on each runtime, with the bounds of its own `spawn`.
pub(crate) fn spawned<F, Fut>(task: F)
where
    F: Fn(Owned) -> Fut,
    Fut: Future<Output = ()> + Send + 'static,
{
    let tokio = tokio::runtime::Builder::new_current_thread().build().unwrap();
    tokio.block_on(async { tokio::spawn(task(Owned::new())).await.unwrap() });
    smol::block_on(smol::spawn(task(Owned::new())));
    let pool = ThreadPool::new(0);
    pool.block_on(async { scope(&pool.handle(), |s| s.spawn(task(Owned::new()))).await }).unwrap();
    block_scope(&pool, async |s| s.spawn(task(Owned::new())).await).unwrap();
}

/// A timer whose sleeps are over at once.
#[derive(Clone, Copy)]
pub(crate) struct NoTime;

impl Timer for NoTime {
    type Sleep = Ready<()>;

    fn sleep(&self, _: Duration) -> Ready<()> {
        ready(())
    }
}

impl Clock for NoTime {
    fn now(&self) -> Instant {
        Instant::from_epoch(Duration::ZERO)
    }
}

pub(crate) async fn greet(prefix: &str, name: &str) -> String {
    smol::future::yield_now().await;
    format!("{prefix}{name}")
}

pub(crate) async fn check(name: &str) -> Result<usize, String> {
    smol::future::yield_now().await;
    if name == "bob" { Err(format!("{name} has no mail")) } else { Ok(name.len()) }
}
