//! effectpy's fibers and supervisors: what runs beside the caller, how it ends, and who sees that.
//!
//! | there | here |
//! |---|---|
//! | `runtime.fork(effect, name="beat")`, which nobody owns | `s.spawn_named("beat", future)` |
//! | `fiber.await_()`: an `Exit`; it may kill the fiber | `handle.await`: a `Result<T, JoinError>`; awaiting cancels nothing |
//! | `fiber.interrupt()`, `status`, `id`, `name` | `handle.cancel().await`, `is_finished`, `id`, `name` |
//! | `Cause`: fail, die, interrupt, both | `ScopeError::Failed { first, rest }`; a panic propagates; `Cancelled` |
//! | `Supervisor` with restarts and backoff (in the guide only) | `s.supervise(Restart::on_failure(timer).backoff(..), f)` |
//! | `AnyIORuntime`: a failing fiber cancels no other | `scope`; `try_scope`, where it does |
//! | `FiberRef.locally(value)` | `context.with(value).around(future)` |
//! | `Deferred`, which dies with a waiter that is cancelled | `SingleFlight`, or a handle: it is awaited by one |
//! | `Ref.modify(f)` | a `Mutex` or an atomic |
//!
//! Rows E-34, E-35 and E-59 to E-67 of `docs/from-the-seeds.md`; E-62 is in `watch_a_batch`.
//!
//! ```text
//! cargo run -p examples --bin fibers
//! ```

use anyscope::{
    JoinError, Restart, ScopeError, Timer, exponential, join,
    resilience::SingleFlight,
    scope,
    sim::{Sim, SimHandle},
    timeout, try_scope,
};
use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

const SECOND: Duration = Duration::from_secs(1);

async fn exits(sim: &SimHandle) {
    scope(sim, async |s| {
        let timer = sim.clone();
        let mut slow = s.spawn_named("slow", async move {
            timer.sleep(3 * SECOND).await;
            "done"
        });
        // Who stops waiting stops nothing.
        assert!(timeout(sim, SECOND, &mut slow).await.is_err());
        assert!(!slow.is_finished());
        println!("{} ({:?}) goes on", slow.name().unwrap(), slow.id());
        assert_eq!(slow.await.unwrap(), "done");

        let interrupted = s.spawn(pending::<()>()).cancel().await;
        let died = s.spawn(async { std::panic::resume_unwind(Box::new("a bug")) }).await;
        let (interrupted, died): (JoinError, Result<(), _>) = (interrupted.unwrap_err(), died);
        let died = died.unwrap_err();
        println!("{interrupted}; {died}");
        assert!(interrupted.is_cancelled() && died.is_panic());
    })
    .await;
}

/// Several failures at once: which was the first, and what else.
async fn causes(sim: &SimHandle) {
    let result: Result<(), ScopeError<&str>> = try_scope(sim, async |s| {
        for (seconds, name) in [(2, "second"), (1, "first")] {
            let timer = sim.clone();
            s.spawn(async move {
                timer.sleep(seconds * SECOND).await;
                Err::<(), _>(name)
            });
        }
        s.defer(async { Err::<(), _>("and the cleanup") });
        pending().await
    })
    .await;
    println!("{}", result.as_ref().unwrap_err());
    let Err(ScopeError::Failed { first, rest }) = result else { panic!("it failed") };
    assert_eq!((first, &rest[..]), ("first", &["and the cleanup"][..]));
}

async fn supervised(sim: &SimHandle) {
    let tries = Arc::new(AtomicU32::new(0));
    let connect = {
        let tries = tries.clone();
        move || {
            let number = tries.fetch_add(1, Relaxed) + 1;
            async move { if number < 4 { Err(format!("try {number}: refused")) } else { Ok(number) } }
        }
    };
    let begun = sim.elapsed();
    let patient = || Restart::on_failure(sim.clone()).backoff(exponential(SECOND, 60 * SECOND));
    let connected =
        scope(sim, async |s| s.supervise(patient().at_most(5, 60 * SECOND), connect).await);
    assert_eq!(connected.await.unwrap(), Ok(4));
    println!("connected after {:?}", sim.elapsed() - begun);
    assert_eq!(sim.elapsed() - begun, 7 * SECOND);

    let never = || async { Err::<(), _>("no such host") };
    let ended = scope(sim, async |s| s.supervise(patient().at_most(2, 60 * SECOND), never).await);
    assert_eq!(ended.await.unwrap(), Err("no such host"));
}

/// One value for all who wait for it; it survives any of them.
async fn deferred(sim: &SimHandle) {
    let (flights, made) = (SingleFlight::new(), AtomicU32::new(0));
    let ask = || {
        flights.run("config", async || {
            sim.sleep(2 * SECOND).await;
            made.fetch_add(1, Relaxed) + 1
        })
    };
    // The first is who makes it, and gives up.
    let asked = join((timeout(sim, SECOND, ask()), ask(), ask())).await;
    println!("one gave up, two have it: {:?}", (asked.1, asked.2));
    assert!(asked.0.is_err());
    assert_eq!((asked.1, asked.2, made.load(Relaxed)), (1, 1, 1));
}

async fn show(sim: SimHandle) {
    exits(&sim).await;
    causes(&sim).await;
    supervised(&sim).await;
    deferred(&sim).await;
}

fn main() {
    Sim::new(1).run(show).unwrap();
}

#[test]
fn in_many_orders() {
    anyscope::sim::explore(50, show);
}
