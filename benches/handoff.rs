//! What does a rendezvous cost?
//!
//! Producers send numbers to one consumer over a channel without room, each a task of its own. Each
//! cost is that of an item; making the channel and the tasks is shared by many items.
//!
//! - `cargo bench --bench handoff` runs criterion.
//! - `cargo bench --bench handoff -- --ratios` takes turns and prints a table: the figures of
//!   `RESULTS.md`.
//!
//! kanal is measured with `recv` only: its `stream` is unsound (its issue 63).

mod support;

use anyscope::channel::handoff;
use async_executor::Executor;
use criterion::Criterion;
use futures_lite::future::block_on;
use std::{
    future::Future,
    hint::black_box,
    sync::Arc,
    time::{Duration, Instant},
};
use support::{Contender, compare, executor_of_two_threads};

#[global_allocator]
static ALLOCATOR: support::Counting = support::Counting;

/// Items in the life of a channel.
const ITEMS: usize = 4000;

/// Where tasks run.
#[derive(Clone)]
enum Backend {
    Tokio(Arc<tokio::runtime::Runtime>),
    Executor(Arc<Executor<'static>>),
    OneThread,
}

impl Backend {
    /// Runs all tasks to their ends.
    fn run<F>(&self, tasks: Vec<F>)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        match self {
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
            Backend::OneThread => {
                let executor = Executor::new();
                block_on(executor.run(async {
                    let tasks: Vec<_> =
                        tasks.into_iter().map(|task| executor.spawn(task)).collect();
                    for task in tasks {
                        task.await;
                    }
                }));
            }
        }
    }
}

type Task = futures_lite::future::Boxed<()>;

/// The tasks of a channel with so many producers.
type Tasks = fn(usize) -> Vec<Task>;

macro_rules! tasks {
    ($make:expr, $send:ident, $recv:ident, $end:pat) => {
        |producers| {
            #[allow(unused_mut)]
            let (sender, mut receiver) = $make;
            let mut tasks: Vec<Task> = Vec::with_capacity(producers + 1);
            for _ in 0..producers {
                #[allow(unused_mut)]
                let mut sender = sender.clone();
                tasks.push(Box::pin(async move {
                    for n in 0..ITEMS / producers {
                        sender.$send(n as u64).await.unwrap();
                    }
                }));
            }
            drop(sender);
            tasks.push(Box::pin(async move {
                let mut sum = 0;
                loop {
                    match receiver.$recv().await {
                        $end => break,
                        item => {
                            #[allow(clippy::unnecessary_wraps)]
                            let item = item.unwrap();
                            sum += item;
                        }
                    }
                }
                black_box::<u64>(sum);
            }));
            tasks
        }
    };
}

const CONTENDERS: [(&str, Tasks); 4] = [
    ("kanal", tasks!(kanal::bounded_async(0), send, recv, Err(_))),
    ("flume", tasks!(flume::bounded(0), send_async, recv_async, Err(_))),
    ("tokio mpsc, room for one", tasks!(tokio::sync::mpsc::channel(1), send, recv, None)),
    ("anyscope handoff", tasks!(handoff(), send, recv, None)),
];

fn contenders(backend: &Backend, producers: usize) -> Vec<Contender<'static>> {
    CONTENDERS
        .into_iter()
        .map(|(name, tasks)| {
            let backend = backend.clone();
            Contender {
                name: name.into(),
                run: Box::new(move |iterations| {
                    let mut time = Duration::ZERO;
                    for _ in 0..iterations {
                        let tasks = tasks(producers);
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
        ("tokio, 2 workers", Backend::Tokio(Arc::new(runtime))),
        ("async-executor, 2 threads", Backend::Executor(executor_of_two_threads())),
        ("async-executor, 1 thread", Backend::OneThread),
    ]
}

fn main() {
    if std::env::args().any(|arg| arg == "--ratios") {
        println!(
            "| executor | producers | | ns an item | to kanal | to flume | allocations an item |"
        );
        println!("|---|--:|---|--:|--:|--:|--:|");
        for (name, backend) in backends() {
            for producers in [1, 8] {
                let contenders = contenders(&backend, producers);
                for (contender, measured) in contenders.iter().zip(compare(&contenders)) {
                    let ratio = |n: usize| match measured.ratios.get(n) {
                        Some(ratio) => format!("{ratio:.2}"),
                        None => String::new(),
                    };
                    println!(
                        "| {name} | {producers} | {} | {:.0} | {} | {} | {:.3} |",
                        contender.name,
                        measured.nanos / ITEMS as f64,
                        ratio(0),
                        ratio(1),
                        measured.allocations / ITEMS as f64,
                    );
                }
            }
        }
    } else {
        let mut criterion = Criterion::default().configure_from_args();
        for (name, backend) in backends() {
            for producers in [1, 8] {
                let mut group = criterion.benchmark_group(format!("{name}, {producers} producers"));
                group.throughput(criterion::Throughput::Elements(ITEMS as u64));
                for contender in contenders(&backend, producers) {
                    group.bench_function(&contender.name, |bencher| {
                        bencher.iter_custom(|iterations| (contender.run)(iterations));
                    });
                }
                group.finish();
            }
        }
        criterion.final_summary();
    }
}
