//! What users have.

use crate::{
    builder::{Builder, Settings},
    callers::{AllSeen, Clock},
    connection::{Connection, Home},
    line::Line,
};
use anyscope_remote::{
    EngineError,
    engine::{JobId, Queue},
};
use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

/// An engine over NATS JetStream: for workers on as many machines as reach its servers.
///
/// A handle is a connection; its clones share it. The client needs tokio, so it has a thread of its own with a small runtime, or [one](Builder::runtime) that
/// it is given. Workers and callers run on any executor.
///
/// # What it stores
///
/// For each queue five streams, made when the queue is used first: jobs that may be leased or are, jobs that wait, outcomes, dead letters, and what workers and keys need.
/// A job is acknowledged when its outcome is stored, and that is stored only if there is none yet: acknowledgements may be late or repeated, and decide
/// nothing.
///
/// Of a queue with one copy a message is asked for directly, and its outcomes the server tells by itself; one that an earlier version has made is asked in the longer way, at half the speed, unless its
/// streams are changed (`nats stream edit --allow-direct`). A user with few permissions needs that to publish to `$JS.API.DIRECT.GET.>`.
///
/// # Leases
///
/// The server knows one span for all leases of a queue. It is the longest that anybody has asked for; it is not made shorter by itself
/// (`nats consumer edit` does). A worker with a shorter one that is killed is noticed that much later. So let all workers of a queue have the same.
///
/// A caller that is not heard of is gone when its lease is over. After the server was away, and if it has lost what callers have said, they have the same time once more, at most half a minute, before their calls are
/// cancelled. A connection that falls silent is made again after 15 seconds.
///
/// A worker asks for jobs for a quarter of a second at a time: what comes for one that has just ended is held up for so long, and no longer. Giving a job back at once counts as an
/// attempt. What is [running](anyscope_remote::engine::Status::running) is what workers have said in the last 50
/// milliseconds: one that has just moved may be seen twice. Of the leases of the client that is asked, all is known.
///
/// # Examples
///
/// ```no_run
/// use anyscope::{scope, smol::Smol};
/// use anyscope_nats::Nats;
/// use anyscope_remote::{Job, Json, Remote, Workers};
///
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct Square(u64);
///
/// impl Job for Square {
///     const NAME: &'static str = "square";
///     type Output = u64;
///     type Error = String;
///     type Codec = Json;
/// }
///
/// # smol::block_on(async {
/// let engine = Nats::builder("nats://127.0.0.1:4222").replicas(3).connect().await?;
/// scope(&Smol, async |s| {
///     // In this process or on another machine:
///     let workers = Workers::new(&engine, "squares").everywhere(64).here(4);
///     s.spawn_daemon(workers.serve(&Smol, &Smol, async |Square(n), _cx| Ok(n * n)));
///
///     let squares = Remote::<Square>::new(&engine, &Smol, "squares");
///     assert_eq!(squares.call(Square(12)).await.unwrap(), 144);
/// })
/// .await;
/// # Ok::<(), anyscope_remote::EngineError>(()) });
/// ```
#[derive(Clone)]
pub struct Nats {
    pub(crate) core: Arc<Core>,
    pub(crate) home: Arc<Home>,
}

/// What tasks share.
pub(crate) struct Core {
    pub(crate) connection: Connection,
    pub(crate) settings: Settings,
    /// Who this is, among all clients.
    pub(crate) client: String,
    pub(crate) clock: Clock,
    /// Callers that were looked for just now.
    pub(crate) seen: Mutex<AllSeen>,
    lines: Mutex<HashMap<Queue, Arc<Line>>>,
}

/// How many servers store what a queue has; from [`Nats::durability`].
///
/// JetStream says that a message is stored before it is on the disk; by default it is written there within two minutes. So one server that loses its power, and
/// not only its process, loses what was stored last, unless it has `sync_interval: always`, which costs a factor of about 60. Three servers that do not lose
/// their power together lose nothing.
///
/// See [`Nats::durability`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Durability {
    /// How many servers have a copy.
    pub replicas: usize,
}

impl Nats {
    /// Sets up a connection to a server, `nats://host:4222` or `tls://host:4222`, or several of a cluster with commas between.
    ///
    /// # Examples
    ///
    /// See [`Nats`].
    pub fn builder(servers: impl Into<String>) -> Builder {
        Builder::new(servers.into())
    }

    /// Returns what a stored job of this queue survives. It may have been made by another program with other settings.
    ///
    /// # Errors
    ///
    /// As of everything that is asked.
    ///
    /// # Examples
    ///
    /// See [`Builder::replicas`](crate::Builder::replicas).
    pub async fn durability(&self, queue: &Queue) -> Result<Durability, EngineError> {
        let (core, line) = (self.core.clone(), self.core.line(queue));
        self.home
            .run(async move {
                line.ensure(&core).await?;
                let info = core.connection.stream(&line.names.work).await?;
                let replicas = info.map_or(1, |info| info.config.num_replicas.max(1));
                Ok(Durability { replicas })
            })
            .await
    }

    pub(crate) fn new(home: Home, connection: Connection, settings: Settings) -> Self {
        let core = Core {
            connection,
            settings,
            // Unique as ids of jobs are.
            client: JobId::unique().to_string(),
            clock: Clock::default(),
            seen: Mutex::default(),
            lines: Mutex::default(),
        };
        Nats { core: Arc::new(core), home: Arc::new(home) }
    }
}

impl Core {
    pub(crate) fn line(&self, queue: &Queue) -> Arc<Line> {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Arc::new(Line::new(&self.settings.prefix, queue));
        lines.entry(queue.clone()).or_insert_with(new).clone()
    }
}

impl fmt::Debug for Nats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Nats").field("settings", &self.core.settings).finish_non_exhaustive()
    }
}
