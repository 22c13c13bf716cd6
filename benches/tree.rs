//! What does it cost to be seen?
//!
//! - `cargo bench --bench tree` runs criterion, with charts in `target/criterion`.
//! - `cargo bench --bench tree -- --ratios` prints the figures of `RESULTS.md`, and how long a look at 100 000 children
//!   takes, and a spawn meanwhile.
//!
//! The children are polled by one thread, so that nothing else is measured.

mod support;

use anyscope::{
    BlockOn, Scope, Semaphore, Spawn, concurrent,
    observe::{Observer, tree::Tree},
    scope,
    smol::SmolLocal,
    threads::ThreadPool,
};
use criterion::Criterion;
use std::{
    future::{Future, pending},
    hint::black_box,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use support::{Contender, compare};

type Work = fn(u64) -> Pin<Box<dyn Future<Output = ()>>>;

/// Is told everything, and does nothing.
struct Idle;

impl Observer for Idle {}

fn trees() -> [(&'static str, Option<Tree>); 3] {
    [
        ("without a tree", None),
        ("in a tree", Some(Tree::new())),
        ("in a tree, with an observer", Some(Tree::builder().observer(Idle).build())),
    ]
}

async fn within<F: Future>(tree: &Option<Tree>, work: F) -> F::Output {
    match tree {
        Some(tree) => tree.watch(work).await,
        None => work.await,
    }
}

/// Children that end at once.
async fn spawn_and_join(children: u64) {
    concurrent(async |s| {
        for n in 0..children {
            s.spawn(async move { n });
        }
    })
    .await;
}

/// A child that yields.
async fn yields(polls: u64) {
    concurrent(async |s| {
        s.spawn(async move {
            for _ in 0..polls {
                smol::future::yield_now().await;
            }
        });
    })
    .await;
}

/// Two children that take a permit in turns, and so wait for each other.
async fn permits(takes: u64) {
    let semaphore = Semaphore::new(1);
    concurrent(async |s| {
        let semaphore = &semaphore;
        for _ in 0..2 {
            s.spawn(async move {
                for _ in 0..takes / 2 {
                    let _permit = semaphore.acquire().await.unwrap();
                    smol::future::yield_now().await;
                }
            });
        }
    })
    .await;
}

fn contenders(work: Work) -> Vec<Contender<'static>> {
    trees()
        .into_iter()
        .map(|(name, tree)| {
            let run = move |iterations| {
                let start = Instant::now();
                SmolLocal::new().block_on(within(&tree, work(iterations)));
                start.elapsed()
            };
            Contender { name: name.into(), run: Box::new(run) }
        })
        .collect()
}

const WORK: [(&str, Work); 3] = [
    ("spawn and join, for each of 10 000 children", |children| {
        Box::pin(async move {
            for _ in 0..children.div_ceil(10_000) {
                spawn_and_join(10_000.min(children)).await;
            }
        })
    }),
    ("a poll that yields", |polls| Box::pin(yields(polls))),
    ("a permit that is waited for", |takes| Box::pin(permits(takes))),
];

/// How long a look at so many children takes, and the longest spawn meanwhile.
fn look(children: usize) -> (Duration, Duration, Duration) {
    let pool = ThreadPool::new(1);
    let tree = Tree::new();
    smol::block_on(tree.watch(scope(&pool.handle(), async |s| {
        for _ in 0..children {
            s.spawn(pending::<()>());
        }
        let longest_alone = longest_spawn(&s, || false);
        let is_over = Arc::new(AtomicBool::new(false));
        let looks = {
            let (tree, is_over) = (tree.clone(), is_over.clone());
            std::thread::spawn(move || {
                let mut best = Duration::MAX;
                for _ in 0..10 {
                    let start = Instant::now();
                    black_box(tree.snapshot());
                    best = best.min(start.elapsed());
                }
                is_over.store(true, Ordering::Relaxed);
                best
            })
        };
        let longest = longest_spawn(&s, || is_over.load(Ordering::Relaxed));
        let best = looks.join().unwrap();
        s.cancel("measured");
        (best, longest, longest_alone)
    })))
}

/// The longest of a thousand spawns; or of those until it is over. The slowest in a thousand are left out: those in which the
/// system has taken the processor away.
fn longest_spawn<E: Spawn>(s: &Scope<E>, is_over: impl Fn() -> bool) -> Duration {
    let mut all = Vec::new();
    while !is_over() && all.len() < 1000 {
        let start = Instant::now();
        s.spawn(pending::<()>());
        all.push(start.elapsed());
        std::thread::sleep(Duration::from_micros(100));
    }
    all.sort();
    all.get(all.len().saturating_sub(1 + all.len() / 100)).copied().unwrap_or_default()
}

fn main() {
    if std::env::args().any(|arg| arg == "--ratios") {
        println!("| what | | ns | ratio |");
        println!("|---|---|--:|--:|");
        for (name, work) in WORK {
            let contenders = contenders(work);
            let measured = compare(&contenders);
            for (contender, figures) in contenders.iter().zip(&measured) {
                let ratio = figures.nanos / measured[0].nanos;
                println!("| {name} | {} | {:.1} | {ratio:.2} |", contender.name, figures.nanos);
            }
        }
        let (best, during, alone) = look(100_000);
        println!(
            "a look at 100 000 children: {best:?}; 99 of 100 spawns meanwhile took less than {during:?}, without {alone:?}"
        );
    } else {
        let mut criterion = Criterion::default().configure_from_args();
        let mut group = criterion.benchmark_group("tree");
        for (name, work) in WORK {
            for contender in contenders(work) {
                group.bench_function(format!("{name}: {}", contender.name), |bencher| {
                    bencher.iter_custom(|iterations| (contender.run)(iterations));
                });
            }
        }
        group.finish();
        criterion.final_summary();
    }
}
