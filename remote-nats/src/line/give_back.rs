//! Ends leases without an outcome, and brings back jobs whose delay is over.
//!
//! A delay of the server's keeps the place of its job under the limit over all workers. So a job that is to be tried later goes to another stream,
//! whose consumer has no limit, and comes back when its delay is over.

use super::{
    ATTEMPTS, DELAY, EPOCH, Line, PUT_AT, WAS,
    delivery::{ACK, Delivery},
    pull::{Puller, Request},
    put::headers,
    sweep::Swept,
};
use crate::{
    handle::Core,
    jetstream::{Published, Stored},
    names::{LATER, last_token},
};
use anyscope_remote::{
    EngineError, ErrorKind,
    engine::{Again, JobId, LeaseId},
};
use async_nats::HeaderMap;
use bytes::Bytes;
use std::{
    sync::Weak,
    time::{Duration, Instant},
};

impl Line {
    pub(crate) async fn give_back(
        &self,
        core: &Core,
        lease: &LeaseId,
        again: Again,
    ) -> Result<(), EngineError> {
        let Some(held) = self.held.get(lease) else { return Ok(()) };
        let (connection, reply) = (&core.connection, lease.as_str());
        if let Some(end) = self.end(core, &held.job).await? {
            let dead = end.header(super::DEAD).map(|_| &*end.payload);
            self.finish(core, &held.job, held.key.as_ref(), &held.bytes, dead, reply).await?;
        } else if again.after.is_zero() {
            connection.give_up(reply, Duration::ZERO).await?;
        } else {
            let attempts = if again.counts { held.attempt } else { held.attempt.saturating_sub(1) };
            let mut headers = headers(attempts, held.epoch, held.put_at, again.after);
            headers.insert(WAS, held.sequence.to_string());
            let subject = self.names.later(&held.job);
            // One with an older epoch is of an earlier delay.
            let older = |stored: &Stored| stored.number(EPOCH) < Some(held.epoch);
            let stored =
                core.store_over(&self.names.wait, &subject, headers, held.bytes.clone(), older);
            match stored.await {
                Ok(_) => connection.answer(reply, ACK).await?,
                // Then it keeps its place.
                Err(error) if error.kind() == ErrorKind::Full => {
                    connection.give_up(reply, again.after).await?;
                }
                Err(error) => return Err(error),
            }
        }
        self.held.remove(lease);
        self.changed.notify_one();
        Ok(())
    }

    /// Returns when the next lease runs out.
    async fn expire_once(&self, core: &Core) -> Option<Instant> {
        let (over, next) = self.held.expire();
        if over.is_empty() {
            return next;
        }
        self.changed.notify_one();
        let server = self.server_lease().await;
        for (lease, held) in over {
            // The server would keep it for longer. But only if it has it still: from a later moment on, this would end the lease of another.
            let spare = server.saturating_sub(held.lease);
            if spare >= held.lease && held.until.elapsed() < spare / 2 {
                let _ = core.connection.give_up(lease.as_str(), Duration::ZERO).await;
            }
        }
        next
    }

    async fn bring_back_some(&self, core: &Core, puller: &mut Puller) -> Result<(), EngineError> {
        if !puller.is_open() {
            let (stream, consumer) = (&*self.names.wait, LATER);
            let request = Request { stream, consumer, most: 64, wait: Duration::from_secs(5) };
            puller.ask(&core.connection, request).await?;
        }
        let mut deliveries = Vec::new();
        let collected = puller.collect(puller.asked() + SWEEP, &mut deliveries).await;
        for delivery in deliveries {
            self.bring_back_one(core, delivery).await?;
        }
        collected
    }

    async fn bring_back_one(&self, core: &Core, delivery: Delivery) -> Result<(), EngineError> {
        let connection = &core.connection;
        let delay = Duration::from_nanos(delivery.number(DELAY).unwrap_or(0));
        if delivery.delivered == 1 && !delay.is_zero() {
            // By the clock of the server.
            return connection.give_up(&delivery.reply, delay).await;
        }
        let job = last_token(&delivery.message.subject).and_then(|text| JobId::parse(&text).ok());
        if let Some(job) = job {
            let number = |name| delivery.number(name).unwrap_or(0);
            let attempts = u32::try_from(number(ATTEMPTS)).unwrap_or(u32::MAX);
            let put_at = delivery.number(PUT_AT).unwrap_or(delivery.stored_at);
            let headers = headers(attempts, number(EPOCH), put_at, Duration::ZERO);
            let (subject, payload) = (self.names.job(&job), delivery.message.payload.clone());
            let was = number(WAS);
            // Up to there they are acknowledged; a later one is this job, if this was done before.
            let older = |stored: &Stored| stored.sequence <= was;
            match core.store_over(&self.names.work, &subject, headers, payload, older).await {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::Full => {
                    return connection.give_up(&delivery.reply, Duration::from_millis(100)).await;
                }
                Err(error) => return Err(error),
            }
        }
        connection.answer(&delivery.reply, ACK).await
    }
}

impl Core {
    /// Stores a message, unless there is one with its subject that is not older. A server that was killed may have messages again that were acknowledged, of which nobody hears:
    /// these are no reason not to.
    async fn store_over(
        &self,
        stream: &str,
        subject: &str,
        headers: HeaderMap,
        payload: Bytes,
        is_older: impl Fn(&Stored) -> bool,
    ) -> Result<(), EngineError> {
        let (connection, mut after) = (&self.connection, 0);
        loop {
            let stored = connection.publish_after(subject, after, headers.clone(), payload.clone());
            match stored.await? {
                Published::Stored(_) => return Ok(()),
                Published::Conflict => match connection.last(stream, subject).await? {
                    Some(stored) if is_older(&stored) => after = stored.sequence,
                    Some(_) => return Ok(()),
                    None => after = 0,
                },
            }
        }
    }
}

/// Ends leases that have run out, as long as the line is there.
pub(super) async fn expire(line: Weak<Line>, core: Weak<Core>) {
    loop {
        let pause = {
            let (Some(line), Some(core)) = (line.upgrade(), core.upgrade()) else { return };
            let next = line.expire_once(&core).await;
            next.map_or(TICK, |next| next.saturating_duration_since(Instant::now()).min(TICK))
        };
        tokio::time::sleep(pause.max(Duration::from_millis(1))).await;
    }
}

const TICK: Duration = Duration::from_millis(50);

/// How often it is looked whether something was left.
const SWEEP: Duration = Duration::from_secs(10);

/// When it is looked again at the earliest, if something seems to stand still.
const AGAIN: Duration = Duration::from_secs(2);

/// Brings back jobs whose delay is over, and repairs what was left, as long as the line is there.
pub(super) async fn bring_back(line: Weak<Line>, core: Weak<Core>) {
    let (mut puller, mut swept_at, mut swept) = (None, None::<Instant>, Swept::default());
    loop {
        let done = {
            let (Some(line), Some(core)) = (line.upgrade(), core.upgrade()) else { return };
            async {
                let puller = match &mut puller {
                    Some(puller) => puller,
                    None => {
                        line.consume_later(&core).await?;
                        puller.insert(Puller::new(&core.connection).await?)
                    }
                };
                let pause = if swept.suspects() { AGAIN } else { SWEEP };
                if swept_at.is_none_or(|at| at.elapsed() > pause) {
                    swept_at = Some(Instant::now());
                    line.sweep(&core, &mut swept).await?;
                }
                line.bring_back_some(&core, puller).await
            }
            .await
        };
        if done.is_err() {
            // The server may have been killed.
            (puller, swept_at) = (None, None);
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}
