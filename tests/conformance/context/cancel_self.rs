//! Children that end themselves.

use anyscope::{
    CancelledBy, NotInChild, cancel_self, flow,
    pool::{Pool, Shutdown, caller},
    scope, shield,
};
use std::future::pending;
use support::{Tracer, behaviour, cause, yield_now};

behaviour! {
    /// Given a child that cancels itself, then it is dropped when it is next pending, its handle
    /// says so, and scope and siblings go on.
    a_child_ends_itself in [spawned, inline] |ex| {
        let tracer = Tracer::new();
        open!(async |s| {
            let child = s.spawn(tracer.trace(async {
                yield_now().await;
                cancel_self().unwrap();
                // A second one changes nothing.
                cancel_self().unwrap();
                pending::<()>().await
            }));
            let sibling = s.spawn(async {
                yield_now().await;
                7
            });
            assert_eq!(cause(child.await), CancelledBy::Handle);
            assert_eq!(tracer.alive(), 0);
            assert_eq!(sibling.await.unwrap(), 7);
            assert!(!s.is_cancelled());
        })
        .await;
    }

    /// The same in a scope that fails fast: it does not fail.
    a_child_that_ends_itself_is_no_failure in [spawned, inline] |ex| {
        let value = try_open!(async |s| {
            s.spawn(async {
                cancel_self().unwrap();
                pending::<Result<(), ()>>().await
            });
            yield_now().await;
            Ok(7)
        });
        assert_eq!(value.await.unwrap(), 7);
    }

    /// Given a child that cancels itself and returns a value before it is pending, then that counts.
    a_value_in_the_same_poll_counts in [spawned, inline] |ex| {
        let value = open!(async |s| {
            let child = s.spawn(async {
                cancel_self().unwrap();
                7
            });
            child.await.unwrap()
        });
        assert_eq!(value.await, 7);
    }

    /// Given a child that cancels itself behind a shield, then what is shielded comes to its end.
    a_shield_defers_the_end |ex| {
        let tracer = Tracer::new();
        scope(&ex, async |s| {
            let inside = tracer.clone();
            let child = s.spawn(async move {
                shield(async {
                    cancel_self().unwrap();
                    yield_now().await;
                    inside.trace(async {}).await;
                })
                .await;
                pending::<()>().await
            });
            assert_eq!(cause(child.await), CancelledBy::Handle);
            assert_eq!((tracer.polls(), tracer.alive()), (1, 0));
        })
        .await;
    }

    /// Given a scope inside a child, then the child of the inner scope is the one that ends; the body
    /// of a scope is no child, but the child that it runs in is.
    the_innermost_child_ends in [spawned, inline] |ex| {
        let inner = ex.clone();
        open!(async |s| {
            let outer = s.spawn(async move {
                scope(&inner, async |s| {
                    let child = s.spawn(async {
                        cancel_self().unwrap();
                        pending::<()>().await
                    });
                    assert_eq!(cause(child.await), CancelledBy::Handle);
                })
                .await;
                7
            });
            assert_eq!(outer.await.unwrap(), 7);
        })
        .await;
    }

    /// Given work that shares its child with others, in an operation on an executor or a pool, then it is
    /// told, and neither itself nor the others end.
    shared_children_do_not_end_themselves |ex| {
        let work = async |n: usize| {
            assert_eq!(cancel_self(), Err(NotInChild));
            yield_now().await;
            assert_eq!(cancel_self(), Err(NotInChild));
            n
        };
        for limit in [1, 2, 9] {
            let all = flow::iter(0..9).map_on(&ex, limit, work);
            assert_eq!(all.try_collect::<Vec<_>>().await.unwrap(), Vec::from_iter(0..9));
            flow::iter(0..9).for_each_on(&ex, limit, move |n| async move { work(n).await; }).await.unwrap();
        }
        let all = scope(&ex, async |s| {
            flow::stream(s.spawn_all((0..9).map(work))).map(|(_, n)| n).try_collect::<Vec<_>>().await
        });
        assert_eq!(all.await.unwrap().len(), 9);
        let pool = Pool::builder(&ex).workers(1).start(async |_| caller(())).unwrap();
        for n in 0..3 {
            assert_eq!(pool.run(work(n)).await.unwrap(), n);
        }
        pool.shutdown(Shutdown::Drain).await;
        // A child of a scope inside of it is one.
        let inner = ex.clone();
        let ends = flow::iter([()]).map_on(&ex, 1, move |()| {
            let ex = inner.clone();
            async move {
                let itself = async { cancel_self().unwrap(); pending::<()>().await };
                scope(&ex, async |s| cause(s.spawn(itself).await)).await
            }
        });
        assert_eq!(ends.try_collect::<Vec<_>>().await.unwrap(), [CancelledBy::Handle]);
    }

    /// Given code that is in no child, then it is told.
    outside_of_children_it_is_an_error |ex| {
        assert_eq!(cancel_self(), Err(NotInChild));
        scope(&ex, async |_| assert_eq!(cancel_self(), Err(NotInChild))).await;
        assert!(NotInChild.to_string().contains("not part of a child"));
    }
}
