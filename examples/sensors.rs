//! Merges sensor readings with status updates: sources of different types, each at its own pace,
//! handled in one loop that may wait without holding any of them up.
//!
//! `main` runs it in a simulation, where hours pass at once and every moment is exact.
//!
//! ```text
//! cargo run -p examples --bin sensors
//! ```

use anyscope::{
    Timer,
    flow::{self, OneOf2},
    sim::{Sim, SimHandle},
};
use futures_core::Stream;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Status {
    Warming,
    Ready,
}

/// A reading every two seconds; each is 0.5 degrees more than the one before.
fn thermometer(sim: &SimHandle, readings: u32) -> impl Stream<Item = f64> {
    flow::iter((0..readings).map(|n| 20.0 + f64::from(n) * 0.5))
        .throttle(sim.clone(), 2 * SECOND)
        .into_stream()
}

/// What the device says of itself: it is ready after five seconds.
fn device(sim: &SimHandle) -> impl Stream<Item = Status> {
    flow::iter([Status::Warming, Status::Ready]).throttle(sim.clone(), 5 * SECOND).into_stream()
}

/// Keeps the readings that were made when the device was ready. Ends when both sources have ended.
async fn record(
    timer: &impl Timer,
    readings: impl Stream<Item = f64>,
    updates: impl Stream<Item = Status>,
) -> Vec<f64> {
    let all = flow::merge((flow::stream(readings), flow::stream(updates)));
    all.drive(async |mut events| {
        let (mut status, mut kept) = (Status::Warming, vec![]);
        while let Some(event) = events.next().await {
            match event {
                OneOf2::Second(update) => status = update,
                OneOf2::First(reading) if status == Status::Ready => {
                    // Writing it down takes a while; both sources go on meanwhile.
                    timer.sleep(SECOND).await;
                    kept.push(reading);
                }
                OneOf2::First(_) => {}
            }
        }
        kept
    })
    .await
}

async fn show(sim: SimHandle) {
    let kept = record(&sim, thermometer(&sim, 6), device(&sim)).await;
    println!("both, until both have ended: {kept:?}, after {:?}", sim.elapsed());
    assert_eq!(kept, [21.5, 22.0, 22.5]);
    assert_eq!(sim.elapsed(), 11 * SECOND);

    // The readings are of no use without the device: the first source to end is the end.
    let before = sim.elapsed();
    let together = flow::merge((flow::stream(thermometer(&sim, 1000)), flow::stream(device(&sim))));
    let events = together.until_any_ends().count().await;
    println!("both, until one of them has ended: {events} events");
    assert_eq!((events, sim.elapsed() - before), (5, 5 * SECOND));

    // As many as there are of one type, and no more than are wanted.
    let before = sim.elapsed();
    let many = flow::merge_all((0..100).map(|_| flow::stream(thermometer(&sim, 1000))));
    let warmest = many.take(250).fold(0.0, async |warmest, reading| reading.max(warmest)).await;
    println!("250 readings of 100 thermometers: at most {warmest} degrees");
    assert_eq!((warmest, sim.elapsed() - before), (21.0, 4 * SECOND));

    // A source that says nothing for too long is worth knowing.
    let silent = flow::stream(device(&sim)).timeout_each(&sim, 3 * SECOND);
    let alarms =
        silent.inspect_err(|_| println!("nothing for 3 s")).partition_results().await.failures;
    assert_eq!(alarms.len(), 1);
}

fn main() {
    Sim::new(1).run(show).expect("no hang, and nothing left behind");
}
