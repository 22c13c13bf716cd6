//! What a job costs.

use super::worker::{QUEUE, Task, Worker, open, serve};
use anyscope::{Timer, flow, scope, smol::Smol};
use anyscope_remote::{
    Remote,
    engine::{Engine, Envelope, JobId},
};
use anyscope_remote_tests::Figures;
use anyscope_sqlite::{Durability, Sqlite};
use std::time::{Duration, Instant};

const ROUNDS: usize = 5;
/// How many jobs a worker has at once.
const HERE: usize = 64;
const LEASE: Duration = Duration::from_secs(30);

pub(crate) fn measure(figures: &mut Figures) {
    let names = ["power", "processes"];
    let mut add = |name: String, value| figures.add(name, value);
    for _ in 0..ROUNDS {
        for (name, durability) in names.into_iter().zip([Durability::Power, Durability::Processes])
        {
            let folder = tempfile::tempdir().unwrap();
            let engine = open(&folder.path().join("jobs.db"), durability);
            add(format!("stored, 64 at once, {name} (1/s)"), smol::block_on(put(&engine, 64)));
            add(format!("stored, one by one, {name} (1/s)"), smol::block_on(put(&engine, 1)));
            add(
                format!("called, 64 at once, one process, {name} (1/s)"),
                smol::block_on(call_here(&engine, 64)),
            );
            add(
                format!("called, one by one, one process, {name} (us)"),
                1e6 / smol::block_on(call_here(&engine, 1)),
            );
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("jobs.db");
        let engine = open(&path, Durability::Power);
        let _worker = Worker::start(&path, HERE, LEASE);
        add(
            "called, 64 at once, two processes, power (1/s)".into(),
            smol::block_on(call(&engine, 64)),
        );
        add(
            "called, one by one, two processes, power (us)".into(),
            1e6 / smol::block_on(call(&engine, 1)),
        );
        for taken in smol::block_on(call_after_a_pause(&engine)) {
            add(
                "called after 200 ms without any, two processes, power (us)".into(),
                taken.as_secs_f64() * 1e6,
            );
        }
        for taken in smol::block_on(cancel(&engine)) {
            add(
                "from a dropped call to the token, two processes, power (us)".into(),
                taken.as_secs_f64() * 1e6,
            );
        }
    }
}

async fn put(engine: &Sqlite, at_once: usize) -> f64 {
    let number = 100 * at_once;
    let begun = Instant::now();
    let queue = "stored".into();
    let all = flow::iter(0..number).map_concurrent(at_once, async |_| {
        let job = Envelope::new(JobId::unique(), "nothing", 1, b"true".to_vec());
        engine.put(&queue, vec![job]).await.unwrap();
    });
    all.count().await;
    number as f64 / begun.elapsed().as_secs_f64()
}

async fn call_here(engine: &Sqlite, at_once: usize) -> f64 {
    scope(&Smol, async |s| {
        let engine2 = engine.clone();
        s.spawn_daemon(async move { serve(&engine2, HERE, LEASE).await });
        call(engine, at_once).await
    })
    .await
}

async fn call(engine: &Sqlite, at_once: usize) -> f64 {
    let remote = Remote::<Task>::new(engine, &Smol, QUEUE);
    remote.call(Task::Nothing).await.unwrap();
    let number = 60 * at_once;
    let begun = Instant::now();
    let all = flow::iter(0..number).map_concurrent(at_once, |_| remote.call(Task::Nothing));
    let failed = all.filter(|outcome| outcome.is_err()).count().await;
    assert_eq!(failed, 0);
    number as f64 / begun.elapsed().as_secs_f64()
}

/// How long a call takes when nobody has written for a while.
async fn call_after_a_pause(engine: &Sqlite) -> Vec<Duration> {
    let remote = Remote::<Task>::new(engine, &Smol, QUEUE);
    let mut taken = Vec::new();
    for _ in 0..20 {
        Smol.sleep(Duration::from_millis(200)).await;
        let begun = Instant::now();
        remote.call(Task::Nothing).await.unwrap();
        taken.push(begun.elapsed());
    }
    taken
}

/// How long it takes until the token of a handler is cancelled.
async fn cancel(engine: &Sqlite) -> Vec<Duration> {
    let remote = Remote::<Task>::new(engine, &Smol, QUEUE);
    let mut taken = Vec::new();
    for _ in 0..40 {
        let call = scope(&Smol, async |s| {
            let call = s.spawn(remote.call(Task::Waits));
            while engine.status(&QUEUE.into()).await.unwrap().running.is_empty() {}
            let begun = Instant::now();
            call.cancel().await.unwrap_err();
            while !engine.status(&QUEUE.into()).await.unwrap().running.is_empty() {}
            begun.elapsed()
        });
        taken.push(call.await);
    }
    taken
}
