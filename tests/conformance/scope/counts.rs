//! Exact numbers: allocations, wakes and polls.

use anyscope::{
    BlockOn, Child, Limit, OwnedScope, Spawn, block_scope, concurrent, concurrent_local, flow,
    scope, scope_limited, scope_local, try_block_scope, try_concurrent, try_concurrent_local,
    try_scope, try_scope_limited, try_scope_local,
};
use std::{
    cell::Cell,
    future::{Future, pending, poll_fn},
    pin::{Pin, pin},
    sync::mpsc,
    task::Poll,
    thread,
};
use support::{
    Hoard, Signal, Tracer, alloc,
    executors::{TokioCurrent, run_typed},
    hostile::{Deed, Hostile, HostileLocal, Spy},
    poll_once,
};

/// What `f` allocates on this thread.
fn allocations_of<R>(f: impl FnOnce() -> R) -> usize {
    let before = alloc::allocations();
    let _result = f();
    alloc::allocations() - before
}

/// Given an empty scope of any kind, when it is opened and awaited, then that is one allocation.
#[test]
fn s2_empty_scopes_of_all_kinds_allocate_once() {
    /// Blocks without an allocation, and without an executor.
    struct Bare;

    impl Spawn for Bare {
        fn spawn(&self, _: Child) {}
    }

    impl BlockOn for Bare {
        fn block_on<F: Future>(&self, future: F) -> F::Output {
            at_once(future)
        }
    }

    let (exec, local) = (Hostile::new(Deed::Keep), HostileLocal::new(Deed::Keep));
    let two = Limit::new(2);
    let counts = [
        ("scope", allocations_of(|| at_once(scope(&exec, async |_| 1)))),
        ("try_scope", allocations_of(|| at_once(try_scope(&exec, async |_| Ok::<_, ()>(1))))),
        ("scope_local", allocations_of(|| at_once(scope_local(&local, async |_| 1)))),
        (
            "try_scope_local",
            allocations_of(|| at_once(try_scope_local(&local, async |_| Ok::<_, ()>(1)))),
        ),
        ("scope_limited", allocations_of(|| at_once(scope_limited(&exec, two, async |_| 1)))),
        (
            "try_scope_limited",
            allocations_of(|| at_once(try_scope_limited(&exec, two, async |_| Ok::<_, ()>(1)))),
        ),
        ("concurrent", allocations_of(|| at_once(concurrent(async |_| 1)))),
        ("try_concurrent", allocations_of(|| at_once(try_concurrent(async |_| Ok::<_, ()>(1))))),
        ("concurrent_local", allocations_of(|| at_once(concurrent_local(async |_| 1)))),
        (
            "try_concurrent_local",
            allocations_of(|| at_once(try_concurrent_local(async |_| Ok::<_, ()>(1)))),
        ),
        ("owned", allocations_of(|| at_once(OwnedScope::new(&exec).close()))),
        ("block_scope", allocations_of(|| block_scope(&Bare, async |_| 1))),
        ("try_block_scope", allocations_of(|| try_block_scope(&Bare, async |_| Ok::<_, ()>(1)))),
    ];
    for (kind, count) in counts {
        assert_eq!(count, 1, "{kind}");
    }
}

/// The output of a future that never waits.
fn at_once<F: Future>(future: F) -> F::Output {
    match poll_once(pin!(future)) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits"),
    }
}

/// Given children in a scope on tokio, one after the other, then each costs two allocations: its
/// own, and the task's.
#[test]
fn a_child_on_tokio_costs_two_allocations() {
    const CHILDREN: usize = 1000;

    run_typed::<TokioCurrent>(async |tokio| {
        scope(&tokio, async |s| {
            s.spawn(async {}).await.unwrap();
            let before = alloc::allocations();
            for n in 0..CHILDREN {
                assert_eq!(s.spawn(async move { n }).await.unwrap(), n);
            }
            let count = alloc::allocations() - before;
            // The registry makes a note of what it sweeps out, now and then.
            assert!((2 * CHILDREN..2 * CHILDREN + 10).contains(&count), "{count}");
        })
        .await;
    });
}

/// Given children in the awaiting task, then each costs two allocations, and two more for as many
/// as there are at the same time.
#[test]
fn a_child_of_one_task_costs_two_allocations() {
    const CHILDREN: usize = 1000;

    let allocations = |at_once| {
        allocations_of(|| {
            spin(concurrent(async |s| {
                for _ in 0..CHILDREN / at_once {
                    (0..at_once).for_each(|_| drop(s.spawn(yield_twice())));
                    while !s.is_empty() {
                        yield_twice().await;
                    }
                }
            }))
        })
    };
    for at_once in [1, 10, 100] {
        let count = allocations(at_once);
        let least = 2 * CHILDREN;
        assert!((least..least + 50).contains(&count), "{at_once} at once: {count}");
    }
}

/// Given a bounded operation in the awaiting task, then what it allocates does not depend on how
/// many items there are.
#[test]
fn for_each_allocates_for_its_limit_only() {
    let allocations = |items| {
        let work = flow::iter(0..items).for_each_concurrent(Limit::new(4), |_| yield_twice());
        allocations_of(|| spin(work))
    };
    let count = allocations(100);
    assert_eq!(allocations(10_000), count);
    assert!(count < 30, "{count}");
}

/// Polls until `future` is ready. Allocates nothing.
fn spin<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = poll_once(future.as_mut()) {
            return output;
        }
    }
}

fn yield_twice() -> impl Future<Output = ()> + Send {
    let mut left = 2;
    poll_fn(move |cx| {
        if left == 0 {
            return Poll::Ready(());
        }
        left -= 1;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
}

/// Given a hundred children that wait in one task, when one is woken, then the task is woken once
/// and polls that child and nothing else; when many are woken, it is woken once for all of them.
#[test]
fn a_wake_polls_the_child_it_was_meant_for() {
    let (spy, tracer, body_polls) = (Spy::new(), Tracer::new(), Cell::new(0));
    let signals: Vec<_> = (0..100).map(|_| Signal::new()).collect();
    let mut scope = pin!(concurrent(async |s| {
        for signal in &signals {
            drop(s.spawn(tracer.trace(signal.wait())));
        }
        poll_fn(|_| {
            body_polls.set(body_polls.get() + 1);
            Poll::<()>::Pending
        })
        .await;
    }));
    while spy.poll(scope.as_mut()).is_pending() && tracer.polls() < 100 {}
    // The spawns have woken the task of the scope, which may have been elsewhere.
    while spy.poll(scope.as_mut()).is_pending() && spy.take_wakes() > 0 {}
    assert_eq!((tracer.polls(), spy.wakes()), (100, 0));
    let before = body_polls.get();

    signals[42].fire();
    assert_eq!(spy.take_wakes(), 1);
    assert!(spy.poll(scope.as_mut()).is_pending());
    assert_eq!((tracer.polls(), tracer.alive(), spy.wakes()), (101, 99, 0));

    signals[..20].iter().for_each(Signal::fire);
    assert_eq!(spy.take_wakes(), 1);
    assert!(spy.poll(scope.as_mut()).is_pending());
    assert_eq!((tracer.polls(), tracer.alive(), spy.wakes()), (121, 79, 0));

    assert!(spy.poll(scope.as_mut()).is_pending());
    assert_eq!((tracer.polls(), spy.wakes()), (121, 0));
    assert_eq!(body_polls.get(), before);
}

/// The same for the work of `for_each`.
#[test]
fn a_wake_polls_the_work_it_was_meant_for() {
    let (spy, tracer) = (Spy::new(), Tracer::new());
    let signals: Vec<_> = (0..50).map(|_| Signal::new()).collect();
    let mut work = pin!(
        flow::iter(&signals)
            .for_each_concurrent(Limit::new(50), |signal| { tracer.trace(signal.wait()) })
    );
    while spy.poll(work.as_mut()).is_pending() && spy.take_wakes() > 0 {}
    assert_eq!((tracer.polls(), spy.wakes()), (50, 0));

    signals[7].fire();
    assert_eq!(spy.take_wakes(), 1);
    assert!(spy.poll(work.as_mut()).is_pending());
    assert_eq!((tracer.polls(), spy.wakes()), (51, 0));

    signals.iter().for_each(Signal::fire);
    assert_eq!(spy.take_wakes(), 1);
    assert!(spy.poll(work.as_mut()).is_ready());
    assert_eq!((tracer.polls(), tracer.alive(), spy.wakes()), (100, 0, 0));
}

/// Given a scope that was cancelled while a child is being polled, then whoever awaits the scope
/// is woken once, when that poll has ended, and nobody polls a child meanwhile.
#[test]
fn a_cancelled_scope_waits_for_a_stubborn_child_without_polls() {
    let (hoard, tracer) = (Hoard::new(), Tracer::new());
    let owned = OwnedScope::new(&hoard);
    let idle = [(); 10].map(|()| owned.spawn(tracer.trace(pending::<()>())));
    let mut children = hoard.take();
    for child in &mut children {
        assert!(poll_once(Pin::new(child)).is_pending());
    }
    let (inside, has_begun) = mpsc::channel();
    let (go_on, wait) = mpsc::channel();
    let stubborn = owned.spawn(async move {
        inside.send(()).unwrap();
        wait.recv().unwrap();
        pending::<()>().await;
    });
    let mut child = hoard.take().pop().unwrap();

    let (spy, joins) = (Spy::new(), Spy::new());
    let (mut close, mut join) = (pin!(owned.close()), pin!(stubborn));
    thread::scope(|threads| {
        let poller = threads.spawn(move || poll_once(Pin::new(&mut child)).is_ready());
        has_begun.recv().unwrap();
        owned.cancel("test");
        assert_eq!((tracer.alive(), owned.len()), (0, 1));
        for _ in 0..10 {
            assert!(spy.poll(close.as_mut()).is_pending());
            assert!(joins.poll(join.as_mut()).is_pending());
        }
        assert_eq!((spy.wakes(), joins.wakes()), (0, 0));
        go_on.send(()).unwrap();
        assert!(poller.join().unwrap());
    });
    assert_eq!((tracer.polls(), spy.wakes(), joins.wakes()), (10, 1, 1));
    assert!(spy.poll(close.as_mut()).is_ready());
    assert!(joins.poll(join.as_mut()).is_ready());
    assert_eq!((spy.wakes(), joins.wakes()), (1, 1));
    drop(idle);
}

/// Given a scope whose body has ended, then it is woken once, by the last child.
#[test]
fn a_scope_is_woken_by_its_last_child_only() {
    let (spy, hoard) = (Spy::new(), Hoard::new());
    let mut scope = pin!(scope(&hoard, async |s| (0..100).for_each(|_| drop(s.spawn(async {})))));
    assert!(spy.poll(scope.as_mut()).is_pending());
    for mut child in hoard.take() {
        assert_eq!(spy.wakes(), 0);
        assert!(poll_once(Pin::new(&mut child)).is_ready());
    }
    assert_eq!(spy.wakes(), 1);
    assert!(spy.poll(scope.as_mut()).is_ready());
    assert_eq!((spy.wakes(), spy.alive()), (1, 0));
}

/// Given a handle that is awaited, when its child ends, in whatever way, then the joiner is woken
/// once, with the one clone of its waker that was made, however often it was polled.
#[test]
fn a_joiner_is_woken_once() {
    let ends: [fn(Child, &Signal, &OwnedScope<Hoard>); 4] = [
        |mut child, go, _| {
            go.fire();
            assert!(poll_once(Pin::new(&mut child)).is_ready());
        },
        |_, _, owned| owned.cancel("test"),
        |child, _, _| drop(child),
        |child, _, owned| {
            drop(child);
            owned.cancel("test");
        },
    ];
    for end in ends {
        let (spy, hoard, go) = (Spy::new(), Hoard::new(), Signal::new());
        let owned = OwnedScope::new(&hoard);
        let mut handle = pin!(owned.spawn(go.wait()));
        let mut child = hoard.take().pop().unwrap();
        assert!(poll_once(Pin::new(&mut child)).is_pending());
        for _ in 0..5 {
            assert!(spy.poll(handle.as_mut()).is_pending());
        }
        assert_eq!((spy.wakes(), spy.clones(), spy.alive()), (0, 1, 1));
        end(child, &go, &owned);
        assert_eq!((spy.wakes(), spy.alive()), (1, 0));
        assert!(spy.poll(handle.as_mut()).is_ready());
        assert_eq!((spy.wakes(), spy.clones(), spy.alive()), (1, 1, 0));
    }
}

/// Given a handle that was awaited and is dropped, then its waker goes with it, unfired.
#[test]
fn a_handle_that_is_dropped_wakes_nobody() {
    let (spy, hoard) = (Spy::new(), Hoard::new());
    let owned = OwnedScope::new(&hoard);
    let mut handle = Box::pin(owned.spawn(async {}));
    assert!(spy.poll(handle.as_mut()).is_pending());
    drop(handle);
    assert_eq!((spy.wakes(), spy.alive()), (0, 0));
    for mut child in hoard.take() {
        assert!(poll_once(Pin::new(&mut child)).is_ready());
    }
    assert_eq!(spy.wakes(), 0);
}

/// Given children that are dropped, then their executor is told of those that it did not drop
/// itself and has polled, once each, so that it lets go of the shells; nobody else is woken.
#[test]
fn dropped_children_wake_nobody_but_their_executor() {
    let [spy, theirs] = [Spy::new(), Spy::new()];
    let (hoard, tracer) = (Hoard::new(), Tracer::new());
    let owned = OwnedScope::new(&hoard);
    for _ in 0..10 {
        let mut waker = None;
        let theirs = theirs.clone();
        drop(owned.spawn(tracer.trace(poll_fn(move |_| {
            waker.get_or_insert_with(|| theirs.waker());
            Poll::<()>::Pending
        }))));
    }
    let mut children = hoard.take();
    children[..5].iter_mut().for_each(|child| assert!(spy.poll(Pin::new(child)).is_pending()));
    assert_eq!((spy.clones(), spy.alive()), (5, 5));

    children.pop();
    let mut polled = children.remove(0);
    drop(polled);
    assert_eq!((tracer.alive(), spy.wakes(), spy.alive()), (8, 0, 4));

    owned.cancel("test");
    assert_eq!((tracer.alive(), spy.wakes(), spy.alive()), (0, 4, 0));
    polled = children.remove(0);
    assert!(spy.poll(Pin::new(&mut polled)).is_ready());
    drop(children);
    assert_eq!((tracer.polls(), spy.wakes()), (5, 4));
    assert_eq!((theirs.wakes(), theirs.alive()), (0, 0));
}

/// Given a scope in the awaiting task, when it is dropped, then nobody is woken.
#[test]
fn a_dropped_scope_of_one_task_wakes_nobody() {
    let spy = Spy::new();
    let mut scope = Box::pin(concurrent(async |s| {
        for _ in 0..10 {
            drop(s.spawn(pending::<()>()));
        }
        pending::<()>().await;
    }));
    while spy.poll(scope.as_mut()).is_pending() && spy.take_wakes() > 0 {}
    drop(scope);
    assert_eq!((spy.wakes(), spy.alive()), (0, 0));
}
