//! effectpy's guide: effects side by side, the first of several, and kinds of failure, on a clock that a
//! test moves.
//!
//! | there | here |
//! |---|---|
//! | `zip_par(a, b)` | `join((a, b))`, or `try_join` when they may fail |
//! | `race(a, b)`, documented as the first success | `race_ok((a, b))` |
//! | `race(a, b)`, as it is: the first to end | `race((a, b))`; of two at once, the first one |
//! | `race_first(effects)`, `race_all(effects)` with the index | `race(effects)` of an iterator; of a map, with the key |
//! | losers, and all effects of a call that is cancelled, some of which run on | are dropped before it returns |
//! | `for_each_par(items, f, parallelism=n)` | `flow::iter(items).try_map_on(&exec, n, f)`, `.map_concurrent(n, f)` |
//! | `effect.timeout(seconds)` | `timeout(&timer, duration, future)` |
//! | a typed failure, a defect, an interrupt | `Err`, a panic, `Cancelled`: the kinds of a `JoinError` |
//! | a pool of connections within one pipeline | `.map_with(limit, connect, f)` |
//! | `TestClock` and `advance` | `sim`: time moves when everybody sleeps |
//!
//! Rows E-01 to E-12, E-17 and E-34 of `docs/from-the-seeds.md`.
//!
//! ```text
//! cargo run -p examples --bin race_and_zip
//! ```

use anyscope::{
    EmptyRace, JoinError, ScopeError, Timer, flow, join, race, race_ok, scope,
    sim::{Sim, SimHandle},
    timeout, try_join,
};
use std::{
    cell::Cell,
    collections::BTreeMap,
    future::{pending, ready},
    time::Duration,
};

const SECOND: Duration = Duration::from_secs(1);

/// An effect that takes so many seconds, and fails for an odd number.
async fn effect(sim: &SimHandle, seconds: u32) -> Result<u32, String> {
    sim.sleep(seconds * SECOND).await;
    if seconds % 2 == 1 { Err(format!("{seconds} is odd")) } else { Ok(seconds) }
}

async fn side_by_side(sim: &SimHandle) {
    let begun = sim.elapsed();
    assert_eq!(join((effect(sim, 2), effect(sim, 3))).await, (Ok(2), Err("3 is odd".into())));
    assert_eq!(sim.elapsed() - begun, 3 * SECOND);

    // The first failure ends it: the other effect is dropped, not waited for.
    let begun = sim.elapsed();
    let failed = try_join((effect(sim, 8), effect(sim, 1))).await.unwrap_err();
    assert_eq!((failed.index(), sim.elapsed() - begun), (1, SECOND));
    println!("{failed}");
}

async fn the_first(sim: &SimHandle) {
    assert_eq!(race((effect(sim, 1), effect(sim, 2))).await, Err("1 is odd".into()));
    assert_eq!(race_ok((effect(sim, 1), effect(sim, 2))).await, Ok(2));
    let failed = race_ok([effect(sim, 3), effect(sim, 1)]).await.unwrap_err();
    assert_eq!(failed.errors, ["3 is odd", "1 is odd"]);
    println!("{failed}");
    assert!(timeout(sim, SECOND, effect(sim, 2)).await.is_err());
}

/// Counts those that are under way.
struct Running<'a>(&'a Cell<u32>);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

async fn nobody_runs_on(sim: &SimHandle) {
    let running = Cell::new(0);
    let counted = async |seconds| {
        running.set(running.get() + 1);
        let _running = Running(&running);
        effect(sim, seconds).await
    };
    assert_eq!(race((counted(2), counted(4))).await, Ok(2));
    assert_eq!(running.get(), 0, "losers are gone before it returns");
    for cancelled in [
        timeout(sim, SECOND, async { join((counted(2), counted(4))).await.0 }).await,
        timeout(sim, SECOND, race((counted(2), counted(4)))).await,
    ] {
        assert!(cancelled.is_err());
        assert_eq!(running.get(), 0, "so are all when the call is cancelled");
    }

    // At the same time: the lowest index. Of many, with the key; of none, an error.
    assert_eq!(race((ready("first"), ready("second"))).await, "first");
    assert_eq!(race([4, 2, 6].map(counted)).await, Ok(2));
    assert_eq!(race((1..1).map(counted)).await, Err(EmptyRace));
    let named = BTreeMap::from([("far", counted(6)), ("near", counted(2))]);
    let (name, answer) = race(named).await.expect("there are two");
    println!("{name} was first: {answer:?}");
    assert_eq!((name, answer), ("near", Ok(2)));
}

async fn for_each(sim: &SimHandle) {
    let begun = sim.elapsed();
    let inner = sim.clone();
    let work = move |n| {
        let sim = inner.clone();
        async move { effect(&sim, n).await }
    };
    let all = flow::iter([2, 4, 6, 8]).try_map_on(sim, 2, work.clone());
    let all: Result<Vec<u32>, ScopeError<String>> = all.try_collect().await;
    assert_eq!(all.unwrap(), [2, 4, 6, 8]);
    assert_eq!(sim.elapsed() - begun, 12 * SECOND);
    let failed = flow::iter([8, 1, 8]).try_map_on(sim, 3, work).try_collect::<Vec<_>>().await;
    assert_eq!(failed.unwrap_err().into_first().unwrap(), "1 is odd");
}

async fn kinds_of_failure(sim: &SimHandle) {
    let inner = sim.clone();
    let ends = scope(sim, async move |s| {
        let failure = s.spawn(async move { effect(&inner, 1).await });
        // A panic, without what a panic prints.
        let defect = s.spawn(async { std::panic::resume_unwind(Box::new("a bug")) });
        let interrupt = s.spawn(pending());
        interrupt.abort();
        [failure.await, defect.await, interrupt.await].map(|end: Result<Result<u32, _>, _>| {
            match end {
                Ok(Ok(_)) => "value",
                Ok(Err(_)) => "failure",
                Err(JoinError::Panicked(_)) => "defect",
                Err(_) => "interrupt",
            }
        })
    });
    assert_eq!(ends.await, ["failure", "defect", "interrupt"]);
}

async fn show(sim: SimHandle) {
    side_by_side(&sim).await;
    the_first(&sim).await;
    nobody_runs_on(&sim).await;
    for_each(&sim).await;
    kinds_of_failure(&sim).await;
}

fn main() {
    Sim::new(1).run(show).unwrap();
}

#[test]
fn in_many_orders() {
    anyscope::sim::explore(50, show);
}
