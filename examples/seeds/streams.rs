//! effectpy's `Stream` and `Pipeline`: stages, in parallel and in order, of which none loses an error.
//!
//! | there | here |
//! |---|---|
//! | `Stream.from_iterable(xs)` | `flow::iter(xs)` |
//! | `.via(stage(f, workers=3))` | `.map_concurrent(3, f)`, in order; `.unordered()` |
//! | `stage(.., out_capacity=8)`, `.buffer(8)` | `.prefetch(8)`; never unbounded |
//! | an error in a stage, which ends the stream as if it were complete | an item; `.try_collect()`, `.until_error()` |
//! | `.map_error(f)`, `.recover(f)`, `.with_error_channel()` (in the guide only) | `.map_err(f)`, a `map`, `.partition_results()` |
//! | `.filter(f)`, `.take(n)` | the same |
//! | `.timeout(s)`, for each gap | `.timeout_each(&timer, d)`; for all: `.deadline(..)` |
//! | `.throttle(s)`, which delays each | `.delay_each(&timer, d, limit)`; `.throttle(..)` is a pace |
//! | `.merge(other)` | `flow::merge((a, b))` |
//! | sinks: `fold`, `head`, `drain` | `.fold(..)`, `.take(1)`, `.count()` |
//! | windows (in the guide only) | `.chunks(n)`, `.chunks_timeout(&timer, n, d)` |
//! | `Pipeline(..).to_channel(out)`, in the background for ever | a child of a scope |
//! | `via_acquire_release(acquire, release, f, workers)` | `.map_with(limit, init, f)`; with asynchronous ends, see `connection_pool` |
//!
//! Rows E-71 to E-86 of `docs/from-the-seeds.md`.
//!
//! ```text
//! cargo run -p examples --bin streams
//! ```

use anyscope::{
    Timer,
    channel::handoff,
    flow, scope,
    sim::{Sim, SimHandle},
};
use std::{
    num::{NonZeroUsize, ParseIntError},
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::Duration,
};

const SECOND: Duration = Duration::from_secs(1);
const LINES: [&str; 7] = ["1", "2", "3", "four", "5", "6", "seven"];

async fn parse(sim: &SimHandle, line: &str) -> Result<u32, ParseIntError> {
    sim.sleep(SECOND).await;
    line.parse()
}

async fn stages(sim: &SimHandle) {
    let begun = sim.elapsed();
    let parsed =
        || flow::iter(LINES).prefetch(2).map_concurrent(3, async |line| parse(sim, line).await);
    let squares: Vec<u32> =
        parsed().filter_ok().map(|n| n * n).filter(|n| n % 2 == 1).collect().await;
    println!("odd squares {squares:?} after {:?}", sim.elapsed() - begun);
    assert_eq!((squares, sim.elapsed() - begun), (vec![1, 9, 25], 3 * SECOND));
    assert_eq!(parsed().take(2).count().await, 2);
}

async fn errors(sim: &SimHandle) {
    let parsed = || flow::iter(LINES).map_concurrent(3, async |line| parse(sim, line).await);
    // effectpy returns the first three, as a success.
    let whole: Result<Vec<u32>, _> =
        parsed().map_err(|error| format!("line: {error}")).try_collect().await;
    println!("{}", whole.unwrap_err());
    let recovered: Vec<u32> = parsed().map(|number| number.unwrap_or(0)).collect().await;
    assert_eq!(recovered, [1, 2, 3, 0, 5, 6, 0]);
    let other = |error: ParseIntError| {
        println!("from the mirror, as {error}");
        flow::iter(4..=5).map(Ok::<_, ParseIntError>)
    };
    let mirrored: Vec<u32> = parsed().recover_with(other).try_collect().await.unwrap();
    assert_eq!(mirrored, [1, 2, 3, 4, 5]);
    const PAIR: NonZeroUsize = NonZeroUsize::new(2).unwrap();
    let pairs: Vec<u32> =
        flow::iter(mirrored).windows(PAIR).map(|pair| pair[0] * pair[1]).collect().await;
    assert_eq!(pairs, [2, 6, 12, 20]);
    let both = parsed().partition_results().await;
    assert_eq!(both.failures.iter().map(|(place, _)| *place).collect::<Vec<_>>(), [3, 6]);
}

async fn time(sim: &SimHandle) {
    let numbers = || {
        flow::iter(1..=5).map_concurrent(1, async |n| {
            sim.sleep(n * SECOND).await;
            n
        })
    };
    let gaps: Vec<_> = numbers().timeout_each(sim, SECOND * 7 / 2).take(5).collect().await;
    println!("gaps of more than 3.5 s: {}", gaps.iter().filter(|item| item.is_err()).count());
    assert_eq!(gaps.iter().filter(|item| item.is_ok()).count(), 4);
    let begun = sim.elapsed();
    assert_eq!(flow::iter(0..3).delay_each(sim, SECOND, 3).count().await, 3);
    assert_eq!(sim.elapsed() - begun, SECOND);

    const MANY: NonZeroUsize = NonZeroUsize::new(9).unwrap();
    let windows: Vec<_> = numbers().chunks_timeout(sim, MANY, 4 * SECOND).collect().await;
    println!("windows of four seconds: {windows:?}");
    assert_eq!(windows.concat(), [1, 2, 3, 4, 5]);
}

async fn a_resource_each(sim: &SimHandle) {
    let opened = AtomicUsize::new(0);
    let open = || opened.fetch_add(1, Relaxed);
    let used = flow::iter(0..9).map_with(2, open, async |connection, n: u32| {
        sim.sleep(SECOND).await;
        (connection, n)
    });
    let numbers: Vec<u32> = used.collect().await;
    assert_eq!((numbers.len(), opened.load(Relaxed)), (9, 2));
}

/// A pipeline that runs beside its reader, and ends with the scope.
async fn to_a_channel(sim: &SimHandle) {
    let sum = scope(sim, async |s| {
        let (out, mut received) = handoff();
        s.spawn(flow::iter(1..=4).map_concurrent(2, async |n: u32| n * n).try_for_each(
            move |square| {
                let out = out.clone();
                async move { out.send(square).await }
            },
        ));
        let mut sum = 0;
        while let Some(square) = received.recv().await {
            sum += square;
        }
        sum
    });
    assert_eq!(sum.await, 30);
}

async fn show(sim: SimHandle) {
    stages(&sim).await;
    errors(&sim).await;
    time(&sim).await;
    a_resource_each(&sim).await;
    to_a_channel(&sim).await;
}

fn main() {
    Sim::new(1).run(show).unwrap();
}

#[test]
fn in_many_orders() {
    anyscope::sim::explore(20, show);
}
