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
    jetstream::{ConsumerInfo, StreamInfo},
    names::{Key, LATER, WORKERS},
};
use anyscope_remote::{EngineError, engine::JobId};
use serde_json::Value;
use std::mem;

/// What was found of each consumer.
#[derive(Default)]
pub(super) struct Swept {
    jobs: Found,
    delays: Found,
    /// A job whose turn it is and that is nowhere, and the number of what says that it is its turn.
    lost: Option<(JobId, u64)>,
}

#[derive(Default)]
struct Found {
    /// How far it was looked for leases of nothing.
    looked: u64,
    /// A message that the consumer did not see.
    unseen: Option<u64>,
    /// Some were passed over.
    passed: bool,
}

impl Swept {
    /// Whether it is to be looked again soon.
    pub(super) fn suspects(&self) -> bool {
        let consumers = [&self.jobs, &self.delays];
        self.lost.is_some() || consumers.iter().any(|found| found.unseen.is_some() || found.passed)
    }
}

/// How many messages are looked at in one go, at most; and how many of them may be there.
const AT_ONCE: (u64, usize) = (10_000, 256);

impl Line {
    pub(super) async fn sweep(&self, core: &Core, swept: &mut Swept) -> Result<(), EngineError> {
        self.promote_oldest(core, &mut swept.lost).await?;
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
            // Before the stream, as that may go on.
            let Some(info) = connection.consumer(stream, consumer).await? else { continue };
            let Some(StreamInfo { config, state }) = connection.stream(stream).await? else {
                continue;
            };
            connection.note(stream, &config);
            // In the other stream there are also those that wait for their turn.
            let messages = if consumer == WORKERS { state.messages } else { 0 };
            let consumed = Consumed { stream, consumer, subject: &names.subject(kind) };
            connection.acknowledge_deleted(&consumed, &info, &mut found.looked).await?;
            found.passed = self.mend_passed(core, &consumed, &info, state.last_seq).await?;
            if config.num_replicas > 1 {
                core.move_stuck(&consumed, messages, &info, &mut found.unseen).await?;
            }
        }
        Ok(())
    }

    /// Helps the job that is parked longest, if whoever should have done it is gone, or if the job is whose turn it is.
    async fn promote_oldest(
        &self,
        core: &Core,
        lost: &mut Option<(JobId, u64)>,
    ) -> Result<(), EngineError> {
        let any = self.names.subject("park.*.*");
        let oldest = core.connection.first(&self.names.wait, &any, 1).await?;
        let Some(key) = oldest.and_then(|oldest| Key::of_parked(&oldest.subject)) else {
            *lost = None;
            return Ok(());
        };
        self.promote(core, &key, None).await?;
        let now = self.lost_in_turn(core, &key).await?;
        // One that moves from one stream to another may be missed once.
        let before = mem::replace(lost, now);
        match lost.take_if(|now| before.as_ref() == Some(now)) {
            Some((job, _)) => self.promote(core, &key, Some(&job)).await,
            None => Ok(()),
        }
    }

    /// Returns the job whose turn it is, if the server has lost it and nobody runs it.
    async fn lost_in_turn(
        &self,
        core: &Core,
        key: &Key,
    ) -> Result<Option<(JobId, u64)>, EngineError> {
        let Some((job, sequence)) = self.in_turn(core, key).await? else { return Ok(None) };
        let is_somewhere = self.has(core, &job).await?
            || self.end(core, &job).await?.is_some()
            || self.running(core).await?.iter().any(|running| running.job == job);
        Ok((!is_somewhere).then_some((job, sequence)))
    }
}

/// The messages of a stream that a consumer gets.
pub(super) struct Consumed<'a> {
    pub(super) stream: &'a str,
    pub(super) consumer: &'a str,
    pub(super) subject: &'a str,
}

impl Connection {
    /// Nobody gets messages that are gone, but each that is leased keeps a place under the limit over
    /// all workers for ever. The server does not say which they are, so all that are gone are acknowledged;
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
