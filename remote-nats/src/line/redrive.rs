//! Dead letters that are put again.

use super::{DEAD, Line, put::headers};
use crate::handle::Core;
use anyscope_remote::{
    EngineError,
    engine::{Envelope, JobId},
};
use bytes::Bytes;
use std::time::Duration;

impl Line {
    pub(crate) async fn redrive(&self, core: &Core, job: &JobId) -> Result<bool, EngineError> {
        self.ensure(core).await?;
        let (connection, names) = (&core.connection, &self.names);
        let [letter, end] = ["job", "end"].map(|part| names.dead_letter(job, part));
        let Some(letter) = connection.last(&names.dead, &letter).await? else { return Ok(false) };
        let Ok(mut envelope) = Envelope::from_bytes(&letter.payload) else { return Ok(false) };
        let of_letter = connection.last(&names.dead, &end).await?;
        let outcome = self.end(core, job).await?;
        // None if it is kept no more, or if this was begun before.
        let is_dead = outcome.as_ref().is_none_or(|outcome| outcome.header(DEAD).is_some());
        if is_dead {
            if let Some(outcome) = outcome {
                connection.delete(&names.ends, outcome.sequence).await?;
            }
            envelope.caller = None;
            // Greater than how often it can have been leased, and than at any time before.
            let now = core.now().await?;
            let (headers, bytes) =
                (headers(0, now, now, Duration::ZERO), Bytes::from(envelope.to_bytes()));
            self.put_one(core, &envelope, headers, bytes).await?;
        }
        for part in [Some(&letter), of_letter.as_ref()].into_iter().flatten() {
            connection.delete(&names.dead, part.sequence).await?;
        }
        // It may be dead again already: that letter was not stored beside this one.
        if let Some(outcome) = self.end(core, job).await?.filter(|end| end.header(DEAD).is_some()) {
            self.keep_letter(core, job, &outcome.payload, &letter.payload.into()).await?;
        }
        Ok(is_dead)
    }
}
