//! Again: effectpy's schedules, Haiway's `@retry`, concurry's retries, and the article's advice.
//!
//! | there | here |
//! |---|---|
//! | `Schedule.recurs(3)` | `.times(3)`, or as many delays |
//! | `Schedule.spaced(1.0)` | `iter::repeat(SECOND)` |
//! | `Schedule.exponential(0.1, max_delay=5)` | `exponential(first, most)`, or `backon`'s `ExponentialBuilder` |
//! | `jittered(0.5, 1.5)`; concurry's `retry_jitter` | `backon`'s `.with_jitter()`, with a seed |
//! | `a.and_then(b)`, `recurs(3) & spaced(1)` | iterators: `a.chain(b)`, `a.take(3)` |
//! | `effect.retry(schedule)` | `retry(&timer, schedule, \|\| effect())` |
//! | `effect.repeat(schedule)` | `repeat(&timer, schedule, \|\| effect())` |
//! | Haiway `@retry(limit=2, delay=1, catching=Busy)` | `retry(&timer, [SECOND; 2], f).when(\|e, _\| e == "busy")` |
//! | concurry `retry_on=..`, `retry_until=..` | `.when(..)`, `.until(..)`; the error has all attempts |
//! | concurry `linear`, `fibonacci` | iterators |
//! | the article: retry a coroutine that was awaited, which cannot work | a closure that makes the future |
//! | nothing: a time for each attempt, and one for all | `.attempt_timeout(d)`, `.within(d)` |
//!
//! Rows E-33, E-48 to E-54, H-83, C-102 to C-108 and A-20 of `docs/from-the-seeds.md`.
//!
//! ```text
//! cargo run -p examples --bin schedules
//! ```

use anyscope::{
    exponential, join,
    resilience::{GaveUp, repeat, retry},
    sim::{Sim, SimHandle},
};
use std::{
    cell::Cell,
    future::{Ready, ready},
    iter,
    time::Duration,
};

const SECOND: Duration = Duration::from_secs(1);

/// Fails as often, then succeeds.
fn fails(times: u32) -> impl FnMut() -> Ready<Result<u32, &'static str>> {
    let mut calls = 0;
    move || {
        calls += 1;
        ready(if calls <= times { Err("busy") } else { Ok(calls) })
    }
}

/// Prints the delays, and returns how long all took.
async fn spent(sim: &SimHandle, name: &str, delays: impl Iterator<Item = Duration>) -> Duration {
    let (begun, mut line) = (sim.elapsed(), String::new());
    let told = |_: usize, _: &_, delay: Duration| line += &format!(" {delay:.1?}");
    let _ = retry(sim, delays, fails(u32::MAX)).on_retry(told).await;
    println!("{name:>12}:{line}");
    sim.elapsed() - begun
}

async fn schedules(sim: &SimHandle) {
    let spaced = || iter::repeat(SECOND);
    let growing = || exponential(SECOND, 5 * SECOND);
    let linear = (1..).map(|n| n * SECOND);
    let fibonacci = iter::successors(Some((1, 1)), |(a, b)| Some((*b, a + b)));
    let fibonacci = fibonacci.map(|(n, _)| n * SECOND);
    assert_eq!(spent(sim, "spaced", spaced().take(3)).await, 3 * SECOND);
    assert_eq!(spent(sim, "exponential", growing().take(5)).await, (1 + 2 + 4 + 5 + 5) * SECOND);
    assert_eq!(spent(sim, "linear", linear.take(4)).await, 10 * SECOND);
    assert_eq!(spent(sim, "fibonacci", fibonacci.take(6)).await, 20 * SECOND);
    let both = spaced().take(2).chain(growing().take(3));
    assert_eq!(spent(sim, "one, other", both).await, (2 + 7) * SECOND);
}

async fn retries(sim: &SimHandle) {
    assert_eq!(retry(sim, [SECOND; 2], fails(2)).await, Ok(3));
    let failed = retry(sim, [SECOND; 2], fails(3)).await.unwrap_err();
    println!("{failed}");
    assert_eq!((failed.made, failed.why), (3, GaveUp::UsedUp));

    let other = retry(sim, [SECOND; 2], fails(1)).when(|error, _| *error != "busy").await;
    assert_eq!(other.unwrap_err().why, GaveUp::NotRetried);
    let jobs = Cell::new(0);
    let poll = || {
        jobs.set(jobs.get() + 1);
        ready(Ok::<_, &str>(jobs.get()))
    };
    assert_eq!(retry(sim, iter::repeat(SECOND), poll).until(|done| *done == 5).await, Ok(5));

    let begun = sim.elapsed();
    let hangs = || std::future::pending::<Result<(), &str>>();
    let failed = retry(sim, iter::repeat(SECOND), hangs).attempt_timeout(9 * SECOND);
    assert_eq!(failed.within(60 * SECOND).await.unwrap_err().made, 6);
    assert!(sim.elapsed() - begun <= 60 * SECOND);

    // A schedule has no state: each run has its own.
    let schedule = exponential(SECOND, 9 * SECOND).take(3);
    let one = retry(sim, schedule.clone(), fails(9));
    let (one, other) = join((one, retry(sim, schedule, fails(9)))).await;
    assert_eq!((one.unwrap_err().made, other.unwrap_err().made), (4, 4));
}

async fn repeats(sim: &SimHandle) {
    let (begun, beats) = (sim.elapsed(), Cell::new(0));
    let beat = || {
        beats.set(beats.get() + 1);
        ready(if beats.get() == 6 { Err("no answer") } else { Ok(beats.get()) })
    };
    assert_eq!(repeat(sim, [SECOND; 3], beat).await, Ok(4));
    assert_eq!(sim.elapsed() - begun, 3 * SECOND);
    println!("four beats; then: {}", repeat(sim, iter::repeat(SECOND), beat).await.unwrap_err());
    assert_eq!(beats.get(), 6);
}

async fn show(sim: SimHandle) {
    schedules(&sim).await;
    retries(&sim).await;
    repeats(&sim).await;
}

fn main() {
    Sim::new(1).run(show).unwrap();
}

#[test]
fn in_many_orders() {
    anyscope::sim::explore(20, show);
}
