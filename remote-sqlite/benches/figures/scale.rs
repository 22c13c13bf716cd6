//! Workers that are killed, that have much to do, and that are several.

use super::worker::{LEASE, QUEUE, Task, Worker, now, open, turns_in};
use anyscope::{Timer, flow, scope, smol::Smol};
use anyscope_remote::{Remote, engine::Engine};
use anyscope_remote_tests::Figures;
use anyscope_sqlite::{Durability, Sqlite};
use std::{
    path::Path,
    time::{Duration, Instant},
};

pub(crate) fn measure(figures: &mut Figures) {
    for _ in 0..10 {
        let over = on_a_file(async |path, engine| take_over(path, engine).await);
        figures.add("from kill -9 of a worker to the next attempt, leases of 1 s (ms)", over);
    }
    if let Some(kept) = on_a_file(async |path, engine| keep(path, engine).await) {
        figures.add("a worker without jobs: of a processor (per mille)", kept.idle);
        figures.add("1000 jobs that run, leases of 30 s: of a processor (per mille)", kept.share);
        figures.add("1000 jobs that run: memory of each (bytes)", kept.bytes);
    }
    let turns = turns_in(Duration::from_millis(1));
    for _ in 0..5 {
        for workers in [1, 2, 4] {
            let rate = on_a_file(async |path, engine| share(path, engine, workers, turns).await);
            figures.add(format!("jobs that keep a processor 1 ms, {workers} workers (1/s)"), rate);
        }
    }
}

fn on_a_file<T>(measure: impl AsyncFnOnce(&Path, &Sqlite) -> T) -> T {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jobs.db");
    let engine = open(&path, Durability::Power);
    smol::block_on(measure(&path, &engine))
}

/// How long a job waits whose worker is killed.
async fn take_over(path: &Path, engine: &Sqlite) -> f64 {
    let remote = Remote::<Task>::new(engine, &Smol, QUEUE);
    let mut first = Worker::start(path, 1, LEASE);
    scope(&Smol, async |s| {
        let call = s.spawn(remote.call(Task::Waits));
        until_running(engine, 1).await;
        // At any moment between two heartbeats.
        Smol.sleep(Duration::from_millis(now() % 333)).await;
        let _second = Worker::start(path, 1, LEASE);
        Smol.sleep(Duration::from_millis(100)).await;
        first.kill();
        let killed = Instant::now();
        while attempt(engine).await != Some(2) {
            Smol.sleep(Duration::from_millis(1)).await;
        }
        let over = killed.elapsed();
        call.cancel().await.unwrap_err();
        over.as_secs_f64() * 1e3
    })
    .await
}

/// What a worker needs; shares of a processor in thousandths.
struct Kept {
    /// While it has no jobs.
    idle: f64,
    /// While it has a thousand that do nothing.
    share: f64,
    /// For each of them.
    bytes: f64,
}

async fn keep(path: &Path, engine: &Sqlite) -> Option<Kept> {
    const JOBS: usize = 1000;
    let remote = Remote::<Task>::new(engine, &Smol, QUEUE);
    let worker = Worker::start(path, JOBS, Duration::from_secs(30));
    let share = async || {
        let (begun, busy) = (Instant::now(), worker.busy()?);
        // With jobs, three heartbeats.
        Smol.sleep(Duration::from_secs(30)).await;
        Some(1e3 * (worker.busy()? - busy).as_secs_f64() / begun.elapsed().as_secs_f64())
    };
    remote.call(Task::Nothing).await.unwrap();
    let (idle, empty) = (share().await?, worker.memory()?);
    scope(&Smol, async |s| {
        for _ in 0..JOBS {
            s.spawn_daemon(remote.call(Task::Waits));
        }
        until_running(engine, JOBS).await;
        let share = share().await?;
        let bytes = worker.memory()?.saturating_sub(empty) as f64 / JOBS as f64;
        Some(Kept { idle, share, bytes })
    })
    .await
}

/// Jobs a second, with so many workers, of one thread each.
async fn share(path: &Path, engine: &Sqlite, workers: usize, turns: u64) -> f64 {
    let remote = Remote::<Task>::new(engine, &Smol, QUEUE);
    let _workers: Vec<_> = (0..workers).map(|_| Worker::start(path, 8, 30 * LEASE)).collect();
    let all = async |number: u32| {
        let calls = flow::iter(0..number).map_concurrent(64, |_| remote.call(Task::Turns(turns)));
        assert_eq!(calls.filter(|outcome| outcome.is_err()).count().await, 0);
    };
    // All are there.
    all(500).await;
    let (number, begun) = (2000, Instant::now());
    all(number).await;
    f64::from(number) / begun.elapsed().as_secs_f64()
}

async fn until_running(engine: &Sqlite, number: usize) {
    while engine.status(&QUEUE.into()).await.unwrap().running.len() < number {
        Smol.sleep(Duration::from_millis(5)).await;
    }
}

async fn attempt(engine: &Sqlite) -> Option<u32> {
    let running = engine.status(&QUEUE.into()).await.unwrap().running;
    running.first().map(|running| running.attempt)
}
