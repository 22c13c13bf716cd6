//! How many polls of tasks does a simulation do in a second?
//!
//! - `cargo bench --bench simulation` runs criterion, with charts in
//!   `target/criterion`.
//! - `cargo bench --bench simulation -- --ratios` prints the figures of
//!   `RESULTS.md`.
//!
//! Polls are counted by the tasks, so those of the test itself come on top. A run is everything:
//! making the simulation, spawning, polling, looking for leaks.

mod support;

use anyscope::{
    Timer, scope,
    sim::{Explorer, Sim, SimHandle},
    timeout,
};
use criterion::Criterion;
use std::{
    cell::Cell,
    future::{Future, pending, poll_fn},
    hint::black_box,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};
use support::{Contender, compare};

/// Counts the polls of a task.
async fn counted<F: Future>(polls: Arc<AtomicU64>, task: F) -> F::Output {
    let mut count = 0;
    let mut task = pin!(task);
    let output = poll_fn(|cx| {
        count += 1;
        task.as_mut().poll(cx)
    })
    .await;
    polls.fetch_add(count, Relaxed);
    output
}

const TASKS: u32 = 20;
const TURNS: u32 = 20;
const SECOND: Duration = Duration::from_secs(1);

/// Tasks that yield, and then sleep.
async fn yields(sim: SimHandle, polls: Arc<AtomicU64>) {
    scope(&sim, async |s| {
        for n in 0..TASKS {
            let sim = sim.clone();
            s.spawn(counted(polls.clone(), async move {
                for _ in 0..TURNS {
                    sim.yield_now().await;
                }
                sim.sleep(n * SECOND).await;
            }));
        }
    })
    .await;
}

/// Tasks that pass messages on, in a ring.
async fn ring(sim: SimHandle, polls: Arc<AtomicU64>) {
    scope(&sim, async |s| {
        let (mut senders, receivers): (Vec<_>, Vec<_>) =
            (0..TASKS).map(|_| async_channel::bounded(1)).unzip();
        senders.rotate_left(1);
        for (sender, receiver) in senders.into_iter().zip(receivers) {
            s.spawn(counted(polls.clone(), async move {
                for turn in 0..TURNS {
                    sender.send(turn).await.unwrap();
                    receiver.recv().await.unwrap();
                }
            }));
        }
    })
    .await;
}

/// Tasks that sleep, so that the clock jumps all the time.
async fn sleeps(sim: SimHandle, polls: Arc<AtomicU64>) {
    scope(&sim, async |s| {
        for n in 0..TASKS {
            let sim = sim.clone();
            s.spawn(counted(polls.clone(), async move {
                for turn in 0..TURNS {
                    timeout(&sim, 100 * SECOND, sim.sleep((n ^ turn) * SECOND)).await.unwrap();
                }
            }));
        }
    })
    .await;
}

type Test = fn(SimHandle, Arc<AtomicU64>) -> std::pin::Pin<Box<dyn Future<Output = ()>>>;

const TESTS: [(&str, Test); 3] = [
    ("tasks that yield", |sim, polls| Box::pin(yields(sim, polls))),
    ("a ring of channels", |sim, polls| Box::pin(ring(sim, polls))),
    ("sleeps with timeouts", |sim, polls| Box::pin(sleeps(sim, polls))),
];

/// Polls of one run.
fn polls_of(test: Test) -> u64 {
    let polls = Arc::new(AtomicU64::new(0));
    Sim::new(0).run(|sim| test(sim, polls.clone())).unwrap();
    polls.load(Relaxed)
}

/// One run after the other, each with another seed.
fn runs(test: Test) -> Contender<'static> {
    let seed = Cell::new(0);
    let run = move |iterations| {
        let polls = Arc::new(AtomicU64::new(0));
        let start = Instant::now();
        for _ in 0..iterations {
            seed.set(seed.get() + 1);
            Sim::new(seed.get()).run(|sim| test(sim, polls.clone())).unwrap();
        }
        black_box(polls);
        start.elapsed()
    };
    Contender { name: "runs on one thread".into(), run: Box::new(run) }
}

/// As many runs by `explore`, on all processors.
fn explored(test: Test) -> Contender<'static> {
    let run = move |iterations| {
        let polls = Arc::new(AtomicU64::new(0));
        let start = Instant::now();
        Explorer::new(iterations).run(|sim| test(sim, polls.clone()));
        start.elapsed()
    };
    Contender { name: "explore".into(), run: Box::new(run) }
}

/// A test of a timeout of an hour.
fn an_hour() -> Contender<'static> {
    let run = |iterations| {
        let start = Instant::now();
        for _ in 0..iterations {
            let sim = Sim::new(0);
            let result = sim.run(async |sim| timeout(&sim, 3600 * SECOND, pending::<()>()).await);
            assert!(result.unwrap().is_err());
        }
        start.elapsed()
    };
    Contender { name: "a timeout of an hour".into(), run: Box::new(run) }
}

fn main() {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    if std::env::args().any(|arg| arg == "--ratios") {
        println!("| test | polls | | µs a run | million polls a second and core |");
        println!("|---|--:|---|--:|--:|");
        for (name, test) in TESTS {
            let contenders = [runs(test), explored(test)];
            let polls = polls_of(test);
            for ((contender, measured), cores) in
                contenders.iter().zip(compare(&contenders)).zip([1, cores])
            {
                let million = polls as f64 / measured.nanos / cores as f64 * 1e3;
                let micros = measured.nanos / 1e3;
                println!("| {name} | {polls} | {} | {micros:.0} | {million:.2} |", contender.name);
            }
        }
        let contenders = [an_hour()];
        let [measured] = &compare(&contenders)[..] else { unreachable!("one for each") };
        println!("| {} | | | {:.1} | |", contenders[0].name, measured.nanos / 1e3);
    } else {
        let mut criterion = Criterion::default().configure_from_args();
        let mut group = criterion.benchmark_group("simulation");
        for (name, test) in TESTS {
            group.throughput(criterion::Throughput::Elements(polls_of(test)));
            for contender in [runs(test), explored(test)] {
                group.bench_function(format!("{name}: {}", contender.name), |bencher| {
                    bencher.iter_custom(|iterations| (contender.run)(iterations));
                });
            }
        }
        group.finish();
        criterion.final_summary();
    }
}
