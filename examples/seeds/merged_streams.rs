//! Haiway's `stream_concurrently`: two sources as one, by availability.
//!
//! | there | here |
//! |---|---|
//! | `stream_concurrently(a, b)`, until one ends | `flow::merge((a, b)).until_any_ends()`; what was taken ahead is delivered |
//! | the same with `exhaustive=True` | `flow::merge((a, b))` |
//! | an error in a source | `flow::try_merge(..)`: what came before it, then the error, then the end |
//! | two sources only | up to eight of different types, any number of one |
//! | two to one, when both are ready | one to one; `.biased()` when the first shall win |
//! | `break`, and cleanup at the next collection of garbage | both sources are dropped |
//!
//! Rows H-45 to H-52 of `docs/from-the-seeds.md`.
//!
//! ```text
//! cargo run -p examples --bin merged_streams
//! ```

use anyscope::{
    Timer,
    flow::{self, Flow, OneOf2, Source},
    sim::{Sim, SimHandle},
};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// `count` readings, one each `every` seconds.
fn readings(sim: &SimHandle, every: u32, count: u32) -> Flow<impl Source<Item = u32>> {
    let beats = flow::interval(sim, every * SECOND).enumerate();
    beats.filter_map(|(n, _)| (n > 0).then_some(n as u32)).take(count as usize)
}

async fn by_availability(sim: &SimHandle) {
    let temperature = readings(sim, 3, 3).map(|n| f64::from(n) + 20.0);
    let door = readings(sim, 4, 2).map(|n| if n == 1 { "open" } else { "closed" });
    let seen: Vec<_> = flow::merge((temperature, door))
        .map(|reading| match reading {
            OneOf2::First(degrees) => format!("{degrees} degrees"),
            OneOf2::Second(state) => format!("door {state}"),
        })
        .collect()
        .await;
    println!("{}", seen.join(", "));
    assert_eq!(seen, ["21 degrees", "door open", "22 degrees", "door closed", "23 degrees"]);
}

async fn until_one_ends(sim: &SimHandle) {
    let merged = flow::merge([readings(sim, 3, 2), readings(sim, 2, 99)]).until_any_ends();
    // At 2, 3, 4 and 6 seconds, twice; nobody waits for the other 96.
    let begun = sim.elapsed();
    let seen = merged.count().await;
    assert!((4..=5).contains(&seen), "{seen}");
    assert_eq!(sim.elapsed() - begun, 6 * SECOND);
    assert_eq!(flow::merge([flow::iter(0..0), flow::iter(0..0)]).count().await, 0);
}

async fn a_source_fails(sim: &SimHandle) {
    let fails = flow::try_generate(async |events| {
        events.send(0).await.unwrap();
        sim.sleep(5 * SECOND).await;
        Err("sensor unplugged")
    });
    let works = readings(sim, 2, 99).map(Ok);
    let seen: Vec<_> = flow::try_merge((fails, works)).collect().await;
    println!("{seen:?}");
    assert_eq!(seen.len(), 4);
    assert_eq!(seen.last().unwrap().as_ref().err(), Some(&"sensor unplugged"));
}

async fn fair() {
    let busy = || flow::iter(0..1000);
    let first_half = flow::merge((busy().map(|_| 'a'), busy().map(|_| 'b'))).take(1000);
    let count = first_half.fold([0, 0], async |[a, b], item| match item {
        OneOf2::First(_) => [a + 1, b],
        OneOf2::Second(_) => [a, b + 1],
    });
    let count = count.await;
    println!("of two that are always ready: {count:?}");
    assert_eq!(count, [500, 500]);

    let biased = flow::merge([busy(), flow::iter(5000..9000)]).biased().take(1000);
    assert_eq!(biased.filter(|n| *n >= 5000).count().await, 0);
}

async fn show(sim: SimHandle) {
    by_availability(&sim).await;
    until_one_ends(&sim).await;
    a_source_fails(&sim).await;
    fair().await;
}

fn main() {
    Sim::new(1).run(show).unwrap();
}

#[test]
fn in_many_orders() {
    anyscope::sim::explore(50, show);
}
