//! A pool of workers, as its users see it.

use super::{
    builder::{Builder, InSubmitter, NoTimer},
    crew::Crew,
    error::{JobError, PoolClosed, SubmitError, TrySubmitError},
    shared::Shared,
    shutdown::{Ends, Report, Shutdown, ShuttingDown},
    state::Entry,
    stats::Stats,
    strategy::Route,
    submit::Submit,
    ticket::{Host, Ticket},
};
use crate::{
    cancel::current,
    exec::Spawn,
    flow::{self, Flow, Source},
    unwind,
};
use alloc::{boxed::Box, sync::Arc};
use core::{fmt, hash::Hash};

/// Workers that do jobs, each with a state of its own, and a bounded queue in front of them.
///
/// | to | call | |
/// |---|---|---|
/// | submit a job and wait for its result | [`call(job)`](Self::call) | |
/// | submit a job, and wait for the result later | [`submit(job)`](Self::submit) | waits for room |
/// | the same without waiting | [`try_submit(job)`](Self::try_submit) | returns the job if there is no room |
/// | have all jobs of a key done in order, by the same worker | [`submit_to_key(&key, job)`](Self::submit_to_key) | |
/// | do many jobs | [`map(jobs)`](Self::map) | a flow of results in the order of the jobs |
/// | end it | [`shutdown(Shutdown::Drain)`](Self::shutdown) | waits for the jobs, returns what was done |
/// | look at it | [`stats()`](Self::stats) | |
///
/// Jobs that are closures or futures, of any type of result: [`Call`](super::Call).
///
/// # What a pool promises
///
/// - A job that was submitted is done, whatever becomes of its ticket, unless the pool ends first; its ticket says
///   which. Jobs that a worker takes, it takes in the order in which they were submitted.
/// - Submits that wait for room are served in the order in which they came. A job is in the queue as
///   soon as there is room, also if its submitter is slow to notice.
/// - When a job panics, its ticket has the panic, and its worker is [made anew](Builder::restart). All other jobs
///   are kept.
/// - Nobody waits for a pool that has ended: tickets, submits and shutdowns all return.
/// - Dropping the pool drops all jobs, queued or idle, before it returns; one that is being polled on another thread is
///   dropped right after that poll. [`shutdown`](Self::shutdown) first, to wait.
///
/// A job sees the [context](crate::context) of its submitter.
///
/// Without `std`, where panics are not caught, that of a job propagates from its worker to whoever polls it.
///
/// A job that waits for other jobs of its own pool may wait for ever: for room that it takes up
/// itself, or for a worker that does it. Give such jobs a pool of their own.
///
/// # Sharing
///
/// All methods take `&self`. Children of a scope share an `Arc<Pool<..>>`; the last one that is dropped ends the pool.
///
/// # Examples
///
/// ```
/// use anyscope::{pool::{Pool, Shutdown, worker}, smol::Smol};
///
/// # smol::block_on(async {
/// let pool = Pool::builder(&Smol)
///     .workers(4)
///     .queue(100)
///     .start(async |index| {
///         let seen = Vec::new(); // a connection, a buffer, a model ..
///         worker((index, seen), async |(index, seen): &mut (usize, Vec<u32>), job: u32| {
///             seen.push(job);
///             format!("{job} by worker {index}")
///         })
///     })
///     .unwrap();
///
/// let ticket = pool.submit(1).await.unwrap();
/// let others = pool.map(2..=9).try_collect::<Vec<_>>().await.unwrap();
/// assert!(others[0].starts_with("2 by"));
/// assert!(ticket.await.unwrap().starts_with("1 by"));
///
/// let report = pool.shutdown(Shutdown::Drain).await;
/// assert_eq!(report.dropped, 0);
/// assert_eq!(pool.stats().done, 9);
/// # });
/// ```
pub struct Pool<J, O> {
    pub(super) shared: Arc<Shared<J, O>>,
    pub(super) host: Arc<dyn Host<O>>,
    crew: Box<dyn Crew>,
    workers: usize,
    room: usize,
}

impl Pool<(), ()> {
    /// Returns the builder of a pool whose workers are children on `exec`.
    ///
    /// # Examples
    ///
    /// See [`Pool`].
    pub fn builder<E: Spawn + Clone>(exec: &E) -> Builder<E> {
        Builder::on(exec.clone())
    }

    /// Returns the builder of a pool without an executor: its one worker runs in the tasks that wait for the
    /// pool. For tests, and where there is no executor.
    ///
    /// Jobs are done in the order of their submits, one at a time, while somebody awaits a
    /// ticket, a submit, or the shutdown; while nobody does, nothing runs. All else is as in every pool.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::pool::{Pool, worker};
    ///
    /// # smol::block_on(async {
    /// let pool = Pool::inline()
    ///     .start(async |_| {
    ///         worker(0, async |sum: &mut u32, n: u32| {
    ///             *sum += n;
    ///             *sum
    ///         })
    ///     })
    ///     .unwrap();
    /// let first = pool.submit(1).await.unwrap();
    /// assert_eq!(pool.call(2).await.unwrap(), 3);
    /// assert!(first.is_finished());
    /// # });
    /// ```
    pub fn inline() -> Builder<InSubmitter> {
        Builder::in_submitter()
    }
}

impl<J, O> Pool<J, O> {
    pub(super) fn new(
        shared: Arc<Shared<J, O>>,
        host: Arc<dyn Host<O>>,
        crew: Box<dyn Crew>,
        workers: usize,
        room: usize,
    ) -> Self {
        Pool { shared, host, crew, workers, room }
    }

    /// Submits a job and waits for its result.
    ///
    /// # Cancel safety
    ///
    /// A job that has not begun is dropped with the future. One that has begun goes on, so that the state of its
    /// worker is not left half-way, and its result is dropped.
    ///
    /// # Errors
    ///
    /// Those of a [`Ticket`]. A job that the pool did not take is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{pool::{Pool, worker}, smol::Smol};
    ///
    /// # std::panic::set_hook(Box::new(|_| {}));
    /// # smol::block_on(async {
    /// let pool = Pool::builder(&Smol)
    ///     .start(async |_| {
    ///         worker((), async |_: &mut (), text: &'static str| text.parse::<u32>().unwrap())
    ///     })
    ///     .unwrap();
    /// assert!(pool.call("one").await.unwrap_err().is_panic());
    /// assert_eq!(pool.call("2").await.unwrap(), 2);
    /// # });
    /// ```
    pub async fn call(&self, job: J) -> Result<O, JobError> {
        let mut wanted = Wanted(self.submit(job).withdrawn_on_drop().await?);
        (&mut wanted.0).await
    }

    /// Submits a job, when there is room for it in the queue.
    ///
    /// # Cancel safety
    ///
    /// The job of a submit that is dropped is dropped with it, unless there was room for it by then: it is done
    /// in that case, and its result dropped. [`Submit::cancel`] returns the job if it was not queued. A submit has
    /// its place among those that wait from its first poll on.
    ///
    /// # Errors
    ///
    /// Returns the job in a [`SubmitError`] if the pool takes no more jobs, or stops to while this waits.
    ///
    /// # Examples
    ///
    /// See [`Ticket`].
    ///
    /// ```
    /// use anyscope::{pool::{Pool, worker}, smol::Smol};
    ///
    /// # smol::block_on(async {
    /// let pool = Pool::builder(&Smol)
    ///     .start(async |_| worker((), async |_: &mut (), n: u32| n * n))
    ///     .unwrap();
    /// let mut tickets = Vec::new();
    /// for n in [1, 2, 3] {
    ///     tickets.push(pool.submit(n).await.unwrap()); // waits when the queue is full
    /// }
    /// assert_eq!(tickets.pop().unwrap().await.unwrap(), 9);
    /// # });
    /// ```
    pub fn submit(&self, job: J) -> Submit<'_, J, O> {
        Submit::new(self, job, Route::Any)
    }

    /// Submits a job to the worker of a key: all jobs of a key have the same one, for as long as the
    /// pool lives, and it does them in the order of their submits.
    ///
    /// Several keys share a worker, and a worker does jobs without a key, too. All jobs have one queue: many jobs
    /// for a slow worker may leave no room for those of others.
    ///
    /// # Cancel safety, errors
    ///
    /// Those of [`submit`](Self::submit).
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{pool::{Pool, worker}, smol::Smol};
    /// use std::collections::BTreeMap;
    ///
    /// type Balances = BTreeMap<&'static str, i32>;
    ///
    /// # smol::block_on(async {
    /// // No account is in two workers, so there is nothing to lock.
    /// let pool = Pool::builder(&Smol)
    ///     .start(async |_| {
    ///         worker(Balances::new(), async |all: &mut Balances, (name, amount)| {
    ///             let balance = all.entry(name).or_default();
    ///             *balance += amount;
    ///             *balance
    ///         })
    ///     })
    ///     .unwrap();
    /// let first = pool.submit_to_key("ada", ("ada", 10)).await.unwrap();
    /// let second = pool.submit_to_key("ada", ("ada", -3)).await.unwrap();
    /// assert_eq!((second.await.unwrap(), first.await.unwrap()), (7, 10));
    /// # });
    /// ```
    pub fn submit_to_key<K: Hash + ?Sized>(&self, key: &K, job: J) -> Submit<'_, J, O> {
        Submit::new(self, job, Route::of_key(key, self.workers))
    }

    /// Submits a job, if there is room in the queue right now. Can be called by code that is not
    /// async.
    ///
    /// # Errors
    ///
    /// Returns the job if there is no room, or the pool takes no more jobs.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::pool::{Pool, TrySubmitError, worker};
    ///
    /// let pool = Pool::inline()
    ///     .queue(1)
    ///     .start(async |_| worker((), async |_: &mut (), n: u32| n))
    ///     .unwrap();
    /// let _ticket = pool.try_submit(1).unwrap();
    /// assert!(matches!(pool.try_submit(2), Err(TrySubmitError::Full(2))));
    /// ```
    pub fn try_submit(&self, job: J) -> Result<Ticket<O>, TrySubmitError<J>> {
        self.try_route(job, Route::Any)
    }

    /// As [`try_submit`](Self::try_submit), to the worker of a [key](Self::submit_to_key).
    ///
    /// # Errors
    ///
    /// Those of [`try_submit`](Self::try_submit).
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{pool::{Pool, worker}, smol::Smol};
    ///
    /// let pool = Pool::builder(&Smol)
    ///     .start(async |_| worker(vec![], async |seen: &mut Vec<u32>, n: u32| {
    ///         seen.push(n);
    ///         seen.clone()
    ///     }))
    ///     .unwrap();
    /// let _first = pool.try_submit_to_key("ada", 1).unwrap();
    /// let second = pool.try_submit_to_key("ada", 2).unwrap(); // in order, on the same worker
    /// assert_eq!(smol::block_on(second).unwrap(), [1, 2]);
    /// ```
    pub fn try_submit_to_key<K: Hash + ?Sized>(
        &self,
        key: &K,
        job: J,
    ) -> Result<Ticket<O>, TrySubmitError<J>> {
        self.try_route(job, Route::of_key(key, self.workers))
    }

    fn try_route(&self, job: J, route: Route) -> Result<Ticket<O>, TrySubmitError<J>> {
        let entry = Entry::new(job, route, current::context());
        let slot = entry.slot.clone();
        match self.shared.submit(entry) {
            Ok(()) => Ok(Ticket::new(slot, self.host.clone())),
            Err((entry, None)) => Err(TrySubmitError::Full(entry.job)),
            Err((entry, Some(closed))) => {
                Err(TrySubmitError::Closed(SubmitError::new(entry.job, closed)))
            }
        }
    }

    /// Returns a flow of the results of many jobs, in the order of the jobs.
    ///
    /// Takes jobs from the iterator as the pool gets on with them: never more are under way than
    /// there are workers, and as many again if the queue has room for them. All workers share them, as the
    /// [strategy](Builder::strategy) says. Use [`.unordered()`](Flow::unordered) for results as they come.
    ///
    /// # Cancel safety
    ///
    /// Jobs that have not begun are dropped with the flow; those that have go on.
    ///
    /// # Errors
    ///
    /// Each result is that of [`call`](Self::call).
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{pool::{Pool, worker}, smol::Smol};
    ///
    /// # smol::block_on(async {
    /// let pool = Pool::builder(&Smol)
    ///     .start(async |_| worker((), async |_: &mut (), n: u32| n * n))
    ///     .unwrap();
    /// let squares = pool.map(1..=4).try_collect::<Vec<_>>().await.unwrap();
    /// assert_eq!(squares, [1, 4, 9, 16]);
    /// # });
    /// ```
    pub fn map<I>(&self, jobs: I) -> Flow<impl Source<Item = Result<O, JobError>>>
    where
        I: IntoIterator<Item = J>,
    {
        flow::iter(jobs).map_concurrent(self.under_way(), |job| self.call(job))
    }

    /// Ends the pool: it takes no more jobs from this call on. Returns what was done with those that it has, when
    /// no worker is left.
    ///
    /// Submits that wait for room get their jobs back. With [`Shutdown::Drain`] the jobs that are queued are done,
    /// for as long as a [timeout](ShuttingDown::timeout) allows; with [`Shutdown::Abort`] they are dropped
    /// by this call, and those that run are dropped where they wait. An abort may follow while
    /// another call drains.
    ///
    /// # Cancel safety
    ///
    /// Dropping the returned future takes nothing back: call this again to wait. Several tasks may wait.
    ///
    /// # Panics
    ///
    /// - With a panic of a destructor of a job or of a worker, which nobody else receives: in this call, or in
    ///   the returned future.
    /// - If it is awaited in a job of this pool, which would wait for itself (with `std`).
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{pool::{Pool, Shutdown, worker}, smol::Smol};
    /// use std::{future::pending, time::Duration};
    ///
    /// # smol::block_on(async {
    /// let pool = Pool::builder(&Smol)
    ///     .workers(1)
    ///     .start(async |_| {
    ///         worker((), async |_: &mut (), n: u32| if n == 2 { pending().await } else { n })
    ///     })
    ///     .unwrap();
    /// let tickets: Vec<_> = [1, 2, 3].map(|n| pool.try_submit(n).unwrap()).into();
    /// let report = pool.shutdown(Shutdown::Drain).timeout(&Smol, Duration::from_millis(20)).await;
    /// assert_eq!((report.dropped, report.timed_out), (2, true));
    /// # drop(tickets);
    /// # });
    /// ```
    pub fn shutdown(&self, how: Shutdown) -> ShuttingDown<'_, NoTimer>
    where
        J: Send,
        O: Send,
    {
        match how {
            Shutdown::Drain => self.shared.close(PoolClosed::ShutDown, false),
            Shutdown::Abort => self.abort_with(PoolClosed::ShutDown),
        }
        ShuttingDown::new(self, self.crew.close())
    }

    /// Returns why the pool takes no more jobs, if it does not.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::pool::{Pool, Shutdown, caller};
    ///
    /// # smol::block_on(async {
    /// let pool = Pool::inline().start(async |_| caller(())).unwrap();
    /// assert!(pool.closed().is_none());
    /// pool.shutdown(Shutdown::Drain).await;
    /// assert!(pool.closed().is_some());
    /// # });
    /// ```
    pub fn closed(&self) -> Option<PoolClosed> {
        self.shared.closed()
    }

    /// Returns how many workers the pool has.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{Spawn, pool::{Pool, caller}, smol::Smol};
    ///
    /// let pool = Pool::builder(&Smol).start(async |_| caller(())).unwrap();
    /// assert_eq!(pool.workers(), Smol.parallelism().get());
    /// ```
    pub fn workers(&self) -> usize {
        self.workers
    }

    /// Returns what the pool has done and has to do, at one moment.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::pool::{Pool, WorkerState, worker};
    ///
    /// # smol::block_on(async {
    /// let pool = Pool::inline().start(async |_| worker((), async |_: &mut (), _: ()| {})).unwrap();
    /// let first = pool.submit(()).await.unwrap();
    /// assert_eq!(pool.stats().queued, 1);
    /// first.await.unwrap();
    /// let stats = pool.stats();
    /// assert_eq!((stats.queued, stats.done), (0, 1));
    /// assert_eq!(stats.workers[0].state, WorkerState::Idle);
    /// # });
    /// ```
    pub fn stats(&self) -> Stats {
        self.shared.stats()
    }

    /// How many jobs of a flow are under way at once.
    pub(super) fn under_way(&self) -> usize {
        self.workers.saturating_add(self.room.min(self.workers))
    }

    fn abort_with(&self, closed: PoolClosed) {
        let mut panic = None;
        unwind::keep_first(&mut panic, || self.shared.close(closed, true));
        unwind::keep_first(&mut panic, || self.crew.cancel());
        unwind::resume_unless_panicking(panic);
    }
}

/// A ticket whose job is taken out of the queue when it is dropped.
struct Wanted<O>(Ticket<O>);

impl<O> Drop for Wanted<O> {
    fn drop(&mut self) {
        if !self.0.is_finished() {
            self.0.withdraw();
        }
    }
}

impl<J: Send, O: Send> Ends for Pool<J, O> {
    fn abort(&self) {
        self.abort_with(PoolClosed::ShutDown);
    }

    fn report(&self, timed_out: bool) -> Report {
        Report::new(self.shared.since_closed(), timed_out)
    }
}

impl<J, O> Drop for Pool<J, O> {
    fn drop(&mut self) {
        self.abort_with(PoolClosed::Dropped);
    }
}

impl<J, O> fmt::Debug for Pool<J, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("stats", &self.stats()).finish_non_exhaustive()
    }
}
