//! How a pool ends: drained, aborted, late, dropped, with what is around it.

use super::jobs::{Do, Job, Scribes, after, say, start};
use anyscope::{
    CancelToken, Grace, Timer, join,
    pool::{JobError, Pool, PoolClosed, Shutdown, WorkerState, worker},
    scope,
};
use std::{pin::pin, sync::Arc, time::Duration};
use support::{
    Log, SECOND, Signal, Stopwatch, behaviour, blow_up, on_drop, panic_in, panic_of, poll_once,
    until, yields,
};

/// A pool of one worker with a job that runs, two that are queued, and none that is done.
async fn busy(
    pool: &Scribes,
    log: &Log,
    signal: &Signal,
) -> [anyscope::pool::Ticket<(u32, usize)>; 3] {
    let first = pool.submit(Job::logged(0, Do::After(signal.clone()), log)).await.unwrap();
    until(|| pool.stats().running == 1).await;
    let others = [1, 2].map(|n| pool.try_submit(Job::logged(n, Do::Say, log)).unwrap());
    let [second, third] = others;
    [first, second, third]
}

behaviour! {
    /// Given jobs that run and are queued, when the pool is drained, then they are done, and it takes
    /// no more from the call on.
    a_drain_does_what_is_there |ex| {
        let (log, signal) = (Log::new(), Signal::new());
        let pool = start(Pool::builder(&ex).workers(1).queue(2), &log);
        let tickets = busy(&pool, &log, &signal).await;
        let mut waits = pin!(pool.submit(say(3)));
        assert!(poll_once(waits.as_mut()).is_pending());
        let mut closing = pin!(pool.shutdown(Shutdown::Drain));
        let refused = waits.await.unwrap_err();
        assert!(matches!(refused.closed(), PoolClosed::ShutDown));
        assert_eq!(refused.into_job().number, 3);
        assert!(pool.try_submit(say(4)).unwrap_err().is_closed());
        assert_eq!(pool.submit(say(5)).await.unwrap_err().into_job().number, 5);
        assert!(poll_once(closing.as_mut()).is_pending());
        signal.fire();
        let report = closing.await;
        assert_eq!((report.done, report.failed, report.dropped), (3, 0, 0));
        assert!(!report.timed_out);
        for (n, ticket) in tickets.into_iter().enumerate() {
            assert_eq!(ticket.await.unwrap().0 as usize, n);
        }
        assert_eq!(log.events(), ["0", "1", "2"]);
        assert!(pool.stats().workers.iter().all(|worker| worker.state == WorkerState::Ended));
        // Again, and also for one that is ended.
        assert_eq!(pool.shutdown(Shutdown::Abort).await, report);
    }

    /// Given the same, when the pool is aborted, then what is queued is gone when the call returns,
    /// and what runs when the future does.
    an_abort_drops_what_is_there |ex| {
        let (log, signal) = (Log::new(), Signal::new());
        let pool = start(Pool::builder(&ex).workers(1).queue(2), &log);
        let tickets = busy(&pool, &log, &signal).await;
        let closing = pool.shutdown(Shutdown::Abort);
        let events = log.events();
        assert!(events.contains(&"1 dropped".into()) && events.contains(&"2 dropped".into()));
        let report = closing.await;
        assert_eq!((report.done, report.dropped), (0, 3));
        for ticket in tickets {
            let Err(JobError::Closed(closed)) = ticket.await else { panic!() };
            assert_eq!(closed.to_string(), "the pool was shut down");
        }
        assert_eq!(log.events_after_any(3), ["0 dropped", "1 dropped", "2 dropped"]);
        let stats = pool.stats();
        assert_eq!((stats.submitted, stats.dropped, stats.queued, stats.running), (3, 3, 0, 0));
    }

    /// Given a drain with a timeout, when that has passed, then the rest is dropped.
    a_drain_ends_with_its_timeout with virtual_time |ex| {
        let clock = Stopwatch::start(ex.clone());
        let timer = ex.clone();
        let pool = Pool::builder(&ex).workers(1).start(move |_| {
            let timer = timer.clone();
            async move {
                worker(timer, async |timer: &mut _, n: u32| {
                    Timer::sleep(timer, n * SECOND).await;
                    n
                })
            }
        });
        let pool = pool.unwrap();
        let tickets = [2, 2, 2].map(|n| pool.try_submit(n).unwrap());
        let report = pool.shutdown(Shutdown::Drain).timeout(&ex, 3 * SECOND).await;
        assert_eq!(clock.elapsed(), 3 * SECOND);
        assert_eq!((report.done, report.dropped, report.timed_out), (1, 2, true));
        let mut done = Vec::new();
        for ticket in tickets {
            done.push(ticket.await.is_ok());
        }
        assert_eq!(done, [true, false, false]);
    }

    /// Given a drain with a timeout that is long enough, then it does not pass.
    a_drain_may_be_in_time with virtual_time |ex| {
        let clock = Stopwatch::start(ex.clone());
        let pool = start(Pool::builder(&ex).workers(2), &Log::new());
        let ticket = pool.try_submit(say(1)).unwrap();
        let report = pool.shutdown(Shutdown::Drain).timeout(&ex, 3 * SECOND).await;
        assert_eq!((report.done, report.timed_out), (1, false));
        assert_eq!(clock.elapsed(), Duration::ZERO);
        ticket.await.unwrap();
    }

    /// Given a drain that waits, when another task aborts, then both return.
    an_abort_may_follow_a_drain |ex| {
        let (log, signal) = (Log::new(), Signal::new());
        let pool = start(Pool::builder(&ex).workers(1).queue(2), &log);
        let _tickets = busy(&pool, &log, &signal).await;
        let drain = pool.shutdown(Shutdown::Drain);
        let abort = async {
            yields(3).await;
            pool.shutdown(Shutdown::Abort).await
        };
        let (drained, aborted) = join((drain, abort)).await;
        assert_eq!((drained.dropped, aborted.dropped), (3, 3));
    }

    /// Given a shutdown that is dropped after any number of polls, then the next one waits for the same.
    a_shutdown_may_be_dropped_anywhere |ex| {
        for polls in 0..6 {
            let (log, signal) = (Log::new(), Signal::new());
            let pool = start(Pool::builder(&ex).workers(2).queue(2), &log);
            let ticket = pool.submit(after(0, &signal)).await.unwrap();
            let mut closing = Box::pin(pool.shutdown(Shutdown::Drain));
            for _ in 0..polls {
                assert!(poll_once(closing.as_mut()).is_pending());
                yields(1).await;
            }
            drop(closing);
            assert!(pool.try_submit(say(1)).unwrap_err().is_closed());
            signal.fire();
            assert_eq!(pool.shutdown(Shutdown::Drain).await.done, 1);
            ticket.await.unwrap();
        }
    }

    /// Given a pool that is dropped, then its jobs are, and their tickets say why.
    a_dropped_pool_drops_its_jobs |ex| {
        let (log, signal) = (Log::new(), Signal::new());
        let pool = start(Pool::builder(&ex).workers(1).queue(2), &log);
        let tickets = busy(&pool, &log, &signal).await;
        drop(pool);
        for ticket in tickets {
            assert!(matches!(ticket.await, Err(JobError::Closed(PoolClosed::Dropped))));
        }
        assert_eq!(log.events_after_any(3), ["0 dropped", "1 dropped", "2 dropped"]);
    }

    /// Given a pool with a token, when that is cancelled, then the pool drains by itself.
    a_token_shuts_the_pool_down |ex| {
        let (log, signal, token) = (Log::new(), Signal::new(), CancelToken::new());
        let pool = start(Pool::builder(&ex).workers(1).queue(2).until(&token), &log);
        let tickets = busy(&pool, &log, &signal).await;
        token.cancel("enough");
        until(|| pool.closed().is_some()).await;
        assert!(matches!(pool.closed(), Some(PoolClosed::ShutDown)));
        signal.fire();
        for ticket in tickets {
            ticket.await.unwrap();
        }
    }

    /// Given a pool with a token, then it takes no job from the cancel on, however fast whoever submits
    /// is.
    nothing_is_taken_after_the_cancel |ex| {
        let token = CancelToken::new();
        let pool = start(Pool::builder(&ex).workers(1).until(&token), &Log::new());
        pool.call(say(0)).await.unwrap();
        token.cancel("enough");
        assert!(pool.try_submit(say(1)).unwrap_err().is_closed());
        assert_eq!(pool.submit(say(2)).await.unwrap_err().into_job().number, 2);
        assert!(pool.call(say(3)).await.unwrap_err().is_closed());
        assert_eq!(pool.stats().submitted, 1);
    }

    /// Given a pool in a scope that is asked to end, then it uses the grace, and is gone with the scope.
    a_pool_in_a_scope_uses_the_grace with virtual_time |ex| {
        let log = Log::new();
        let timer = ex.clone();
        let inner = log.clone();
        scope(&ex, async |s| {
            let on = ex.clone();
            let child = s.clone();
            s.spawn(async move {
                let pool = start(Pool::builder(&on).workers(1).until(&child.token()), &inner);
                let _first = pool.submit(say(0)).await.unwrap();
                let slow = Job::logged(1, Do::Hang, &inner);
                let _gone = inner.on_drop("the body of the pool");
                let _second = pool.submit(slow).await.unwrap();
                std::future::pending::<()>().await;
            });
            timer.sleep(SECOND).await;
            s.cancel_with(&timer, Grace::For(2 * SECOND), "enough");
        })
        .await;
        assert_eq!(log.events()[0], "0");
        assert!(log.events().contains(&"1 dropped".into()));
    }

    /// Given a pool that is shared by children of a scope, then the last of them ends it.
    a_pool_may_be_shared |ex| {
        let log = Log::new();
        let pool = Arc::new(start(Pool::builder(&ex).workers(2).queue(2), &log));
        scope(&ex, async |s| {
            for n in 0..10 {
                let pool = pool.clone();
                s.spawn(async move { pool.call(say(n)).await.unwrap() });
            }
        })
        .await;
        assert_eq!(Arc::into_inner(pool).unwrap().stats().done, 10);
    }

    /// Given jobs whose destructors panic, when the pool is aborted, then all are dropped, all tickets
    /// return, and one of the panics comes out.
    destructors_of_jobs_may_panic |ex| {
        let dropped = Log::new();
        let bomb = |n: u32| {
            let log = dropped.clone();
            on_drop(move || {
                log.add(n.to_string());
                blow_up::<()>("destructor")
            })
        };
        let pool = Pool::builder(&ex).workers(1).queue(5).start(async |_| {
            worker((), async |_: &mut (), _job| std::future::pending::<()>().await)
        });
        let pool = pool.unwrap();
        let first = pool.submit(bomb(0)).await.unwrap();
        until(|| pool.stats().running == 1).await;
        let others = [1, 2].map(|n| pool.try_submit(bomb(n)).unwrap());
        assert_eq!(panic_in(|| drop(pool.shutdown(Shutdown::Abort))), "destructor");
        // That of the job which ran is one of its worker.
        assert_eq!(panic_of(pool.shutdown(Shutdown::Abort)).await, "destructor");
        for ticket in others.into_iter().chain([first]) {
            assert!(ticket.await.unwrap_err().is_closed());
        }
        assert_eq!(dropped.events_after_any(3), ["0", "1", "2"]);
    }
}
