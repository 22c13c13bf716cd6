//! What holds when workers, callers, the engine and the ways between them fail: in virtual time, in many orders.

use crate::{
    cluster::{QUEUE, Runs, SECOND, serve, workers},
    jobs::{Number, Trouble},
};
use anyscope::{
    Clock, Timer, flow, join, scope,
    sim::{SimHandle, explore},
    timeout,
};
use anyscope_remote::{
    CallError, Ended, ErrorKind, LastAttempt, Memory, Remote, Workers,
    engine::{
        Again, Ask, End, Engine, Envelope, Held, JobId, Queue, Settled, Settler, Status, WorkerName,
    },
    memory::{Faults, Link},
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};
use support::Gauge;

/// How many orders each test is shown in.
pub(crate) const ORDERS: u64 = 400;

const MS: Duration = Duration::from_millis(1);

pub(crate) fn remote(engine: &Memory, sim: &SimHandle) -> Remote<Number> {
    Remote::new(engine, sim, QUEUE)
}

async fn status(engine: &Memory) -> Status {
    engine.status(&QUEUE.into()).await.unwrap()
}

/// Waits until killed clients have given up.
async fn rest(sim: &SimHandle) {
    sim.sleep(100 * SECOND).await;
}

/// Ends the client of a link, as `kill -9` does: nothing that it still does is heard of.
macro_rules! kill {
    ($link:expr, $worker:expr) => {{
        $link.cut();
        drop($worker.cancel().await);
    }};
}

/// Given a worker that hears late that it has a job, and a caller that cancels it before, then the handler is asked to end as soon as it has begun, and not when its
/// lease is extended.
#[test]
fn j116_a_cancel_is_faster_than_its_job() {
    explore(ORDERS, async |sim| {
        let (engine, link) = (Memory::new(&sim), Link::new());
        let faults = Faults { latest: 400 * MS, ..Faults::default() };
        let choose = sim.clone();
        link.faults(faults, move |options| choose.choose(options));
        scope(&sim, async |s| {
            let workers = workers(&engine.over(&link)).lease(300 * SECOND);
            s.spawn_daemon(workers.serve(&sim, &sim, async |Number(n), cx| {
                cx.token().cancelled().await;
                Ok(n)
            }));
            let call = s.spawn(remote(&engine, &sim).call(Number(1)));
            while status(&engine).await.running.is_empty() {
                sim.sleep(MS).await;
            }
            call.cancel().await.unwrap_err();
            let cancelled = sim.elapsed();
            while !status(&engine).await.running.is_empty() {
                sim.sleep(MS).await;
            }
            // There and back, twice.
            assert!(sim.elapsed() - cancelled < 4 * SECOND, "{:?}", sim.elapsed() - cancelled);
        })
        .await;
        rest(&sim).await;
    });
}

/// Given three workers, of which one is killed while it runs jobs, then each job has one outcome, runs again when the lease is over and no later
/// than a tenth of it after, and no more than the limit are leased or run.
#[test]
fn j20_a_killed_worker_loses_no_job() {
    explore(ORDERS, async |sim| {
        let (engine, runs, active) = (Memory::new(&sim), Runs::default(), Gauge::new());
        scope(&sim, async |s| {
            let links = [(); 3].map(|()| Link::new());
            let workers = links.each_ref().map(|link| {
                let workers = workers(&engine.over(link)).everywhere(4).here(2).lease(10 * SECOND);
                let (active, sim2) = (active.clone(), sim.clone());
                s.spawn(serve(workers, &sim, &runs, move |n, _| {
                    let (running, sim) = (active.enter(), sim2.clone());
                    async move {
                        sim.sleep(SECOND * (1 + n % 3)).await;
                        drop(running);
                        Ok(n)
                    }
                }))
            });
            let remote = remote(&engine, &sim);
            let all =
                flow::iter(0..9).map_concurrent(9, |n| remote.call(Number(n))).collect::<Vec<_>>();
            let [first, ..] = workers;
            let killed = async {
                sim.dawdle(4 * SECOND).await;
                let held = status(&engine).await.running;
                assert!(held.len() <= 4);
                kill!(links[0], first);
            };
            let (all, ()) = join((all, killed)).await;
            for (n, outcome) in (0..9).zip(all) {
                assert_eq!(outcome.unwrap(), n);
                assert!(runs.of(n) >= 1);
            }
            // At most: the kill, the lease, a tenth of it, and what was left to do.
            assert!(sim.elapsed() <= 4 * SECOND + 11 * SECOND + 9 * SECOND, "{:?}", sim.elapsed());
            let Status { ready, delayed, settled, .. } = status(&engine).await;
            assert_eq!((ready, delayed, settled), (0, 0, 9));
            s.cancel("done");
        })
        .await;
        assert_eq!((active.now(), active.peak() <= 4), (0, true));
        rest(&sim).await;
    });
}

/// Given a worker that is cut off from the engine past its lease, both ways or one, then its handler is ended as the lease is lost before
/// another worker begins the job, and it does not settle.
#[test]
fn j21_a_worker_that_is_cut_off_stops() {
    explore(ORDERS, async |sim| {
        let (engine, runs, active) = (Memory::new(&sim), Runs::default(), Gauge::new());
        scope(&sim, async |s| {
            let link = Link::new();
            for (name, engine) in [("cut", engine.over(&link)), ("other", engine.clone())] {
                let (active, sim2, runs2) = (active.clone(), sim.clone(), runs.clone());
                let workers = workers(&engine).lease(3 * SECOND).name(name);
                s.spawn_daemon(serve(workers, &sim, &runs, move |n, cx| {
                    let (running, sim, runs) = (active.enter(), sim2.clone(), runs2.clone());
                    async move {
                        sim.sleep(5 * SECOND).await;
                        runs.check(cx.ended().is_none(), "it went on");
                        drop(running);
                        Ok(n)
                    }
                }));
            }
            let remote = remote(&engine, &sim);
            let cut = async {
                sim.sleep(MS + SECOND * sim.choose(4) as u32).await;
                match sim.choose(3) {
                    0 => link.cut(),
                    1 => link.cut_requests(),
                    _ => link.cut_answers(),
                }
                sim.sleep(4 * SECOND).await;
                link.mend();
            };
            let (outcome, ()) = join((remote.call(Number(7)), cut)).await;
            assert_eq!(outcome.unwrap(), 7);
            assert!((1..=2).contains(&runs.of(7)));
        })
        .await;
        assert_eq!(active.peak(), 1, "two workers had the job");
        rest(&sim).await;
    });
}

/// Given an engine that is away for less than a lease, at any moment, then callers and workers wait for it, and no handler is ended.
#[test]
fn j22_an_engine_that_comes_back_is_waited_for() {
    explore(ORDERS, async |sim| {
        let (engine, runs) = (Memory::new(&sim), Runs::default());
        scope(&sim, async |s| {
            let link = Link::new();
            let engine = engine.over(&link);
            let (sim2, runs2) = (sim.clone(), runs.clone());
            let workers = workers(&engine).here(2).lease(9 * SECOND);
            s.spawn_daemon(serve(workers, &sim, &runs, move |n, cx| {
                let (sim, runs) = (sim2.clone(), runs2.clone());
                async move {
                    sim.sleep(4 * SECOND).await;
                    runs.check(cx.ended().is_none(), "it was ended");
                    Ok(n)
                }
            }));
            let remote = remote(&engine, &sim);
            let all =
                flow::iter(0..4).map_concurrent(4, |n| remote.call(Number(n))).collect::<Vec<_>>();
            let away = async {
                sim.sleep(MS * sim.choose(8) as u32 * 900).await;
                link.cut();
                sim.sleep(3 * SECOND).await;
                link.mend();
            };
            let (all, ()) = join((all, away)).await;
            for (n, outcome) in (0..4).zip(all) {
                assert_eq!(outcome.unwrap(), n);
            }
        })
        .await;
        // A lease whose answer was lost runs out before its job is begun.
        (0..4).for_each(|n| assert_eq!(runs.of(n), 1));
    });
}

/// Given messages that are late, lost and delivered twice, and workers that are killed, then as many jobs have an outcome as were put, each
/// was begun at least once, and handlers that run are never more than the limit.
#[test]
fn j23_whatever_happens_to_messages() {
    explore(ORDERS, async |sim| {
        let (engine, runs, active) = (Memory::new(&sim), Runs::default(), Gauge::new());
        let faulty = |latest| {
            let (link, chooses) = (Link::new(), sim.clone());
            link.faults(Faults { latest, lost: 8, twice: 8 }, move |options| {
                chooses.choose(options)
            });
            link
        };
        scope(&sim, async |s| {
            let links = [400, 1000, 400].map(|latest| faulty(latest * MS));
            let workers = links.each_ref().map(|link| {
                let workers = workers(&engine.over(link)).everywhere(3).here(2).lease(6 * SECOND);
                let workers = workers.attempts(100, [Duration::ZERO; 100]);
                let (active, sim2) = (active.clone(), sim.clone());
                s.spawn(serve(workers, &sim, &runs, move |n, _| {
                    let (running, sim) = (active.enter(), sim2.clone());
                    async move {
                        sim.dawdle(2 * SECOND).await;
                        drop(running);
                        Ok(n)
                    }
                }))
            });
            let caller = remote(&engine.over(&faulty(400 * MS)), &sim).caller_lease(60 * SECOND);
            let all =
                flow::iter(0..6).map_concurrent(6, |n| caller.call(Number(n))).collect::<Vec<_>>();
            let [first, ..] = workers;
            let killed = async {
                sim.dawdle(8 * SECOND).await;
                kill!(links[0], first);
            };
            let (all, ()) = join((all, killed)).await;
            for (n, outcome) in (0..6).zip(all) {
                assert_eq!(outcome.unwrap(), n);
                assert!(runs.of(n) >= 1);
            }
            let Status { ready, delayed, settled, dead, .. } = status(&engine).await;
            assert_eq!((ready, delayed, settled, dead), (0, 0, 6, 0));
            s.cancel("done");
        })
        .await;
        assert!(active.peak() <= 3, "{} were running", active.peak());
        rest(&sim).await;
    });
}

/// Given a worker that acts when its lease is over: then its settle, extension and return are refused if another has the job, and the outcome is
/// that of the other.
#[test]
fn j24_what_comes_late_changes_nothing() {
    explore(1, async |sim| {
        let (engine, queue) = (Memory::new(&sim), Queue::from(QUEUE));
        let id = JobId::parse("a").unwrap();
        let ask = |name| Ask::new(1, SECOND, SECOND, WorkerName::new(name));
        engine
            .put(&queue, vec![Envelope::new(id.clone(), "number", 1, b"1".to_vec())])
            .await
            .unwrap();
        let first = engine.lease(&queue, ask("first")).await.unwrap().remove(0);
        sim.sleep(SECOND).await;
        let second = engine.lease(&queue, ask("second")).await.unwrap().remove(0);
        assert_eq!((second.attempt, second.epoch, second.waited), (2, 2, SECOND));
        // Late.
        let settle = |lease, end: &[u8]| {
            engine.settle(&queue, &id, Settler::Worker(lease), End::new(end.to_vec()))
        };
        assert_eq!(settle(first.lease.clone(), b"first").await.unwrap(), Settled::LeaseLost);
        let held = engine
            .extend(&queue, vec![first.lease.clone(), second.lease.clone()], SECOND)
            .await
            .unwrap();
        assert_eq!(held, [Held::Lost, Held::Yes]);
        engine.give_back(&queue, &first.lease, Again::now()).await.unwrap();
        assert_eq!(status(&engine).await.running.len(), 1, "the second one still has it");
        // In time.
        assert_eq!(settle(second.lease.clone(), b"second").await.unwrap(), Settled::First);
        let already = Settled::Already(b"second".to_vec());
        assert_eq!(settle(second.lease, b"second").await.unwrap(), already);
        assert_eq!(settle(first.lease, b"first").await.unwrap(), already);
        assert_eq!(engine.outcome(&queue, &id).await.unwrap(), b"second");
        assert!(status(&engine).await.running.is_empty());
    });
}

/// Given a job that ends its worker each time, then it is a dead letter after as many attempts as it has, its caller has the reason, and other jobs
/// have their outcomes.
#[test]
fn j25_a_job_that_ends_its_workers_is_given_up() {
    explore(ORDERS, async |sim| {
        let (engine, runs) = (Memory::new(&sim), Runs::default());
        scope(&sim, async |s| {
            let (s2, sim2, engine2, runs2) = (s.clone(), sim.clone(), engine.clone(), runs.clone());
            s.spawn_daemon(async move {
                // Whoever starts workers anew.
                loop {
                    let (link, died) = (Link::new(), async_channel::bounded::<()>(1));
                    let tell = died.0;
                    let workers = workers(&engine2.over(&link)).attempts(3, [Duration::ZERO; 9]);
                    let worker = s2.spawn(serve(workers, &sim2, &runs2, move |n, _| {
                        let tell = tell.clone();
                        async move {
                            if n == 0 {
                                tell.send(()).await.unwrap();
                                std::future::pending::<()>().await;
                            }
                            Ok(n)
                        }
                    }));
                    died.1.recv().await.unwrap();
                    kill!(link, worker);
                }
            });
            let remote = remote(&engine, &sim);
            let all =
                flow::iter(0..4).map_concurrent(4, |n| remote.call(Number(n))).collect::<Vec<_>>();
            let mut all = all.await.into_iter();
            let dead = all.next().unwrap().unwrap_err();
            assert!(
                matches!(dead, CallError::Dead { attempts: 3, last: LastAttempt::WorkerLost }),
                "{dead:?}"
            );
            for (n, outcome) in (1..4).zip(all) {
                assert_eq!(outcome.unwrap(), n);
            }
            assert_eq!((runs.of(0), status(&engine).await.dead), (3, 1));
            s.cancel("done");
        })
        .await;
        rest(&sim).await;
    });
}

/// Given a caller that is killed, then the jobs of its calls are cancelled when it was not heard of for its lease, those that wait are not
/// begun, and those that it has submitted go on.
#[test]
fn j26_calls_end_with_their_caller() {
    explore(ORDERS, async |sim| {
        let (engine, runs) = (Memory::new(&sim), Runs::default());
        scope(&sim, async |s| {
            let (ended, was_ended) = async_channel::unbounded();
            let sim2 = sim.clone();
            s.spawn_daemon(serve(workers(&engine), &sim, &runs, move |n, cx| {
                let (ended, sim) = (ended.clone(), sim2.clone());
                async move {
                    if n == 0 {
                        cx.token().cancelled().await;
                        ended.send((cx.ended(), sim.now())).await.unwrap();
                    }
                    Ok(n)
                }
            }));
            let link = Link::new();
            let caller = remote(&engine.over(&link), &sim).caller_lease(4 * SECOND);
            let runs2 = runs.clone();
            let calls = s.spawn(async move {
                let others = async {
                    runs2.begun(0, 1).await;
                    drop(join((caller.call(Number(1)), caller.submit(Number(2)))).await);
                };
                drop(join((caller.call(Number(0)), others)).await);
            });
            runs.begun(0, 1).await;
            sim.sleep(MS + sim.choose(6) as u32 * SECOND).await;
            let killed = sim.now();
            kill!(link, calls);
            let (why, at) = was_ended.recv().await.unwrap();
            assert_eq!(why, Some(Ended::CallerGone));
            // A third of the caller's lease may be gone; a third of the worker's passes until it asks.
            let after = at.saturating_duration_since(killed);
            assert!(after >= 2 * SECOND && after <= 5 * SECOND, "{after:?}");
            runs.begun(2, 1).await;
            sim.sleep(SECOND).await;
            assert_eq!(status(&engine).await.settled, 3);
        })
        .await;
        assert_eq!([0, 1, 2].map(|n| runs.of(n)), [1, 0, 1]);
        rest(&sim).await;
    });
}

/// Given one slow worker among fast ones, then it holds only what it runs, and the others do the rest meanwhile.
#[test]
fn j27_a_slow_worker_holds_only_what_it_runs() {
    explore(ORDERS, async |sim| {
        let (engine, runs) = (Memory::new(&sim), Runs::default());
        scope(&sim, async |s| {
            for slow in [true, false, false] {
                let sim2 = sim.clone();
                let takes = if slow { 60 * SECOND } else { SECOND };
                s.spawn_daemon(serve(
                    workers(&engine).lease(9 * SECOND),
                    &sim,
                    &runs,
                    move |n, _| {
                        let sim = sim2.clone();
                        async move {
                            sim.sleep(takes).await;
                            Ok(n)
                        }
                    },
                ));
            }
            let remote = remote(&engine, &sim);
            let all = flow::iter(0..21).map_concurrent(21, |n| remote.call(Number(n))).unordered();
            let fast = all.take(20).collect::<Vec<_>>().await;
            assert!(fast.iter().all(Result::is_ok));
            assert_eq!(sim.elapsed(), 10 * SECOND);
        })
        .await;
    });
}

/// Given workers that shut down, then handlers that end within the grace have settled, the jobs of the others are given back at once and
/// run again at once, and it was no attempt.
#[test]
fn j29_a_shutdown_loses_nothing() {
    explore(ORDERS, async |sim| {
        let (engine, runs) = (Memory::new(&sim), Runs::default());
        scope(&sim, async |s| {
            let stop = anyscope::CancelToken::new();
            let handler = |sim: &SimHandle| {
                let (sim, runs) = (sim.clone(), runs.clone());
                move |n, cx: anyscope_remote::JobContext| {
                    let (sim, runs) = (sim.clone(), runs.clone());
                    async move {
                        runs.check(cx.attempt() == 1, "a return was counted");
                        match n {
                            0 => cx.token().cancelled().await, // ends when it is asked
                            1 if cx.epoch() == 1 => sim.sleep(60 * SECOND).await, // does not listen
                            2 if cx.epoch() == 1 => {
                                cx.token().cancelled().await;
                                return Err(Trouble::Passing); // as it was asked
                            }
                            _ => sim.sleep(2 * SECOND).await, // goes on
                        }
                        Ok(n)
                    }
                }
            };
            let old = Workers::new(&engine, QUEUE)
                .here(4)
                .grace(anyscope::Grace::For(3 * SECOND))
                .until(&stop);
            let old = s.spawn(serve(old, &sim, &runs, handler(&sim)));
            let remote = remote(&engine, &sim);
            let all =
                flow::iter(0..4).map_concurrent(4, |n| remote.call(Number(n))).collect::<Vec<_>>();
            let shut_down = async {
                runs.begun(3, 1).await;
                sim.sleep(SECOND).await;
                let begun = sim.now();
                stop.cancel("deploy");
                let served = old.await.unwrap().unwrap();
                assert_eq!(
                    (served.begun, served.settled, served.given_back, served.lost),
                    (4, 2, 2, 0)
                );
                assert_eq!(sim.now().saturating_duration_since(begun), 3 * SECOND);
                assert!(status(&engine).await.running.is_empty());
                s.spawn_daemon(serve(
                    Workers::new(&engine, QUEUE).here(4),
                    &sim,
                    &runs,
                    handler(&sim),
                ));
            };
            let (all, ()) = join((all, shut_down)).await;
            for (n, outcome) in (0..4).zip(all) {
                assert_eq!(outcome.unwrap(), n);
            }
            s.cancel("done");
        })
        .await;
        assert_eq!([0, 1, 2, 3].map(|n| runs.of(n)), [1, 2, 2, 1]);
    });
}

/// Given an engine that cannot be reached at the start, then callers and workers wait for it; one that refuses for good ends workers, by name.
#[test]
fn j30_an_engine_may_be_away_at_the_start() {
    explore(ORDERS, async |sim| {
        let (engine, runs) = (Memory::new(&sim), Runs::default());
        scope(&sim, async |s| {
            let link = Link::new();
            link.cut();
            let away = Arc::new(AtomicU32::new(0));
            let counted = away.clone();
            let workers = workers(&engine.over(&link)).on_event(move |event| {
                let anyscope_remote::WorkerEvent::Engine(error) = event else { return };
                assert_eq!(error.kind(), ErrorKind::Unavailable);
                counted.fetch_add(1, Relaxed);
            });
            s.spawn_daemon(serve(workers, &sim, &runs, async |n, _| Ok(n)));
            let remote = remote(&engine.over(&link), &sim);
            let back = async {
                sim.sleep(20 * SECOND).await;
                link.mend();
            };
            let (outcome, ()) = join((remote.call(Number(1)), back)).await;
            assert_eq!(outcome.unwrap(), 1);
            // One a second at most, and one in four at least: it asks, waits a second, and backs off up to three.
            let asked = away.load(Relaxed);
            assert!((5..=21).contains(&asked), "{asked}");
        })
        .await;
    });
}

/// Given calls that are dropped, when their caller is closed, then the engine knows of it: nothing waits, what runs is asked to end, and what was not heard of is
/// cancelled as its caller is gone.
#[test]
fn j31_a_caller_closes() {
    explore(ORDERS, async |sim| {
        let (engine, runs) = (Memory::new(&sim), Runs::default());
        scope(&sim, async |s| {
            let sim2 = sim.clone();
            s.spawn_daemon(serve(workers(&engine).here(2), &sim, &runs, move |n, _| {
                let sim = sim2.clone();
                async move {
                    sim.sleep(3600 * SECOND).await;
                    Ok(n)
                }
            }));
            let remote = remote(&engine, &sim);
            let calls =
                flow::iter(0..5).map_concurrent(5, |n| remote.call(Number(n))).collect::<Vec<_>>();
            let calls = timeout(&sim, SECOND * sim.choose(2) as u32, calls);
            assert!(calls.await.is_err());
            remote.close().await;
            let Status { ready, delayed, settled, .. } = status(&engine).await;
            assert_eq!((ready, delayed), (0, 0));
            // The grace of ten seconds: the handlers do not listen.
            sim.sleep(12 * SECOND).await;
            let Status { running, settled: later, .. } = status(&engine).await;
            assert!(running.is_empty() && later == settled, "{running:?}, {settled}, {later}");
            remote.close().await;
        })
        .await;
    });
}

/// Given a worker with a long way to the engine, which is dropped when it has a lease, whether it has begun the job or not yet, then another one begins it at once.
#[test]
fn j85_a_dropped_worker_gives_back_what_it_has_not_begun() {
    explore(ORDERS, async |sim| {
        let (engine, link, runs) = (Memory::new(&sim), Link::new(), Runs::default());
        let (faults, chooser) = (Faults { latest: 100 * MS, ..Faults::default() }, sim.clone());
        link.faults(faults, move |options| chooser.choose(options));
        scope(&sim, async |s| {
            let serve = |engine: &Memory| {
                let (workers, sim2) = (workers(engine).lease(100 * SECOND), sim.clone());
                serve(workers, &sim, &runs, move |n, _| {
                    let sim = sim2.clone();
                    async move {
                        sim.sleep(SECOND).await;
                        Ok(n)
                    }
                })
            };
            let worker = s.spawn(serve(&engine.over(&link)));
            let call = s.spawn(remote(&engine, &sim).call(Number(1)));
            while status(&engine).await.running.is_empty() {
                sim.sleep(MS).await;
            }
            // It has heard of its lease by now, and asks whether the caller is there.
            sim.sleep(100 * MS + MS * sim.choose(100) as u32).await;
            drop(worker.cancel().await);
            let begun = sim.now();
            s.spawn_daemon(serve(&engine));
            assert_eq!(call.await.unwrap().unwrap(), 1);
            assert!(sim.now().saturating_duration_since(begun) < 10 * SECOND);
            s.cancel("done");
        })
        .await;
    });
}
