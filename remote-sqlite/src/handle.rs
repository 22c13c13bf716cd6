//! What users have.

use crate::{
    callers,
    error::translate,
    inbox::{Inbox, Signals},
    jobs::{self, Time},
    lookout::Lookout,
    oneshot::{Receiver, Reply, oneshot},
    schema,
    thread::{Message, Task, now, run},
    watch::Bell,
};
use anyscope_remote::{
    EngineError, ErrorKind,
    engine::{
        Again, Ask, CallerId, DeadLetter, End, Engine, Envelope, Gone, Held, JobId, LeaseId,
        Leased, Put, Queue, Settled, Settler, Signal, Status,
    },
};
use futures_core::Stream;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, mpsc},
    thread::{self, JoinHandle},
    time::Duration,
};

/// An engine that needs no server: jobs in a file of SQLite, for as many processes of one machine as like to open it.
///
/// A handle has a thread, with a connection; its clones share it. All that is asked while it writes is written in the next transaction, so the wait for the disk is
/// paid once for many. The drop of the last one waits for what was asked.
///
/// What another process writes is seen some milliseconds after it has. While nobody writes, a handle for which somebody waits looks ten times a second, and on Linux
/// it is told of the first write (inotify). Elsewhere, or where a user has no more of those, it looks fifty times a second.
///
/// The file must be on a disk of this machine: SQLite's write-ahead log does not work over a network. Its clock is the machine's; while that is set
/// back, leases run longer.
///
/// # Examples
///
/// ```
/// use anyscope::{scope, smol::Smol};
/// use anyscope_remote::{Job, Json, Remote, Workers};
/// use anyscope_sqlite::Sqlite;
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
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("jobs.db");
/// let engine = Sqlite::open(path)?;
/// smol::block_on(scope(&Smol, async |s| {
///     // In this process or another:
///     let workers = Workers::new(&engine, "squares").here(4);
///     s.spawn_daemon(workers.serve(&Smol, &Smol, async |Square(n), _cx| Ok(n * n)));
///
///     let squares = Remote::<Square>::new(&engine, &Smol, "squares");
///     assert_eq!(squares.call(Square(12)).await.unwrap(), 144);
/// }));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Sqlite {
    shared: Arc<Shared>,
}

struct Shared {
    path: PathBuf,
    queue_limit: usize,
    payload_limit: usize,
    page_limit: i64,
    keep: Duration,
    bell: Bell,
    /// Always there, until the drop.
    to_thread: Option<mpsc::Sender<Message>>,
    thread: Option<JoinHandle<()>>,
}

/// Waits until what was asked is done: a program that ends then has given back what it held.
impl Drop for Shared {
    fn drop(&mut self) {
        self.to_thread = None;
        self.bell.ring();
        if let Some(thread) = self.thread.take() {
            // It may be dropped by a waker, which the thread calls.
            if thread.thread().id() != thread::current().id() {
                let _ = thread.join();
            }
        }
    }
}

/// What a stored job survives; see [`Builder::durability`].
///
/// See [`Builder::durability`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// The end of power: each commit waits for the disk (`synchronous = full`).
    #[default]
    Power,
    /// The end of any process, but not of power: the last commits may be undone by that (`synchronous = normal`). Several times as fast where disks are slow.
    Processes,
}

impl Sqlite {
    /// Opens a file, or creates it.
    ///
    /// # Errors
    ///
    /// [`Incompatible`](ErrorKind::Incompatible) if the file has something else, or jobs of another version;
    /// [`Denied`](ErrorKind::Denied) if it may not be written.
    ///
    /// # Examples
    ///
    /// See [`Sqlite`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, EngineError> {
        Self::builder().open(path)
    }

    /// Returns a builder, to set limits.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope_remote::engine::{Engine, Queue};
    /// use anyscope_sqlite::Sqlite;
    /// use std::time::Duration;
    ///
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("jobs.db");
    /// let hour = Duration::from_secs(3600);
    /// let engine = Sqlite::builder().queue_limit(10_000).keep(hour).open(path)?;
    /// let status = smol::block_on(engine.status(&Queue::from("squares")))?;
    /// assert_eq!(status.ready, 0);
    /// # Ok::<(), anyscope_remote::EngineError>(())
    /// ```
    pub fn builder() -> Builder {
        Builder {
            durability: Durability::default(),
            queue_limit: usize::MAX,
            payload_limit: 1 << 20,
            file_limit: None,
            keep: Duration::from_secs(24 * 3600),
        }
    }

    async fn write<R: Send + 'static>(
        &self,
        run: impl FnMut(&Connection, Time) -> rusqlite::Result<R> + Send + 'static,
    ) -> Result<R, EngineError> {
        self.ask(Message::Write, run).await
    }

    async fn read<R: Send + 'static>(
        &self,
        run: impl FnMut(&Connection, Time) -> rusqlite::Result<R> + Send + 'static,
    ) -> Result<R, EngineError> {
        self.ask(Message::Read, run).await
    }

    async fn ask<R: Send + 'static>(
        &self,
        message: impl FnOnce(Box<dyn Task>) -> Message,
        run: impl FnMut(&Connection, Time) -> rusqlite::Result<R> + Send + 'static,
    ) -> Result<R, EngineError> {
        let (to, answer) = oneshot();
        self.send(message(Box::new(Asked { run, done: None, to })))?;
        answer.await.unwrap_or_else(gone)
    }

    fn send(&self, message: Message) -> Result<(), EngineError> {
        let sent = self.shared.to_thread.as_ref().map(|thread| thread.send(message));
        self.shared.bell.ring();
        if matches!(sent, Some(Ok(()))) { Ok(()) } else { gone() }
    }

    fn check_size(&self, size: usize) -> Result<(), EngineError> {
        EngineError::check_size(size, self.shared.payload_limit)
    }
}

fn gone<T>() -> Result<T, EngineError> {
    Err(EngineError::new(ErrorKind::Other, "the thread of the database is gone"))
}

impl fmt::Debug for Sqlite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sqlite").field("path", &self.shared.path).finish_non_exhaustive()
    }
}

/// A request with its answer.
struct Asked<F, R> {
    run: F,
    done: Option<R>,
    to: Reply<R>,
}

impl<R: Send, F: FnMut(&Connection, Time) -> rusqlite::Result<R> + Send> Task for Asked<F, R> {
    fn run(&mut self, db: &Connection, now: Time) -> rusqlite::Result<()> {
        self.done = Some((self.run)(db, now)?);
        Ok(())
    }

    fn answer(self: Box<Self>, committed: Result<(), EngineError>) {
        let Asked { done, to, .. } = *self;
        let answer = committed.map(|()| done.expect("it was done, or there is an error"));
        drop(to.send(answer));
    }
}

impl Engine for Sqlite {
    async fn put(&self, queue: &Queue, jobs: Vec<Envelope>) -> Result<Vec<Put>, EngineError> {
        for job in &jobs {
            self.check_size(job.payload.len())?;
        }
        let Shared { queue_limit: limit, page_limit: pages, keep, .. } = *self.shared;
        let queue = queue.clone();
        let put = self.write(move |db, now| {
            jobs::forget(db, keep, now)?;
            jobs::check_pages(db, pages)?;
            jobs::put(db, &queue, &jobs, limit, now)
        });
        put.await?.ok_or_else(|| ErrorKind::Full.into())
    }

    async fn lease(&self, queue: &Queue, ask: Ask) -> Result<Vec<Leased>, EngineError> {
        let (to, answer) = oneshot();
        self.send(Message::Lease { queue: queue.clone(), ask, to })?;
        Leasing { engine: self, queue, answer }.wait().await
    }

    async fn extend(
        &self,
        queue: &Queue,
        leases: Vec<LeaseId>,
        lease: Duration,
    ) -> Result<Vec<Held>, EngineError> {
        let queue = queue.clone();
        self.write(move |db, now| jobs::extend(db, &queue, &leases, lease, now)).await
    }

    async fn settle(
        &self,
        queue: &Queue,
        job: &JobId,
        by: Settler,
        end: End,
    ) -> Result<Settled, EngineError> {
        self.check_size(end.bytes.len())?;
        let (queue, job) = (queue.clone(), job.clone());
        self.write(move |db, now| jobs::settle(db, &queue, &job, &by, &end, now)).await
    }

    async fn give_back(
        &self,
        queue: &Queue,
        lease: &LeaseId,
        again: Again,
    ) -> Result<(), EngineError> {
        let (queue, lease) = (queue.clone(), lease.clone());
        self.write(move |db, now| jobs::give_back(db, &queue, &lease, again, now)).await
    }

    async fn outcome(&self, queue: &Queue, job: &JobId) -> Result<Vec<u8>, EngineError> {
        let (to, answer) = oneshot();
        self.send(Message::Outcome { queue: queue.clone(), job: job.clone(), to })?;
        answer.await.unwrap_or_else(gone)
    }

    async fn released(&self, queue: &Queue, job: &JobId) -> Result<(), EngineError> {
        let (to, answer) = oneshot();
        self.send(Message::Released { queue: queue.clone(), job: job.clone(), to })?;
        answer.await.unwrap_or_else(gone)
    }

    async fn signal(&self, queue: &Queue, job: &JobId, signal: Signal) -> Result<(), EngineError> {
        if signal != Signal::Cancel {
            return Ok(());
        }
        let (queue, job) = (queue.clone(), job.clone());
        self.write(move |db, now| jobs::signal(db, &queue, &job, now)).await
    }

    fn signals(
        &self,
        queue: &Queue,
    ) -> impl Stream<Item = Result<(JobId, Signal), EngineError>> + Send + 'static {
        let inbox = Arc::new(Inbox::default());
        if self.send(Message::Signals { queue: queue.clone(), to: inbox.clone() }).is_err() {
            inbox.close();
        }
        Signals(inbox)
    }

    async fn attend(&self, caller: &CallerId, lease: Duration) -> Result<(), EngineError> {
        let caller = caller.clone();
        self.write(move |db, now| callers::attend(db, &caller, lease, now)).await
    }

    async fn gone(&self, callers: Vec<CallerId>) -> Result<Gone, EngineError> {
        let missed = self.read(move |db, now| callers::missed(db, &callers, now)).await?;
        if missed.is_empty() {
            return Ok(missed);
        }
        self.write(move |db, now| callers::gone(db, &missed, now)).await
    }

    async fn status(&self, queue: &Queue) -> Result<Status, EngineError> {
        let queue = queue.clone();
        self.read(move |db, _| jobs::status(db, &queue, now)).await
    }

    async fn dead_letters(
        &self,
        queue: &Queue,
        at_most: usize,
    ) -> Result<Vec<DeadLetter>, EngineError> {
        let queue = queue.clone();
        self.read(move |db, _| jobs::dead_letters(db, &queue, at_most)).await
    }

    async fn redrive(&self, queue: &Queue, job: &JobId) -> Result<bool, EngineError> {
        let (queue, job, limit) = (queue.clone(), job.clone(), self.shared.queue_limit);
        let redriven = self.write(move |db, now| jobs::redrive(db, &queue, &job, limit, now));
        redriven.await?.ok_or_else(|| ErrorKind::Full.into())
    }
}

/// A wait for jobs. If it is dropped when they have come, they are given back.
struct Leasing<'a> {
    engine: &'a Sqlite,
    queue: &'a Queue,
    answer: Receiver<Result<Vec<Leased>, EngineError>>,
}

impl Leasing<'_> {
    async fn wait(mut self) -> Result<Vec<Leased>, EngineError> {
        (&mut self.answer).await.unwrap_or_else(gone)
    }
}

impl Drop for Leasing<'_> {
    fn drop(&mut self) {
        let Some(Ok(jobs)) = self.answer.close() else { return };
        let queue = self.queue.clone();
        let give_back = move |db: &Connection, now| {
            jobs.iter()
                .try_for_each(|job| jobs::give_back(db, &queue, &job.lease, Again::now(), now))
        };
        let (to, _) = oneshot();
        let _ =
            self.engine.send(Message::Write(Box::new(Asked { run: give_back, done: None, to })));
    }
}

/// Sets what a file takes; from [`Sqlite::builder`].
///
/// See [`Sqlite::builder`].
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing unless it opens a file"]
pub struct Builder {
    durability: Durability,
    queue_limit: usize,
    payload_limit: usize,
    file_limit: Option<u64>,
    keep: Duration,
}

impl Builder {
    /// Sets what a job that this handle has stored survives.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope_remote::engine::{Engine, Envelope, JobId, Queue};
    /// use anyscope_sqlite::{Durability, Sqlite};
    ///
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("jobs.db");
    /// // Jobs that can be put once more, should the power fail.
    /// let engine = Sqlite::builder().durability(Durability::Processes).open(&path)?;
    /// let (queue, job) = (Queue::from("squares"), Envelope::new(JobId::unique(), "square", 1, vec![]));
    /// smol::block_on(engine.put(&queue, vec![job]))?;
    /// // It is there for all other processes, also if this one is killed now.
    /// assert_eq!(smol::block_on(Sqlite::open(&path)?.status(&queue))?.ready, 1);
    /// # Ok::<(), anyscope_remote::EngineError>(())
    /// ```
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// Sets how many jobs without an outcome a queue may have, for what this handle puts. No limit otherwise. Above it, calls wait.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope_remote::{ErrorKind, engine::{Engine, Envelope, JobId, Queue}};
    /// use anyscope_sqlite::Sqlite;
    ///
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("jobs.db");
    /// let (engine, queue) = (Sqlite::builder().queue_limit(1).open(path)?, Queue::from("squares"));
    /// let job = || Envelope::new(JobId::unique(), "square", 1, vec![]);
    /// smol::block_on(engine.put(&queue, vec![job()]))?;
    /// let full = smol::block_on(engine.put(&queue, vec![job()])).unwrap_err();
    /// assert_eq!(full.kind(), ErrorKind::Full);
    /// # Ok::<(), anyscope_remote::EngineError>(())
    /// ```
    pub fn queue_limit(mut self, jobs: usize) -> Self {
        self.queue_limit = jobs;
        self
    }

    /// Sets how many bytes a job or an outcome may have. 1 MiB otherwise: what is larger belongs into a file, and its path into the job.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope_remote::{ErrorKind, engine::{Engine, Envelope, JobId, Queue}};
    /// use anyscope_sqlite::Sqlite;
    ///
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("jobs.db");
    /// let engine = Sqlite::builder().payload_limit(1000).open(path)?;
    /// let large = Envelope::new(JobId::unique(), "square", 1, vec![0; 2000]);
    /// let refused = smol::block_on(engine.put(&Queue::from("squares"), vec![large])).unwrap_err();
    /// assert!(matches!(refused.kind(), ErrorKind::TooLarge { .. }));
    /// # Ok::<(), anyscope_remote::EngineError>(())
    /// ```
    pub fn payload_limit(mut self, bytes: usize) -> Self {
        self.payload_limit = bytes;
        self
    }

    /// Sets how large the file may become by the jobs that this handle puts, as a number of bytes. Above it, jobs are refused as if the disk were
    /// [full](ErrorKind::OutOfSpace); an eighth of it, and at least 256 KiB, comes on top for leases and outcomes, so that what is stored can be done. The log
    /// beside the file comes on top, too.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope_remote::{ErrorKind, engine::{Engine, Envelope, JobId, Queue}};
    /// use anyscope_sqlite::Sqlite;
    ///
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("jobs.db");
    /// // A producer that runs wild does not fill the disk.
    /// let (engine, queue) = (Sqlite::builder().file_limit(1 << 20).open(path)?, Queue::from("squares"));
    /// let job = || Envelope::new(JobId::unique(), "square", 1, vec![0; 100_000]);
    /// let full = (0..).find_map(|_| smol::block_on(engine.put(&queue, vec![job()])).err());
    /// assert_eq!(full.unwrap().kind(), ErrorKind::OutOfSpace);
    /// # Ok::<(), anyscope_remote::EngineError>(())
    /// ```
    pub fn file_limit(mut self, bytes: u64) -> Self {
        self.file_limit = Some(bytes);
        self
    }

    /// Sets how long outcomes are kept, so that callers may come late and ids are not run again. A day otherwise.
    ///
    /// # Examples
    ///
    /// See [`Sqlite::builder`].
    pub fn keep(mut self, time: Duration) -> Self {
        self.keep = time;
        self
    }

    /// Opens a file, or creates it.
    ///
    /// # Errors
    ///
    /// As [`Sqlite::open`].
    ///
    /// # Examples
    ///
    /// See [`Sqlite::builder`].
    pub fn open(self, path: impl AsRef<Path>) -> Result<Sqlite, EngineError> {
        let Builder { durability, queue_limit, payload_limit, file_limit, keep } = self;
        let path = path.as_ref().to_owned();
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut db = Connection::open_with_flags(&path, flags).map_err(translate)?;
        db.busy_handler(Some(busy)).map_err(translate)?;
        db.set_prepared_statement_cache_capacity(64);
        let mode = write_ahead(&db).map_err(translate)?;
        if mode != "wal" {
            let what = "there is no write-ahead log on this file system";
            return Err(EngineError::new(ErrorKind::Other, what));
        }
        let synchronous = match durability {
            Durability::Power => "full",
            Durability::Processes => "normal",
        };
        db.execute_batch(&format!("pragma synchronous = {synchronous};")).map_err(translate)?;
        schema::prepare(&mut db)?;
        let page_limit = match file_limit {
            Some(bytes) => jobs::limit_pages(&db, bytes).map_err(translate)?,
            None => i64::MAX,
        };
        let (to_thread, inbox) = mpsc::channel();
        let (lookout, bell) = Lookout::new(db.path().map(Path::new));
        let thread = thread::Builder::new()
            .name("anyscope-sqlite".to_owned())
            .spawn(move || run(db, &inbox, lookout))
            .map_err(|error| EngineError::new(ErrorKind::Other, error))?;
        Ok(Sqlite {
            shared: Arc::new(Shared {
                path,
                queue_limit,
                payload_limit,
                page_limit,
                keep,
                bell,
                to_thread: Some(to_thread),
                thread: Some(thread),
            }),
        })
    }
}

/// Waits for a transaction of another process. The handler of SQLite sleeps up to 100 ms at a time, where a commit takes a few.
fn busy(times: i32) -> bool {
    std::thread::sleep(BUSY);
    times < TIMES
}

const BUSY: Duration = Duration::from_micros(500);

/// For five seconds, and more on a slow machine.
const TIMES: i32 = 10_000;

/// Asks for a write-ahead log, and returns the mode that there is then. When two processes make the same new file, SQLite
/// refuses one of them at once, without its busy handler, as the two might wait for each other; so it is asked here.
fn write_ahead(db: &Connection) -> rusqlite::Result<String> {
    let mut times = 0;
    loop {
        match db.query_row("pragma journal_mode = wal", [], |row| row.get(0)) {
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && busy(times) =>
            {
                times += 1;
            }
            mode => return mode,
        }
    }
}
