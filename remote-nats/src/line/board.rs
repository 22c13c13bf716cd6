//! What workers have, for those who look.
//!
//! The server knows how many messages are not acknowledged, and not whose they are. So each client writes down what it has, when that changes and when its leases
//! are extended; what is older than its leases does not count.

use super::Line;
use crate::{handle::Core, names::WORKERS};
use anyscope_remote::{
    EngineError,
    engine::{DeadLetter, End, Envelope, JobId, Running, Status, WorkerName},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    sync::Weak,
    time::{Duration, Instant},
};
use tokio::time::{sleep, timeout};

#[derive(Serialize, Deserialize)]
struct Notice {
    /// How long it counts, in milliseconds.
    lease: u64,
    runs: Vec<Run>,
}

#[derive(Serialize, Deserialize)]
struct Run {
    job: String,
    name: String,
    worker: String,
    attempt: u32,
    /// For how long, in milliseconds.
    since: u64,
}

/// How many of them a notice has, at most: it is one message.
const MOST: usize = 1000;

impl Line {
    async fn write_down(&self, core: &Core) -> Result<(), EngineError> {
        // One after the other: what was seen first is not to be written over what was seen later.
        let mut shows_any = self.shows_any.lock().await;
        let now = Instant::now();
        let held = self.held.all();
        // It may be stored although that is not heard.
        *shows_any |= !held.is_empty();
        let lease = held.iter().map(|held| held.lease).max().unwrap_or_default();
        let runs = held.iter().take(MOST).map(|held| Run {
            job: held.job.to_string(),
            name: held.name.chars().take(128).collect(),
            worker: held.worker.as_str().chars().take(128).collect(),
            attempt: held.attempt,
            since: milliseconds(now.duration_since(held.since)),
        });
        let notice = Notice { lease: milliseconds(lease), runs: runs.collect() };
        let notice = serde_json::to_vec(&notice).expect("texts and numbers");
        core.connection.publish(&self.names.worker(&core.client), notice.into()).await?;
        *shows_any = !held.is_empty();
        Ok(())
    }

    /// Returns who has what.
    pub(super) async fn running(&self, core: &Core) -> Result<Vec<Running>, EngineError> {
        let (now, any) = (core.now().await?, self.names.subject("worker.*"));
        // By client: while this is read, a client may write down more, which comes later.
        let (mut notices, mut from) = (BTreeMap::new(), 1);
        while let Some(stored) = core.connection.first(&self.names.state, &any, from).await? {
            from = stored.sequence + 1;
            notices.insert(stored.subject.clone(), stored);
        }
        let mut running = Vec::new();
        for stored in notices.into_values() {
            // One of a later version that we do not read is passed over.
            let Ok(notice) = serde_json::from_slice::<Notice>(&stored.payload) else { continue };
            let age = Duration::from_nanos(now.saturating_sub(stored.time));
            if age > Duration::from_millis(notice.lease) {
                if age > FORGOTTEN && notice.runs.is_empty() {
                    core.connection.delete(&self.names.state, stored.sequence).await?;
                }
                continue;
            }
            running.extend(notice.runs.into_iter().filter_map(|run| {
                let since = Duration::from_millis(run.since) + age;
                let (job, worker) = (JobId::parse(&run.job).ok()?, WorkerName::new(run.worker));
                Some(Running::new(job, run.name, worker, run.attempt, since))
            }));
        }
        Ok(running)
    }

    pub(crate) async fn status(&self, core: &Core) -> Result<Status, EngineError> {
        self.ensure(core).await?;
        // Of what is ours, all is known.
        let shows_any = *self.shows_any.lock().await;
        if shows_any || !self.held.all().is_empty() {
            self.write_down(core).await?;
        }
        let count = async |stream| {
            let info = core.connection.stream(stream).await?;
            Ok::<_, EngineError>(info.map_or(0, |info| info.state.messages))
        };
        let mut status = Status::default();
        status.running = self.running(core).await?;
        let names = &self.names;
        status.ready = match core.connection.consumer(&names.work, WORKERS).await? {
            Some(consumer) => {
                // Those that have run out and were not asked for since are not acknowledged, too.
                let lost = consumer.num_ack_pending.saturating_sub(status.running.len() as u64);
                consumer.num_pending + lost
            }
            None => count(&names.work).await?,
        };
        status.delayed = count(&names.wait).await?;
        status.settled = count(&names.ends).await?;
        // Each has two parts.
        status.dead = count(&names.dead).await? / 2;
        Ok(status)
    }

    pub(crate) async fn dead_letters(
        &self,
        core: &Core,
        at_most: usize,
    ) -> Result<Vec<DeadLetter>, EngineError> {
        self.ensure(core).await?;
        let any = self.names.subject("dead.*.job");
        let (mut letters, mut from) = (Vec::new(), 1);
        while letters.len() < at_most {
            let Some(stored) = core.connection.first(&self.names.dead, &any, from).await? else {
                break;
            };
            from = stored.sequence + 1;
            let end = stored.subject.strip_suffix(".job").map(|job| format!("{job}.end"));
            let end = core.connection.last(&self.names.dead, &end.unwrap_or_default()).await?;
            let Some(end) = end else { continue };
            let envelope = Envelope::from_bytes(&stored.payload).unwrap_or_else(|error| {
                let name = format!("unreadable: {error}");
                Envelope::new(JobId::unique(), name, 0, stored.payload)
            });
            letters.push(DeadLetter::new(envelope, End::dead(end.payload)));
        }
        Ok(letters)
    }
}

const FORGOTTEN: Duration = Duration::from_secs(24 * 60 * 60);

/// Writes down what this client has, as long as the line is there.
pub(super) async fn keep(line: Weak<Line>, core: Weak<Core>) {
    loop {
        {
            let (Some(line), Some(core)) = (line.upgrade(), core.upgrade()) else { return };
            // Now and then it is looked whether anybody is there.
            if timeout(Duration::from_secs(1), line.changed.notified()).await.is_ok() {
                // If it is not heard, the next one is.
                let _ = line.write_down(&core).await;
            }
        }
        // A change is seen soon, and many are written down at once.
        sleep(Duration::from_millis(50)).await;
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
