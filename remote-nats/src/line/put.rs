//! Stores jobs.

use super::{ATTEMPTS, DELAY, EPOCH, HEADERS, Line, PUT_AT};
use crate::{handle::Core, jetstream::Published, names::Key, time::nanos};
use anyscope_remote::{
    EngineError,
    engine::{Envelope, Put},
};
use async_nats::HeaderMap;
use bytes::Bytes;
use std::time::Duration;
use tokio::try_join;

impl Line {
    pub(crate) async fn put(
        &self,
        core: &Core,
        jobs: Vec<Envelope>,
    ) -> Result<Vec<Put>, EngineError> {
        let mut encoded = Vec::with_capacity(jobs.len());
        for job in jobs {
            let bytes = Bytes::from(job.to_bytes());
            core.check_size(bytes.len())?;
            encoded.push((job, bytes));
        }
        self.ensure(core).await?;
        let (mut put, mut stored) = (Vec::new(), Vec::new());
        for (job, bytes) in encoded {
            match self.put_one(core, &job, HeaderMap::new(), bytes).await {
                Ok(Some(place)) => {
                    stored.push(place);
                    put.push(Put::Stored);
                }
                Ok(None) => put.push(Put::Known),
                Err(error) => {
                    self.doubt();
                    self.take_back(core, stored).await?;
                    return Err(error);
                }
            }
        }
        Ok(put)
    }

    /// Returns where the job is stored now, or none if it was before.
    pub(super) async fn put_one(
        &self,
        core: &Core,
        job: &Envelope,
        headers: HeaderMap,
        bytes: Bytes,
    ) -> Result<Option<Place<'_>>, EngineError> {
        let (connection, names) = (&core.connection, &self.names);
        let (end, later) = (names.end(&job.id), names.later(&job.id));
        let ended = connection.last(&names.ends, &end);
        let waits = connection.last(&names.wait, &later);
        let Some(key) = job.key.as_deref().map(Key::new) else {
            // At once, as it is seldom known; a worker looks at the outcome too.
            let subject = names.job(&job.id);
            let publish = connection.publish_after(&subject, 0, headers, bytes);
            if job.is_new {
                return Ok(match publish.await? {
                    Published::Stored(sequence) => Some((&names.work, sequence)),
                    Published::Conflict => None,
                });
            }
            let (published, ended, waits) = try_join!(publish, ended, waits)?;
            let Published::Stored(sequence) = published else { return Ok(None) };
            if ended.is_some() || waits.is_some() {
                connection.delete(&names.work, sequence).await?;
                return Ok(None);
            }
            return Ok(Some((&names.work, sequence)));
        };
        let subject = names.job(&job.id);
        let works = connection.last(&names.work, &subject);
        let (ended, waits, works) = try_join!(ended, waits, works)?;
        let parked = names.parked(&key, &job.id);
        let place = match ended.is_some() || waits.is_some() || works.is_some() {
            true => None,
            false => match connection.publish_after(&parked, 0, headers, bytes).await? {
                Published::Stored(sequence) => Some((&*names.wait, sequence)),
                Published::Conflict => None,
            },
        };
        // Also of one that is known: whoever put it may not have come this far.
        self.promote(core, &key, None).await?;
        Ok(place)
    }

    /// Undoes a part of a put, as far as nobody has begun it.
    async fn take_back(&self, core: &Core, stored: Vec<Place<'_>>) -> Result<(), EngineError> {
        for (stream, sequence) in stored {
            core.connection.delete(stream, sequence).await?;
        }
        Ok(())
    }
}

/// A stream, and a number in it.
pub(super) type Place<'a> = (&'a str, u64);

impl Core {
    pub(crate) fn check_size(&self, size: usize) -> Result<(), EngineError> {
        EngineError::check_size(size, self.connection.most().saturating_sub(HEADERS))
    }
}

/// What follows a job that is stored again.
pub(super) fn headers(attempts: u32, epoch: u64, put_at: u64, delay: Duration) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(ATTEMPTS, attempts.to_string());
    headers.insert(EPOCH, epoch.to_string());
    headers.insert(PUT_AT, put_at.to_string());
    headers.insert(DELAY, nanos(delay).to_string());
    headers
}
