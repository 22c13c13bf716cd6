//! Values and hooks that panic when they are dropped, that are dropped elsewhere, and polls where one does
//! not expect them.

use anyscope::{
    OwnedScope, concurrent,
    context::{self, Context, Hook},
    scope,
    sim::{SimHandle, explore},
};
use std::{
    cell::Cell,
    future::{Future, pending, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::Poll,
    thread,
};
use support::{Tracer, behaviour, blow_up, on_drop, poll_once, until, yield_now, yields};

thread_local! {
    /// How many hooks are around this code.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

/// Counts itself while it is around something.
struct Counts;

impl Hook for Counts {
    fn around(&self, poll: &mut dyn FnMut()) {
        DEPTH.set(DEPTH.get() + 1);
        // For a poll that panics.
        let _leaves = on_drop(|| DEPTH.set(DEPTH.get() - 1));
        poll();
    }
}

/// A hook that panics when it is dropped.
struct DropBomb(Arc<AtomicUsize>);

impl Hook for DropBomb {
    fn around(&self, poll: &mut dyn FnMut()) {
        poll();
    }
}

impl Drop for DropBomb {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
        if !thread::panicking() {
            blow_up::<()>("hook");
        }
    }
}

async fn depths() -> [usize; 2] {
    let before = DEPTH.get();
    yield_now().await;
    [before, DEPTH.get()]
}

behaviour! {
    /// Given a hook around an inline scope, then it runs around the poll of the scope and inside of that
    /// around those of children: twice. Around children that an executor polls it runs once.
    hooks_are_nested_where_polls_are |ex| {
        let context = Context::new().with_hook(Counts);
        let inline = concurrent(async |s| {
            let child = s.spawn(concurrent(async |s| s.spawn(depths()).await.unwrap()));
            [depths().await, child.await.unwrap()]
        });
        // Inside of the child of a child: around the outermost, and around each of both.
        assert_eq!(context.around(inline).await, [[1; 2], [3; 2]]);
        let spawned = scope(&ex, async |s| {
            let child = s.spawn(depths());
            [depths().await, child.await.unwrap()]
        });
        assert_eq!(context.around(spawned).await, [[1; 2], [1; 2]]);
        assert_eq!(DEPTH.get(), 0);
    }

    /// Given a closure that blocks in a scope with a context, then it sees the context, and hooks are around
    /// it.
    what_blocks_sees_the_context with threads in [spawned] |ex| {
        let context = Context::new().with(7_u32).with_hook(Counts);
        let work = context.around(open!(async |s| {
            let blocking = s.spawn_blocking(|| {
                (context::with_current(|context| context.get::<u32>().copied()), DEPTH.get())
            });
            blocking.await.unwrap()
        }));
        assert_eq!(work.await, (Some(7), 1));
    }

    /// Given a context whose values and hooks panic when they are dropped, and of which scopes have the last
    /// count, then everything ends, the executor goes on, and each is dropped once.
    the_last_count_of_a_scope_may_panic in [spawned, inline] |ex| {
        let drops = Arc::new(AtomicUsize::new(0));
        for with_hook in [false, true] {
            let counted = drops.clone();
            let context = match with_hook {
                true => Context::new().with_hook(DropBomb(counted)),
                false => Context::new().with(on_drop(move || {
                    counted.fetch_add(1, SeqCst);
                    if !thread::panicking() {
                        blow_up::<()>("value");
                    }
                })),
            };
            let tracer = Tracer::new();
            let mut work = Box::pin(open!(async |s| {
                let child = s.spawn(tracer.trace(yields(3)));
                yields(3).await;
                child.await.unwrap();
                7
            }));
            // From here on the scope has the context.
            let first = context.enter(|| poll_once(work.as_mut()));
            assert!(first.is_pending());
            drop(context);
            let output = poll_fn(|cx| {
                // A panic of its end is one of the task that awaits it.
                match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(cx))) {
                    Ok(poll) => poll.map(Some),
                    Err(_) => Poll::Ready(None),
                }
            })
            .await;
            assert!(output.is_none_or(|seven| seven == 7));
            let _ = catch_unwind(AssertUnwindSafe(|| drop(work)));
            until(|| drops.load(SeqCst) == 1).await;
            assert_eq!(tracer.alive(), 0);
            drops.store(0, SeqCst);
            let after = open!(async |s| s.spawn(async { 8 }).await.unwrap());
            assert_eq!(after.await, 8);
        }
    }

    /// The same with an owned scope that is dropped while a child is there, and one that is closed.
    the_last_count_of_an_owned_scope_may_panic |ex| {
        for close in [false, true] {
            let drops = Arc::new(AtomicUsize::new(0));
            let context = Context::new().with_hook(DropBomb(drops.clone()));
            let owned = context.enter(|| OwnedScope::new(&ex));
            drop(context);
            drop(owned.spawn(pending::<()>()));
            let ended = owned.spawn(async { 7 });
            assert_eq!(ended.await.unwrap(), 7);
            if close {
                owned.cancel("enough");
                let mut closing = Box::pin(owned.close());
                poll_fn(|cx| {
                    match catch_unwind(AssertUnwindSafe(|| closing.as_mut().poll(cx))) {
                        Ok(poll) => poll.map(drop),
                        Err(_) => Poll::Ready(()),
                    }
                })
                .await;
                drop(closing);
            }
            let _ = catch_unwind(AssertUnwindSafe(|| drop(owned)));
            until(|| drops.load(SeqCst) == 1).await;
            assert_eq!(scope(&ex, async |s| s.spawn(async { 8 }).await.unwrap()).await, 8);
        }
    }

    /// Given a clone of a context that a child has given away, when it is dropped last, on a thread of no
    /// executor, then the values are dropped once.
    values_are_dropped_wherever_the_last_count_is with threads |ex| {
        let dropped = Arc::new(std::sync::Mutex::new(vec![]));
        let notes = dropped.clone();
        let context = Context::new().with(on_drop(move || {
            notes.lock().unwrap().push(());
        }));
        let given = context.around(scope(&ex, async |s| {
            let child = s.spawn(async {
                yield_now().await;
                context::current()
            });
            child.await.unwrap()
        }));
        let given = given.await;
        drop(context);
        assert!(dropped.lock().unwrap().is_empty());
        // A worker may have a count of the scope for a moment.
        yields(20).await;
        let elsewhere = thread::spawn(move || drop(given));
        elsewhere.join().unwrap();
        until(|| !dropped.lock().unwrap().is_empty()).await;
        assert_eq!(dropped.lock().unwrap().len(), 1);
    }
}

async fn cancelled_at(sim: SimHandle, polls: usize) {
    let tracer = Tracer::new();
    {
        let context = Context::new().with(7_u32).with_hook(Counts);
        let mut work = pin!(context.around(scope(&sim, async |s| {
            let child = s.spawn(tracer.trace(async {
                for _ in 0..3 {
                    assert_eq!(context::with_current(|now| now.get::<u32>().copied()), Some(7));
                    assert_eq!(DEPTH.get(), 1);
                    yield_now().await;
                }
            }));
            yields(2).await;
            child.await
        })));
        for _ in 0..polls {
            let poll = poll_fn(|cx| Poll::Ready(work.as_mut().poll(cx).is_ready())).await;
            assert_eq!((DEPTH.get(), context::current().is_empty()), (0, true));
            if poll {
                break;
            }
            yield_now().await;
        }
    }
    assert_eq!((DEPTH.get(), tracer.alive()), (0, 0));
    assert!(context::current().is_empty());
}

/// Given work with a context and a hook around it that is dropped after each of its polls, in many orders, then
/// nothing of either stays behind, and children always have both.
#[test]
fn work_in_a_context_is_cancelled_at_each_poll() {
    for polls in 0..8 {
        explore(60, move |sim| cancelled_at(sim, polls));
    }
}
