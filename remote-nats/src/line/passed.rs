//! Messages that a consumer has passed over.
//!
//! A consumer gives nobody what is below its floor, or what was delivered if nothing is leased. After servers were killed, some of that was acknowledged before and is there again. But of the rest nobody has heard: a server
//! that throws its copy of a stream away (seen with 2.9.10) numbers from an earlier moment on, and then the consumer is ahead of it. The former goes. The latter is stored anew, or, where
//! that would be passed over too, the consumer is made anew as soon as nothing is leased.

use super::{ATTEMPTS, DELAY, EPOCH, Line, PUT_AT, WAS, sweep::Consumed};
use crate::{
    connection::Connection,
    handle::Core,
    jetstream::{ConsumerInfo, Stored},
    names::{WORKERS, last_token},
};
use anyscope_core::join;
use anyscope_remote::{EngineError, ErrorKind, engine::JobId};
use async_nats::HeaderMap;
use bytes::Bytes;

/// How many messages are looked at in one go, and how many of them at once.
const MOST: (usize, usize) = (1024, 64);

impl Line {
    /// Sees to what was passed over. `last` is the last number of the stream, asked for after `info`. Returns whether it is to be looked again soon.
    pub(super) async fn mend_passed(
        &self,
        core: &Core,
        consumed: &Consumed<'_>,
        info: &ConsumerInfo,
        last: u64,
    ) -> Result<bool, EngineError> {
        let connection = &core.connection;
        // Where nothing is leased, nothing is left of what was delivered; a floor that a server has lost stays behind.
        let floor = match info.num_ack_pending {
            0 => info.delivered.stream_seq,
            _ => info.ack_floor.stream_seq,
        };
        let passed = connection.below(consumed, floor).await?;
        let unheard = self.drop_done(core, consumed, &passed).await?;
        let ahead = info.delivered.stream_seq > last;
        let mut anew = ahead;
        for stored in unheard {
            if anew {
                break;
            }
            match connection.store_anew(consumed, stored).await {
                // Of those that keep the places.
                Err(error) if error.kind() == ErrorKind::Full => anew = true,
                stored => stored?,
            }
        }
        if anew && info.num_ack_pending == 0 {
            connection.make_anew(consumed, info).await?;
        }
        Ok(anew || !passed.is_empty())
    }

    /// Deletes those messages whose jobs have gone on from there, and returns the others.
    async fn drop_done<'a>(
        &self,
        core: &Core,
        consumed: &Consumed<'_>,
        passed: &'a [Stored],
    ) -> Result<Vec<&'a Stored>, EngineError> {
        let (connection, Consumed { stream, subject, .. }) = (&core.connection, consumed);
        let mut unheard = Vec::new();
        for some in passed.chunks(MOST.1) {
            let done = some.iter().map(|stored| self.is_done(core, consumed, stored));
            let done = join(done.collect::<Vec<_>>()).await;
            let mut gone = Vec::new();
            for (stored, done) in some.iter().zip(done) {
                if done? { &mut gone } else { &mut unheard }.push(stored);
            }
            match gone.last() {
                // All up to there are done.
                Some(last) if unheard.is_empty() => {
                    connection.delete_to(stream, subject, last.sequence).await?;
                }
                _ => {
                    let deleted = gone.iter().map(|gone| connection.delete(stream, gone.sequence));
                    join(deleted.collect::<Vec<_>>())
                        .await
                        .into_iter()
                        .collect::<Result<(), _>>()?;
                }
            }
        }
        Ok(unheard)
    }

    /// Whether the job of a message that counts as acknowledged has gone on from there: it is stored in another place, or has its outcome. What goes on is stored before
    /// it is deleted, so it is looked for in the direction in which it goes.
    async fn is_done(
        &self,
        core: &Core,
        consumed: &Consumed<'_>,
        stored: &Stored,
    ) -> Result<bool, EngineError> {
        let job = last_token(&stored.subject).and_then(|text| JobId::parse(&text).ok());
        // Somebody else has put it there.
        let Some(job) = job else { return Ok(true) };
        let (connection, names) = (&core.connection, &self.names);
        let later = connection.last(&names.wait, &names.later(&job)).await?;
        let work = connection.last(&names.work, &names.job(&job)).await?;
        let newer = |other: Option<Stored>| other.is_some_and(|it| it.sequence > stored.sequence);
        let gone_on = match consumed.consumer {
            // Its delay began after it was leased.
            WORKERS => later.is_some_and(|later| was(&later) >= stored.sequence) || newer(work),
            // Its delay is over.
            _ => work.is_some_and(|work| work.sequence > was(stored)) || newer(later),
        };
        Ok(gone_on || self.end(core, &job).await?.is_some())
    }
}

/// Returns which number a job had among those that may be leased, when its delay began.
fn was(later: &Stored) -> u64 {
    later.number(WAS).unwrap_or(0)
}

impl Connection {
    /// Returns the first messages up to this one.
    async fn below(&self, consumed: &Consumed<'_>, floor: u64) -> Result<Vec<Stored>, EngineError> {
        let (mut all, mut next) = (Vec::new(), 1);
        while all.len() < MOST.0 && next <= floor {
            match self.first(consumed.stream, consumed.subject, next).await? {
                Some(stored) if stored.sequence <= floor => {
                    next = stored.sequence + 1;
                    all.push(stored);
                }
                _ => break,
            }
        }
        Ok(all)
    }

    /// Stores a message after all others, unless somebody else does, and deletes it where it was.
    async fn store_anew(
        &self,
        consumed: &Consumed<'_>,
        stored: &Stored,
    ) -> Result<(), EngineError> {
        let mut headers = HeaderMap::new();
        for name in [ATTEMPTS, EPOCH, PUT_AT, DELAY, WAS] {
            if let Some(value) = stored.header(name) {
                headers.insert(name, value);
            }
        }
        if stored.header(PUT_AT).is_none() {
            headers.insert(PUT_AT, stored.time.to_string());
        }
        let payload = Bytes::from(stored.payload.clone());
        self.publish_after(&stored.subject, stored.sequence, headers, payload).await?;
        self.delete(consumed.stream, stored.sequence).await
    }

    /// Makes a consumer anew that is as it was seen and has nothing leased: it begins at the first message.
    async fn make_anew(
        &self,
        consumed: &Consumed<'_>,
        seen: &ConsumerInfo,
    ) -> Result<(), EngineError> {
        let Consumed { stream, consumer, subject } = consumed;
        let Some(info) = self.consumer(stream, consumer).await? else { return Ok(()) };
        // Somebody else may have done it.
        if info.created != seen.created || info.num_ack_pending > 0 {
            return Ok(());
        }
        // If it may not be asked, all stays as it is.
        if self.delete_consumer(stream, consumer).await.is_ok() {
            self.set_consumer(stream, consumer, subject, &info.config).await?;
        }
        Ok(())
    }
}
