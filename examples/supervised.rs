//! Workers that are restarted when they fail: alone, as a group, and with those that came after.
//!
//! `main` runs it in a simulation, where minutes pass at once and every moment is exact.
//!
//! ```text
//! cargo run -p examples --bin supervised
//! ```

use anyscope::{
    Restart, ScopeError, Timer, exponential,
    sim::{Sim, SimHandle},
    try_scope,
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

const SECOND: Duration = Duration::from_secs(1);

/// A worker that runs for a second and fails, until it has been made so many times. What is to
/// outlive a restart is outside of it.
#[derive(Clone)]
struct Worker {
    name: &'static str,
    runs: Arc<AtomicU32>,
    good_run: u32,
}

impl Worker {
    fn new(name: &'static str, good_run: u32) -> Self {
        Worker { name, runs: Arc::new(AtomicU32::new(0)), good_run }
    }

    async fn run(self, sim: SimHandle) -> Result<(), &'static str> {
        let run = self.runs.fetch_add(1, Relaxed) + 1;
        println!("{:>6?} {} starts, run {run}", sim.elapsed(), self.name);
        sim.sleep(SECOND).await;
        match run {
            _ if run >= self.good_run => Ok(()),
            2 => panic!("{} has a bug", self.name),
            _ => Err(self.name),
        }
    }

    fn runs(&self) -> u32 {
        self.runs.load(Relaxed)
    }
}

type Failed = ScopeError<&'static str>;

/// One for one: each is restarted alone, after a second, two, four.
async fn one_for_one(sim: SimHandle, workers: [Worker; 2]) -> Result<(), Failed> {
    try_scope(&sim, async |s| {
        for worker in workers {
            let restart = Restart::on_failure(sim.clone())
                .backoff(exponential(SECOND, 10 * SECOND))
                .at_most(5, 60 * SECOND);
            let sim = sim.clone();
            s.supervise(restart, move || worker.clone().run(sim.clone()));
        }
        Ok(())
    })
    .await
}

/// All for one: a scope that is restarted. The first failure in it ends the others.
async fn all_for_one(sim: SimHandle, workers: [Worker; 2]) -> Result<(), Failed> {
    let group = || {
        let (sim, workers) = (sim.clone(), workers.clone());
        try_scope(&sim.clone(), async move |s| {
            for worker in workers {
                s.spawn(worker.run(sim.clone()));
            }
            Ok(())
        })
    };
    Restart::on_failure(sim.clone()).at_most(5, 60 * SECOND).run(group).await
}

async fn show(sim: SimHandle) {
    println!("one for one");
    let workers = [Worker::new("reader", 3), Worker::new("writer", 1)];
    one_for_one(sim.clone(), workers.clone()).await.expect("good in the end");
    assert_eq!(workers.each_ref().map(Worker::runs), [3, 1]);
    assert_eq!(sim.elapsed(), 6 * SECOND);

    println!("all for one");
    let workers = [Worker::new("reader", 3), Worker::new("writer", 1)];
    all_for_one(sim.clone(), workers.clone()).await.expect("good in the end");
    assert_eq!(workers.each_ref().map(Worker::runs), [3, 3]);

    println!("too often");
    let workers = [Worker::new("reader", 99), Worker::new("writer", 1)];
    let failed = all_for_one(sim.clone(), workers.clone()).await.unwrap_err();
    println!("given up: {failed}");
    assert_eq!((failed.into_first(), workers[0].runs()), (Some("reader"), 6));
}

fn main() {
    Sim::new(1).run(show).expect("no hang, and nothing left behind");
}
