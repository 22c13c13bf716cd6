//! Something else, when it fails.

use anyscope::{Elapsed, resilience::with_fallback, timeout};
use std::{
    future::{pending, ready},
    pin::pin,
};
use support::{
    SECOND, Stopwatch, Tracer, behaviour, blow_up, panic_in, panic_of, poll_once, yield_now,
};

behaviour! {
    /// Given work that is in time, then there is no fallback; given work that is not, then it is gone
    /// before the fallback is made.
    what_is_late_is_gone_before_its_fallback with virtual_time |ex| {
        let (watch, tracer) = (Stopwatch::start(ex.clone()), Tracer::new());
        let fast = timeout(&ex, SECOND, async { 1 });
        assert_eq!(with_fallback(fast, |_: Elapsed| async { unreachable!() }).await, 1);

        let slow = timeout(&ex, SECOND, tracer.trace(pending::<u8>()));
        let second = tracer.clone();
        let fallback = |_: Elapsed| {
            assert_eq!(tracer.alive(), 0);
            second.trace(async { yield_now().await; 2 })
        };
        let mut both = pin!(with_fallback(slow, fallback));
        assert_eq!(both.as_mut().await, 2);
        assert_eq!((watch.elapsed(), tracer.alive()), (SECOND, 0));
        assert!(panic_in(|| poll_once(both.as_mut())).contains("polled after it was ready"));
    }

    /// Given something that panics, then that propagates, and there is no further poll.
    panics_propagate |ex| {
        let _ = &ex;
        for place in 0..3 {
            let tracer = Tracer::new();
            let at = |here: u8| if here == place { blow_up::<()>("here") };
            let first = tracer.trace(async { at(0); Err::<(), _>("failed") });
            let fallback = |error| {
                assert_eq!(error, "failed");
                at(1);
                tracer.trace(async { yield_now().await; at(2) })
            };
            let mut both = Box::pin(with_fallback(first, fallback));
            assert_eq!(panic_of(both.as_mut()).await, "here");
            drop(both);
            assert_eq!(tracer.alive(), 0);
        }
    }
}

/// Given a drop after each number of polls, then nothing is left.
#[test]
fn a_drop_leaves_nothing() {
    for polls in 0..4 {
        let tracer = Tracer::new();
        let first = tracer.trace(async {
            yield_now().await;
            Err::<(), _>(())
        });
        let mut both = Box::pin(with_fallback(first, |()| tracer.trace(pending())));
        for _ in 0..polls {
            assert!(poll_once(both.as_mut()).is_pending());
        }
        drop(both);
        assert_eq!(tracer.alive(), 0);
    }
    let mut done = pin!(with_fallback(ready(Ok::<_, ()>(1)), |()| pending()));
    assert!(poll_once(done.as_mut()).is_ready());
}
