//! What is submitted is done: in order, when there is room, and its result is there.

use super::jobs::{after, bad, say, start};
use anyscope::{
    context::{self, Context},
    join,
    pool::{JobError, Pool, TrySubmitError, WorkerState, caller, worker},
};
use std::pin::pin;
use support::{Log, Signal, behaviour, poll_once, until, yields};

behaviour! {
    /// Given one worker, when jobs are submitted, then they are done in that order.
    one_worker_does_jobs_in_order |ex| {
        let log = Log::new();
        let pool = start(Pool::builder(&ex).workers(1).queue(10), &log);
        let tickets: Vec<_> = (0..10).map(|n| pool.try_submit(say(n)).unwrap()).collect();
        for (n, ticket) in (0..).zip(tickets) {
            assert_eq!(ticket.await.unwrap(), (n, 0));
        }
        assert_eq!(log.events(), (0..10).map(|n| n.to_string()).collect::<Vec<_>>());
    }

    /// Given a full queue, then a job is handed back, and there is room again when a worker takes one.
    a_full_queue_hands_jobs_back |ex| {
        let (log, signal) = (Log::new(), Signal::new());
        let pool = start(Pool::builder(&ex).workers(1).queue(2), &log);
        let first = pool.submit(after(0, &signal)).await.unwrap();
        until(|| pool.stats().running == 1).await;
        let queued = [1, 2].map(|n| pool.try_submit(say(n)).unwrap());
        let full = pool.try_submit(say(3)).unwrap_err();
        assert!(matches!(&full, TrySubmitError::Full(job) if job.number == 3));
        assert!(full.to_string().starts_with("the queue of the pool is full"));
        assert_eq!(full.into_job().number, 3);
        signal.fire();
        assert_eq!(first.await.unwrap().0, 0);
        for ticket in queued {
            ticket.await.unwrap();
        }
        pool.call(say(3)).await.unwrap();
        assert_eq!(log.events(), ["0", "1", "2", "3"]);
    }

    /// Given submits that wait for room, then they are served in the order in which they came, and a
    /// job comes into the queue although its submitter is not polled.
    waiting_submits_are_served_in_order |ex| {
        let (log, signal) = (Log::new(), Signal::new());
        let pool = start(Pool::builder(&ex).workers(1).queue(1), &log);
        let first = pool.submit(after(0, &signal)).await.unwrap();
        until(|| pool.stats().running == 1).await;
        let second = pool.submit(say(1)).await.unwrap();
        let mut waits: Vec<_> = (2..6).map(|n| Box::pin(pool.submit(say(n)))).collect();
        for wait in &mut waits {
            assert!(poll_once(wait.as_mut()).is_pending());
        }
        assert_eq!((pool.stats().waiting, pool.stats().submitted), (4, 2));
        assert!(pool.try_submit(say(9)).unwrap_err().is_full());
        signal.fire();
        until(|| pool.stats().done == 6).await;
        for (n, wait) in (2..).zip(waits) {
            assert_eq!(wait.await.unwrap().await.unwrap().0, n);
        }
        for ticket in [first, second] {
ticket.await.unwrap();
}
        assert_eq!(log.events(), ["0", "1", "2", "3", "4", "5"]);
    }

    /// Given a ticket that has returned its result, then it says so.
    a_result_is_returned_once |ex| {
        let pool = start(Pool::builder(&ex), &Log::new());
        let mut ticket = pool.submit(say(1)).await.unwrap();
        assert_eq!((&mut ticket).await.unwrap().0, 1);
        assert!(ticket.is_finished());
        assert!(matches!((&mut ticket).await, Err(JobError::Taken)));
    }

    /// Given many jobs, then a map yields their results in order, never takes more than two for each
    /// worker, and all workers take part.
    a_map_is_in_order_bounded_and_parallel |ex| {
        let (log, signal) = (Log::new(), Signal::new());
        let pool = start(Pool::builder(&ex).workers(4).queue(100), &log);
        let taken = std::cell::Cell::new(0);
        let jobs = (0..50).map(|n| {
            taken.set(n + 1);
            after(n, &signal)
        });
        let all = pool.map(jobs).collect::<Vec<_>>();
        let gate = async {
            until(|| pool.stats().running == 4).await;
            yields(50).await;
            assert!(taken.get() <= 8, "{}", taken.get());
            signal.fire();
        };
        let (results, ()) = join((all, gate)).await;
        let numbers: Vec<_> = results.into_iter().map(|result| result.unwrap().0).collect();
        assert_eq!(numbers, (0..50).collect::<Vec<_>>());
        assert!(pool.stats().workers.iter().all(|worker| worker.done > 0));
    }

    /// Given a map, when a job panics, then its result says so, and all others are there.
    a_map_has_the_panic_at_its_place |ex| {
        let pool = start(Pool::builder(&ex).workers(2), &Log::new());
        let jobs = (0..6).map(|n| if n == 2 { bad(n) } else { say(n) });
        let results = pool.map(jobs).collect::<Vec<_>>().await;
        let failed: Vec<_> = results.iter().map(|result| result.is_err()).collect();
        assert_eq!(failed, [false, false, true, false, false, false]);
    }

    /// Given a job, then it sees the context of its submitter, and the next one does not.
    a_job_sees_the_context_of_its_submitter |ex| {
        let pool = Pool::builder(&ex).workers(1).start(async |_| {
            worker((), async |_: &mut (), _: ()| context::current().get::<u32>().copied())
        });
        let pool = pool.unwrap();
        let seven = Context::new().with(7_u32);
        assert_eq!(seven.around(pool.call(())).await.unwrap(), Some(7));
        let eight = Context::new().with(8_u32).enter(|| pool.try_submit(()).unwrap());
        assert_eq!(eight.await.unwrap(), Some(8));
        assert_eq!(pool.call(()).await.unwrap(), None);
    }

    /// Given futures and closures as jobs, then each has a result of its own type.
    calls_return_what_they_return |ex| {
        let pool = Pool::builder(&ex).workers(2).start(async |_| caller(0_u32)).unwrap();
        let text = pool.run(async { String::from("text") });
        let number = pool.run_with(async |had: &mut u32| {
            *had += 1;
            *had
        });
        let (text, number) = join((text, number)).await;
        assert_eq!((text.unwrap().as_str(), number.unwrap()), ("text", 1));
        let doubled = pool.run_each(0..20, |n| async move { 2 * n });
        assert_eq!(doubled.try_collect::<Vec<_>>().await.unwrap()[19], 38);
        let failed = pool.run(async { support::blow_up::<u8>("a bad future") }).await.unwrap_err();
        assert_eq!(failed.to_string(), "the job panicked: a bad future");
    }

    /// Given a pool in which nothing happens, then its numbers add up.
    stats_add_up_when_nothing_happens |ex| {
        let (log, signal) = (Log::new(), Signal::new());
        let pool = start(Pool::builder(&ex).workers(2).queue(3), &log);
        until(|| pool.stats().workers.iter().all(|worker| worker.state == WorkerState::Idle)).await;
        let running = [0, 1].map(|n| pool.try_submit(after(n, &signal)).unwrap());
        until(|| pool.stats().running == 2).await;
        let queued = [2, 3, 4].map(|n| pool.try_submit(say(n)).unwrap());
        let mut waits = pin!(pool.submit(say(5)));
        assert!(poll_once(waits.as_mut()).is_pending());
        let stats = pool.stats();
        assert_eq!((stats.submitted, stats.running, stats.queued, stats.waiting), (5, 2, 3, 1));
        assert!(stats.workers.iter().all(|worker| worker.state == WorkerState::Running));
        signal.fire();
        waits.await.unwrap().await.unwrap();
        for ticket in running.into_iter().chain(queued) {
            ticket.await.unwrap();
        }
        until(|| pool.stats().workers.iter().all(|worker| worker.state == WorkerState::Idle)).await;
        let stats = pool.stats();
        assert_eq!((stats.submitted, stats.done, stats.running, stats.queued), (6, 6, 0, 0));
        assert_eq!(stats.workers.iter().map(|worker| worker.done).sum::<u64>(), 6);
    }
}

/// With threads that may block.
mod blocking {
    use super::*;

    behaviour! {
        /// Given closures that block, then no more of them do at a time than there are workers, and a
        /// panic is the error of its call.
        blocking_calls_are_as_many_as_workers with threads |ex| {
            let pool = Pool::builder(&ex).workers(2).start(async |_| caller(())).unwrap();
            let gauge = support::Gauge::new();
            let calls = (0..8).map(|n| {
                let gauge = gauge.clone();
                pool.run_blocking(&ex, move || {
                    let _inside = gauge.enter();
                    n
                })
            });
            let results = join(calls.collect::<Vec<_>>()).await;
            assert_eq!(results.into_iter().map(|n| n.unwrap()).sum::<u32>(), 28);
            assert!(gauge.peak() <= 2);
            let failed = pool.run_blocking(&ex, || support::blow_up::<u8>("blocked")).await;
            assert!(failed.unwrap_err().is_panic());
        }
    }
}
