//! Pools without an executor: whoever waits does the work.

use super::jobs::{Do, Job, Scribe, Scribes, after, bad, say};
use anyscope::{
    flow, join,
    pool::{JobError, Pool, PoolClosed, Shutdown, caller, worker},
};
use std::{
    pin::pin,
    sync::{Arc, Mutex},
    task::Poll,
    thread,
};
use support::{Log, Signal, behaviour, hostile::Spy, poll_once, until};

fn inline(queue: usize, log: &Log) -> Scribes {
    let log = log.clone();
    let make = move |index| {
        let log = log.clone();
        async move { Scribe { index, log, had: 0 } }
    };
    Pool::inline().queue(queue).start(make).unwrap()
}

/// Given a pool without an executor, then a job runs in the poll of whoever waits, and not before.
#[test]
fn nothing_runs_while_nobody_waits() {
    let log = Log::new();
    let pool = inline(5, &log);
    let first = pool.try_submit(say(0)).unwrap();
    let mut second = pool.try_submit(say(1)).unwrap();
    assert_eq!(log.events(), [""; 0]);
    assert!(matches!(poll_once(pin!(&mut second)), Poll::Ready(Ok((1, 0)))));
    assert_eq!(log.events(), ["0", "1"]);
    assert!(first.is_finished());
}

/// Given two who wait, when the one that did the work gives up, then the other one is woken.
#[test]
fn whoever_is_left_goes_on() {
    let (log, signal) = (Log::new(), Signal::new());
    let pool = inline(5, &log);
    let mut first = pool.try_submit(after(0, &signal)).unwrap();
    let mut second = pool.try_submit(say(1)).unwrap();
    let (one, two) = (Spy::new(), Spy::new());
    assert!(one.poll(pin!(&mut first)).is_pending());
    assert!(two.poll(pin!(&mut second)).is_pending());
    drop(first);
    assert_eq!(two.take_wakes(), 0);
    signal.fire();
    assert!(two.take_wakes() > 0);
    assert!(two.poll(pin!(&mut second)).is_ready());
    assert_eq!(log.events(), ["0", "1"]);
}

/// Given two who wait, when the worker is woken, then both are, as the first one may never come.
#[test]
fn all_who_wait_are_woken() {
    let (log, signal) = (Log::new(), Signal::new());
    let pool = inline(5, &log);
    let mut tickets = [after(0, &signal), say(1)].map(|job| pool.try_submit(job).unwrap());
    let spies = [Spy::new(), Spy::new()];
    for (spy, ticket) in spies.iter().zip(&mut tickets) {
        assert!(spy.poll(pin!(ticket)).is_pending());
    }
    signal.fire();
    assert!(spies.iter().all(|spy| spy.wakes() > 0));
    // The one that was told last does the work of both.
    assert!(spies[1].poll(pin!(&mut tickets[1])).is_ready());
    assert!(tickets[0].is_finished());
}

/// Given a submit that waits for room, then it does the work that makes some.
#[test]
fn a_submit_makes_its_own_room() {
    let log = Log::new();
    let pool = inline(1, &log);
    let tickets = futures_lite::future::block_on(async {
        let mut tickets = Vec::new();
        for n in 0..5 {
            tickets.push(pool.submit(say(n)).await.unwrap());
        }
        tickets
    });
    assert_eq!(tickets.len(), 5);
    assert_eq!(log.events(), ["0", "1", "2", "3"]);
}

/// Given a pool that is dropped, or aborted, then its jobs are gone with that.
#[test]
fn its_end_is_at_once() {
    for abort in [false, true] {
        let log = Log::new();
        let pool = inline(5, &log);
        let mut first = pool.try_submit(Job::logged(0, Do::Hang, &log)).unwrap();
        let second = pool.try_submit(Job::logged(1, Do::Say, &log)).unwrap();
        assert!(poll_once(pin!(&mut first)).is_pending());
        if abort {
            assert_eq!(
                poll_once(pin!(pool.shutdown(Shutdown::Abort))).map(|end| end.dropped),
                Poll::Ready(2)
            );
        }
        drop(pool);
        assert_eq!(log.events(), ["1 dropped", "0 dropped"]);
        for ticket in [first, second] {
            let Poll::Ready(Err(JobError::Closed(closed))) = poll_once(pin!(ticket)) else {
                panic!()
            };
            assert_eq!(matches!(closed, PoolClosed::Dropped), !abort);
        }
    }
}

behaviour! {
    /// Given many tasks on several threads, then each gets its result.
    many_tasks_share_it |ex| {
        let log = Log::new();
        let pool = Arc::new(inline(3, &log));
        anyscope::scope(&ex, async |s| {
            for n in 0..30 {
                let pool = pool.clone();
                s.spawn(async move {
                    if n % 3 == 0 {
                        drop(pool.submit(say(n)).await.unwrap());
                    }
                    assert_eq!(pool.call(say(n)).await.unwrap().0, n);
                });
            }
        })
        .await;
        let report = pool.shutdown(Shutdown::Drain).await;
        assert_eq!((pool.stats().done, report.dropped), (40, 0));
    }

    /// Given a job that panics, then it is the ticket's, and the worker is made anew.
    a_panic_is_the_jobs |ex| {
        let _ = &ex;
        let log = Log::new();
        let pool = inline(3, &log);
        let results = pool.map([say(0), bad(1), say(2)]).collect::<Vec<_>>().await;
        assert_eq!(results.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true]);
        assert_eq!(pool.stats().workers[0].restarts, 1);
        let calls = Pool::inline().start(async |_| caller(())).unwrap();
        let sum = flow::iter(0..5).map_concurrent(3, async |n| calls.run(async move { n }).await);
        assert_eq!(sum.try_collect::<Vec<_>>().await.unwrap(), [0, 1, 2, 3, 4]);
    }

    /// Given a start that fails, then all who wait are told.
    a_failed_start_is_the_end |ex| {
        let _ = &ex;
        let pool = Pool::inline().queue(1).start(async |_| {
            Err::<(), _>("no server").map(|()| worker((), async |_: &mut (), n: u32| n))
        });
        let pool = pool.unwrap();
        let queued = pool.submit(1).await.unwrap();
        let (queued, refused) = join((queued, pool.submit(2))).await;
        assert!(queued.unwrap_err().is_closed());
        assert!(refused.is_err());
        until(|| pool.closed().is_some()).await;
        assert_eq!(pool.shutdown(Shutdown::Drain).await.dropped, 1);
    }
}

/// Given threads that all wait, then none is forgotten.
#[test]
fn no_ring_of_the_bell_is_missed() {
    for _ in 0..200 {
        let pool = Pool::inline().queue(2).start(async |_| {
            worker(0, async |sum: &mut u32, n: u32| {
                futures_lite::future::yield_now().await;
                *sum += n;
                *sum
            })
        });
        let pool = pool.unwrap();
        let results = Mutex::new(Vec::new());
        thread::scope(|threads| {
            for _ in 0..4 {
                threads.spawn(|| {
                    for _ in 0..5 {
                        let result = futures_lite::future::block_on(pool.call(1)).unwrap();
                        results.lock().unwrap().push(result);
                    }
                });
            }
        });
        let mut results = results.into_inner().unwrap();
        results.sort();
        assert_eq!(results, (1..=20).collect::<Vec<_>>());
    }
}
