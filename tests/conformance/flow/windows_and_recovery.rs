//! Windows that overlap, and flows that go on after an error.

use anyscope::flow::{self, Flow, sources::Iter};
use futures_lite::StreamExt;
use std::{
    cell::Cell,
    future::pending,
    num::NonZeroUsize,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    task::Poll,
    vec::IntoIter,
};
use support::{Signal, Tracer, behaviour, blow_up, poll_once, until, yields};

/// What a function returns that does not.
type Rest = Flow<Iter<IntoIter<Result<u32, ()>>>>;

behaviour! {
    /// Given any size, then the windows are those of a slice, whatever the pace of the source.
    e86_windows_are_those_of_a_slice |_ex| {
        let items: Vec<usize> = (0..7).collect();
        for size in 1..10 {
            let expected: Vec<_> = items.windows(size).map(<[usize]>::to_vec).collect();
            let size = NonZeroUsize::new(size).unwrap();
            let windows = flow::iter(items.iter().copied())
                .map_concurrent(3, async |n| {
                    yields(n % 3).await;
                    n
                })
                .windows(size);
            assert_eq!(windows.collect::<Vec<_>>().await, expected);
        }
        let none = flow::iter(0..3).windows(NonZeroUsize::MAX).count().await;
        assert_eq!(none, 0);
    }

    /// Given an error, then what was before is dropped, and the items of the other flow follow; without one, the other flow is not
    /// made.
    e86_another_flow_goes_on_after_an_error |_ex| {
        let (tracer, failed) = (Tracer::new(), Signal::new());
        let work = async |n: u32| match n {
            0 => Ok(0),
            1 => {
                failed.fire();
                Err("broken")
            }
            // One that would never end.
            _ => tracer.trace(pending()).await,
        };
        let rest = |error: &str| {
            assert_eq!((error, tracer.alive(), failed.has_fired()), ("broken", 0, true));
            flow::iter([Ok(10), Err(error.len()), Ok(11)])
        };
        let all = flow::iter(0..99).map_concurrent(4, work).recover_with(rest).collect::<Vec<_>>().await;
        assert_eq!(all, [Ok(0), Ok(10), Err(6), Ok(11)]);

        let not_made = |(): ()| blow_up::<Rest>("made");
        let all = flow::iter([Ok(1), Ok(2)]).recover_with(not_made).try_collect::<Vec<_>>().await;
        assert_eq!(all, Ok(vec![1, 2]));
    }

    /// Given a flow that recovers from a flow that recovers, then each error is seen by the next.
    e86_a_recovery_may_fail_and_be_recovered |_ex| {
        let broken = |n: u32| flow::iter([Ok(n), Err(n)]);
        let all = broken(1)
            .recover_with(|n| broken(n + 1))
            .recover_with(|n| broken(n + 1))
            .try_collect::<Vec<_>>();
        assert_eq!(all.await, Err(3));
    }

    /// Given an ordered flow after the error, when its second work fails and the first never ends, then that is seen at once,
    /// whether the end was asked for before or after.
    e86_an_error_after_a_recovery_comes_at_once |_ex| {
        let tracer = Tracer::new();
        let rest = |(): ()| {
            flow::iter(0..9).map_concurrent(4, async |n| match n {
                1 => Err("again"),
                _ => tracer.trace(pending::<Result<u32, &str>>()).await,
            })
        };
        let result = flow::iter([Err(())]).recover_with(rest).try_collect::<Vec<_>>().await;
        assert_eq!((result, tracer.alive()), (Err("again"), 0));
        let results = flow::iter([Ok(7), Err(())]).recover_with(rest).until_error().collect::<Vec<_>>().await;
        assert_eq!((results, tracer.alive()), (vec![Ok(7), Err("again")], 0));
    }

    /// Given a consumer that is busy, then the work of the other flow goes on meanwhile.
    e86_the_other_flow_is_not_snoozed |_ex| {
        let ended = Cell::new(0);
        let rest = |(): ()| {
            flow::iter(0..4).map_concurrent(2, async |n| {
                yields(5 * (n + 1)).await;
                ended.set(ended.get() + 1);
                Ok::<_, ()>(n)
            })
        };
        let sum = flow::iter([Err(())]).recover_with(rest).try_fold(0, async |sum, n| {
            let n = n?;
            // The second is at work when the first is there.
            if n == 0 {
                until(|| ended.get() == 2).await;
            }
            Ok::<_, ()>(sum + n)
        });
        assert_eq!(sum.await, Ok(6));
    }
}

/// Given a function that panics, then the flow has ended; and one that has ended stays so.
#[test]
fn e86_a_recovery_that_panics_is_an_end() {
    let flow = flow::iter([Ok(1), Err(())]).recover_with(|()| blow_up::<Rest>("no rest"));
    let mut flow = pin!(flow.into_stream());
    assert!(poll_once(pin!(flow.next())).is_ready());
    assert!(catch_unwind(AssertUnwindSafe(|| poll_once(pin!(flow.next())).is_ready())).is_err());
    for _ in 0..2 {
        assert!(matches!(poll_once(pin!(flow.next())), Poll::Ready(None)));
    }
}
