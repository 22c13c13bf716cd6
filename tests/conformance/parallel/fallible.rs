//! A map of work that may fail: one layer of `Result`, panics resumed.

use anyscope::{CancelledBy, Limit, ScopeError, flow};
use futures_lite::StreamExt;
use std::{
    future::pending,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    task::Poll,
};
use support::{Hoard, Signal, Tracer, behaviour, blow_up, panic_of, poll_once, until, yields};

const FOUR: Limit = Limit::new(4);

behaviour! {
    /// Given work that succeeds, then its values come in the order of the items, or as they come.
    values_are_those_of_a_sequential_map |ex| {
        let work = async |n: usize| {
            yields(n * 7 % 5).await;
            Ok::<_, ()>(n * 2)
        };
        let mapped = || flow::iter(0..100).try_map_on(&ex, FOUR, work);
        let ordered: Vec<_> = mapped().try_collect().await.unwrap();
        assert!(ordered.into_iter().eq((0..100).map(|n| n * 2)));
        let mut unordered: Vec<_> = mapped().unordered().try_collect().await.unwrap();
        unordered.sort_unstable();
        assert!(unordered.into_iter().eq((0..100).map(|n| n * 2)));
    }

    /// Given work that fails behind work that never ends, then the error comes in time, as a
    /// failure, and nothing is left of the work.
    first_error_in_time_is_a_failure |ex| {
        for ordered in [true, false] {
            let tracer = Tracer::new();
            let traced = tracer.clone();
            let mapped = flow::iter(0..99).try_map_on(&ex, FOUR, move |n| {
                traced.trace(async move {
                    match n {
                        2 => Err("broken"),
                        _ => pending::<Result<(), _>>().await,
                    }
                })
            });
            let mapped = if ordered { mapped } else { mapped.unordered() };
            match mapped.try_collect::<Vec<_>>().await {
                Err(ScopeError::Failed { first, rest }) => {
                    assert_eq!((first, rest.len()), ("broken", 0));
                }
                other => panic!("{other:?}"),
            }
            until(|| tracer.alive() == 0).await;
        }
    }

    /// Given items that are looked at one by one, then an error is one of them, and the flow goes on.
    errors_are_items |ex| {
        let work = async |n| if n == 1 { Err(n) } else { Ok(n) };
        let results: Vec<_> = flow::iter(0..3).try_map_on(&ex, FOUR, work).collect().await;
        assert!(matches!(
            results[..],
            [Ok(0), Err(ScopeError::Failed { first: 1, .. }), Ok(2)]
        ), "{results:?}");
    }

    /// Given work that panics behind work that never ends, then the panic is resumed in time,
    /// nothing is left of the work, and the flow has ended.
    panic_is_resumed_in_time |ex| {
        for ordered in [true, false] {
            let (tracer, go) = (Tracer::new(), Signal::new());
            let (traced, others) = (tracer.clone(), go.clone());
            let mapped = flow::iter(0..99).try_map_on(&ex, FOUR, move |n| {
                let (go, wait) = (others.clone(), others.wait());
                traced.trace(async move {
                    match n {
                        0 => pending::<()>().await,
                        1 => wait.await,
                        _ => go.fire(),
                    }
                    if n == 1 { blow_up("boom") } else { Ok::<_, ()>(n) }
                })
            });
            let mapped = if ordered { mapped } else { mapped.unordered() };
            let mut mapped = pin!(mapped.into_stream());
            let message = panic_of(async { while mapped.next().await.is_some() {} }).await;
            assert_eq!(message, "boom");
            until(|| tracer.alive() == 0).await;
            assert!(mapped.next().await.is_none());
        }
    }
}

/// Given an executor that refuses all work, then the error is a cancel by the executor.
#[test]
fn refused_work_is_cancelled_by_the_executor() {
    let ex = Hoard::default();
    let mapped = flow::iter(0..3).try_map_on(&ex, FOUR, async |n| Ok::<_, ()>(n));
    let mut all = pin!(mapped.try_collect::<Vec<_>>());
    assert!(poll_once(all.as_mut()).is_pending());
    drop(ex.take());
    let Poll::Ready(Err(ScopeError::Cancelled(cancelled))) = poll_once(all) else {
        panic!("not cancelled")
    };
    assert_eq!(cancelled.by(), CancelledBy::Executor);
}

/// Given values whose turn it is when later work panics, then they come before the panic, and what
/// waits for earlier work is dropped.
#[test]
fn values_whose_turn_it_is_come_before_the_panic() {
    let (ex, gate) = (Hoard::default(), Signal::new());
    let wait = gate.clone();
    let mapped = flow::iter(0..4).try_map_on(&ex, FOUR, move |n| {
        let wait = wait.wait();
        async move {
            match n {
                1 => wait.await,
                3 => blow_up("boom"),
                _ => {}
            }
            Ok::<_, ()>(n)
        }
    });
    let mut stream = pin!(mapped.into_stream());
    assert!(poll_once(pin!(stream.next())).is_pending());
    let mut shards = ex.take();
    for shard in &mut shards {
        let _ = poll_once(std::pin::Pin::new(shard));
    }
    assert!(matches!(poll_once(pin!(stream.next())), Poll::Ready(Some(Ok(0)))));
    let next = catch_unwind(AssertUnwindSafe(|| poll_once(pin!(stream.next()))));
    assert_eq!(next.unwrap_err().downcast_ref(), Some(&"boom"));
    assert!(matches!(poll_once(pin!(stream.next())), Poll::Ready(None)));
}

/// Given a flow that is dropped before its panic was resumed, then the drop does nothing.
#[test]
fn panic_that_nobody_takes_is_dropped() {
    let ex = Hoard::default();
    let mapped =
        flow::iter(0..1).try_map_on(&ex, FOUR, async |_| blow_up::<Result<(), ()>>("boom"));
    let mut stream = Box::pin(mapped.into_stream());
    assert!(poll_once(pin!(stream.next())).is_pending());
    for shard in &mut ex.take() {
        let _ = poll_once(std::pin::Pin::new(shard));
    }
    drop(stream);
}
