//! Panics where nobody expects them: in destructors, payloads, observers, wakers and callbacks.

use anyscope::{Limit, OwnedScope, concurrent, flow, spawn_fn};
use std::{
    future::pending,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    pin::{Pin, pin},
    sync::{Arc, Mutex},
    task::Poll,
};
use support::{
    Log, Signal, Tracer, behaviour, blow_up,
    hostile::{Bomb, Spy},
    on_drop, panic_message, panic_of, poll_once, record, until_idle, yield_now,
};

behaviour! {
    /// Given an idle child whose destructor panics, when the scope is cancelled, then its siblings
    /// go too, and the handle has the panic.
    panic_in_the_drop_of_an_idle_child with tasks in [spawned, inline] |ex| {
        let tracer = Tracer::new();
        open!(async |s| {
            let siblings = [(); 3].map(|()| s.spawn(tracer.trace(pending::<()>())));
            let bomb = s.spawn(tracer.trace(async {
                let _bomb = on_drop(|| blow_up::<()>("drop"));
                pending::<()>().await;
            }));
            while tracer.polls() < 4 {
                yield_now().await;
            }
            until_idle(&tracer, &bomb).await;
            s.cancel("test");
            assert_eq!(panic_message(bomb.await), "drop");
            for sibling in siblings {
                assert!(sibling.await.unwrap_err().is_cancelled());
            }
        })
        .await;
        assert_eq!(tracer.alive(), 0);
    }

    /// Given a child whose destructor panics after its last poll, then the handle has the panic.
    panic_in_the_drop_after_the_last_poll in [spawned, inline] |ex| {
        open!(async |s| {
            let child = s.spawn(async {
                let _bomb = on_drop(|| blow_up::<()>("drop"));
                7
            });
            assert_eq!(panic_message(child.await), "drop");
        })
        .await;
    }

    /// Given a value whose destructor panics and that nobody asked for, then the scope ends with
    /// that panic.
    panic_in_the_drop_of_an_unread_value in [spawned, inline] |ex| {
        let message = panic_of(open!(async |s| {
            s.spawn(async { on_drop(|| blow_up::<()>("value")) });
            pending::<()>().await
        }))
        .await;
        assert_eq!(message, "value");
    }

    /// Given panics whose payloads panic when dropped, then the first comes out and the others
    /// do no harm.
    panics_that_panic_when_dropped in [spawned, inline] |ex| {
        struct PayloadBomb;

        impl Drop for PayloadBomb {
            fn drop(&mut self) {
                blow_up("payload")
            }
        }

        let log = Log::new();
        let message = panic_of(open!(async |s| {
            s.on_event({
                let log = log.clone();
                move |event| log.add(format!("{event:?}").split([' ', '{']).next().unwrap())
            });
            s.spawn(async {
                let _second = on_drop(|| resume_unwind(Box::new(PayloadBomb)));
                pending::<()>().await;
            });
            s.spawn(async { blow_up::<()>("first") });
            pending::<()>().await
        }))
        .await;
        assert_eq!(message, "first");
        assert!(log.events().iter().any(|event| event == "Panicked"), "{:?}", log.events());
    }

    /// Given a body that panics, then its children are gone before the panic comes out.
    panic_in_the_body in [spawned, inline] |ex| {
        let tracer = Tracer::new();
        let message = panic_of(open!(async |s| {
            s.spawn(tracer.trace(pending::<()>()));
            yield_now().await;
            blow_up::<()>("body")
        }))
        .await;
        assert_eq!((message.as_str(), tracer.alive()), ("body", 0));
    }

    /// Given an observer that panics, then that is a panic of the scope.
    panic_in_an_observer in [spawned, inline] |ex| {
        let message = panic_of(open!(async |s| {
            s.on_event(|_| blow_up("observer"));
            let child = s.spawn(async { blow_up::<()>("child") });
            drop(child.await);
            pending::<()>().await
        }))
        .await;
        assert_eq!(message, "observer");
    }

    /// Given a blocking closure that panics, then its handle has the panic.
    panic_in_a_blocking_closure in [spawned] |ex| {
        open!(async |s| {
            let child = s.spawn_blocking(|| blow_up::<()>("closure"));
            assert_eq!(panic_message(child.await), "closure");
            assert_eq!(s.spawn_blocking(|| 7).await.unwrap(), 7);
        })
        .await;
    }

    /// Given a bounded operation in which the source, the function or the work panics, then the
    /// rest of the work is gone before the panic comes out.
    panic_in_a_flow |ex| {
        for place in ["source", "function", "work"] {
            let tracer = Tracer::new();
            let traced = tracer.clone();
            let go = Signal::new();
            let source = (0..10).map(move |n| match (place, n) {
                ("source", 3) => blow_up(place),
                _ => n,
            });
            let work = {
                let go = go.clone();
                move |n| {
                    if (place, n) == ("function", 3) {
                        blow_up::<()>(place);
                    }
                    let go = go.clone();
                    traced.trace(async move {
                        if (place, n) == ("work", 3) {
                            blow_up::<()>(place);
                        }
                        go.wait().await;
                    })
                }
            };
            let inline = flow::iter(source.clone()).for_each_concurrent(Limit::new(5), work.clone());
            assert_eq!(panic_of(inline).await, place);
            assert_eq!(tracer.alive(), 0);
            let parallel = flow::iter(source).for_each_on(&ex, Limit::new(5), work);
            assert_eq!(panic_of(parallel).await, place);
            assert_eq!(tracer.alive(), 0, "{place}");
        }
    }
}

/// Given an executor's waker that panics when it is woken, cloned or dropped, then whoever ends a
/// child is not hit by it, and the child is gone.
#[test]
fn panics_of_an_executors_waker_do_not_reach_the_canceller() {
    for bomb in [Bomb::Wake, Bomb::Drop] {
        let (spy, tracer, slot) = (Spy::new(), Tracer::new(), Arc::new(Mutex::new(None)));
        let kept = slot.clone();
        let exec = spawn_fn(move |child| *kept.lock().unwrap() = Some(child));
        let owned = OwnedScope::new(&exec);
        let handle = owned.spawn(tracer.trace(pending::<()>()));
        let mut child = slot.lock().unwrap().take().unwrap();
        assert!(spy.poll(Pin::new(&mut child)).is_pending());
        spy.arm(Some(bomb));
        owned.cancel("test");
        assert_eq!(tracer.alive(), 0);
        assert!(poll_once(pin!(handle)).is_ready());
        spy.arm(None);
        assert!(poll_once(Pin::new(&mut child)).is_ready());
        drop((child, owned));
        assert_eq!(spy.alive(), 0, "{bomb:?}");
    }

    // A waker that cannot be cloned: the poll, and so the child, panics.
    let slot = Arc::new(Mutex::new(None));
    let kept = slot.clone();
    let exec = spawn_fn(move |child| *kept.lock().unwrap() = Some(child));
    let owned = OwnedScope::new(&exec);
    let handle = owned.spawn(pending::<()>());
    let mut child = slot.lock().unwrap().take().unwrap();
    assert!(Spy::with(Bomb::Clone).poll(Pin::new(&mut child)).is_ready());
    let Poll::Ready(outcome) = poll_once(pin!(handle)) else { panic!("the child is there") };
    assert_eq!(panic_message(outcome), "waker");
}

/// Given a joiner whose waker panics, then the child that wakes it has its value all the same.
#[test]
fn panics_of_a_joiners_waker_do_not_change_the_outcome() {
    let (spy, log, slot) = (Spy::new(), Log::new(), Arc::new(Mutex::new(None)));
    let kept = slot.clone();
    let exec = spawn_fn(move |child| *kept.lock().unwrap() = Some(child));
    let owned = OwnedScope::new(&exec);
    owned.on_event(record(&log));
    let mut handle = owned.spawn(async { 7 });
    assert!(spy.poll(Pin::new(&mut handle)).is_pending());
    spy.arm(Some(Bomb::Wake));
    let mut child = slot.lock().unwrap().take().unwrap();
    assert!(poll_once(Pin::new(&mut child)).is_ready());
    spy.arm(None);
    assert!(matches!(poll_once(Pin::new(&mut handle)), Poll::Ready(Ok(7))));
    // The panic is not lost: it is the scope's.
    let closed = catch_unwind(AssertUnwindSafe(|| poll_once(pin!(owned.close()))));
    assert!(closed.is_err());
}

/// Given a scope that panics while it is polled by another, then only that one ends.
#[test]
fn panics_of_inner_scopes_are_panics_of_a_child() {
    let outer = concurrent(async |s| {
        let inner = s.spawn(concurrent(async |s| {
            s.spawn(async { blow_up::<()>("inner") });
            pending::<()>().await
        }));
        assert_eq!(panic_message(inner.await), "inner");
        7
    });
    assert_eq!(smol::block_on(outer), 7);
}
