//! An engine that does no more than it must, late.

use crate::cluster::SECOND;
use anyscope::{
    Timer,
    sim::{SimHandle, explore},
};
use anyscope_remote::{
    EngineError, Memory, contract,
    engine::{
        Again, Ask, CallerId, DeadLetter, End, Engine, Envelope, Gone, Held, JobId, LeaseId,
        Leased, Put, Queue, Settled, Settler, Signal, Status,
    },
};
use futures_core::Stream;
use std::time::Duration;

/// Given an engine that leases one job at a time, and needs a second for each call, then it does what an engine has to do: nothing that is checked depends on
/// how many jobs come at once, or on how fast a machine is.
#[test]
fn j118_a_slow_and_sparing_engine_is_an_engine() {
    explore(8, async |sim| {
        contract::check(&Sparing { engine: Memory::new(&sim), sim: sim.clone() }, &sim).await;
    });
}

#[derive(Clone)]
struct Sparing {
    engine: Memory,
    sim: SimHandle,
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
        self.late().await.lease(queue, ask).await
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
