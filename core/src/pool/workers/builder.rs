//! How a pool is made.

use super::{
    error::{BuildError, PoolClosed},
    inline::Inline,
    life::{Life, attend},
    pool::Pool,
    shared::Shared,
    strategy::Strategy,
    worker::{IntoWorker, Worker},
};
use crate::{
    cancel::CancelToken,
    exec::Spawn,
    limit::{Capacity, IntoLimit, Limit},
    scope::{OnPanic, OwnedScope, Restart, Restarts},
    time::{Clock, Instant, Timer},
};
use alloc::{boxed::Box, format, sync::Arc};
use core::{
    fmt,
    future::{Future, Pending, pending},
    iter::Repeat,
    num::NonZeroUsize,
    time::Duration,
};

/// Makes a [`Pool`]; see [`Pool::builder`] and [`Pool::inline`].
#[must_use = "a builder does nothing until `start`"]
pub struct Builder<E, T = NoTimer, P = OnPanic, D = Repeat<Duration>> {
    exec: E,
    workers: usize,
    queue: usize,
    strategy: Strategy,
    limit: Capacity,
    token: Option<CancelToken>,
    restart: Restart<T, P, D>,
}

/// In place of an executor, for a pool whose jobs run in the tasks that submit them; see
/// [`Pool::inline`].
#[derive(Clone, Copy, Debug)]
pub struct InSubmitter(());

/// In place of a timer, for a restart at once, and for a shutdown that waits as long as it takes.
///
/// See [`Pool::builder`](super::Pool::builder) and [`Pool::shutdown`](super::Pool::shutdown), which have none unless they are told of one.
#[derive(Clone, Copy, Debug)]
pub struct NoTimer(());

impl NoTimer {
    pub(super) const fn new() -> Self {
        NoTimer(())
    }
}

impl Timer for NoTimer {
    type Sleep = Pending<()>;

    fn sleep(&self, _: Duration) -> Pending<()> {
        pending()
    }
}

/// Always zero.
impl Clock for NoTimer {
    fn now(&self) -> Instant {
        Instant::from_epoch(Duration::ZERO)
    }
}

impl<E: Spawn> Builder<E> {
    pub(super) fn on(exec: E) -> Self {
        let workers = exec.parallelism().get();
        Builder::new(exec, workers)
    }
}

impl Builder<InSubmitter> {
    pub(super) fn in_submitter() -> Self {
        Builder::new(InSubmitter(()), 1)
    }
}

impl<E> Builder<E> {
    fn new(exec: E, workers: usize) -> Self {
        Builder {
            exec,
            workers,
            queue: 100,
            strategy: Strategy::Shared,
            limit: Limit::Unbounded.into(),
            token: None,
            restart: Restart::on_panic(NoTimer::new()),
        }
    }
}

impl<E, T, P, D> Builder<E, T, P, D> {
    /// Sets how many jobs may be queued: 100, unless this is called. Jobs that run do not count.
    ///
    /// With 0, [`start`](Self::start) returns an error.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{pool::{Pool, worker}, smol::Smol};
    /// use std::future::pending;
    ///
    /// # smol::block_on(async {
    /// let pool = Pool::builder(&Smol)
    ///     .workers(1)
    ///     .queue(2)
    ///     .start(async |_| worker((), async |_: &mut (), _: u32| pending::<()>().await))
    ///     .unwrap();
    /// // One may be running by then, and two are queued.
    /// let taken: Vec<_> = (0..10).map_while(|n| pool.try_submit(n).ok()).collect();
    /// assert!(matches!(taken.len(), 2 | 3));
    /// # });
    /// ```
    pub fn queue(mut self, jobs: usize) -> Self {
        self.queue = jobs;
        self
    }

    /// Sets when a worker that has failed is made anew.
    ///
    /// A worker fails when a job of it panics, or when the function that makes it returns an error or
    /// panics. The first is a panic to the policy, and the other two are an `Err`: so
    /// [`Restart::on_failure`] is for all of them, and [`Restart::on_panic`] for jobs only. When there is
    /// no further restart, the pool ends with [`PoolClosed::Failed`]: queued jobs are dropped, submits that wait get
    /// their jobs back, and jobs that other workers have begun end as they would.
    ///
    /// Unless this is called, a worker is made anew at once after a panic of a job, as often as it takes, and
    /// a failed start ends the pool.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{Restart, exponential, pool::{Pool, PoolClosed, worker}, smol::Smol};
    /// use std::time::Duration;
    ///
    /// # smol::block_on(async {
    /// let tick = Duration::from_millis(1);
    /// let pool = Pool::builder(&Smol)
    ///     .restart(Restart::on_failure(Smol).backoff(exponential(tick, 10 * tick)).at_most(3, Duration::MAX))
    ///     .start(async |_| {
    ///         let server: Result<(), _> = Err("connection refused");
    ///         server.map(|server| worker(server, async |_: &mut (), n: u32| n))
    ///     })
    ///     .unwrap();
    /// let failed = pool.call(1).await.unwrap_err();
    /// assert!(failed.to_string().contains("could not be started: connection refused"));
    /// assert!(matches!(pool.closed(), Some(PoolClosed::Failed(_))));
    /// # });
    /// ```
    pub fn restart<T2, P2, D2>(self, policy: Restart<T2, P2, D2>) -> Builder<E, T2, P2, D2>
    where
        P2: Restarts<Life>,
    {
        let Builder { exec, workers, queue, strategy, limit, token, restart: _ } = self;
        Builder { exec, workers, queue, strategy, limit, token, restart: policy }
    }
}

impl<E: Spawn, T, P, D> Builder<E, T, P, D> {
    /// Sets how many workers there are: as many as the executor has [threads](Spawn::parallelism),
    /// unless this is called.
    ///
    /// With 0, [`start`](Self::start) returns an error.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{pool::{Pool, worker}, smol::Smol};
    ///
    /// let pool = Pool::builder(&Smol)
    ///     .workers(4)
    ///     .start(async |_| worker((), async |_: &mut (), n: u32| n + 1))?;
    /// assert_eq!(pool.workers(), 4);
    /// # Ok::<(), anyscope::pool::BuildError>(())
    /// ```
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = workers;
        self
    }

    /// Sets how many jobs run at once: as many as there are workers, unless this is called.
    ///
    /// With a [`LiveLimit`](crate::LiveLimit) or an [`AdaptiveLimit`](crate::AdaptiveLimit), so many workers
    /// are at work as that says at any time, up to all. The others are there, with their states, and are
    /// [parked](super::WorkerState::Parked). When the limit is raised, those for whom there are jobs begin at once. When it is
    /// lowered, nothing is cancelled, and no job begins until fewer than the new limit run.
    ///
    /// Which worker does a job is not changed by the limit: a job with a key, or one that a [`Strategy`] has
    /// given to a worker, waits for that worker, also if it is parked. When there is room for one more, it goes to
    /// the job that was submitted first, of those whose worker is free. So no worker, and no key, is kept waiting
    /// by the jobs of others that came later.
    ///
    /// An adaptive limit learns from calls that it is told of: have the workers make theirs in
    /// [`AdaptiveLimit::call`](crate::AdaptiveLimit::call). A call whose job is aborted, or panics, says nothing.
    ///
    /// # Panics
    ///
    /// Panics if `limit` is 0. For a number that comes from outside, use [`Limit::try_from`].
    ///
    /// # Cost
    ///
    /// While the limit is below the number of workers, each begin and each end of a job looks at all workers.
    ///
    /// # Examples
    ///
    /// Up to 50 connections, of which as many are used at once as the database can take:
    ///
    /// ```
    /// use anyscope::{AdaptiveLimit, limit::adaptive::{Gradient2, Windowed}, pool::{Pool, Worker}, smol::Smol};
    ///
    /// type Adaptive = AdaptiveLimit<Windowed<Gradient2>>;
    ///
    /// # struct Connection;
    /// # impl Connection {
    /// #     async fn query(&mut self, n: u32) -> Result<u32, std::io::Error> { Ok(n) }
    /// # }
    /// struct Client {
    ///     connection: Connection,
    ///     limit: Adaptive,
    /// }
    ///
    /// impl Worker for Client {
    ///     type Job = u32;
    ///     type Output = Result<u32, std::io::Error>;
    ///
    ///     async fn handle(&mut self, n: u32) -> Self::Output {
    ///         self.limit.call(&Smol, self.connection.query(n)).await
    ///     }
    /// }
    ///
    /// # smol::block_on(async {
    /// let limit = Adaptive::new(Windowed::new(Gradient2::builder().max(50).build()?));
    /// let clone = limit.clone();
    /// let pool = Pool::builder(&Smol).workers(50).limit(&limit).start(move |_| {
    ///     let client = Client { connection: Connection, limit: clone.clone() };
    ///     async { client }
    /// })?;
    /// assert_eq!(pool.call(7).await??, 7);
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    #[track_caller]
    pub fn limit(mut self, limit: impl IntoLimit) -> Self {
        self.limit = limit.into_limit().into();
        self
    }

    /// Sets which worker gets a job.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{pool::{Pool, Strategy, worker}, smol::Smol};
    ///
    /// # smol::block_on(async {
    /// let pool = Pool::builder(&Smol)
    ///     .workers(2)
    ///     .strategy(Strategy::RoundRobin)
    ///     .start(async |index| worker(index, async |index: &mut usize, _: ()| *index))
    ///     .unwrap();
    /// for worker in [0, 1, 0] {
    ///     assert_eq!(pool.call(()).await.unwrap(), worker);
    /// }
    /// # });
    /// ```
    pub fn strategy(mut self, strategy: Strategy) -> Self {
        self.strategy = strategy;
        self
    }

    /// Shuts the pool down when `token` is cancelled, as by
    /// [`Shutdown::Drain`](super::Shutdown::Drain): for the token of a scope around the pool.
    ///
    /// # Examples
    ///
    /// A pool inside of a scope. With the token, it takes no more jobs from the moment on when the scope is asked
    /// to end, and those that it has may use the grace; the scope's body is dropped after that, and the pool with it.
    ///
    /// ```
    /// use anyscope::{pool::{Pool, worker}, scope, smol::Smol};
    ///
    /// # smol::block_on(async {
    /// let refused = scope(&Smol, async |s| {
    ///     let pool = Pool::builder(&Smol)
    ///         .until(&s.token())
    ///         .start(async |_| worker((), async |_: &mut (), n: u32| n + 1))
    ///         .unwrap();
    ///     assert_eq!(pool.call(1).await.unwrap(), 2);
    ///     s.cancel("enough");
    ///     pool.call(1).await
    /// });
    /// assert!(refused.await.unwrap_err().is_closed());
    /// # });
    /// ```
    pub fn until(mut self, token: &CancelToken) -> Self {
        self.token = Some(token.clone());
        self
    }

    /// Starts the workers, and returns the pool, which takes jobs at once.
    ///
    /// `make` makes the state of a worker, given its index: when the pool starts, and again after a failure of
    /// that worker. It returns a [`Worker`], or a `Result` of one.
    ///
    /// # Errors
    ///
    /// Fails if the pool was to have no workers, or no room in its queue.
    ///
    /// # Examples
    ///
    /// See [`Pool`].
    pub fn start<F, Fut, W>(self, make: F) -> Result<Pool<W::Job, W::Output>, BuildError>
    where
        E: Clone + Send + Sync + 'static,
        F: Fn(usize) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: IntoWorker<Worker = W>> + Send + 'static,
        W: Worker,
        T: Timer<Sleep: Send> + Clock + Clone + Send + 'static,
        P: Restarts<Life> + Clone + Send + 'static,
        D: Iterator<Item = Duration> + Clone + Send + 'static,
    {
        let shared = self.shared()?;
        let scope = OwnedScope::new(&self.exec);
        let make = Arc::new(make);
        for index in 0..self.workers {
            let life = attend(shared.clone(), index, self.restart.clone(), make.clone());
            scope.spawn_named_host(format!("worker {index}"), life);
        }
        if let Some(token) = self.token {
            let shared = shared.clone();
            scope.spawn_daemon(async move {
                token.cancelled().await;
                shared.close(PoolClosed::ShutDown, false);
            });
        }
        Ok(Pool::new(shared.clone(), shared, Box::new(scope), self.workers, self.queue))
    }
}

impl<T, P, D> Builder<InSubmitter, T, P, D> {
    /// Returns the pool, which takes jobs at once. The worker is made when somebody waits for the
    /// first result.
    ///
    /// # Errors
    ///
    /// Fails if the pool was to have no room in its queue.
    ///
    /// # Examples
    ///
    /// See [`Pool::inline`].
    pub fn start<F, Fut, W>(self, make: F) -> Result<Pool<W::Job, W::Output>, BuildError>
    where
        F: Fn(usize) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: IntoWorker<Worker = W>> + Send + 'static,
        W: Worker,
        T: Timer<Sleep: Send> + Clock + Clone + Send + 'static,
        P: Restarts<Life> + Clone + Send + 'static,
        D: Iterator<Item = Duration> + Clone + Send + 'static,
    {
        let shared = self.shared()?;
        let life = attend(shared.clone(), 0, self.restart, Arc::new(make));
        let inline = Inline::new(shared.clone(), Box::pin(life));
        Ok(Pool::new(shared, inline.clone(), Box::new(inline), self.workers, self.queue))
    }
}

impl<E, T, P, D> Builder<E, T, P, D> {
    fn shared<J, O>(&self) -> Result<Arc<Shared<J, O>>, BuildError>
    where
        J: Send + 'static,
        O: Send + 'static,
    {
        let workers = NonZeroUsize::new(self.workers).ok_or(BuildError::NoWorkers)?;
        let room = NonZeroUsize::new(self.queue).ok_or(BuildError::NoRoom)?;
        let (limit, token) = (self.limit.clone(), self.token.clone());
        Ok(Shared::new(workers.get(), room.get(), self.strategy, limit, token))
    }
}

impl<E, T, P: fmt::Debug, D> fmt::Debug for Builder<E, T, P, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("workers", &self.workers)
            .field("queue", &self.queue)
            .field("strategy", &self.strategy)
            .field("limit", &self.limit.limit())
            .field("restart", &self.restart)
            .finish_non_exhaustive()
    }
}
