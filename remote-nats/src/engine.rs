//! The adapter: each call is done where the client lives.

use crate::{
    connection::Home,
    handle::{Core, Nats},
    line::{Line, Signals, Waiting},
};
use anyscope_remote::{
    EngineError,
    engine::{
        Again, Ask, CallerId, DeadLetter, End, Engine, Envelope, Gone, Held, JobId, LeaseId,
        Leased, Put, Queue, Settled, Settler, Signal, Status,
    },
};
use futures_core::Stream;
use std::{future::Future, sync::Arc, time::Duration};

impl Nats {
    fn parts(&self, queue: &Queue) -> (Arc<Line>, Arc<Core>, &Home) {
        (self.core.line(queue), self.core.clone(), &self.home)
    }
}

impl Engine for Nats {
    async fn put(&self, queue: &Queue, jobs: Vec<Envelope>) -> Result<Vec<Put>, EngineError> {
        let (line, core, home) = self.parts(queue);
        home.run_to_end(async move { line.put(&core, jobs).await }).await
    }

    fn lease(
        &self,
        queue: &Queue,
        ask: Ask,
    ) -> impl Future<Output = Result<Vec<Leased>, EngineError>> + Send {
        let queue = queue.clone();
        async move {
            let (line, core, _) = self.parts(&queue);
            Waiting::new(line, core, self.home.clone(), ask).await
        }
    }

    async fn extend(
        &self,
        queue: &Queue,
        leases: Vec<LeaseId>,
        lease: Duration,
    ) -> Result<Vec<Held>, EngineError> {
        let (line, core, home) = self.parts(queue);
        home.run_to_end(async move { line.extend(&core, leases, lease).await }).await
    }

    async fn settle(
        &self,
        queue: &Queue,
        job: &JobId,
        by: Settler,
        end: End,
    ) -> Result<Settled, EngineError> {
        let ((line, core, home), job) = (self.parts(queue), job.clone());
        home.run_to_end(async move { line.settle(&core, &job, by, end).await }).await
    }

    async fn give_back(
        &self,
        queue: &Queue,
        lease: &LeaseId,
        again: Again,
    ) -> Result<(), EngineError> {
        let ((line, core, home), lease) = (self.parts(queue), lease.clone());
        home.run_to_end(async move { line.give_back(&core, &lease, again).await }).await
    }

    async fn outcome(&self, queue: &Queue, job: &JobId) -> Result<Vec<u8>, EngineError> {
        let ((line, core, home), job) = (self.parts(queue), job.clone());
        let lost = core.connection.lost();
        home.run(async move { line.outcome(&core, &job, lost).await }).await
    }

    async fn released(&self, queue: &Queue, job: &JobId) -> Result<(), EngineError> {
        let ((line, core, home), job) = (self.parts(queue), job.clone());
        home.run(async move { line.released(&core, &job).await }).await
    }

    async fn signal(&self, queue: &Queue, job: &JobId, signal: Signal) -> Result<(), EngineError> {
        let ((line, core, home), job) = (self.parts(queue), job.clone());
        home.run_to_end(async move { line.signal(&core, &job, signal).await }).await
    }

    fn signals(
        &self,
        queue: &Queue,
    ) -> impl Stream<Item = Result<(JobId, Signal), EngineError>> + Send + 'static {
        let (line, core, home) = self.parts(queue);
        Signals::new(line, core, home)
    }

    async fn attend(&self, caller: &CallerId, lease: Duration) -> Result<(), EngineError> {
        let (core, caller) = (self.core.clone(), caller.clone());
        self.home.run_to_end(async move { core.attend(&caller, lease).await }).await
    }

    async fn gone(&self, callers: Vec<CallerId>) -> Result<Gone, EngineError> {
        if self.core.are_seen(&callers) {
            return Ok(Gone::new());
        }
        let core = self.core.clone();
        self.home.run(async move { core.gone(callers).await }).await
    }

    async fn status(&self, queue: &Queue) -> Result<Status, EngineError> {
        let (line, core, home) = self.parts(queue);
        home.run(async move { line.status(&core).await }).await
    }

    async fn dead_letters(
        &self,
        queue: &Queue,
        at_most: usize,
    ) -> Result<Vec<DeadLetter>, EngineError> {
        let (line, core, home) = self.parts(queue);
        home.run(async move { line.dead_letters(&core, at_most).await }).await
    }

    async fn redrive(&self, queue: &Queue, job: &JobId) -> Result<bool, EngineError> {
        let ((line, core, home), job) = (self.parts(queue), job.clone());
        home.run_to_end(async move { line.redrive(&core, &job).await }).await
    }
}
