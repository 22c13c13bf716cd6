//! concurry's `wait` and `gather`: some of many calls, or all of them, in the shape they were given in.
//!
//! | there | here |
//! |---|---|
//! | `done, not_done = wait(fs, return_when=FIRST_COMPLETED)` | `map.wait(When::First)`; what is not done is what the map has left |
//! | `return_when=FIRST_EXCEPTION`, `ALL_COMPLETED` | `When::FirstError`, `When::All` |
//! | `wait(fs, timeout=d)` | `map.wait(..).timeout(&timer, d)`; what is done is kept |
//! | a predicate, three of five | `map.wait_until(..)`, `When::Count(3)` |
//! | `gather(fs)` of a list, a dict, nested | `join(..)` of a `Vec`, a map, and of joins |
//! | `gather(fs)`, whose first failure raises | `try_join(..)`; at once, and it says whose it was |
//! | `gather(fs, return_exceptions=True)` | `join(..)` of `Result`s |
//! | `gather(fs, iter=True)` | `map.as_completed()` |
//! | `progress=True` | `.progress(&clock, observer)`, a `progress::Bar` for instance |
//! | cancelling the rest | dropping the map |
//!
//! Rows C-01 to C-29 of `docs/from-the-seeds.md`.
//!
//! ```text
//! cargo run -p examples --bin wait_gather
//! ```

use anyscope::{
    FutureMap, Timer, Waited, When, join, race,
    sim::{Sim, SimHandle},
    try_join,
};
use std::{collections::BTreeMap, time::Duration};

const SECOND: Duration = Duration::from_secs(1);

/// What a service answers, or the error that it has, after so many seconds.
async fn call(sim: &SimHandle, seconds: u32, answer: Answer) -> Answer {
    sim.sleep(seconds * SECOND).await;
    answer
}

type Answer = Result<u32, &'static str>;

async fn wait_for_some(sim: &SimHandle) {
    let mut calls = FutureMap::new();
    calls.replace("fast", call(sim, 1, Ok(1)));
    calls.replace("broken", call(sim, 2, Err("no route")));
    calls.replace("slow", call(sim, 3, Ok(3)));
    let done = calls.wait(When::First).await.done;
    println!("{:?}: done {done:?}, not done {:?}", sim.elapsed(), calls.keys().collect::<Vec<_>>());
    assert_eq!(done, [("fast", Ok(1))]);

    // The rest is still there, and more may come.
    calls.replace("late", call(sim, 9, Ok(9)));
    let done = calls.wait(When::FirstError).await.done;
    assert_eq!(done, [("broken", Err("no route"))]);

    let Waited { done, timed_out, .. } = calls.wait(When::All).timeout(sim, 5 * SECOND).await;
    println!("{:?}: done {done:?}, then time ran out", sim.elapsed());
    assert_eq!((done, timed_out), (vec![("slow", Ok(3))], true));

    // What nobody wants any more is cancelled.
    assert!(calls.keys().eq(&["late"]));
    drop(calls);
}

async fn gather_all(sim: &SimHandle) {
    let answer = |n| call(sim, n, Ok(n));
    let nested =
        BTreeMap::from([("small", [answer(1), answer(2)]), ("large", [answer(8), answer(9)])]);
    let nested = nested.into_iter().map(|(size, pair)| (size, join(pair)));
    let answers = join(nested.collect::<BTreeMap<_, _>>()).await;
    println!("{answers:?}");
    assert_eq!(answers["large"], [Ok(8), Ok(9)]);

    let (before, broken) = (sim.elapsed(), call(sim, 1, Err("no route")));
    let failed = try_join((answer(5), broken, answer(6))).await.unwrap_err();
    println!("{failed}, after {:?}", sim.elapsed() - before);
    assert_eq!((failed.index(), sim.elapsed() - before), (1, SECOND));

    let mirrors = BTreeMap::from([("far", answer(7)), ("near", answer(2))]);
    assert_eq!(race(mirrors).await, Ok(("near", Ok(2))));
}

async fn one_after_the_other(sim: &SimHandle) {
    let mut calls = FutureMap::new();
    calls.replace("slow", call(sim, 3, Ok(3)));
    calls.replace("fast", call(sim, 1, Ok(1)));
    let completed = calls.as_completed().progress(sim, |progress| {
        println!("{} done after {:?}", progress.done, progress.elapsed);
    });
    let answers = completed.collect::<Vec<_>>().await;
    assert_eq!(answers, [("fast", Ok(1)), ("slow", Ok(3))]);
}

async fn show(sim: SimHandle) {
    wait_for_some(&sim).await;
    gather_all(&sim).await;
    one_after_the_other(&sim).await;
}

fn main() {
    Sim::new(1).run(show).unwrap();
}

#[test]
fn in_many_orders() {
    anyscope::sim::explore(50, show);
}
