//! What callers have.

use super::{
    call::{End, ProcessCall, Request},
    place::Place,
    process::OnOutput,
};
use crate::{
    Codec, Job,
    engine::{Envelope, JobId},
};
use anyscope_core::{exponential, time::IntoDelays};
use std::{
    collections::VecDeque,
    env, fmt, io,
    num::NonZeroU32,
    process::Command,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

/// Processes of this machine that do jobs: for work that may crash, hang or leak, or that uses a library that is not to be trusted with the memory of this one.
///
/// There is no engine and nothing is stored. A process that ends is an error of the job it had, and of no other; the next job has a new one. Dropping a call kills the
/// process that has its job.
///
/// The processes are this program, started anew: [`Child::run`](super::Child::run) belongs at the beginning of `main`. They are started when there are jobs
/// for them, and end with the pool, or when this process does. What is said to them goes over a pair of sockets that nobody else can reach; what they print is
/// kept apart, and is in the error of a job whose process has ended.
///
/// On Unix only.
///
/// # Examples
///
/// ```no_run
/// use anyscope_remote::{Job, Json, ProcessError, ProcessPool, processes::Child};
///
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct Divide(i32, i32);
///
/// impl Job for Divide {
///     const NAME: &'static str = "divide";
///     type Output = i32;
///     type Error = String;
///     type Codec = Json;
/// }
///
/// fn main() {
///     Child::new()
///         .job(|Divide(a, b)| {
///             if b == 7 {
///                 std::process::abort();
///             }
///             a.checked_div(b).ok_or_else(|| "no number".to_owned())
///         })
///         .run();
///
///     let pool = ProcessPool::new(4);
///     smol::block_on(async {
///         assert_eq!(pool.call(Divide(12, 4)).await.unwrap(), 3);
///         let aborted = pool.call(Divide(12, 7)).await;
///         assert!(matches!(aborted, Err(ProcessError::Exited { .. })));
///         assert_eq!(pool.call(Divide(12, 3)).await.unwrap(), 4);
///     });
/// }
/// ```
#[derive(Clone)]
pub struct ProcessPool(Arc<Shared>);

impl ProcessPool {
    /// Creates a pool of so many processes, at most. See [`builder`](Self::builder) for more that can be said.
    ///
    /// # Panics
    ///
    /// Panics if `processes` is zero, or the system starts no thread.
    ///
    /// # Examples
    ///
    /// See [`ProcessPool`].
    #[track_caller]
    pub fn new(processes: usize) -> Self {
        ProcessPool::builder(processes).start().expect("the system starts a thread")
    }

    /// Creates what sets up a pool.
    ///
    /// # Panics
    ///
    /// Panics if `processes` is zero.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope_remote::ProcessPool;
    /// use std::time::Duration;
    ///
    /// let pool = ProcessPool::builder(4).timeout(Duration::from_secs(10)).start()?;
    /// # drop(pool);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn builder(processes: usize) -> Builder {
        assert!(processes > 0, "a pool without processes does nothing");
        let delays = exponential(Duration::from_millis(10), Duration::from_secs(1));
        Builder {
            processes,
            settings: Settings {
                command: Box::new(|| env::current_exe().map(Command::new)),
                limit: None,
                jobs_per_process: None,
                restart: delays_of(delays.into_delays()),
                on_output: None,
            },
        }
    }

    /// Returns a future of what a process makes of this job.
    ///
    /// Jobs are begun in the order in which their futures are polled first, as places become free; so a flow bounds how many wait.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future kills the process that has the job, or takes it out of the queue.
    ///
    /// # Examples
    ///
    /// See [`ProcessPool`].
    pub fn call<J: Job>(&self, job: J) -> ProcessCall<J> {
        let encoded = J::Codec::encode(&job)
            .map(|payload| Envelope::new(JobId::unique(), J::NAME, J::VERSION, payload).to_bytes());
        ProcessCall::new(self.0.clone(), encoded)
    }
}

/// What can be said of a pool before it starts; from [`ProcessPool::builder`].
///
/// See [`ProcessPool::builder`].
#[must_use = "a builder does nothing unless it is started"]
pub struct Builder {
    processes: usize,
    settings: Settings,
}

pub(super) struct Settings {
    pub(super) command: Box<dyn Fn() -> io::Result<Command> + Send + Sync>,
    pub(super) limit: Option<Duration>,
    pub(super) jobs_per_process: Option<NonZeroU32>,
    /// How long to wait after so many processes that have done nothing.
    pub(super) restart: Box<dyn Fn(u32) -> Option<Duration> + Send + Sync>,
    pub(super) on_output: Option<OnOutput>,
}

impl Builder {
    /// Starts processes with this, instead of this program without arguments. Their inputs and outputs are the pool's.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope_remote::{ProcessError, ProcessPool};
    /// use std::process::Command;
    ///
    /// # smol::block_on(async {
    /// # use anyscope_remote::{Job, Json};
    /// # #[derive(serde::Serialize, serde::Deserialize)]
    /// # struct Square(u64);
    /// # impl Job for Square {
    /// #     const NAME: &'static str = "square";
    /// #     type Output = u64;
    /// #     type Error = String;
    /// #     type Codec = Json;
    /// # }
    /// // `Square` is the job of the example at `Remote`.
    /// // Another program than this one, with this environment:
    /// let pool = ProcessPool::builder(1)
    ///     .command(|| {
    ///         let mut command = Command::new("no-such-worker");
    ///         command.env("RUST_LOG", "info");
    ///         command
    ///     })
    ///     .start()
    ///     .unwrap();
    /// let failed = pool.call(Square(7)).await;
    /// assert!(matches!(failed, Err(ProcessError::NotStarted(_))));
    /// # });
    /// ```
    pub fn command(mut self, command: impl Fn() -> Command + Send + Sync + 'static) -> Self {
        self.settings.command = Box::new(move || Ok(command()));
        self
    }

    /// Kills a process whose job takes longer.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope_remote::{ProcessError, ProcessPool};
    /// use std::{process::Command, time::Duration};
    ///
    /// # smol::block_on(async {
    /// # use anyscope_remote::{Job, Json};
    /// # #[derive(serde::Serialize, serde::Deserialize)]
    /// # struct Square(u64);
    /// # impl Job for Square {
    /// #     const NAME: &'static str = "square";
    /// #     type Output = u64;
    /// #     type Error = String;
    /// #     type Codec = Json;
    /// # }
    /// // `Square` is the job of the example at `Remote`.
    /// let pool = ProcessPool::builder(1)
    ///     .timeout(Duration::from_millis(50))
    ///     .command(|| {
    ///         let mut hangs = Command::new("sleep");
    ///         hangs.arg("60");
    ///         hangs
    ///     })
    ///     .start()
    ///     .unwrap();
    /// assert!(matches!(pool.call(Square(7)).await, Err(ProcessError::TimedOut { .. })));
    /// # });
    /// ```
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.settings.limit = Some(limit);
        self
    }

    /// Ends a process after so many jobs, and starts another one: for code that leaks.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope_remote::ProcessPool;
    /// use std::num::NonZeroU32;
    ///
    /// // What the library of the job leaks is gone after 100 jobs.
    /// let pool = ProcessPool::builder(4).jobs_per_process(NonZeroU32::new(100).unwrap()).start()?;
    /// # drop(pool);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn jobs_per_process(mut self, jobs: NonZeroU32) -> Self {
        self.settings.jobs_per_process = Some(jobs);
        self
    }

    /// Waits so long before a place of the pool starts another process, when those before it ended without having done a job: 10 ms to a second otherwise, each time
    /// twice as long. If the delays end, so does the place; without places, each call is [`GivenUp`](super::ProcessError::GivenUp).
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope_remote::{ProcessError, ProcessPool};
    /// use std::{process::Command, time::Duration};
    ///
    /// # smol::block_on(async {
    /// # use anyscope_remote::{Job, Json};
    /// # #[derive(serde::Serialize, serde::Deserialize)]
    /// # struct Square(u64);
    /// # impl Job for Square {
    /// #     const NAME: &'static str = "square";
    /// #     type Output = u64;
    /// #     type Error = String;
    /// #     type Codec = Json;
    /// # }
    /// // `Square` is the job of the example at `Remote`.
    /// // `false` ends at once; after a second time the pool gives up.
    /// let pool = ProcessPool::builder(1)
    ///     .command(|| Command::new("false"))
    ///     .restart([Duration::ZERO])
    ///     .start()
    ///     .unwrap();
    /// while !matches!(pool.call(Square(7)).await, Err(ProcessError::GivenUp)) {}
    /// # });
    /// ```
    pub fn restart<K, D>(mut self, delays: D) -> Self
    where
        D: IntoDelays<K, Delays: Clone + Send + Sync + 'static>,
    {
        self.settings.restart = delays_of(delays.into_delays());
        self
    }

    /// Calls `hear` with the id of a process and what it prints, on either output, as it comes. It is called by a thread of the pool, one for each process.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope_remote::ProcessPool;
    /// use std::{process::Command, sync::mpsc};
    ///
    /// # smol::block_on(async {
    /// # use anyscope_remote::{Job, Json};
    /// # #[derive(serde::Serialize, serde::Deserialize)]
    /// # struct Square(u64);
    /// # impl Job for Square {
    /// #     const NAME: &'static str = "square";
    /// #     type Output = u64;
    /// #     type Error = String;
    /// #     type Codec = Json;
    /// # }
    /// // `Square` is the job of the example at `Remote`.
    /// let (log, heard) = mpsc::channel();
    /// let pool = ProcessPool::builder(1)
    ///     .command(|| {
    ///         let mut says = Command::new("echo");
    ///         says.arg("no licence");
    ///         says
    ///     })
    ///     .on_output(move |_process, bytes| log.send(bytes.to_vec()).unwrap())
    ///     .start()
    ///     .unwrap();
    /// assert!(pool.call(Square(7)).await.is_err());
    /// assert_eq!(heard.recv().unwrap(), b"no licence\n");
    /// # });
    /// ```
    pub fn on_output(mut self, hear: impl Fn(u32, &[u8]) + Send + Sync + 'static) -> Self {
        self.settings.on_output = Some(Arc::new(hear));
        self
    }

    /// Starts the pool, with a thread for each process there may be.
    ///
    /// # Errors
    ///
    /// If the system starts no thread.
    ///
    /// # Examples
    ///
    /// See [`ProcessPool::builder`].
    pub fn start(self) -> io::Result<ProcessPool> {
        let queue = Arc::new(Queue::default());
        // Those that were started end if another one is not.
        let pool = ProcessPool(Arc::new(Shared(queue.clone())));
        let settings = Arc::new(self.settings);
        for _ in 0..self.processes {
            let place = Place::new(queue.clone(), settings.clone());
            queue.lock().places += 1;
            thread::Builder::new().name("anyscope-process".to_owned()).spawn(|| place.work())?;
        }
        Ok(pool)
    }
}

fn delays_of<D>(delays: D) -> Box<dyn Fn(u32) -> Option<Duration> + Send + Sync>
where
    D: Iterator<Item = Duration> + Clone + Send + Sync + 'static,
{
    Box::new(move |nth| delays.clone().nth(nth.saturating_sub(1) as usize))
}

/// What handles and calls share. Places have the queue alone, so they end when this is dropped.
pub(super) struct Shared(Arc<Queue>);

impl Shared {
    pub(super) fn ask(&self, request: &Arc<Request>) {
        let mut state = self.0.lock();
        if state.places == 0 {
            drop(state);
            return request.finish(End::GivenUp);
        }
        state.waiting.push_back(request.clone());
        drop(state);
        self.0.more.notify_one();
    }

    pub(super) fn forget(&self, request: &Arc<Request>) {
        self.0.lock().waiting.retain(|waiting| !Arc::ptr_eq(waiting, request));
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.more.notify_all();
    }
}

/// Jobs that wait for a process.
#[derive(Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    more: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Arc<Request>>,
    places: usize,
    closed: bool,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a job. Returns none when the pool is gone.
    pub(super) fn next(&self) -> Option<Arc<Request>> {
        let mut state = self.lock();
        loop {
            match state.waiting.pop_front() {
                Some(request) if request.is_abandoned() => {}
                Some(request) => return Some(request),
                None if state.closed => return None,
                None => state = self.more.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    /// Waits so long, but not for a pool that is gone.
    pub(super) fn pause(&self, time: Duration) {
        let (until, mut state) = (Instant::now() + time, self.lock());
        while !state.closed {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let waited = self.more.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        let other = !state.waiting.is_empty();
        drop(state);
        // A word that was meant for one that takes jobs.
        if other {
            self.more.notify_one();
        }
    }

    /// Takes a place away.
    pub(super) fn give_up(&self) {
        let waiting = {
            let mut state = self.lock();
            state.places -= 1;
            if state.places > 0 {
                self.more.notify_one();
                return;
            }
            std::mem::take(&mut state.waiting)
        };
        waiting.iter().for_each(|request| request.finish(End::GivenUp));
    }
}

impl fmt::Debug for ProcessPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.0.0.lock();
        f.debug_struct("ProcessPool")
            .field("places", &state.places)
            .field("waiting", &state.waiting.len())
            .finish()
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("processes", &self.processes).finish_non_exhaustive()
    }
}
