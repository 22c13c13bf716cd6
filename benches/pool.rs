//! What does it cost to get a resource of a pool and to return it?
//!
//! The resources are numbers, so nothing but the pool is measured, and all of them are there before.
//!
//! - `cargo bench --bench pool` runs criterion.
//! - `cargo bench --bench pool -- --ratios` takes turns and prints a table: the figures of
//!   `RESULTS.md`.

mod support;

use anyscope::{pool, tokio::TokioHandle};
use criterion::Criterion;
use deadpool::managed;
use std::{
    convert::Infallible,
    future::Future,
    hint::black_box,
    time::{Duration, Instant},
};
use support::{Contender, compare};
use tokio::{runtime::Runtime, task::yield_now};

#[global_allocator]
static ALLOCATOR: support::Counting = support::Counting;

/// Gets in an iteration, of all tasks.
const GETS: usize = 4000;

struct Numbers;

impl pool::Manage for Numbers {
    type Resource = u64;
    type Error = Infallible;

    async fn create(&self) -> Result<u64, Infallible> {
        Ok(0)
    }
}

impl managed::Manager for Numbers {
    type Type = u64;
    type Error = Infallible;

    async fn create(&self) -> Result<u64, Infallible> {
        Ok(0)
    }

    async fn recycle(
        &self,
        _: &mut u64,
        _: &managed::Metrics,
    ) -> managed::RecycleResult<Infallible> {
        Ok(())
    }
}

/// How the resources are used.
#[derive(Clone, Copy)]
struct Load {
    name: &'static str,
    tasks: usize,
    places: usize,
    /// Whether a task lets others run while it has a resource.
    yields: bool,
}

const LOADS: [Load; 4] = [
    Load { name: "one task", tasks: 1, places: 4, yields: false },
    Load { name: "8 tasks, 8 places", tasks: 8, places: 8, yields: false },
    Load { name: "8 tasks, 4 places", tasks: 8, places: 4, yields: true },
    Load { name: "8 tasks, 1 place", tasks: 8, places: 1, yields: true },
];

/// Runs the tasks to their ends, often. They are spawned as if there were no pool.
fn time<P, F>(runtime: &Runtime, load: Load, iterations: u64, pool: &P, task: F) -> Duration
where
    P: Clone + Send + Sync + 'static,
    F: AsyncTask<P>,
{
    let mut time = Duration::ZERO;
    for _ in 0..iterations {
        let start = Instant::now();
        if load.tasks == 1 {
            runtime.block_on(task.run(pool.clone(), GETS, load.yields));
        } else {
            runtime.block_on(async {
                let gets = GETS / load.tasks;
                let tasks: Vec<_> = (0..load.tasks)
                    .map(|_| tokio::spawn(task.run(pool.clone(), gets, load.yields)))
                    .collect();
                for task in tasks {
                    task.await.unwrap();
                }
            });
        }
        time += start.elapsed();
    }
    time
}

trait AsyncTask<P> {
    fn run(&self, pool: P, gets: usize, yields: bool) -> impl Future<Output = ()> + Send + 'static;
}

macro_rules! task {
    ($name:ident, $pool:ty) => {
        impl AsyncTask<$pool> for $name {
            fn run(
                &self,
                pool: $pool,
                gets: usize,
                yields: bool,
            ) -> impl Future<Output = ()> + Send + 'static {
                async move {
                    for _ in 0..gets {
                        let number = pool.get().await.unwrap();
                        black_box(*number);
                        if yields {
                            yield_now().await;
                        }
                    }
                }
            }
        }
    };
}

struct Theirs;
struct Ours;
task!(Theirs, managed::Pool<Numbers>);
task!(Ours, pool::ResourcePool<Numbers>);

fn contenders(runtime: &Runtime, load: Load) -> Vec<Contender<'_>> {
    let theirs = managed::Pool::<Numbers>::builder(Numbers).max_size(load.places).build().unwrap();
    let exec = TokioHandle::from(runtime.handle().clone());
    let ours = pool::ResourcePool::builder(Numbers).max(load.places).build(&exec);
    // All that there may be.
    runtime.block_on(async {
        let (mut their, mut our) = (Vec::new(), Vec::new());
        for _ in 0..load.places {
            their.push(theirs.get().await.unwrap());
            our.push(ours.get().await.unwrap());
        }
    });
    vec![
        Contender {
            name: "deadpool".into(),
            run: Box::new(move |iterations| time(runtime, load, iterations, &theirs, Theirs)),
        },
        Contender {
            name: "anyscope".into(),
            run: Box::new(move |iterations| time(runtime, load, iterations, &ours, Ours)),
        },
    ]
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    if std::env::args().any(|arg| arg == "--ratios") {
        println!("| load | | ns a get and return | to deadpool | allocations |");
        println!("|---|---|--:|--:|--:|");
        for load in LOADS {
            let contenders = contenders(&runtime, load);
            for (contender, measured) in contenders.iter().zip(compare(&contenders)) {
                println!(
                    "| {} | {} | {:.0} | {:.2} | {:.3} |",
                    load.name,
                    contender.name,
                    measured.nanos / GETS as f64,
                    measured.ratios[0],
                    measured.allocations / GETS as f64,
                );
            }
        }
    } else {
        let mut criterion = Criterion::default().configure_from_args();
        for load in LOADS {
            let mut group = criterion.benchmark_group(load.name);
            group.throughput(criterion::Throughput::Elements(GETS as u64));
            for contender in contenders(&runtime, load) {
                group.bench_function(&contender.name, |bencher| {
                    bencher.iter_custom(|iterations| (contender.run)(iterations));
                });
            }
            group.finish();
        }
        criterion.final_summary();
    }
}
