//! Joiners of scopes that block the calling thread.

use anyscope::{
    BlockOn, CancelReason, Cancelled, Child, Joiner, ScopeError, Spawn, block_scope_with,
    joiner::{fail_fast, first_ok, settle, supervise},
    observe::Event,
    threads::ThreadPool,
};
use std::{
    convert::Infallible,
    future::pending,
    ops::ControlFlow,
    pin::pin,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
        mpsc,
    },
    thread,
};
use support::{Signal, Tracer, blocking, blow_up, panic_in, poll_once, until_idle};

blocking! {
    /// Given children that borrow what is around the call, then the joiner makes the result of
    /// their outcomes, in the order of spawning, and outputs may borrow too.
    s8_outcomes_come_in_the_order_of_spawning |owner| {
        let (words, calls) = (["to", "be", "or"].map(String::from), AtomicUsize::new(0));
        let go = Signal::new();
        let outcomes = block_scope_with(owner, settle(), async |s| {
            for (n, word) in words.iter().enumerate() {
                let wait = go.wait();
                let (go, calls) = (&go, &calls);
                s.spawn(async move {
                    match n {
                        0 => wait.await,
                        _ => go.fire(),
                    }
                    calls.fetch_add(1, SeqCst);
                    word.as_str()
                });
            }
        });
        assert_eq!(outcomes, [Ok("to"), Ok("be"), Ok("or")]);
        assert_eq!(calls.into_inner(), 3);
    }

    /// Given a joiner that has enough, then the other children and the body are gone when the call
    /// returns.
    enough_ends_children_and_body |owner| {
        let tracer = Tracer::new();
        let first = block_scope_with(owner, first_ok::<_, ()>(), async |s| {
            let idle = s.spawn(tracer.trace(pending()));
            until_idle(&tracer, &idle).await;
            s.spawn(async { Ok(7) });
            pending::<()>().await
        });
        assert_eq!((first.unwrap(), tracer.alive()), ((1, 7), 0));
        let failed = block_scope_with(owner, fail_fast::<(), _>(), async |s| {
            s.spawn(tracer.trace(pending()));
            s.spawn(async { Err("broken") });
        });
        assert_eq!((failed.unwrap_err().into_first(), tracer.alive()), (Some("broken"), 0));
    }

    /// Given a body that returns a value, a cancel, and no children at all, then the joiner hears of
    /// it.
    a_body_alone_has_its_result |owner| {
        let value = block_scope_with::<_, _, (), _, _>(owner, supervise(), async |_| 7);
        assert_eq!(value.unwrap(), 7);
        let outcomes = block_scope_with(owner, settle::<()>(), async |s| {
            s.spawn(pending());
            s.cancel("closing");
            pending::<()>().await
        });
        assert_eq!(outcomes[0].as_ref().unwrap_err().reason().unwrap().message(), "closing");
    }

    /// Given a panic of a child, of the body, or of the joiner, then it comes out, and all children
    /// are gone.
    a_panic_comes_out_when_all_are_gone |owner| {
        let tracer = Tracer::new();
        for place in ["child", "body", "joiner"] {
            let message = panic_in(|| {
                block_scope_with(owner, PanicsFor("joiner"), async |s| {
                    let idle = s.spawn(tracer.trace(pending()));
                    until_idle(&tracer, &idle).await;
                    s.spawn(async move {
                        match place {
                            "child" => blow_up("child"),
                            place => place,
                        }
                    });
                    if place == "body" {
                        blow_up::<()>("body");
                    }
                    pending::<()>().await
                });
            });
            assert_eq!((message.as_str(), tracer.alive()), (place, 0));
        }
    }
}

/// Given a `block_on` that panics while a child is being polled on another thread, then what that
/// child borrows, the handle of the scope too, is there until its poll has ended.
#[test]
fn a_poll_in_progress_may_use_the_scope_when_block_on_panics() {
    /// Polls once, waits until a child is inside its poll, then panics.
    struct Impatient {
        pool: ThreadPool,
        inside: Mutex<mpsc::Receiver<()>>,
    }

    impl Spawn for Impatient {
        fn spawn(&self, child: Child) {
            self.pool.spawn(child);
        }
    }

    impl BlockOn for Impatient {
        fn block_on<F: Future>(&self, future: F) -> F::Output {
            assert!(poll_once(pin!(future)).is_pending());
            self.inside.lock().unwrap().recv().unwrap();
            blow_up("block_on")
        }
    }

    let (inside, has_begun) = mpsc::channel();
    let (go_on, abandoned) = mpsc::channel();
    let exec = Impatient { pool: ThreadPool::new(1), inside: Mutex::new(has_begun) };
    let (tracer, joiner) = (Tracer::new(), Tracer::new());
    let message = panic_in(|| {
        let kept = joiner.trace(pending::<()>());
        block_scope_with(&exec, Keeps(kept), async |s| {
            // Called when `block_on` has dropped the future, which is before the wait.
            s.scope().on_event(move |event| {
                if let Event::Abandoned { children: 1, running: 1, .. } = event {
                    go_on.send(()).unwrap();
                }
            });
            drop(s.spawn(tracer.trace(async move {
                inside.send(()).unwrap();
                abandoned.recv().unwrap();
                // Long enough for the other thread to drop all that it may.
                for _ in 0..2000 {
                    thread::yield_now();
                    assert!(s.scope().is_cancelled());
                }
                assert!(s.spawn(async { String::from("refused") }).await.is_err());
                String::from("late")
            })));
            pending::<()>().await;
        })
    });
    assert_eq!((message.as_str(), tracer.alive(), joiner.alive()), ("block_on", 0, 0));
}

/// Keeps something, and makes nothing of anything.
struct Keeps<T>(T);

impl<T, O, B> Joiner<O, B> for Keeps<T> {
    type Output = ();

    fn on_completion(&mut self, _: usize, _: Result<O, Cancelled>) -> ControlFlow<CancelReason> {
        ControlFlow::Continue(())
    }

    fn finish(self, _: Result<B, ScopeError<Infallible>>) {}
}

/// Panics when a child returns this.
struct PanicsFor(&'static str);

impl<B> Joiner<&'static str, B> for PanicsFor {
    type Output = ();

    fn on_completion(
        &mut self,
        _: usize,
        outcome: Result<&'static str, Cancelled>,
    ) -> ControlFlow<CancelReason> {
        if outcome == Ok(self.0) {
            blow_up::<()>(self.0);
        }
        ControlFlow::Continue(())
    }

    fn finish(self, _: Result<B, ScopeError<Infallible>>) {}
}
