//! What does a child cost when there are many? Time and memory from a hundred to a million.
//!
//! `cargo bench --bench growth` prints both tables of `RESULTS.md`, and takes three minutes. Each
//! figure is the median of several rounds that take turns with the others of its row; what matters
//! is whether a row is flat.

mod support;

use anyscope::{
    BlockOn, FutureSet, Limit, Spawn, Timer, concurrent, flow, scope, sim::Sim, smol::SmolExecutor,
    threads::ThreadPool, timeout, tokio::TokioRuntime,
};
use futures_buffered::FuturesUnorderedBounded;
use futures_lite::future::yield_now;
use futures_util::{Stream, StreamExt, stream::FuturesUnordered};
use std::{
    future::{Future, poll_fn},
    hint::black_box,
    pin::{Pin, pin},
    task::{Context, Waker},
    time::{Duration, Instant},
};
use support::{
    counted,
    parked::{self, WAKE_ONE},
    task::Task,
};
use tokio::task::JoinSet;

#[global_allocator]
static ALLOCATOR: support::Counting = support::Counting;

const SIZES: [usize; 5] = [100, 1_000, 10_000, 100_000, 1_000_000];

fn main() {
    if std::env::args().any(|arg| arg == "--test") {
        return;
    }
    println!("## Time\n\nNanoseconds for each child or item, by N.\n");
    print!("|");
    SIZES.iter().for_each(|n| print!(" | {n}"));
    println!(" | 100 → 1 000 000 |\n|---|{}--:|", "--:|".repeat(SIZES.len()));
    for (name, once) in times() {
        let mut medians = Vec::new();
        for n in SIZES {
            let rounds = (1_000_000 / n).clamp(5, 301);
            let mut nanos: Vec<_> =
                (0..rounds).map(|_| once(n).as_nanos() as f64 / n as f64).collect();
            nanos.sort_by(f64::total_cmp);
            medians.push(nanos[rounds / 2]);
        }
        let cells: Vec<_> = medians.iter().map(|nanos| format!("{nanos:.1}")).collect();
        println!("| {name} | {} | {:.2} |", cells.join(" | "), medians[4] / medians[0]);
    }
    println!("\n## Memory\n\nBytes for each child that is parked, at the peak; by N.\n");
    println!("| | 1 000 | 1 000 000 | allocations |\n|---|--:|--:|--:|");
    for (name, hold) in memory() {
        let at = |n: usize| {
            hold(8);
            counted(|| hold(n))
        };
        let (few, many) = (at(1_000), at(1_000_000));
        println!(
            "| {name} | {:.0} | {:.0} | {:.3} |",
            few.peak as f64 / 1e3,
            many.peak as f64 / 1e6,
            many.allocations as f64 / 1e6,
        );
    }
}

type Once = Box<dyn Fn(usize) -> Duration>;
type Hold = Box<dyn Fn(usize)>;

fn row<T>(
    name: &'static str,
    row: impl Fn(usize) -> T + 'static,
) -> (&'static str, Box<dyn Fn(usize) -> T>) {
    (name, Box::new(row))
}

fn since<T>(run: impl FnOnce() -> T) -> Duration {
    let start = Instant::now();
    black_box(run());
    start.elapsed()
}

fn times() -> Vec<(&'static str, Once)> {
    vec![
        row("FutureSet, ready", |n| ready(n, (0..n).map(one).collect::<FutureSet<_>>())),
        row("FutureSet, wake one of N", |n| {
            let (task, mut set) = (Task::new(), FutureSet::new());
            (0..n).for_each(|id| set.push(WAKE_ONE.child(id)));
            wakes(&task, pin!(set), n)
        }),
        row("FuturesUnorderedBounded, wake one of N", |n| {
            let (task, mut set) = (Task::new(), FuturesUnorderedBounded::new(n));
            (0..n).for_each(|id| set.push(WAKE_ONE.child(id)));
            wakes(&task, pin!(set), n)
        }),
        row("merge_all of N, bursts", |n| {
            let merged = flow::merge_all((0..n).map(|k| flow::iter(vec![k as u64; 8])));
            let items = merged.into_stream();
            since(|| Task::new().drain(pin!(items), 8 * n, || ())) / 8
        }),
        row("concurrent, spawn", |n| {
            since(|| {
                Task::new()
                    .run(concurrent(async |s| (0..n).for_each(|id| drop(s.spawn(one(id))))), || ());
            })
        }),
        row("concurrent, cancel of N parked", |n| {
            let mut took = Duration::ZERO;
            Task::new().run(
                concurrent(async |s| {
                    (0..n).for_each(|_| drop(s.spawn(std::future::pending::<()>())));
                    yield_now().await;
                    let start = Instant::now();
                    s.cancel("over");
                    took = start.elapsed();
                }),
                || (),
            );
            took
        }),
        row("scope on tokio, spawn", |n| {
            let (runtime, handle) = tokio();
            since(|| {
                runtime.block_on(scope(&handle, async |s| {
                    (0..n).for_each(|id| drop(s.spawn(one(id))));
                }));
            })
        }),
        row("JoinSet, spawn", |n| {
            let (runtime, _) = tokio();
            since(|| {
                runtime.block_on(async {
                    let mut set: JoinSet<_> = (0..n).map(one).collect();
                    while set.join_next().await.is_some() {}
                });
            })
        }),
        row("scope on tokio, cancel of N parked, to its end", |n| {
            let (runtime, handle) = tokio();
            let start = runtime.block_on(scope(&handle, async |s| {
                (0..n).for_each(|_| drop(s.spawn(std::future::pending::<()>())));
                yield_now().await;
                let start = Instant::now();
                s.cancel("over");
                start
            }));
            start.elapsed()
        }),
        row("JoinSet::shutdown of N parked", |n| {
            let (runtime, _) = tokio();
            runtime.block_on(async {
                let mut set: JoinSet<()> = (0..n).map(|_| std::future::pending()).collect();
                yield_now().await;
                let start = Instant::now();
                set.shutdown().await;
                start.elapsed()
            })
        }),
        row("spawn_all on tokio", |n| {
            let (runtime, handle) = tokio();
            since(|| {
                runtime.block_on(scope(&handle, async |s| {
                    let mut all = s.spawn_all((0..n).map(one));
                    while all.next().await.is_some() {}
                }));
            })
        }),
        row("timeouts on tokio, N under way, none fires", |n| {
            let (runtime, handle) = tokio();
            runtime.block_on(async {
                let mut all: Vec<_> = (0..n)
                    .map(|id| Box::pin(timeout(&handle, Duration::from_secs(600), late(id))))
                    .collect();
                let cx = &mut Context::from_waker(Waker::noop());
                since(|| {
                    for _ in 0..2 {
                        all.iter_mut().for_each(|each| _ = each.as_mut().poll(cx));
                    }
                })
            })
        }),
        row("sleeps in the simulator, N at once", |n| {
            since(|| {
                let most = 10 * n as u64 + 100;
                let sim = Sim::builder().seed(1).max_polls(most).build();
                sim.run(async move |sim| {
                    scope(&sim, async |s| {
                        for id in 0..n {
                            let sleep = sim.sleep(Duration::from_millis(id as u64 % 1000));
                            drop(s.spawn(sleep));
                        }
                    })
                    .await;
                })
                .unwrap();
            })
        }),
    ]
}

/// What is held by a child that has nothing of its own but a number, and is parked.
fn memory() -> Vec<(&'static str, Hold)> {
    /// Polls so often that all are started.
    fn held<F: Future>(n: usize, future: F) {
        let mut future = pin!(future);
        let cx = &mut Context::from_waker(Waker::noop());
        for _ in 0..n / 8 + 2 {
            assert!(future.as_mut().poll(cx).is_pending());
        }
    }

    /// Spawns all, lets them park, and ends.
    async fn spawned<E: Spawn + Clone>(exec: &E, n: usize) {
        let all = async |s: anyscope::Scope<E>| {
            (0..n).for_each(|id| drop(s.spawn(forever(id))));
            yields(40).await;
            s.cancel("measured");
        };
        scope(exec, all).await;
    }

    vec![
        row("FutureSet", |n| {
            let mut set: FutureSet<_> = (0..n).map(forever).collect();
            held(n, poll_fn(move |cx| Pin::new(&mut set).poll_next(cx)));
        }),
        row("FuturesUnordered", |n| {
            let mut set: FuturesUnordered<_> = (0..n).map(forever).collect();
            held(n, poll_fn(move |cx| Pin::new(&mut set).poll_next(cx)));
        }),
        row("FuturesUnorderedBounded", |n| {
            let mut set: FuturesUnorderedBounded<_> = (0..n).map(forever).collect();
            held(n, poll_fn(move |cx| Pin::new(&mut set).poll_next(cx)));
        }),
        row("for_each_concurrent", |n| {
            held(n, flow::iter(0..n).for_each_concurrent(Limit::Unbounded, forever));
        }),
        row("concurrent", |n| {
            held(n, concurrent(async |s| (0..n).for_each(|id| drop(s.spawn(forever(id))))));
        }),
        row("spawn_all on tokio", |n| {
            let (runtime, handle) = tokio();
            runtime.block_on(scope(&handle, async |s| {
                let all = s.spawn_all((0..n).map(forever));
                yields(3 * n / 32).await;
                s.cancel("measured");
                drop(all);
            }));
        }),
        row("scope on tokio", |n| {
            let (runtime, handle) = tokio();
            runtime.block_on(spawned(&handle, n));
        }),
        row("scope on smol's executor", |n| {
            let executor = SmolExecutor::new();
            executor.block_on(spawned(&executor.handle(), n));
        }),
        row("scope on a thread pool", |n| {
            let pool = ThreadPool::new(0);
            pool.block_on(spawned(&pool.handle(), n));
        }),
        row("tokio::spawn", |n| {
            let (runtime, _) = tokio();
            runtime.block_on(async {
                let all: Vec<_> = (0..n).map(|id| tokio::spawn(forever(id))).collect();
                yields(40).await;
                all.iter().for_each(|task| task.abort());
            });
        }),
        row("JoinSet", |n| {
            let (runtime, _) = tokio();
            runtime.block_on(async {
                let set: JoinSet<_> = (0..n).map(forever).collect();
                yields(40).await;
                drop(set);
            });
        }),
    ]
}

fn tokio() -> (TokioRuntime, anyscope::tokio::TokioHandle) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let runtime = TokioRuntime::from(runtime);
    let handle = runtime.handle();
    (runtime, handle)
}

async fn one(id: usize) -> u64 {
    black_box(id as u64)
}

async fn forever(id: usize) {
    std::future::pending::<()>().await;
    black_box(id);
}

/// Ready at its second poll.
async fn late(id: usize) -> usize {
    yield_now().await;
    id
}

async fn yields(times: usize) {
    for _ in 0..times {
        yield_now().await;
    }
}

fn ready<S: Stream<Item = u64>>(n: usize, set: S) -> Duration {
    since(|| Task::new().drain(pin!(set), n, || ()))
}

fn wakes<S: Stream<Item = u64>>(task: &Task, mut set: Pin<&mut S>, n: usize) -> Duration {
    task.look(set.as_mut());
    while parked::parked() < n {
        task.look(set.as_mut());
    }
    let took = since(|| task.drain(set, n, || parked::wake_one(|_| ())));
    parked::forget();
    took
}
