//! Failures of ordered flows come at once, not in their turn.

use anyscope::{
    Limit,
    flow::{self, Source},
};
use futures_lite::StreamExt;
use std::{
    future::{Future, pending},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    sync::Mutex,
    task::{Context, Poll, Waker},
};
use support::{Signal, Tracer, behaviour, blow_up, poll_once, until};

const FOUR: Limit = Limit::new(4);

/// Work of which the first never ends, and the one for item 2 fails when the last of the first four
/// has ended.
fn stuck_first(tracer: &Tracer) -> impl FnMut(u32) -> Work + Send + use<> {
    let (tracer, last) = (tracer.clone(), Signal::new());
    move |n| {
        let (last, wait) = (last.clone(), last.wait());
        Box::pin(tracer.trace(async move {
            match n {
                0 => pending().await,
                2 => {
                    wait.await;
                    return Err(n);
                }
                3 => last.fire(),
                _ => {}
            }
            Ok(n)
        }))
    }
}

type Work = Pin<Box<dyn Future<Output = Result<u32, u32>> + Send>>;

behaviour! {
    /// Given an ordered map whose first work never ends, when later work fails, then `try_collect`
    /// returns the error, and nothing is left of the work.
    try_collect_returns_the_first_error_in_time |ex| {
        let _ = &ex;
        let tracer = Tracer::new();
        let work = stuck_first(&tracer);
        let result = flow::iter(0..99).map_concurrent(FOUR, work).try_collect::<Vec<_>>().await;
        assert_eq!((result, tracer.alive()), (Err(2), 0));
    }

    /// The same on an executor, where an outcome is an error if its work has panicked.
    try_collect_returns_the_first_panic_in_time |ex| {
        let tracer = Tracer::new();
        let mut work = stuck_first(&tracer);
        let work = move |n| {
            let work = work(n);
            async move { work.await.unwrap_or_else(|_| blow_up("for item 2")) }
        };
        let result = flow::iter(0..99).map_on(&ex, FOUR, work).try_collect::<Vec<_>>().await;
        let panic = result.unwrap_err().try_into_panic().unwrap();
        assert_eq!(panic.into_payload().downcast_ref(), Some(&"for item 2"));
        until(|| tracer.alive() == 0).await;
    }

    /// Given such a map before an operation that looks at the items one by one, when
    /// `until_error` is between them, then that operation sees the error as soon as it is ready for
    /// it.
    until_error_ends_with_the_first_error_in_time |ex| {
        let _ = &ex;
        let tracer = Tracer::new();
        let flow = || {
            let work = stuck_first(&tracer);
            flow::iter(0..99).map_concurrent(FOUR, work).until_error()
        };
        let sum = flow().try_fold(0, async |sum, n| n.map(|n| sum + n)).await;
        assert_eq!((sum, tracer.alive()), (Err(2), 0));
        let each = flow().try_for_each(async |n| n.map(drop)).await;
        assert_eq!((each, tracer.alive()), (Err(2), 0));
        let each = flow().try_for_each_concurrent(FOUR, async |n| n.map(drop)).await;
        assert_eq!((each, tracer.alive()), (Err(2), 0));
        let all = flow().collect::<Vec<_>>().await;
        assert_eq!((all, tracer.alive()), (vec![Err(2)], 0));
    }

    /// Given such a map before operations that pass items on as they are, then so it is too.
    an_error_overtakes_through_other_operations |ex| {
        let tracer = Tracer::new();
        let flow = || flow::iter(0..99).map_concurrent(FOUR, stuck_first(&tracer));
        let mut seen = vec![];
        let result = flow()
            .inspect(|n| seen.push(*n))
            .inspect_err(|n| assert_eq!(*n, 2))
            .cooperate(|_| Poll::Ready(()))
            .prefetch(3)
            .take_until(pending::<()>())
            .try_collect::<Vec<_>>();
        assert_eq!((result.await, tracer.alive()), (Err(2), 0));
        assert_eq!(seen, [Err(2)]);
        for flows in [1, 12] {
            let merged = flow::merge_all((0..flows).map(|_| flow()));
            let result = merged.try_collect::<Vec<_>>().await;
            assert_eq!((result, tracer.alive()), (Err(2), 0));
        }
        drop(ex);
    }
}

/// A future for each signal that ends when it is fired.
fn waits<const N: usize>(signals: &[Signal; N]) -> [impl Future<Output = ()> + Send + use<N>; N] {
    signals.each_ref().map(Signal::wait)
}

fn signals() -> [Signal; 4] {
    Default::default()
}

/// Given values whose turn it is when a later one fails, then they come before the error, and
/// nothing after it.
#[test]
fn what_is_next_in_order_comes_before_the_error() {
    let (signals, tracer) = (signals(), Tracer::new());
    let work = |(n, wait)| {
        tracer.trace(async move {
            let () = wait.await;
            if n == 2 { Err(n) } else { Ok(n) }
        })
    };
    let flow = flow::iter(waits(&signals)).enumerate().map_concurrent(Limit::Unbounded, work);
    let mut items = pin!(flow.until_error().into_stream());
    let mut cx = Context::from_waker(Waker::noop());
    assert!(items.as_mut().poll_progress(&mut cx).is_pending());
    signals[0].fire();
    signals[2].fire();
    assert_eq!(tracer.alive(), 4);
    assert!(items.as_mut().poll_progress(&mut cx).is_ready());
    assert_eq!(tracer.alive(), 0);
    assert_eq!(poll_once(pin!(items.next())), Poll::Ready(Some(Ok(0))));
    assert_eq!(poll_once(pin!(items.next())), Poll::Ready(Some(Err(2))));
    assert_eq!(poll_once(pin!(items.next())), Poll::Ready(None));
}

/// Given values that wait for their turn when one fails, then whoever takes what is not delivered
/// has them.
#[test]
fn what_is_not_delivered_is_handed_over() {
    let (signals, left) = (signals(), Mutex::new(vec![]));
    let work = async |(n, wait)| {
        let () = wait.await;
        if n == 2 { Err(n) } else { Ok(n) }
    };
    let flow = flow::iter(waits(&signals)).enumerate().map_concurrent(Limit::Unbounded, work);
    let flow = flow.on_undelivered(|value| left.lock().unwrap().push(value));
    let mut result = pin!(flow.try_collect::<Vec<_>>());
    assert!(poll_once(result.as_mut()).is_pending());
    signals[3].fire();
    signals[1].fire();
    assert!(poll_once(result.as_mut()).is_pending());
    signals[2].fire();
    assert_eq!(poll_once(result.as_mut()), Poll::Ready(Err(2)));
    assert_eq!(*left.lock().unwrap(), [Ok(1), Ok(3)]);
}

/// Given an error that waits for its turn in a flow that was read as a stream, when the rest is
/// collected, then it comes at once.
#[test]
fn an_error_that_is_there_already_comes_at_once() {
    let signals = signals();
    let work = |(n, wait)| {
        Box::pin(async move {
            let () = wait.await;
            if n == 2 { Err(n) } else { Ok(n) }
        })
    };
    let flow = flow::iter(waits(&signals)).enumerate().map_concurrent(Limit::Unbounded, work);
    let mut items = flow.into_stream();
    signals[0].fire();
    signals[2].fire();
    assert_eq!(poll_once(pin!(items.next())), Poll::Ready(Some(Ok(0))));
    assert!(poll_once(pin!(items.next())).is_pending());
    let rest = flow::source(items).try_collect::<Vec<_>>();
    assert_eq!(poll_once(pin!(rest)), Poll::Ready(Err(2)));
}

/// Panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        blow_up("in drop")
    }
}

/// Given work that panics when it is dropped, when it is dropped for an error, then the panic
/// propagates when all other work is gone.
#[test]
fn the_panic_of_a_destructor_comes_out() {
    let (signals, tracer) = (signals(), Tracer::new());
    let work = |(n, wait)| {
        tracer.trace(async move {
            let bomb = (n == 1).then(|| Bomb);
            let () = wait.await;
            drop(bomb);
            if n == 2 { Err(n) } else { Ok(n) }
        })
    };
    let flow = flow::iter(waits(&signals)).enumerate().map_concurrent(Limit::Unbounded, work);
    let mut result = Box::pin(flow.try_collect::<Vec<_>>());
    assert!(poll_once(result.as_mut()).is_pending());
    signals[2].fire();
    let panic = catch_unwind(AssertUnwindSafe(|| poll_once(result.as_mut()))).unwrap_err();
    assert_eq!(panic.downcast_ref(), Some(&"in drop"));
    assert_eq!(tracer.alive(), 0);
}
