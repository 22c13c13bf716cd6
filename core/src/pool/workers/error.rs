//! Why there is no result, no room, or no pool.

use crate::child::Panic;
use alloc::{string::String, sync::Arc};
use core::{error::Error, fmt};

/// Why a pool takes no more jobs.
///
/// # Examples
///
/// ```
/// use anyscope::{pool::{Pool, PoolClosed, Shutdown, caller}, smol::Smol};
///
/// let pool = Pool::builder(&Smol).start(async |_| caller(())).unwrap();
/// smol::block_on(pool.shutdown(Shutdown::Drain));
/// match pool.closed() {
///     Some(PoolClosed::ShutDown) => {} // as was asked for
///     Some(PoolClosed::Failed(worker)) => panic!("{worker}"),
///     other => panic!("{other:?}"),
/// }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum PoolClosed {
    /// [`shutdown`](super::Pool::shutdown) was called, or the token of the pool was cancelled.
    ShutDown,
    /// The pool was dropped.
    Dropped,
    /// A worker failed, and the restart policy of the pool gave no further restart.
    Failed(WorkerFailed),
    /// The executor dropped a worker: it refused it, or was shut down.
    ExecutorGone,
}

/// How a worker failed for the last time.
///
/// See [`start_error`](Self::start_error).
#[derive(Clone, Debug)]
pub struct WorkerFailed {
    pub(super) index: usize,
    pub(super) failure: Failure,
}

#[derive(Clone, Debug)]
pub(super) enum Failure {
    /// The function that makes workers returned an error.
    Start(Arc<dyn Error + Send + Sync>),
    /// The function that makes workers panicked.
    StartPanicked(Option<String>),
    /// A job panicked.
    Panicked(Option<String>),
}

impl WorkerFailed {
    /// Returns the index of the worker.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{Restart, pool::{Pool, PoolClosed, worker}, smol::Smol};
    /// use std::time::Duration;
    ///
    /// # smol::block_on(async {
    /// let pool = Pool::builder(&Smol)
    ///     .workers(1)
    ///     .restart(Restart::on_failure(Smol).at_most(0, Duration::MAX))
    ///     .start(async |_| worker((), async |_: &mut (), n: u32| assert_ne!(n, 0)))
    ///     .unwrap();
    /// assert!(pool.call(0).await.unwrap_err().is_panic());
    /// assert!(pool.call(1).await.unwrap_err().is_closed());
    /// let Some(PoolClosed::Failed(failed)) = pool.closed() else { unreachable!() };
    /// assert_eq!((failed.index(), failed.is_start()), (0, false));
    /// # });
    /// ```
    pub fn index(&self) -> usize {
        self.index
    }

    /// Returns whether it failed when it was made, and not in a job.
    ///
    /// # Examples
    ///
    /// See [`index`](Self::index).
    pub fn is_start(&self) -> bool {
        !matches!(self.failure, Failure::Panicked(_))
    }

    /// Returns the error of the function that makes workers, if it returned one.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{Restart, pool::{Pool, PoolClosed, worker}, smol::Smol};
    /// use std::{io, time::Duration};
    ///
    /// # smol::block_on(async {
    /// let pool = Pool::builder(&Smol)
    ///     .restart(Restart::on_failure(Smol).at_most(0, Duration::MAX))
    ///     .start(async |_| {
    ///         let socket = Err::<(), _>(io::Error::from(io::ErrorKind::ConnectionRefused));
    ///         socket.map(|socket| worker(socket, async |_: &mut (), _: u32| {}))
    ///     })
    ///     .unwrap();
    /// assert!(pool.call(1).await.is_err());
    /// let Some(PoolClosed::Failed(failed)) = pool.closed() else { unreachable!() };
    /// let error = failed.start_error().unwrap().downcast_ref::<io::Error>().unwrap();
    /// assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    /// # });
    /// ```
    pub fn start_error(&self) -> Option<&(dyn Error + Send + Sync + 'static)> {
        match &self.failure {
            Failure::Start(error) => Some(&**error),
            _ => None,
        }
    }
}

impl fmt::Display for WorkerFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "worker {} ", self.index)?;
        let message = match &self.failure {
            Failure::Start(error) => return write!(f, "could not be started: {error}"),
            Failure::StartPanicked(message) => {
                f.write_str("panicked when it was started")?;
                message
            }
            Failure::Panicked(message) => {
                f.write_str("panicked")?;
                message
            }
        };
        match message {
            Some(message) => write!(f, ": {message}"),
            None => Ok(()),
        }
    }
}

impl Error for WorkerFailed {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.start_error().map(|error| error as &(dyn Error + 'static))
    }
}

impl fmt::Display for PoolClosed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PoolClosed::ShutDown => f.write_str("the pool was shut down"),
            PoolClosed::Dropped => f.write_str("the pool was dropped"),
            PoolClosed::Failed(failed) => {
                write!(f, "the pool has ended, as {failed}, and its policy gave no further restart")
            }
            PoolClosed::ExecutorGone => {
                f.write_str("the pool has ended, as the executor dropped a worker of it")
            }
        }
    }
}

impl Error for PoolClosed {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            PoolClosed::Failed(failed) => Some(failed),
            _ => None,
        }
    }
}

/// Why a job has no result.
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
///         worker((), async |_: &mut (), n: u32| 100_u32.checked_div(n).expect("not zero"))
///     })
///     .unwrap();
/// assert_eq!(pool.call(4).await.unwrap(), 25);
/// assert!(pool.call(0).await.unwrap_err().is_panic());
/// // The worker was made anew.
/// assert_eq!(pool.call(5).await.unwrap(), 20);
/// # });
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum JobError {
    /// The job panicked. Its worker was replaced by a new one.
    Panicked(Panic),
    /// [`Ticket::abort`](super::Ticket::abort) ended the job.
    Aborted,
    /// The pool ended before the job did.
    Closed(PoolClosed),
    /// The result was taken from this ticket before.
    Taken,
}

impl JobError {
    /// Returns whether the job panicked.
    ///
    /// # Examples
    ///
    /// See [`JobError`].
    pub fn is_panic(&self) -> bool {
        matches!(self, JobError::Panicked(_))
    }

    /// Returns whether the pool ended before the job did.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{pool::{Pool, Shutdown, caller}, smol::Smol};
    ///
    /// # smol::block_on(async {
    /// let pool = Pool::builder(&Smol).start(async |_| caller(())).unwrap();
    /// pool.shutdown(Shutdown::Drain).await;
    /// assert!(pool.run(async { "too late" }).await.unwrap_err().is_closed());
    /// # });
    /// ```
    pub fn is_closed(&self) -> bool {
        matches!(self, JobError::Closed(_))
    }
}

impl fmt::Display for JobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            JobError::Panicked(panic) => match panic.message() {
                Some(message) => write!(f, "the job panicked: {message}"),
                None => f.write_str("the job panicked"),
            },
            JobError::Aborted => f.write_str("the job was aborted by its ticket"),
            JobError::Closed(closed) => write!(f, "the job was not done: {closed}"),
            JobError::Taken => f.write_str("the result was already taken from this ticket"),
        }
    }
}

/// As for [`ScopeError`](crate::ScopeError), the message contains that of the inner error.
impl Error for JobError {}

/// The error of a submit: the pool takes no more jobs. Contains the job.
///
/// # Examples
///
/// ```
/// use anyscope::{pool::{Pool, Shutdown, worker}, smol::Smol};
///
/// # smol::block_on(async {
/// let pool = Pool::builder(&Smol)
///     .start(async |_| worker((), async |_: &mut (), line: String| line.len()))
///     .unwrap();
/// pool.shutdown(Shutdown::Drain).await;
/// let refused = pool.submit("a line".to_owned()).await.unwrap_err();
/// assert_eq!(refused.into_job(), "a line"); // it can go elsewhere
/// # });
/// ```
pub struct SubmitError<J> {
    job: J,
    closed: PoolClosed,
}

impl<J> SubmitError<J> {
    pub(super) fn new(job: J, closed: PoolClosed) -> Self {
        SubmitError { job, closed }
    }

    /// Returns why the pool takes no more jobs.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{pool::{Pool, PoolClosed, Shutdown, worker}, smol::Smol};
    ///
    /// # smol::block_on(async {
    /// let pool = Pool::builder(&Smol)
    ///     .start(async |_| worker((), async |_: &mut (), n: u32| n))
    ///     .unwrap();
    /// pool.shutdown(Shutdown::Drain).await;
    /// let refused = pool.submit(1).await.unwrap_err();
    /// assert!(matches!(refused.closed(), PoolClosed::ShutDown));
    /// # });
    /// ```
    pub fn closed(&self) -> &PoolClosed {
        &self.closed
    }

    /// Returns the job that was not taken.
    ///
    /// # Examples
    ///
    /// See [`SubmitError`].
    pub fn into_job(self) -> J {
        self.job
    }

    /// Returns the job, and why it was not taken.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{pool::{Pool, PoolClosed, Shutdown, worker}, smol::Smol};
    ///
    /// # smol::block_on(async {
    /// let pool = Pool::builder(&Smol)
    ///     .start(async |_| worker((), async |_: &mut (), n: u32| n))
    ///     .unwrap();
    /// pool.shutdown(Shutdown::Drain).await;
    /// let (job, why) = pool.submit(1).await.unwrap_err().into_parts();
    /// assert!(job == 1 && matches!(why, PoolClosed::ShutDown));
    /// # });
    /// ```
    pub fn into_parts(self) -> (J, PoolClosed) {
        (self.job, self.closed)
    }
}

impl<J> fmt::Debug for SubmitError<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SubmitError").field("closed", &self.closed).finish_non_exhaustive()
    }
}

impl<J> fmt::Display for SubmitError<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; `into_job` returns the job", self.closed)
    }
}

impl<J> Error for SubmitError<J> {}

/// The job is dropped.
impl<J> From<SubmitError<J>> for JobError {
    fn from(error: SubmitError<J>) -> Self {
        JobError::Closed(error.closed)
    }
}

/// The error of [`try_submit`](super::Pool::try_submit). Contains the job.
///
/// # Examples
///
/// ```
/// use anyscope::pool::{Pool, worker};
///
/// # smol::block_on(async {
/// let pool = Pool::inline()
///     .queue(1)
///     .start(async |_| worker((), async |_: &mut (), n: u32| n + 1))
///     .unwrap();
/// let first = pool.try_submit(1).unwrap();
/// let refused = pool.try_submit(2).unwrap_err();
/// assert!(refused.is_full());
/// assert_eq!(first.await.unwrap(), 2);
/// // Now there is room for it.
/// assert_eq!(pool.call(refused.into_job()).await.unwrap(), 3);
/// # });
/// ```
pub enum TrySubmitError<J> {
    /// The queue of the pool is full.
    Full(J),
    /// The pool takes no more jobs.
    Closed(SubmitError<J>),
}

impl<J> TrySubmitError<J> {
    /// Returns the job that was not taken.
    ///
    /// # Examples
    ///
    /// See [`TrySubmitError`].
    pub fn into_job(self) -> J {
        match self {
            TrySubmitError::Full(job) => job,
            TrySubmitError::Closed(error) => error.into_job(),
        }
    }

    /// Returns whether the queue is full.
    ///
    /// # Examples
    ///
    /// See [`TrySubmitError`].
    pub fn is_full(&self) -> bool {
        matches!(self, TrySubmitError::Full(_))
    }

    /// Returns whether the pool takes no more jobs.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::pool::{Pool, Shutdown, worker};
    ///
    /// # smol::block_on(async {
    /// let pool = Pool::inline()
    ///     .start(async |_| worker((), async |_: &mut (), n: u32| n))
    ///     .unwrap();
    /// pool.shutdown(Shutdown::Drain).await;
    /// let refused = pool.try_submit(1).unwrap_err();
    /// assert!(refused.is_closed() && !refused.is_full()); // no use to try again
    /// # });
    /// ```
    pub fn is_closed(&self) -> bool {
        matches!(self, TrySubmitError::Closed(_))
    }
}

impl<J> fmt::Debug for TrySubmitError<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TrySubmitError::Full(_) => f.write_str("Full(..)"),
            TrySubmitError::Closed(error) => f.debug_tuple("Closed").field(error).finish(),
        }
    }
}

impl<J> fmt::Display for TrySubmitError<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TrySubmitError::Full(_) => f.write_str(
                "the queue of the pool is full; try later, or await `submit`; `into_job` returns the job",
            ),
            TrySubmitError::Closed(error) => error.fmt(f),
        }
    }
}

impl<J> Error for TrySubmitError<J> {}

/// The error of a builder: with these numbers no job would ever be done.
///
/// # Examples
///
/// ```
/// use anyscope::{pool::{BuildError, Pool, caller}, smol::Smol};
///
/// let none = Pool::builder(&Smol).workers(0).start(async |_| caller(())).unwrap_err();
/// assert_eq!(none, BuildError::NoWorkers);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BuildError {
    /// The pool has no workers.
    NoWorkers,
    /// The queue has no room for a job.
    NoRoom,
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BuildError::NoWorkers => "a pool of 0 workers would do nothing; use at least 1",
            BuildError::NoRoom => "a queue of 0 would take no job; use at least 1",
        })
    }
}

impl Error for BuildError {}
