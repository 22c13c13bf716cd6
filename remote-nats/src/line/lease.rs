//! Leases jobs.

use super::{
    ATTEMPTS, DEAD, EPOCH, Line, PUT_AT,
    delivery::{ACK, Delivery, PROGRESS},
    held::Held,
    pull::{Puller, Request},
};
use crate::{
    connection::Home,
    error::unavailable,
    handle::Core,
    jetstream::Stored,
    names::{Key, WORKERS, last_token},
};
use anyscope_core::join;
use anyscope_remote::{
    EngineError,
    engine::{Ask, Envelope, JobId, LeaseId, Leased, Malformed},
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
            let ((line, core), mut puller) = (task, None);
            let leased = line.lease(&core, &ask, &mut reply, &mut puller).await;
            let rest = puller.as_ref().map_or(Duration::ZERO, Puller::rest);
            // Before there is an answer, so that who asks then goes on with it.
            let open = puller.and_then(|puller| line.pullers.put(puller));
            if let Err(Ok(leased)) = reply.send(leased) {
                line.return_all(&core, leased, rest).await;
            }
            if let Some(number) = open {
                line.retire(&core, &ask, number).await;
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
            self.home.handle.spawn(async move {
                line.return_all(&core, leased, Duration::ZERO).await;
            });
        }
    }
}

impl Line {
    /// `lent` is who asks, afterwards, perhaps with an open request.
    async fn lease(
        self: &Arc<Self>,
        core: &Arc<Core>,
        ask: &Ask,
        reply: &mut oneshot::Sender<Result<Vec<Leased>, EngineError>>,
        lent: &mut Option<Puller>,
    ) -> Result<Vec<Leased>, EngineError> {
        let called = Instant::now();
        self.ensure(core).await?;
        self.consume(core, ask.everywhere, ask.lease).await?;
        self.begin(core);
        if called.elapsed() > ask.lease / 2 {
            // To make it took so long that little would be left of leases, which a worker counts from its call. It calls again.
            return Ok(Vec::new());
        }
        // From now on, as it may take longer to make what is there only the first time.
        let end = Instant::now() + ask.wait.max(LEAST);
        let mut gone = pin!(reply.closed());
        // A lease counts from when we asked, so we do not ask for long.
        let (most, slice) = (ask.free.clamp(1, MOST), (ask.lease / 3).clamp(5 * LEAST, SLICE));
        *lent = self.pullers.take(most, slice);
        loop {
            let puller = match lent {
                Some(puller) => puller,
                None => lent.insert(Puller::new(&core.connection).await?),
            };
            let goes_on = puller.is_open();
            if !goes_on {
                let wait = slice.min(end.saturating_duration_since(Instant::now())).max(LEAST);
                let (stream, consumer) = (&*self.names.work, WORKERS);
                puller.ask(&core.connection, Request { stream, consumer, most, wait }).await?;
            }
            let (asked, mut deliveries) = (puller.asked(), Vec::new());
            let (collected, stopped) = tokio::select! {
                biased;
                collected = puller.collect(end + LEAST, &mut deliveries) => (collected, false),
                () = gone.as_mut() => (Ok(()), true),
            };
            if let Err(error) = collected {
                *lent = None;
                if deliveries.is_empty() {
                    self.forget_consumer().await;
                    return Err(error);
                }
            }
            if goes_on {
                // They may be older than this call, from whose begin a worker counts their leases.
                for Delivery { reply, .. } in &deliveries {
                    let _ = core.connection.client.publish(reply.clone(), PROGRESS.into()).await;
                }
            }
            let leased = self.take(core, ask, asked, deliveries).await?;
            if !leased.is_empty() || stopped || Instant::now() >= end {
                return Ok(leased);
            }
            // Somebody may have changed it, or deleted it.
            self.consume(core, ask.everywhere, ask.lease).await?;
        }
    }

    /// Notes what is leased now. What has its outcome already is not, and goes.
    pub(super) async fn take(
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
        let envelopes: Vec<_> =
            deliveries.iter().map(|one| Envelope::from_bytes(&one.message.payload)).collect();
        let now = match core.now().await {
            Ok(now) => now,
            Err(error) => {
                for Delivery { reply, .. } in deliveries {
                    let _ = core.connection.give_up(&reply, Duration::ZERO).await;
                }
                return Err(error);
            }
        };
        let ends = jobs.iter().map(async |job| match job {
            Some(job) => self.end(core, job).await,
            None => Ok(None),
        });
        // Whoever asked for the jobs asks for their callers next, and then it is known.
        let known = envelopes.iter().flatten();
        let mut callers: Vec<_> = known.filter_map(|known| known.caller.clone()).collect();
        callers.sort();
        callers.dedup();
        let (ends, _) = join((join(ends.collect::<Vec<_>>()), core.look_for(callers))).await;
        let mut leased = Vec::new();
        let mut failed = None;
        let jobs = jobs.into_iter().zip(envelopes);
        for ((delivery, (job, envelope)), end) in deliveries.into_iter().zip(jobs).zip(ends) {
            let reply = delivery.reply.clone();
            let done = match (job, end) {
                (Some(job), Ok(None)) => {
                    leased.push(self.hold(delivery, job, envelope, ask, asked, now));
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

    fn hold(
        &self,
        delivery: Delivery,
        job: JobId,
        envelope: Result<Envelope, Malformed>,
        ask: &Ask,
        asked: Instant,
        now: u64,
    ) -> Leased {
        let bytes = delivery.message.payload.clone();
        let envelope = envelope.unwrap_or_else(|error| {
            // No worker knows this kind, so it becomes a dead letter, as such jobs do.
            Envelope::new(job.clone(), format!("unreadable: {error}"), 0, bytes.to_vec())
        });
        let delivered = delivery.delivered;
        let before = |name| delivery.number(name).unwrap_or(0);
        let attempt = u32::try_from(before(ATTEMPTS) + delivered).unwrap_or(u32::MAX);
        // Of a job that was lost and is put again, it goes on by the time when that was stored.
        let epoch = before(EPOCH).max(delivery.stored_at) + delivered;
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
}

/// How many jobs are asked for at once, at most.
const MOST: usize = 256;

/// For how long is asked at once: so long jobs may come to a worker that has gone.
const SLICE: Duration = Duration::from_millis(250);
const LEAST: Duration = Duration::from_millis(1);

fn job_of(delivery: &Delivery) -> Option<JobId> {
    JobId::parse(&last_token(&delivery.message.subject)?).ok()
}
