//! Many children: at once, one after the other, and one inside the other.

use anyscope::{CancelledBy, Concurrent, OwnedScope, Scope, Spawn, concurrent, scope};
use std::{
    future::{Future, pending},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    task::Poll,
    thread,
};
use support::{
    Hoard, Signal, Tracer, alloc, behaviour, cause,
    executors::{Exec, TokioCurrent, run_typed},
    hostile::Spy,
    poll_once, until_idle, yield_now,
};

/// A scope that its own children may hold.
trait Family: Clone + Send + Sync + 'static {
    fn adopt(&self, child: impl Future<Output = ()> + Send + 'static);
}

impl<E: Spawn + Clone + Send + Sync + 'static> Family for Scope<E> {
    fn adopt(&self, child: impl Future<Output = ()> + Send + 'static) {
        self.spawn(child);
    }
}

impl Family for Concurrent<'static> {
    fn adopt(&self, child: impl Future<Output = ()> + Send + 'static) {
        self.spawn(child);
    }
}

/// A child with two children, who have two children each, and so on for `generations`.
fn ancestor<S: Family>(
    s: S,
    generations: usize,
    tracer: Tracer,
) -> impl Future<Output = ()> + Send {
    tracer.trace({
        let tracer = tracer.clone();
        async move {
            if generations > 1 {
                for _ in 0..2 {
                    // Boxed, as its type contains itself.
                    let child = ancestor(s.clone(), generations - 1, tracer.clone());
                    s.adopt(Box::pin(child) as Pin<Box<dyn Future<Output = ()> + Send>>);
                }
            }
        }
    })
}

/// How many children the long scopes have.
const MANY: usize = if cfg!(debug_assertions) { 100_000 } else { 1_000_000 };
/// How many of them at the same time.
const AT_ONCE: usize = 50;

/// Runs short children until there have been `many`, and checks that they leave nothing behind.
macro_rules! long_scope {
    ($s:ident, $many:expr) => {{
        let (held, strayed) = (Arc::new(()), Arc::new(AtomicBool::new(false)));
        let here = thread::current().id();
        // Old and new children that stay must not keep those between them.
        $s.spawn_daemon(pending::<()>());
        let mut first = None;
        for _ in 0..$many / AT_ONCE {
            let handles = [(); AT_ONCE].map(|()| {
                let (held, strayed) = (held.clone(), strayed.clone());
                $s.spawn(async move {
                    if thread::current().id() != here {
                        strayed.store(true, SeqCst);
                    }
                    drop(held);
                })
            });
            for handle in handles {
                handle.await.unwrap();
            }
            assert_eq!(Arc::strong_count(&held), 1);
            // Blocks are counted for each thread apart.
            if !strayed.load(SeqCst) {
                let now = alloc::balance();
                let first = *first.get_or_insert(now);
                assert!(now < first + 10 * AT_ONCE, "{now} blocks, {first} at the beginning");
            }
        }
        assert_eq!($s.spawned(), $many + 1);
    }};
}

behaviour! {
    /// Given children that spawn siblings, many generations of them, then each is polled once and
    /// the scope waits for all.
    a_storm_of_siblings_is_waited_for in [spawned, inline] |ex| {
        let tracer = Tracer::new();
        open!(async |s| s.adopt(ancestor(s.clone(), 14, tracer.clone()))).await;
        assert_eq!((tracer.polls(), tracer.alive()), ((1 << 14) - 1, 0));
    }

    /// Given a scope that lives long and has very many short children, then its memory is that of
    /// those that are alive.
    a_long_scope_of_short_children_stays_small in [spawned, inline] |ex| {
        open!(async |s| long_scope!(s, MANY)).await;
    }

    /// Given a scope with ten thousand idle children, when it is dropped, then all are gone, and
    /// none of them is polled for that or later.
    ten_thousand_idle_children_go_with_their_scope with tasks in [spawned, inline] |ex| {
        let (tracer, never, idle) = (Tracer::new(), Signal::new(), Signal::new());
        let mut scope = Box::pin(open!(async |s| {
            let handles: Vec<_> =
                (0..10_000).map(|_| s.spawn(tracer.trace(never.wait()))).collect();
            while tracer.polls() < 10_000 {
                yield_now().await;
            }
            for handle in &handles {
                until_idle(&tracer, handle).await;
            }
            idle.fire();
            pending::<()>().await;
        }));
        while !idle.has_fired() {
            let _ = futures_lite::future::poll_once(scope.as_mut()).await;
            yield_now().await;
        }
        drop(scope);
        assert_eq!((tracer.polls(), tracer.drops(), tracer.alive()), (10_000, 10_000, 0));
        never.fire();
        for _ in 0..100 {
            yield_now().await;
        }
        assert_eq!(tracer.polls(), 10_000);
    }

    /// Given ten thousand children, when each is cancelled through its handle, then each is gone
    /// when that returns, and the scope has none left.
    ten_thousand_children_are_cancelled_one_by_one with tasks in [spawned, inline] |ex| {
        let tracer = Tracer::new();
        open!(async |s| {
            let mut handles: Vec<_> =
                (0..10_000).map(|_| s.spawn(tracer.trace(pending::<()>()))).collect();
            yield_now().await;
            let later = handles.split_off(5000);
            for (n, handle) in handles.into_iter().enumerate() {
                assert_eq!(cause(handle.cancel().await), CancelledBy::Handle);
                assert!(tracer.drops() > n);
            }
            later.iter().for_each(|handle| handle.abort());
            for handle in later {
                assert_eq!(cause(handle.await), CancelledBy::Handle);
            }
            assert_eq!((tracer.alive(), s.len()), (0, 0));
        })
        .await;
        assert!(tracer.polls() <= 10_000);
    }

    /// Given a thousand scopes, each in a child of the one before, then the innermost value comes
    /// through all of them.
    a_thousand_nested_scopes_end |ex| {
        assert_eq!(nest(&ex, 1000, async { 0 }).await, 1000);
    }

    /// Given a thousand scopes, each in a child of the one before, when the outermost is dropped,
    /// then all are gone.
    a_thousand_nested_scopes_go_together |ex| {
        let (tracer, innermost) = (Tracer::new(), Signal::new());
        let work = tracer.trace({
            let innermost = innermost.clone();
            async move {
                innermost.fire();
                pending().await
            }
        });
        let mut outermost = nest(&ex, 1000, work);
        while !innermost.has_fired() {
            let _ = futures_lite::future::poll_once(outermost.as_mut()).await;
            yield_now().await;
        }
        drop(outermost);
        while tracer.alive() > 0 {
            yield_now().await;
        }
    }
}

type Nested = Pin<Box<dyn Future<Output = usize> + Send>>;

/// `work` in a child, in a scope in a child, and so on. The output is one more for each.
fn nest<E: Exec>(
    ex: &E,
    scopes: usize,
    work: impl Future<Output = usize> + Send + 'static,
) -> Nested {
    (0..scopes).fold(Box::pin(work) as Nested, |inner, _| {
        let ex = ex.clone();
        Box::pin(async move { scope(&ex, async |s| s.spawn(inner).await.unwrap() + 1).await })
    })
}

/// Given a million children in one scope, on tokio, then it stays as small as with a thousand.
#[test]
fn a_million_short_children_in_one_scope() {
    run_typed::<TokioCurrent>(async |tokio| {
        scope(&tokio, async |s| long_scope!(s, 1_000_000)).await;
    });
}

/// Given very many children, of whom half have been polled, when their scope is dropped, then
/// each executor's waker is fired once, and memory is allocated for next to nothing. (If it took
/// more than a few steps for each child, this would not end.)
#[test]
fn a_drop_of_very_many_children_is_linear() {
    const CHILDREN: usize = 200_000;

    let (spy, hoard, tracer) = (Spy::new(), Hoard::new(), Tracer::new());
    let owned = OwnedScope::new(&hoard);
    for _ in 0..CHILDREN {
        owned.spawn(tracer.trace(pending::<()>()));
    }
    let mut children = hoard.take();
    for child in &mut children[..CHILDREN / 2] {
        assert!(spy.poll(Pin::new(child)).is_pending());
    }
    let before = alloc::allocations();
    drop(owned);
    // A few, for notes of what has been swept out.
    assert!(alloc::allocations() < before + 10);
    assert_eq!((tracer.alive(), spy.wakes()), (0, CHILDREN / 2));
    children.clear();
    assert_eq!((tracer.polls(), spy.wakes(), spy.alive()), (CHILDREN / 2, CHILDREN / 2, 0));
}

/// Given a thousand scopes in one task, each in a child of the one before, then they end, and when
/// the outermost is dropped, they go together.
#[test]
fn a_thousand_nested_scopes_of_one_task_end_and_go_together() {
    fn nest(work: impl Future<Output = usize> + Send + 'static) -> Nested {
        (0..1000).fold(Box::pin(work) as Nested, |inner, _| {
            Box::pin(concurrent(async |s| s.spawn(inner).await.unwrap() + 1))
        })
    }

    let mut outermost = nest(async { 0 });
    let value = loop {
        if let Poll::Ready(value) = poll_once(outermost.as_mut()) {
            break value;
        }
    };
    assert_eq!(value, 1000);

    let tracer = Tracer::new();
    let mut outermost = nest(tracer.trace(pending()));
    while tracer.polls() == 0 {
        assert!(poll_once(outermost.as_mut()).is_pending());
    }
    drop(outermost);
    assert_eq!((tracer.polls(), tracer.alive()), (1, 0));
}
