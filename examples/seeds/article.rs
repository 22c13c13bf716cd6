//! The article, chapter by chapter: from five calls to a million, and a consumer number that adjusts itself.
//!
//! | there | here |
//! |---|---|
//! | a loop: 5 s | a loop: 5 s |
//! | `asyncio.gather` of five: 1 s | `join`: 1 s |
//! | a queue, a producer, 50 consumers, a poison pill: 20 s for 1000 | `.for_each_concurrent(50, f)` |
//! | a queue of 100 in front of the consumers | nothing, or `.prefetch(100)` |
//! | `task_done()`, `queue.join()`, which hangs at the end | the operation ends when all is done |
//! | `wait_for(task, 10)`, known errors, any other error, in each consumer | a `match`, and `.catch_unwind()` |
//! | retry a few times before giving up, of a coroutine that is used up | `retry(&timer, policy, \|\| ..)` |
//! | "auto adjust consumer number": TODO | `AdaptiveLimit` |
//! | a process that crashes | a file of what is done, as in `pipeline`; more is not here yet |
//!
//! Rows A-03 to A-26 of `docs/from-the-seeds.md`; a million of them is the example `million`.
//!
//! ```text
//! cargo run -p examples --bin article
//! ```

use anyscope::{
    AdaptiveLimit, Timer, exponential, flow, join,
    limit::adaptive::{Aimd, Outcome},
    resilience::retry,
    sim::{Sim, SimHandle},
    timeout,
};
use std::{cell::Cell, collections::BTreeMap, time::Duration};

const SECOND: Duration = Duration::from_secs(1);

async fn request(sim: &SimHandle) {
    sim.sleep(SECOND).await;
}

/// The article's `timer()`.
async fn timed<T>(sim: &SimHandle, what: &str, work: impl Future<Output = T>) -> (T, Duration) {
    let begun = sim.elapsed();
    let value = work.await;
    println!("{what}: {:?}", sim.elapsed() - begun);
    (value, sim.elapsed() - begun)
}

async fn from_five_to_a_thousand(sim: &SimHandle) {
    let sequential = async {
        for _ in 0..5 {
            request(sim).await;
        }
    };
    let (_, took) = timed(sim, "one after the other", sequential).await;
    assert_eq!(took, 5 * SECOND);
    let (_, took) = timed(sim, "all five", join((0..5).map(|_| request(sim)))).await;
    assert_eq!(took, SECOND);
    let many = flow::iter(0..1000).for_each_concurrent(50, async |_| request(sim).await);
    let (_, took) = timed(sim, "a thousand, 50 at a time", many).await;
    assert_eq!(took, 20 * SECOND);
}

/// What may go wrong, and goes wrong in the article's consumers.
async fn unreliable(sim: &SimHandle, n: u32) -> Result<u32, String> {
    match n % 5 {
        1 => sim.sleep(1000 * SECOND).await,
        2 => return Err("a known error".into()),
        3 => std::panic::resume_unwind(Box::new("an unknown one")),
        _ => request(sim).await,
    }
    Ok(n)
}

async fn counted(sim: &SimHandle) {
    // One consumer: a second, then ten for what is stuck, two that fail at once, and a second.
    let ends = flow::iter(0..5)
        .map_concurrent(1, async |n| timeout(sim, 10 * SECOND, unreliable(sim, n)).await)
        .catch_unwind()
        .map(|end| match end {
            Ok(Ok(Ok(_))) => "done",
            Ok(Ok(Err(_))) => "failed",
            Ok(Err(_)) => "stuck",
            Err(_) => "crashed",
        })
        .fold(BTreeMap::new(), async |mut counts, end| {
            *counts.entry(end).or_insert(0) += 1;
            counts
        });
    let (counts, took) = timed(sim, "unreliable ones, one consumer", ends).await;
    println!("{counts:?}");
    assert_eq!(counts, BTreeMap::from([("crashed", 1), ("done", 2), ("failed", 1), ("stuck", 1)]));
    assert_eq!(took, 12 * SECOND);
}

async fn before_giving_up(sim: &SimHandle) {
    let calls = Cell::new(0);
    let flaky = || async {
        request(sim).await;
        calls.set(calls.get() + 1);
        if calls.get() < 3 { Err("not yet") } else { Ok(calls.get()) }
    };
    let policy = exponential(SECOND, 60 * SECOND).take(4);
    let (value, took) = timed(sim, "with retries", retry(sim, policy, flaky)).await;
    assert_eq!((value, took), (Ok(3), (3 + 1 + 2) * SECOND));
}

/// A service that can do ten at a time, and answers the slower the more there are.
async fn adjusted(sim: &SimHandle) {
    let running = Cell::new(0_u32);
    let limit = AdaptiveLimit::new(Aimd::default());
    let (highest, begun) = (Cell::new(0), sim.elapsed());
    let all = flow::iter(0..1000).for_each_concurrent(&limit, async |_| {
        running.set(running.get() + 1);
        let service = sim.sleep(SECOND * running.get().max(10) / 10);
        let call = timeout(sim, SECOND * 3 / 2, service);
        let outcome = |answer: &Result<(), _>| match answer {
            Ok(()) => Outcome::Success,
            Err(_) => Outcome::Dropped,
        };
        let _ = limit.call_with(sim, call, outcome).await;
        running.set(running.get() - 1);
        highest.set(highest.get().max(limit.get().get()));
    });
    all.await;
    println!(
        "consumers adjust: at most {}, {} at the end, {:?}",
        highest.get(),
        limit.get(),
        sim.elapsed() - begun
    );
    assert!(highest.get() < 30 && limit.get().get() >= 5);
}

async fn show(sim: SimHandle) {
    from_five_to_a_thousand(&sim).await;
    counted(&sim).await;
    before_giving_up(&sim).await;
    adjusted(&sim).await;
}

fn main() {
    Sim::new(1).run(show).unwrap();
}

#[test]
fn in_many_orders() {
    anyscope::sim::explore(10, show);
}
