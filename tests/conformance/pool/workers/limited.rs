//! How many jobs run at once, if that is not as many as there are workers.

use super::jobs::{Do, Job, Scribe, Scribes, after, bad, say, start};
use anyscope::{
    AdaptiveLimit, Limit, LiveLimit, Restart, Timer,
    limit::adaptive::{Algorithm, Sample},
    pool::{Pool, Shutdown, Strategy, WorkerState, worker},
    sim::{SimHandle, explore},
};
use std::{
    iter::{repeat, repeat_n},
    num::NonZeroUsize,
    panic::catch_unwind,
    time::Duration,
};
use support::{Gauge, HOUR, Hoard, Log, SECOND, Signal, behaviour, until, yields};

/// One more with each success, up to 8.
struct Grows(usize);

impl Algorithm for Grows {
    fn limit(&self) -> NonZeroUsize {
        NonZeroUsize::new(self.0).unwrap()
    }

    fn on_sample(&mut self, _: Sample) -> NonZeroUsize {
        self.0 = 8.min(self.0 + 1);
        self.limit()
    }
}

/// All workers wait for jobs.
async fn until_idle(pool: &Scribes) {
    until(|| pool.stats().workers.iter().all(|worker| worker.state == WorkerState::Idle)).await;
}

fn parked(pool: &Scribes) -> usize {
    let workers = pool.stats().workers;
    workers.iter().filter(|worker| worker.state == WorkerState::Parked).count()
}

behaviour! {
    /// Given a limit below the number of workers, then so many jobs run; raised, more begin at once; lowered, those that
    /// run go on, and no other begins until there are fewer.
    a8_a9_a_pool_follows_the_limit |ex| {
        let (log, limit) = (Log::new(), LiveLimit::new(2));
        let pool = start(Pool::builder(&ex).workers(6).queue(20).limit(&limit), &log);
        until_idle(&pool).await;
        let signals: Vec<_> = (0..8).map(|_| Signal::new()).collect();
        let jobs = signals.iter().zip(0..).map(|(signal, n)| pool.try_submit(after(n, signal)));
        let mut tickets: Vec<_> = jobs.map(Result::unwrap).collect();
        until(|| pool.stats().running == 2).await;
        yields(10).await;
        assert_eq!((pool.stats().running, parked(&pool)), (2, 4));
        limit.set(5);
        until(|| pool.stats().running == 5).await;
        yields(10).await;
        assert_eq!((pool.stats().running, parked(&pool)), (5, 1));
        limit.set(3);
        for (n, running) in [(0, 4), (1, 3)] {
            signals[n].fire();
            tickets.remove(0).await.unwrap();
            yields(10).await;
            assert_eq!((pool.stats().running, log.events().len()), (running, n + 1));
        }
        signals[2].fire();
        until(|| pool.stats().queued == 2).await;
        assert_eq!(pool.stats().running, 3);
        // More than there are workers is no more than there are.
        limit.set(Limit::Unbounded);
        until(|| pool.stats().running == 5).await;
        signals.iter().for_each(Signal::fire);
        for ticket in tickets {
            ticket.await.unwrap();
        }
    }

    /// Given an adaptive limit that jobs tell of their calls, then the number of workers grows by them alone.
    a9_a_pool_grows_by_the_calls_of_its_jobs |ex| {
        let (adaptive, gauge) = (AdaptiveLimit::new(Grows(1)), Gauge::new());
        let tools = (adaptive.clone(), gauge.clone(), ex.clone());
        let pool = Pool::builder(&ex).workers(12).limit(&adaptive).start(move |_| {
            let tools = tools.clone();
            async {
                worker(tools, async |(adaptive, gauge, ex): &mut (AdaptiveLimit<Grows>, Gauge, _), ()| {
                    let call = adaptive.call(&*ex, async {
                        let _inside = gauge.enter();
                        // Once there were enough, they wait for each other.
                        let is_early = gauge.ever() < 8;
                        until(|| is_early || gauge.peak() == 8).await;
                        Ok::<_, ()>(())
                    });
                    call.await.unwrap();
                })
            }
        });
        let done = pool.unwrap().map(repeat_n((), 100)).try_collect::<Vec<_>>().await;
        assert_eq!((done.unwrap().len(), gauge.ever(), gauge.peak()), (100, 100, 8));
        assert_eq!((adaptive.get().get(), adaptive.in_flight()), (8, 0));
    }

    /// Given room for one job, then the jobs of all workers are done in the order of their submits, however they are
    /// given out: a worker with many jobs keeps none waiting.
    jobs_of_all_workers_have_their_turns |ex| {
        for strategy in [Strategy::Shared, Strategy::RoundRobin, Strategy::LeastBusy] {
            let (log, signal) = (Log::new(), Signal::new());
            let builder = Pool::builder(&ex).workers(3).queue(100).strategy(strategy).limit(1);
            let pool = start(builder, &log);
            until_idle(&pool).await;
            let mut tickets = vec![pool.try_submit_to_key(&0, after(0, &signal)).unwrap()];
            for n in 1..60 {
                tickets.push(match n % 4 {
                    0 | 1 => pool.try_submit_to_key(&0, say(n)).unwrap(),
                    2 => pool.try_submit_to_key(&n, say(n)).unwrap(),
                    _ => pool.try_submit(say(n)).unwrap(),
                });
            }
            yields(10).await;
            signal.fire();
            let mut workers = Vec::new();
            for (n, ticket) in tickets.into_iter().enumerate() {
                workers.push(ticket.await.unwrap().1);
                assert!(n % 4 > 1 || workers[n] == workers[0]);
            }
            assert!((0..3).all(|index| workers.contains(&index)), "{workers:?}");
            let expected: Vec<_> = (0..60).map(|n| n.to_string()).collect();
            assert_eq!(log.events(), expected);
        }
    }

    /// Given round robin and a limit, then a job waits for its worker, parked or not.
    a_strategy_is_kept_under_a_limit |ex| {
        let (log, limit) = (Log::new(), LiveLimit::new(1));
        let builder = Pool::builder(&ex).workers(3).queue(10).strategy(Strategy::RoundRobin);
        let pool = start(builder.limit(&limit), &log);
        until_idle(&pool).await;
        let signal = Signal::new();
        let tickets: Vec<_> = (0..9).map(|n| pool.try_submit(after(n, &signal)).unwrap()).collect();
        until(|| pool.stats().running == 1).await;
        assert_eq!(pool.stats().workers[1].queued, 3);
        limit.set(2);
        signal.fire();
        for (n, ticket) in tickets.into_iter().enumerate() {
            assert_eq!(ticket.await.unwrap().1, n % 3);
        }
    }

    /// Given a worker that has failed and is not there again, then the others have its room.
    a_worker_that_restarts_takes_no_room with virtual_time |ex| {
        let log = Log::new();
        let restart = Restart::on_panic(ex.clone()).backoff(repeat(HOUR));
        let worker_log = log.clone();
        let pool = Pool::builder(&ex).workers(3).queue(10).limit(1).restart(restart).start(move |index| {
            let log = worker_log.clone();
            async move { Scribe { index, log, had: 0 } }
        });
        let pool = pool.unwrap();
        until_idle(&pool).await;
        let bad = pool.try_submit(bad(0)).unwrap();
        let tickets: Vec<_> = (1..5).map(|n| pool.try_submit(say(n)).unwrap()).collect();
        assert!(bad.await.unwrap_err().is_panic());
        for ticket in tickets {
            ticket.await.unwrap();
        }
        assert_eq!(log.events(), ["1", "2", "3", "4"]);
        assert_eq!(pool.stats().workers[0].state, WorkerState::Restarting);
    }

    /// Given a job that is withdrawn after a parked worker was told of it, then the room goes to another one.
    a_job_that_is_withdrawn_gives_its_room_away |ex| {
        for also_closes in [false, true] {
            let (log, signal) = (Log::new(), Signal::new());
            let builder = Pool::builder(&ex).workers(3).queue(10).strategy(Strategy::RoundRobin);
            let pool = start(builder.limit(1), &log);
            until_idle(&pool).await;
            let first = pool.try_submit(after(0, &signal)).unwrap();
            let [second, third] = [1, 2].map(|n| pool.try_submit(say(n)).unwrap());
            until(|| pool.stats().running == 1).await;
            signal.fire();
            first.await.unwrap();
            second.abort();
            let closing = also_closes.then(|| pool.shutdown(Shutdown::Drain));
            let _ = second.await;
            assert_eq!(third.await.unwrap(), (2, 2));
            if let Some(closing) = closing {
                closing.await;
            }
        }
    }

    /// Given jobs that wait for room under the limit, then a drain does them, and an abort drops them.
    a_limited_pool_ends_as_others_do |ex| {
        let (log, signal) = (Log::new(), Signal::new());
        let pool = start(Pool::builder(&ex).workers(4).queue(10).limit(2), &log);
        let tickets: Vec<_> = (0..7).map(|n| pool.try_submit_to_key(&n, after(n, &signal)).unwrap()).collect();
        signal.fire();
        let report = pool.shutdown(Shutdown::Drain).await;
        assert_eq!((report.dropped, pool.stats().done, pool.stats().queued), (0, 7, 0));
        drop(tickets);

        let pool = start(Pool::builder(&ex).workers(4).queue(10).limit(2), &log);
        let tickets: Vec<_> = (0..7).map(|n| pool.try_submit(Job::new(n, Do::Hang)).unwrap()).collect();
        until(|| pool.stats().running == 2).await;
        assert_eq!(pool.shutdown(Shutdown::Abort).await.dropped, 7);
        for ticket in tickets {
            assert!(ticket.await.unwrap_err().is_closed());
        }
    }

    /// Given a pool that is gone, or whose executor dropped its workers, then its limit may still change.
    a_limit_outlives_its_pools |ex| {
        let (log, limit) = (Log::new(), LiveLimit::new(1));
        let pool = start(Pool::builder(&ex).workers(2).limit(&limit), &log);
        let ticket = pool.try_submit(Job::logged(0, Do::Hang, &log)).unwrap();
        until(|| pool.stats().running == 1).await;
        drop(pool);
        limit.set(2);
        assert!(ticket.await.unwrap_err().is_closed());
        assert_eq!(log.events(), ["0 dropped"]);
        let hoard = Hoard::default();
        let pool = start(Pool::builder(&hoard).workers(2).limit(&limit), &log);
        let ticket = pool.try_submit(say(1)).unwrap();
        drop(hoard.take());
        limit.set(1);
        assert!(ticket.await.unwrap_err().is_closed());
    }
}

/// Given a limit of 0, then that is a panic at the line of the caller.
#[test]
fn a_pool_of_limit_0_is_a_mistake() {
    let message = *catch_unwind(|| drop(Pool::builder(&Hoard::default()).limit(0)))
        .unwrap_err()
        .downcast::<&str>()
        .unwrap();
    assert!(message.starts_with("a limit of 0"), "{message}");
}

/// Given any order of submits, aborts, panics and changes of the limit, then no job begins above the limit, none waits that
/// could run, and all are ended by a drain.
#[test]
fn no_room_is_lost_and_none_is_invented() {
    const WORKERS: usize = 4;

    #[derive(Clone)]
    struct Tools(SimHandle, LiveLimit, Gauge, Log);

    explore(500, async |sim| {
        let limit = LiveLimit::new(1 + sim.choose(WORKERS));
        let too_many = Log::new();
        let tools = Tools(sim.clone(), limit.clone(), Gauge::new(), too_many.clone());
        let strategies = [Strategy::Shared, Strategy::RoundRobin, Strategy::LeastBusy];
        let pool = Pool::builder(&sim)
            .workers(WORKERS)
            .queue(6)
            .strategy(strategies[sim.choose(3)])
            .limit(&limit)
            .start(move |_| {
                let tools = tools.clone();
                async {
                    worker(tools, async |tools: &mut Tools, seconds: u32| {
                        let Tools(sim, limit, gauge, too_many) = tools;
                        let inside = gauge.enter();
                        if gauge.now() > limit.get().get() {
                            too_many.add(format!("{} of {limit:?}", gauge.now()));
                        }
                        sim.sleep(seconds * SECOND).await;
                        drop(inside);
                        if seconds == 7 {
                            support::blow_up::<()>("a bad job");
                        }
                    })
                }
            })
            .unwrap();
        let mut tickets = Vec::new();
        for _ in 0..40 {
            match sim.choose(8) {
                0..4 => {
                    let key = sim.choose(6);
                    let seconds = sim.choose(8) as u32;
                    let ticket = match key {
                        0..3 => pool.try_submit_to_key(&key, seconds),
                        _ => pool.try_submit(seconds),
                    };
                    tickets.extend(ticket);
                }
                4 if !tickets.is_empty() => tickets[sim.choose(tickets.len())].abort(),
                5 if !tickets.is_empty() => drop(tickets.swap_remove(sim.choose(tickets.len()))),
                6 => limit.set(1 + sim.choose(WORKERS + 1)),
                // When the clock jumps, nothing is left that could be done before. No job ends at the same moment.
                _ => {
                    sim.sleep(Duration::from_micros(1_500_001)).await;
                    let stats = pool.stats();
                    let own: usize = stats.workers.iter().map(|worker| worker.queued).sum();
                    let could = stats.workers.iter().filter(|worker| {
                        worker.state == WorkerState::Idle
                            && (worker.queued > 0 || stats.queued > own)
                    });
                    assert_eq!(could.count(), 0, "{stats:?}");
                }
            }
        }
        assert_eq!(too_many.events(), [""; 0]);
        let report = pool.shutdown(Shutdown::Drain).await;
        assert_eq!((report.dropped, pool.stats().queued, pool.stats().running), (0, 0, 0));
    });
}
