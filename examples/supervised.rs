//! Workers that are restarted when they fail: alone, as a group, and with those that came after.
//!
//! In the simulation, which is where it runs unless told otherwise, time passes at once and every moment is exact.
//!
//! ```text
//! cargo run -p examples --bin supervised
//! cargo run -p examples --bin supervised -- --executor tokio
//! ```

use anyscope::{
    BlockOn, Executor, Instant, Restart, Restarted, ScopeError, exponential, sim::Sim, smol::Smol,
    threads::ThreadPool, tokio::TokioRuntime, try_scope,
};
use clap::Parser;
use std::{
    error::Error,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

/// How long a worker works.
const TICK: Duration = Duration::from_millis(100);
const MINUTE: Duration = Duration::from_secs(60);

/// Restarts workers that fail: alone, as a group, and with those that came after.
#[derive(Parser)]
#[command(name = "supervised")]
struct Args {
    /// Where to run.
    #[arg(long, value_name = "NAME", default_value = "sim")]
    #[arg(value_parser = ["sim", "smol", "tokio", "threads"])]
    executor: String,
}

/// A worker that works for a while and fails, until it has been made so many times. What is to
/// outlive a restart is outside of it.
#[derive(Clone)]
struct Worker {
    name: &'static str,
    runs: Arc<AtomicU32>,
    good_run: u32,
    begin: Instant,
}

impl Worker {
    fn run<E: Executor>(
        self,
        exec: &E,
    ) -> impl Future<Output = Result<(), &'static str>> + Send + use<E> {
        let run = self.runs.fetch_add(1, Relaxed) + 1;
        println!("{:>6?} {} starts, run {run}", self.elapsed(exec), self.name);
        let work = exec.sleep(TICK);
        async move {
            work.await;
            match run {
                _ if run >= self.good_run => Ok(()),
                2 => panic!("{} has a bug", self.name),
                _ => Err(self.name),
            }
        }
    }

    fn runs(&self) -> u32 {
        self.runs.load(Relaxed)
    }

    fn elapsed<E: Executor>(&self, exec: &E) -> Duration {
        let elapsed = exec.now() - self.begin;
        Duration::from_millis(elapsed.as_millis() as u64)
    }
}

/// Workers by name, and in which run each is good.
fn workers<const N: usize>(exec: &impl Executor, good: [(&'static str, u32); N]) -> [Worker; N] {
    let begin = exec.now();
    good.map(|(name, good_run)| Worker { name, runs: Arc::default(), good_run, begin })
}

type Failed = ScopeError<&'static str>;

/// One for one: each is restarted alone, after a tick, two, four.
async fn one_for_one<E: Executor>(exec: &E, workers: [Worker; 2]) -> Result<(), Failed> {
    try_scope(exec, async |s| {
        for worker in workers {
            let name = worker.name;
            let restart = Restart::on_failure(exec.clone())
                .backoff(exponential(TICK, 10 * TICK))
                .at_most(5, MINUTE)
                .on_restart(move |restarted: &Restarted<'_, Result<(), &'static str>>| {
                    let why = restarted.panic.unwrap_or("it has failed");
                    println!(
                        "       {name}: {why}; restart {} in {:?}",
                        restarted.number, restarted.delay
                    );
                });
            let exec = exec.clone();
            s.supervise(restart, move || worker.clone().run(&exec));
        }
        Ok(())
    })
    .await
}

/// All for one: a scope that is restarted. The first failure in it ends the others.
async fn all_for_one<E: Executor>(exec: &E, workers: [Worker; 2]) -> Result<(), Failed> {
    let group = || {
        let (theirs, workers) = (exec.clone(), workers.clone());
        try_scope(exec, async move |s| {
            for worker in workers {
                s.spawn(worker.run(&theirs));
            }
            Ok(())
        })
    };
    Restart::on_failure(exec.clone()).at_most(5, MINUTE).run(group).await
}

/// Rest for one: a worker and those that came after it are a scope. A failure of the worker ends that scope,
/// and all in it are restarted; those that came before go on.
fn rest_for_one<E: Executor>(
    exec: E,
    mut workers: Vec<Worker>,
) -> Pin<Box<dyn Future<Output = Result<(), &'static str>> + Send>> {
    if workers.is_empty() {
        return Box::pin(async { Ok(()) });
    }
    let (first, rest) = (workers.remove(0), workers);
    Box::pin(async move {
        let all = try_scope(&exec, async |s| {
            s.spawn(first.run(&exec));
            let theirs = exec.clone();
            let restart = Restart::on_failure(exec.clone()).at_most(5, MINUTE);
            s.supervise(restart, move || rest_for_one(theirs.clone(), rest.clone()));
            Ok(())
        });
        all.await.map_err(|failed| failed.into_first().unwrap_or("cancelled"))
    })
}

/// Returns how long the restarts of the first took.
async fn show<E: Executor>(exec: E) -> Duration {
    println!("one for one");
    let two = workers(&exec, [("reader", 3), ("writer", 1)]);
    one_for_one(&exec, two.clone()).await.expect("good in the end");
    assert_eq!(two.each_ref().map(Worker::runs), [3, 1]);
    let elapsed = two[0].elapsed(&exec);

    println!("all for one");
    let two = workers(&exec, [("reader", 3), ("writer", 1)]);
    all_for_one(&exec, two.clone()).await.expect("good in the end");
    assert_eq!(two.each_ref().map(Worker::runs), [3, 3]);

    println!("rest for one");
    let three = workers(&exec, [("database", 1), ("cache", 3), ("web", 1)]);
    rest_for_one(exec.clone(), three.to_vec()).await.expect("good in the end");
    assert_eq!(three.each_ref().map(Worker::runs), [1, 3, 3]);

    println!("too often");
    let two = workers(&exec, [("reader", 99), ("writer", 1)]);
    let failed = all_for_one(&exec, two.clone()).await.unwrap_err();
    println!("given up: {failed}");
    assert_eq!((failed.into_first(), two[0].runs()), (Some("reader"), 6));
    elapsed
}

fn simulated() {
    let elapsed = Sim::new(1).run(show).expect("no hang, and nothing left behind");
    assert_eq!(elapsed, 6 * TICK);
}

fn main() -> Result<(), Box<dyn Error>> {
    match &*Args::parse().executor {
        "smol" => drop(Smol.block_on(show(Smol))),
        "tokio" => {
            let runtime = TokioRuntime::from(tokio::runtime::Runtime::new()?);
            runtime.block_on(show(runtime.handle()));
        }
        "threads" => {
            let pool = ThreadPool::builder().build()?;
            pool.block_on(show(pool.handle()));
        }
        _ => simulated(),
    }
    Ok(())
}

#[test]
fn in_many_orders() {
    anyscope::sim::explore(20, |sim| async move {
        assert_eq!(show(sim).await, 6 * TICK);
    });
}
