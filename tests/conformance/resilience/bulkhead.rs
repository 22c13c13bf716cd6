//! Bulkheads: who runs, who waits, who is refused, who passes by.

use anyscope::{
    AdaptiveLimit, LiveLimit,
    context::{self, Context},
    join,
    limit::{
        Backlog,
        adaptive::{Aimd, Outcome},
    },
    resilience::{Bulkhead, BulkheadError},
    scope, timeout,
};
use std::{
    future::{pending, ready},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    task::Poll,
    time::Duration,
};
use support::{Gauge, Log, SECOND, Stopwatch, behaviour, panic_of, poll_once, until, yields};

behaviour! {
    /// Given a bulkhead, then so many run, so many wait, the rest is refused; a cancel and a close make room.
    bulkhead_refuses_what_does_not_fit with virtual_time |ex| {
        let (bulkhead, watch) = (Bulkhead::new(2, 1), Stopwatch::start(ex.clone()));
        let call = || bulkhead.run(async { ex.sleep(SECOND).await });
        let results = join((call(), call(), call(), call())).await;
        assert_eq!(results, (Ok(()), Ok(()), Ok(()), Err(BulkheadError::Full)));
        assert_eq!((watch.elapsed(), bulkhead.running(), bulkhead.waiting()), (2 * SECOND, 0, 0));
        let held = [bulkhead.enter().await.unwrap(), bulkhead.enter().await.unwrap()];
        {
            let mut waits = pin!(bulkhead.enter());
            assert!(poll_once(waits.as_mut()).is_pending());
            assert_eq!(bulkhead.waiting(), 1);
        }
        assert_eq!(bulkhead.waiting(), 0);
        let mut waits = pin!(bulkhead.run(ready(())));
        assert!(poll_once(waits.as_mut()).is_pending());
        bulkhead.close();
        assert_eq!(waits.await, Err(BulkheadError::Closed));
        assert_eq!(bulkhead.run(ready(())).await, Err(BulkheadError::Closed));
        drop(held);
    }

    /// Given more calls than may run and wait, then the newest of those that wait is run first, and those that come while as many wait as
    /// may are refused at once.
    a10_a_bulkhead_runs_the_newest_first |ex| {
        let (bulkhead, log) = (Bulkhead::new(1, Backlog::lifo(3)), Log::new());
        let held = bulkhead.enter().await.unwrap();
        scope(&ex, async |s| {
            for n in 0..5 {
                let (shared, told) = (bulkhead.clone(), log.clone());
                let before = (bulkhead.waiting(), log.events().len());
                s.spawn(async move {
                    match shared.enter().await {
                        Ok(_room) => told.add(format!("{n}")),
                        Err(error) => told.add(format!("{n} {error:?}")),
                    }
                });
                until(|| (bulkhead.waiting(), log.events().len()) != before).await;
            }
            drop(held);
        })
        .await;
        assert_eq!(log.events(), ["3 Full", "4 Full", "2", "1", "0"]);
        assert_eq!((bulkhead.running(), bulkhead.waiting()), (0, 0));
    }

    /// Given calls that wait no longer than a second, then those for which there is no room by then are refused, and leave the
    /// backlog; how long a call takes is not limited.
    a11_who_waits_too_long_is_refused with virtual_time |ex| {
        for backlog in [Backlog::fifo(2), Backlog::lifo(2)] {
            let (bulkhead, watch) = (Bulkhead::new(1, backlog), Stopwatch::start(ex.clone()));
            let call = || bulkhead.run_within(&ex, SECOND, ex.sleep(3 * SECOND));
            let results = join((call(), call(), call(), call())).await;
            let late = Err(BulkheadError::TimedOut);
            assert_eq!(results, (Ok(()), late, late, Err(BulkheadError::Full)));
            assert!(BulkheadError::TimedOut.is_timed_out());
            assert_eq!((watch.elapsed(), bulkhead.running(), bulkhead.waiting()), (3 * SECOND, 0, 0));
            // Without any time, room that is there is taken.
            assert_eq!(bulkhead.run_within(&ex, Duration::ZERO, ready(1)).await, Ok(1));
            let held = bulkhead.enter_within(&ex, Duration::ZERO).await.unwrap();
            assert_eq!(bulkhead.run_within(&ex, Duration::ZERO, ready(1)).await, late.map(|()| 1));
            drop(held);
            assert_eq!(bulkhead.run_within(&ex, Duration::MAX, ready(1)).await, Ok(1));
        }
    }

    /// Given room that comes back in the moment in which the time of who waits is over, then it is had by one of them, or is free.
    a11_room_that_comes_at_the_last_moment_is_not_lost with virtual_time |ex| {
        for backlog in [Backlog::fifo(9), Backlog::lifo(9)] {
            let (bulkhead, gauge) = (Bulkhead::new(1, backlog), Gauge::new());
            scope(&ex, async |s| {
                for n in 0..5 {
                    let (bulkhead, gauge, ex) = (bulkhead.clone(), gauge.clone(), ex.clone());
                    s.spawn(async move {
                        yields(n % 3).await;
                        // Each takes as long as each waits.
                        let call = async {
                            let _inside = gauge.enter();
                            ex.sleep(SECOND).await;
                        };
                        match bulkhead.run_within(&ex, SECOND, call).await {
                            Ok(()) | Err(BulkheadError::TimedOut) => {}
                            other => panic!("{other:?}"),
                        }
                    });
                }
            })
            .await;
            assert_eq!((gauge.peak(), bulkhead.running(), bulkhead.waiting()), (1, 0, 0));
            assert_eq!(bulkhead.run_within(&ex, Duration::ZERO, ready(7)).await, Ok(7));
        }
    }

    /// Given a wait that is dropped at any of its points, then the next has the room.
    a11_a_wait_may_be_cancelled_at_any_point |ex| {
        for (points, backlog) in (0..6).flat_map(|n| [(n, Backlog::fifo(2)), (n, Backlog::lifo(2))]) {
            let bulkhead = Bulkhead::new(1, backlog);
            let mut held = Some(bulkhead.enter().await.unwrap());
            {
                let inside = bulkhead.run_within(&ex, SECOND, pending::<()>());
                let mut inside = pin!(inside);
                for point in 0..points {
                    assert!(poll_once(inside.as_mut()).is_pending());
                    if point == 2 {
                        held = None;
                    }
                }
            }
            drop(held);
            assert_eq!((bulkhead.running(), bulkhead.waiting()), (0, 0));
            assert_eq!(bulkhead.run(ready(points)).await, Ok(points));
        }
    }

    /// Given a bulkhead that is full, then calls that bypass it run at once, take no room, and are not counted; others are refused as before.
    a14_who_bypasses_takes_no_room |ex| {
        struct Urgent;
        let bulkhead = Bulkhead::new(1, 0).bypass_when(|| context::current().get::<Urgent>().is_some());
        let held = bulkhead.enter().await.unwrap();
        let urgent = Context::new().with(Urgent);
        let passes = urgent.clone().around(async {
            let permit = bulkhead.enter().await.unwrap();
            assert_eq!((permit.count(), bulkhead.running(), bulkhead.waiting()), (0, 1, 0));
            let within = bulkhead.run_within(&ex, Duration::ZERO, ready(1)).await;
            assert_eq!((within, bulkhead.run(ready(2)).await), (Ok(1), Ok(2)));
            // Made its own, it is still none.
            drop(permit.into_owned());
        });
        passes.await;
        assert_eq!(bulkhead.running(), 1);
        assert_eq!(bulkhead.run(ready(3)).await, Err(BulkheadError::Full));
        drop(held);
        let held = urgent.clone().around(bulkhead.enter()).await.unwrap();
        assert_eq!(bulkhead.running(), 0);
        assert_eq!(bulkhead.run(ready(4)).await, Ok(4));
        drop(held);
        bulkhead.close();
        assert_eq!(urgent.around(bulkhead.run(ready(5))).await, Err(BulkheadError::Closed));
    }

    /// Given a bypass that panics, then that is the panic of the call, and no room is lost.
    a14_a_bypass_that_panics_takes_no_room |_ex| {
        let is_bad = Arc::new(AtomicBool::new(true));
        let asked = is_bad.clone();
        let bulkhead = Bulkhead::new(1, 0).bypass_when(move || asked.load(SeqCst) && support::blow_up("a bad bypass"));
        assert_eq!(panic_of(bulkhead.run(ready(1))).await, "a bad bypass");
        is_bad.store(false, SeqCst);
        assert_eq!((bulkhead.running(), bulkhead.run(ready(2)).await), (0, Ok(2)));
    }

    /// Given a limit that is raised, then those who wait are run at once, the newest first.
    a9_a10_a_raise_lets_the_newest_in |_ex| {
        let limit = LiveLimit::new(1);
        let bulkhead = Bulkhead::new(&limit, Backlog::lifo(10));
        let _held = bulkhead.enter().await.unwrap();
        let [mut first, mut second, mut third] = [1, 2, 3].map(|_| Box::pin(bulkhead.enter()));
        for wait in [&mut first, &mut second, &mut third] {
            assert!(poll_once(wait.as_mut()).is_pending());
        }
        limit.set(3);
        assert_eq!((bulkhead.running(), bulkhead.waiting()), (3, 1));
        let Poll::Ready(Ok(third)) = poll_once(third.as_mut()) else { panic!("it is the newest") };
        drop(second);
        drop(third);
        // The second has given its room to the first, and that of the third is free.
        assert!(matches!(poll_once(first.as_mut()), Poll::Ready(Ok(_))));
    }

    /// Given an adaptive limit that the calls tell of themselves, then a bulkhead lets in as many as it says; what it refuses says nothing
    /// about the service.
    a10_a_bulkhead_has_a_limit_that_adapts with virtual_time |ex| {
        let aimd = Aimd::builder().initial(4).max(10).build().unwrap();
        let adaptive = AdaptiveLimit::new(aimd);
        let bulkhead = Bulkhead::new(&adaptive, 0);
        let slow = || {
            let call = timeout(&ex, SECOND, pending::<()>());
            bulkhead.run(adaptive.call_with(&ex, call, Outcome::drop_errors))
        };
        let ended = join((slow(), slow(), slow(), slow(), slow())).await;
        assert!(ended.0.unwrap().is_err() && ended.4.is_err());
        // 4, and then 0.9 of it four times.
        assert_eq!((adaptive.get().get(), bulkhead.running()), (1, 0));
        let _held = bulkhead.enter().await.unwrap();
        assert_eq!(bulkhead.run(ready(1)).await, Err(BulkheadError::Full));
    }
}
