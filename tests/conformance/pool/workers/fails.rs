//! What fails, and what becomes of all else.

use super::jobs::{Do, Job, Scribe, after, bad, say, start};
use anyscope::{
    Restart, exponential,
    pool::{BuildError, JobError, Pool, PoolClosed, Shutdown, WorkerFailed, WorkerState, worker},
};
use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};
use support::{
    HOUR, Hoard, Log, Refusing, SECOND, Signal, Stopwatch, behaviour, blow_up,
    hostile::{Bomb, Spy},
    on_drop, panic_in, poll_once, until, yields,
};

fn message(error: &JobError) -> Option<&str> {
    match error {
        JobError::Panicked(panic) => panic.message(),
        _ => None,
    }
}

behaviour! {
    /// Given one worker, when a job panics, then its ticket has the panic, the worker is made anew
    /// with a new state, and those that were queued are done.
    a_panic_is_its_jobs_and_no_others |ex| {
        let (log, signal) = (Log::new(), Signal::new());
        let pool = start(Pool::builder(&ex).workers(1).queue(10), &log);
        let mut tickets = vec![pool.try_submit(after(0, &signal)).unwrap()];
        tickets.extend((1..6).map(|n| {
            pool.try_submit(if n % 2 == 1 { bad(n) } else { say(n) }).unwrap()
        }));
        signal.fire();
        for (n, ticket) in tickets.into_iter().enumerate() {
            match ticket.await {
                Ok((number, 0)) => assert!(number as usize == n && n % 2 == 0),
                Ok(_) => panic!("there is one worker"),
                Err(error) => assert_eq!((n % 2, message(&error)), (1, Some("a bad job"))),
            }
        }
        until(|| pool.stats().workers[0].state == WorkerState::Idle).await;
        let stats = pool.stats();
        assert_eq!((stats.done, stats.failed, stats.workers[0].restarts), (3, 3, 3));
        assert!(pool.closed().is_none());
    }

    /// Given a policy that gives two restarts, when a third job panics, then the pool ends: with what
    /// failed in it, and jobs that wait for room are handed back.
    a_pool_ends_without_further_restarts |ex| {
        let (log, signal) = (Log::new(), Signal::new());
        let restart = Restart::on_panic(ex.clone()).at_most(2, Duration::MAX);
        let log2 = log.clone();
        let pool = Pool::builder(&ex).workers(1).queue(4).restart(restart).start(move |index| {
            let log = log2.clone();
            async move { Scribe { index, log, had: 0 } }
        });
        let pool = pool.unwrap();
        let first = pool.try_submit(after(0, &signal)).unwrap();
        until(|| pool.stats().running == 1).await;
        let bad = [1, 2, 3].map(|n| pool.try_submit(bad(n)).unwrap());
        let queued = pool.try_submit(Job::logged(4, Do::Say, &log)).unwrap();
        let mut waits = pin!(pool.submit(say(5)));
        let mut waits_too = pin!(pool.submit(Job::logged(6, Do::Hang, &log)));
        assert!(poll_once(waits.as_mut()).is_pending());
        assert!(poll_once(waits_too.as_mut()).is_pending());
        signal.fire();
        first.await.unwrap();
        for ticket in bad {
            assert!(ticket.await.unwrap_err().is_panic());
        }
        // One that waited came in before the third panic.
        let Err(JobError::Closed(PoolClosed::Failed(failed))) = queued.await else { panic!() };
        assert_eq!((failed.index(), failed.is_start()), (0, false));
        assert_eq!(failed.to_string(), "worker 0 panicked: a bad job");
        let late = pool.submit(say(7)).await.unwrap_err();
        assert!(matches!(late.closed(), PoolClosed::Failed(_)));
        assert_eq!(late.into_job().number, 7);
        assert!(waits.await.unwrap().await.unwrap_err().is_closed());
        assert!(waits_too.await.unwrap().await.unwrap_err().is_closed());
        let stats = pool.stats();
        assert_eq!((stats.submitted, stats.done, stats.failed, stats.dropped), (7, 1, 3, 3));
        assert_eq!(log.events_after_any(3), ["0", "4 dropped", "6 dropped"]);
    }

    /// Given a start that fails for ever, then the pool ends, and nobody waits: not those that are
    /// queued, not those that wait for room, not a shutdown.
    a_start_that_fails_for_ever_ends_the_pool |ex| {
        let signal = Signal::new();
        let tries = Arc::new(AtomicUsize::new(0));
        let restart = Restart::on_failure(ex.clone()).at_most(3, Duration::MAX);
        let (gate, tried) = (signal.clone(), tries.clone());
        let pool = Pool::builder(&ex).workers(1).queue(1).restart(restart).start(move |_| {
            let (gate, tried) = (gate.clone(), tried.clone());
            async move {
                gate.wait().await;
                match tried.fetch_add(1, SeqCst) {
                    n if n % 2 == 0 => Err("no server"),
                    7 => Ok(worker((), async |_: &mut (), n: u32| n)),
                    _ => blow_up("no cable"),
                }
            }
        });
        let pool = pool.unwrap();
        let queued = pool.try_submit(1).unwrap();
        let mut waits = pin!(pool.submit(2));
        assert!(poll_once(waits.as_mut()).is_pending());
        signal.fire();
        let refused = waits.await.unwrap_err();
        let PoolClosed::Failed(failed) = refused.closed() else { panic!("{refused}") };
        assert!(failed.is_start());
        assert_eq!(failed.to_string(), "worker 0 panicked when it was started: no cable");
        assert_eq!(refused.into_job(), 2);
        assert!(queued.await.unwrap_err().is_closed());
        assert_eq!(tries.load(SeqCst), 4);
        let report = pool.shutdown(Shutdown::Drain).await;
        assert_eq!(report.dropped, 1);
    }

    /// Given no policy, when a start fails, then the pool ends at once, with the error.
    without_a_policy_a_failed_start_is_the_end |ex| {
        let pool = Pool::builder(&ex).workers(2).start(async |index| match index {
            0 => Ok(worker((), async |_: &mut (), n: u32| n)),
            _ => Err("no server"),
        });
        let pool = pool.unwrap();
        until(|| pool.closed().is_some()).await;
        let closed = pool.closed().unwrap();
        let end = "the pool has ended, as worker 1 could not be started: no server, and its policy \
                   gave no further restart";
        assert_eq!(closed.to_string(), end);
        let PoolClosed::Failed(failed) = &closed else { panic!("{closed}") };
        let source = |failed: &WorkerFailed| failed.start_error().unwrap().to_string();
        assert_eq!(source(failed), "no server");
        assert!(pool.call(1).await.unwrap_err().is_closed());
    }

    /// Given a pool that ends as a worker failed, then a job that another worker does is done.
    others_finish_what_they_have_begun |ex| {
        let signal = Signal::new();
        let restart = Restart::on_panic(ex.clone()).at_most(0, SECOND);
        let gate = signal.clone();
        let pool = Pool::builder(&ex).workers(2).restart(restart).start(move |_| {
            let gate = gate.clone();
            async move {
                worker(gate, async |gate: &mut Signal, n: u32| {
                    if n == 0 { blow_up("a bad job") } else { gate.wait().await };
                    n
                })
            }
        });
        let pool = pool.unwrap();
        let good = pool.submit(1).await.unwrap();
        until(|| pool.stats().running == 1).await;
        assert!(pool.call(0).await.unwrap_err().is_panic());
        until(|| pool.closed().is_some()).await;
        assert!(!good.is_finished());
        signal.fire();
        assert_eq!(good.await.unwrap(), 1);
    }

    /// Given a policy with a backoff, then a worker waits that long, its jobs are kept, and others go
    /// on.
    jobs_are_kept_during_a_backoff with virtual_time |ex| {
        let clock = Stopwatch::start(ex.clone());
        let restart = Restart::on_panic(ex.clone()).backoff(exponential(SECOND, 10 * SECOND));
        let pool = Pool::builder(&ex).workers(1).restart(restart).start(async |_| {
            worker((), async |_: &mut (), n: u32| if n % 2 == 0 { n } else { blow_up("odd") })
        });
        let pool = pool.unwrap();
        let tickets = [1, 3, 4].map(|n| pool.try_submit(n).unwrap());
        let [first, second, third] = tickets;
        assert!(first.await.unwrap_err().is_panic());
        until(|| pool.stats().workers[0].state == WorkerState::Restarting).await;
        assert_eq!((clock.elapsed(), pool.stats().queued), (Duration::ZERO, 2));
        assert!(second.await.unwrap_err().is_panic());
        assert_eq!(clock.elapsed(), SECOND);
        assert_eq!(third.await.unwrap(), 4);
        assert_eq!(clock.elapsed(), 3 * SECOND);
    }

    /// Given a pool that drains, when the last job of a worker in its backoff is aborted, then nobody
    /// waits for that backoff.
    a_drain_does_not_wait_for_a_backoff with virtual_time |ex| {
        let clock = Stopwatch::start(ex.clone());
        let restart = Restart::on_panic(ex.clone()).backoff(exponential(HOUR, HOUR));
        let pool = Pool::builder(&ex).workers(1).restart(restart).start(async |_| {
            worker((), async |_: &mut (), _: u32| blow_up::<u32>("a bad job"))
        });
        let pool = pool.unwrap();
        let [first, second] = [1, 2].map(|n| pool.try_submit(n).unwrap());
        assert!(first.await.unwrap_err().is_panic());
        until(|| pool.stats().workers[0].state == WorkerState::Restarting).await;
        let mut closing = pin!(pool.shutdown(Shutdown::Drain));
        assert!(poll_once(closing.as_mut()).is_pending());
        // The worker has seen that the pool is closed, and waits for its time.
        yields(5).await;
        second.abort();
        assert_eq!((closing.await.aborted, clock.elapsed()), (1, Duration::ZERO));
    }

    /// Given a pool that drains, when a worker fails for the last time, then the pool says that.
    a_failure_is_said_also_after_a_shutdown |ex| {
        let signal = Signal::new();
        let restart = Restart::on_panic(ex.clone()).at_most(0, SECOND);
        let gate = signal.clone();
        let pool = Pool::builder(&ex).workers(1).restart(restart).start(move |_| {
            let gate = gate.clone();
            async move {
                worker(gate, async |gate: &mut Signal, _: u32| {
                    gate.wait().await;
                    blow_up::<u32>("a bad job")
                })
            }
        });
        let pool = pool.unwrap();
        let [first, second] = [1, 2].map(|n| pool.try_submit(n).unwrap());
        let closing = pool.shutdown(Shutdown::Drain);
        assert!(matches!(pool.closed(), Some(PoolClosed::ShutDown)));
        signal.fire();
        let report = closing.await;
        assert_eq!((report.failed, report.dropped), (1, 1));
        assert!(matches!(pool.closed(), Some(PoolClosed::Failed(_))));
        assert!(first.await.unwrap_err().is_panic());
        assert!(second.await.unwrap_err().is_closed());
    }

    /// Given a pool that is shut down before its executor has polled a worker, then none is made.
    no_worker_is_made_for_nothing |ex| {
        let (hoard, made) = (Hoard::new(), Arc::new(AtomicUsize::new(0)));
        let makes = made.clone();
        let pool = Pool::builder(&hoard).workers(3).start(move |_| {
            makes.fetch_add(1, SeqCst);
            async { worker((), async |_: &mut (), n: u32| n) }
        });
        let pool = pool.unwrap();
        let closing = pool.shutdown(Shutdown::Drain);
        hoard.hand_over(&ex);
        closing.await;
        assert_eq!(made.load(SeqCst), 0);
    }

    /// Given a worker whose state panics when it is dropped, then it is made anew all the same.
    a_state_may_panic_when_it_is_dropped |ex| {
        let pool = Pool::builder(&ex).workers(1).start(async |_| {
            let bomb = on_drop(|| if !std::thread::panicking() { blow_up("state") });
            worker(bomb, async |_: &mut _, n: u32| if n > 0 { n } else { blow_up("job") })
        });
        let pool = pool.unwrap();
        assert_eq!(message(&pool.call(0).await.unwrap_err()), Some("job"));
        assert_eq!(pool.call(1).await.unwrap(), 1);
        // The last state has nobody but us to tell.
        let closing = pool.shutdown(Shutdown::Drain);
        assert_eq!(support::panic_of(closing).await, "state");
    }

    /// Given a job whose destructor panics, then that is its panic; and one that nobody wants harms no
    /// worker.
    hostile_destructors_harm_no_worker |ex| {
        struct Bomb(bool);
        impl Drop for Bomb {
            fn drop(&mut self) {
                if self.0 && !std::thread::panicking() {
                    blow_up("destructor")
                }
            }
        }
        let signal = Signal::new();
        let gate = signal.clone();
        let pool = Pool::builder(&ex).workers(1).start(move |_| {
            let gate = gate.clone();
            async move {
                worker(gate, async |gate: &mut Signal, (job, output): (bool, bool)| {
                    let _job = Bomb(job);
                    if output {
                        gate.wait().await;
                    }
                    Bomb(output)
                })
            }
        });
        let pool = pool.unwrap();
        let failed = pool.call((true, false)).await.map(drop).unwrap_err();
        assert_eq!(message(&failed), Some("destructor"));
        drop(pool.submit((false, true)).await.unwrap());
        signal.fire();
        assert!(pool.call((false, false)).await.is_ok());
        assert_eq!((pool.stats().done, pool.stats().failed), (2, 1));
        assert_eq!(pool.stats().workers[0].restarts, 1);
    }

    /// Given submitters whose wakers panic, then no worker is worse for it, and no job is lost.
    hostile_wakers_harm_no_worker |ex| {
        for bomb in [Bomb::Wake, Bomb::Clone, Bomb::Drop] {
            let (log, signal) = (Log::new(), Signal::new());
            let pool = start(Pool::builder(&ex).workers(1).queue(1), &log);
            let mut ticket = pool.submit(after(0, &signal)).await.unwrap();
            until(|| pool.stats().running == 1).await;
            let queued = pool.try_submit(say(1)).unwrap();
            let mut waits = pool.submit(say(2));
            let (spy, other) = (Spy::new(), Spy::new());
            if bomb == Bomb::Clone {
                spy.arm(Some(bomb));
                assert_eq!(panic_in(|| spy.poll(pin!(&mut ticket)).is_pending()), "waker");
                assert_eq!(panic_in(|| spy.poll(pin!(&mut waits)).is_pending()), "waker");
                spy.arm(None);
            } else {
                assert!(spy.poll(pin!(&mut ticket)).is_pending());
                assert!(other.poll(pin!(&mut waits)).is_pending());
                spy.arm(Some(bomb));
                other.arm(Some(bomb));
            }
            signal.fire();
            // One whose first poll panicked has lost its job then.
            let jobs = if bomb == Bomb::Clone { 2 } else { 3 };
            until(|| pool.stats().done == jobs).await;
            spy.arm(None);
            other.arm(None);
            assert_eq!(ticket.await.unwrap().0, 0);
            queued.await.unwrap();
            drop(waits);
            assert_eq!(pool.call(say(3)).await.unwrap().0, 3);
            assert_eq!(pool.stats().workers[0].restarts, 0);
        }
    }

    /// Given a ticket that is awaited, then its task is woken once, for the result.
    a_result_wakes_once |ex| {
        let (log, signal) = (Log::new(), Signal::new());
        let pool = start(Pool::builder(&ex).workers(1).queue(1), &log);
        let mut ticket = pool.submit(after(0, &signal)).await.unwrap();
        let spy = Spy::new();
        assert!(spy.poll(pin!(&mut ticket)).is_pending());
        pool.stats();
        drop(pool.submit(say(1)).await.unwrap());
        assert_eq!(spy.wakes(), 0);
        signal.fire();
        until(|| pool.stats().done == 2).await;
        assert_eq!(spy.wakes(), 1);
        assert!(spy.poll(pin!(&mut ticket)).is_ready());
    }

    /// Given an executor that refuses workers, then the pool says so, and nobody waits.
    an_executor_that_refuses_is_the_end |_ex| {
        let pool = start(Pool::builder(&Refusing).workers(2), &Log::new());
        assert!(matches!(pool.closed(), Some(PoolClosed::ExecutorGone)));
        assert!(pool.submit(say(1)).await.is_err());
        assert!(pool.try_submit(say(1)).unwrap_err().is_closed());
        let report = pool.shutdown(Shutdown::Drain).await;
        assert_eq!(report.dropped, 0);
    }

    /// Given no workers or no room, then there is an error and no pool.
    zero_is_an_error |ex| {
        let make = async |_| worker((), async |_: &mut (), n: u32| n);
        let no_workers = Pool::builder(&ex).workers(0).start(make).map(drop);
        assert_eq!(no_workers, Err(BuildError::NoWorkers));
        let no_room = Pool::builder(&ex).queue(0).start(make).map(drop);
        assert_eq!(no_room, Err(BuildError::NoRoom));
        let inline = Pool::inline().queue(0).start(make).map(drop);
        assert_eq!(inline.unwrap_err().to_string(), "a queue of 0 would take no job; use at least 1");
    }
}
