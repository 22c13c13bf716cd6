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
use serde_json::Value;
use std::mem;

/// What was found of each consumer.
#[derive(Default)]
pub(super) struct Swept {
    jobs: Found,
    delays: Found,
}

#[derive(Default)]
struct Found {
    /// How far it was looked for leases of nothing.
    looked: u64,
    /// A message that the consumer did not see.
    unseen: Option<u64>,
}

impl Swept {
    /// Whether it is to be looked again soon.
    pub(super) fn suspects(&self) -> bool {
        [&self.jobs, &self.delays].iter().any(|found| found.unseen.is_some())
    }
}

/// How many messages are looked at in one go, at most; and how many of them may be there.
const AT_ONCE: (u64, usize) = (10_000, 256);

impl Line {
    pub(super) async fn sweep(&self, core: &Core, swept: &mut Swept) -> Result<(), EngineError> {
        self.promote_oldest(core).await?;
        let names = &self.names;
        let connection = &core.connection;
        // Somebody may have given them copies.
        if let Some(info) = connection.stream(&names.ends).await? {
            connection.note(&names.ends, &info.config);
        }
        for (stream, consumer, kind, found) in [
            (&names.work, WORKERS, "job.*", &mut swept.jobs),
            (&names.wait, LATER, "later.*", &mut swept.delays),
        ] {
            let Some(info) = connection.stream(stream).await? else { continue };
            connection.note(stream, &info.config);
            let copies = info.config.num_replicas;
            // In the other stream there are also those that wait for their turn.
            let messages = if consumer == WORKERS { info.state.messages } else { 0 };
            let Some(info) = connection.consumer(stream, consumer).await? else { continue };
            let consumed = Consumed { stream, consumer, subject: &names.subject(kind) };
            connection.delete_acknowledged(&consumed, &info).await?;
            connection.acknowledge_deleted(&consumed, &info, &mut found.looked).await?;
            if copies > 1 {
                core.move_stuck(&consumed, messages, &info, &mut found.unseen).await?;
            }
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

impl Core {
    /// Mends what stands still since servers of a cluster were killed (seen with 2.9.10, which resets a stream after `stream store EOF`): one of them may have a copy of the stream that
    /// is not as the others', or that it does not read any more, and lead all the same.
    async fn move_stuck(
        &self,
        consumed: &Consumed<'_>,
        messages: u64,
        info: &ConsumerInfo,
        unseen: &mut Option<u64>,
    ) -> Result<(), EngineError> {
        let (connection, Consumed { stream, consumer, subject }) = (&self.connection, consumed);
        let delivered = info.delivered.stream_seq;
        let there = match info.num_pending {
            0 => connection.first(stream, subject, delivered + 1).await?,
            _ => None,
        };
        let there = match there {
            Some(there) => Some(there.sequence),
            // Others than those that are leased.
            None if messages > 0 && info.num_pending + info.num_ack_pending == 0 => {
                let first = connection.first(stream, subject, 1).await?;
                Some(first.map_or(0, |first| first.sequence))
            }
            None => None,
        };
        let before = mem::replace(unseen, there);
        // What has just come may be seen a moment later.
        let Some(there) = there.filter(|there| before == Some(*there)) else { return Ok(()) };
        *unseen = None;
        // If it may not be asked, all stays as it is.
        let step_down = async |whose: String| {
            let _ = connection.ask::<Value>(&whose, &Value::Null).await;
        };
        if there == 0 {
            // It has messages, and finds none.
            step_down(format!("STREAM.LEADER.STEPDOWN.{stream}")).await;
            return Ok(());
        }
        // Who leads the consumer looks into its own copy.
        step_down(format!("CONSUMER.LEADER.STEPDOWN.{stream}.{consumer}")).await;
        Ok(())
    }
}
