//! What does it cost to look for a cancel, and to cancel ten thousand children that wait?
//!
//! - `cargo bench --bench cancel` runs criterion, with charts in `target/criterion`.
//! - `cargo bench --bench cancel -- --ratios` takes turns and prints ratios: the
//!   figures of `RESULTS.md`.
//!
//! Spawning the children, and waiting until each of them waits, is not measured. The canceller is a
//! task of the executor that its children are on. All pools have two threads.

mod support;

use anyscope::{CancelToken, Spawn, scope, smol::Smol, threads::ThreadPool, tokio::TokioHandle};
use async_executor::{Executor, Task};
use criterion::Criterion;
use futures_lite::future::{block_on, pending};
use std::{
    future::Future,
    hint::black_box,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};
use support::{Contender, compare};
use tokio::{
    runtime::{Handle, Runtime},
    task::JoinSet,
};

/// How many children are cancelled at once.
const CHILDREN: usize = 10_000;
/// How many looks are one iteration.
const LOOKS: usize = 10_000;

/// What of a cancel is measured.
#[derive(Clone, Copy, PartialEq)]
enum Until {
    /// The call has returned.
    Returned,
    /// All children are gone, and whoever waits for them knows it.
    Ended,
    /// The executor has no task of theirs any more.
    Forgotten,
}

/// Children that wait. Counts them, and knows by its own count when they are gone.
#[derive(Clone, Default)]
struct Crowd {
    waiting: Arc<AtomicUsize>,
}

impl Crowd {
    fn child(&self) -> impl Future<Output = ()> + Send + 'static {
        let waiting = self.waiting.clone();
        async move {
            waiting.fetch_add(1, Relaxed);
            pending().await
        }
    }

    async fn all_wait(&self) {
        until(|| self.waiting.load(Relaxed) == CHILDREN).await;
    }

    async fn all_gone(&self) {
        until(|| Arc::strong_count(&self.waiting) == 1).await;
    }
}

async fn until(condition: impl Fn() -> bool) {
    while !condition() {
        // TokioHandle's, behind all that is ready; where there is no tokio it is a plain yield.
        tokio::task::yield_now().await;
    }
}

/// Whether tokio has no task but the one that asks.
fn tokio_is_empty() -> bool {
    Handle::current().metrics().num_alive_tasks() <= 1
}

async fn in_scope<E: Spawn + Clone>(exec: &E, to: Until, is_empty: fn() -> bool) -> Duration {
    let crowd = Crowd::default();
    let mut start = Instant::now();
    let mut returned = Duration::ZERO;
    scope(exec, async |s| {
        (0..CHILDREN).for_each(|_| drop(s.spawn(crowd.child())));
        crowd.all_wait().await;
        start = Instant::now();
        s.cancel("enough");
        returned = start.elapsed();
    })
    .await;
    let ended = start.elapsed();
    // Whatever is measured: what is left to do is not to be done beside the next contender.
    until(is_empty).await;
    match to {
        Until::Returned => returned,
        Until::Ended => ended,
        Until::Forgotten => start.elapsed(),
    }
}

async fn join_set(to: Until) -> Duration {
    let crowd = Crowd::default();
    let mut set = JoinSet::new();
    (0..CHILDREN).for_each(|_| drop(set.spawn(crowd.child())));
    crowd.all_wait().await;
    let start = Instant::now();
    if to == Until::Returned {
        set.abort_all();
    } else {
        set.shutdown().await;
    }
    let elapsed = start.elapsed();
    drop(set);
    until(tokio_is_empty).await;
    elapsed
}

async fn tasks(spawn: impl Fn(&Crowd) -> Task<()>, to: Until) -> Duration {
    let crowd = Crowd::default();
    let tasks: Vec<_> = (0..CHILDREN).map(|_| spawn(&crowd)).collect();
    crowd.all_wait().await;
    let start = Instant::now();
    drop(tasks);
    let returned = start.elapsed();
    crowd.all_gone().await;
    if to == Until::Returned { returned } else { start.elapsed() }
}

/// Everything children can be spawned on.
struct Backends {
    tokio: Runtime,
    pool: ThreadPool,
    /// What a `ThreadPool` is made of, without anyscope.
    executor: Arc<Executor<'static>>,
}

impl Backends {
    fn start() -> Self {
        let executor = support::executor_of_two_threads();
        let mut tokio = tokio::runtime::Builder::new_multi_thread();
        let tokio = tokio.worker_threads(2).build().unwrap();
        Backends { tokio, pool: ThreadPool::new(2), executor }
    }

    /// The contenders on each backend, its own way first.
    fn contenders(&self) -> [(&'static str, Vec<Contender<'_>>); 3] {
        [
            ("tokio multi-thread", self.on_tokio()),
            ("smol", on_smol()),
            ("threads", self.on_threads()),
        ]
    }

    fn on_tokio(&self) -> Vec<Contender<'_>> {
        let join_set = |name, to| {
            contender(name, move |iterations| {
                let task = sum(iterations, move || join_set(to));
                self.tokio.block_on(self.tokio.spawn(task)).unwrap()
            })
        };
        let scope = |name, to| {
            contender(name, move |iterations| {
                let exec = TokioHandle::from(self.tokio.handle().clone());
                let task =
                    async move { sum(iterations, || in_scope(&exec, to, tokio_is_empty)).await };
                self.tokio.block_on(self.tokio.spawn(task)).unwrap()
            })
        };
        vec![
            join_set("JoinSet::shutdown().await", Until::Ended),
            join_set("JoinSet::abort_all()", Until::Returned),
            scope("s.cancel()", Until::Returned),
            scope("s.cancel(), to the scope's end", Until::Ended),
            scope("s.cancel(), until tokio has no task left", Until::Forgotten),
        ]
    }

    fn on_threads(&self) -> Vec<Contender<'_>> {
        let own = |name, to| {
            contender(name, move |iterations| {
                let executor = self.executor.clone();
                let spawn = move |crowd: &Crowd| executor.spawn(crowd.child());
                block_on(
                    self.executor.spawn(async move { sum(iterations, || tasks(&spawn, to)).await }),
                )
            })
        };
        let scope = |name, to| {
            contender(name, move |iterations| {
                let exec = self.pool.handle();
                block_on(scope(&self.pool.handle(), async |s| {
                    let task =
                        async move { sum(iterations, || in_scope(&exec, to, || true)).await };
                    s.spawn(task).await.unwrap()
                }))
            })
        };
        vec![
            own("drop of the tasks, until they are gone", Until::Ended),
            own("drop of the tasks", Until::Returned),
            scope("s.cancel()", Until::Returned),
            scope("s.cancel(), to the scope's end", Until::Ended),
        ]
    }
}

fn on_smol() -> Vec<Contender<'static>> {
    let own = |name, to| {
        contender(name, move |iterations| {
            block_on(smol::spawn(sum(iterations, move || {
                tasks(|crowd| smol::spawn(crowd.child()), to)
            })))
        })
    };
    let scope = |name, to| {
        contender(name, move |iterations| {
            block_on(smol::spawn(sum(iterations, move || in_scope(&Smol, to, || true))))
        })
    };
    vec![
        own("drop of the tasks, until they are gone", Until::Ended),
        own("drop of the tasks", Until::Returned),
        scope("s.cancel()", Until::Returned),
        scope("s.cancel(), to the scope's end", Until::Ended),
    ]
}

/// Whether somebody has asked for the end: a token, beside the least that could tell it.
fn looks() -> Vec<Contender<'static>> {
    fn looks(name: &str, look: impl Fn() -> bool + 'static) -> Contender<'static> {
        contender(name, move |iterations| {
            let start = Instant::now();
            for _ in 0..iterations {
                for _ in 0..LOOKS {
                    black_box(look());
                }
            }
            start.elapsed()
        })
    }

    let flag = Box::new(AtomicBool::new(false));
    let token = CancelToken::new().child_token();
    let checked = token.clone();
    vec![
        looks("AtomicBool::load", move || black_box(&*flag).load(Relaxed)),
        looks("CancelToken::is_cancelled", move || black_box(&token).is_cancelled()),
        looks("CancelToken::checkpoint", move || black_box(&checked).checkpoint().is_err()),
    ]
}

fn contender<'a>(name: &str, run: impl Fn(u64) -> Duration + 'a) -> Contender<'a> {
    Contender { name: name.into(), run: Box::new(run) }
}

async fn sum<F: Future<Output = Duration>>(iterations: u64, once: impl Fn() -> F) -> Duration {
    let mut sum = Duration::ZERO;
    for _ in 0..iterations {
        sum += once().await;
    }
    sum
}

fn main() {
    // SAFETY: before any other thread.
    unsafe { std::env::set_var("SMOL_THREADS", "2") };
    let backends = Backends::start();
    if std::env::args().any(|arg| arg == "--ratios") {
        println!("| look | ns | to the first |");
        println!("|---|--:|--:|");
        let contenders = looks();
        for (contender, measured) in contenders.iter().zip(compare(&contenders)) {
            let nanos = measured.nanos / LOOKS as f64;
            println!("| {} | {nanos:.2} | {:.2} |", contender.name, measured.ratios[0]);
        }
        println!();
        println!("| backend | cancel of {CHILDREN} children | ns each | to the first |");
        println!("|---|---|--:|--:|");
        for (backend, contenders) in backends.contenders() {
            for (contender, measured) in contenders.iter().zip(compare(&contenders)) {
                let nanos = measured.nanos / CHILDREN as f64;
                let ratio = measured.ratios[0];
                println!("| {backend} | {} | {nanos:.0} | {ratio:.2} |", contender.name);
            }
        }
    } else {
        let mut criterion = Criterion::default().configure_from_args();
        charts(&mut criterion, "look for a cancel", LOOKS, "one thread", &looks());
        for (backend, contenders) in backends.contenders() {
            charts(&mut criterion, "cancel", CHILDREN, backend, &contenders);
        }
        criterion.final_summary();
    }
}

fn charts(criterion: &mut Criterion, group: &str, n: usize, backend: &str, all: &[Contender<'_>]) {
    let mut group = criterion.benchmark_group(format!("{group}, {n}"));
    group.throughput(criterion::Throughput::Elements(n as u64)).sample_size(10);
    for contender in all {
        group.bench_function(format!("{backend}: {}", contender.name), |bencher| {
            bencher.iter_custom(|iterations| (contender.run)(iterations));
        });
    }
    group.finish();
}
