//! Jobs of `apalis`, with what it has for being fast: batches as large as the worker, and a worker that is woken by each push.

use crate::{AT_ONCE, JOBS, Rates, rate};
use anyscope::flow;
use apalis::prelude::*;
use apalis_sqlite::{Config, SqliteConnectOptions, SqlitePool, SqlitePoolOptions, SqliteStorage};
use futures_channel::{mpsc, oneshot};
use std::{
    collections::HashMap,
    path::Path,
    sync::{Mutex, PoisonError},
    time::Duration,
};

pub(crate) fn measure(connections: u32) -> Rates {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(rates(&folder.path().join("jobs.db"), connections))
}

/// Whoever waits for a job. A handler answers in memory: the outcome is stored, but nobody reads it.
static CALLS: Mutex<Option<HashMap<u32, oneshot::Sender<()>>>> = Mutex::new(None);

async fn handle(number: u32) -> Result<(), BoxDynError> {
    let call = calls(|calls| calls.remove(&number));
    let _ = call.map(|call| call.send(()));
    Ok(())
}

fn calls<T>(with: impl FnOnce(&mut HashMap<u32, oneshot::Sender<()>>) -> T) -> T {
    let mut calls = CALLS.lock().unwrap_or_else(PoisonError::into_inner);
    with(calls.get_or_insert_default())
}

async fn rates(path: &Path, connections: u32) -> Rates {
    // It makes its connections fast and not durable, so these are others.
    let first = open(path, 1).await;
    SqliteStorage::setup(&first).await.unwrap();
    first.close().await;
    let pool = open(path, connections).await;

    let config = Config::default().queue("jobs").batch_size(AT_ONCE);
    let (pushed, pushes) = mpsc::unbounded();
    let storage = SqliteStorage::new(&pool).with_config(config);
    let push = async |number| storage.clone().push(number).await.unwrap();
    let stored = rate(async || {
        let puts = flow::iter(0..JOBS).map_concurrent(AT_ONCE, &push);
        puts.count().await;
    });
    let stored = stored.await;

    let strategy = Strategy::new().stream(pushes).interval(Duration::from_millis(2));
    let worker = WorkerBuilder::new("worker")
        .backend(storage.clone().poll_with_strategy(strategy))
        .concurrency(AT_ONCE)
        .build(handle);
    // Before it begins, so that none is missed.
    let waits: Vec<_> = (0..JOBS).map(wait).collect();
    let worker = tokio::spawn(worker.run());
    let drained = rate(async || {
        for wait in waits {
            wait.await.unwrap();
        }
    });
    let drained = drained.await;
    let called = rate(async || {
        let calls = flow::iter(JOBS..2 * JOBS).map_concurrent(AT_ONCE, async |number| {
            let wait = wait(number);
            push(number).await;
            let _ = pushed.unbounded_send(());
            wait.await.unwrap();
        });
        calls.count().await;
    });
    let called = called.await;
    worker.abort();
    Rates { stored, drained, called }
}

async fn open(path: &Path, connections: u32) -> SqlitePool {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
    let options = options.pragma("synchronous", "full").pragma("journal_mode", "wal");
    SqlitePoolOptions::new().max_connections(connections).connect_with(options).await.unwrap()
}

fn wait(number: u32) -> oneshot::Receiver<()> {
    let (to, wait) = oneshot::channel();
    calls(|calls| calls.insert(number, to));
    wait
}
