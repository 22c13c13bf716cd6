//! Children that hold all places of a scope and wait for room in it.

use anyscope::{Limit, Spawn, concurrent, scope_limited, timeout, try_scope_limited};
use futures_lite::future::{or, poll_fn, race};
use std::{
    future::pending,
    panic::PanicHookInfo,
    pin::{Pin, pin},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::Poll,
    thread,
};
use support::{
    Hoard, SECOND, Signal, Tracer, behaviour, hostile::Spy, panic_of, poll_once, until_idle,
    while_panics, yield_now,
};

const ONE: Limit = Limit::new(1);
const JAM: &str = "are held by children that wait for room in it, and would wait for ever";

behaviour! {
    /// Given one place, whose child spawns into the same scope, then it panics and says so, and the
    /// scope ends.
    a_child_that_waits_for_its_own_place_panics |ex| {
        let tracer = Tracer::new();
        let message = panic_of(scope_limited(&ex, ONE, async |s| {
            let (theirs, tracer) = (s.clone(), tracer.clone());
            let child = async move {
                yield_now().await;
                drop(theirs.spawn(tracer.trace(async {})).await);
            };
            drop(s.spawn_named("parent", child).await);
        }))
        .await;
        assert!(message.contains(JAM), "{message}");
        assert!(message.contains("child `parent`, spawned at") && message.contains("limited_jam.rs"), "{message}");
        assert_eq!((tracer.polls(), tracer.alive()), (0, 0));
    }

    /// Given three places, whose children all wait for room, then the last panics and names all of
    /// them.
    all_who_wait_are_named |ex| {
        let go = Signal::new();
        let message = panic_of(scope_limited(&ex, Limit::new(3), async |s| {
            for name in ["a", "b", "c"] {
                let (theirs, wait) = (s.clone(), go.wait());
                let child = async move {
                    wait.await;
                    drop(theirs.room().await);
                };
                drop(s.spawn_named(name, child).await.unwrap());
            }
            go.fire();
        }))
        .await;
        assert!(message.contains("all places of a scope of 3 "), "{message}");
        for name in ["`a`", "`b`", "`c`"] {
            assert!(message.contains(name), "{name} is missing: {message}");
        }
    }

    /// Given a fail-fast scope, then such a panic is that of any child: it cancels the others and is
    /// resumed by the scope.
    a_jam_in_a_fail_fast_scope_ends_it |ex| {
        let (go, tracer) = (Signal::new(), Tracer::new());
        let message = panic_of(try_scope_limited(&ex, Limit::new(2), async |s| {
            for _ in 0..2 {
                let (theirs, wait) = (s.clone(), go.wait());
                let child = tracer.trace(async move {
                    wait.await;
                    drop(theirs.spawn(async { Ok::<(), ()>(()) }).await);
                    Ok::<(), ()>(())
                });
                drop(s.spawn(child).await);
            }
            go.fire();
            pending::<Result<(), ()>>().await
        }))
        .await;
        assert!(message.contains(JAM), "{message}");
        assert_eq!((tracer.drops(), tracer.alive()), (2, 0));
    }

    /// Given children that wait for room or for something else, whichever is first, then there is no
    /// panic: the other may come.
    a_wait_for_room_or_something_else_is_no_jam |ex| {
        let go = Signal::new();
        let ended = scope_limited(&ex, Limit::new(2), async |s| {
            let rooms = [(0, s.try_room().unwrap()), (1, s.try_room().unwrap())];
            let handles = rooms.map(|(side, room)| {
                let (theirs, wait) = (s.clone(), go.wait());
                let child = async move {
                    let waits = async {
                        drop(theirs.room().await);
                        "room"
                    };
                    let other = async {
                        wait.await;
                        "other"
                    };
                    // Whoever is asked first.
                    if side == 0 { or(waits, other).await } else { or(other, waits).await }
                };
                room.spawn(child)
            });
            for _ in 0..5 {
                yield_now().await;
            }
            go.fire();
            let mut won = vec![];
            for handle in handles {
                won.push(handle.await.unwrap());
            }
            won
        });
        // One may get the place of the other.
        assert!(ended.await.contains(&"other"));
    }

    /// Given a wait for room that is raced in each way that is written by hand or found elsewhere,
    /// then there is no panic.
    raced_waits_are_no_jam |ex| {
        for way in 0..5 {
            let go = Signal::new();
            scope_limited(&ex, ONE, async |s| {
                let (theirs, wait) = (s.clone(), go.wait());
                let child = s.try_spawn(async move {
                    let s = &theirs;
                    let room = async move { drop(s.room().await) };
                    match way {
                        0 => race(wait, room).await,
                        1 => anyscope::race((room, wait)).await,
                        2 => {
                            let (mut room, mut wait) = (pin!(room), pin!(wait));
                            poll_fn(|cx| {
                                // Each is polled, twice and in both orders.
                                let _ = room.as_mut().poll(cx);
                                let done = wait.as_mut().poll(cx);
                                let _ = room.as_mut().poll(cx);
                                done
                            })
                            .await;
                        }
                        3 => concurrent(async |c| {
                            let waits = c.spawn(room);
                            wait.await;
                            waits.abort();
                        })
                        .await,
                        _ => {
                            // A wait that is given up, and another that goes on.
                            drop(poll_once(pin!(s.room())));
                            let mut given_up = Box::pin(s.room());
                            poll_fn(|cx| {
                                let _ = given_up.as_mut().poll(cx);
                                Poll::Ready(())
                            })
                            .await;
                            drop(given_up);
                            wait.await;
                        }
                    }
                });
                let child = child.unwrap();
                for _ in 0..5 {
                    yield_now().await;
                }
                go.fire();
                child.await.unwrap();
            })
            .await;
        }
    }

    /// Given waits for room with a time limit, which all places of the scope are in, then each passes.
    waits_with_a_time_limit_are_no_jam with virtual_time |ex| {
        let (timer, start) = (ex.clone(), ex.now());
        let elapsed = scope_limited(&ex, Limit::new(2), async |s| {
            let rooms = [s.try_room().unwrap(), s.try_room().unwrap()];
            let handles = rooms.map(|room| {
                let (theirs, timer) = (s.clone(), timer.clone());
                room.spawn(async move { timeout(&timer, SECOND, theirs.room()).await.is_err() })
            });
            let mut elapsed = 0;
            for handle in handles {
                elapsed += usize::from(handle.await.unwrap());
            }
            elapsed
        })
        .await;
        // The second may get the place of the first.
        assert!(elapsed > 0);
        assert_eq!(ex.now().saturating_duration_since(start), SECOND);
    }

    /// Given a place that the body holds, then the children that wait have not all places: they get
    /// that one.
    room_that_the_body_holds_may_come_free |ex| {
        let tracer = Tracer::new();
        scope_limited(&ex, Limit::new(2), async |s| {
            let room = s.room().await.unwrap();
            let theirs = s.clone();
            let child = s
                .try_spawn(tracer.trace(async move { theirs.spawn(async { 7 }).await.unwrap() }))
                .unwrap();
            until_idle(&tracer, &child).await;
            drop(room);
            assert_eq!(child.await.unwrap().await.unwrap(), 7);
        })
        .await;
    }

    /// Given children of which one may go on, then those that wait get its place.
    one_that_goes_on_is_enough |ex| {
        let go = Signal::new();
        let sum = scope_limited(&ex, Limit::new(2), async |s| {
            let (theirs, wait) = (s.clone(), go.wait());
            let (one, other) = (s.try_room().unwrap(), s.try_room().unwrap());
            let waits = one.spawn(async move { theirs.spawn(async { 3 }).await.unwrap().await.unwrap() });
            let ends = other.spawn(async move {
                wait.await;
                4
            });
            for _ in 0..5 {
                yield_now().await;
            }
            go.fire();
            waits.await.unwrap() + ends.await.unwrap()
        });
        assert_eq!(sum.await, 7);
    }

    /// Given a tree of work whose every branch spawns into one scope, wide enough for its depth,
    /// then all is done.
    a_tree_in_one_scope_is_no_jam |ex| {
        fn branch<E: Spawn + Clone + Send + Sync + 'static>(
            s: anyscope::LimitedScope<E>,
            depth: u32,
        ) -> std::pin::Pin<Box<dyn Future<Output = u32> + Send>> {
            Box::pin(async move {
                let mut leaves = 1;
                if depth > 0 {
                    leaves = 0;
                    for _ in 0..2 {
                        let child = s.spawn(branch(s.clone(), depth - 1)).await.unwrap();
                        leaves += child.await.unwrap();
                    }
                }
                leaves
            })
        }
        let leaves = scope_limited(&ex, Limit::new(4), async |s| {
            s.spawn(branch(s.clone(), 3)).await.unwrap().await.unwrap()
        });
        assert_eq!(leaves.await, 8);
    }

    /// Given scopes in scopes, each full with one child that waits for room in the other or in its
    /// own, then the wait in the own one is found out.
    a_jam_in_an_inner_scope_is_that_of_its_child |ex| {
        let inner = ex.clone();
        let message = panic_of(scope_limited(&ex, ONE, async |outer| {
            let child = async move {
                scope_limited(&inner, ONE, async |s| {
                    let theirs = s.clone();
                    drop(s.spawn_named("inner", async move { drop(theirs.room().await) }).await);
                })
                .await;
            };
            drop(outer.spawn_named("outer", child).await);
        }))
        .await;
        assert!(message.contains(JAM) && message.contains("`inner`"), "{message}");
    }

    /// Given a cancel, then those who wait are told, and nobody panics.
    a_cancel_ends_the_wait |ex| {
        let tracer = Tracer::new();
        scope_limited(&ex, Limit::new(2), async |s| {
            let room = s.room().await.unwrap();
            let theirs = s.clone();
            let waits = tracer.trace(async move { drop(theirs.room().await) });
            let child = s.try_spawn(waits).unwrap();
            until_idle(&tracer, &child).await;
            let theirs = s.clone();
            drop(room.spawn(async move {
                theirs.cancel("enough");
                assert!(!theirs.room().await.unwrap_err().is_full());
                assert!(!theirs.try_room().unwrap_err().is_full());
            }));
        })
        .await;
        assert_eq!(tracer.alive(), 0);
    }

    /// Given a panic that ends a jam, and whose handle is read, then the others go on with the place
    /// that came free.
    the_others_go_on_when_the_panic_is_handled |ex| {
        let go = Signal::new();
        let (panics, values) = scope_limited(&ex, Limit::new(2), async |s| {
            let handles = [1, 2].map(|n| {
                let (theirs, wait) = (s.clone(), go.wait());
                let child = async move {
                    wait.await;
                    theirs.spawn(async move { n }).await.unwrap()
                };
                s.try_spawn(child).unwrap()
            });
            go.fire();
            let (mut panics, mut values) = (0, 0);
            for handle in handles {
                match handle.await {
                    Ok(child) => {
                        child.await.unwrap();
                        values += 1;
                    }
                    Err(error) => {
                        assert!(error.to_string().contains(JAM), "{error}");
                        panics += 1;
                    }
                }
            }
            (panics, values)
        })
        .await;
        assert_eq!((panics, values), (1, 1));
    }

    /// Given a child that waits in a combinator with wakers of its own, then who is woken for what is
    /// not known, and nobody panics; a cancel ends it.
    a_wait_inside_a_combinator_is_not_judged |ex| {
        scope_limited(&ex, ONE, async |s| {
            let (tracer, theirs) = (Tracer::new(), s.clone());
            let child = s
                .try_spawn(tracer.trace(async move {
                    let s = &theirs;
                    let waits = (0..20).map(|_| async move { drop(s.room().await) });
                    anyscope::join(waits.collect::<Vec<_>>()).await;
                }))
                .unwrap();
            until_idle(&tracer, &child).await;
            child.abort();
            assert!(s.room().await.is_ok());
        })
        .await;
    }
}

/// Given a stuck child that was polled, then it is polled a second time with a waker that wakes it as
/// well: and it is woken once for room.
#[test]
fn a_stuck_child_is_woken_as_any() {
    let hoard = Hoard::new();
    let scope = scope_limited(&hoard, Limit::new(2), async |s| {
        let room = s.try_room().unwrap();
        let theirs = s.clone();
        let waits = s.try_spawn(async move { theirs.room().await.is_ok() }).unwrap();
        for _ in 0..3 {
            yield_now().await;
        }
        drop(room);
        assert!(waits.await.unwrap());
    });
    let (mut scope, owner, task) = (pin!(scope), Spy::new(), Spy::new());
    assert!(owner.poll(scope.as_mut()).is_pending());
    let mut children = hoard.take();
    let mut child = pin!(children.pop().unwrap());
    assert!(task.poll(child.as_mut()).is_pending());
    assert_eq!(task.wakes(), 0);
    while task.wakes() == 0 {
        assert!(owner.poll(scope.as_mut()).is_pending());
    }
    assert!(task.poll(child.as_mut()).is_ready());
    assert_eq!(task.wakes(), 1);
    assert!(owner.poll(scope.as_mut()).is_ready());
}

/// Given a child that completes a jam, when another one is polled after the panic began and before
/// the place of the first is free, as an executor may do it, then that one is not accused as well, and gets the place.
#[test]
fn one_panic_ends_a_jam() {
    let hoard = Hoard::new();
    let scope = scope_limited(&hoard, Limit::new(2), async |s| {
        let handles = [(), ()].map(|()| {
            let theirs = s.clone();
            s.try_spawn(async move { theirs.room().await.is_ok() }).unwrap()
        });
        let [first, second] = handles;
        (first.await.unwrap(), second.await.unwrap_err().to_string())
    });
    let (mut scope, owner, task) = (pin!(scope), Spy::new(), Spy::new());
    assert!(owner.poll(scope.as_mut()).is_pending());
    let [first, mut second] = <[_; 2]>::try_from(hoard.take()).ok().unwrap();
    let first = Arc::new(Mutex::new(first));
    let poll_first = {
        let (task, first) = (task.clone(), first.clone());
        move || task.poll(Pin::new(&mut *first.lock().unwrap())).is_pending()
    };
    assert!(poll_first());
    let still_waits = Arc::new(AtomicBool::new(false));
    let (seen, poll) = (still_waits.clone(), poll_first.clone());
    let look = move |_: &PanicHookInfo<'_>| {
        seen.store(thread::spawn(poll.clone()).join().unwrap(), Relaxed);
    };
    assert!(while_panics(look, || task.poll(Pin::new(&mut second)).is_ready()));
    assert!(still_waits.load(Relaxed), "the first was accused as well");
    assert!(!poll_first(), "it has the place of the second");
    let Poll::Ready((has_room, error)) = owner.poll(scope.as_mut()) else { panic!("not over") };
    assert!(has_room && error.contains(JAM), "{error}");
}
