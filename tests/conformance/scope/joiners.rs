//! Scopes whose result is made of their children's outcomes (S8, F4, F19, F20).

use anyscope::{
    CancelReason, Cancelled, CancelledBy, Joiner, ScopeError, concurrent_with,
    joiner::{
        collect_errors, fail_fast, first_completion, first_ok, quorum, settle, supervise, until,
    },
    scope_with,
};
use std::{
    convert::Infallible,
    future::{Future, pending},
    num::NonZeroUsize,
    ops::ControlFlow,
    pin::pin,
    sync::{Arc, Mutex},
};
use support::{
    Hoard, SECOND, Signal, Stopwatch, Tracer, behaviour, blow_up, panic_in, panic_of, poll_once,
    yields,
};

const TWO: NonZeroUsize = NonZeroUsize::new(2).unwrap();

/// What is true of all of these: nothing is left when the result is there.
fn nothing_is_left(tracer: &Tracer) {
    assert_eq!(tracer.alive(), 0);
}

behaviour! {
    /// Given children that end in another order, then their outcomes are in that of spawning, on an
    /// executor and in the task.
    s8_outcomes_come_in_the_order_of_spawning |ex| {
        let slow_first = |n: usize| async move {
            yields(10 - n).await;
            n
        };
        let all = scope_with(&ex, settle(), async |s| {
            (0..10).for_each(|n| drop(s.spawn(slow_first(n))));
        });
        assert!(all.await.into_iter().eq((0..10).map(Ok)));
        let all = concurrent_with(settle(), async |s| {
            (0..10).for_each(|n| drop(s.spawn(slow_first(n))));
        });
        assert!(all.await.into_iter().eq((0..10).map(Ok)));
    }

    /// Given a scope without children, then each joiner says so.
    s8_no_children |ex| {
        type Nothing = Result<u8, u8>;
        assert_eq!(scope_with(&ex, settle::<u8>(), async |_| ()).await, []);
        assert_eq!(scope_with(&ex, fail_fast::<u8, u8>(), async |_| ()).await.unwrap(), []);
        assert_eq!(scope_with(&ex, first_completion::<u8>(), async |_| ()).await, None);
        let collected = collect_errors::<u8, u8>();
        assert_eq!(scope_with(&ex, collected, async |_| Ok(7)).await, Ok((7, vec![])));
        let supervised = scope_with::<_, _, Nothing, _, _>(&ex, supervise(), async |_| 7);
        assert_eq!(supervised.await.unwrap(), 7);
        let missed = scope_with(&ex, quorum::<u8, u8>(TWO), async |_| ()).await.unwrap_err();
        assert_eq!((missed.needed, missed.values.len()), (TWO, 0));
        assert_eq!(missed.to_string(), "0 of 2 have succeeded");
    }

    /// Given a body and children that fail, then all errors are there, and nothing was cancelled.
    f4_body_and_children_fail |ex| {
        let errors = scope_with(&ex, collect_errors::<(), _>(), async |s| {
            s.spawn(async { Err("first") }).await.unwrap();
            s.spawn(async { Ok(()) });
            s.spawn(async {
                yields(5).await;
                Err("third")
            });
            Err::<(), _>("body")
        })
        .await
        .unwrap_err();
        assert_eq!(errors.body, Some("body"));
        assert_eq!(errors.children, [(0, "first"), (2, "third")]);
        assert_eq!((errors.cancelled, &*errors.to_string()), (0, "body (and 2 more)"));
    }

    /// Given children of which one succeeds, then it is the result, and the others are gone, and
    /// the body too.
    f19_first_success_ends_the_rest |ex| {
        let tracer = Tracer::new();
        let first = scope_with(&ex, first_ok(), async |s| {
            s.spawn(tracer.trace(async { Err("failed") }));
            s.spawn(tracer.trace(pending()));
            s.spawn(tracer.trace(async {
                yields(3).await;
                Ok(7)
            }));
            let _held = tracer.trace(async {});
            pending::<()>().await
        });
        assert_eq!(first.await, Ok((2, 7)));
        nothing_is_left(&tracer);
    }

    /// Given children that all fail, then all errors are there, the first one first; given none,
    /// then that is said.
    f19_none_succeeds |ex| {
        let none = scope_with(&ex, first_ok::<(), _>(), async |s| {
            let early = Signal::new();
            let wait = early.wait();
            s.spawn(async move {
                wait.await;
                Err("late")
            });
            s.spawn(async { Err("early") }).await.unwrap();
            early.fire();
        })
        .await
        .unwrap_err();
        assert_eq!(none.errors, [(1, "early"), (0, "late")]);
        assert_eq!(none.to_string(), "early (and 1 more)");
        let none = scope_with(&ex, first_ok::<(), &str>(), async |_| ()).await.unwrap_err();
        assert!(none.is_empty());
        assert_eq!(none.to_string(), "no child was spawned that could succeed");
    }

    /// Given a predicate that is true of an outcome, then the scope ends, and every child is listed
    /// in the order of spawning, with what it was when that happened.
    f20_until_lists_all_children |ex| {
        let tracer = Tracer::new();
        let outcomes = scope_with(&ex, until(|_, outcome| *outcome == Ok("enough")), async |s| {
            s.spawn(tracer.trace(pending()));
            s.spawn(tracer.trace(async { "fine" })).await.unwrap();
            s.spawn(tracer.trace(async { "enough" }));
            pending::<()>().await
        })
        .await;
        nothing_is_left(&tracer);
        assert_eq!(outcomes[1..], [Ok("fine"), Ok("enough")]);
        let unfinished = outcomes[0].as_ref().unwrap_err();
        assert_eq!(unfinished.by(), CancelledBy::Scope);
        assert_eq!(unfinished.reason().unwrap().message(), "there are enough outcomes");
    }

    /// Given k successes of n, then those are the result; given fewer, then what there is.
    quorum_needs_so_many |ex| {
        let tracer = Tracer::new();
        let votes = scope_with(&ex, quorum(TWO), async |s| {
            s.spawn(tracer.trace(async { Err("absent") })).await.unwrap();
            s.spawn(tracer.trace(async { Ok("yes") })).await.unwrap();
            s.spawn(tracer.trace(pending()));
            s.spawn(tracer.trace(async { Ok("no") }));
        });
        assert_eq!(votes.await.unwrap(), [(1, "yes"), (3, "no")]);
        nothing_is_left(&tracer);
        let missed = scope_with(&ex, quorum(TWO), async |s| {
            s.spawn(async { Ok("yes") });
            s.spawn(async { Err("absent") });
        })
        .await
        .unwrap_err();
        assert_eq!((&missed.values[..], &missed.errors[..]), (&[(0, "yes")][..], &[(1, "absent")][..]));
        assert_eq!(missed.to_string(), "1 of 2 have succeeded; the first error: absent");
    }

    /// Given a child that fails, then it ends the rest, and is the error; given none, then the
    /// values are in the order of spawning.
    fail_fast_has_all_values_or_the_first_error |ex| {
        let tracer = Tracer::new();
        let failed = scope_with(&ex, fail_fast::<(), _>(), async |s| {
            s.spawn(tracer.trace(pending()));
            s.spawn(tracer.trace(async { Err("broken") }));
            pending::<()>().await
        });
        assert_eq!(failed.await.unwrap_err().into_first(), Some("broken"));
        nothing_is_left(&tracer);
        let values = scope_with(&ex, fail_fast::<_, &str>(), async |s| {
            s.spawn(async {
                yields(3).await;
                Ok(1)
            });
            s.spawn(async { Ok(2) });
        });
        assert_eq!(values.await.unwrap(), [1, 2]);
    }

    /// Given a cancel from outside, then the body is dropped, the joiner hears of every child, and
    /// those that have ended before are kept.
    a_cancel_from_outside_leaves_partial_results |ex| {
        let tracer = Tracer::new();
        let outcomes = scope_with(&ex, settle(), async |s| {
            s.spawn(async { 1 }).await.unwrap();
            s.spawn(tracer.trace(pending()));
            let handle = s.spawn(tracer.trace(pending()));
            let _ = handle.cancel().await;
            s.cancel("closing");
            s.spawn(tracer.trace(async { 4 }));
            pending::<()>().await
        })
        .await;
        nothing_is_left(&tracer);
        assert_eq!(outcomes[0], Ok(1));
        let why = |n: usize| -> &Cancelled { outcomes[n].as_ref().unwrap_err() };
        assert_eq!((why(1).by(), why(3).by()), (CancelledBy::Scope, CancelledBy::Scope));
        assert_eq!(why(1).reason().unwrap().message(), "closing");
        let body = scope_with(&ex, supervise(), async |s| {
            s.spawn(pending::<()>());
            s.cancel("closing");
            pending::<()>().await
        });
        assert!(body.await.unwrap_err().is_cancelled());
    }

    /// Given a deadline that passes, before the body has returned or after, then the joiner is told,
    /// and what has come until then is the result.
    a_deadline_leaves_partial_results with virtual_time |ex| {
        for body_waits in [true, false] {
            let watch = Stopwatch::start(ex.clone());
            let told = Told::default();
            let log = told.clone();
            let at = watch.at(3);
            scope_with(&ex, told, async |s| {
                s.deadline(s.scope().executor(), at);
                s.spawn(async { 1 });
                s.spawn(pending());
                if body_waits {
                    pending::<()>().await;
                }
            })
            .await;
            assert_eq!(watch.elapsed(), 3 * SECOND);
            let log = log.0.lock().unwrap();
            let end = if body_waits { "body: None" } else { "body: Some(())" };
            assert_eq!(*log, [
                "spawned 0", "spawned 1", "0: Some(1)", "1: None", "timeout", end,
            ]);
        }
    }

    /// Given a child that panics, then the scope ends and resumes the panic, whatever the joiner.
    a_panic_of_a_child_is_resumed |ex| {
        let tracer = Tracer::new();
        let scope = scope_with(&ex, settle::<()>(), async |s| {
            s.spawn(tracer.trace(pending()));
            s.spawn(async { blow_up("child") });
            pending::<()>().await
        });
        assert_eq!(panic_of(scope).await, "child");
        nothing_is_left(&tracer);
    }

    /// Given a joiner that panics, in any of its methods, then the panic comes out, and nothing
    /// hangs.
    a_joiner_may_panic |ex| {
        for place in ["spawn", "completion", "finish"] {
            let tracer = Tracer::new();
            let scope = scope_with(&ex, Panics(place), async |s| {
                s.spawn(tracer.trace(async {}));
                if place != "finish" {
                    s.spawn(tracer.trace(pending()));
                }
            });
            assert_eq!(panic_of(scope).await, place);
        }
    }

    /// Given children that spawn siblings, in the task and borrowing, then all count.
    children_spawn_siblings |ex| {
        let _ = &ex;
        let words = &["to", "be", "or"];
        let total = concurrent_with(settle(), async |s| {
            let inner = s.clone();
            s.spawn(async move {
                for word in &words[1..] {
                    inner.spawn_named("word", async move { word.len() });
                }
                words[0].len()
            });
        });
        assert_eq!(total.await, [Ok(2), Ok(2), Ok(2)]);
    }
}

/// Notes what it is told.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<String>>>);

impl Told {
    fn note(&self, what: String) {
        self.0.lock().unwrap().push(what);
    }
}

impl<B: std::fmt::Debug> Joiner<u32, B> for Told {
    type Output = ();

    fn on_spawn(&mut self, child: usize) {
        self.note(format!("spawned {child}"));
    }

    fn on_completion(
        &mut self,
        child: usize,
        outcome: Result<u32, Cancelled>,
    ) -> ControlFlow<CancelReason> {
        self.note(format!("{child}: {:?}", outcome.ok()));
        ControlFlow::Continue(())
    }

    fn on_timeout(&mut self) {
        self.note("timeout".into());
    }

    fn finish(self, body: Result<B, ScopeError<Infallible>>) {
        self.note(format!("body: {:?}", body.ok()));
    }
}

/// Panics in one of its methods.
struct Panics(&'static str);

impl Panics {
    fn at(&self, place: &'static str) {
        if self.0 == place {
            blow_up::<()>(place);
        }
    }
}

impl<B> Joiner<(), B> for Panics {
    type Output = ();

    fn on_spawn(&mut self, _: usize) {
        self.at("spawn");
    }

    fn on_completion(&mut self, _: usize, _: Result<(), Cancelled>) -> ControlFlow<CancelReason> {
        self.at("completion");
        ControlFlow::Continue(())
    }

    fn finish(self, _: Result<B, ScopeError<Infallible>>) {
        self.at("finish");
    }
}

/// Given an executor that refuses children, then the joiner hears that it was the executor.
#[test]
fn refused_children_are_cancelled_by_the_executor() {
    let exec = Hoard::new();
    let mut scope = pin!(scope_with(&exec, settle::<u8>(), async |s| {
        s.spawn(async { 1 });
        pending::<()>().await
    }));
    assert!(poll_once(scope.as_mut()).is_pending());
    drop(exec.take());
    let std::task::Poll::Ready(outcomes) = poll_once(scope.as_mut()) else { panic!("it hangs") };
    assert_eq!(outcomes[0].as_ref().unwrap_err().by(), CancelledBy::Executor);
}

/// Given a scope that is dropped, then its children are gone, and its joiner is not asked.
#[test]
fn a_scope_that_is_dropped_asks_nobody() {
    let (tracer, signal) = (Tracer::new(), Signal::new());
    let mut scope = Box::pin(concurrent_with(Panics("finish"), async |s| {
        s.spawn(tracer.trace(signal.wait()));
    }));
    assert!(poll_once(scope.as_mut()).is_pending());
    drop(scope);
    assert_eq!(tracer.alive(), 0);
}

/// Given a scope that was ready, then another poll panics.
#[test]
fn polled_after_its_end_it_panics() {
    let mut scope = Box::pin(concurrent_with(settle::<u8>(), async |_| ()));
    assert!(poll_once(scope.as_mut()).is_ready());
    panic_in(|| drop(poll_once(scope.as_mut())));
}

/// A future that is sent, with items that are borrowed.
#[test]
fn it_is_send_and_borrows() {
    fn is_send<F: Future + Send>(future: F) -> F {
        future
    }
    let words = ["to".to_string()];
    let lengths = is_send(concurrent_with(settle(), async |s| {
        for word in &words {
            s.spawn(async move { word.len() });
        }
    }));
    assert_eq!(futures_lite::future::block_on(lengths), [Ok(2)]);
}
