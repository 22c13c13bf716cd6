//! Who may wait for a permit, and who of them is first. Bulkheads have the rest of A10 and A11, and A14.

use anyscope::{
    LiveLimit, Semaphore,
    limit::{AcquireError, Backlog, TryAcquireError},
    scope,
};
use std::{pin::pin, task::Poll};
use support::{Gauge, behaviour, poll_once, yields};

behaviour! {
    /// Given many children and a backlog that not all fit into, then each gets a permit or is refused at once, never more have permits
    /// than there are, and none waits for ever.
    a7_a10_all_are_served_or_refused |ex| {
        for backlog in [Backlog::fifo(0), Backlog::fifo(3), Backlog::lifo(0), Backlog::lifo(3)] {
            let (semaphore, gauge) = (Semaphore::with_backlog(2, backlog), Gauge::new());
            let refused = scope(&ex, async |s| {
                let mut refused = Vec::new();
                for n in 0..20 {
                    let (semaphore, gauge) = (semaphore.clone(), gauge.clone());
                    refused.push(s.spawn(async move {
                        let mut refused = 0;
                        for round in 0..10 {
                            match semaphore.acquire().await {
                                Ok(_permit) => {
                                    let _inside = gauge.enter();
                                    yields((n + round) % 3).await;
                                }
                                Err(error) => {
                                    assert_eq!(error, AcquireError::Full);
                                    refused += 1;
                                }
                            }
                        }
                        refused
                    }));
                }
                let mut sum = 0;
                for refused in refused {
                    sum += refused.value().await;
                }
                sum
            });
            let refused = refused.await;
            assert!(gauge.peak() <= 2);
            assert_eq!(gauge.ever() + refused, 200);
            assert_eq!((semaphore.in_use(), semaphore.waiting()), (0, 0));
        }
    }

    /// Given a backlog that is full, then the next is refused with the first poll; one who leaves it or is served makes room in it.
    a10_a_backlog_has_room_for_so_many |_ex| {
        for backlog in [Backlog::fifo(2), Backlog::lifo(2)] {
            let semaphore = Semaphore::with_backlog(1, backlog);
            let held = semaphore.acquire().await.unwrap();
            let [mut first, mut second, mut third] = [(); 3].map(|()| semaphore.acquire());
            assert!(poll_once(pin!(&mut first)).is_pending());
            assert!(poll_once(pin!(&mut second)).is_pending());
            assert_eq!(semaphore.waiting(), 2);
            assert!(matches!(poll_once(pin!(&mut third)), Poll::Ready(Err(AcquireError::Full))));
            assert_eq!(semaphore.acquire_owned().await.unwrap_err(), AcquireError::Full);
            // To ask for what can never be had is still that.
            assert!(matches!(semaphore.acquire_many(2).await, Err(AcquireError::Never { .. })));
            drop(second);
            let mut fourth = semaphore.acquire();
            assert!(poll_once(pin!(&mut fourth)).is_pending());
            drop(held);
            assert_eq!(semaphore.waiting(), 1);
            let mut fifth = semaphore.acquire();
            assert!(poll_once(pin!(&mut fifth)).is_pending());
            // Whether it waits or is refused, a close is what it is told.
            semaphore.close();
            assert!(matches!(poll_once(pin!(&mut fifth)), Poll::Ready(Err(AcquireError::Closed))));
            assert_eq!(semaphore.acquire().await.unwrap_err(), AcquireError::Closed);
            assert_eq!(semaphore.waiting(), 0);
        }
    }

    /// Given the newest first, then one who comes later and asks for few overtakes one who asks for more than is free, also at
    /// once; the other is served when there is enough.
    a10_the_newest_overtakes_who_asks_for_more |_ex| {
        let limit = LiveLimit::new(3);
        let semaphore = Semaphore::with_backlog(&limit, Backlog::lifo(1));
        let mut large = semaphore.acquire_many(4);
        assert!(poll_once(pin!(&mut large)).is_pending());
        let two = semaphore.acquire_many(2).await.unwrap();
        assert_eq!(semaphore.try_acquire().unwrap_err(), TryAcquireError::Full);
        // It would have to wait, and one does.
        assert_eq!(semaphore.acquire_many(2).await.unwrap_err(), AcquireError::Full);
        drop(two);
        limit.set(4);
        assert!(matches!(poll_once(pin!(&mut large)), Poll::Ready(Ok(_))));
    }
}

/// Given the errors, then they say what to do.
#[test]
fn a_full_backlog_is_told_from_a_missing_permit() {
    let text = "too few permits are free, and as many wait for some as may";
    assert_eq!(AcquireError::Full.to_string(), text);
    assert_eq!(TryAcquireError::from(AcquireError::Full), TryAcquireError::Full);
}
