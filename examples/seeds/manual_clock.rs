//! effectpy's chapter on testing: time that a test moves, and races with a chosen winner.
//!
//! | there | here |
//! |---|---|
//! | `Clock` service, `sleep`, `current_time()` | a `Timer` and a `Clock` that the code takes as an argument |
//! | `TestClockLayer(TestClock())` | the handle of a `Sim`, which is such an argument |
//! | `await clock.advance(5)` | `sim.sleep(5 * SECOND).await`: who is due earlier runs before |
//! | "nothing else happens before the clock moves" | `sim.idle().await` |
//! | `timeout`, `retry`, `repeat`, `throttle`, which take real time there | all take the timer |
//! | control when each effect completes | `channel::handoff`, and the test sends |
//! | which of two that are due at once? | `sim::explore`: each order; a line that repeats one |
//! | `TestRandom(seed)` | `sim.choose(n)`, from the same seed |
//!
//! Rows E-31, E-32, E-44 to E-47 and E-89 of `docs/from-the-seeds.md`.
//!
//! ```text
//! cargo run -p examples --bin manual_clock
//! ```

use anyscope::{
    Clock, Instant, Timer,
    channel::handoff,
    race, scope,
    sim::{Failure, Sim, SimHandle},
    timeout,
};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// What is tested: it knows only that there is a clock.
struct Session<C> {
    clock: C,
    last_seen: Instant,
}

impl<C: Clock> Session<C> {
    fn new(clock: C) -> Self {
        Session { last_seen: clock.now(), clock }
    }

    fn is_expired(&self) -> bool {
        self.clock.now() - self.last_seen >= 30 * 60 * SECOND
    }
}

async fn advance(sim: &SimHandle) {
    let session = Session::new(sim.clone());
    sim.sleep(1799 * SECOND).await;
    assert!(!session.is_expired());
    sim.sleep(SECOND).await;
    println!("expired after {:?}, which took no time", sim.elapsed());
    assert!(session.is_expired());
}

/// Sleepers wake in the order in which they are due, whoever began first.
async fn in_the_order_of_time(sim: &SimHandle) {
    let (woken, wakes) = handoff();
    let names = scope(sim, async |s| {
        for (name, seconds) in [("slow", 2), ("fast", 1)] {
            let (timer, woken) = (sim.clone(), woken.clone());
            s.spawn(async move {
                timer.sleep(seconds * SECOND).await;
                woken.send(name).await.unwrap();
            });
        }
        drop(woken);
        anyscope::flow::source(wakes).collect::<Vec<_>>().await
    });
    assert_eq!(names.await, ["fast", "slow"]);
    assert_eq!(race((sim.sleep(2 * SECOND), sim.sleep(SECOND))).await, ());
    assert!(timeout(sim, SECOND, sim.sleep(2 * SECOND)).await.is_err());
}

/// A test says which effect completes, and when.
async fn chosen_winner(sim: &SimHandle) {
    for winner in 0..2 {
        let [(first, one), (second, other)] = [handoff(), handoff()];
        let outcome = scope(sim, async |s| {
            let receive = |mut from: anyscope::channel::Receiver<&'static str>| async move {
                from.recv().await.expect("something is sent")
            };
            let racing = s.spawn(race((receive(one), receive(other))));
            sim.idle().await;
            assert!(!racing.is_finished(), "nothing was sent yet");
            [&first, &second][winner].send(["first", "second"][winner]).await.unwrap();
            racing.await.unwrap()
        });
        assert_eq!(outcome.await, ["first", "second"][winner]);
    }
}

/// Two that are due at the same time. An exploration finds both orders, and repeats either.
async fn a_tie(sim: SimHandle) -> &'static str {
    scope(&sim, async |s| {
        let (woken, mut wakes) = handoff();
        for name in ["a", "b"] {
            let (timer, woken) = (sim.clone(), woken.clone());
            s.spawn(async move {
                timer.sleep(SECOND).await;
                let _ = woken.send(name).await;
            });
        }
        wakes.recv().await.expect("one of them")
    })
    .await
}

async fn show(sim: SimHandle) {
    advance(&sim).await;
    in_the_order_of_time(&sim).await;
    chosen_winner(&sim).await;
}

fn main() {
    Sim::new(1).run(show).unwrap();
    let winners: Vec<_> = (0..20).map(|seed| Sim::new(seed).run(a_tie).unwrap()).collect();
    println!("a tie, by seed: {}", winners.concat());
    assert!(winners.contains(&"a") && winners.contains(&"b"));
    assert_eq!(winners[7], Sim::new(7).run(a_tie).unwrap(), "the same seed, the same order");
    // A test that waits for what never comes is told so.
    let hangs = Sim::new(1).run(async |_| std::future::pending::<()>().await);
    assert!(matches!(hangs, Err(Failure::Deadlock { .. })), "{hangs:?}");
}

#[test]
fn in_many_orders() {
    main();
    anyscope::sim::explore(50, show);
}
