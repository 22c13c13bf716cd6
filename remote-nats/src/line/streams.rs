//! Makes the streams of a queue, and its consumer.

use super::{Line, board, give_back};
use crate::{
    connection::Stop,
    handle::Core,
    jetstream::ConsumerConfig,
    names::{LATER, WORKERS},
    time::nanos,
};
use anyscope_core::Limit;
use anyscope_remote::EngineError;
use serde_json::json;
use std::{
    sync::{Arc, PoisonError, atomic::Ordering},
    time::{Duration, Instant},
};

/// The consumer's settings, as this client knows them.
pub(super) struct Known {
    config: ConsumerConfig,
    /// What a worker of this client has asked for last. Only when that changes, the limit is set: another client may have set another one since.
    asked: i64,
    looked: Instant,
}

/// How often it is looked whether others have changed them.
const LOOK: Duration = Duration::from_secs(5);

impl Line {
    /// Makes the streams, unless they are there.
    pub(crate) async fn ensure(&self, core: &Core) -> Result<(), EngineError> {
        if self.ready.load(Ordering::Relaxed) {
            return Ok(());
        }
        let _one = self.making.lock().await;
        if self.ready.load(Ordering::Relaxed) {
            return Ok(());
        }
        let (names, settings) = (&self.names, &core.settings);
        let queue = |subjects: &[&str]| {
            let subjects: Vec<_> = subjects.iter().map(|kind| names.subject(kind)).collect();
            let most = settings.queue_limit;
            json!({ "subjects": subjects, "retention": "workqueue", "discard": "new", "max_msgs": most })
        };
        let kept = |kind: &str, time: Duration| {
            json!({
                "subjects": [names.subject(kind)],
                "retention": "limits",
                "discard": "old",
                "max_age": nanos(time),
            })
        };
        let state = json!({
            "subjects": [names.subject("turn.*"), names.subject("worker.*")],
            "retention": "limits",
            "discard": "old",
            "max_msgs_per_subject": 1,
        });
        let mut ends = kept("end.*", settings.keep);
        let told = names.subject("won.{{wildcard(1)}}");
        ends["republish"] = json!({ "src": names.subject("end.*"), "dest": told });
        let ensure = async |name, config| {
            core.connection.ensure_stream(name, config, settings.replicas).await
        };
        ensure(&names.work, queue(&["job.*"])).await?;
        ensure(&names.wait, queue(&["later.*", "park.*.*"])).await?;
        let ends = ensure(&names.ends, ends).await?;
        self.tells.store(ends.republish.is_some_and(|that| that.to == told), Ordering::Relaxed);
        ensure(&names.dead, kept("dead.*.*", settings.keep_dead_letters)).await?;
        ensure(&names.state, state).await?;
        self.ready.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Makes the consumer, with this limit, and with leases of at least this length.
    pub(super) async fn consume(
        &self,
        core: &Core,
        everywhere: Limit,
        lease: Duration,
    ) -> Result<(), EngineError> {
        let limit = match everywhere {
            Limit::Unbounded => -1,
            limit => i64::try_from(limit.get()).unwrap_or(-1),
        };
        self.set_consumer(core, Some(limit), lease).await
    }

    /// Lets leases be at least so long.
    pub(super) async fn raise(&self, core: &Core, lease: Duration) -> Result<(), EngineError> {
        self.set_consumer(core, None, lease).await
    }

    async fn set_consumer(
        &self,
        core: &Core,
        limit: Option<i64>,
        lease: Duration,
    ) -> Result<(), EngineError> {
        let lease = nanos(lease);
        let mut known = self.consumer.lock().await;
        if let Some(known) = &*known
            && limit.is_none_or(|limit| limit == known.asked)
            && lease <= known.config.ack_wait
            && known.looked.elapsed() < LOOK
        {
            return Ok(());
        }
        let subject = self.names.subject("job.*");
        let found = core.connection.consumer(&self.names.work, WORKERS).await?;
        let asked = known.as_ref().map(|known| known.asked);
        let wanted = match &found {
            Some(found) => ConsumerConfig {
                ack_wait: found.config.ack_wait.max(lease),
                max_ack_pending: match limit {
                    Some(limit) if asked != Some(limit) => limit,
                    _ => found.config.max_ack_pending,
                },
            },
            None => {
                ConsumerConfig { ack_wait: lease, max_ack_pending: limit.or(asked).unwrap_or(-1) }
            }
        };
        let as_wanted = found.as_ref().is_some_and(|found| {
            found.config.ack_wait == wanted.ack_wait
                && found.config.max_ack_pending == wanted.max_ack_pending
        });
        if !as_wanted {
            let set = core.connection.set_consumer(&self.names.work, WORKERS, &subject, &wanted);
            set.await?;
        }
        let asked = limit.or(asked).unwrap_or(wanted.max_ack_pending);
        *known = Some(Known { config: wanted, asked, looked: Instant::now() });
        Ok(())
    }

    /// How long the server leaves a lease to whoever has it, as far as we know.
    pub(super) async fn server_lease(&self) -> Duration {
        let known = self.consumer.lock().await;
        known.as_ref().map_or(Duration::ZERO, |known| Duration::from_nanos(known.config.ack_wait))
    }

    /// Forgets what is known of the consumer, as it seems to be gone.
    pub(super) async fn forget_consumer(&self) {
        self.doubt();
        if let Some(known) = &mut *self.consumer.lock().await {
            known.looked = known.looked.checked_sub(LOOK).unwrap_or(known.looked);
        }
    }

    /// Begins what goes on beside the calls of a client that leases, on this task's runtime.
    pub(super) fn begin(self: &Arc<Self>, core: &Arc<Core>) {
        let mut background = self.background.lock().unwrap_or_else(PoisonError::into_inner);
        background.get_or_insert_with(|| {
            // They end with the line, so they keep neither it nor the client.
            let (line, core) = (Arc::downgrade(self), Arc::downgrade(core));
            [
                tokio::spawn(board::keep(line.clone(), core.clone())),
                tokio::spawn(give_back::expire(line.clone(), core.clone())),
                tokio::spawn(give_back::bring_back(line, core)),
            ]
            .map(|task| Stop(task.abort_handle()))
        });
    }

    pub(super) async fn consume_later(&self, core: &Core) -> Result<(), EngineError> {
        let config = ConsumerConfig { ack_wait: 3_000_000_000, max_ack_pending: -1 };
        let subject = self.names.subject("later.*");
        core.connection.set_consumer(&self.names.wait, LATER, &subject, &config).await?;
        Ok(())
    }
}
