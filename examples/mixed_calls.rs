//! Runs calls that were made beforehand, each different and with a timeout of its own, a few at the
//! same time; none of them can stop the others.
//!
//! A call is an ordinary future: nothing of it runs before it is its turn, and one that is never
//! run is just dropped. `main` runs it in a simulation, where minutes pass at once.
//!
//! ```text
//! cargo run -p examples --bin mixed_calls
//! ```

use anyscope::{
    Timer, flow,
    sim::{Sim, SimHandle},
    timeout,
};
use std::{fmt, future::Future, num::ParseIntError, panic, pin::Pin, time::Duration};

const SECOND: Duration = Duration::from_secs(1);

/// Why a call has no answer.
#[derive(Debug)]
enum Failure {
    TooSlow(anyscope::Elapsed),
    NoNumber(ParseIntError),
    Bug(anyscope::Panic),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::TooSlow(elapsed) => elapsed.fmt(f),
            Failure::NoNumber(error) => error.fmt(f),
            Failure::Bug(panic) => panic.fmt(f),
        }
    }
}

type Call<'a> = Pin<Box<dyn Future<Output = Result<u64, Failure>> + 'a>>;

/// A call with so much time.
fn within<'a>(
    sim: &'a SimHandle,
    limit: Duration,
    call: impl Future<Output = Result<u64, Failure>> + 'a,
) -> Call<'a> {
    Box::pin(async move { timeout(sim, limit, call).await.map_err(Failure::TooSlow)? })
}

/// Different calls, from different places of a program.
fn calls(sim: &SimHandle) -> Vec<Call<'_>> {
    let count = |n| async move {
        sim.sleep(2 * SECOND).await;
        Ok(n)
    };
    let ask = |text: &'static str| async move {
        sim.sleep(SECOND).await;
        text.parse().map_err(Failure::NoNumber)
    };
    vec![
        within(sim, 3 * SECOND, count(1)),
        within(sim, SECOND, count(2)),
        within(sim, 5 * SECOND, ask("three")),
        within(sim, 5 * SECOND, ask("4")),
        Box::pin(async { panic!("an answer nobody has thought of") }),
        // One that has no timeout.
        Box::pin(count(6)),
    ]
}

async fn show(sim: SimHandle) {
    let results = flow::iter(calls(&sim))
        .buffered(2)
        .catch_unwind()
        .map(|caught| caught.unwrap_or_else(|panic| Err(Failure::Bug(panic))))
        .collect::<Vec<_>>()
        .await;
    for (n, result) in results.iter().enumerate() {
        match result {
            Ok(answer) => println!("call {n}: {answer}"),
            Err(failure) => println!("call {n}: {failure}"),
        }
    }
    let answers: Vec<_> = results.iter().map(|result| result.as_ref().ok().copied()).collect();
    assert_eq!(answers, [Some(1), None, None, Some(4), None, Some(6)]);
    // Of a panic among them, the others hear nothing.
    assert!(matches!(results[4], Err(Failure::Bug(_))));

    // Those that are left when somebody has heard enough are dropped, and nothing of them has run.
    let before = sim.elapsed();
    let first = flow::iter(calls(&sim)).buffered(1).filter_ok().take(1).count().await;
    assert_eq!((first, sim.elapsed() - before), (1, 2 * SECOND));
}

fn main() {
    // What panics here does so on purpose.
    panic::set_hook(Box::new(|panic| println!("({panic})")));
    Sim::new(1).run(show).expect("no hang, and nothing left behind");
}
