//! Outcomes, and what follows from them.

use super::{
    DEAD, Line,
    delivery::{ACK, PROGRESS},
    held::Held,
};
use crate::{
    error::unavailable,
    handle::Core,
    jetstream::{Published, Stored},
    names::{Key, WORKERS},
};
use anyscope_core::join;
use anyscope_remote::{
    EngineError, ErrorKind,
    engine::{End, Envelope, Held as Answer, JobId, LeaseId, Settled, Settler},
};
use async_nats::HeaderMap;
use bytes::Bytes;
use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

impl Line {
    pub(crate) async fn settle(
        &self,
        core: &Core,
        job: &JobId,
        by: Settler,
        end: End,
    ) -> Result<Settled, EngineError> {
        core.check_size(end.bytes.len())?;
        self.ensure(core).await?;
        let settled = match by {
            Settler::Worker(lease) => self.settle_as_worker(core, job, &lease, end).await,
            Settler::Caller => self.settle_as_caller(core, job, end).await,
        };
        if settled.is_err() {
            self.doubt();
        }
        settled
    }

    async fn settle_as_worker(
        &self,
        core: &Core,
        job: &JobId,
        lease: &LeaseId,
        end: End,
    ) -> Result<Settled, EngineError> {
        let Some(Held { key, bytes, .. }) = self.held.get(lease) else {
            return Ok(match self.end(core, job).await? {
                Some(end) => Settled::Already(end.payload),
                None => Settled::LeaseLost,
            });
        };
        let (settled, dead) = self.store_end(core, job, end).await?;
        self.finish(core, job, key.as_ref(), &bytes, dead.as_deref(), lease.as_str()).await?;
        self.held.remove(lease);
        self.changed.notify_one();
        Ok(settled)
    }

    async fn settle_as_caller(
        &self,
        core: &Core,
        job: &JobId,
        end: End,
    ) -> Result<Settled, EngineError> {
        let ours = end.bytes.clone();
        let (settled, _) = self.store_end(core, job, end).await?;
        match &settled {
            // Whoever settled it does the rest.
            Settled::Already(first) if *first != ours => {}
            _ => self.take_out(core, job).await?,
        }
        Ok(settled)
    }

    /// Stores an outcome if there is none. Returns what is stored of a dead letter.
    async fn store_end(
        &self,
        core: &Core,
        job: &JobId,
        end: End,
    ) -> Result<(Settled, Option<Vec<u8>>), EngineError> {
        let mut headers = HeaderMap::new();
        if end.dead {
            headers.insert(DEAD, "1");
        }
        let bytes = Bytes::from(end.bytes);
        let subject = self.names.end(job);
        match core.connection.publish_after(&subject, 0, headers, bytes.clone()).await? {
            Published::Stored(_) => {
                let dead = end.dead.then(|| bytes.to_vec());
                if !self.tells.load(Ordering::Relaxed) {
                    // If it is not heard: whoever waits looks now and then.
                    let _ = core.connection.client.publish(self.names.won(job), bytes).await;
                }
                Ok((Settled::First, dead))
            }
            Published::Conflict => {
                let first = self.end(core, job).await?;
                let first = first.ok_or_else(|| unavailable("its outcome is kept no more"))?;
                let dead = first.header(DEAD).map(|_| first.payload.clone());
                Ok((Settled::Already(first.payload), dead))
            }
        }
    }

    /// Does what follows from an outcome that is stored, whoever it is from. It may be done twice.
    pub(super) async fn finish(
        &self,
        core: &Core,
        job: &JobId,
        key: Option<&Key>,
        envelope: &Bytes,
        dead: Option<&[u8]>,
        reply: &str,
    ) -> Result<(), EngineError> {
        if let Some(end) = dead {
            self.keep_letter(core, job, end, envelope).await?;
        }
        let promoted = match key {
            Some(key) => self.promote(core, key, Some(job)).await,
            None => Ok(()),
        };
        match promoted {
            // The place of this one may be what is missing; and the oldest one is helped now and then.
            Err(error) if error.kind() != ErrorKind::Full => return Err(error),
            _ => {}
        }
        core.connection.answer(reply, ACK).await
    }

    /// Stores a dead letter, unless it is.
    pub(super) async fn keep_letter(
        &self,
        core: &Core,
        job: &JobId,
        end: &[u8],
        envelope: &Bytes,
    ) -> Result<(), EngineError> {
        for (part, bytes) in [("end", Bytes::copy_from_slice(end)), ("job", envelope.clone())] {
            let subject = self.names.dead_letter(job, part);
            core.connection.publish_after(&subject, 0, HeaderMap::new(), bytes).await?;
        }
        Ok(())
    }

    /// Takes a job out that has its outcome, unless somebody may have it.
    async fn take_out(&self, core: &Core, job: &JobId) -> Result<(), EngineError> {
        let (connection, names) = (&core.connection, &self.names);
        if let Some(stored) = connection.last(&names.work, &names.job(job)).await? {
            if !self.is_leased(core, &stored).await? {
                connection.delete(&names.work, stored.sequence).await?;
                self.promote_after(core, job, &stored).await?;
            }
            return Ok(());
        }
        for subject in [names.later(job), names.parked_any(job)] {
            if let Some(stored) = connection.last(&names.wait, &subject).await? {
                connection.delete(&names.wait, stored.sequence).await?;
                self.promote_after(core, job, &stored).await?;
            }
        }
        Ok(())
    }

    async fn promote_after(
        &self,
        core: &Core,
        job: &JobId,
        stored: &Stored,
    ) -> Result<(), EngineError> {
        match Envelope::from_bytes(&stored.payload).ok().and_then(|envelope| envelope.key) {
            Some(key) => self.promote(core, &Key::new(&key), Some(job)).await,
            None => Ok(()),
        }
    }

    /// Whether a worker may have the job.
    pub(super) async fn is_leased(&self, core: &Core, job: &Stored) -> Result<bool, EngineError> {
        let consumer = core.connection.consumer(&self.names.work, WORKERS).await?;
        Ok(consumer.is_some_and(|consumer| {
            (consumer.ack_floor.stream_seq + 1..=consumer.delivered.stream_seq)
                .contains(&job.sequence)
        }))
    }

    pub(crate) async fn extend(
        &self,
        core: &Core,
        leases: Vec<LeaseId>,
        length: Duration,
    ) -> Result<Vec<Answer>, EngineError> {
        if leases.is_empty() {
            return Ok(Vec::new());
        }
        self.raise(core, length).await?;
        let answers = leases.iter().map(async |lease| {
            let Some(held) = self.held.get(lease) else { return Ok(Answer::Lost) };
            let asked = Instant::now();
            let progress = core.connection.answer(lease.as_str(), PROGRESS);
            let ((), end) = tokio::try_join!(progress, self.end(core, &held.job))?;
            // If it was over before there was an answer, another worker may have it.
            Ok(match self.held.extend(lease, asked, length) {
                false => Answer::Lost,
                true if end.is_some() => Answer::Settled,
                true => Answer::Yes,
            })
        });
        let answers = join(answers.collect::<Vec<_>>()).await;
        self.changed.notify_one();
        answers.into_iter().collect()
    }

    pub(super) async fn end(
        &self,
        core: &Core,
        job: &JobId,
    ) -> Result<Option<Stored>, EngineError> {
        core.connection.last(&self.names.ends, &self.names.end(job)).await
    }
}
