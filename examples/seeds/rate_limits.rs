//! concurry's limits: what there is so many of, how often something may happen, and several at once.
//!
//! | there | here |
//! |---|---|
//! | `ResourceLimit(key="connections", capacity=2)` | `Semaphore::new(2)`; in `Limits`, `.resource("connections", 2)` |
//! | `RateLimit(.., TokenBucket)`, `GCRA` | `Rate::new(n, per)`, `.burst(n)` |
//! | `LeakyBucket`, which does not leak | `Rate::new(n, per).burst(1)` |
//! | `SlidingWindow`, the default | `Rate::window(n, per)` |
//! | `FixedWindow`, twice the rate around an edge | `Rate::window(n, per)`, which has no edges |
//! | `CallLimit` | `.acquire(&timer)`: one |
//! | `LimitSet([..]).acquire({..}, timeout)` | `limits.acquire(&timer, [(key, n), ..])`, `timeout(..)` around it |
//! | `acq.update(usage)`, or else | `permit.settle(&clock, key, used)`, or nothing |
//! | `LimitPool([set, set])` | `race` of an acquire of each: the first that has room |
//! | a request of 2 that starves behind many of 1 | first come, first served |
//! | Haiway `@throttle(limit=2, period=1)` | a `RateLimit` in the function; `.throttle(&timer, Rate::window(2, SECOND))` |
//!
//! Rows C-85 to C-101 and H-81 of `docs/from-the-seeds.md`.
//!
//! ```text
//! cargo run -p examples --bin rate_limits
//! ```

use anyscope::{
    Semaphore, Timer, flow, join,
    limit::{Limits, Rate, RateLimit},
    race,
    sim::{Sim, SimHandle},
    timeout,
};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// When each of so many calls was allowed.
async fn moments(sim: &SimHandle, rate: Rate, calls: u32) -> Vec<f32> {
    let (limit, begun) = (RateLimit::new(rate), sim.elapsed());
    let moments = flow::iter(0..calls).map_concurrent(10, async |_| {
        limit.acquire(sim).await;
        (sim.elapsed() - begun).as_secs_f32()
    });
    moments.collect().await
}

async fn rates(sim: &SimHandle) {
    let bucket = moments(sim, Rate::new(2, SECOND), 6).await;
    let leaky = moments(sim, Rate::new(2, SECOND).burst(1), 6).await;
    let window = moments(sim, Rate::window(2, SECOND), 6).await;
    println!("token bucket {bucket:?}\nleaky bucket {leaky:?}\nwindow       {window:?}");
    assert_eq!(bucket, [0.0, 0.0, 0.5, 1.0, 1.5, 2.0]);
    assert_eq!(leaky, [0.0, 0.5, 1.0, 1.5, 2.0, 2.5]);
    assert_eq!(window, [0.0, 0.0, 1.0, 1.0, 2.0, 2.0]);
}

/// All or nothing; a model's calls and its tokens, say.
async fn several(sim: &SimHandle) {
    let limits = Limits::builder()
        .resource("connections", 2)
        .rate("tokens", Rate::new(100, 100 * SECOND))
        .build()
        .unwrap();
    let mut permit = limits.acquire(sim, [("connections", 1), ("tokens", 80)]).await.unwrap();
    permit.settle(sim, "tokens", 10).unwrap(); // It took ten.
    drop(permit);
    let begun = sim.elapsed();
    drop(limits.acquire(sim, [("connections", 2), ("tokens", 95)]).await);
    println!("ten of a hundred were used, 95 are there after {:?}", sim.elapsed() - begun);
    assert_eq!(sim.elapsed() - begun, 5 * SECOND);
    assert!(limits.acquire(sim, [("connections", 3)]).await.is_err(), "there never are");
    assert!(limits.acquire(sim, [("printers", 1)]).await.is_err(), "there is no such key");
}

/// A large request is not passed by small ones.
async fn fair(sim: &SimHandle) {
    let semaphore = Semaphore::new(2);
    let small = async || {
        for _ in 0..5 {
            let _permit = semaphore.acquire().await.unwrap();
            sim.sleep(SECOND).await;
        }
    };
    let large = async || {
        sim.sleep(SECOND / 2).await;
        let _both = semaphore.acquire_many(2).await.unwrap();
        sim.elapsed()
    };
    let begun = sim.elapsed();
    let (_, _, at) = join((small(), small(), large())).await;
    assert_eq!(at - begun, SECOND);
}

/// Several accounts with a limit each: whichever has room.
async fn whichever_has_room(sim: &SimHandle) {
    let accounts = [1, 2].map(|calls| {
        Limits::builder().rate("calls", Rate::window(calls, 10 * SECOND)).build().unwrap()
    });
    let begun = sim.elapsed();
    let taken = flow::iter(0..6).map_concurrent(1, async |_| {
        let call = async |number: usize| {
            let permit = accounts[number].acquire(sim, [("calls", 1)]).await;
            permit.map(|permit| (number, permit))
        };
        let (number, _permit) = race([call(0), call(1)]).await.unwrap();
        (number, (sim.elapsed() - begun).as_secs())
    });
    let taken: Vec<_> = taken.collect().await;
    println!("account and moment: {taken:?}");
    assert_eq!(taken, [(0, 0), (1, 0), (1, 0), (0, 10), (1, 10), (1, 10)]);
    let more = accounts[0].acquire(sim, [("calls", 1)]);
    assert!(timeout(sim, SECOND, more).await.is_err());
}

async fn show(sim: SimHandle) {
    rates(&sim).await;
    several(&sim).await;
    fair(&sim).await;
    whichever_has_room(&sim).await;
}

fn main() {
    Sim::new(1).run(show).unwrap();
}

#[test]
fn in_many_orders() {
    anyscope::sim::explore(20, show);
}
