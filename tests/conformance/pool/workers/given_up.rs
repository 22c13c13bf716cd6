//! Submitters that go away: at every await, before and after their job has begun.

use super::jobs::{Do, Job, after, say, start};
use anyscope::pool::{JobError, Pool, Shutdown, WorkerState};
use std::pin::pin;
use support::{Log, Signal, behaviour, poll_once, until, yields};

behaviour! {
    /// Given tickets that are dropped, then their jobs are done, and no worker is worse for it.
    a_dropped_ticket_leaves_its_job |ex| {
        let (log, signal) = (Log::new(), Signal::new());
        let pool = start(Pool::builder(&ex).workers(1).queue(5), &log);
        drop(pool.submit(after(0, &signal)).await.unwrap());
        until(|| pool.stats().running == 1).await;
        drop(pool.try_submit(say(1)).unwrap());
        signal.fire();
        pool.call(say(2)).await.unwrap();
        assert_eq!(log.events(), ["0", "1", "2"]);
        assert_eq!(pool.stats().workers[0].restarts, 0);
    }

    /// Given a submit that waits for room, when it is dropped, then so is its job; when it is
    /// cancelled, then its job is handed back; and those behind it move up.
    a_submit_that_waits_may_be_dropped |ex| {
        let (log, signal) = (Log::new(), Signal::new());
        let pool = start(Pool::builder(&ex).workers(1).queue(1), &log);
        let first = pool.submit(after(0, &signal)).await.unwrap();
        until(|| pool.stats().running == 1).await;
        let second = pool.try_submit(say(1)).unwrap();
        let mut dropped = Box::pin(pool.submit(Job::logged(2, Do::Say, &log)));
        let mut cancelled = pool.submit(say(3));
        let mut stays = pin!(pool.submit(say(4)));
        assert!(poll_once(dropped.as_mut()).is_pending());
        assert!(poll_once(pin!(&mut cancelled)).is_pending());
        assert!(poll_once(stays.as_mut()).is_pending());
        drop(dropped);
        assert_eq!(log.events(), ["2 dropped"]);
        assert_eq!(cancelled.cancel().map(|job| job.number), Some(3));
        assert_eq!(pool.stats().waiting, 1);
        signal.fire();
        stays.await.unwrap().await.unwrap();
        for ticket in [first, second] {
ticket.await.unwrap();
}
        assert_eq!(log.events(), ["2 dropped", "0", "1", "4"]);
        assert_eq!(pool.stats().submitted, 3);
    }

    /// Given a submit for which there was room, when it is dropped before it was polled again, then
    /// its job is done; with `cancel`, nothing is handed back.
    a_submit_with_room_is_too_late_to_drop |ex| {
        for cancel in [false, true] {
            let (log, signal) = (Log::new(), Signal::new());
            let pool = start(Pool::builder(&ex).workers(1).queue(1), &log);
            let first = pool.submit(after(0, &signal)).await.unwrap();
            until(|| pool.stats().running == 1).await;
            let second = pool.try_submit(say(1)).unwrap();
            let mut waits = pool.submit(say(2));
            assert!(poll_once(pin!(&mut waits)).is_pending());
            signal.fire();
            until(|| pool.stats().done == 3).await;
            if cancel {
                assert!(waits.cancel().is_none());
            } else {
                drop(waits);
            }
            for ticket in [first, second] {
ticket.await.unwrap();
}
            assert_eq!(log.events(), ["0", "1", "2"]);
        }
    }

    /// Given calls that are dropped after any number of polls, then each job is done or dropped, and
    /// the pool goes on.
    a_call_may_be_dropped_anywhere |ex| {
        for polls in 0..8 {
            let (log, signal) = (Log::new(), Signal::new());
            let pool = start(Pool::builder(&ex).workers(1).queue(1), &log);
            let busy = pool.submit(after(0, &signal)).await.unwrap();
            let mut call = Box::pin(pool.call(Job::logged(1, Do::Say, &log)));
            let mut ended = false;
            for poll in 0..polls {
                if poll == polls / 2 {
                    signal.fire();
                }
                if poll_once(call.as_mut()).is_ready() {
                    ended = true;
                    break;
                }
                yields(2).await;
            }
            drop(call);
            signal.fire();
            busy.await.unwrap();
            pool.call(say(2)).await.unwrap();
            let events = log.events();
            assert_eq!(events.len(), 3, "{events:?}");
            assert!(events.iter().any(|event| event == "1" || event == "1 dropped"));
            assert!(!ended || events.contains(&"1".into()));
            let stats = pool.stats();
            assert_eq!(stats.submitted, stats.done + stats.aborted);
        }
    }

    /// Given a call whose job waits in the queue, when it is dropped, then so is the job, at once.
    a_dropped_call_takes_its_job_along |ex| {
        let (log, signal) = (Log::new(), Signal::new());
        let pool = start(Pool::builder(&ex).workers(1).queue(1), &log);
        let busy = pool.submit(after(0, &signal)).await.unwrap();
        until(|| pool.stats().running == 1).await;
        let mut call = Box::pin(pool.call(Job::logged(1, Do::Say, &log)));
        assert!(poll_once(call.as_mut()).is_pending());
        let mut waits = pin!(pool.submit(say(2)));
        assert!(poll_once(waits.as_mut()).is_pending());
        drop(call);
        assert_eq!(log.events(), ["1 dropped"]);
        // And its place in the queue is the next one's.
        assert_eq!((pool.stats().queued, pool.stats().waiting), (1, 0));
        signal.fire();
        waits.await.unwrap().await.unwrap();
        busy.await.unwrap();
    }

    /// Given a call whose job has come into the queue since it was polled, when it is dropped, then so
    /// is the job.
    a_dropped_call_takes_its_job_out_of_the_queue |ex| {
        let (log, first, second) = (Log::new(), Signal::new(), Signal::new());
        let pool = start(Pool::builder(&ex).workers(1).queue(1), &log);
        let busy = pool.submit(after(0, &first)).await.unwrap();
        until(|| pool.stats().running == 1).await;
        let next = pool.try_submit(after(1, &second)).unwrap();
        let mut call = Box::pin(pool.call(Job::logged(2, Do::Say, &log)));
        assert!(poll_once(call.as_mut()).is_pending());
        first.fire();
        until(|| pool.stats().submitted == 3).await;
        drop(call);
        assert_eq!(log.events(), ["0", "2 dropped"]);
        second.fire();
        for ticket in [busy, next] {
            ticket.await.unwrap();
        }
        assert_eq!((pool.stats().done, pool.stats().aborted), (2, 1));
    }

    /// Given a job that is aborted, then it is gone before its ticket says so, queued or running, and
    /// its worker goes on with the state that it has.
    an_aborted_job_is_gone |ex| {
        let log = Log::new();
        let pool = start(Pool::builder(&ex).workers(1).queue(5), &log);
        let running = pool.submit(Job::logged(0, Do::Hang, &log)).await.unwrap();
        until(|| pool.stats().running == 1).await;
        let queued = pool.try_submit(Job::logged(1, Do::Say, &log)).unwrap();
        queued.abort();
        assert_eq!(log.events(), ["1 dropped"]);
        assert!(matches!(queued.await, Err(JobError::Aborted)));
        running.abort();
        assert!(matches!(running.await, Err(JobError::Aborted)));
        assert_eq!(log.events(), ["1 dropped", "0 dropped"]);
        let done = pool.submit(say(2)).await.unwrap();
        until(|| done.is_finished()).await;
        done.abort();
        assert_eq!(done.await.unwrap().0, 2);
        let stats = pool.stats();
        assert_eq!((stats.aborted, stats.done, stats.workers[0].restarts), (2, 1, 0));
    }

    /// Given a pool that drains, when the last job in its queue is aborted, then the pool ends.
    a_drain_does_not_wait_for_an_aborted_job |ex| {
        let (log, signal) = (Log::new(), Signal::new());
        let pool = start(Pool::builder(&ex).workers(2).queue(5), &log);
        let busy = pool.submit_to_key(&0, after(0, &signal)).await.unwrap();
        until(|| pool.stats().running == 1).await;
        let queued = pool.try_submit_to_key(&0, say(1)).unwrap();
        let closing = pool.shutdown(Shutdown::Drain);
        queued.abort();
        signal.fire();
        assert_eq!(closing.await.done, 1);
        busy.await.unwrap();
        assert!(pool.stats().workers.iter().all(|worker| worker.state == WorkerState::Ended));
    }

    /// Given a map that is dropped, then what has not begun is dropped with it.
    a_dropped_map_takes_its_jobs_along |ex| {
        let (log, signal) = (Log::new(), Signal::new());
        let pool = start(Pool::builder(&ex).workers(1).queue(5), &log);
        let jobs = (0..10).map(|n| Job::logged(n, Do::After(signal.clone()), &log));
        let mut map = Box::pin(pool.map(jobs).count());
        assert!(poll_once(map.as_mut()).is_pending());
        until(|| pool.stats().running == 1).await;
        drop(map);
        assert_eq!(log.events(), ["1 dropped"]);
        signal.fire();
        pool.shutdown(Shutdown::Drain).await;
        assert_eq!(pool.stats().done, 1);
        assert_eq!(log.events(), ["1 dropped", "0"]);
    }
}
