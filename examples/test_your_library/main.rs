//! How to test a library that runs on any executor: in virtual time, in many orders.
//!
//! The library is a cache, in [`cache`], once with a planted race and once without it. The tests
//! below are functions of a simulation. [`explore`] runs them in many orders, finds the race, and
//! prints a line that repeats it. In a test suite each of them is a `#[test]` of two lines:
//!
//! ```text
//! #[test]
//! fn each_key_is_loaded_once() {
//!     anyscope::sim::explore(1000, |sim| loaded_once::<Fixed<_>>(sim));
//! }
//! ```
//!
//! Here `main` plays the test runner:
//!
//! ```text
//! cargo run -p examples --bin test_your_library
//! ANYSCOPE_SIM_SEED=1 cargo run -p examples --bin test_your_library
//! ```

mod cache;

use anyscope::{
    Timer, scope,
    sim::{Sim, SimHandle, exhaust, explore},
};
use cache::{Cache, Fixed, Racy};
use std::{
    env,
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

/// Where values come from. Counts how often it is asked.
#[derive(Clone)]
struct Origin {
    sim: SimHandle,
    asked: Arc<AtomicU32>,
}

impl Origin {
    fn new(sim: &SimHandle) -> Self {
        Origin { sim: sim.clone(), asked: Arc::default() }
    }

    async fn load(self, key: u32) -> u32 {
        self.asked.fetch_add(1, Relaxed);
        // It may be far away, or just around the corner.
        self.sim.sleep(self.sim.choose(3) as u32 * SECOND).await;
        key * 10
    }
}

fn cache<C: Cache<Timer = SimHandle>>(sim: &SimHandle) -> C {
    C::new(sim.clone(), HOUR, 5 * SECOND)
}

/// Several ask for the same keys at the same time; each key is loaded once.
async fn loaded_once<C: Cache<Timer = SimHandle>>(sim: SimHandle) {
    let (cache, origin) = (cache::<C>(&sim), Origin::new(&sim));
    scope(&sim, async |s| {
        for key in [1, 2, 1, 2] {
            let (cache, origin) = (cache.clone(), origin.clone());
            s.spawn(
                async move { assert_eq!(cache.get(key, origin.load(key)).await, Ok(key * 10)) },
            );
        }
    })
    .await;
    assert_eq!(origin.asked.load(Relaxed), 2, "each key is loaded once");
}

/// Whoever loads may be cancelled wherever it waits; the next one gets the value all the same.
async fn survives_cancel<C: Cache<Timer = SimHandle>>(sim: SimHandle) {
    let (cache, origin) = (cache::<C>(&sim), Origin::new(&sim));
    sim.cancel_somewhere(cache.get(1, origin.clone().load(1))).await;
    assert_eq!(cache.get(1, origin.load(1)).await, Ok(10));
}

/// A value is fresh for an hour, and a load may take five seconds: exactly.
async fn keeps_time<C: Cache<Timer = SimHandle>>(sim: SimHandle) {
    let cache = cache::<C>(&sim);
    assert!(cache.get(1, pending()).await.is_err());
    assert_eq!(sim.elapsed(), 5 * SECOND);

    assert_eq!(cache.get(1, async { 1 }).await, Ok(1));
    sim.sleep(HOUR - Duration::from_nanos(1)).await;
    assert_eq!(cache.get(1, async { 2 }).await, Ok(1));
    sim.sleep(Duration::from_nanos(1)).await;
    assert_eq!(cache.get(1, async { 3 }).await, Ok(3));
}

/// Runs a test as test runners do, on a thread that has its name. True if it passes.
fn passes(name: &str, test: impl FnOnce() + Send + 'static) -> bool {
    println!("test {name} ...");
    let thread = thread::Builder::new().name(name.into()).spawn(test);
    let passed = thread.expect("a thread for the test").join().is_ok();
    println!("test {name} ... {}\n", if passed { "ok" } else { "FAILED" });
    passed
}

fn main() {
    let found = !passes("racy_cache", || explore(1000, loaded_once::<Racy<_>>));
    let passed = [
        passes("fixed_cache", || explore(1000, loaded_once::<Fixed<_>>)),
        passes("fixed_cache_survives_cancel", || {
            assert!(exhaust(1000, survives_cancel::<Fixed<_>>).complete, "in every way there is");
        }),
        passes("fixed_cache_keeps_time", || Sim::new(0).run(keeps_time::<Fixed<_>>).unwrap()),
    ];
    // Not every seed finds it, and what is replayed may be another test.
    let is_replay =
        ["ANYSCOPE_SIM_SEED", "ANYSCOPE_SIM_REPLAY"].iter().any(|name| env::var_os(name).is_some());
    assert!(passed == [true; 3] && (found || is_replay), "the race is found, and the fix passes");
}
