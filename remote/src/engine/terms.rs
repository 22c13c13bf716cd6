//! What is said between engines and those above them.

use super::{
    envelope::Envelope,
    names::{CallerId, JobId, LeaseId, WorkerName},
};
use anyscope_core::Limit;
use std::{fmt, time::Duration};

/// What became of a job that was [put](super::Engine::put).
///
/// See [`Engine`](super::Engine).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// It is stored now.
    Stored,
    /// A job with its id is there already, with or without an outcome. That one stays as it is.
    Known,
}

/// What a worker asks for.
///
/// See [`Engine`](super::Engine).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Ask {
    /// How many jobs it has places for. At least one.
    pub free: usize,
    /// How many leases may be held of the queue at once, by all workers together.
    pub everywhere: Limit,
    /// How long each lease is.
    pub lease: Duration,
    /// How long to wait for the first job before none are returned.
    pub wait: Duration,
    /// Who asks.
    pub worker: WorkerName,
}

impl Ask {
    /// Asks for up to `free` jobs, without a limit over all workers.
    ///
    /// # Examples
    ///
    /// See [`Engine`](super::Engine).
    pub fn new(free: usize, lease: Duration, wait: Duration, worker: WorkerName) -> Self {
        Ask { free, everywhere: Limit::Unbounded, lease, wait, worker }
    }
}

/// A job that is leased to a worker.
///
/// See [`Engine`](super::Engine).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Leased {
    /// Which lease it is.
    pub lease: LeaseId,
    /// The job.
    pub envelope: Envelope,
    /// Which attempt this is: 1 for the first. Leases that ran out count, and those that were given back unless [`Again::counts`] is
    /// false.
    pub attempt: u32,
    /// Greater with each lease of the job, whether it counts or not. What handlers fence their writes with.
    pub epoch: u64,
    /// How long ago it was put, by the clock of the engine.
    pub waited: Duration,
}

impl Leased {
    /// Creates one.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope_remote::engine::{Envelope, JobId, LeaseId, Leased};
    /// use std::time::Duration;
    ///
    /// // In an engine, of what it has stored:
    /// let envelope = Envelope::new(JobId::unique(), "square", 1, b"7".to_vec());
    /// let leased = Leased::new(LeaseId::new("17:3"), envelope, 2, 3, Duration::from_secs(5));
    /// assert_eq!((leased.attempt, leased.epoch), (2, 3));
    /// ```
    pub fn new(
        lease: LeaseId,
        envelope: Envelope,
        attempt: u32,
        epoch: u64,
        waited: Duration,
    ) -> Self {
        Leased { lease, envelope, attempt, epoch, waited }
    }
}

/// Whether a lease is still held.
///
/// See [`Engine`](super::Engine).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// It was extended.
    Yes,
    /// It was extended, but the job has its outcome: whoever runs it should end. The place counts until the lease is
    /// [given back](super::Engine::give_back).
    Settled,
    /// It has run out, or another worker has the job.
    Lost,
}

/// Who settles.
///
/// See [`Engine`](super::Engine).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settler {
    /// The worker with this lease. The lease ends with it.
    Worker(LeaseId),
    /// The caller, or somebody in its name. A lease that a worker has stays with it until it gives it back.
    Caller,
}

/// An outcome, for the engine to keep. What is in it is between workers and callers.
///
/// See [`Engine`](super::Engine).
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct End {
    /// The outcome.
    pub bytes: Vec<u8>,
    /// Whether the job is a dead letter, to be looked at by people.
    pub dead: bool,
}

impl End {
    /// Creates one that is no dead letter.
    ///
    /// # Examples
    ///
    /// See [`Engine`](super::Engine).
    pub fn new(bytes: Vec<u8>) -> Self {
        End { bytes, dead: false }
    }

    /// Creates one of a dead letter.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope_remote::engine::End;
    ///
    /// assert!(End::dead(b"why".to_vec()).dead);
    /// assert!(!End::new(b"49".to_vec()).dead);
    /// ```
    pub fn dead(bytes: Vec<u8>) -> Self {
        End { bytes, dead: true }
    }
}

/// Without the outcome, which may have secrets.
impl fmt::Debug for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = format_args!("{} bytes", self.bytes.len()).to_string();
        f.debug_struct("End").field("bytes", &bytes).field("dead", &self.dead).finish()
    }
}

/// Who was first to settle a job.
///
/// See [`Engine`](super::Engine).
#[derive(Clone, PartialEq, Eq)]
pub enum Settled {
    /// This settler was; its outcome is stored.
    First,
    /// Somebody else was, or this settler, when it was not heard: here is what is stored.
    Already(Vec<u8>),
    /// Nobody yet, but the lease is lost, so this outcome was not taken. Not said to callers.
    LeaseLost,
}

impl fmt::Debug for Settled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Settled::First => f.write_str("First"),
            Settled::Already(bytes) => write!(f, "Already({} bytes)", bytes.len()),
            Settled::LeaseLost => f.write_str("LeaseLost"),
        }
    }
}

/// How a lease is given back.
///
/// See [`now`](Self::now) and [`after`](Self::after).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Again {
    /// How long until the job may be leased again.
    pub after: Duration,
    /// Whether the lease was an attempt. An engine that cannot leave it out may count it.
    pub counts: bool,
}

impl Again {
    /// Returns how to give a lease back at once, when it was no attempt.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::smol::Smol;
    /// use anyscope_remote::{Memory, engine::{Again, Ask, Engine, Envelope, JobId, Queue, WorkerName}};
    /// use std::time::Duration;
    ///
    /// # smol::block_on(async {
    /// const SECOND: Duration = Duration::from_secs(1);
    ///
    /// let (engine, queue) = (Memory::new(&Smol), Queue::from("squares"));
    /// engine.put(&queue, vec![Envelope::new(JobId::unique(), "square", 1, vec![])]).await.unwrap();
    /// let ask = Ask::new(1, 30 * SECOND, SECOND, WorkerName::new("worker 1"));
    /// for _ in 0..2 {
    ///     let leased = engine.lease(&queue, ask.clone()).await.unwrap().remove(0);
    ///     assert_eq!(leased.attempt, 1); // the first one, still
    ///     engine.give_back(&queue, &leased.lease, Again::now()).await.unwrap();
    /// }
    /// # });
    /// ```
    pub fn now() -> Self {
        Again { after: Duration::ZERO, counts: false }
    }

    /// Returns how to give a lease back for after this delay, when it was an attempt.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope_remote::engine::Again;
    /// use std::time::Duration;
    ///
    /// let again = Again::after(Duration::from_secs(5)); // the attempt has failed
    /// assert!(again.counts && !Again::now().counts);
    /// ```
    pub fn after(delay: Duration) -> Self {
        Again { after: delay, counts: true }
    }
}

/// What a worker is told about a job that it runs.
///
/// See [`Engine`](super::Engine).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Signal {
    /// Its caller has cancelled it.
    Cancel,
}

/// What a queue has at a moment.
///
/// # Examples
///
/// ```
/// use anyscope::smol::Smol;
/// use anyscope_remote::{Memory, engine::{Engine, Envelope, JobId, Queue}};
///
/// # smol::block_on(async {
/// let (engine, queue) = (Memory::new(&Smol), Queue::from("squares"));
/// engine.put(&queue, vec![Envelope::new(JobId::unique(), "square", 1, vec![])]).await.unwrap();
/// let status = engine.status(&queue).await.unwrap();
/// assert_eq!((status.ready, status.running.len(), status.dead), (1, 0, 0));
/// # });
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Status {
    /// Jobs that can be leased now.
    pub ready: u64,
    /// Jobs that wait for a delay, or for another job with their key.
    pub delayed: u64,
    /// The leases.
    pub running: Vec<Running>,
    /// Jobs that have an outcome and are kept, dead letters among them.
    pub settled: u64,
    /// Dead letters.
    pub dead: u64,
}

/// One lease.
///
/// See [`new`](Self::new).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Running {
    /// The job.
    pub job: JobId,
    /// The kind of it.
    pub name: String,
    /// Who runs it.
    pub worker: WorkerName,
    /// Which attempt it is.
    pub attempt: u32,
    /// For how long.
    pub since: Duration,
}

impl Running {
    /// Creates one.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope_remote::engine::{JobId, Running, WorkerName};
    /// use std::time::Duration;
    ///
    /// // In an engine, for its status:
    /// let job = JobId::parse("order-4711").unwrap();
    /// let lease = Running::new(job, "thumbnail".into(), WorkerName::new("gpu-3"), 1, Duration::from_secs(5));
    /// assert_eq!(lease.worker.as_str(), "gpu-3");
    /// ```
    pub fn new(
        job: JobId,
        name: String,
        worker: WorkerName,
        attempt: u32,
        since: Duration,
    ) -> Self {
        Running { job, name, worker, attempt, since }
    }
}

/// A job that could not be done, as it is kept for people.
///
/// See [`Remote::redrive`](crate::Remote::redrive).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DeadLetter {
    /// The job.
    pub envelope: Envelope,
    /// Its outcome.
    pub end: End,
}

impl DeadLetter {
    /// Creates one.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope_remote::engine::{DeadLetter, End, Envelope, JobId};
    ///
    /// // In an engine, of what it has kept:
    /// let envelope = Envelope::new(JobId::unique(), "square", 1, b"7".to_vec());
    /// let letter = DeadLetter::new(envelope, End::dead(b"why".to_vec()));
    /// assert!(letter.end.dead);
    /// ```
    pub fn new(envelope: Envelope, end: End) -> Self {
        DeadLetter { envelope, end }
    }
}

/// Of these callers those that are not there; what [`Engine::gone`](super::Engine::gone) returns.
///
/// See [`Engine`](super::Engine).
pub type Gone = Vec<CallerId>;
