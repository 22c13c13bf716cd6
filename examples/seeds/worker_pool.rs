//! The practices guide's `WorkerPool`, and concurry's workers: jobs for a few workers, with a queue in front.
//!
//! | there | here |
//! |---|---|
//! | `WorkerPool(num_workers=5)`, `await pool.start()` | `Pool::builder(&exec).workers(5).start(..)`; a pool that exists has started |
//! | `num_consumers=0` loses all items, silently | an error of `start` |
//! | `await pool.submit(f)`, the result or the job's error | `pool.run(f).await`; `submit` for a ticket, and the result later |
//! | submit after the shutdown hangs | an error with the job in it |
//! | a submitter that is cancelled kills the worker | the worker goes on |
//! | a job that raises `CancelledError` kills the worker | a panic is the job's, and the worker is made anew |
//! | `await pool.shutdown()` | `pool.shutdown(Shutdown::Drain).await` |
//! | `class Counter(Worker)`, `Counter.options(mode="thread").init()` | `impl Worker for Counter`; where it runs is the executor's |
//! | `max_workers=3`, `load_balancing="round_robin"` | `.workers(3)`, `.strategy(Strategy::RoundRobin)` |
//! | `max_queued_tasks=2` | `.queue(2)`; `submit` waits for room, `try_submit` returns the job |
//! | `TaskWorker.map(f, items)`, on one worker | `pool.run_each(items, f)`, on all of them, in order |
//! | `worker.stop(timeout=30)`, which drops the results | `shutdown(Shutdown::Drain).timeout(&timer, d)`, then abort |
//! | `mode="sync"` | `Pool::inline()` |
//! | processes and ray | not here |
//!
//! Rows C-13, C-65 to C-84 and P-10 to P-15 of `docs/from-the-seeds.md`.
//!
//! ```text
//! cargo run -p examples --bin worker_pool
//! ```

use anyscope::{
    Timer,
    pool::{BuildError, Pool, Shutdown, Strategy, TrySubmitError, Worker, caller, worker},
    sim::{Sim, SimHandle},
};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// Jobs of any kind: the guide's pool.
async fn any_job(sim: &SimHandle) {
    let pool = Pool::builder(sim).workers(5).queue(100).start(async |_| caller(())).unwrap();
    assert_eq!(pool.run(async { "a result" }).await.unwrap(), "a result");

    let timer = sim.clone();
    let before = sim.elapsed();
    let squares = pool.run_each(1..=10, |n| {
        let timer = timer.clone();
        async move {
            timer.sleep(SECOND).await;
            n * n
        }
    });
    let squares = squares.try_collect::<Vec<_>>().await.unwrap();
    println!("{squares:?} after {:?}", sim.elapsed() - before);
    assert_eq!(sim.elapsed() - before, 2 * SECOND);

    // Neither of these harms a worker.
    drop(Box::pin(pool.run(timer.sleep(SECOND))));
    let failed = pool.run(async { panic!("no such file") }).await.unwrap_err();
    println!("{failed}");
    assert_eq!(pool.run(async { 1 }).await.unwrap(), 1);

    let report = pool.shutdown(Shutdown::Drain).await;
    assert_eq!(report.dropped, 0);
    println!("too late: {}", pool.run(async {}).await.unwrap_err());
}

/// A class with methods: concurry's worker.
struct Counter {
    timer: SimHandle,
    count: u32,
}

enum Call {
    Add(u32),
    Get,
}

impl Worker for Counter {
    type Job = Call;
    type Output = u32;

    async fn handle(&mut self, call: Call) -> u32 {
        if let Call::Add(n) = call {
            self.timer.sleep(SECOND).await;
            self.count += n;
        }
        self.count
    }
}

async fn stateful(sim: &SimHandle) {
    let timer = sim.clone();
    let counter = move |_| {
        let timer = timer.clone();
        async move { Counter { timer, count: 0 } }
    };
    let pool = Pool::builder(sim).workers(1).queue(2).start(counter.clone()).unwrap();
    assert_eq!(pool.call(Call::Add(2)).await.unwrap(), 2);
    let first = pool.submit(Call::Add(3)).await.unwrap();
    let second = pool.submit(Call::Get).await.unwrap();
    let Err(TrySubmitError::Full(_)) = pool.try_submit(Call::Get) else {
        panic!("there is no room")
    };
    assert_eq!((first.await.unwrap(), second.await.unwrap()), (5, 5));

    let three = Pool::builder(sim).workers(3).strategy(Strategy::RoundRobin).start(counter.clone());
    let three = three.unwrap();
    let sums: Vec<_> = three.map((1..=6).map(Call::Add)).try_collect().await.unwrap();
    println!("each has a state of its own: {sums:?}");
    assert_eq!(sums, [1, 2, 3, 5, 7, 9]);
    println!("{:?}", three.stats().workers.iter().map(|worker| worker.done).collect::<Vec<_>>());

    let none = Pool::builder(sim).workers(0).start(counter).map(drop);
    assert_eq!(none, Err(BuildError::NoWorkers));
}

/// The mode without threads.
async fn inline() {
    let pool = Pool::inline().start(async |_| {
        worker(String::new(), async |all: &mut String, word: &str| {
            all.push_str(word);
            all.len()
        })
    });
    assert_eq!(pool.unwrap().call("word").await.unwrap(), 4);
}

async fn show(sim: SimHandle) {
    any_job(&sim).await;
    stateful(&sim).await;
    inline().await;
}

fn main() {
    Sim::new(1).run(show).unwrap();
}

#[test]
fn in_many_orders() {
    anyscope::sim::explore(50, show);
}
