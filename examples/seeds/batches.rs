//! Batches, from all of the seeds: in pieces, with pauses, at a pace that changes, and with what failed apart.
//!
//! | there | here |
//! |---|---|
//! | Haiway: successes and failures apart, with their index | `.partition_results()` |
//! | Haiway: chunks of 100, and a pause between them | `.chunks(n)`, and a sleep in the function |
//! | Haiway: the pause is for the service's sake | `.throttle(&timer, Rate::window(100, d))`; no barrier |
//! | Haiway: `concurrent_tasks` from CPUs and memory, computed once | `LiveLimit`; `AdaptiveLimit` finds it |
//! | Haiway: an error boundary around each element | `.filter_ok()` |
//! | effectpy: batches of 50, 5 at a time, flattened in order | `.chunks(50).map_concurrent(5, f).flatten_iter()` |
//! | effectpy: fan-out in chunks, fan-in of their sums | `.chunks(20).map_concurrent(limit, f).fold(..)` |
//! | concurry: a barrier after each batch of 100 | `.map_concurrent(100, f)`, without one |
//!
//! Rows H-72 to H-76, H-79, E-26, E-29, C-47 and C-48 of `docs/from-the-seeds.md`.
//!
//! ```text
//! cargo run -p examples --bin batches
//! ```

use anyscope::{
    LiveLimit, Timer, flow,
    limit::Rate,
    sim::{Sim, SimHandle},
};
use std::{num::NonZeroUsize, time::Duration};

const SECOND: Duration = Duration::from_secs(1);
const FIFTY: NonZeroUsize = NonZeroUsize::new(50).unwrap();

/// Takes a second; every hundredth fails.
async fn import(sim: &SimHandle, row: u32) -> Result<u32, String> {
    sim.sleep(SECOND).await;
    if row % 100 == 99 { Err(format!("row {row} is broken")) } else { Ok(row) }
}

async fn apart(sim: &SimHandle) {
    let imported = flow::iter(0..300).map_concurrent(50, async |row| import(sim, row).await);
    let imported = imported.partition_results().await;
    println!("{} imported; not: {:?}", imported.successes.len(), imported.failures);
    assert_eq!(imported.successes.len(), 297);
    assert_eq!(imported.failures[1], (199, "row 199 is broken".to_owned()));

    let boundary = flow::iter(0..300).map_concurrent(50, async |row| import(sim, row).await);
    assert_eq!(boundary.filter_ok().count().await, 297);
}

async fn in_chunks(sim: &SimHandle) {
    // A request for each 50, five at a time, and the answers in order.
    let begun = sim.elapsed();
    let request = async |rows: Vec<u32>| {
        sim.sleep(SECOND).await;
        rows.into_iter().map(|row| row * 2).collect::<Vec<_>>()
    };
    let chunks = || flow::iter(0..1000).chunks(FIFTY);
    let doubled: Vec<_> = chunks().map_concurrent(5, request).flatten_iter().collect().await;
    assert_eq!((doubled.len(), doubled[999]), (1000, 1998));
    assert_eq!(sim.elapsed() - begun, 4 * SECOND);

    let sum = chunks().map_concurrent(20, async |rows| rows.iter().sum::<u32>());
    assert_eq!(sum.fold(0, async |all, part| all + part).await, 499_500);
}

async fn with_pauses(sim: &SimHandle) {
    let begun = sim.elapsed();
    let batch = async |rows: Vec<u32>| {
        let imported = flow::iter(rows).map_concurrent(10, async |row| import(sim, row).await);
        let imported = imported.filter_ok().count().await;
        sim.sleep(SECOND).await;
        imported
    };
    let batches: Vec<_> = flow::iter(0..150).chunks(FIFTY).map_concurrent(1, batch).collect().await;
    println!("{batches:?}, with a pause after each: {:?}", sim.elapsed() - begun);
    assert_eq!((batches, sim.elapsed() - begun), (vec![50, 49, 50], 18 * SECOND));

    // What the pause is for, without waiting for the slowest of each batch.
    let begun = sim.elapsed();
    let paced = flow::iter(0..150).throttle(sim, Rate::window(50, 6 * SECOND));
    let paced = paced.map_concurrent(50, async |row| import(sim, row).await).filter_ok();
    assert_eq!(paced.count().await, 149);
    println!("at the same pace, by a rate: {:?}", sim.elapsed() - begun);
    assert!(sim.elapsed() - begun < 18 * SECOND);
}

async fn as_many_as_can(sim: &SimHandle) {
    let limit = LiveLimit::new(2);
    let begun = sim.elapsed();
    let rows = flow::iter(0..60).map_concurrent(&limit, async |row| {
        // There is more memory now.
        if row == 20 {
            limit.set(40);
        }
        import(sim, row).await
    });
    assert_eq!(rows.filter_ok().count().await, 60);
    println!("two at a time, then forty: {:?}", sim.elapsed() - begun);
    assert_eq!(sim.elapsed() - begun, 11 * SECOND);
}

async fn show(sim: SimHandle) {
    apart(&sim).await;
    in_chunks(&sim).await;
    with_pauses(&sim).await;
    as_many_as_can(&sim).await;
}

fn main() {
    Sim::new(1).run(show).unwrap();
}

#[test]
fn in_many_orders() {
    anyscope::sim::explore(20, show);
}
