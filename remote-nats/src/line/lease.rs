//! Leases jobs.

use super::{
    ATTEMPTS, DEAD, EPOCH, Line, PUT_AT,
    held::Held,
    pull::{ACK, Delivery, Pulled},
};
use crate::{
    connection::Home,
    error::unavailable,
    handle::Core,
    jetstream::Stored,
    names::{Key, WORKERS, last_token},
};
use anyscope_remote::{
    EngineError,
    engine::{Again, Ask, Envelope, JobId, LeaseId, Leased},
};
use std::{
    future::Future,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};
use tokio::sync::oneshot;

/// One who waits for jobs. If it is dropped, what was leased for it is given back.
pub(crate) struct Waiting {
    answer: oneshot::Receiver<Result<Vec<Leased>, EngineError>>,
    line: Arc<Line>,
    core: Arc<Core>,
    home: Arc<Home>,
}

impl Waiting {
    pub(crate) fn new(line: Arc<Line>, core: Arc<Core>, home: Arc<Home>, ask: Ask) -> Self {
        let (mut reply, answer) = oneshot::channel();
        let task = (line.clone(), core.clone());
        home.handle.spawn(async move {
            let (line, core) = task;
            let leased = line.lease(&core, ask, &mut reply).await;
            if let Err(Ok(leased)) = reply.send(leased) {
                line.return_all(&core, leased).await;
            }
        });
        Waiting { answer, line, core, home }
    }
}

impl Future for Waiting {
    type Output = Result<Vec<Leased>, EngineError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.answer).poll(cx).map(|answer| {
            answer.unwrap_or_else(|_| Err(unavailable("the runtime of the client has ended")))
        })
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Ok(Ok(leased)) = self.answer.try_recv() {
            let (line, core) = (self.line.clone(), self.core.clone());
            self.home.handle.spawn(async move { line.return_all(&core, leased).await });
        }
    }
}

impl Line {
    async fn lease(
        self: &Arc<Self>,
        core: &Arc<Core>,
        ask: Ask,
        reply: &mut oneshot::Sender<Result<Vec<Leased>, EngineError>>,
    ) -> Result<Vec<Leased>, EngineError> {
        let end = Instant::now() + ask.wait;
        self.ensure(core).await?;
        self.begin(core);
        let mut gone = pin!(reply.closed());
        loop {
            self.consume(core, ask.everywhere, ask.lease).await?;
            // A lease counts from when we asked, so we do not ask for long.
            let asked = Instant::now();
            let slice = (ask.lease / 3).clamp(Duration::from_millis(5), SLICE);
            let wait =
                slice.min(end.saturating_duration_since(asked)).max(Duration::from_millis(1));
            let most = ask.free.clamp(1, MOST);
            let pulled =
                core.connection.pull(&self.names.work, WORKERS, most, wait, gone.as_mut()).await;
            let Pulled { deliveries, stopped } = match pulled {
                Ok(pulled) => pulled,
                Err(error) => {
                    self.forget_consumer().await;
                    return Err(error);
                }
            };
            let leased = self.take(core, &ask, asked, deliveries).await?;
            let over = asked.elapsed() >= wait && Instant::now() >= end;
            if !leased.is_empty() || over || stopped {
                return Ok(leased);
            }
        }
    }

    /// Notes what is leased now. What has its outcome already is not, and goes.
    async fn take(
        &self,
        core: &Core,
        ask: &Ask,
        asked: Instant,
        deliveries: Vec<Delivery>,
    ) -> Result<Vec<Leased>, EngineError> {
        if deliveries.is_empty() {
            return Ok(Vec::new());
        }
        let jobs: Vec<_> = deliveries.iter().map(job_of).collect();
        let now = core.now().await?;
        let ends = super::settle::all(jobs.iter().map(async |job| match job {
            Some(job) => core.connection.last(&self.names.ends, &self.names.end(job)).await,
            None => Ok(None),
        }));
        let ends = ends.await;
        let mut leased = Vec::new();
        let mut failed = None;
        for ((delivery, job), end) in deliveries.into_iter().zip(jobs).zip(ends) {
            let reply = delivery.reply.clone();
            let done = match (job, end) {
                (Some(job), Ok(None)) => {
                    leased.push(self.hold(delivery, job, ask, asked, now));
                    Ok(())
                }
                (Some(job), Ok(Some(end))) => self.clear(core, delivery, &job, &end).await,
                // It has no name that a job could have: somebody else has put it there.
                (None, _) => core.connection.answer(&reply, ACK).await,
                (Some(_), Err(error)) => Err(error),
            };
            if let Err(error) = done {
                let _ = core.connection.give_up(&reply, Duration::ZERO).await;
                failed = Some(error);
            }
        }
        self.changed.notify_one();
        match failed {
            Some(error) if leased.is_empty() => Err(error),
            _ => Ok(leased),
        }
    }

    fn hold(&self, delivery: Delivery, job: JobId, ask: &Ask, asked: Instant, now: u64) -> Leased {
        let bytes = delivery.message.payload.clone();
        let envelope = Envelope::from_bytes(&bytes).unwrap_or_else(|error| {
            // No worker knows this kind, so it becomes a dead letter, as such jobs do.
            Envelope::new(job.clone(), format!("unreadable: {error}"), 0, bytes.to_vec())
        });
        let delivered = delivery.delivered;
        let before = |name| delivery.number(name).unwrap_or(0);
        let attempt = u32::try_from(before(ATTEMPTS) + delivered).unwrap_or(u32::MAX);
        let epoch = before(EPOCH) + delivered;
        let put_at = delivery.number(PUT_AT).unwrap_or(delivery.stored_at);
        let lease = LeaseId::new(&*delivery.reply);
        let held = Held {
            job,
            key: envelope.key.as_deref().map(Key::new),
            name: envelope.name.clone(),
            bytes,
            sequence: delivery.sequence,
            attempt,
            epoch,
            put_at,
            worker: ask.worker.clone(),
            since: Instant::now(),
            lease: ask.lease,
            until: asked + ask.lease,
        };
        self.held.add(lease.clone(), held);
        let waited = Duration::from_nanos(now.saturating_sub(put_at));
        Leased::new(lease, envelope, attempt, epoch, waited)
    }

    /// Ends a job that is leased although it has its outcome: whoever settled it did not come further, or its caller was first.
    async fn clear(
        &self,
        core: &Core,
        delivery: Delivery,
        job: &JobId,
        end: &Stored,
    ) -> Result<(), EngineError> {
        let bytes = &delivery.message.payload;
        let key = Envelope::from_bytes(bytes).ok().and_then(|envelope| envelope.key);
        let dead = end.header(DEAD).map(|_| &*end.payload);
        self.finish(core, job, key.as_deref().map(Key::new).as_ref(), bytes, dead, &delivery.reply)
            .await
    }

    async fn return_all(&self, core: &Core, leased: Vec<Leased>) {
        for leased in leased {
            // Otherwise it runs out.
            let _ = self.give_back(core, &leased.lease, Again::now()).await;
        }
    }
}

/// How many jobs are asked for at once, at most.
const MOST: usize = 256;

/// For how long is asked at once, at most.
const SLICE: Duration = Duration::from_secs(5);

fn job_of(delivery: &Delivery) -> Option<JobId> {
    JobId::parse(&last_token(&delivery.message.subject)?).ok()
}
