//! Children that become tasks of the executor only when they wait.

use anyscope::{
    CancelledBy, Child, Executor, JoinHandle, Latent, OwnedScope, Spawn, block_scope, join, race,
    scope, scope_limited, shield, smol::Smol, spawn_fn,
};
use std::{
    future::{Future, pending, poll_fn},
    num::NonZeroUsize,
    pin::{Pin, pin},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
        mpsc,
    },
    thread,
};
use support::{
    Gauge, Hoard, Log, Refusing, Signal, Tracer, behaviour, blow_up, cause, panic_in,
    panic_message, poll_once, simulated, until, yield_now, yields,
};

/// An executor that counts what it is given.
#[derive(Clone)]
struct Counting<E>(E, Arc<AtomicUsize>);

impl<E> Counting<E> {
    fn new(ex: E) -> Self {
        Counting(ex, Arc::default())
    }

    fn spawned(&self) -> usize {
        self.1.load(SeqCst)
    }
}

impl<E: Spawn> Spawn for Counting<E> {
    fn spawn(&self, child: Child) {
        self.1.fetch_add(1, SeqCst);
        self.0.spawn(child);
    }

    fn parallelism(&self) -> NonZeroUsize {
        self.0.parallelism()
    }
}

behaviour! {
    /// Given children that are ready at once, when they are awaited, then none was a task: the
    /// executor got hosts, and no more of them than it runs at once.
    y1_ready_children_are_no_tasks |ex| {
        let counting = Counting::new(ex);
        let sum = scope(&Latent::new(&counting), async |s| {
            let children: Vec<_> = (0..100).map(|n| s.spawn(async move { n })).collect();
            let mut sum = 0;
            for child in children {
                sum += child.value().await;
            }
            for n in 0..100 {
                sum += s.spawn(async move { n }).value().await;
            }
            sum
        });
        assert_eq!(sum.await, 9900);
        assert!(counting.spawned() <= counting.parallelism().get(), "{}", counting.spawned());
    }

    /// Given children that nobody awaits, then hosts begin them, in the order of their spawns if there is one
    /// host, and the scope waits for them.
    y2_hosts_begin_what_nobody_awaits |ex| {
        let log = Log::new();
        let one = OneAtATime(ex);
        scope(&Latent::new(&one), async |s| {
            for n in 0..200 {
                let log = log.clone();
                s.spawn(async move { log.add(n.to_string()) });
            }
        })
        .await;
        assert_eq!(log.events(), (0..200).map(|n| n.to_string()).collect::<Vec<_>>());
    }

    /// Given a child that waits, then it becomes a task, is polled once more, and from then on when it
    /// is woken.
    y3_a_child_that_waits_becomes_a_task |ex| {
        let (counting, tracer, signal) = (Counting::new(ex), Tracer::new(), Signal::new());
        scope(&Latent::new(&counting), async |s| {
            let child = s.spawn(tracer.trace(signal.wait()));
            until(|| tracer.polls() == 2).await;
            yields(5).await;
            assert_eq!(tracer.polls(), 2);
            signal.fire();
            child.await.unwrap();
        })
        .await;
        assert_eq!((tracer.polls(), tracer.drops()), (3, 1));
        // It, and hosts.
        assert!((2..=1 + counting.parallelism().get()).contains(&counting.spawned()));
    }

    /// Given children on many threads that spawn, await and leave others, then each runs once.
    y17_a_storm |ex| {
        let latent = Latent::new(&ex);
        let (runs, ended) = (Gauge::new(), Tracer::new());
        scope(&latent, async |s| {
            for a in 0..12 {
                let (latent, runs, ended) = (latent.clone(), runs.clone(), ended.clone());
                s.spawn(async move {
                    yields(a % 5).await;
                    scope(&latent, async |s| {
                        let mut handles = Vec::new();
                        for b in 0..20 {
                            let inside = runs.clone();
                            handles.push(s.spawn(ended.trace(async move {
                                yields(b % 6).await;
                                drop(inside.enter());
                            })));
                            if b % 3 == 0 {
                                handles.swap_remove(a * b % handles.len()).await.unwrap();
                            }
                        }
                        handles.truncate(5);
                        for handle in handles {
                            handle.await.unwrap();
                        }
                    })
                    .await;
                });
            }
        })
        .await;
        assert_eq!((runs.ever(), ended.drops(), ended.alive()), (240, 240, 0));
    }

    /// Given a child that is polled by another one that awaits it, when it waits behind a shield, then the
    /// other one is not behind it.
    y18_a_shield_is_the_childs_own |ex| {
        let latent = Latent::new(&ex);
        let (signal, tracer, held) = (Signal::new(), Tracer::new(), Tracer::new());
        scope(&latent, async |s| {
            let (inner, wait) = (s.clone(), held.trace(signal.wait()));
            let other = s.spawn(tracer.trace(async move {
                inner.spawn(shield(wait)).await.unwrap();
            }));
            until(|| held.polls() == 2).await;
            assert_eq!(cause(other.cancel().await), CancelledBy::Handle);
            assert_eq!((tracer.alive(), signal.has_fired()), (0, false));
            signal.fire();
        })
        .await;
    }

    /// Given a child that is polled by another one that awaits it, when it awaits the handle of that one for a while, then it
    /// waits, as it would as a task.
    y19_who_awaits_a_child_is_not_around_it |ex| {
        scope(&Latent::new(&ex), async |s| {
            let (slot, handed, inner) = (Arc::new(Mutex::new(None)), Signal::new(), s.clone());
            let (taken, wait) = (slot.clone(), handed.wait());
            let outer = s.spawn(async move {
                wait.await;
                let mut own: JoinHandle<'_, ()> = taken.lock().unwrap().take().unwrap();
                let child = inner.spawn(async move {
                    let for_a_while = async { yields(2).await; None };
                    race((async { Some((&mut own).await) }, for_a_while)).await.is_none()
                });
                assert!(child.await.unwrap());
            });
            *slot.lock().unwrap() = Some(outer);
            handed.fire();
        })
        .await;
    }

    /// Given children that yield, then those that do so a few times only are no tasks, and all end.
    y4_children_may_yield |ex| {
        let counting = Counting::new(OneAtATime(ex));
        let latent = Latent::new(&counting);
        for (times, tasks) in [(1, 0), (3, 0), (4, 1), (100, 1)] {
            let before = counting.spawned();
            scope(&latent, async |s| s.spawn(yields(times)).await.unwrap()).await;
            let host = usize::from(before == 0);
            // Another's wake may come late, and look like a yield: not here, as nobody else wakes.
            assert_eq!(counting.spawned() - before, tasks + host, "{times}");
        }
    }

    /// Given panics, cancels, names and daemons, then all is as with tasks.
    y5_children_are_children |ex| {
        let latent = Latent::new(&ex);
        let tracer = Tracer::new();
        scope(&latent, async |s| {
            assert_eq!(panic_message(s.spawn(async { blow_up::<()>("at once") }).await), "at once");
            let late = s.spawn(async { yield_now().await; blow_up::<()>("late") });
            assert_eq!(panic_message(late.await), "late");
            let waits = s.spawn(tracer.trace(pending::<()>()));
            assert_eq!(cause(waits.cancel().await), CancelledBy::Handle);
            s.spawn_daemon(pending::<()>());
            let named = s.spawn_named("who", async {});
            assert_eq!(named.name(), Some("who"));
        })
        .await;
        assert_eq!(tracer.alive(), 0);
    }

    /// Given children of children, to any depth and awaited on the way, then the stack does not grow with them.
    y6_depth_takes_no_stack |ex| {
        fn nest(latent: Latent<impl Executor>, depth: usize) -> Pin<Box<dyn Future<Output = usize> + Send>> {
            Box::pin(async move {
                match depth {
                    0 => 0,
                    _ => 1 + scope(&latent.clone(), async |s| s.spawn(nest(latent, depth - 1)).value().await).await,
                }
            })
        }
        assert_eq!(nest(Latent::new(&ex), 2000).await, 2000);
    }

    /// Given limits, then they hold.
    y8_limits_hold |ex| {
        let gauge = Gauge::new();
        scope_limited(&Latent::new(&ex), 3, async |s| {
            for n in 0..50 {
                let gauge = gauge.clone();
                s.spawn(async move {
                    let _inside = gauge.enter();
                    yields(n % 6).await;
                })
                .await
                .unwrap();
            }
        })
        .await;
        assert!(gauge.peak() <= 3);
        assert_eq!(gauge.ever(), 50);
    }

    /// Given a child that blocks its thread until the next has run, when the executor has threads, then another host
    /// begins the next.
    y9_a_slow_child_holds_up_none with threads |ex| {
        if ex.parallelism().get() > 1 {
            let (send, receive) = mpsc::channel();
            scope(&Latent::new(&ex), async |s| {
                let slow = s.spawn(async move { receive.recv().unwrap() });
                let next = s.spawn(async move { send.send(42).unwrap() });
                let (slow, next) = join((slow, next)).await;
                next.unwrap();
                assert_eq!(slow.unwrap(), 42);
            })
            .await;
        }
    }
}

/// An executor that says that it runs one child at a time.
#[derive(Clone)]
struct OneAtATime<E>(E);

impl<E: Spawn> Spawn for OneAtATime<E> {
    fn spawn(&self, child: Child) {
        self.0.spawn(child);
    }

    fn parallelism(&self) -> NonZeroUsize {
        NonZeroUsize::MIN
    }
}

simulated! {
    /// Given one that awaits many ready children one after the other, then it lets the executor run others.
    y7_who_awaits_many_lets_others_run |sim| {
        let latent = Latent::new(&sim);
        let mut pauses = 0;
        let mut scope = pin!(scope(&latent, async |s| {
            for _ in 0..1000 {
                s.spawn(async {}).await.unwrap();
            }
        }));
        poll_fn(|cx| {
            let polled = scope.as_mut().poll(cx);
            pauses += usize::from(polled.is_pending());
            polled
        })
        .await;
        assert_eq!(pauses, 1000 / 128);
    }

    /// Given a scope that has ended and a `Latent` that is gone, then its hosts are gone too.
    y10_hosts_end_with_it |sim| {
        let latent = Latent::new(&sim);
        scope(&latent, async |s| {
            for n in 0..10 {
                s.spawn(yields(n));
            }
        })
        .await;
        drop(latent);
        yields(3).await;
    }
}

/// Given an executor that polls nothing, then awaiting a child runs it, in place, wherever it is
/// among the last few.
#[test]
fn y11_who_awaits_a_child_runs_it() {
    let hoard = Hoard::new();
    let here = thread::current().id();
    let body = async |s: anyscope::Scope<_>| {
        let children: Vec<_> = (0..6).map(|_| s.spawn(async { thread::current().id() })).collect();
        for (n, child) in children.into_iter().enumerate().rev() {
            assert_eq!(child.value().await, here, "{n}");
        }
    };
    assert!(poll_once(pin!(scope(&Latent::new(&hoard), body))).is_ready());
    // One host, which has not been polled.
    assert_eq!(hoard.take().len(), 1);
}

/// Given an executor that refuses, then it has cancelled the children, and nothing hangs.
#[test]
fn y12_refused() {
    let causes = smol::block_on(scope(&Latent::new(&Refusing), async |s| {
        let children = [s.spawn(async {}), s.spawn(async {})];
        let [a, b] = children;
        [cause(a.await), cause(b.await)]
    }));
    assert_eq!(causes, [CancelledBy::Executor; 2]);
}

/// Given an executor that is gone before it has polled anything, then it has cancelled the children.
#[test]
fn y13_gone() {
    let (hoard, tracer) = (Hoard::new(), Tracer::new());
    let scope = OwnedScope::new(&Latent::new(&hoard));
    let children = [(); 3].map(|()| scope.spawn(tracer.trace(async {})));
    drop(hoard.take());
    assert_eq!((tracer.polls(), tracer.alive()), (0, 0));
    for child in children {
        assert_eq!(cause(smol::block_on(child)), CancelledBy::Executor);
    }
    smol::block_on(scope.close());
}

/// Given children that have not begun, when their scope is dropped, then they are gone when the drop
/// returns.
#[test]
fn y14_dropped_before_they_begin() {
    let (hoard, tracer) = (Hoard::new(), Tracer::new());
    let scope = OwnedScope::new(&Latent::new(&hoard));
    for _ in 0..3 {
        scope.spawn(tracer.trace(async {}));
    }
    drop(scope);
    assert_eq!((tracer.polls(), tracer.alive()), (0, 0));
    // What the hosts find is empty.
    let mut hosts = hoard.take();
    while let Some(mut host) = hosts.pop() {
        assert!(poll_once(Pin::new(&mut host)).is_pending());
        hosts.extend(hoard.take());
    }
}

/// Given a scope that blocks its thread, then its children borrow.
#[test]
fn y15_children_borrow() {
    let words = ["a", "bc", "def"].map(str::to_owned);
    let length = block_scope(&Latent::new(&Smol), async |s| {
        let lengths = words.each_ref().map(|word| {
            s.spawn(async move {
                yield_now().await;
                word.len()
            })
        });
        let mut sum = 0;
        for length in lengths {
            sum += length.value().await;
        }
        sum
    });
    assert_eq!(length, 6);
}

/// Given an executor whose wakers panic, then whoever spawns meets the panic, and no child is lost.
#[test]
fn y16_handles_are_told_of_no_panic() {
    let latent = Latent::new(&spawn_fn(|_: Child| blow_up("no room")));
    let scope = OwnedScope::new(&latent);
    let message = panic_in(|| drop(scope.spawn(async {})));
    assert_eq!(message, "no room");
    smol::block_on(scope.close());
}
