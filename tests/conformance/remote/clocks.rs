//! What holds when clocks differ, or are set.

use crate::{
    cluster::{QUEUE, Runs, SECOND, serve, workers},
    faults::{ORDERS, remote},
    jobs::Number,
};
use anyscope::{
    Clock, Instant, Timer, join, scope,
    sim::{SimHandle, explore},
};
use anyscope_remote::{CallError, Memory, Remote};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};
use support::Gauge;

/// A timer whose clock is so many seconds ahead, or is set ahead.
#[derive(Clone)]
struct Wrong(SimHandle, Arc<AtomicU32>);

impl Wrong {
    fn new(sim: &SimHandle, seconds: u32) -> Self {
        Wrong(sim.clone(), Arc::new(AtomicU32::new(seconds)))
    }
}

impl Clock for Wrong {
    fn now(&self) -> Instant {
        self.0.now().saturating_add(SECOND * self.1.load(Relaxed))
    }
}

impl Timer for Wrong {
    type Sleep = <SimHandle as Timer>::Sleep;

    fn sleep(&self, duration: Duration) -> Self::Sleep {
        self.0.sleep(duration)
    }
}

/// Given a worker whose clock is five minutes ahead of its caller's, or behind, then leases and deadlines hold as if it were not.
#[test]
fn j28_clocks_may_differ() {
    explore(ORDERS, async |sim| {
        let engine = Memory::new(&sim);
        let minutes = [0, 5, 10][sim.choose(3)];
        scope(&sim, async |s| {
            let timer = Wrong::new(&sim, 60 * minutes);
            let sim2 = sim.clone();
            s.spawn_daemon(workers(&engine).serve(&sim, &timer, move |Number(n), _| {
                let sim = sim2.clone();
                async move {
                    sim.sleep(SECOND * n).await;
                    Ok(n)
                }
            }));
            // The caller's clock is in the middle.
            let caller = Wrong::new(&sim, 60 * 5);
            let remote = Remote::<Number>::new(&engine, &Both(sim.clone(), caller), QUEUE);
            assert_eq!(remote.request(Number(3)).within(4 * SECOND).call().await.unwrap(), 3);
            let late = remote.request(Number(9)).within(4 * SECOND).call().await.unwrap_err();
            assert!(matches!(late, CallError::DeadlinePassed), "{late:?}");
            assert_eq!(sim.elapsed(), 7 * SECOND);
        })
        .await;
    });
}

/// Spawns on a simulation, with another clock.
#[derive(Clone)]
struct Both(SimHandle, Wrong);

impl anyscope::Spawn for Both {
    fn spawn(&self, child: anyscope::Child) {
        self.0.spawn(child);
    }
}

impl Clock for Both {
    fn now(&self) -> Instant {
        self.1.now()
    }
}

impl Timer for Both {
    type Sleep = <SimHandle as Timer>::Sleep;

    fn sleep(&self, duration: Duration) -> Self::Sleep {
        self.1.sleep(duration)
    }
}

/// Given an engine whose clock is set ahead, so that leases end before their workers believe it, then these hear of it with their next heartbeat, their handlers are ended
/// as the lease is lost, and do not settle.
#[test]
fn j32_the_clock_of_the_engine_is_set_ahead() {
    explore(ORDERS, async |sim| {
        let clock = Wrong::new(&sim, 0);
        let (engine, runs, active) =
            (Memory::new(&Both(sim.clone(), clock.clone())), Runs::default(), Gauge::new());
        scope(&sim, async |s| {
            let (active2, sim2, lost) = (active.clone(), sim.clone(), Arc::new(AtomicU32::new(0)));
            let counted = lost.clone();
            let workers = workers(&engine).lease(9 * SECOND).on_event(move |event| {
                if let anyscope_remote::WorkerEvent::LeaseLost { .. } = event {
                    counted.fetch_add(1, Relaxed);
                }
            });
            s.spawn_daemon(serve(workers, &sim, &runs, move |n, _| {
                let (running, sim) = (active2.enter(), sim2.clone());
                async move {
                    sim.sleep(20 * SECOND).await;
                    drop(running);
                    Ok(n)
                }
            }));
            let remote = remote(&engine, &sim);
            let ahead = async {
                runs.begun(1, 1).await;
                sim.sleep(SECOND).await;
                clock.1.store(100, Relaxed);
                sim.sleep(3 * SECOND).await;
                assert_eq!(lost.load(Relaxed), 1);
            };
            // The caller's own lease ends too; so it is a job that outlives it.
            let ticket = remote.submit(Number(1)).await.unwrap();
            let (outcome, ()) = join((remote.attach(&ticket), ahead)).await;
            assert_eq!(outcome.unwrap(), 1);
        })
        .await;
        assert_eq!((runs.of(1), active.peak()), (2, 1));
    });
}
