//! Gives slow work only so much time: one answer with a fallback, and many with a deadline, where
//! what was done in time is kept.
//!
//! Timer and clock are values that the caller passes. So `main` runs the same code twice: on smol,
//! where it takes as long as it says, and in a simulation, where hours pass at once and every
//! moment is exact.
//!
//! ```text
//! cargo run -p examples --bin timeout_and_fallback
//! ```

use anyscope::{
    BlockOn, Executor, Instant, JoinError, Limit, Timer, flow, scope, sim::Sim, smol::Smol, timeout,
};
use std::{cell::RefCell, fmt, future::Future, time::Duration};

/// The primary's answer if it comes in time and is a good one, or else the fallback's.
///
/// The primary is dropped before the fallback starts. That the time is over is an error of its
/// own, [`Elapsed`](anyscope::Elapsed), so both kinds of failure can be told apart.
async fn with_fallback<T, E: fmt::Display>(
    timer: &impl Timer,
    limit: Duration,
    primary: impl Future<Output = Result<T, E>>,
    fallback: impl Future<Output = T>,
) -> T {
    let trouble = match timeout(timer, limit, primary).await {
        Ok(Ok(answer)) => return answer,
        Ok(Err(error)) => error.to_string(),
        Err(elapsed) => elapsed.to_string(),
    };
    println!("  primary: {trouble}; asking the fallback");
    fallback.await
}

/// A page to search.
struct Page {
    number: u32,
    takes: Duration,
}

/// Searches as many pages as it can until the moment `at`, at most `limit` at a time.
///
/// Work under way at that moment is dropped, what was done is kept, and no more is begun. True if
/// these were all pages.
async fn search_until<E: Executor>(
    exec: &E,
    at: Instant,
    limit: Limit,
    pages: impl IntoIterator<Item = Page>,
) -> (Vec<u32>, bool) {
    let done = RefCell::new(Vec::new());
    let complete = scope(exec, async |s| {
        s.deadline(exec, at);
        let pages = pages.into_iter().take_while(|_| !s.has_elapsed());
        let search = async |page| match s.spawn(search(exec.clone(), page)).await {
            Ok(number) => done.borrow_mut().push(number),
            Err(JoinError::Panicked(panic)) => panic.resume(),
            // Not in time.
            Err(_) => {}
        };
        flow::iter(pages).for_each_concurrent(limit, search).await;
        !s.has_elapsed()
    })
    .await;
    (done.into_inner(), complete)
}

async fn search(timer: impl Timer, page: Page) -> u32 {
    timer.sleep(page.takes).await;
    page.number
}

/// Both of them, with `unit` as the measure of time. Gives the answers, and the pages searched.
async fn show<E: Executor>(exec: &E, unit: Duration) -> ([&'static str; 3], Vec<u32>) {
    let start = exec.now();
    let passed = || exec.now() - start;

    let mut answers = [""; 3];
    let primaries = [(1, Ok("fresh")), (9, Ok("too late")), (1, Err("out of order"))];
    for (answer, (takes, result)) in answers.iter_mut().zip(primaries) {
        let primary = async {
            exec.sleep(takes * unit).await;
            result
        };
        *answer = with_fallback(exec, 3 * unit, primary, async { "from yesterday" }).await;
        println!("  {answer:?}, after {:?}", passed());
    }

    let pages = (1..=10).map(|number| Page { number, takes: 2 * unit });
    let at = exec.now() + 5 * unit;
    let (done, complete) = search_until(exec, at, Limit::new(2), pages).await;
    println!("  pages {done:?} of 10 done (all: {complete}), after {:?}", passed());
    (answers, done)
}

fn main() {
    println!("on smol, in steps of 20 ms:");
    Smol.block_on(show(&Smol, Duration::from_millis(20)));

    println!("in a simulation, in steps of an hour:");
    let hour = Duration::from_secs(3600);
    let run = Sim::new(1).run(async |sim| (show(&sim, hour).await, sim.elapsed()));
    let ((answers, mut done), elapsed) = run.expect("no hang, and nothing left behind");
    done.sort_unstable();
    assert_eq!(answers, ["fresh", "from yesterday", "from yesterday"]);
    assert_eq!(done, [1, 2, 3, 4]);
    // 1 in time, 3 until the primary was given up, 1 until it failed, 5 until the deadline.
    assert_eq!(elapsed, 10 * hour);
}
