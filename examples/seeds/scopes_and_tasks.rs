//! Haiway's scopes: what is spawned in one ends with it, and knows what is around it.
//!
//! | there | here |
//! |---|---|
//! | `async with ctx.scope("import")` | `scope(&exec, async \|s\| ..)`; `try_scope`, which a failure ends |
//! | `ctx.spawn(page, 3)` | `s.spawn(page(3))` |
//! | fire and forget | the same, and the handle is dropped; the scope waits |
//! | a loop that is "cancelled when the scope exits" | `s.spawn_daemon(..)` |
//! | `task.cancel()` | `handle.abort()`; `handle.cancel().await`, which waits until it is gone |
//! | `ctx.cancel()` | `cancel_self()` |
//! | `ctx.check_cancellation()` | `checkpoint()` |
//! | `asyncio.gather(*tasks)` | `join(handles)` |
//! | `ctx.state(Tenant)` | `context::current().require::<Tenant>()` |
//! | `with ctx.updating(Tenant(..))` | `context.with(Tenant(..)).around(future)` |
//!
//! Rows H-01 to H-25 of `docs/from-the-seeds.md`.
//!
//! ```text
//! cargo run -p examples --bin scopes_and_tasks
//! ```

use anyscope::{
    Grace, ScopeError, Timer, cancel_self, checkpoint,
    context::{self, Context},
    join, scope,
    sim::{Sim, SimHandle},
    try_scope,
};
use std::{
    future::pending,
    sync::Arc,
    sync::atomic::{AtomicU32, Ordering::Relaxed},
    time::Duration,
};

const SECOND: Duration = Duration::from_secs(1);

/// A page that takes so many seconds.
async fn page(timer: SimHandle, seconds: u32) -> u32 {
    timer.sleep(seconds * SECOND).await;
    seconds
}

async fn nothing_is_left_behind(sim: &SimHandle) {
    let (begun, ticks) = (sim.elapsed(), Arc::new(AtomicU32::new(0)));
    let pages = scope(sim, async |s| {
        let (timer, counter) = (sim.clone(), ticks.clone());
        // Haiway's background loop, which keeps its scope from ending. A daemon does not.
        s.spawn_daemon(async move {
            loop {
                timer.sleep(2 * SECOND).await;
                counter.fetch_add(1, Relaxed);
            }
        });
        s.spawn(page(sim.clone(), 5)); // Fire and forget.
        join([s.spawn(page(sim.clone(), 3)), s.spawn(page(sim.clone(), 1))]).await
    })
    .await;
    let (took, ticks) = (sim.elapsed() - begun, ticks.load(Relaxed));
    println!("pages {pages:?}; the forgotten one kept the scope open for {took:?}, {ticks} ticks");
    assert_eq!(pages.map(Result::unwrap), [3, 1]);
    assert_eq!((took, ticks), (5 * SECOND, 2));
}

async fn a_failure_ends_it(sim: &SimHandle) {
    let begun = sim.elapsed();
    let result: Result<(), _> = try_scope(sim, async |s| {
        let timer = sim.clone();
        s.spawn(async move {
            timer.sleep(SECOND).await;
            Err::<(), _>("no such page")
        });
        s.spawn(pending::<Result<(), _>>());
        // Haiway raises a bare `CancelledError` when its body waits, as this one does.
        pending().await
    })
    .await;
    println!("after {:?}: {}", sim.elapsed() - begun, result.as_ref().unwrap_err());
    assert_eq!(result.map_err(ScopeError::into_first), Err(Some("no such page")));
    assert_eq!(sim.elapsed() - begun, SECOND);
}

async fn cancels(sim: &SimHandle) {
    let steps = scope(sim, async |s| {
        let gone = s.spawn(pending::<()>()).cancel().await;
        assert!(gone.unwrap_err().is_cancelled());
        let itself = s.spawn(async {
            cancel_self().expect("this is a child");
            pending::<()>().await
        });
        assert!(itself.await.unwrap_err().is_cancelled());

        let timer = sim.clone();
        let polite = s.spawn(async move {
            let mut steps = 0;
            while checkpoint().is_ok() {
                steps += 1;
                timer.sleep(2 * SECOND).await;
            }
            steps
        });
        sim.sleep(3 * SECOND).await;
        s.cancel_with(sim, Grace::For(60 * SECOND), "closing");
        polite.await
    });
    assert_eq!(steps.await.unwrap(), 2);
}

struct Tenant(&'static str);

fn tenant() -> &'static str {
    context::current().require::<Tenant>().map_or("nobody", |tenant| tenant.0)
}

async fn state(sim: &SimHandle) {
    let work = scope(sim, async |s| {
        let same = s.spawn(async { tenant() });
        let updated = context::current().with(Tenant("globex"));
        let other = s.spawn(updated.around(async { tenant() }));
        [same.await.unwrap(), other.await.unwrap(), tenant()]
    });
    let seen = Context::new().with(Tenant("acme")).around(work).await;
    println!("{seen:?}, and outside: {}", tenant());
    assert_eq!((seen, tenant()), (["acme", "globex", "acme"], "nobody"));
}

async fn show(sim: SimHandle) {
    nothing_is_left_behind(&sim).await;
    a_failure_ends_it(&sim).await;
    cancels(&sim).await;
    state(&sim).await;
}

fn main() {
    Sim::new(1).run(show).unwrap();
}

#[test]
fn in_many_orders() {
    anyscope::sim::explore(50, show);
}
