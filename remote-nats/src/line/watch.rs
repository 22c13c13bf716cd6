//! Waits for outcomes, and for ends of leases.

use super::Line;
use crate::{connection::next, error::unavailable, handle::Core};
use anyscope_remote::{EngineError, engine::JobId};
use std::time::{Duration, Instant};
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

impl Line {
    /// `lost` is from before the job was put: a server that comes back may have lost it, and whoever put it is to hear of that.
    pub(crate) async fn outcome(
        &self,
        core: &Core,
        job: &JobId,
        mut lost: watch::Receiver<()>,
    ) -> Result<Vec<u8>, EngineError> {
        self.ensure(core).await?;
        // Listens before it looks. The look is a round trip, so the server knows that we listen when there is an answer; of a cluster, one server knows. So it
        // looks again now and then.
        let told = core.connection.client.subscribe(self.names.won(job)).await;
        let mut told = told.map_err(|error| unavailable(error.to_string()))?;
        let mut pause = Duration::from_millis(100);
        let (mut looks, mut missing) = (0_u32, false);
        loop {
            if let Some(end) = self.end(core, job).await? {
                return Ok(end.payload);
            }
            if missing {
                return Err(unavailable("the server does not have the job"));
            }
            let told = tokio::select! {
                told = timeout(pause, next(&mut told)) => told,
                _ = lost.changed() => return Err(unavailable("the connection is lost")),
            };
            match told {
                Ok(Some(won)) => return Ok(won.payload.to_vec()),
                Ok(None) => return Err(unavailable("the connection is closed")),
                Err(_) => {
                    // Servers of a cluster that are killed may lose a job (seen with 2.9.10), and the connection of who put it may be to another one.
                    looks = looks.wrapping_add(1);
                    missing = looks % SELDOM == 0 && !self.has(core, job).await?;
                    pause = (pause * 2).min(Duration::from_secs(2));
                }
            }
        }
    }

    /// Whether the job is stored, and has no outcome. If it moves from one stream to another it may be missed.
    pub(super) async fn has(&self, core: &Core, job: &JobId) -> Result<bool, EngineError> {
        let (connection, names) = (&core.connection, &self.names);
        let (work, later, parked) = (names.job(job), names.later(job), names.parked_any(job));
        let (works, waits, parked) = tokio::try_join!(
            connection.last(&names.work, &work),
            connection.last(&names.wait, &later),
            connection.last(&names.wait, &parked),
        )?;
        Ok([works, waits, parked].iter().any(Option::is_some))
    }

    pub(crate) async fn released(&self, core: &Core, job: &JobId) -> Result<(), EngineError> {
        self.ensure(core).await?;
        let (names, connection) = (&self.names, &core.connection);
        let begun = Instant::now();
        let mut pause = Duration::from_millis(5);
        loop {
            let Some(stored) = connection.last(&names.work, &names.job(job)).await? else {
                return Ok(());
            };
            if !self.is_leased(core, &stored).await? {
                return Ok(());
            }
            // Whoever had it when this began has shown it since, or has lost it.
            if begun.elapsed() > self.lease_of_workers(core).await?
                && !self.running(core).await?.iter().any(|running| running.job == *job)
            {
                return Ok(());
            }
            sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(100));
        }
    }

    /// How long the server leaves a lease to whoever has it.
    async fn lease_of_workers(&self, core: &Core) -> Result<Duration, EngineError> {
        let consumer = core.connection.consumer(&self.names.work, crate::names::WORKERS).await?;
        Ok(consumer
            .map_or(Duration::ZERO, |consumer| Duration::from_nanos(consumer.config.ack_wait)))
    }
}

/// At how many looks for its outcome a job itself is looked for once: after 5 seconds first, and then each 12.
const SELDOM: u32 = 6;
