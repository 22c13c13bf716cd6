//! Who waits for whom in a circle, and nobody who goes on.

use anyscope::{
    FutureMap, FutureSet, JoinHandle, LiveLimit, OwnedScope, Semaphore, When, concurrent, flow,
    join,
    limit::OwnedPermit,
    observe::{
        labelled,
        tree::{Tree, Verdict},
    },
    scope, scope_limited,
    sim::{Sim, SimHandle},
    timeout,
};
use futures_lite::{future::zip, stream};
use futures_util::{StreamExt, stream::FuturesUnordered};
use std::{
    future::{Future, pending},
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};
use support::{SECOND, Signal, behaviour, until, yields};

/// Waits until somebody is stuck.
pub(crate) async fn stuck(tree: &Tree) -> Verdict {
    for _ in 0..100_000 {
        if let Some(verdict) = tree.verdict() {
            return verdict;
        }
        yields(1).await;
    }
    panic!("nobody is stuck:\n{}", tree.snapshot());
}

/// Looks again and again.
pub(crate) async fn nobody_is_accused(tree: &Tree) {
    for _ in 0..10 {
        yields(2).await;
        assert!(tree.verdict().is_none(), "{}", tree.verdict().unwrap());
    }
}

/// Who is stuck, by name.
fn who(verdict: &Verdict) -> Vec<String> {
    let name = |who: &str| who.split('`').nth(1).unwrap_or("?").to_owned();
    let mut all: Vec<_> = verdict.circle.iter().map(|stuck| name(&stuck.who)).collect();
    all.sort();
    all
}

pub(crate) type Slot<'a> = Arc<Mutex<Option<JoinHandle<'a, ()>>>>;

pub(crate) async fn join_what_is_in(slot: Slot<'_>) {
    until(|| slot.lock().unwrap().is_some()).await;
    let handle = slot.lock().unwrap().take().unwrap();
    let _ = handle.await;
}

behaviour! {
    /// Given two children that wait for each other, and one that waits for them, then the verdict has the circle, and who waits for it.
    o30_joins in [spawned, inline] |ex| {
        let tree = Tree::new();
        let work = open!(async |s| {
            let slot = Slot::default();
            let first = s.spawn_named("first", join_what_is_in(slot.clone()));
            let (give, take) = (Slot::default(), Slot::default());
            *take.lock().unwrap() = Some(first);
            let second = s.spawn_named("second", join_what_is_in(take));
            let third = s.spawn_named("third", join_what_is_in(give.clone()));
            drop(third);
            *slot.lock().unwrap() = Some(second);
            let verdict = stuck(&tree).await;
            assert_eq!(who(&verdict), ["first", "second"]);
            let text = verdict.to_string();
            assert!(text.starts_with("each waits for the next, for ever:\n- child `first`"), "{text}");
            assert!(text.contains("which waits for child `second`"), "{text}");
            s.cancel("seen");
        });
        tree.watch(work).await;
        assert!(tree.verdict().is_none());
    }

    /// Given a child of a full scope that waits for one who waits for room in it, then both are named.
    o31_room_and_a_join |ex| {
        let tree = Tree::new();
        let (inner, slot) = (ex.clone(), Slot::default());
        let work = scope(&ex, async |s| {
            let holder = slot.clone();
            let waiter = s.spawn_named("waits for room", async move {
                scope_limited(&inner, 1, async |l| {
                    l.spawn_named("holds it", join_what_is_in(holder)).await.unwrap();
                    let _ = l.spawn(async {}).await;
                })
                .await;
            });
            *slot.lock().unwrap() = Some(waiter);
            let verdict = stuck(&tree).await;
            let names: Vec<_> = verdict.circle.iter().chain(&verdict.others).map(|stuck| &*stuck.who).collect();
            assert!(names.iter().any(|name| name.contains("holds it")), "{verdict}");
            s.cancel("seen");
        });
        tree.watch(work).await;
    }

    /// Given two children that take two permits in the opposite order, then both are named, whatever became of their permits.
    o34_permits_in_opposite_order |ex| {
        let tree = Tree::new();
        let (one, other) = (Semaphore::new(2), Semaphore::new(1));
        let (held, holds) = (one.clone(), other.clone());
        let both_hold = move || held.available() == 0 && holds.available() == 0;
        let (meets, waits) = (both_hold.clone(), both_hold);
        let work = scope(&ex, async |s| {
            let (first, second) = (one.clone(), other.clone());
            s.spawn_named("first", async move {
                let mut held = first.acquire_many(2).await.unwrap();
                let _part = held.split(1).unwrap();
                until(meets).await;
                let _other = second.acquire().await;
            });
            s.spawn_named("second", async move {
                let _other = other.acquire().await.unwrap();
                until(waits).await;
                let _both = one.acquire_many(2).await;
            });
            let verdict = stuck(&tree).await;
            assert_eq!(who(&verdict), ["first", "second"]);
            assert!(verdict.to_string().contains("which waits for 1 permit of a semaphore of 1"), "{verdict}");
            s.cancel("seen");
        });
        tree.watch(work).await;
    }

    /// Given a circle in a scope that ends by itself, as it has a deadline or was cancelled with grace, then nobody is accused.
    o35_a_deadline_ends_a_circle with virtual_time |ex| {
        let tree = Tree::new();
        let timer = ex.clone();
        let work = scope(&ex, async |s| {
            s.deadline(&timer, timer.now().saturating_add(10 * SECOND));
            let (slot, take) = (Slot::default(), Slot::default());
            let first = s.spawn_named("first", join_what_is_in(slot.clone()));
            *take.lock().unwrap() = Some(first);
            *slot.lock().unwrap() = Some(s.spawn_named("second", join_what_is_in(take)));
            for _ in 0..10 {
                yields(2).await;
                assert!(tree.verdict().is_none(), "{}", tree.verdict().unwrap());
            }
        });
        tree.watch(work).await;
    }

    /// Given permits of a limit that changes, or that went to somebody else, or were forgotten, then nobody is accused.
    o36_permits_that_may_come_back |ex| {
        let tree = Tree::new();
        let (live, fixed) = (LiveLimit::new(1), Semaphore::new(1));
        let changes = Semaphore::new(&live);
        let (give, take) = (fixed.clone(), fixed.clone());
        let go = Signal::new();
        let outside = go.clone();
        let work = scope(&ex, async |s| {
            let held = Arc::new(Mutex::new(None));
            let keeps = held.clone();
            s.spawn_named("waits for itself, with a limit that changes", async move {
                let _one = changes.acquire().await.unwrap();
                let _two = changes.acquire().await;
            });
            s.spawn_named("gave it away", async move {
                *keeps.lock().unwrap() = Some(give.acquire_owned().await.unwrap());
                outside.wait().await;
            });
            let holder = held.clone();
            until(|| holder.lock().unwrap().is_some()).await;
            s.spawn_named("waits for it", async move { take.acquire().await.map(drop) });
            for _ in 0..10 {
                yields(2).await;
                assert!(tree.verdict().is_none(), "{}", tree.verdict().unwrap());
            }
            let permit: OwnedPermit = held.lock().unwrap().take().unwrap();
            permit.forget();
            for _ in 0..10 {
                yields(2).await;
                assert!(tree.verdict().is_none(), "{}", tree.verdict().unwrap());
            }
            go.fire();
            s.cancel("seen");
        });
        tree.watch(work).await;
    }

    /// Given a wait for something else, or for one of several things, or with a time limit, then nobody is accused.
    o32_who_may_go_on_is_not_accused |ex| {
        let (tree, go) = (Tree::new(), Signal::new());
        let timer = ex.clone();
        let work = scope(&ex, async |s| {
            let outside = s.spawn_named("outside", go.wait());
            s.spawn_named("joins it", async move { drop(outside.await) });
            let never = s.spawn_named("never", pending::<()>());
            s.spawn_named("with a limit", async move {
                let _ = timeout(&timer, 1000 * SECOND, never).await;
            });
            for _ in 0..20 {
                yields(2).await;
                assert!(tree.verdict().is_none(), "{}", tree.verdict().unwrap());
            }
            s.cancel("seen");
        });
        tree.watch(work).await;
    }

    /// Given a permit that was passed on to a child, when its first owner waits for more, then nobody is accused.
    o38_permits_that_were_passed_on in [spawned, inline] |ex| {
        let (tree, go) = (Tree::new(), Signal::new());
        let semaphore = Semaphore::new(1);
        let work = open!(async |s| {
            let permit = semaphore.clone().acquire_owned().await.unwrap();
            let served = go.clone();
            s.spawn_named("serves", async move {
                served.wait().await;
                drop(permit);
            });
            let (looks, goes) = (tree.clone(), go.clone());
            s.spawn_named("looks", async move {
                for _ in 0..10 {
                    yields(2).await;
                    assert!(looks.verdict().is_none(), "{}", looks.verdict().unwrap());
                }
                goes.fire();
            });
            drop(semaphore.acquire().await.unwrap());
        });
        tree.watch(work).await;
    }

    /// Given somebody who waits for a permit of its own, when the semaphore is closed, then nobody is accused any more.
    o39_a_closed_semaphore |ex| {
        let tree = Tree::new();
        let semaphore = Semaphore::new(1);
        let work = scope(&ex, async |s| {
            let own = semaphore.clone();
            s.spawn_named("waits for itself", async move {
                let _one = own.acquire().await.unwrap();
                let _ = own.acquire().await.map(drop);
            });
            stuck(&tree).await;
            semaphore.close();
            assert!(tree.verdict().is_none(), "{}", tree.verdict().unwrap());
        });
        tree.watch(work).await;
    }

    /// Given a body that looks at itself in the poll in which it waits, then it is not accused.
    o40_a_body_in_its_poll |ex| {
        let tree = Tree::new();
        let semaphore = Semaphore::new(1);
        let work = scope(&ex, async |_| {
            let permit = semaphore.acquire().await.unwrap();
            let waits = async { drop(semaphore.acquire().await.unwrap()) };
            let looks = async {
                let verdict = tree.verdict();
                drop(permit);
                verdict
            };
            let ((), verdict) = zip(waits, looks).await;
            assert!(verdict.is_none(), "{}", verdict.unwrap());
        });
        tree.watch(work).await;
    }

    /// Given a group of ours beside another wait, with a member that sleeps and has what the other waits for, then nobody is accused.
    o47_a_group_beside_a_wait |ex| {
        for kind in 0..5 {
            let (tree, go, sem) = (Tree::new(), Signal::new(), Semaphore::new(1));
            let (held, wakes) = (Signal::new(), Signal::new());
            let work = scope(&ex, async |s| {
                let (sleeps, woken, sem, held) = (go.clone(), wakes.clone(), sem.clone(), held.clone());
                s.spawn_named("group", async move {
                    let member = async {
                        let permit = sem.acquire().await.unwrap();
                        held.fire();
                        labelled("its turn", sleeps.wait()).await;
                        drop(permit);
                    };
                    let ends = async { labelled("its turn", woken.wait()).await };
                    let group = async {
                        let members: [Pin<Box<dyn Future<Output = ()> + Send>>; 2] =
                            [Box::pin(member), Box::pin(ends)];
                        match kind {
                            0 => FutureSet::from_iter(members).collect::<()>().await,
                            1 => {
                                let mut map = FutureMap::new();
                                for (key, member) in members.into_iter().enumerate() {
                                    map.insert(key, member).unwrap();
                                }
                                let _ = map.wait(When::All).await;
                            }
                            2 => flow::iter(members).buffered(2).unordered().collect().await,
                            3 => {
                                // So many that they are polled by their wakers.
                                let more = (0..300).map(|_| -> Pin<Box<dyn Future<Output = ()> + Send>> {
                                    Box::pin(std::future::ready(()))
                                });
                                join(members.into_iter().chain(more).collect::<Vec<_>>()).await;
                            }
                            _ => {
                                let sources = members.map(|member| flow::stream(stream::once_future(member)));
                                flow::merge(sources).for_each(async |()| ()).await;
                            }
                        }
                    };
                    let other = async {
                        held.wait().await;
                        drop(sem.acquire().await.unwrap());
                    };
                    zip(group, other).await;
                });
                until(|| tree.snapshot().children().any(|child| {
                    child.more_waits > 0 || child.waits.iter().any(|wait| wait.text.contains("semaphore"))
                }))
                .await;
                // The member that sleeps is not polled, only the one that ends.
                wakes.fire();
                nobody_is_accused(&tree).await;
                go.fire();
            });
            tree.watch(work).await;
        }
    }

    /// Given a child that waits for several things, of which only those that were woken are polled, then it is not accused.
    o41_a_wait_for_several_things |ex| {
        let tree = Tree::new();
        let (own, other) = (Semaphore::new(1), Semaphore::new(1));
        let first = other.acquire_owned().await.unwrap();
        let outside = Semaphore::new(1);
        let held = outside.acquire_owned().await.unwrap();
        let work = scope(&ex, async |s| {
            let (sem, two, ends) = (own.clone(), other.clone(), outside.clone());
            s.spawn_named("waits for several", async move {
                let permit = sem.acquire().await.unwrap();
                let mut set = FuturesUnordered::<Pin<Box<dyn Future<Output = bool> + Send>>>::new();
                let waits = sem.clone();
                set.push(Box::pin(async move {
                    drop(two.acquire().await.unwrap());
                    drop(waits.acquire().await.unwrap());
                    false
                }));
                set.push(Box::pin(async move {
                    drop(ends.acquire().await.unwrap());
                    true
                }));
                assert_eq!(set.next().await, Some(true));
                drop(permit);
                assert_eq!(set.next().await, Some(false));
            });
            nobody_is_accused(&tree).await;
            drop(first);
            nobody_is_accused(&tree).await;
            drop(held);
        });
        tree.watch(work).await;
    }

    /// Given a body that waits for room below a limit that changes, then it is not accused.
    o45_room_below_a_limit_that_changes |ex| {
        let tree = Tree::new();
        let (inner, slot) = (ex.clone(), Slot::default());
        let live = LiveLimit::new(1);
        let limit = live.clone();
        let work = scope(&ex, async |s| {
            let holder = slot.clone();
            let waiter = s.spawn_named("waits for room", async move {
                scope_limited(&inner, &limit, async |l| {
                    l.spawn_named("holds it", join_what_is_in(holder)).await.unwrap();
                    let _ = l.spawn(async {}).await;
                    l.cancel("there is room");
                })
                .await;
            });
            *slot.lock().unwrap() = Some(waiter);
            nobody_is_accused(&tree).await;
            live.set(2);
        });
        tree.watch(work).await;
    }

    /// Given a wait for a permit of its own, with a time limit, then nobody is accused.
    o42_a_time_limit with virtual_time |ex| {
        let tree = Tree::new();
        let (semaphore, timer) = (Semaphore::new(1), ex.clone());
        let work = scope(&ex, async |s| {
            s.spawn_named("waits for itself", async move {
                let _one = semaphore.acquire().await.unwrap();
                let _ = timeout(&timer, SECOND, semaphore.acquire()).await.map(drop);
            });
            nobody_is_accused(&tree).await;
        });
        tree.watch(work).await;
    }

    /// Given a child that waits for the end of a scope besides, and is polled again and again, then it is not accused.
    o43_a_wait_for_a_scope_besides |ex| {
        let (tree, go) = (Tree::new(), Signal::new());
        let semaphore = Semaphore::new(1);
        let inner = ex.clone();
        let work = scope(&ex, async |s| {
            let outside = go.clone();
            s.spawn_named("waits for both", async move {
                let owned = OwnedScope::new(&inner);
                owned.spawn(async move { outside.wait().await });
                let permit = semaphore.acquire().await.unwrap();
                let ends = async {
                    owned.close().await;
                    drop(permit);
                };
                let takes = async { drop(semaphore.acquire().await.unwrap()) };
                zip(zip(ends, takes), yields(3)).await;
            });
            nobody_is_accused(&tree).await;
            go.fire();
        });
        tree.watch(work).await;
    }

    /// Given a child that has so many children in it that not all are polled at once, then it is not accused.
    o44_a_scope_that_has_to_be_polled_again |ex| {
        let tree = Tree::new();
        let (semaphore, ends) = (Semaphore::new(1), Arc::new(AtomicUsize::new(0)));
        let over = ends.clone();
        let work = scope(&ex, async |s| {
            s.spawn_named("waits for both", async move {
                let permit = semaphore.acquire().await.unwrap();
                let many = async {
                    concurrent(async |c| {
                        for _ in 0..1000 {
                            c.spawn(yields(10));
                        }
                    })
                    .await;
                    drop(permit);
                };
                let takes = async { drop(semaphore.acquire().await.unwrap()) };
                zip(many, takes).await;
                ends.fetch_add(1, Ordering::SeqCst);
            });
            while over.load(Ordering::SeqCst) == 0 {
                assert!(tree.verdict().is_none(), "{}", tree.verdict().unwrap());
                yields(1).await;
            }
        });
        tree.watch(work).await;
    }
}

/// Given programs that take permits in any order, some of which get stuck, when somebody looks at every step, then whoever is accused
/// never goes on, and whoever does not go on is accused.
#[test]
fn o37_those_who_are_stuck_and_nobody_else() {
    let mut found = 0;
    let seeds = crate::seeds(500);
    for seed in 0..seeds {
        let tree = Tree::new();
        let looks = tree.clone();
        let work = async move |sim: SimHandle| {
            let semaphores: Vec<_> = (0..3).map(|n| Semaphore::new(1 + n % 2)).collect();
            let steps = Arc::new(AtomicUsize::new(0));
            // A number of its own, as the simulation has one for the order.
            let mut random = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
            let mut next = move |below: usize| {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                (random >> 33) as usize % below
            };
            let looker = scope(&sim, async |s| {
                for _ in 0..4 {
                    let takes: Vec<_> = (0..2).map(|_| semaphores[next(3)].clone()).collect();
                    let steps = steps.clone();
                    s.spawn(async move {
                        let mut held = Vec::new();
                        for semaphore in &takes {
                            held.push(semaphore.acquire().await.unwrap());
                            steps.fetch_add(1, Ordering::SeqCst);
                            yields(1).await;
                        }
                    });
                }
                let mut quiet = 0;
                let mut before = (usize::MAX, usize::MAX);
                while !s.is_empty() {
                    let now = (steps.load(Ordering::SeqCst), s.len());
                    quiet = if now == before { quiet + 1 } else { 0 };
                    before = now;
                    if let Some(verdict) = looks.verdict() {
                        // They may not be all: others go on.
                        let accused = verdict.circle.len() + verdict.others.len();
                        yields(200).await;
                        assert!(s.len() >= accused, "one has gone on: {verdict}");
                        s.cancel("seen");
                        return true;
                    }
                    assert!(quiet < 200, "nobody is accused:\n{}", looks.snapshot());
                    yields(1).await;
                }
                false
            });
            tree.watch(looker).await
        };
        found += usize::from(Sim::new(seed).run(work).unwrap());
    }
    assert!(found > 0 && found < seeds as usize, "{found} of {seeds}");
}

/// Given programs that end, in many orders, when somebody looks at every step, then no one is ever accused.
#[test]
fn o33_no_false_verdict_in_any_order() {
    for seed in 0..crate::seeds(1000) {
        let tree = Tree::new();
        let looks = tree.clone();
        Sim::new(seed)
            .run(async move |sim| {
                let inner = sim.clone();
                tree.watch(async {
                    scope(&sim, async |s| {
                        s.spawn_daemon(async move {
                            loop {
                                assert!(looks.verdict().is_none(), "{}", looks.verdict().unwrap());
                                yields(1).await;
                            }
                        });
                        let slot = Slot::default();
                        let first = s.spawn(async { yields(2).await });
                        *slot.lock().unwrap() = Some(first);
                        s.spawn(join_what_is_in(slot));
                        let limited = inner.clone();
                        s.spawn(async move {
                            scope_limited(&limited, 2, async |l| {
                                for n in 0..6 {
                                    l.spawn(yields(n % 3)).await.unwrap();
                                }
                            })
                            .await;
                        });
                        s.spawn(async {
                            concurrent(async |c| {
                                let one = c.spawn(yields(1));
                                c.spawn(async { one.await.unwrap() });
                            })
                            .await;
                        });
                    })
                    .await;
                })
                .await;
            })
            .unwrap();
    }
}
