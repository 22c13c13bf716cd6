//! Each fact in a snapshot is what the test did.

use anyscope::{
    CancelledBy, Clock, FutureSet, Instant, OwnedScope, Semaphore, block_scope, concurrent,
    context::Context,
    flow,
    observe::{
        labelled,
        tree::{ChildView, ScopeView, Snapshot, State, Tree},
    },
    scope, scope_limited, shield, try_scope,
};
use futures_lite::{StreamExt, future, stream};
use std::{
    future::{pending, poll_fn},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    task::{Poll, Waker},
    time::Duration,
};
use support::{SECOND, Signal, Tracer, behaviour, until, yield_now, yields};

/// Waits until the tree looks so, and returns how it looks.
async fn seen(tree: &Tree, looks: impl Fn(&Snapshot) -> bool) -> Snapshot {
    until(|| looks(&tree.snapshot())).await;
    tree.snapshot()
}

fn named<'s>(snapshot: &'s Snapshot, name: &str) -> &'s ChildView {
    snapshot
        .children()
        .find(|child| child.name() == Some(name))
        .unwrap_or_else(|| panic!("no {name} in\n{snapshot}"))
}

fn waits(child: &ChildView) -> Vec<&str> {
    child.waits.iter().map(|wait| &*wait.text).collect()
}

fn waits_for(snapshot: &Snapshot, name: &str, what: &str) -> bool {
    is_idle(snapshot, name) && waits(named(snapshot, name)) == [what]
}

/// Whether the child of that name is idle after a poll.
fn is_idle(snapshot: &Snapshot, name: &str) -> bool {
    snapshot.children().any(|child| child.name() == Some(name) && child.state == State::Waiting)
}

fn only(snapshot: &Snapshot) -> &ScopeView {
    let [scope] = &snapshot.scopes[..] else { panic!("not one scope:\n{snapshot}") };
    scope
}

behaviour! {
    /// Given children that wait, one that has ended and one that is a daemon, then the snapshot has those that live, with names, places,
    /// polls and what each waits for; when the scope has ended, it is gone.
    o1_children_and_what_they_wait_for with tasks in [spawned, inline] |ex| {
        let (tree, go) = (Tree::new(), Signal::new());
        let work = open!(async |s| {
            let line = line!() + 1;
            let feed = s.spawn_named("feed", labelled("the network", go.wait()));
            let _ = s.spawn(async {}).await;
            s.spawn_named("reader", async move { feed.await.unwrap() });
            s.spawn_daemon(pending::<()>());
            let now = seen(&tree, |now| {
                // A child has left its scope a moment after its handle has the value.
                is_idle(now, "feed") && is_idle(now, "reader") && only(now).live == 3
            }).await;
            let scope = only(&now);
            assert_eq!((scope.live, scope.spawned, scope.children.len()), (3, 4, 3), "{now}");
            assert!(scope.name.contains("o1_children_and_what_they_wait_for"), "{now}");
            let ids: Vec<_> = scope.children.iter().map(|child| child.id.to_string()).collect();
            assert_eq!(ids, ["#0", "#2", "daemon #0"]);
            let (feed, reader) = (named(&now, "feed"), named(&now, "reader"));
            assert_eq!((feed.spawned_at.file(), feed.spawned_at.line()), (file!(), line));
            assert_eq!((feed.polls, waits(feed)), (1, vec!["the network"]));
            assert_eq!(waits(reader), [format!("child `feed`, spawned at {}", feed.spawned_at)]);
            let wait = &reader.waits[0];
            assert_eq!((wait.scope, wait.child), (Some(scope.number), Some(feed.id)));
            assert!(!feed.is_shielded && feed.asked_by.is_none() && feed.busy.is_none());
            go.fire();
        });
        tree.watch(work).await;
        assert!(tree.snapshot().scopes.is_empty());
    }

    /// Given a flow, a set and a merge that wait, then each says how much is in flight, undelivered and asked for.
    o16_flows_and_sets_say_what_they_have with tasks in [spawned, inline] |ex| {
        let (tree, go) = (Tree::new(), Signal::new());
        let work = open!(async |s| {
            let (first, second, third, fourth) = (go.clone(), go.clone(), go.clone(), go.clone());
            s.spawn_named("ordered", async move {
                let waits = async |n: u32| if n == 0 { first.wait().await };
                flow::iter(0..3).map_concurrent(3, waits).for_each(async |()| ()).await;
            });
            s.spawn_named("asks", async move {
                let source = flow::stream(stream::once_future(second.wait()));
                source.map_concurrent(2, async |()| ()).for_each(async |()| ()).await;
            });
            s.spawn_named("set", async move {
                FutureSet::from_iter([third.wait(), third.wait()]).collect::<()>().await;
            });
            s.spawn_named("merge", async move {
                let sources = [0; 40].map(|_| flow::stream(stream::once_future(fourth.wait())));
                flow::merge(sources).for_each(async |()| ()).await;
            });
            let all = ["ordered", "asks", "set", "merge"];
            let now = seen(&tree, |now| all.iter().all(|name| is_idle(now, name))).await;
            assert_eq!(waits(named(&now, "ordered")), ["a flow with 1 of 3 in flight, 2 undelivered", "the source of a flow"]);
            assert_eq!(waits(named(&now, "asks")), ["the source of a flow", "the source of a flow"]);
            assert_eq!(waits(named(&now, "set")), ["one of the 2 futures of a set"]);
            assert_eq!(waits(named(&now, "merge")), ["an item of several sources", "the source of a flow"]);
            go.fire();
        });
        tree.watch(work).await;
    }

    /// Given a child that waits for permits which another one holds, then the snapshot says who; and on which executor a scope has its
    /// children, if on any.
    o17_holders_and_executors in [spawned, inline] |ex| {
        let (tree, go, sem) = (Tree::new(), Signal::new(), Semaphore::new(2));
        let work = open!(async |s| {
            let (holds, waits_too, go) = (sem.clone(), sem.clone(), go.clone());
            let end = go.clone();
            s.spawn_named("holds", async move {
                let _two = holds.acquire_many(2).await.unwrap();
                labelled("the end", end.wait()).await;
            });
            seen(&tree, |now| is_idle(now, "holds")).await;
            s.spawn_named("waits", async move { drop(waits_too.acquire().await.unwrap()) });
            let now = seen(&tree, |now| is_idle(now, "waits")).await;
            let holders = &named(&now, "waits").waits[0].holders;
            let id = named(&now, "holds").id;
            assert_eq!(holders.len(), 1, "{now}");
            assert_eq!((holders[0].scope, holders[0].child), (only(&now).number, Some(id)));
            assert_eq!(holders[0].count, 2);
            let text = now.to_string();
            assert!(text.contains("1 permit of a semaphore of 2 that child `holds`, spawned at "), "{text}");
            go.fire();
            now
        });
        let _ = tree.watch(work).await;
        let inline = concurrent(async |_| only(&tree.snapshot()).executor);
        assert_eq!(tree.watch(inline).await, None);
        let spawned = scope(&ex, async |_| only(&tree.snapshot()).executor);
        assert_eq!(tree.watch(spawned).await, Some(std::any::type_name_of_val(&ex)));
    }

    /// Given two looks, then who waited and was not polled in between is named with what it waits for, and nobody else.
    o18_who_waits_for_long with tasks in [spawned, inline] |ex| {
        let (tree, go) = (Tree::new(), Signal::new());
        let work = open!(async |s| {
            let (waits, moves) = (go.clone(), Signal::new());
            let moved = moves.clone();
            s.spawn_named("waits", labelled("an answer", waits.wait()));
            s.spawn_named("moves", async move {
                labelled("a first", moved.wait()).await;
                labelled("a second", pending::<()>()).await;
            });
            let before = seen(&tree, |now| is_idle(now, "waits") && is_idle(now, "moves")).await;
            moves.fire();
            seen(&tree, |now| waits_for(now, "moves", "a second")).await;
            s.spawn_named("new", pending::<()>());
            let now = seen(&tree, |now| is_idle(now, "new")).await;
            let unmoved = now.unmoved_since(&before);
            let names: Vec<_> = unmoved.children.iter().map(|stays| stays.child.name()).collect();
            assert_eq!(names, [Some("waits")], "{unmoved}");
            assert!(unmoved.to_string().contains("`waits`, "), "{unmoved}");
            assert!(unmoved.to_string().contains("1 poll, waits for an answer"), "{unmoved}");
            let later = now.unmoved_since(&now).children.len();
            assert_eq!(later, 3);
            s.cancel("seen");
        });
        let _ = tree.watch(work).await;
        let nobody = tree.snapshot();
        assert!(nobody.unmoved_since(&nobody).is_empty());
    }

    /// Given scopes in children and in the body of a scope, of any kind, then each is where it began.
    o2_scopes_are_where_they_began |ex| {
        let (tree, go) = (Tree::new(), Signal::new());
        let (inner, seen_go) = (ex.clone(), go.clone());
        let work = scope(&ex, async |s| {
            s.spawn_named("outer", async move {
                let go = &seen_go;
                try_scope(&inner, async |s| {
                    let go = go.clone();
                    s.spawn_named("in a child", async move {
                        go.wait().await;
                        Ok(())
                    });
                    Ok::<_, ()>(())
                })
                .await
            });
            concurrent(async |c| {
                c.spawn_named("in the body", go.wait());
                let now = seen(&tree, |now| {
                    let waits = now.all_scopes().flat_map(|scope| &scope.waits);
                    let waits_for_end = waits.filter(|wait| wait.text.starts_with("the end")).count() == 1;
                    waits_for_end && is_idle(now, "in a child") && is_idle(now, "in the body")
                }).await;
                let root = only(&now);
                assert_eq!(root.children.len(), 1, "{now}");
                assert_eq!(root.children[0].scopes[0].children[0].name(), Some("in a child"), "{now}");
                assert_eq!(root.scopes[0].children[0].name(), Some("in the body"), "{now}");
                assert_eq!(now.all_scopes().count(), 3, "{now}");
                let text = root.children[0].scopes[0].waits[0].text.clone();
                assert_eq!(text, "the end of a scope, with 1 to go");
                go.fire();
            })
            .await;
        });
        tree.watch(work).await;
        assert!(tree.snapshot().scopes.is_empty());
    }

    /// Given waits for room, for permits, for a time, for a cancel, then each says so, in the words of the simulator.
    o3_waits_have_words |ex| {
        let tree = Tree::new();
        let semaphore = Semaphore::new(2);
        let held = semaphore.acquire().await.unwrap();
        let (inner, sleeper) = (ex.clone(), ex.clone());
        let work = scope(&ex, async |s| {
            let permits = semaphore.clone();
            s.spawn_named("permits", async move { permits.acquire_many(2).await.map(drop) });
            s.spawn_named("room", async move {
                scope_limited(&inner, 1, async |s| {
                    s.spawn(pending::<()>()).await.unwrap();
                    let _ = s.spawn(async {}).await;
                })
                .await;
            });
            s.spawn_named("time", async move { sleeper.sleep(1000 * SECOND).await });
            let token = s.token();
            s.spawn_named("cancel", async move { token.cancelled().await });
            let all = ["permits", "room", "time", "cancel"];
            let now = seen(&tree, |now| all.iter().all(|name| is_idle(now, name))).await;
            let text = |name| waits(named(&now, name)).join(" and ");
            assert_eq!(text("permits"), "2 permits of a semaphore of 2");
            assert_eq!(text("cancel"), "a cancel");
            // The timer of tokio itself says nothing.
            assert!(["a time", ""].contains(&&*text("time")), "{now}");
            let limited = &named(&now, "room").scopes[0];
            assert_eq!((limited.limit, limited.live), (Some(1), 1));
            assert_eq!(limited.waits[0].text, "room in a scope of 1");
            assert_eq!(limited.waits[0].scope, Some(limited.number));
            s.cancel("seen");
        });
        tree.watch(work).await;
        drop(held);
    }

    /// Given a cancel, then the scope says so with the reason, and a child behind a shield says that it is asked to end.
    o4_cancels_and_shields in [spawned] |ex| {
        let (tree, go) = (Tree::new(), Signal::new());
        let work = open!(async |s| {
            let end = go.clone();
            s.spawn_named("shielded", async move { shield(end.wait()).await });
            seen(&tree, |now| is_idle(now, "shielded")).await;
            s.cancel("the user left");
            let now = seen(&tree, |now| is_idle(now, "shielded")).await;
            let shielded = named(&now, "shielded");
            assert!(shielded.is_shielded, "{now}");
            assert_eq!(shielded.asked_by, Some(CancelledBy::Scope));
            assert!(only(&now).is_cancelled);
            assert!(only(&now).reason.as_ref().unwrap().contains("the user left"), "{now}");
            assert!(now.to_string().contains("cancelled"), "{now}");
            go.fire();
        });
        tree.watch(work).await;
    }

    /// Given an owned scope that was made in a tree, then it is there until it is dropped, children or not.
    o5_owned_scopes |ex| {
        let tree = Tree::new();
        let owned = tree.context(&Context::new()).enter(|| OwnedScope::new(&ex));
        assert_eq!(only(&tree.snapshot()).name, "an owned scope");
        owned.spawn_named("for ever", pending::<()>());
        let now = seen(&tree, |now| is_idle(now, "for ever")).await;
        assert_eq!(only(&now).live, 1);
        drop(owned);
        until(|| tree.snapshot().scopes.is_empty()).await;
    }

    /// Given a child that is being polled, then a look from inside says so, and not what it waited for before.
    o6_a_look_from_inside |ex| {
        let tree = Tree::new();
        let looks = tree.clone();
        let work = scope(&ex, async |s| {
            s.spawn_named("looks", async move {
                labelled("a turn", yield_now()).await;
                let now = looks.snapshot();
                let itself = named(&now, "looks");
                assert_eq!((itself.state, itself.polls, itself.waits.len()), (State::Polled, 2, 0));
                assert!(now.to_string().contains("is being polled"), "{now}");
            })
            .await
            .unwrap();
        });
        tree.watch(work).await;
    }

    /// Given virtual time, then ages are those of the clock: of a scope since it began, of a child since it had to wait first.
    o7_ages with virtual_time |ex| {
        let tree = Tree::builder().clock(ex.clone()).build();
        let clock = ex.clone();
        let work = scope(&ex, async |s| {
            clock.sleep(SECOND).await;
            s.spawn_named("waits", labelled("nothing", pending::<()>()));
            clock.sleep(2 * SECOND).await;
            let now = tree.snapshot();
            let age = |duration: Duration| duration.as_millis();
            assert_eq!(age(only(&now).age), 3000, "{now}");
            assert_eq!(named(&now, "waits").age.map(age), Some(2000), "{now}");
            s.cancel("seen");
        });
        tree.watch(work).await;
    }

    /// Given a tree that measures polls, then a child has the time that its polls took, and another tree has none.
    o8_time_in_polls |ex| {
        let tree = Tree::builder().time_polls(true).build();
        let work = scope(&ex, async |s| {
            s.spawn_named("busy", async {
                std::thread::sleep(Duration::from_millis(2));
                pending::<()>().await;
            });
            let now = seen(&tree, |now| is_idle(now, "busy") && named(now, "busy").busy != Some(Duration::ZERO)).await;
            assert!(named(&now, "busy").busy.unwrap() >= Duration::from_millis(2), "{now}");
            s.cancel("seen");
        });
        tree.watch(work).await;
    }

    /// Given several waits in one poll, then the first ones are named and the others counted.
    o9_many_waits |ex| {
        let tree = Tree::new();
        let work = scope(&ex, async |s| {
            s.spawn_named("many", async {
                let wait = || labelled("one", pending::<()>());
                anyscope::join((wait(), labelled("two", wait()), wait(), wait())).await
            });
            let now = seen(&tree, |now| is_idle(now, "many")).await;
            let many = named(&now, "many");
            assert_eq!((waits(many), many.more_waits), (vec!["one", "one", "two"], 2));
            assert!(now.to_string().contains("waits for one and one and two and 2 more"), "{now}");
            s.cancel("seen");
        });
        tree.watch(work).await;
    }

    /// Given names that would move the cursor, or fill the screen, then the text has neither.
    o10_hostile_names |ex| {
        let tree = Tree::new();
        let work = scope(&ex, async |s| {
            s.spawn_named("\x1b[2J\nx", pending::<()>());
            s.spawn_named("long".repeat(1 << 18), pending::<()>());
            let text = tree.snapshot().to_string();
            assert!(!text.contains('\x1b') && text.len() < 2000, "{}", text.len());
            assert_eq!(text.lines().count(), 3, "{text}");
            s.cancel("seen");
        });
        tree.watch(work).await;
    }

    /// Given a clock that panics, then the children do not.
    o11_a_clock_that_panics |ex| {
        struct Breaks(Arc<AtomicBool>);

        impl Clock for Breaks {
            fn now(&self) -> Instant {
                assert!(!self.0.load(Ordering::SeqCst), "a clock");
                Instant::from_epoch(SECOND)
            }
        }

        let breaks = Arc::new(AtomicBool::new(false));
        let tree = Tree::builder().clock(Breaks(breaks.clone())).build();
        let work = scope(&ex, async |s| {
            breaks.store(true, Ordering::SeqCst);
            let child = s.spawn(async { labelled("a turn", yields(3)).await; 7 });
            assert_eq!(child.await.unwrap(), 7);
            breaks.store(false, Ordering::SeqCst);
        });
        tree.watch(work).await;
    }

    /// Given hooks in the context too, then both are around each poll.
    o12_hooks_and_a_tree with tasks |ex| {
        struct Counts(Arc<Mutex<u32>>);

        impl anyscope::context::Hook for Counts {
            fn around(&self, poll: &mut dyn FnMut()) {
                *self.0.lock().unwrap() += 1;
                poll();
            }
        }

        let (tree, count) = (Tree::new(), Arc::new(Mutex::new(0)));
        let context = tree.context(&Context::new()).with_hook(Counts(count.clone()));
        let tracer = Tracer::new();
        let work = scope(&ex, async |s| {
            let child = s.spawn_named("both", tracer.trace(async {
                yields(2).await;
                pending::<()>().await;
            }));
            let now = seen(&tree, |now| is_idle(now, "both") && named(now, "both").polls >= 3).await;
            assert_eq!(named(&now, "both").polls, tracer.polls());
            assert!(*count.lock().unwrap() as usize >= tracer.polls());
            child.abort();
        });
        context.around(work).await;
    }

    /// Given children that begin and end, when it is looked at between, then each is there once.
    o13_children_that_end_while_it_is_looked_at in [spawned, inline] |ex| {
        let tree = Tree::new();
        let work = open!(async |s| {
            for _ in 0..200 {
                s.spawn(yields(1));
                let now = tree.snapshot();
                let mut ids: Vec<_> = now.children().map(|child| child.id).collect();
                ids.dedup();
                assert_eq!(ids.len(), now.children().count());
                yield_now().await;
            }
        });
        tree.watch(work).await;
    }

    /// Given a scope with deadlines, then it says how long it is to the earliest, also when that was moved or has passed; the one in it does not.
    o19_deadlines with virtual_time |ex| {
        let tree = Tree::builder().clock(ex.clone()).build();
        let (timer, inner) = (ex.clone(), ex.clone());
        let at = |after| timer.now().saturating_add(after);
        let work = concurrent(async |s| {
            assert_eq!(only(&tree.snapshot()).deadline, None);
            let _late = s.deadline(&timer, at(20 * SECOND));
            let early = s.deadline(&timer, at(10 * SECOND));
            s.spawn_named("inside", async move { concurrent(async |_| inner.sleep(SECOND).await).await });
            yields(2).await;
            let now = tree.snapshot();
            assert_eq!(only(&now).deadline, Some(10 * SECOND), "{now}");
            assert_eq!(named(&now, "inside").scopes[0].deadline, None, "{now}");
            assert!(now.to_string().contains(", 10.0 s to its deadline"), "{now}");
            timer.sleep(2 * SECOND).await;
            assert_eq!(only(&tree.snapshot()).deadline, Some(8 * SECOND));
            early.move_to(at(60 * SECOND));
            assert_eq!(only(&tree.snapshot()).deadline, Some(18 * SECOND));
            early.move_to(at(SECOND));
            timer.sleep(2 * SECOND).await;
            let now = tree.snapshot();
            assert!(only(&now).is_cancelled, "{now}");
        });
        tree.watch(work).await;
    }

    /// Given a scope that is dropped while its children are in it, then the tree tells so, once, with what they wait for; not of scopes inside,
    /// of those that are cancelled or have ended, nor of what a cancel drops. A callback that panics breaks nothing.
    o21_dropped_live in [spawned, inline] |ex| {
        let seen: Arc<Mutex<Vec<String>>> = Arc::default();
        let log = seen.clone();
        let tree = Tree::builder().on_dropped_live(move |scope| {
            log.lock().unwrap().push(scope.to_string());
            panic!("a callback");
        }).build();
        let never = Signal::new();
        let (inside, inner) = (never.clone(), ex.clone());
        {
            let work = open!(async |s| {
                s.spawn_named("outer", async move {
                    scope(&inner, async |s| {
                        s.spawn_named("inner", async move { labelled("an answer", inside.wait()).await });
                    })
                    .await;
                });
            });
            let ends = async {
                tree.watch(work).await;
                false
            };
            let waits = async {
                until(|| waits_for(&tree.snapshot(), "inner", "an answer")).await;
                true
            };
            assert!(future::or(ends, waits).await);
        }
        let dropped = seen.lock().unwrap().clone();
        assert_eq!(dropped.len(), 1, "{dropped:?}");
        assert!(dropped[0].contains("`outer`") && dropped[0].contains("waits for an answer"), "{}", dropped[0]);
        until(|| tree.snapshot().scopes.is_empty()).await;
        // A cancel, and an end.
        let inner = ex.clone();
        tree.watch(open!(async |s| {
            s.spawn(async move { scope(&inner, async |s| drop(s.spawn(pending::<()>()))).await });
            yields(3).await;
            s.cancel("enough");
        }))
        .await;
        tree.watch(open!(async |s| drop(s.spawn(async {})))).await;
        assert_eq!(seen.lock().unwrap().len(), 1, "{seen:?}");
    }
}

/// Given a snapshot, then its JSON has ids and places as text, and times in seconds.
#[test]
fn o15_json() {
    let tree = Tree::builder().clock(Still).build();
    let json = smol::block_on(tree.watch(concurrent(async |s| {
        let first = s.spawn_named("first", labelled("a \"word\"", pending::<()>()));
        s.spawn(first);
        yields(2).await;
        let json = serde_json::to_value(tree.snapshot()).unwrap();
        s.cancel("seen");
        json
    })));
    let scope = &json["scopes"][0];
    let [first, second] = [0, 1].map(|at| &scope["children"][at]);
    assert_eq!(
        (&json["age"], &first["age"], &first["busy"]),
        (&0.0.into(), &0.0.into(), &().into())
    );
    assert_eq!(
        (&first["id"], &first["name"], &first["state"]),
        (&"#0".into(), &"first".into(), &"Waiting".into())
    );
    assert_eq!(first["waits"][0]["text"], "a \"word\"");
    assert!(first["spawned_at"].as_str().unwrap().starts_with(file!()));
    assert_eq!(
        (&second["waits"][0]["scope"], &second["waits"][0]["child"]),
        (&scope["number"], &"#0".into())
    );
}

struct Still;

impl Clock for Still {
    fn now(&self) -> Instant {
        Instant::from_epoch(SECOND)
    }
}

/// Given a thread that blocks, then its scope is in the tree, with children that borrow; a look from another thread is as good.
#[test]
fn o14_block_scopes() {
    let tree = Tree::new();
    let pool = anyscope::threads::ThreadPool::new(1);
    let waker: Mutex<Option<Waker>> = Mutex::new(None);
    tree.context(&Context::new()).enter(|| {
        block_scope(&pool, async |s| {
            let (mut first, parked) = (true, &waker);
            s.spawn_named(
                "borrows",
                poll_fn(move |cx| {
                    if std::mem::replace(&mut first, false) {
                        *parked.lock().unwrap() = Some(cx.waker().clone());
                        return Poll::Pending;
                    }
                    Poll::Ready(())
                }),
            );
            let looks = tree.clone();
            let name = std::thread::spawn(move || {
                loop {
                    let now = looks.snapshot();
                    if is_idle(&now, "borrows") {
                        return only(&now).name.clone();
                    }
                }
            });
            assert!(name.join().unwrap().contains("o14_block_scopes"));
            waker.lock().unwrap().take().unwrap().wake();
        });
    });
    assert!(tree.snapshot().scopes.is_empty());
}
