//! Repairs what crashes leave.

use super::Line;
use crate::{
    handle::Core,
    names::{Key, WORKERS},
};
use anyscope_remote::EngineError;

impl Line {
    pub(super) async fn sweep(&self, core: &Core) -> Result<(), EngineError> {
        self.promote_oldest(core).await?;
        self.delete_acknowledged(core).await
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

    /// A server that was killed may have messages again that were acknowledged (seen with 2.9.10). Nobody gets them, but they count as jobs of the queue.
    async fn delete_acknowledged(&self, core: &Core) -> Result<(), EngineError> {
        let work = &self.names.work;
        let Some(consumer) = core.connection.consumer(work, WORKERS).await? else { return Ok(()) };
        let floor = consumer.ack_floor.stream_seq;
        let stream = core.connection.stream(work).await?;
        match stream
            .is_some_and(|stream| stream.state.messages > 0 && stream.state.first_seq <= floor)
        {
            true => core.connection.delete_to(work, floor).await,
            false => Ok(()),
        }
    }
}
