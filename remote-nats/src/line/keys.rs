//! Whose turn it is of a key.
//!
//! Jobs with a key are parked. One of them is in turn, which a message says: it goes to the jobs that may be leased, and when it has its outcome the next one
//! is in turn. Whoever settles sees to that before the job is acknowledged; if that one is killed, the job is leased again, and whoever has it then does.

use super::Line;
use crate::{
    handle::Core,
    jetstream::{Published, Stored},
    names::{Key, last_token},
};
use anyscope_remote::{EngineError, engine::JobId};
use async_nats::HeaderMap;

impl Line {
    /// Lets the first job with this key be leased, unless one is already. `done` is known to have its outcome.
    pub(super) async fn promote(
        &self,
        core: &Core,
        key: &Key,
        done: Option<&JobId>,
    ) -> Result<(), EngineError> {
        let (connection, names) = (&core.connection, &self.names);
        loop {
            let turn = connection.last(&names.state, &names.turn(key)).await?;
            let in_turn = turn.as_ref().and_then(named);
            if let Some(in_turn) = in_turn.filter(|in_turn| Some(in_turn) != done)
                && connection.last(&names.ends, &names.end(&in_turn)).await?.is_none()
            {
                // Whoever gave it the turn may not have come further.
                let parked = connection.last(&names.wait, &names.parked(key, &in_turn)).await?;
                return match parked {
                    Some(parked) => self.unpark(core, &in_turn, parked).await,
                    None => Ok(()),
                };
            }
            let sequence = turn.as_ref().map_or(0, |turn| turn.sequence);
            let Some(next) = connection.first(&names.wait, &names.parked_of(key), 1).await? else {
                if turn.is_some() {
                    // Or there would be one message for each key, for ever.
                    connection.delete(&names.state, sequence).await?;
                }
                return Ok(());
            };
            let next_id = last_token(&next.subject).and_then(|text| id(&text));
            let Some(next_id) = next_id else {
                connection.delete(&names.wait, next.sequence).await?;
                continue;
            };
            if connection.last(&names.ends, &names.end(&next_id)).await?.is_some() {
                // Cancelled while it was parked.
                connection.delete(&names.wait, next.sequence).await?;
                continue;
            }
            let (subject, text) = (names.turn(key), next_id.as_str().to_owned());
            let headers = HeaderMap::new();
            let took = connection.publish_after(&subject, sequence, headers, text.into());
            if let Published::Stored(_) = took.await? {
                return self.unpark(core, &next_id, next).await;
            }
        }
    }

    /// Returns the job whose turn it is, and the number of the message that says so.
    pub(super) async fn in_turn(
        &self,
        core: &Core,
        key: &Key,
    ) -> Result<Option<(JobId, u64)>, EngineError> {
        let turn = core.connection.last(&self.names.state, &self.names.turn(key)).await?;
        Ok(turn.and_then(|turn| Some((named(&turn)?, turn.sequence))))
    }

    async fn unpark(&self, core: &Core, job: &JobId, parked: Stored) -> Result<(), EngineError> {
        let (connection, names) = (&core.connection, &self.names);
        let epoch = parked.number(super::EPOCH).unwrap_or(0);
        let headers = super::put::headers(0, epoch, parked.time, std::time::Duration::ZERO);
        // In conflict if somebody else does the same.
        connection.publish_after(&names.job(job), 0, headers, parked.payload.into()).await?;
        connection.delete(&names.wait, parked.sequence).await
    }
}

/// Returns whose turn it is, as this says.
fn named(turn: &Stored) -> Option<JobId> {
    id(std::str::from_utf8(&turn.payload).ok()?)
}

fn id(text: &str) -> Option<JobId> {
    JobId::parse(text).ok()
}
