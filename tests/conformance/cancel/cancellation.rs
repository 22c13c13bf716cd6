//! Cancellation (C).

use anyscope::{
    CancelledBy, Limit, ScopeError, TryConcurrent, scope, scope_limited, try_concurrent,
};
use std::{
    future::pending,
    pin::pin,
    sync::{Arc, Barrier, Mutex},
    thread,
};
use support::{
    Hoard, Log, Signal, Tracer, behaviour, cause, is_send, poll_once, until_idle, yield_now,
};

type Failing = Result<(), &'static str>;

behaviour! {
    /// Given a cancelled scope, then every child and grandchild is signalled in the same call,
    /// before control returns.
    c1_cancel_drops_children_and_grandchildren_before_it_returns in [spawned, inline] |ex| {
        let (log, idle, ex2) = (Log::new(), Signal::new(), ex.clone());
        open!(async |s| {
            let tracer = Tracer::new();
            let (outer_gone, inner_gone) = (log.on_drop("child"), log.on_drop("grandchild"));
            let inner_idle = idle.clone();
            let child = s.spawn(tracer.trace(async move {
                let _gone = outer_gone;
                open!(ex2, async |s| {
                    let tracer = Tracer::new();
                    let grandchild = s.spawn(tracer.trace(async move {
                        let _gone = inner_gone;
                        pending::<()>().await;
                    }));
                    until_idle(&tracer, &grandchild).await;
                    inner_idle.fire();
                    pending::<()>().await;
                })
                .await;
            }));
            idle.wait().await;
            until_idle(&tracer, &child).await;
            s.cancel("test");
            assert_eq!(log.events(), ["grandchild", "child"]);
            assert_eq!(cause(child.await), CancelledBy::Scope);
        })
        .await;
    }

    /// All children go in the same call, the youngest first.
    c1_cancel_drops_the_youngest_first in [spawned, inline] |ex| {
        let log = Log::new();
        open!(async |s| {
            for n in 0..4 {
                let (gone, tracer) = (log.on_drop(&n.to_string()), Tracer::new());
                let child = s.spawn(tracer.trace(async move {
                    let _gone = gone;
                    pending::<()>().await;
                }));
                until_idle(&tracer, &child).await;
            }
            s.cancel("test");
            assert_eq!(log.events(), ["3", "2", "1", "0"]);
        })
        .await;
    }

    /// Given cancel called twice, then the second is a no-op.
    c2_second_cancel_does_nothing with tasks in [spawned, inline] |ex| {
        let tracer = Tracer::new();
        open!(async |s| {
            assert!(!s.is_cancelled());
            let child = s.spawn(tracer.trace(pending::<()>()));
            until_idle(&tracer, &child).await;
            s.cancel("test");
            s.cancel("test");
            assert!(s.is_cancelled());
            assert_eq!((tracer.polls(), tracer.drops()), (1, 1));
            child.abort();
            assert_eq!(cause(child.await), CancelledBy::Scope);
        })
        .await;
        assert_eq!(tracer.drops(), 1);
    }

    /// Given cancel called from two threads, then each child ends once.
    c2_cancel_from_two_threads_ends_each_child_once with threads in [spawned, inline] |ex| {
        for _ in 0..20 {
            let tracer = Tracer::new();
            open!(async |s| {
                let children: Vec<_> =
                    (0..10).map(|_| s.spawn(tracer.trace(pending::<()>()))).collect();
                while tracer.polls() < children.len() {
                    yield_now().await;
                }
                for child in &children {
                    until_idle(&tracer, child).await;
                }
                let together = Barrier::new(2);
                thread::scope(|threads| {
                    for _ in 0..2 {
                        threads.spawn(|| {
                            together.wait();
                            s.cancel("test");
                        });
                    }
                });
                assert_eq!(tracer.drops(), children.len());
                for child in children {
                    assert_eq!(cause(child.await), CancelledBy::Scope);
                }
            })
            .await;
        }
    }

    /// Given cancel of an inner scope, then the outer continues normally after it.
    c4_outer_scope_goes_on_after_a_cancelled_inner_one in [spawned, inline] |ex| {
        let sum = open!(async |outer| {
            let go = Signal::new();
            let waited = go.wait();
            let sibling = outer.spawn(async move {
                waited.await;
                40
            });
            let inner = try_open!(async |s| -> Failing {
                s.spawn(pending::<Failing>());
                s.cancel("test");
                pending().await
            })
            .await;
            let Err(ScopeError::Cancelled(cancelled)) = inner else { panic!("{inner:?}") };
            assert_eq!(cancelled.by(), CancelledBy::Scope);
            assert!(!outer.is_cancelled());
            go.fire();
            sibling.await.unwrap() + outer.spawn(async { 2 }).await.unwrap()
        })
        .await;
        assert_eq!(sum, 42);
    }

    /// Given inner and outer both cancelled, then the outermost cancelled scope is credited: the
    /// child that has the inner scope was ended by its own, and nobody sees how the inner one
    /// would have ended.
    c5_outermost_cancelled_scope_is_credited in [spawned, inline] |ex| {
        let (log, idle, ex2) = (Log::new(), Signal::new(), ex.clone());
        let inner = Arc::new(Mutex::new(None));
        open!(async |s| {
            let (log, idle2, inner2, tracer) =
                (log.clone(), idle.clone(), inner.clone(), Tracer::new());
            let child = s.spawn(tracer.trace(async move {
                open!(ex2, async |s| {
                    *inner2.lock().unwrap() = Some(s);
                    idle2.fire();
                    pending::<()>().await;
                })
                .await;
                log.add("result of the inner scope");
            }));
            idle.wait().await;
            until_idle(&tracer, &child).await;
            let inner = inner.lock().unwrap().take().unwrap();
            inner.cancel("test");
            s.cancel("test");
            assert!(inner.is_cancelled());
            assert_eq!(cause(child.await), CancelledBy::Scope);
        })
        .await;
        assert!(log.events().is_empty());
    }

    /// Given cancel requested and the body finishes without reaching a checkpoint, then the scope
    /// completes with the value and reports "cancel requested, not caught".
    c6_value_of_a_body_that_waits_no_more_counts in [spawned, inline] |ex| {
        let s = open!(async |s| {
            s.cancel("test");
            s
        })
        .await;
        assert!(s.is_cancelled());
        let result = try_open!(async |s| -> Result<_, &'static str> {
            let child = s.spawn(pending::<Failing>());
            s.cancel("test");
            Ok((s, child))
        })
        .await;
        let (s, child) = result.unwrap();
        assert!(s.is_cancelled());
        assert_eq!(cause(child.await), CancelledBy::Scope);
    }

    /// A cancel after the body has returned its value ends the children, and leaves the value.
    c6_value_that_is_there_counts_whoever_cancels_later in [spawned, inline] |ex| {
        let kept = Mutex::new(None);
        let mut scope = pin!(try_open!(async |s| -> Result<i32, &'static str> {
            s.spawn(pending::<Failing>());
            *kept.lock().unwrap() = Some(s);
            Ok(7)
        }));
        assert!(poll_once(scope.as_mut()).is_pending());
        kept.lock().unwrap().as_ref().unwrap().cancel("test");
        assert_eq!(scope.await.unwrap(), 7);
    }

    /// A cancelled fail-fast scope drops its body; a supervised one lets it go on.
    cancel_ends_the_body_of_a_fail_fast_scope_only in [spawned, inline] |ex| {
        let log = Log::new();
        let result = try_open!(async |s| -> Failing {
            let _gone = log.on_drop("fail-fast body");
            let gone = log.on_drop("child");
            let s2 = s.clone();
            s.spawn(async move {
                let _gone = gone;
                s2.cancel("test");
                pending::<Failing>().await
            });
            pending().await
        })
        .await;
        assert!(result.unwrap_err().is_cancelled());
        let mut events = log.events();
        events.sort();
        assert_eq!(events, ["child", "fail-fast body"]);
        let value = open!(async |s| {
            let s2 = s.clone();
            let child = s.spawn(async move {
                s2.cancel("test");
                pending::<()>().await;
            });
            assert_eq!(cause(child.await), CancelledBy::Scope);
            yield_now().await;
            7
        })
        .await;
        assert_eq!(value, 7);
    }

    /// Given an operation returns Cancelled, then its effect did not happen: an item is still in its
    /// channel, a permit is not taken.
    c7_cancelled_child_has_taken_nothing in [spawned, inline] |ex| {
        let (sender, receiver) = smol::channel::bounded(1);
        let permits = Arc::new(smol::lock::Semaphore::new(1));
        let all = permits.try_acquire().unwrap();
        open!(async |s| {
            let (takes_item, takes_permit) = (Tracer::new(), Tracer::new());
            let (receiver2, permits2) = (receiver.clone(), permits.clone());
            let item = s.spawn(takes_item.trace(async move { receiver2.recv().await }));
            let permit = s.spawn(takes_permit.trace(async move {
                permits2.acquire_arc().await;
            }));
            until_idle(&takes_item, &item).await;
            until_idle(&takes_permit, &permit).await;
            item.abort();
            permit.abort();
            sender.send("item").await.unwrap();
            drop(all);
            assert_eq!(cause(item.await), CancelledBy::Handle);
            assert_eq!(cause(permit.await), CancelledBy::Handle);
        })
        .await;
        assert_eq!(receiver.try_recv().unwrap(), "item");
        assert!(permits.try_acquire().is_some());
    }

    /// The same for a place in a scope with a limit: whoever is cancelled while it waits for one
    /// has not taken it, and what it would have spawned comes back or is dropped unpolled.
    c7_cancelled_wait_for_a_place_takes_none |ex| {
        let tracer = Tracer::new();
        scope_limited(&ex, Limit::new(1), async |s| {
            let holder = s.try_spawn(pending::<()>()).unwrap();
            let mut waits = Box::pin(s.spawn(tracer.trace(async {})));
            assert!(poll_once(waits.as_mut()).is_pending());
            drop(waits);
            drop(holder.cancel().await);
            while !s.is_empty() {
                yield_now().await;
            }
            assert_eq!((tracer.polls(), tracer.drops()), (0, 1));
            s.try_spawn(async {}).unwrap().await.unwrap();
        })
        .await;
    }

    /// Given a scope cancelled from another thread, then parked children and the parked body are
    /// woken.
    c11_cancel_from_another_thread_wakes_who_is_parked with threads in [spawned, inline] |ex| {
        for _ in 0..30 {
            let tracer = Tracer::new();
            let result = try_open!(async |s| -> Failing {
                for _ in 0..3 {
                    s.spawn(tracer.trace(pending::<Failing>()));
                }
                let canceller = is_send(s.clone());
                drop(thread::spawn(move || canceller.cancel("test")));
                pending().await
            })
            .await;
            assert!(result.unwrap_err().is_cancelled());
            assert_eq!(tracer.alive(), 0);
        }
    }

    /// The same for a body that awaits the handle of a child.
    c11_cancel_from_another_thread_wakes_who_awaits_a_handle with threads in [spawned, inline] |ex| {
        for _ in 0..30 {
            open!(async |s| {
                let child = s.spawn(pending::<()>());
                let s2 = s.clone();
                let canceller = thread::spawn(move || s2.cancel("test"));
                assert_eq!(cause(child.await), CancelledBy::Scope);
                canceller.join().unwrap();
            })
            .await;
        }
    }

    /// Given cancel of one child handle, then only that child and its descendants stop; the scope
    /// does not fail.
    c16_cancel_of_a_handle_stops_that_child_and_its_descendants in [spawned, inline] |ex| {
        let (log, go, ex2) = (Log::new(), Signal::new(), ex.clone());
        let result = try_open!(async |s| -> Result<i32, String> {
            let waited = go.wait();
            let sibling = s.spawn(async move {
                waited.await;
                Ok(7)
            });
            let (outer_gone, inner_gone) = (log.on_drop("child"), log.on_drop("grandchild"));
            let started = Signal::new();
            let inner_started = started.clone();
            let child = s.spawn(async move {
                let _gone = outer_gone;
                try_open!(ex2, async |s| -> Result<(), String> {
                    let tracer = Tracer::new();
                    let grandchild = s.spawn(tracer.trace(async move {
                        let _gone = inner_gone;
                        pending::<Result<(), String>>().await
                    }));
                    until_idle(&tracer, &grandchild).await;
                    inner_started.fire();
                    grandchild.value().await;
                    Ok(())
                })
                .await
                .map_err(|_| "nobody sees this".to_owned())
            });
            started.wait().await;
            assert_eq!(cause(child.cancel().await), CancelledBy::Handle);
            assert_eq!(log.events(), ["grandchild", "child"]);
            assert!(!sibling.is_finished() && !s.is_cancelled());
            go.fire();
            Ok(sibling.value().await)
        })
        .await;
        assert_eq!(result.unwrap(), 7);
    }

    /// A child that is being polled when its scope is cancelled ends after that poll, and no poll
    /// comes after it.
    cancel_from_inside_a_poll_ends_the_child_after_it in [spawned, inline] |ex| {
        let tracer = Tracer::new();
        open!(async |s| {
            let s2 = s.clone();
            let child = s.spawn(tracer.trace(async move {
                s2.cancel("test");
                // Would be polled again at once.
                yield_now().await;
            }));
            assert_eq!(cause(child.await), CancelledBy::Scope);
        })
        .await;
        assert_eq!((tracer.polls(), tracer.drops()), (1, 1));
    }

    /// Given a scope in the awaiting task, all of which sleeps, when it is cancelled in another task,
    /// then its body is dropped.
    cancel_in_another_task_reaches_a_body_that_sleeps |ex| {
        type Slot = Arc<Mutex<Option<TryConcurrent<'static, &'static str>>>>;
        let (slot, ready) = (Slot::default(), Signal::new());
        scope(&ex, async |outer| {
            let (theirs, wait) = (slot.clone(), ready.wait());
            outer.spawn(async move {
                wait.await;
                let s = theirs.lock().unwrap().take().unwrap();
                s.cancel("elsewhere");
            });
            let result = try_concurrent(async |s| -> Result<(), &'static str> {
                *slot.lock().unwrap() = Some(s);
                ready.fire();
                pending().await
            })
            .await;
            assert!(result.unwrap_err().is_cancelled());
        })
        .await;
    }

    /// A value that is ready in the poll in which the cancel comes wins.
    value_that_is_ready_wins_against_a_cancel in [spawned, inline] |ex| {
        open!(async |s| {
            let s2 = s.clone();
            let child = s.spawn(async move {
                s2.cancel("test");
                7
            });
            assert_eq!(child.await.unwrap(), 7);
        })
        .await;
    }
}

/// An executor that never polls does not keep a cancelled scope waiting.
#[test]
fn cancel_needs_no_executor() {
    let (hoard, tracer) = (Hoard::new(), Tracer::new());
    let mut scope = pin!(scope(&hoard, async |s| {
        let children = [(); 3].map(|()| s.spawn(tracer.trace(pending::<()>())));
        s.cancel("test");
        for child in children {
            assert_eq!(cause(child.await), CancelledBy::Scope);
        }
    }));
    assert!(poll_once(scope.as_mut()).is_ready());
    assert_eq!((tracer.polls(), tracer.drops()), (0, 3));
    assert_eq!(hoard.take().len(), 3);
}
