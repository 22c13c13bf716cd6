//! What does it cost to spawn children and to await them?
//!
//! `scope` on each backend, by itself and in a `Latent`, against that runtime's own handle and, on
//! tokio, `JoinSet`; children that are ready at once, and children that yield once.
//!
//! - `cargo bench --bench spawn` runs criterion, with charts in `target/criterion`.
//! - `cargo bench --bench spawn -- --ratios` takes turns and prints ratios and
//!   allocations: the figures of `RESULTS.md`.
//!
//! The spawner is a task of the executor that it spawns on. All pools have two threads.

mod support;

use anyscope::{Latent, Spawn, scope, smol::Smol, threads::ThreadPool, tokio::TokioHandle};
use async_executor::Executor;
use criterion::Criterion;
use futures_lite::future::{block_on, yield_now};
use std::{
    future::Future,
    hint::black_box,
    sync::Arc,
    time::{Duration, Instant},
};
use support::{Contender, compare};
use tokio::{runtime::Runtime, task::JoinSet};

#[global_allocator]
static ALLOCATOR: support::Counting = support::Counting;

/// What a child does.
trait Work: Send + 'static {
    const NAME: &'static str;

    fn child(n: usize) -> impl Future<Output = usize> + Send + 'static;
}

struct Trivial;

impl Work for Trivial {
    const NAME: &'static str = "ready at once";

    async fn child(n: usize) -> usize {
        black_box(n)
    }
}

struct YieldsOnce;

impl Work for YieldsOnce {
    const NAME: &'static str = "yields once";

    async fn child(n: usize) -> usize {
        yield_now().await;
        black_box(n)
    }
}

/// Everything children can be spawned on.
struct Backends {
    tokio_multi: Runtime,
    tokio_current: Runtime,
    pool: ThreadPool,
    /// What people use where they would use a `ThreadPool`.
    executor: Arc<Executor<'static>>,
}

impl Backends {
    fn start() -> Self {
        let executor = support::executor_of_two_threads();
        let mut multi = tokio::runtime::Builder::new_multi_thread();
        Backends {
            tokio_multi: multi.worker_threads(2).build().unwrap(),
            tokio_current: tokio::runtime::Builder::new_current_thread().build().unwrap(),
            pool: ThreadPool::new(2),
            executor,
        }
    }

    /// The contenders on each backend, its own handle first.
    fn contenders<W: Work>(&self, n: usize) -> Vec<(&'static str, Vec<Contender<'_>>)> {
        vec![
            ("tokio multi-thread", on_tokio::<W>(&self.tokio_multi, n)),
            ("tokio current-thread", on_tokio::<W>(&self.tokio_current, n)),
            ("smol", on_smol::<W>(n)),
            ("threads", self.on_threads::<W>(n)),
        ]
    }

    fn on_threads<W: Work>(&self, n: usize) -> Vec<Contender<'_>> {
        vec![
            contender("spawn + await", move |iterations| {
                let executor = self.executor.clone();
                block_on(self.executor.spawn(async move {
                    let once = || async {
                        let tasks: Vec<_> = (0..n).map(|k| executor.spawn(W::child(k))).collect();
                        let mut sum = 0;
                        for task in tasks {
                            sum += task.await;
                        }
                        sum
                    };
                    timed(iterations, once).await
                }))
            }),
            contender("scope", move |iterations| {
                let handle = self.pool.handle();
                block_on(scope(&self.pool.handle(), async |s| {
                    let timed =
                        s.spawn(
                            async move { timed(iterations, || in_scope::<W, _>(&handle, n)).await },
                        );
                    timed.await.unwrap()
                }))
            }),
            contender(LATENT, move |iterations| {
                let latent = Latent::new(&self.pool.handle());
                block_on(scope(&self.pool.handle(), async |s| {
                    let timed =
                        s.spawn(
                            async move { timed(iterations, || in_scope::<W, _>(&latent, n)).await },
                        );
                    timed.await.unwrap()
                }))
            }),
        ]
    }
}

const LATENT: &str = "scope, latent";

fn on_tokio<W: Work>(runtime: &Runtime, n: usize) -> Vec<Contender<'_>> {
    async fn handles<W: Work>(n: usize) -> usize {
        let handles: Vec<_> = (0..n).map(|k| tokio::spawn(W::child(k))).collect();
        let mut sum = 0;
        for handle in handles {
            sum += handle.await.unwrap();
        }
        sum
    }

    async fn join_set<W: Work>(n: usize) -> usize {
        let mut set = JoinSet::new();
        for k in 0..n {
            set.spawn(W::child(k));
        }
        let mut sum = 0;
        while let Some(output) = set.join_next().await {
            sum += output.unwrap();
        }
        sum
    }

    vec![
        contender("spawn + await", move |iterations| {
            let task = timed(iterations, move || handles::<W>(n));
            runtime.block_on(runtime.spawn(task)).unwrap()
        }),
        contender("JoinSet", move |iterations| {
            let task = timed(iterations, move || join_set::<W>(n));
            runtime.block_on(runtime.spawn(task)).unwrap()
        }),
        contender("scope", move |iterations| {
            let exec = TokioHandle::from(runtime.handle().clone());
            let task = async move { timed(iterations, || in_scope::<W, _>(&exec, n)).await };
            runtime.block_on(runtime.spawn(task)).unwrap()
        }),
        contender(LATENT, move |iterations| {
            let latent = Latent::new(&TokioHandle::from(runtime.handle().clone()));
            let task = async move { timed(iterations, || in_scope::<W, _>(&latent, n)).await };
            runtime.block_on(runtime.spawn(task)).unwrap()
        }),
    ]
}

fn on_smol<W: Work>(n: usize) -> Vec<Contender<'static>> {
    async fn tasks<W: Work>(n: usize) -> usize {
        let tasks: Vec<_> = (0..n).map(|k| smol::spawn(W::child(k))).collect();
        let mut sum = 0;
        for task in tasks {
            sum += task.await;
        }
        sum
    }

    vec![
        contender("spawn + await", move |iterations| {
            block_on(smol::spawn(timed(iterations, move || tasks::<W>(n))))
        }),
        contender("scope", move |iterations| {
            block_on(smol::spawn(timed(iterations, move || in_scope::<W, _>(&Smol, n))))
        }),
        contender(LATENT, move |iterations| {
            let latent = Latent::new(&Smol);
            let task = async move { timed(iterations, || in_scope::<W, _>(&latent, n)).await };
            block_on(smol::spawn(task))
        }),
    ]
}

async fn in_scope<W: Work, E: Spawn + Clone>(exec: &E, n: usize) -> usize {
    scope(exec, async |s| {
        let handles: Vec<_> = (0..n).map(|k| s.spawn(W::child(k))).collect();
        let mut sum = 0;
        for handle in handles {
            sum += handle.await.unwrap();
        }
        sum
    })
    .await
}

fn contender<'a>(name: &str, run: impl Fn(u64) -> Duration + 'a) -> Contender<'a> {
    Contender { name: name.into(), run: Box::new(run) }
}

async fn timed<F: Future>(iterations: u64, once: impl Fn() -> F) -> Duration {
    let start = Instant::now();
    for _ in 0..iterations {
        black_box(once().await);
    }
    start.elapsed()
}

fn main() {
    // SAFETY: before any other thread.
    unsafe { std::env::set_var("SMOL_THREADS", "2") };
    let backends = Backends::start();
    if std::env::args().any(|arg| arg == "--ratios") {
        println!(
            "| children | backend | | ns each | to spawn + await | to JoinSet | allocations | bytes |"
        );
        println!("|---|---|---|--:|--:|--:|--:|--:|");
        ratios::<Trivial>(&backends);
        ratios::<YieldsOnce>(&backends);
    } else {
        let mut criterion = Criterion::default().configure_from_args();
        charts::<Trivial>(&mut criterion, &backends);
        charts::<YieldsOnce>(&mut criterion, &backends);
        criterion.final_summary();
    }
}

const SIZES: [usize; 3] = [1, 100, 10_000];

fn ratios<W: Work>(backends: &Backends) {
    for n in SIZES {
        for (backend, contenders) in backends.contenders::<W>(n) {
            let each = |count: f64| count / n as f64;
            for (contender, measured) in contenders.iter().zip(compare(&contenders)) {
                let to_join_set = match &measured.ratios[..] {
                    [_, ratio, ..] if contenders[1].name == "JoinSet" => format!("{ratio:.2}"),
                    _ => String::new(),
                };
                println!(
                    "| {n} × {} | {backend} | {} | {:.0} | {:.2} | {to_join_set} | {:.2} | {:.0} |",
                    W::NAME,
                    contender.name,
                    each(measured.nanos),
                    measured.ratios[0],
                    each(measured.allocations),
                    each(measured.bytes),
                );
            }
        }
    }
}

fn charts<W: Work>(criterion: &mut Criterion, backends: &Backends) {
    for n in SIZES {
        let mut group = criterion.benchmark_group(format!("spawn and await {n} ({})", W::NAME));
        group.throughput(criterion::Throughput::Elements(n as u64));
        for (backend, contenders) in backends.contenders::<W>(n) {
            for contender in &contenders {
                group.bench_function(format!("{backend}: {}", contender.name), |bencher| {
                    bencher.iter_custom(|iterations| (contender.run)(iterations));
                });
            }
        }
        group.finish();
    }
}
