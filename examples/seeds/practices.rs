//! The practices guide: each of its recipes, and its list of rules, as code that keeps them.
//!
//! | there | here |
//! |---|---|
//! | gather all with a shared client, `async with` | `.map_concurrent(..)` that borrows the client |
//! | `fetch_with_limit(limit=10)`, a semaphore around each of all coroutines | `.map_concurrent(10, f)`, which makes no more futures than that |
//! | the same limit for several places | `Semaphore` |
//! | producer, `num_consumers=3`, a queue of 100, a `None` for each | `.for_each_concurrent(3, f)`, of any channel |
//! | a `None` in the data ends a consumer | is an item |
//! | all consumers fail, and the producer hangs | the first error is returned, or each has its place |
//! | `WorkerPool` | `Pool`, in `worker_pool` |
//! | `safe_gather` | `.partition_results()`; a cancelled one is no success, and the index is there |
//! | set timeouts | `timeout`, `s.deadline(..)`, `.timeout_each(..)` |
//! | clean up with context managers | RAII, `s.defer(..)` |
//! | never ignore exceptions of tasks | what nobody asks for ends the scope: it cannot be ignored |
//! | no shared state without locks | does not compile |
//!
//! Rows P-02 to P-04, P-07 to P-10 and P-16 to P-21 of `docs/from-the-seeds.md`; P-01, P-05 and P-06 are in
//! `cpu_work`, P-11 to P-15 in `worker_pool`.
//!
//! ```text
//! cargo run -p examples --bin practices
//! ```

use anyscope::{
    Semaphore, Timer, flow, join, scope,
    sim::{Sim, SimHandle},
    timeout, try_scope,
};
use std::{
    cell::Cell,
    panic::AssertUnwindSafe,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::Duration,
};

const SECOND: Duration = Duration::from_secs(1);

/// Answers in a second, and counts how many are asked at a time.
struct Client<'a> {
    sim: &'a SimHandle,
    now: Cell<usize>,
    most: Cell<usize>,
}

impl Client<'_> {
    async fn fetch(&self, page: u32) -> Result<String, String> {
        self.now.set(self.now.get() + 1);
        self.most.set(self.most.get().max(self.now.get()));
        self.sim.sleep(SECOND).await;
        self.now.set(self.now.get() - 1);
        if page % 10 == 9 { Err(format!("page {page}: 500")) } else { Ok(format!("page {page}")) }
    }
}

async fn fetch_with_limit(sim: &SimHandle) {
    let client = Client { sim, now: Cell::new(0), most: Cell::new(0) };
    let (begun, made) = (sim.elapsed(), AtomicUsize::new(0));
    let pages = flow::iter(0..40).map_concurrent(10, |page| {
        made.fetch_add(1, Relaxed);
        client.fetch(page)
    });
    let pages = pages.partition_results().await;
    println!(
        "{} pages, {} at a time, {:?}; not: {:?}",
        pages.successes.len(),
        client.most.get(),
        sim.elapsed() - begun,
        pages.failures[0],
    );
    assert_eq!(
        (pages.successes.len(), client.most.get(), sim.elapsed() - begun),
        (36, 10, 4 * SECOND)
    );
    assert_eq!(pages.failures[0], (9, "page 9: 500".into()));

    // One limit in two places.
    let (semaphore, begun) = (Semaphore::new(3), sim.elapsed());
    let ask = async |page| {
        let _permit = semaphore.acquire().await.expect("nobody closes it");
        client.fetch(page).await.is_ok()
    };
    let both = (join([1, 2, 3, 4].map(ask)), join([5, 6, 7, 8].map(ask)));
    assert_eq!(join(both).await, ([true; 4], [true; 4]));
    assert_eq!(sim.elapsed() - begun, 3 * SECOND);
}

async fn producer_and_consumers(sim: &SimHandle) {
    let consumed = scope(sim, async |s| {
        let (sender, receiver) = async_channel::bounded(100);
        s.spawn(async move {
            for n in 0..300_u32 {
                let item = (n % 7 != 0).then_some(n);
                sender.send(item).await.expect("there are consumers");
            }
        });
        let consumed = Cell::new(0);
        flow::stream(receiver)
            .for_each_concurrent(3, async |item: Option<u32>| {
                sim.sleep(item.map_or(SECOND, |_| SECOND / 10)).await;
                consumed.set(consumed.get() + 1);
            })
            .await;
        consumed.get()
    });
    assert_eq!(consumed.await, 300, "with 43 that are None");

    // All consumers fail: the producer is told, and nobody waits for ever.
    let failed: Result<(), _> = try_scope(sim, async |s| {
        let (sender, receiver) = async_channel::bounded(2);
        s.spawn(async move {
            while sender.send(1).await.is_ok() {}
            Ok(())
        });
        flow::stream(receiver)
            .try_for_each_concurrent(3, async |n| Err(format!("no disk for {n}")))
            .await
    })
    .await;
    println!("{}", failed.unwrap_err());
}

async fn rules(sim: &SimHandle) {
    assert!(timeout(sim, SECOND, sim.sleep(2 * SECOND)).await.is_err());
    let cleaned = std::sync::Arc::new(AtomicUsize::new(0));
    let ignored = scope(sim, async |s| {
        let cleaned = cleaned.clone();
        s.defer(async move { cleaned.fetch_add(1, Relaxed) });
        // Nobody asks how it ended.
        s.spawn(async { std::panic::resume_unwind(Box::new("nobody looks")) });
    });
    // So the scope tells.
    let told =
        flow::iter([AssertUnwindSafe(ignored)]).map_concurrent(1, async |scope| scope.0.await);
    let told: Vec<Result<(), _>> = told.catch_unwind().collect().await;
    println!("a panic that nobody asks for: {}", told[0].as_ref().unwrap_err());
    assert!(told[0].is_err());
    assert_eq!(cleaned.load(Relaxed), 1);
}

async fn show(sim: SimHandle) {
    fetch_with_limit(&sim).await;
    producer_and_consumers(&sim).await;
    rules(&sim).await;
}

fn main() {
    Sim::new(1).run(show).unwrap();
}

#[test]
fn in_many_orders() {
    anyscope::sim::explore(20, show);
}
