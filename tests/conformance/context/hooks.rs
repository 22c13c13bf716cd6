//! Code around polls.

use anyscope::{
    context::{self, Context, Hook},
    scope,
    tokio::{NotSet, TaskLocal},
};
use std::{
    cell::Cell,
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};
use support::{Log, Tracer, behaviour, blow_up, panic_of, until, yield_now};

thread_local! {
    static NOW: Cell<u32> = const { Cell::new(0) };
}

/// Sets a thread-local for as long as a poll takes.
struct Sets(u32);

impl Hook for Sets {
    fn around(&self, poll: &mut dyn FnMut()) {
        let before = NOW.replace(self.0);
        poll();
        NOW.set(before);
    }
}

async fn twice() -> [u32; 2] {
    let before = NOW.get();
    yield_now().await;
    [before, NOW.get()]
}

behaviour! {
    /// Given a hook around a scope, then it runs around each poll of the body, of its children and
    /// of those of scopes inside, and around nothing else.
    a_hook_runs_around_each_poll in [spawned, inline] |ex| {
        let inner = ex.clone();
        let work = open!(async |s| {
            let child = s.spawn(async move {
                let inside = scope(&inner, async |s| s.spawn(twice()).await.unwrap());
                [twice().await, inside.await]
            });
            let body = twice().await;
            let [own, inside] = child.await.unwrap();
            [body, own, inside]
        });
        assert_eq!(Context::new().with_hook(Sets(7)).around(work).await, [[7; 2]; 3]);
        assert_eq!(twice().await, [0; 2]);
    }

    /// Given several hooks, then the first is the outermost, and each sees the context.
    hooks_are_nested_in_their_order |ex| {
        struct Notes(&'static str, Log);

        impl Hook for Notes {
            fn around(&self, poll: &mut dyn FnMut()) {
                let number = context::with_current(|context| context.get::<u32>().copied());
                self.1.add(format!("{} sees {number:?}", self.0));
                poll();
                self.1.add(self.0);
            }
        }

        let log = Log::new();
        let context = Context::new().with(7_u32);
        let context = context.with_hook(Notes("outer", log.clone()));
        let context = context.with_hook(Notes("inner", log.clone()));
        context.around(async { log.add("poll") }).await;
        let expected = ["outer sees Some(7)", "inner sees Some(7)", "poll", "inner", "outer"];
        assert_eq!(log.events(), expected);
        drop(ex);
    }

    /// Given a hook that does not poll, or polls twice, then there is one poll all the same.
    a_hook_that_does_not_poll_loses_nothing in [spawned, inline] |ex| {
        struct Polls(usize);

        impl Hook for Polls {
            fn around(&self, poll: &mut dyn FnMut()) {
                (0..self.0).for_each(|_| poll());
            }
        }

        for times in [0, 2] {
            let tracer = Tracer::new();
            let work = open!(async |s| s.spawn(tracer.trace(yield_now())).await.unwrap());
            Context::new().with_hook(Polls(times)).around(work).await;
            assert_eq!((tracer.polls(), tracer.alive()), (2, 0));
        }
    }

    /// Given a hook that panics, before a poll of a child or after it, then that is a panic of the
    /// child.
    a_panic_of_a_hook_is_one_of_the_child in [spawned, inline] |ex| {
        struct Bomb { before: bool, polls: Arc<AtomicUsize> }

        impl Hook for Bomb {
            fn around(&self, poll: &mut dyn FnMut()) {
                // The first poll is that of the scope.
                let inside = NOW.replace(1) == 1;
                if inside && self.before {
                    NOW.set(0);
                    blow_up::<()>("hook");
                }
                poll();
                self.polls.fetch_add(1, SeqCst);
                NOW.set(0);
                if inside {
                    blow_up::<()>("hook");
                }
            }
        }

        for before in [true, false] {
            let (tracer, polls) = (Tracer::new(), Arc::default());
            let context = Context::new().with_hook(Bomb { before, polls });
            NOW.set(1);
            let work = context.around(tracer.trace(async {}));
            assert_eq!(panic_of(work).await, "hook");
            assert_eq!(tracer.alive(), 0);
            let hooked = context.clone();
            let outcome = open!(async |s| {
                let child = s.spawn(async move {
                    NOW.set(1);
                    hooked.around(pending::<()>()).await;
                });
                child.await
            })
            .await;
            let panic = outcome.unwrap_err().try_into_panic().unwrap();
            assert_eq!(panic.message(), Some("hook"));
            NOW.set(0);
        }
    }
}

behaviour! {
    /// Given a hook that panics before a poll of a child of a scope, then the child has panicked, and
    /// is dropped unpolled.
    a_panic_before_a_poll_is_one_of_the_child in [spawned, inline] |ex| {
        let tracer = Tracer::new();
        let bomb = Arc::new(AtomicUsize::new(0));
        let context = Context::new().with_hook(After { polls: bomb.clone(), bomb: false });
        let outcome = context.around(open!(async |s| {
            // Before the child is there: the next poll with the hook around it is the child's.
            bomb.store(ARMED, SeqCst);
            s.spawn(tracer.trace(pending::<()>())).await
        }));
        let panic = outcome.await.unwrap_err().try_into_panic().unwrap();
        assert_eq!((panic.message(), tracer.polls(), tracer.alive()), (Some("hook"), 0, 0));
    }

    /// Given one that panics after the poll, then the scope ends, and resumes the panic.
    a_panic_after_a_poll_is_one_of_the_scope in [spawned, inline] |ex| {
        let tracer = Tracer::new();
        let polls = Arc::new(AtomicUsize::new(0));
        let context = Context::new().with_hook(After { polls: polls.clone(), bomb: true });
        let work = context.around(open!(async |s| {
            let arm = polls.clone();
            drop(s.spawn(tracer.trace(async move {
                arm.store(ARMED, SeqCst);
                pending::<()>().await
            })));
            pending::<()>().await
        }));
        assert_eq!(panic_of(work).await, "hook");
        // The hook of the body may have been the one, while the child was being polled.
        until(|| tracer.alive() == 0).await;
    }
}

const ARMED: usize = 1 << 20;

/// Panics once when it is armed: before the next poll, or, as a bomb, after the poll that armed it.
struct After {
    polls: Arc<AtomicUsize>,
    bomb: bool,
}

impl Hook for After {
    fn around(&self, poll: &mut dyn FnMut()) {
        if !self.bomb && self.polls.swap(0, SeqCst) >= ARMED {
            blow_up::<()>("hook");
        }
        poll();
        if self.bomb && self.polls.swap(0, SeqCst) >= ARMED {
            blow_up::<()>("hook");
        }
    }
}

tokio::task_local! {
    static REQUEST: u64;
}

behaviour! {
    /// Given a task-local of tokio in the context, then it is set in children on any executor, and has
    /// its own value again outside.
    a_task_local_of_tokio_reaches_children in [spawned, inline] |ex| {
        assert_eq!(TaskLocal::current(&REQUEST).unwrap_err(), NotSet);
        let inside = REQUEST.scope(7, async {
            let carried = Context::new().with_hook(TaskLocal::current(&REQUEST).unwrap());
            let other = Context::new().with_hook(TaskLocal::new(&REQUEST, 8));
            let work = open!(async |s| {
                let child = s.spawn(async {
                    yield_now().await;
                    REQUEST.get()
                });
                child.await.unwrap()
            });
            let carried = carried.around(work).await;
            (carried, other.around(async { REQUEST.get() }).await, REQUEST.get())
        });
        assert_eq!(inside.await, (7, 8, 7));
    }
}
