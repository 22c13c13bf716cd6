//! The patterns of concurry's guide: by name, in batches, in two phases, in time, again.
//!
//! | there | here |
//! |---|---|
//! | `gather({"a": f, ..}, return_exceptions=True)`, then by key | `join(map)` of a map |
//! | racing sources by name | `race_ok(map)`: the key of who won, or all errors by key |
//! | first failure, cancel the rest, raise | `try_join(map)`; its `key()` |
//! | stream to a client as they complete | `map.as_completed().drive(..)` |
//! | a second phase, of what succeeded in the first | one function for each item; no barrier between |
//! | as many as possible within a time | `.deadline(&timer, at)` |
//! | retry failed ones, round after round | `retry(..)` in the function; each keeps its place |
//! | batches of 100 of a million | `.map_concurrent(100, f)` |
//! | `gather(.., succeeded_only=True)`, `gather_iter` | `.filter_ok()`, `.unordered()` |
//!
//! Rows C-43 to C-55 of `docs/from-the-seeds.md`.
//!
//! ```text
//! cargo run -p examples --bin call_patterns
//! ```

use anyscope::{
    Clock, FutureMap, Timer, flow, join, race_ok,
    resilience::retry,
    sim::{Sim, SimHandle},
    try_join,
};
use std::{cell::Cell, collections::BTreeMap, time::Duration};

const SECOND: Duration = Duration::from_secs(1);

type Answer = Result<u32, String>;

/// A service that answers after so many seconds, or has an error at an odd number.
async fn ask(sim: &SimHandle, seconds: u32) -> Answer {
    sim.sleep(seconds * SECOND).await;
    if seconds % 2 == 1 { Err(format!("{seconds} is odd")) } else { Ok(seconds) }
}

async fn by_name(sim: &SimHandle) {
    let services = || BTreeMap::from([("best effort", 3), ("may fail", 1), ("must succeed", 2)]);
    let calls = || services().into_iter().map(|(name, n)| (name, ask(sim, n)));
    let mut answers = join(calls().collect::<BTreeMap<_, _>>()).await;
    println!("{answers:?}");
    assert_eq!(answers.remove("must succeed"), Some(Ok(2)));
    assert_eq!(answers["may fail"].clone().unwrap_or_default(), 0);

    // Which source it was is part of the answer; the others are gone.
    let begun = sim.elapsed();
    let (name, answer) = race_ok(calls().collect::<BTreeMap<_, _>>()).await.unwrap();
    assert_eq!((name, answer, sim.elapsed() - begun), ("must succeed", 2, 2 * SECOND));

    let begun = sim.elapsed();
    let failed = try_join(calls().collect::<BTreeMap<_, _>>()).await.unwrap_err();
    println!("{failed}, after {:?}", sim.elapsed() - begun);
    assert_eq!(sim.elapsed() - begun, SECOND);
}

async fn as_they_complete(sim: &SimHandle) {
    let mut calls = FutureMap::new();
    for seconds in [4, 1, 2] {
        calls.replace(seconds, ask(sim, seconds));
    }
    let sent = calls.as_completed().drive(async |mut answers| {
        let mut sent = vec![];
        while let Some((key, answer)) = answers.next().await {
            sent.push((key, answer.is_ok()));
        }
        sent
    });
    assert_eq!(sent.await, [(1, false), (2, true), (4, true)]);
}

async fn two_phases(sim: &SimHandle) {
    let begun = sim.elapsed();
    let both = async |n| {
        let found = ask(sim, n).await?;
        // As soon as its own first phase is over, not that of all.
        sim.sleep((8 - n) * SECOND).await;
        Ok::<_, String>(found * 100)
    };
    let done = flow::iter([1, 2, 6, 3]).map_concurrent(4, both).partition_results().await;
    println!("both phases of {:?} after {:?}", done.successes, sim.elapsed() - begun);
    assert_eq!(done.successes, [(1, 200), (2, 600)]);
    assert_eq!(sim.elapsed() - begun, 8 * SECOND);
}

async fn in_time(sim: &SimHandle) {
    let at = sim.now() + 9 * SECOND;
    let calls = flow::iter((0..1_000_000).map(|n| n % 3 * 2))
        .map_concurrent(100, async |n| ask(sim, n).await);
    let mut in_time = 0;
    let whole = calls.unordered().deadline(sim, at).map(|answer| answer.is_ok());
    whole
        .filter(|is_in_time| *is_in_time)
        .for_each(|_| {
            in_time += 1;
            async {}
        })
        .await;
    println!("{in_time} of a million within nine seconds");
    assert!(in_time > 300);
}

async fn again(sim: &SimHandle) {
    // Each fails as often as its number says.
    let answers = flow::iter(0..4_u32)
        .map_concurrent(4, |failures| {
            let left = Cell::new(failures);
            retry(sim, [SECOND; 2], move || {
                let fails = left.get() > 0;
                left.set(left.get().saturating_sub(1));
                async move { if fails { Err("busy") } else { Ok(failures) } }
            })
        })
        .collect::<Vec<_>>()
        .await;
    println!("{answers:?}");
    assert_eq!(answers[..3], [Ok(0), Ok(1), Ok(2)]);
    assert_eq!(answers[3].as_ref().unwrap_err().made, 3);
}

async fn show(sim: SimHandle) {
    by_name(&sim).await;
    as_they_complete(&sim).await;
    two_phases(&sim).await;
    in_time(&sim).await;
    again(&sim).await;
}

fn main() {
    Sim::new(1).run(show).unwrap();
}

#[test]
fn in_many_orders() {
    anyscope::sim::explore(20, show);
}
