//! What users have of an engine in memory.

use super::{event::Wakers, line::Line, link::Link};
use crate::{
    engine::{CallerId, Queue},
    time::Time,
};
use anyscope_core::{Clock, Instant, OwnedScope, Spawn, Timer};
use std::{
    collections::{HashMap, hash_map::Entry},
    fmt, mem,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// An engine in the memory of this process.
///
/// With it, the same code is a local pool; and in tests with `anyscope::sim` it is a cluster in virtual time: each client has a
/// [`Link`] that can be cut, and on which messages are delayed, lost, or delivered twice.
///
/// # Examples
///
/// A worker that is cut off from the engine loses its job to another one; the caller sees one outcome:
///
/// ```
/// use anyscope::{Timer, join, scope, sim::explore};
/// use anyscope_remote::{Job, Json, Memory, Remote, Workers, memory::Link};
/// use std::time::Duration;
///
/// const SECOND: Duration = Duration::from_secs(1);
///
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct Slow;
///
/// impl Job for Slow {
///     const NAME: &'static str = "slow";
///     type Output = String;
///     type Error = String;
///     type Codec = Json;
/// }
///
/// explore(20, async |sim| {
///     let engine = Memory::new(&sim);
///     scope(&sim, async |s| {
///         let link = Link::new();
///         for (name, engine) in [("a", engine.over(&link)), ("b", engine.clone())] {
///             let workers = Workers::new(&engine, "slow").lease(3 * SECOND).name(name);
///             let timer = sim.clone();
///             s.spawn_daemon(workers.serve(&sim, &sim, move |Slow, cx| {
///                 let timer = timer.clone();
///                 async move {
///                     timer.sleep(2 * SECOND).await;
///                     Ok(cx.worker().to_string())
///                 }
///             }));
///         }
///         let remote = Remote::<Slow>::new(&engine, &sim, "slow");
///         let call = remote.call(Slow);
///         let cut = async {
///             sim.sleep(SECOND).await;
///             link.cut();
///         };
///         let (done, ()) = join((call, cut)).await;
///         assert_eq!(done.unwrap(), "b"); // whoever had it at first
///     })
///     .await;
/// });
/// ```
#[derive(Clone)]
pub struct Memory {
    pub(super) shared: Arc<Shared>,
    pub(super) link: Option<Link>,
}

pub(super) struct Shared {
    pub(super) state: Mutex<State>,
    pub(super) time: Time,
    pub(super) queue_limit: usize,
    pub(super) payload_limit: usize,
    pub(super) keep: Duration,
    /// Messages on their way.
    pub(super) scope: OwnedScope<Arc<dyn Spawn + Send + Sync>>,
}

#[derive(Default)]
pub(super) struct State {
    lines: HashMap<Queue, Line>,
    /// Until when callers are there.
    pub(super) callers: HashMap<CallerId, Instant>,
    /// How often something was lost.
    pub(super) losses: u64,
}

impl State {
    fn lose(&mut self, since: Instant) {
        self.losses += 1;
        self.lines.values_mut().for_each(|line| line.lose(since));
    }

    pub(super) fn line(&mut self, queue: &Queue) -> &mut Line {
        match self.lines.entry(queue.clone()) {
            Entry::Occupied(line) => line.into_mut(),
            Entry::Vacant(line) => line.insert(Line::default()),
        }
    }
}

impl Shared {
    /// Changes the state. Who waits for what has changed is woken when the lock is free.
    pub(super) fn change<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let (done, wakers) = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            let done = change(&mut state);
            let wakers: Vec<_> =
                state.lines.values_mut().map(|line| mem::take(&mut line.wakers)).collect();
            (done, wakers)
        };
        wakers.into_iter().for_each(Wakers::fire);
        done
    }

    pub(super) fn now(&self) -> Instant {
        self.time.now()
    }
}

impl Memory {
    /// Creates an engine without limits, that keeps outcomes for an hour. Its clock is that of `exec`.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::smol::Smol; // or the handle of a simulation, in a test
    /// use anyscope_remote::{Memory, engine::{Engine, Envelope, JobId, Put, Queue}};
    ///
    /// let (engine, queue) = (Memory::new(&Smol), Queue::from("squares"));
    /// let job = Envelope::new(JobId::unique(), "square", 1, vec![]);
    /// assert_eq!(smol::block_on(engine.put(&queue, vec![job])).unwrap(), [Put::Stored]);
    /// ```
    pub fn new<X>(exec: &X) -> Self
    where
        X: Spawn + Timer<Sleep: Send + 'static> + Clock + Clone + Send + Sync + 'static,
    {
        Self::builder().build(exec)
    }

    /// Returns a builder, to set limits.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::smol::Smol;
    /// use anyscope_remote::{Memory, engine::{Engine, Queue}};
    /// use std::time::Duration;
    ///
    /// let minute = Duration::from_secs(60);
    /// let engine = Memory::builder().queue_limit(1000).keep(10 * minute).build(&Smol);
    /// let status = smol::block_on(engine.status(&Queue::from("squares"))).unwrap();
    /// assert_eq!(status.settled, 0);
    /// ```
    pub fn builder() -> Builder {
        Builder {
            queue_limit: usize::MAX,
            payload_limit: usize::MAX,
            keep: Duration::from_secs(3600),
        }
    }

    /// Loses what it has stored in the `last` time, as a server does that is killed before its disk had
    /// all that it said was stored; for tests. Jobs that were put or settled since then are not known any more, and waits for outcomes
    /// end as [`Unavailable`](crate::ErrorKind::Unavailable). Which callers are there stays known.
    ///
    /// # Examples
    ///
    /// A job that is lost is put again by whoever waits for it:
    ///
    /// ```
    /// use anyscope::{Timer, join, scope, sim::explore};
    /// use anyscope_remote::{Job, Json, Memory, Remote, Workers};
    /// use std::time::Duration;
    ///
    /// const SECOND: Duration = Duration::from_secs(1);
    ///
    /// #[derive(serde::Serialize, serde::Deserialize)]
    /// struct Slow;
    ///
    /// impl Job for Slow {
    ///     const NAME: &'static str = "slow";
    ///     type Output = u32;
    ///     type Error = String;
    ///     type Codec = Json;
    /// }
    ///
    /// explore(20, async |sim| {
    ///     let engine = Memory::new(&sim);
    ///     scope(&sim, async |s| {
    ///         let timer = sim.clone();
    ///         s.spawn_daemon(Workers::new(&engine, "slow").serve(&sim, &sim, move |Slow, cx| {
    ///             let timer = timer.clone();
    ///             async move {
    ///                 timer.sleep(2 * SECOND).await;
    ///                 Ok(cx.attempt())
    ///             }
    ///         }));
    ///         let remote = Remote::<Slow>::new(&engine, &sim, "slow");
    ///         let crash = async {
    ///             sim.sleep(SECOND).await;
    ///             engine.lose(5 * SECOND);
    ///         };
    ///         let (done, ()) = join((remote.call(Slow), crash)).await;
    ///         assert_eq!(done.unwrap(), 1); // of the job that was put again
    ///     })
    ///     .await;
    /// });
    /// ```
    pub fn lose(&self, last: Duration) {
        let since = Instant::from_epoch(self.shared.now().since_epoch().saturating_sub(last));
        self.shared.change(|state| state.lose(since));
    }

    /// Returns the same engine, as it is reached over `link`.
    ///
    /// # Examples
    ///
    /// See [`Memory`].
    pub fn over(&self, link: &Link) -> Self {
        Memory { shared: self.shared.clone(), link: Some(link.clone()) }
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory").field("link", &self.link).finish_non_exhaustive()
    }
}

/// Sets what an engine in memory takes; from [`Memory::builder`].
///
/// See [`Memory::builder`].
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing unless it is built"]
pub struct Builder {
    queue_limit: usize,
    payload_limit: usize,
    keep: Duration,
}

impl Builder {
    /// Sets how many jobs without an outcome a queue may have. A `put` above it is [`Full`](crate::ErrorKind::Full): calls wait.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::smol::Smol;
    /// use anyscope_remote::{ErrorKind, Memory, engine::{Engine, Envelope, JobId, Queue}};
    ///
    /// # smol::block_on(async {
    /// let (engine, queue) = (Memory::builder().queue_limit(1).build(&Smol), Queue::from("squares"));
    /// let job = || Envelope::new(JobId::unique(), "square", 1, vec![]);
    /// engine.put(&queue, vec![job()]).await.unwrap();
    /// let full = engine.put(&queue, vec![job()]).await.unwrap_err(); // a call would wait
    /// assert_eq!(full.kind(), ErrorKind::Full);
    /// # });
    /// ```
    pub fn queue_limit(mut self, jobs: usize) -> Self {
        self.queue_limit = jobs;
        self
    }

    /// Sets how many bytes a job or an outcome may have.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::smol::Smol;
    /// use anyscope_remote::{ErrorKind, Memory, engine::{Engine, Envelope, JobId, Queue}};
    ///
    /// # smol::block_on(async {
    /// let engine = Memory::builder().payload_limit(1000).build(&Smol);
    /// let large = Envelope::new(JobId::unique(), "square", 1, vec![0; 2000]);
    /// let refused = engine.put(&Queue::from("squares"), vec![large]).await.unwrap_err();
    /// assert!(matches!(refused.kind(), ErrorKind::TooLarge { .. }));
    /// # });
    /// ```
    pub fn payload_limit(mut self, bytes: usize) -> Self {
        self.payload_limit = bytes;
        self
    }

    /// Sets how long outcomes are kept, so that callers may come late and ids are not run again.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{Timer, sim::Sim};
    /// use anyscope_remote::{Memory, engine::{End, Engine, Envelope, JobId, Put, Queue, Settler}};
    /// use std::time::Duration;
    ///
    /// Sim::new(7).run(async |sim| {
    ///     const MINUTE: Duration = Duration::from_secs(60);
    ///     let (engine, queue) = (Memory::builder().keep(MINUTE).build(&sim), Queue::from("squares"));
    ///     let job = Envelope::new(JobId::unique(), "square", 1, vec![]);
    ///     engine.settle(&queue, &job.id, Settler::Caller, End::new(vec![])).await.unwrap();
    ///     assert_eq!(engine.put(&queue, vec![job.clone()]).await.unwrap(), [Put::Known]);
    ///     sim.sleep(2 * MINUTE).await; // it is forgotten by then
    ///     assert_eq!(engine.put(&queue, vec![job]).await.unwrap(), [Put::Stored]);
    /// }).unwrap();
    /// ```
    pub fn keep(mut self, time: Duration) -> Self {
        self.keep = time;
        self
    }

    /// Creates the engine.
    ///
    /// # Examples
    ///
    /// See [`Memory::builder`].
    pub fn build<X>(self, exec: &X) -> Memory
    where
        X: Spawn + Timer<Sleep: Send + 'static> + Clock + Clone + Send + Sync + 'static,
    {
        let Builder { queue_limit, payload_limit, keep } = self;
        let (time, state) = (Time::new(exec), Mutex::default());
        let exec: Arc<dyn Spawn + Send + Sync> = Arc::new(exec.clone());
        let scope = OwnedScope::new(&exec);
        let shared = Arc::new(Shared { state, time, queue_limit, payload_limit, keep, scope });
        Memory { shared, link: None }
    }
}
