//! The same on every executor: who waits is a task that is polled by hand, what it waits for comes
//! from the executor's threads.

use super::waker::{DEEDS, Deed, Hostile, Task};
use anyscope::{Limit, OwnedScope, Timer, flow, scope_limited, sim::Sim};
use std::{
    future::{Future, pending, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    task::{Poll, Waker},
    time::Duration,
};
use support::{Signal, behaviour, executors::Exec, yield_now};

/// A scope, what a child of it waits for, and whom a hostile waker is left with.
struct Wait<E> {
    scope: Arc<OwnedScope<E>>,
    signal: Signal,
    waits: Task,
}

/// Each way to wait for a child of the scope, which waits for the signal.
fn waits<E: Exec>(ex: &E) -> Vec<Wait<E>> {
    let make = |wait: &dyn Fn(Arc<OwnedScope<E>>, Signal) -> Task| {
        let (scope, signal) = (Arc::new(OwnedScope::new(ex)), Signal::new());
        Wait { waits: wait(scope.clone(), signal.clone()), scope, signal }
    };
    vec![
        make(&|scope, signal| {
            let handle = scope.spawn(signal.wait());
            Box::pin(async { drop(handle.await) })
        }),
        make(&|scope, signal| {
            drop(scope.spawn(signal.wait()));
            Box::pin(async move { scope.close().await })
        }),
        make(&|scope, signal| {
            let (wait, token, theirs) = (signal.wait(), scope.token(), scope.clone());
            drop(scope.spawn(async move {
                wait.await;
                theirs.cancel("now");
            }));
            Box::pin(async move { token.cancelled().await })
        }),
        make(&|scope, signal| {
            let wait = signal.wait();
            Box::pin(async move {
                let start = scope.start(async move |ready| {
                    wait.await;
                    ready.signal(());
                });
                drop(start.await);
            })
        }),
        make(&|scope, signal| {
            let ex = scope.executor().clone();
            Box::pin(async move {
                let work = move |_| signal.wait();
                let _ = flow::iter(0..10).for_each_on(&ex, Limit::new(4), work).await;
            })
        }),
        make(&|scope, signal| {
            let ex = scope.executor().clone();
            Box::pin(async move {
                let mapped = flow::iter(0..10).map_on(&ex, Limit::new(4), move |_| signal.wait());
                let _: Vec<_> = mapped.collect().await;
            })
        }),
    ]
}

/// Awaits a future that may panic.
async fn caught<F: Future>(future: F) {
    let mut future = Box::pin(future);
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
        Ok(Poll::Pending) => Poll::Pending,
        _ => Poll::Ready(()),
    })
    .await;
}

/// Polls a task to its end with good wakers.
async fn finish(hostile: &Arc<Hostile>) {
    hostile.armed.store(false, SeqCst);
    while hostile.task.lock().unwrap().is_some() {
        let _ = hostile.poll(Waker::noop());
        yield_now().await;
    }
}

behaviour! {
    /// Given a task with a hostile waker that waits for something of a scope, when the wait ends
    /// on the executor, then whoever else waits gets on, the scope ends, and so does the task.
    a_hostile_waker_harms_nobody_else |ex| {
        for deed in DEEDS {
            for Wait { scope, signal, waits } in waits(&ex) {
                let hostile = Hostile::new(deed, waits);
                hostile.leave_waker();
                let witness = scope.spawn(signal.wait());
                signal.fire();
                // A panic of the waker may have ended it; it is gone in any case.
                let _ = witness.await;
                caught(scope.close()).await;
                finish(&hostile).await;
                assert_eq!(scope.len(), 0);
            }
        }
    }

    /// Given two who wait for room, the first with a hostile waker, when there is room, then both
    /// get it in their turn.
    a_hostile_waker_passes_room_on |ex| {
        for deed in DEEDS {
            caught(scope_limited(&ex, Limit::new(1), async |s| {
                let signal = Signal::new();
                let _ = s.try_spawn(signal.wait());
                let theirs = s.clone();
                let hostile = Hostile::new(deed, Box::pin(async move {
                    drop(theirs.spawn(async {}).await);
                }));
                hostile.leave_waker();
                signal.fire();
                let other = s.clone();
                let mut second: Pin<Box<dyn Future<Output = ()> + Send>> =
                    Box::pin(async move { drop(other.spawn(async {}).await) });
                while hostile.task.lock().unwrap().is_some() {
                    let _ = hostile.poll(Waker::noop());
                    yield_now().await;
                }
                hostile.armed.store(false, SeqCst);
                second.as_mut().await;
            }))
            .await;
        }
    }

    /// Given children that sleep until they are cancelled, each with a task that waits for it with
    /// a hostile waker, when their scope is cancelled, then all of them are gone, whatever the
    /// wakers do, and the cancel returns.
    a_cancel_gets_past_hostile_wakers |ex| {
        for deed in DEEDS {
            let scope = OwnedScope::new(&ex);
            let tasks: Vec<_> = (0..5)
                .map(|_| {
                    let handle = scope.spawn(pending::<()>());
                    Hostile::new(deed, Box::pin(async { drop(handle.await) }))
                })
                .collect();
            tasks.iter().for_each(Hostile::leave_waker);
            scope.cancel("now");
            caught(scope.close()).await;
            assert_eq!(scope.len(), 0);
            for hostile in &tasks {
                finish(hostile).await;
            }
        }
    }
}

/// Given two that sleep until the same moment of a simulation, the first with a hostile waker, when
/// the moment comes, then the second is woken, whatever the waker of the first does.
#[test]
fn a_hostile_waker_does_not_stop_the_clock_of_others() {
    const TICK: Duration = Duration::from_secs(1);
    for deed in DEEDS {
        let woken = Arc::new(AtomicBool::new(false));
        let theirs = woken.clone();
        let ran = catch_unwind(move || {
            Sim::new(1).run(move |sim| async move {
                let hostile = Hostile::new(deed, Box::pin(sim.sleep(TICK)));
                hostile.leave_waker();
                let mut second = Box::pin(sim.sleep(TICK));
                poll_fn(|cx| {
                    let poll = second.as_mut().poll(cx);
                    theirs.store(poll.is_ready(), SeqCst);
                    poll
                })
                .await;
            })
        });
        match ran {
            Ok(ran) => {
                ran.unwrap();
                assert!(woken.load(SeqCst), "{deed:?}");
            }
            // There is no task whose panic it could be.
            Err(_) => {
                assert!(matches!(deed, Deed::PanicInWake | Deed::WakeOthers | Deed::PollAndPanic))
            }
        }
    }
}
