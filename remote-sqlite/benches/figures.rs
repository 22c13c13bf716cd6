//! What a job costs on a file. Each row says how durable it is, and how many processes take part; contenders take turns.
//!
//! ```text
//! cargo bench -p anyscope-sqlite
//! ```

use anyscope::{Clock, flow, scope, smol::Smol};
use anyscope_remote::{
    Job, Json, Remote, Workers,
    engine::{Engine, Envelope, JobId},
};
use anyscope_remote_tests::Figures;
use anyscope_sqlite::{Durability, Sqlite};
use std::{
    env,
    path::Path,
    process::{Child, Command},
    time::{Duration, Instant},
};

#[derive(serde::Serialize, serde::Deserialize)]
struct Nothing(bool);

impl Job for Nothing {
    const NAME: &'static str = "nothing";
    /// When it was told to end, as nanoseconds of the clock that all processes have.
    type Output = u64;
    type Error = String;
    type Codec = Json;
}

const QUEUE: &str = "figures";
const ROUNDS: usize = 5;

fn main() {
    if let Ok(path) = env::var("FIGURES_WORKER") {
        let engine = open(Path::new(&path), Durability::Power);
        smol::block_on(workers(&engine)).unwrap();
        return;
    }
    let names = ["power", "processes"];
    let mut figures = Figures::default();
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
        let _worker = Worker::start(&path);
        add(
            "called, 64 at once, two processes, power (1/s)".into(),
            smol::block_on(call(&engine, 64)),
        );
        add(
            "called, one by one, two processes, power (us)".into(),
            1e6 / smol::block_on(call(&engine, 1)),
        );
        for taken in smol::block_on(cancel(&engine)) {
            add(
                "from a dropped call to the token, two processes, power (us)".into(),
                taken.as_secs_f64() * 1e6,
            );
        }
    }
    figures.print();
}

fn open(path: &Path, durability: Durability) -> Sqlite {
    Sqlite::builder().durability(durability).open(path).unwrap()
}

struct Worker(Child);

impl Worker {
    fn start(path: &Path) -> Self {
        let mut worker = Command::new(env::current_exe().unwrap());
        Worker(worker.env("FIGURES_WORKER", path).spawn().unwrap())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn workers(engine: &Sqlite) -> Result<(), anyscope_remote::EngineError> {
    let workers = Workers::new(engine, QUEUE).here(64);
    let serve = workers.serve(&Smol, &Smol, async |Nothing(waits), cx| {
        if waits {
            cx.token().cancelled().await;
            return Ok(now());
        }
        Ok(0)
    });
    serve.await.map(drop)
}

/// On Linux the same in all processes.
fn now() -> u64 {
    Smol.now().since_epoch().as_nanos() as u64
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
        s.spawn_daemon(async move { workers(&engine2).await });
        call(engine, at_once).await
    })
    .await
}

async fn call(engine: &Sqlite, at_once: usize) -> f64 {
    let remote = Remote::<Nothing>::new(engine, &Smol, QUEUE);
    remote.call(Nothing(false)).await.unwrap();
    let number = 60 * at_once;
    let begun = Instant::now();
    let all = flow::iter(0..number).map_concurrent(at_once, |_| remote.call(Nothing(false)));
    let failed = all.filter(|outcome| outcome.is_err()).count().await;
    assert_eq!(failed, 0);
    number as f64 / begun.elapsed().as_secs_f64()
}

/// How long it takes until the token of a handler is cancelled.
async fn cancel(engine: &Sqlite) -> Vec<Duration> {
    let remote = Remote::<Nothing>::new(engine, &Smol, QUEUE);
    let mut taken = Vec::new();
    for _ in 0..40 {
        let call = scope(&Smol, async |s| {
            let call = s.spawn(remote.call(Nothing(true)));
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
