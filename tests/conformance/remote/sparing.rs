//! An engine that does no more than it must, late.

use crate::{
    cluster::{QUEUE, Runs, SECOND, serve, workers},
    faults::remote,
    jobs::Number,
};
use anyscope::{
    Timer, scope,
    sim::{SimHandle, explore},
};
use anyscope_remote::{
    EngineError, Memory, contract,
    engine::{
        Again, Ask, CallerId, DeadLetter, End, Engine, Envelope, Gone, Held, JobId, LeaseId,
        Leased, Put, Queue, Settled, Settler, Signal, Status, WorkerName,
    },
};
use futures_core::Stream;
use std::time::Duration;

/// Given an engine that leases one job at a time, and needs a second for each call, then it does what an engine has to do: nothing that is checked depends on
/// how many jobs come at once, or on how fast a machine is.
#[test]
fn j118_a_slow_and_sparing_engine_is_an_engine() {
    explore(8, async |sim| {
        contract::check(
            &Sparing { engine: Memory::new(&sim), sim: sim.clone(), answer: Duration::ZERO },
            &sim,
        )
        .await;
    });
}

/// Given a lease of fewer jobs than are waited for, then that is a panic that says so, and no wait without end.
#[test]
#[should_panic(expected = "`ask` is for 1 jobs, and 2 would be waited for")]
fn j118_more_than_is_asked_for_is_not_waited_for() {
    explore(1, async |sim| {
        let ask = Ask::new(1, SECOND, SECOND, WorkerName::new("one"));
        contract::lease_as(&Memory::new(&sim), &QUEUE.into(), ask, 2).await;
    });
}

/// Given a job that is leased, and whose caller cancels it before its worker has heard of the job, but not of the cancel, then it is not begun.
#[test]
fn j126_what_is_cancelled_by_then_is_not_begun() {
    explore(8, async |sim| {
        let (engine, runs) = (Memory::new(&sim), Runs::default());
        let running = async || engine.status(&QUEUE.into()).await.unwrap().running.len();
        let sparing = Sparing { engine: engine.clone(), sim: sim.clone(), answer: SECOND };
        scope(&sim, async |s| {
            let workers = workers(&sparing).lease(300 * SECOND);
            s.spawn_daemon(serve(workers, &sim, &runs, |n, _| async move { Ok(n) }));
            let call = s.spawn(remote(&engine, &sim).call(Number(1)));
            while running().await == 0 {
                sim.sleep(SECOND / 100).await;
            }
            call.cancel().await.unwrap_err();
            while running().await > 0 {
                sim.sleep(SECOND / 100).await;
            }
        })
        .await;
        assert_eq!(runs.of(1), 0);
    });
}

#[derive(Clone)]
struct Sparing {
    engine: Memory,
    sim: SimHandle,
    /// How long it takes until whoever has asked for jobs hears of them.
    answer: Duration,
}

impl Sparing {
    async fn late(&self) -> &Memory {
        self.sim.sleep(SECOND).await;
        &self.engine
    }
}

impl Engine for Sparing {
    async fn put(&self, queue: &Queue, jobs: Vec<Envelope>) -> Result<Vec<Put>, EngineError> {
        self.late().await.put(queue, jobs).await
    }

    async fn lease(&self, queue: &Queue, mut ask: Ask) -> Result<Vec<Leased>, EngineError> {
        ask.free = ask.free.min(1);
        let leased = self.late().await.lease(queue, ask).await;
        self.sim.sleep(self.answer).await;
        leased
    }

    async fn extend(
        &self,
        queue: &Queue,
        leases: Vec<LeaseId>,
        lease: Duration,
    ) -> Result<Vec<Held>, EngineError> {
        self.late().await.extend(queue, leases, lease).await
    }

    async fn settle(
        &self,
        queue: &Queue,
        job: &JobId,
        by: Settler,
        end: End,
    ) -> Result<Settled, EngineError> {
        self.late().await.settle(queue, job, by, end).await
    }

    async fn give_back(
        &self,
        queue: &Queue,
        lease: &LeaseId,
        again: Again,
    ) -> Result<(), EngineError> {
        self.late().await.give_back(queue, lease, again).await
    }

    async fn outcome(&self, queue: &Queue, job: &JobId) -> Result<Vec<u8>, EngineError> {
        self.late().await.outcome(queue, job).await
    }

    async fn released(&self, queue: &Queue, job: &JobId) -> Result<(), EngineError> {
        self.late().await.released(queue, job).await
    }

    async fn signal(&self, queue: &Queue, job: &JobId, signal: Signal) -> Result<(), EngineError> {
        self.late().await.signal(queue, job, signal).await
    }

    fn signals(
        &self,
        queue: &Queue,
    ) -> impl Stream<Item = Result<(JobId, Signal), EngineError>> + Send + 'static {
        self.engine.signals(queue)
    }

    async fn attend(&self, caller: &CallerId, lease: Duration) -> Result<(), EngineError> {
        self.late().await.attend(caller, lease).await
    }

    async fn gone(&self, callers: Vec<CallerId>) -> Result<Gone, EngineError> {
        self.late().await.gone(callers).await
    }

    async fn status(&self, queue: &Queue) -> Result<Status, EngineError> {
        self.late().await.status(queue).await
    }

    async fn dead_letters(
        &self,
        queue: &Queue,
        at_most: usize,
    ) -> Result<Vec<DeadLetter>, EngineError> {
        self.late().await.dead_letters(queue, at_most).await
    }

    async fn redrive(&self, queue: &Queue, job: &JobId) -> Result<bool, EngineError> {
        self.late().await.redrive(queue, job).await
    }
}
