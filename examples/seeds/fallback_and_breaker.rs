//! effectpy's chapter on failures: a fallback, a circuit breaker, and who may fail.
//!
//! | there | here |
//! |---|---|
//! | `race(primary, sleep then fail).catch_all(fallback)` | `with_fallback(timeout(&timer, d, primary), \|_\| fallback)` |
//! | a breaker: 3 failures, open for 60 s | `CircuitBreaker::builder()`, of a rate in a window |
//! | after that time, everybody calls again | so many probes, which decide |
//! | its wall clock | the timer's; on `sim`, an hour is nothing |
//! | fail-fast: `zip_par` | `try_join`, `.try_collect()` |
//! | fail-safe: map to `Some`, `catch_all` to `NONE` | `.partition_results()`, `.filter_ok()` |
//! | a critical group, and an optional one with defaults | `try_join` of the first, `unwrap_or` in the second |
//! | `effect.timeout(s)`, which is `None` | `Err(Elapsed)`, a type of its own |
//!
//! Rows E-24, E-25, E-27, E-28 and E-43 of `docs/from-the-seeds.md`.
//!
//! ```text
//! cargo run -p examples --bin fallback_and_breaker
//! ```

use anyscope::{
    Elapsed, Timer, flow, join,
    resilience::{
        breaker::{BreakerState, CircuitBreaker},
        with_fallback,
    },
    sim::{Sim, SimHandle},
    timeout, try_join,
};
use std::{cell::Cell, time::Duration};

const SECOND: Duration = Duration::from_secs(1);

async fn fallback(sim: &SimHandle) {
    let answer = async |seconds: u32| {
        let primary = async {
            sim.sleep(seconds * SECOND).await;
            format!("fresh, after {seconds} s")
        };
        let primary = timeout(sim, 2 * SECOND, primary);
        with_fallback(primary, |_: Elapsed| async { "from the cache".into() }).await
    };
    assert_eq!(
        join((answer(1), answer(9))).await,
        ("fresh, after 1 s".to_owned(), "from the cache".to_owned())
    );
    // A value that is ready is a value, whatever the time.
    assert_eq!(timeout(sim, Duration::ZERO, async { 1 }).await, Ok(1));
}

async fn breaker(sim: &SimHandle) {
    let (log, calls) = (std::sync::Arc::new(std::sync::Mutex::new(vec![])), Cell::new(0));
    let changes = log.clone();
    let breaker = CircuitBreaker::builder()
        .window_calls(3)
        .minimum_calls(3)
        .failure_rate(100)
        .open_for(60 * SECOND)
        .on_change(move |change| changes.lock().unwrap().push(format!("{:?}", change.to)))
        .build()
        .expect("these settings work");
    let begun = sim.elapsed();
    // Down for the first two minutes.
    let service = || async {
        calls.set(calls.get() + 1);
        if sim.elapsed() - begun < 120 * SECOND { Err("no route") } else { Ok("pong") }
    };
    let mut seen = String::new();
    for _ in 0..200 {
        seen.push(match breaker.call(sim, service()).await {
            Ok(_) => '#',
            Err(error) if error.is_rejected() => '.',
            Err(_) => '!',
        });
        sim.sleep(SECOND).await;
    }
    println!("{seen}\n{} of 200 calls were made: {:?}", calls.get(), log.lock().unwrap());
    assert_eq!(breaker.state(), BreakerState::Closed);
    // Three at first, a probe each minute, and all that succeed.
    assert_eq!(seen.matches('!').count(), 4);
    assert!(seen.ends_with("#####"));
}

async fn ask(sim: &SimHandle, n: u32) -> Result<u32, String> {
    sim.sleep(n * SECOND).await;
    if n % 3 == 0 { Err(format!("service {n} is down")) } else { Ok(n) }
}

async fn fast_or_safe(sim: &SimHandle) {
    let begun = sim.elapsed();
    let fast: Result<Vec<_>, _> =
        flow::iter(1..8).map_concurrent(7, async |n| ask(sim, n).await).try_collect().await;
    println!("fail-fast: {}, after {:?}", fast.unwrap_err(), sim.elapsed() - begun);
    assert_eq!(sim.elapsed() - begun, 3 * SECOND);
    let safe =
        flow::iter(1..8).map_concurrent(7, async |n| ask(sim, n).await).partition_results().await;
    println!(
        "fail-safe: {} of {}",
        safe.successes.len(),
        safe.successes.len() + safe.failures.len()
    );
    assert_eq!((safe.successes.len(), safe.failures.len()), (5, 2));
}

async fn critical_and_optional(sim: &SimHandle) {
    let page = async |user: u32| {
        let critical = try_join((ask(sim, user), ask(sim, 2)));
        let optional = join([3, 4].map(async |n| ask(sim, n).await.unwrap_or(0)));
        let (critical, optional) = join((critical, optional)).await;
        critical.map(|(user, rights)| (user, rights, optional))
    };
    assert_eq!(page(1).await.unwrap(), (1, 2, [0, 4]));
    let failed = page(6).await.unwrap_err();
    println!("{failed}");
    assert_eq!(failed.into_error(), "service 6 is down");
}

async fn show(sim: SimHandle) {
    fallback(&sim).await;
    breaker(&sim).await;
    fast_or_safe(&sim).await;
    critical_and_optional(&sim).await;
}

fn main() {
    Sim::new(1).run(show).unwrap();
}

#[test]
fn in_many_orders() {
    anyscope::sim::explore(10, show);
}
