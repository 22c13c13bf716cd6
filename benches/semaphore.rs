//! What does a permit cost?
//!
//! Alone: a task takes a permit and returns it, over and over. Contended: eight tasks do, for two permits, and yield
//! while they have one. Each cost is that of one acquire and its return.
//!
//! - `cargo bench --bench semaphore` runs criterion.
//! - `cargo bench --bench semaphore -- --ratios` takes turns and prints a table: the figures of `RESULTS.md`.

mod support;

use async_executor::Executor;
use criterion::Criterion;
use futures_lite::future::{block_on, yield_now};
use std::{
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};
use support::{Contender, compare, executor_of_two_threads};

#[global_allocator]
static ALLOCATOR: support::Counting = support::Counting;

/// Acquires in one measured run, by all tasks.
const ITEMS: usize = 8000;

#[derive(Clone)]
enum Backend {
    Alone,
    Tokio(Arc<tokio::runtime::Runtime>),
    Executor(Arc<Executor<'static>>),
}

impl Backend {
    fn tasks(&self) -> usize {
        if let Backend::Alone = self { 1 } else { 8 }
    }

    /// Runs all tasks to their ends.
    fn run<F>(&self, tasks: Vec<F>)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        match self {
            Backend::Alone => block_on(async {
                for task in tasks {
                    task.await;
                }
            }),
            Backend::Tokio(runtime) => runtime.block_on(async {
                let tasks: Vec<_> = tasks.into_iter().map(tokio::spawn).collect();
                for task in tasks {
                    task.await.unwrap();
                }
            }),
            Backend::Executor(executor) => block_on(async {
                let tasks: Vec<_> = tasks.into_iter().map(|task| executor.spawn(task)).collect();
                for task in tasks {
                    task.await;
                }
            }),
        }
    }
}

type Task = futures_lite::future::Boxed<()>;

macro_rules! tasks {
    ($make:expr) => {
        |tasks, yields| {
            let semaphore = Arc::new($make);
            let task = |_| -> Task {
                let semaphore = semaphore.clone();
                Box::pin(async move {
                    for _ in 0..ITEMS / tasks {
                        let permit = semaphore.acquire().await.unwrap();
                        if yields {
                            yield_now().await;
                        }
                        drop(permit);
                    }
                })
            };
            (0..tasks).map(task).collect()
        }
    };
}

/// So many tasks, which yield while they have a permit or not.
type Tasks = fn(usize, bool) -> Vec<Task>;

const CONTENDERS: [(&str, Tasks); 2] = [
    ("tokio", tasks!(tokio::sync::Semaphore::new(2))),
    ("anyscope", tasks!(anyscope::Semaphore::new(2))),
];

fn contenders(backend: &Backend) -> Vec<Contender<'static>> {
    CONTENDERS
        .into_iter()
        .map(|(name, tasks)| {
            let backend = backend.clone();
            Contender {
                name: name.into(),
                run: Box::new(move |iterations| {
                    let mut time = Duration::ZERO;
                    let (count, yields) = (backend.tasks(), backend.tasks() > 1);
                    for _ in 0..iterations {
                        let tasks = tasks(count, yields);
                        let start = Instant::now();
                        backend.run(tasks);
                        time += start.elapsed();
                    }
                    time
                }),
            }
        })
        .collect()
}

fn backends() -> [(&'static str, Backend); 3] {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    [
        ("alone", Backend::Alone),
        ("8 tasks on tokio, 2 workers", Backend::Tokio(Arc::new(runtime))),
        ("8 tasks on async-executor, 2 threads", Backend::Executor(executor_of_two_threads())),
    ]
}

fn main() {
    if std::env::args().any(|arg| arg == "--ratios") {
        println!("| where | semaphore | ns a permit | to tokio's | allocations a permit |");
        println!("|---|---|--:|--:|--:|");
        for (name, backend) in backends() {
            let contenders = contenders(&backend);
            for (contender, measured) in contenders.iter().zip(compare(&contenders)) {
                println!(
                    "| {name} | {} | {:.1} | {:.2} | {:.3} |",
                    contender.name,
                    measured.nanos / ITEMS as f64,
                    measured.ratios[0],
                    measured.allocations / ITEMS as f64,
                );
            }
        }
    } else {
        let mut criterion = Criterion::default().configure_from_args();
        for (name, backend) in backends() {
            let mut group = criterion.benchmark_group(format!("a permit, {name}"));
            group.throughput(criterion::Throughput::Elements(ITEMS as u64));
            for contender in contenders(&backend) {
                group.bench_function(&contender.name, |bencher| {
                    bencher.iter_custom(|iterations| (contender.run)(iterations));
                });
            }
            group.finish();
        }
        criterion.final_summary();
    }
}
