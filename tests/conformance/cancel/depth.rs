//! Scopes in children of scopes in children: however deep, they end.

use anyscope::{Instant, Spawn, scope, sim::Sim, try_scope};
use std::{
    future::{Future, pending},
    pin::Pin,
    sync::Arc,
};
use support::{HOUR, Signal, behaviour, executors::Exec, poll_once, yield_now};

/// Ten times of what overflowed the stack of a worker.
const DEPTH: usize = 30_000;

/// `depth` scopes in each other's children. The innermost child fires `reached` and waits.
fn nest<E: Spawn + Clone + Send + Sync + 'static>(
    ex: E,
    depth: usize,
    reached: Signal,
    alive: Arc<()>,
) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        if depth == 0 {
            reached.fire();
            pending::<()>().await;
        }
        scope(&ex.clone(), async |s| {
            s.spawn(nest(ex, depth - 1, reached.clone(), alive.clone())).await.unwrap();
        })
        .await;
    })
}

/// Those that were being polled go right after that.
async fn all_gone(alive: Arc<()>) {
    while Arc::strong_count(&alive) > 1 {
        yield_now().await;
    }
}

async fn cancelled<E: Exec>(ex: E) {
    let (reached, alive) = (Signal::new(), Arc::new(()));
    scope(&ex, async |s| {
        drop(s.spawn(nest(ex.clone(), DEPTH, reached.clone(), alive.clone())));
        reached.wait().await;
        s.cancel("all of it");
    })
    .await;
    all_gone(alive).await;
}

async fn timed_out<E: Exec>(ex: E) {
    let (reached, alive) = (Signal::new(), Arc::new(()));
    let end = try_scope(&ex, async |s| -> Result<(), ()> {
        // Whoever polls its daemon brings all of it down.
        let deadline = s.deadline(&ex, Instant::NEVER);
        let deep = nest(ex.clone(), DEPTH, reached.clone(), alive.clone());
        drop(s.spawn(async move {
            deep.await;
            Ok(())
        }));
        reached.wait().await;
        deadline.move_to(ex.now());
        ex.sleep(HOUR).await;
        Ok(())
    })
    .await;
    assert!(end.unwrap_err().is_elapsed());
    all_gone(alive).await;
}

async fn dropped<E: Exec>(ex: E) {
    let (reached, alive) = (Signal::new(), Arc::new(()));
    let mut outer = nest(ex.clone(), DEPTH, reached.clone(), alive.clone());
    assert!(poll_once(outer.as_mut()).is_pending());
    reached.wait().await;
    drop(outer);
    all_gone(alive).await;
}

behaviour! {
    /// Given scopes nested in each other's children, when the outermost is cancelled, then all end.
    s12_deep_nest_is_cancelled with threads |ex| {
        cancelled(ex).await;
    }

    /// When its deadline comes, likewise.
    s12_deep_nest_times_out with threads |ex| {
        timed_out(ex).await;
    }

    /// When its future is dropped, likewise.
    s12_deep_nest_is_dropped with threads |ex| {
        dropped(ex).await;
    }
}

/// In one order only, as it takes long.
#[test]
fn s12_deep_nest_ends_in_the_simulation() {
    Sim::new(7)
        .run(async |sim| {
            cancelled(sim.clone()).await;
            timed_out(sim.clone()).await;
            dropped(sim).await;
        })
        .unwrap();
}
