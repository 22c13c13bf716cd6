//! What all calls of a `Remote` share.

use super::{place::Places, presence::Presence};
use crate::{
    engine::{
        AnyEngine, CallerId, End, Engine, EngineError, Envelope, JobId, Put, Queue, Settled,
        Settler, Signal,
    },
    outcome::Outcome,
    time::{Backoff, Time},
};
use anyscope_core::{Clock, OwnedScope, Spawn};
use std::{future::Future, sync::Arc, time::Duration};

pub(super) struct Caller {
    pub(super) engine: AnyEngine,
    pub(super) queue: Queue,
    pub(super) time: Time,
    pub(super) presence: Presence,
    pub(super) places: Arc<Places>,
    /// What goes on while nobody polls a call.
    pub(super) scope: OwnedScope<Arc<dyn Spawn + Send + Sync>>,
}

impl Caller {
    pub(super) fn new(
        engine: AnyEngine,
        queue: Queue,
        time: Time,
        exec: Arc<dyn Spawn + Send + Sync>,
        lease: Duration,
    ) -> Arc<Self> {
        let presence = Presence::new(CallerId::unique(), lease);
        let (places, scope) = (Arc::default(), OwnedScope::new(&exec));
        Arc::new(Caller { engine, queue, time, presence, places, scope })
    }

    /// Stores a job. Waits while the queue is full, and while the engine cannot be reached.
    pub(super) async fn put(&self, mut envelope: Envelope) -> Result<Put, EngineError> {
        let begun = self.time.now();
        let budget = envelope.budget;
        let mut backoff = Backoff::new(&self.time);
        loop {
            envelope.budget = budget.map(|budget| budget.saturating_sub(self.since(begun)));
            match self.engine.put(&self.queue, vec![envelope.clone()]).await {
                Ok(put) => return Ok(put.first().copied().unwrap_or(Put::Stored)),
                Err(error) if error.passes() => {
                    // It may be stored all the same.
                    envelope.is_new = false;
                    backoff.after(&error);
                    backoff.wait().await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Waits for the outcome of a job, also while the engine cannot be reached.
    pub(super) async fn outcome(&self, job: &JobId) -> Result<Outcome, EngineError> {
        let bytes = self.insist(|| self.engine.outcome(&self.queue, job)).await?;
        Ok(Outcome::from_bytes(&bytes)?)
    }

    /// Settles a job in the caller's name, and tells its worker. Returns the outcome of whoever was first.
    pub(super) async fn settle(
        &self,
        job: &JobId,
        outcome: &Outcome,
    ) -> Result<Outcome, EngineError> {
        self.insist(|| self.settle_once(job, outcome)).await
    }

    /// As [`settle`](Self::settle), but does not ask again.
    pub(super) async fn settle_once(
        &self,
        job: &JobId,
        outcome: &Outcome,
    ) -> Result<Outcome, EngineError> {
        let bytes = outcome.to_bytes();
        let settled =
            self.engine.settle(&self.queue, job, Settler::Caller, End::new(bytes.clone())).await?;
        let first = match settled {
            Settled::Already(first) => first,
            Settled::First | Settled::LeaseLost => bytes.clone(),
        };
        if first == bytes {
            // Best effort: the worker hears of it at its next heartbeat otherwise.
            let _ = self.engine.signal(&self.queue, job, Signal::Cancel).await;
        }
        Ok(Outcome::from_bytes(&first)?)
    }

    /// Asks again while the engine cannot be reached.
    pub(super) async fn insist<T, Fut>(
        &self,
        mut ask: impl FnMut() -> Fut,
    ) -> Result<T, EngineError>
    where
        Fut: Future<Output = Result<T, EngineError>>,
    {
        let mut backoff = Backoff::new(&self.time);
        loop {
            match ask().await {
                Err(error) if error.passes() => backoff.wait().await,
                answer => return answer,
            }
        }
    }

    fn since(&self, begun: anyscope_core::Instant) -> Duration {
        self.time.now().saturating_duration_since(begun)
    }
}

/// Cancels the job of a call that is dropped.
pub(super) struct Abandon {
    caller: Arc<Caller>,
    job: Option<JobId>,
}

impl Abandon {
    pub(super) fn new(caller: Arc<Caller>, job: JobId) -> Self {
        Abandon { caller, job: Some(job) }
    }

    pub(super) fn disarm(mut self) {
        self.job = None;
    }
}

impl Drop for Abandon {
    fn drop(&mut self) {
        let Some(job) = self.job.take() else { return };
        let caller = self.caller.clone();
        // It has the scope that it is a child of: so that ends with the last of them.
        self.caller.scope.spawn(async move {
            let cancelled = Outcome::Cancelled("its call was dropped".to_owned());
            // No longer than others believe that this caller is there: after that, workers drop the job.
            let cancel = caller.settle(&job, &cancelled);
            let _ = anyscope_core::timeout(&caller.time, caller.presence.lease(), cancel).await;
        });
    }
}
