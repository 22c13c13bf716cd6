//! What does it cost to give work a time limit that it does not need?
//!
//! A hundred thousand timeouts of an hour, one after the other, around work that yields once: with
//! [`timeout`] and each adapter's timer, and as that runtime's users write it.
//!
//! - `cargo bench --bench timeouts` runs criterion, with charts in
//!   `target/criterion`.
//! - `cargo bench --bench timeouts -- --ratios` takes turns and prints ratios and
//!   allocations: the figures of `RESULTS.md`.

mod support;

use anyscope::{scope, smol::Smol, threads::ThreadPool, timeout, tokio::TokioHandle};
use async_executor::Executor;
use criterion::Criterion;
use futures_lite::future::{block_on, or, yield_now};
use std::{
    future::Future,
    hint::black_box,
    sync::Arc,
    time::{Duration, Instant},
};
use support::{Contender, compare};
use tokio::runtime::Runtime;

#[global_allocator]
static ALLOCATOR: support::Counting = support::Counting;

/// How many timeouts are one iteration.
const TIMEOUTS: usize = 100_000;
const HOUR: Duration = Duration::from_secs(3600);

async fn work(n: usize) -> usize {
    yield_now().await;
    black_box(n)
}

/// How timeouts are written with smol and `async-io`.
fn or_timer(n: usize) -> impl Future<Output = Result<usize, ()>> + Send {
    let limit = async {
        smol::Timer::after(HOUR).await;
        Err(())
    };
    or(async move { Ok(work(n).await) }, limit)
}

/// Everything timeouts can be awaited on.
struct Backends {
    tokio_multi: Runtime,
    tokio_current: Runtime,
    pool: ThreadPool,
    /// What a `ThreadPool` is made of, without anyscope.
    executor: Arc<Executor<'static>>,
}

impl Backends {
    fn start() -> Self {
        let executor = support::executor_of_two_threads();
        let mut multi = tokio::runtime::Builder::new_multi_thread();
        let mut current = tokio::runtime::Builder::new_current_thread();
        Backends {
            tokio_multi: multi.worker_threads(2).enable_time().build().unwrap(),
            tokio_current: current.enable_time().build().unwrap(),
            pool: ThreadPool::new(2),
            executor,
        }
    }

    /// The contenders on each backend, the work alone and that runtime's own way first.
    fn contenders(&self) -> [(&'static str, Vec<Contender<'_>>); 4] {
        [
            ("tokio multi-thread", on_tokio(&self.tokio_multi)),
            ("tokio current-thread", on_tokio(&self.tokio_current)),
            ("smol", on_smol()),
            ("threads", self.on_threads()),
        ]
    }

    fn on_threads(&self) -> Vec<Contender<'_>> {
        vec![
            contender("no timeout", |iterations| {
                block_on(self.executor.spawn(timed(iterations, work)))
            }),
            contender("or(work, Timer)", |iterations| {
                block_on(self.executor.spawn(timed(iterations, or_timer)))
            }),
            contender("timeout", |iterations| {
                let timer = self.pool.handle();
                block_on(scope(&self.pool.handle(), async |s| {
                    let task =
                        async move { timed(iterations, |n| timeout(&timer, HOUR, work(n))).await };
                    s.spawn(task).await.unwrap()
                }))
            }),
        ]
    }
}

fn on_tokio(runtime: &Runtime) -> Vec<Contender<'_>> {
    vec![
        contender("no timeout", |iterations| {
            runtime.block_on(runtime.spawn(timed(iterations, work))).unwrap()
        }),
        contender("tokio::time::timeout", |iterations| {
            let task = timed(iterations, |n| tokio::time::timeout(HOUR, work(n)));
            runtime.block_on(runtime.spawn(task)).unwrap()
        }),
        contender("timeout", |iterations| {
            let timer = TokioHandle::from(runtime.handle().clone());
            let task = async move { timed(iterations, |n| timeout(&timer, HOUR, work(n))).await };
            runtime.block_on(runtime.spawn(task)).unwrap()
        }),
    ]
}

fn on_smol() -> Vec<Contender<'static>> {
    vec![
        contender("no timeout", |iterations| block_on(smol::spawn(timed(iterations, work)))),
        contender("or(work, Timer)", |iterations| {
            block_on(smol::spawn(timed(iterations, or_timer)))
        }),
        contender("timeout", |iterations| {
            block_on(smol::spawn(timed(iterations, |n| timeout(&Smol, HOUR, work(n)))))
        }),
    ]
}

fn contender<'a>(name: &str, run: impl Fn(u64) -> Duration + 'a) -> Contender<'a> {
    Contender { name: name.into(), run: Box::new(run) }
}

async fn timed<F: Future>(iterations: u64, once: impl Fn(usize) -> F) -> Duration {
    let start = Instant::now();
    for _ in 0..iterations {
        for n in 0..TIMEOUTS {
            drop(black_box(once(n).await));
        }
    }
    start.elapsed()
}

fn main() {
    // SAFETY: before any other thread.
    unsafe { std::env::set_var("SMOL_THREADS", "2") };
    let backends = Backends::start();
    if std::env::args().any(|arg| arg == "--ratios") {
        println!("| backend | | ns each | to its own | allocations |");
        println!("|---|---|--:|--:|--:|");
        for (backend, contenders) in backends.contenders() {
            for (contender, measured) in contenders.iter().zip(compare(&contenders)) {
                let each = |count: f64| count / TIMEOUTS as f64;
                let ratio = measured.ratios.get(1).map(|ratio| format!("{ratio:.2}"));
                println!(
                    "| {backend} | {} | {:.0} | {} | {:.2} |",
                    contender.name,
                    each(measured.nanos),
                    ratio.unwrap_or_default(),
                    each(measured.allocations),
                );
            }
        }
    } else {
        let mut criterion = Criterion::default().configure_from_args();
        let mut group = criterion.benchmark_group(format!("{TIMEOUTS} timeouts that end early"));
        group.throughput(criterion::Throughput::Elements(TIMEOUTS as u64)).sample_size(10);
        for (backend, contenders) in backends.contenders() {
            for contender in &contenders {
                group.bench_function(format!("{backend}: {}", contender.name), |bencher| {
                    bencher.iter_custom(|iterations| (contender.run)(iterations));
                });
            }
        }
        group.finish();
        criterion.final_summary();
    }
}
