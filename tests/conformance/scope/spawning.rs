//! Ways to spawn: with a name, on another executor, on a thread that may block.

use anyscope::{
    BlockOn, CancelledBy, Child, Spawn, SpawnBlocking, observe::Event, scope, threads::ThreadPool,
    try_scope,
};
use std::{
    future::pending,
    sync::{Arc, Mutex, mpsc},
    thread,
};
use support::{
    Hoard, Log, Refusing, Signal, Tracer, blow_up, cause, errors, panic_message, panic_of,
    poll_once, record, typed_behaviour, yield_now,
};

type Failing = Result<(), &'static str>;

typed_behaviour! {
    /// Given a child with a name, then handles and events tell it.
    name_of_a_child_is_told in [spawned, inline] |ex| {
        let log = Log::new();
        let (events, place) = (log.clone(), Arc::new(Mutex::new(None)));
        let told = place.clone();
        open!(async |s| {
            s.on_event(move |event| {
                let Event::Panicked { child, .. } = event else { panic!("{event:?}") };
                *told.lock().unwrap() = Some(child.spawned_at);
                events.add(format!("{:?} {}", child.name, child.id));
            });
            let line = line!() + 1;
            let named = s.spawn_named("worker", async { blow_up::<()>("boom") });
            assert_eq!(named.name(), Some("worker"));
            assert_eq!(panic_message(named.await), "boom");
            assert_eq!(place.lock().unwrap().unwrap().line(), line);
        })
        .await;
        assert_eq!(log.events(), ["Some(\"worker\") #0"]);
    }

    /// Given a child spawned on another executor, then that one runs it, and this scope waits.
    child_on_another_executor_belongs_to_the_scope with threads |ex| {
        let (log, pool) = (Log::new(), ThreadPool::new(1));
        let here = thread::current().id();
        scope(&ex, async |s| {
            let elsewhere = s.spawn_on(&pool, async { thread::current().id() });
            assert_ne!(elsewhere.await.unwrap(), here);
            let (log, go) = (log.clone(), Signal::new());
            let waited = go.wait();
            s.spawn_on(&pool, async move {
                waited.await;
                log.add("child");
            });
            go.fire();
        })
        .await;
        assert_eq!(log.events(), ["child"]);
    }

    /// It fails, and is cancelled, with the scope.
    child_on_another_executor_shares_the_fate_of_the_scope with threads |ex| {
        let (pool, tracer) = (ThreadPool::new(1), Tracer::new());
        let result = try_scope(&ex, async |s| -> Failing {
            s.spawn(tracer.trace(pending::<Failing>()));
            s.spawn_on(&pool, async { Err::<(), _>("broken") });
            pending().await
        });
        assert_eq!(errors(result.await), ["broken"]);
        let result = try_scope(&ex, async |s| -> Failing {
            s.spawn_on(&pool, tracer.trace(pending::<Failing>()));
            s.spawn(async { Err::<(), _>("broken too") });
            pending().await
        });
        assert_eq!(errors(result.await), ["broken too"]);
        assert_eq!(tracer.alive(), 0);
    }

    /// It is refused by an executor that was shut down, and the scope is told.
    child_on_an_executor_that_is_gone_is_refused with threads |ex| {
        let (log, tracer) = (Log::new(), Tracer::new());
        let pool = ThreadPool::new(1);
        let gone = pool.handle();
        drop(pool);
        scope(&ex, async |s| {
            s.on_event(record(&log));
            let refused = s.spawn_on(&gone, tracer.trace(async {}));
            assert_eq!(cause(refused.await), CancelledBy::Executor);
            let refused = s.spawn_on(&Refusing, tracer.trace(async {}));
            assert_eq!(cause(refused.await), CancelledBy::Executor);
        })
        .await;
        assert_eq!(log.events(), ["refused", "refused"]);
        assert_eq!((tracer.polls(), tracer.alive()), (0, 0));
    }

    /// Given a blocking child, then it runs where blocking disturbs nobody: children of the scope
    /// run on, and may be waited for by blocking.
    blocking_child_disturbs_nobody with threads |ex| {
        let value = scope(&ex, async |s| {
            let (send, receive) = mpsc::channel();
            let blocking = s.spawn_blocking(move || receive.recv().unwrap());
            s.spawn(async move { send.send(7).unwrap() });
            blocking.await.unwrap()
        })
        .await;
        assert_eq!(value, 7);
    }

    /// The scope waits for a blocking child that was started, cancelled or not; its value counts,
    /// as it was ready in the poll in which the cancel came.
    blocking_child_that_was_started_runs_to_its_end with threads |ex| {
        let log = Log::new();
        scope(&ex, async |s| {
            let (leave, may_leave) = mpsc::channel::<()>();
            let (running, log) = (Signal::new(), log.clone());
            let entered = running.clone();
            let blocking = s.spawn_blocking(move || {
                entered.fire();
                may_leave.recv().unwrap_err();
                log.add("blocking child");
                7
            });
            running.wait().await;
            s.cancel("test");
            blocking.abort();
            yield_now().await;
            assert!(!blocking.is_finished());
            drop(leave);
            assert_eq!(blocking.await.unwrap(), 7);
        })
        .await;
        log.add("scope");
        assert_eq!(log.events(), ["blocking child", "scope"]);
    }

    /// The same without anybody who waits for the value.
    scope_waits_for_a_blocking_child_that_was_started with threads |ex| {
        let log = Log::new();
        let (leave, may_leave) = mpsc::channel::<()>();
        scope(&ex, async |s| {
            let (running, log) = (Signal::new(), log.clone());
            let entered = running.clone();
            s.spawn_blocking(move || {
                entered.fire();
                may_leave.recv().unwrap_err();
                log.add("blocking child");
            });
            running.wait().await;
            s.cancel("test");
            drop(leave);
        })
        .await;
        log.add("scope");
        assert_eq!(log.events(), ["blocking child", "scope"]);
    }

    /// Errors and panics of blocking children are the scope's, as those of others.
    failure_of_a_blocking_child_is_the_scopes |ex| {
        let result = try_scope(&ex, async |s| -> Failing {
            s.spawn_blocking(|| Err::<(), _>("broken")).value().await;
            unreachable!("the body is dropped here");
        });
        assert_eq!(errors(result.await), ["broken"]);
        let message = panic_of(scope(&ex, async |s| {
            s.spawn_blocking(|| blow_up::<()>("boom"));
            pending::<()>().await;
        }));
        assert_eq!(message.await, "boom");
    }
}

/// An executor that keeps blocking closures until it is told to run them.
#[derive(Clone, Default)]
struct Later {
    hoard: Hoard,
    jobs: Arc<Mutex<Vec<Job>>>,
}

type Job = Box<dyn FnOnce() + Send>;

impl Spawn for Later {
    fn spawn(&self, child: Child) {
        self.hoard.spawn(child);
    }
}

impl SpawnBlocking for Later {
    fn spawn_blocking(&self, job: Box<dyn FnOnce() + Send>) {
        self.jobs.lock().unwrap().push(job);
    }
}

/// Given a blocking child that no thread has come to, when it is cancelled, then its closure is
/// dropped at once, and never runs.
#[test]
fn blocking_child_that_was_not_started_ends_at_once() {
    let (log, later) = (Log::new(), Later::default());
    let mut scope = Box::pin(scope(&later, async |s| {
        for by_scope in [false, true] {
            let gone = log.on_drop("closure");
            let child = s.spawn_blocking(move || {
                let _gone = gone;
                unreachable!("it was cancelled");
            });
            if by_scope {
                s.cancel("test")
            } else {
                child.abort()
            }
            log.add("cancelled");
            let by = if by_scope { CancelledBy::Scope } else { CancelledBy::Handle };
            assert_eq!(cause::<()>(child.await), by);
        }
    }));
    assert!(poll_once(scope.as_mut()).is_ready());
    assert_eq!(log.events(), ["closure", "cancelled", "closure", "cancelled"]);
    later.jobs.lock().unwrap().drain(..).for_each(|job| job());
}

/// Given an executor that drops a blocking closure, then the child was refused.
#[test]
fn blocking_child_that_is_dropped_was_refused() {
    let later = Later::default();
    let refused = smol::block_on(scope(&later, async |s| {
        let child = s.spawn_blocking(|| unreachable!());
        later.jobs.lock().unwrap().clear();
        child.await
    }));
    assert_eq!(cause::<()>(refused), CancelledBy::Executor);
}

/// A pool drives the children that it was lent by scopes of other executors.
#[test]
fn scopes_of_two_executors_share_children() {
    let (one, other) = (ThreadPool::new(0), ThreadPool::new(1));
    let sum = one.block_on(scope(&one.handle(), async |s| {
        let here = s.spawn(async { 40 });
        let there = s.spawn_on(&other.handle(), async { 2 });
        here.await.unwrap() + there.await.unwrap()
    }));
    assert_eq!(sum, 42);
}
