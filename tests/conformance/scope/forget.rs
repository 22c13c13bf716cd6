//! Whatever is forgotten, nothing dangles, and whatever else there is goes on.

use anyscope::{CancelledBy, Limit, OwnedScope, block_scope, scope, scope_limited};
use std::{
    future::pending,
    mem::forget,
    pin::pin,
    sync::{Arc, Mutex},
};
use support::{Hoard, Signal, Tracer, behaviour, blocking, cause, poll_once, yield_now};

behaviour! {
    /// Given a forgotten handle, then its child, its siblings and the scope end as ever.
    forgotten_handles_keep_nobody in [spawned, inline] |ex| {
        let tracer = Tracer::new();
        let value = Arc::new(());
        let held = value.clone();
        open!(async |s| {
            forget(s.spawn(tracer.trace(async move { held })));
            s.spawn(tracer.trace(yield_now()));
        })
        .await;
        assert_eq!(tracer.alive(), 0);
        // The value is in the handle, for ever.
        assert_eq!(Arc::strong_count(&value), 2);
    }

    /// Given a forgotten wait for a cancelled child, then the child is gone all the same.
    forgotten_cancels_have_cancelled in [spawned, inline] |ex| {
        let tracer = Tracer::new();
        open!(async |s| {
            forget(s.spawn(tracer.trace(pending::<()>())).cancel());
            forget(s.spawn(tracer.trace(async {})).value());
        })
        .await;
        assert_eq!(tracer.alive(), 0);
    }

    /// Given a start that is forgotten before it is ready, then its child is one like any other.
    forgotten_starts_leave_their_child in [spawned, inline] |ex| {
        let (tracer, go) = (Tracer::new(), Signal::new());
        open!(async |s| {
            let (started, traced) = (go.wait(), tracer.clone());
            let mut start = Box::pin(s.start(move |ready| traced.trace(async move {
                started.await;
                ready.signal(7);
            })));
            assert!(poll_once(start.as_mut()).is_pending());
            forget(start);
            go.fire();
        })
        .await;
        assert_eq!((tracer.alive(), tracer.drops()), (0, 1));
    }

    /// Given a forgotten scope, then its children run on, its handle still reaches them, and
    /// other scopes are not disturbed.
    forgotten_scopes_leave_their_children |ex| {
        let (tracer, go, slot) = (Tracer::new(), Signal::new(), Arc::new(Mutex::new(None)));
        let mut scope = Box::pin(scope(&ex, {
            let (tracer, go, slot) = (tracer.clone(), go.clone(), slot.clone());
            async move |s| {
                s.spawn(tracer.trace(go.wait()));
                s.spawn(tracer.trace(pending::<()>()));
                *slot.lock().unwrap() = Some(s.clone());
                pending::<()>().await
            }
        }));
        assert!(poll_once(scope.as_mut()).is_pending());
        forget(scope);
        let s = slot.lock().unwrap().take().unwrap();
        go.fire();
        while tracer.alive() > 1 {
            yield_now().await;
        }
        s.cancel("test");
        while tracer.alive() > 0 {
            yield_now().await;
        }
        assert_eq!(cause(s.spawn(async {}).await), CancelledBy::Scope);
    }

    /// Given a forgotten wait for room, then the others in the queue come to their turn.
    forgotten_waits_for_room_that_were_not_first_in_line |ex| {
        let (go, tracer) = (Signal::new(), Tracer::new());
        scope_limited(&ex, Limit::new(1), async |s| {
            s.spawn(tracer.trace(go.wait())).await.unwrap();
            let mut second = Box::pin(s.spawn(tracer.trace(async {})));
            assert!(poll_once(second.as_mut()).is_pending());
            let mut forgotten = Box::pin(s.spawn(pending::<()>()));
            assert!(poll_once(forgotten.as_mut()).is_pending());
            go.fire();
            second.await.unwrap().await.unwrap();
            forget(forgotten);
        })
        .await;
        assert_eq!(tracer.alive(), 0);
    }
}

blocking! {
    /// Given forgotten handles of children that borrow, then `block_scope` waits for the children.
    forgotten_handles_of_borrowing_children |owner| {
        let mut data = vec![1, 2, 3];
        block_scope(owner, async |s| {
            for n in &mut data {
                forget(s.spawn(async move {
                    yield_now().await;
                    *n += 1;
                    n
                }));
            }
        });
        assert_eq!(data, [2, 3, 4]);
    }
}

/// Given a forgotten child, then its scope waits for it until it is cancelled, and no longer.
#[test]
fn forgotten_children_are_cancelled_by_their_scope() {
    let (hoard, tracer) = (Hoard::new(), Tracer::new());
    let owned = OwnedScope::new(&hoard);
    let handle = owned.spawn(tracer.trace(async {}));
    hoard.take().into_iter().for_each(forget);
    assert!(poll_once(pin!(owned.close())).is_pending());
    owned.cancel("test");
    assert!(handle.is_finished());
    assert!(poll_once(pin!(owned.close())).is_ready());
    assert_eq!(tracer.alive(), 0);
}

/// Given a forgotten owner, then what is spawned through its clones runs.
#[test]
fn forgotten_owners_leave_their_scope_open() {
    let hoard = Hoard::new();
    let owned = OwnedScope::new(&hoard);
    let s = (*owned).clone();
    forget(owned);
    let handle = s.spawn(async { 7 });
    let mut child = hoard.take().pop().unwrap();
    assert!(poll_once(pin!(&mut child)).is_ready());
    assert!(matches!(poll_once(pin!(handle)), std::task::Poll::Ready(Ok(7))));
}
