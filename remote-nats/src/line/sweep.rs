//! Repairs what crashes leave.
//!
//! A server that was killed knows again an earlier moment of each of its files, and not the same
//! one of all (seen with 2.9.10). So it may have messages again that were acknowledged, and wait
//! for acknowledgements of messages that are gone.

use super::Line;
use crate::{
    connection::Connection,
    error::unavailable,
    handle::Core,
    jetstream::ConsumerInfo,
    names::{Key, LATER, WORKERS},
};
use anyscope_remote::EngineError;

/// How far it was looked for leases of nothing.
#[derive(Default)]
pub(super) struct Swept {
    jobs: u64,
    delays: u64,
}

/// How many messages are looked at in one go, at most; and how many of them may be there.
const AT_ONCE: (u64, usize) = (10_000, 256);

impl Line {
    pub(super) async fn sweep(&self, core: &Core, swept: &mut Swept) -> Result<(), EngineError> {
        self.promote_oldest(core).await?;
        let names = &self.names;
        // Somebody may have given them copies.
        for stream in [&names.work, &names.wait, &names.ends] {
            if let Some(info) = core.connection.stream(stream).await? {
                core.connection.note(stream, &info.config);
            }
        }
        for (stream, consumer, kind, swept) in [
            (&names.work, WORKERS, "job.*", &mut swept.jobs),
            (&names.wait, LATER, "later.*", &mut swept.delays),
        ] {
            let connection = &core.connection;
            let Some(info) = connection.consumer(stream, consumer).await? else { continue };
            let consumed = Consumed { stream, consumer, subject: &names.subject(kind) };
            connection.delete_acknowledged(&consumed, &info).await?;
            connection.acknowledge_deleted(&consumed, &info, swept).await?;
        }
        Ok(())
    }

    /// Helps the job that is parked longest, if whoever should have done it is gone.
    async fn promote_oldest(&self, core: &Core) -> Result<(), EngineError> {
        let any = self.names.subject("park.*.*");
        let oldest = core.connection.first(&self.names.wait, &any, 1).await?;
        match oldest.and_then(|oldest| Key::of_parked(&oldest.subject)) {
            Some(key) => self.promote(core, &key, None).await,
            None => Ok(()),
        }
    }
}

/// The messages of a stream that a consumer gets.
struct Consumed<'a> {
    stream: &'a str,
    consumer: &'a str,
    subject: &'a str,
}

impl Connection {
    /// Nobody gets these messages, but they count as jobs of the queue.
    async fn delete_acknowledged(
        &self,
        consumed: &Consumed<'_>,
        info: &ConsumerInfo,
    ) -> Result<(), EngineError> {
        let floor = info.ack_floor.stream_seq;
        match self.first(consumed.stream, consumed.subject, 1).await? {
            Some(first) if first.sequence <= floor => {
                self.delete_to(consumed.stream, consumed.subject, floor).await
            }
            _ => Ok(()),
        }
    }

    /// Nobody gets these messages either, but each keeps a place under the limit over all workers
    /// for ever. The server does not say which they are, so all that are gone are acknowledged;
    /// for others that changes nothing.
    async fn acknowledge_deleted(
        &self,
        consumed: &Consumed<'_>,
        info: &ConsumerInfo,
        swept: &mut u64,
    ) -> Result<(), EngineError> {
        // It has tried in vain to deliver those that are gone.
        if info.num_redelivered == 0 {
            return Ok(());
        }
        let (floor, delivered) = (info.ack_floor.stream_seq, info.delivered.stream_seq);
        let mut next = floor.max(*swept) + 1;
        let (most, most_there) = AT_ONCE;
        let last = delivered.min(next.saturating_add(most));
        for _ in 0..most_there {
            if next > last {
                break;
            }
            let there = self.first(consumed.stream, consumed.subject, next).await?;
            let gone = there.map_or(last, |there| last.min(there.sequence - 1));
            for sequence in next..=gone {
                let Consumed { stream, consumer, .. } = consumed;
                // As a delivery says where it is acknowledged. Of these numbers only that of the
                // message is looked at.
                let reply = format!("$JS.ACK.{stream}.{consumer}.1.{sequence}.0.0.0");
                let told = self.client.publish(reply, super::delivery::ACK.into()).await;
                told.map_err(|error| unavailable(error.to_string()))?;
            }
            // The one that is there is passed over.
            next = gone + 2;
        }
        // From the beginning, when all of them were looked at.
        *swept = if next <= delivered { next - 1 } else { 0 };
        self.round_trip().await
    }
}
