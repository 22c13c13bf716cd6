//! Scopes that block the calling thread and borrow.

use anyscope::{
    BlockOn, CancelledBy, JoinError, Ready, ScopeError, Spawn, StartError, block_scope,
    threads::ThreadPool, try_block_scope,
};
use std::{
    future::pending,
    sync::{Mutex, mpsc},
    thread,
};
use support::{
    Gauge, Log, Signal, Tracer, blocking, blow_up, cause, errors, panic_in, panic_message, record,
    until_idle, yield_now,
};

type Failing = Result<(), &'static str>;

blocking! {
    /// Children borrow what is around the call, also mutably, and the value of the body comes back.
    children_borrow_and_the_value_comes_back |owner| {
        let words = ["to", "be", "or"];
        let mut longest = "";
        let letters = block_scope(owner, async |s| {
            s.spawn(async { longest = words.iter().max_by_key(|word| word.len()).unwrap() });
            let lengths = words.each_ref().map(|word| s.spawn(async move { word.len() }));
            let mut sum = 0;
            for length in lengths {
                sum += length.await.unwrap();
            }
            sum
        });
        assert_eq!((letters, longest), (6, "or"));
    }

    /// Several children have a part each of what is borrowed, and values may borrow too.
    children_borrow_parts_and_return_borrows |owner| {
        let mut numbers = [1, 2, 3, 4];
        let (left, right) = numbers.split_at_mut(2);
        let text = String::from("to be");
        let first = block_scope(owner, async |s| {
            for half in [left, right] {
                s.spawn(async move { half.iter_mut().for_each(|number| *number *= 10) });
            }
            s.spawn(async { text.split(' ').next().unwrap() }).await.unwrap()
        });
        assert_eq!((numbers, first), ([10, 20, 30, 40], "to"));
    }

    /// Given a body that returns while children run, then the call returns after the last child.
    s1_block_scope_waits_for_last_child |owner| {
        let (log, go) = (Log::new(), Signal::new());
        block_scope(owner, async |s| {
            for _ in 0..3 {
                let (log, go) = (&log, &go);
                s.spawn(async move {
                    go.wait().await;
                    yield_now().await;
                    log.add("child");
                });
            }
            log.add("body");
            go.fire();
        });
        log.add("returned");
        assert_eq!(log.events(), ["body", "child", "child", "child", "returned"]);
    }

    /// Children spawn siblings through the scope that they capture; those are waited for too, also
    /// after the body ended.
    s3_block_scope_waits_for_a_grandchild_spawned_after_the_body_ended |owner| {
        let (log, go) = (Log::new(), Signal::new());
        block_scope(owner, async |s| {
            s.spawn(async {
                go.wait().await;
                s.spawn(async {
                    yield_now().await;
                    log.add("grandchild");
                });
            });
            go.fire();
        });
        log.add("returned");
        assert_eq!(log.events(), ["grandchild", "returned"]);
    }

    /// Given a cancel, then idle children are gone when it returns, later ones are never polled,
    /// and the body goes on.
    s6_c1_cancel_ends_children_present_and_future |owner| {
        let (idle, late) = (Tracer::new(), Tracer::new());
        let value = block_scope(owner, async |s| {
            let child = s.spawn(idle.trace(pending::<()>()));
            until_idle(&idle, &child).await;
            s.cancel("test");
            assert_eq!(idle.alive(), 0);
            assert_eq!(cause(child.await), CancelledBy::Scope);
            let refused = s.spawn(late.trace(async {}));
            assert_eq!(cause(refused.await), CancelledBy::Scope);
            assert!(s.is_cancelled());
            7
        });
        assert_eq!((value, late.polls(), late.drops()), (7, 0, 1));
    }

    /// A handle gives its outcome once; one that is dropped leaves the child alone.
    s9_s10_handles_are_those_of_other_scopes |owner| {
        let log = Log::new();
        block_scope(owner, async |s| {
            let mut child = s.spawn_named("worker", async { 7 });
            assert_eq!(child.name(), Some("worker"));
            assert_eq!((&mut child).await.unwrap(), 7);
            assert!(matches!(child.await, Err(JoinError::Taken)));
            assert_eq!(s.spawn(async { 8 }).value().await, 8);
            let cancelled = s.spawn(pending::<()>());
            assert_eq!(cause(cancelled.cancel().await), CancelledBy::Handle);
            s.spawn(async {
                yield_now().await;
                log.add("child");
            });
        });
        assert_eq!(log.events(), ["child"]);
    }

    /// Given a daemon, when the body and all ordinary children are done, then it is cancelled, and
    /// its end is no error.
    s15_daemons_of_a_block_scope_end_with_it |owner| {
        let log = Log::new();
        let result = try_block_scope(owner, async |s| -> Result<(), &str> {
            s.spawn_daemon(async {
                let _gone = log.on_drop("daemon");
                pending::<Result<(), &str>>().await
            });
            s.spawn(async {
                yield_now().await;
                log.add("child");
                Ok::<_, &str>(())
            });
            yield_now().await;
            Ok(())
        });
        assert!(result.is_ok());
        assert!(log.events().iter().all(|event| event == "child" || event == "daemon"));
        assert!(log.events().contains(&"child".into()));
    }

    /// A child that says when it is ready may borrow as well.
    s17_child_of_a_block_scope_says_when_it_is_ready |owner| {
        let name = String::from("port");
        block_scope(owner, async |s| {
            let (port, server) = s
                .start(async |ready: Ready<(&str, u16)>| {
                    ready.signal((&name, 8080));
                    yield_now().await;
                    "bye"
                })
                .await
                .unwrap();
            assert_eq!((port, server.await.unwrap()), (("port", 8080), "bye"));
            let never = s.start(async |ready: Ready<()>| drop(ready)).await;
            assert!(matches!(never, Err(StartError::NeverStarted)));
        });
    }

    /// Given one child that fails, then siblings and body end, and the error comes back when all
    /// are gone; errors may borrow.
    f1_first_error_ends_siblings_and_body |owner| {
        let (log, text) = (Log::new(), String::from("broken"));
        let result = try_block_scope(owner, async |s| -> Result<(), &str> {
            let _gone = log.on_drop("body");
            let tracer = Tracer::new();
            let sibling = s.spawn(tracer.trace(async {
                let _gone = log.on_drop("sibling");
                pending::<Result<(), &str>>().await
            }));
            until_idle(&tracer, &sibling).await;
            s.spawn(async { Err::<(), _>(text.as_str()) }).value().await;
            unreachable!("the body is dropped here");
        });
        log.add("returned");
        assert_eq!(errors(result), ["broken"]);
        assert_eq!(log.events_after_any(2), ["body", "sibling", "returned"]);
    }

    /// Given a body that fails, then children end first, and its error comes back.
    f3_error_of_the_body_ends_the_children_first |owner| {
        let log = Log::new();
        let result = try_block_scope(owner, async |s| -> Result<(), String> {
            let tracer = Tracer::new();
            let child = s.spawn(tracer.trace(async {
                let _gone = log.on_drop("child");
                pending::<Result<(), String>>().await
            }));
            until_idle(&tracer, &child).await;
            Err("body".into())
        });
        log.add("returned");
        assert_eq!(errors(result), ["body"]);
        assert_eq!(log.events(), ["child", "returned"]);
    }

    /// Given a sibling that fails while the scope comes down, then its error is attached.
    f6_error_of_a_sibling_on_its_way_out_is_attached with threads |owner| {
        let result = try_block_scope(owner, async |s| -> Failing {
            let (until_cancelled, cancelled) = mpsc::channel::<()>();
            s.spawn(async move {
                let _until_cancelled = until_cancelled;
                pending::<Failing>().await
            });
            let running = Signal::new();
            let entered = running.clone();
            s.spawn_blocking(move || {
                entered.fire();
                cancelled.recv().unwrap_err();
                Err::<(), _>("second")
            });
            running.wait().await;
            s.spawn(async { Err::<(), _>("first") });
            pending().await
        });
        assert_eq!(errors(result), ["first", "second"]);
    }

    /// A cancelled fail-fast scope says so; values that are there count.
    f8_c6_cancelled_block_scope_says_so |owner| {
        let cancelled = try_block_scope(owner, async |s| -> Failing {
            s.spawn(async {
                s.cancel("test");
                pending::<Failing>().await
            });
            pending().await
        });
        let Err(ScopeError::Cancelled(why)) = cancelled else { panic!("{cancelled:?}") };
        assert_eq!(why.by(), CancelledBy::Scope);
        let failed = try_block_scope(owner, async |s| -> Failing {
            s.cancel("test");
            Err("cleanup")
        });
        assert_eq!(errors(failed), ["cleanup"]);
        let value = try_block_scope(owner, async |s| -> Result<i32, &str> {
            s.cancel("test");
            Ok(7)
        });
        assert_eq!(value.unwrap(), 7);
    }

    /// Given a supervised child that panics, then its handle has the panic, and siblings run on.
    f9_panic_goes_to_the_handle |owner| {
        let log = Log::new();
        let value = block_scope(owner, async |s| {
            s.on_event(record(&log));
            let go = Signal::new();
            let waited = go.wait();
            let sibling = s.spawn(async move {
                waited.await;
                7
            });
            let panicked = s.spawn(async { blow_up::<()>("boom") });
            assert_eq!(panic_message(panicked.await), "boom");
            go.fire();
            sibling.await.unwrap()
        });
        assert_eq!(value, 7);
        assert_eq!(log.events(), ["panicked: boom"]);
    }

    /// Given a panic that no handle receives, or of any child of a fail-fast scope, or of the body,
    /// then it goes on in the caller, after all others are gone.
    f12_panic_goes_on_in_the_caller_when_all_are_gone |owner| {
        for place in ["unread child", "fail-fast child", "body", "fail-fast body"] {
            let log = Log::new();
            let message = panic_in(|| match place {
                "unread child" | "body" => block_scope(owner, async |s| {
                    let tracer = Tracer::new();
                    let sibling = s.spawn(tracer.trace(async {
                        let _gone = log.on_drop("sibling");
                        pending::<()>().await;
                    }));
                    until_idle(&tracer, &sibling).await;
                    if place == "body" {
                        blow_up::<()>(place);
                    }
                    s.spawn(async { blow_up::<()>(place) });
                    pending::<()>().await;
                }),
                _ => drop(try_block_scope(owner, async |s| -> Result<(), &str> {
                    let tracer = Tracer::new();
                    let sibling = s.spawn(tracer.trace(async {
                        let _gone = log.on_drop("sibling");
                        pending::<Result<(), &str>>().await
                    }));
                    until_idle(&tracer, &sibling).await;
                    if place == "fail-fast body" {
                        blow_up::<()>(place);
                    }
                    s.spawn(async { blow_up::<Result<(), &str>>(place) }).value().await;
                    unreachable!("the body is dropped here");
                })),
            });
            log.add("caller");
            assert_eq!(message, place);
            assert_eq!(log.events(), ["sibling", "caller"]);
        }
    }

    /// Given a panic and an error, then the panic wins.
    f14_panic_goes_before_an_error |owner| {
        let message = panic_in(|| {
            try_block_scope(owner, async |s| -> Failing {
                let tracer = Tracer::new();
                let child = s.spawn(tracer.trace(async {
                    let _bomb = support::on_drop(|| blow_up::<()>("panic"));
                    pending::<Failing>().await
                }));
                until_idle(&tracer, &child).await;
                Err("error")
            })
        });
        assert_eq!(message, "panic");
    }

    /// Given a scope that is cancelled from another thread while its thread is blocked, then it is
    /// woken.
    c11_cancel_from_another_thread_wakes_the_blocked_one |owner| {
        let tracer = Tracer::new();
        let result = try_block_scope(owner, async |s| -> Failing {
            for _ in 0..3 {
                s.spawn(tracer.trace(pending::<Failing>()));
            }
            s.spawn_blocking(|| {
                s.cancel("test");
                Ok::<_, &str>(())
            });
            pending().await
        });
        assert!(result.unwrap_err().is_cancelled());
        assert_eq!(tracer.alive(), 0);
    }

    /// Given a `block_scope` inside that of a *different* executor, then both work, in the body and
    /// in a child, and each borrows from the other.
    block_scope_nests_in_that_of_another_executor with threads |owner| {
        let (one, other) = (ThreadPool::new(1), ThreadPool::new(0));
        let numbers = [1, 2, 3];
        let sums = block_scope(owner, async |outer| {
            let in_child = outer.spawn(async {
                block_scope(&one, async |inner| {
                    let mut sum = 0;
                    for child in numbers.each_ref().map(|n| inner.spawn(async move { *n })) {
                        sum += child.await.unwrap();
                    }
                    sum
                })
            });
            let in_body = block_scope(&other, async |inner| {
                let product = inner.spawn(async { numbers.iter().product::<i32>() });
                product.await.unwrap()
            });
            (in_child.await.unwrap(), in_body)
        });
        assert_eq!(sums, (6, 6));
    }

    /// Given a `block_scope` inside itself on the same executor, then it panics before its body
    /// runs, and the outer one goes on.
    s14_block_scope_inside_itself_panics_before_its_body_runs |owner| {
        let message = block_scope(owner, async |_| {
            panic_in(|| block_scope(owner, async |_| unreachable!()))
        });
        assert_eq!(message.matches(file!()).count(), 2, "{message}");
    }

    /// A child runs on another executor, borrows, and is waited for.
    child_on_another_executor_borrows with threads |owner| {
        let (pool, here, mut other_thread) = (ThreadPool::new(1), thread::current().id(), None);
        block_scope(owner, async |s| {
            s.spawn_on(&pool, async { other_thread = Some(thread::current().id()) });
        });
        assert!(other_thread.is_some_and(|id| id != here));
    }

    /// Closures that block run elsewhere, borrow, and are waited for.
    blocking_child_borrows with threads |owner| {
        let (text, mut length) = (String::from("to be"), 0);
        let (send, receive) = mpsc::channel();
        let receive = Mutex::new(receive);
        block_scope(owner, async |s| {
            s.spawn_blocking(|| {
                receive.lock().unwrap().recv().unwrap();
                length = text.len();
            });
            // Were it run here, it would wait for ever.
            s.spawn(async move { send.send(()).unwrap() });
        });
        assert_eq!(length, 5);
    }

    /// Given more children than threads, then all of them are under way at once.
    children_run_concurrently |owner| {
        let (gauge, full) = (Gauge::new(), Signal::new());
        block_scope(owner, async |s| {
            for _ in 0..10 {
                s.spawn(async {
                    let _inside = gauge.enter();
                    if gauge.now() == 10 {
                        full.fire();
                    }
                    full.wait().await;
                });
            }
        });
        assert_eq!(gauge.peak(), 10);
    }

    /// The scope tells its executor, and how many children it has and had.
    scope_tells_about_itself |owner| {
        block_scope(owner, async |s| {
            assert!(std::ptr::eq(s.executor(), owner));
            let go = Signal::new();
            let child = s.spawn(go.wait());
            assert_eq!((s.len(), s.spawned()), (1, 1));
            go.fire();
            child.await.unwrap();
            assert!(format!("{s:?}").starts_with("Scope {"));
        });
    }
}

/// An executor whose `block_on` is asked to drive nothing: all children run on a thread of its own.
#[test]
fn block_scope_takes_executors_by_reference_and_unsized() {
    struct Dyn(Box<dyn Spawn + Sync>, ThreadPool);

    impl Spawn for Dyn {
        fn spawn(&self, child: anyscope::Child) {
            self.0.spawn(child);
        }
    }

    impl BlockOn for Dyn {
        fn block_on<F: Future>(&self, future: F) -> F::Output {
            self.1.block_on(future)
        }
    }

    let pool = ThreadPool::new(1);
    let exec = Dyn(Box::new(pool.handle()), pool);
    let text = String::from("to be");
    assert_eq!(block_scope(&exec, async |s| s.spawn(async { text.len() }).value().await), 5);
}
