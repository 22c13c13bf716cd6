//! What an engine is: where jobs wait, and who has them. For those who write adapters.
//!
//! | file | what |
//! |---|---|
//! | `names` | queues, jobs, leases, callers, workers |
//! | `envelope` | a job as it is stored |
//! | `terms` | what is asked, and answered |
//! | `error` | what goes wrong |
//! | `any` | an engine that is chosen at run time |
//!
//! # The rules
//!
//! 1. **Stored means stored.** [`put`](Engine::put) and [`settle`](Engine::settle) return when a crash of anything the engine promises to
//!    survive would not undo them.
//! 2. **One outcome.** The first [`settle`](Engine::settle) of an id wins, whoever it is, and everybody reads the same outcome; of a dead letter until it is
//!    [put again](Engine::redrive).
//! 3. **Never lost.** A job without an outcome is leased, or will be. An engine with acknowledgements acknowledges a job only when
//!    its outcome is stored.
//! 4. **Bounded.** Leases that have neither run out nor ended are never more than [`Ask::everywhere`]. A job that is settled by its caller while a
//!    worker runs it keeps its place until that worker gives the lease back.
//! 5. **Spans, not moments.** Nothing in this interface is a time of day, so clocks of machines may differ.

mod any;
mod envelope;
mod error;
mod names;
mod terms;

pub use any::AnyEngine;
pub use envelope::Envelope;
pub use error::{EngineError, ErrorKind, Malformed};
pub use names::{BadName, CallerId, JobId, LeaseId, Queue, WorkerName};
pub use terms::{
    Again, Ask, DeadLetter, End, Gone, Held, Leased, Put, Running, Settled, Settler, Signal, Status,
};

use futures_core::Stream;
use std::{future::Future, time::Duration};

/// Where jobs wait, and who has them. An adapter implements this, and nothing else.
///
/// A value is a handle: cheap to clone, and its clones are the same client of the same engine. The [rules](self) hold over all clients.
///
/// Errors: whatever cannot be reached is [`Unavailable`](ErrorKind::Unavailable), at the latest after some seconds; whoever asked asks again. So each method may be called
/// twice for one intent, and must then do the same once.
///
/// # Cancel safety
///
/// What is asked by a future that is dropped may or may not be done; [`lease`](Self::lease) says more.
///
/// # Examples
///
/// ```
/// use anyscope::smol::Smol;
/// use anyscope_remote::{Memory, engine::{Ask, End, Engine, Envelope, JobId, Queue, Settler, WorkerName}};
/// use std::time::Duration;
///
/// # smol::block_on(async {
/// const SECOND: Duration = Duration::from_secs(1);
///
/// let (engine, queue, id) = (Memory::new(&Smol), Queue::from("squares"), JobId::unique());
/// engine.put(&queue, vec![Envelope::new(id.clone(), "square", 1, b"7".to_vec())]).await.unwrap();
/// let ask = Ask::new(1, 30 * SECOND, SECOND, WorkerName::new("worker 1"));
/// let leased = engine.lease(&queue, ask).await.unwrap().remove(0);
/// assert_eq!(leased.envelope.payload, b"7");
/// let (by, end) = (Settler::Worker(leased.lease), End::new(b"49".to_vec()));
/// engine.settle(&queue, &id, by, end).await.unwrap();
/// assert_eq!(engine.outcome(&queue, &id).await.unwrap(), b"49");
/// # });
/// ```
pub trait Engine: Clone + Send + Sync + 'static {
    /// Stores jobs, all or none of them. One whose id is known, with or without an outcome, is not stored again.
    ///
    /// # Errors
    ///
    /// [`Full`](ErrorKind::Full) if there is no room for all of them, [`TooLarge`](ErrorKind::TooLarge) if one never fits. Then nothing is
    /// stored.
    fn put(
        &self,
        queue: &Queue,
        jobs: Vec<Envelope>,
    ) -> impl Future<Output = Result<Vec<Put>, EngineError>> + Send;

    /// Leases up to [`ask.free`](Ask::free) jobs, the oldest first. Waits for the first of them, but no longer than [`ask.wait`](Ask::wait), and returns
    /// none then. Nothing is leased ahead for a later call.
    ///
    /// # Cancel safety
    ///
    /// A job that was leased for a future that is dropped before it returned is given back as far as the engine notices; otherwise its lease
    /// runs out.
    fn lease(
        &self,
        queue: &Queue,
        ask: Ask,
    ) -> impl Future<Output = Result<Vec<Leased>, EngineError>> + Send;

    /// Extends leases by `lease` from now, and says of each, in their order, whether it is still held.
    fn extend(
        &self,
        queue: &Queue,
        leases: Vec<LeaseId>,
        lease: Duration,
    ) -> impl Future<Output = Result<Vec<Held>, EngineError>> + Send;

    /// Stores the outcome of a job, if it has none.
    ///
    /// A caller may settle a job that is not known: it is not stored when it is put later. A caller that settles a waiting job takes it out
    /// of the queue.
    ///
    /// # Errors
    ///
    /// [`TooLarge`](ErrorKind::TooLarge) if the outcome never fits.
    fn settle(
        &self,
        queue: &Queue,
        job: &JobId,
        by: Settler,
        end: End,
    ) -> impl Future<Output = Result<Settled, EngineError>> + Send;

    /// Ends a lease. Unless the job has its outcome it can be leased again, as `again` says. Does nothing if the lease is lost.
    fn give_back(
        &self,
        queue: &Queue,
        lease: &LeaseId,
        again: Again,
    ) -> impl Future<Output = Result<(), EngineError>> + Send;

    /// Waits for the outcome of a job, and returns it. Of a job that is not known it waits too: it may be on its way.
    ///
    /// An engine keeps outcomes for a time of its own, so that a caller may come late.
    fn outcome(
        &self,
        queue: &Queue,
        job: &JobId,
    ) -> impl Future<Output = Result<Vec<u8>, EngineError>> + Send;

    /// Waits until nobody has a lease of a job.
    fn released(
        &self,
        queue: &Queue,
        job: &JobId,
    ) -> impl Future<Output = Result<(), EngineError>> + Send;

    /// Tells whoever runs the job. Best effort: what counts is the outcome, of which the worker hears at its next
    /// [`extend`](Self::extend).
    fn signal(
        &self,
        queue: &Queue,
        job: &JobId,
        signal: Signal,
    ) -> impl Future<Output = Result<(), EngineError>> + Send;

    /// Yields the signals to jobs of a queue. After an error, or its end, it is asked for anew.
    fn signals(
        &self,
        queue: &Queue,
    ) -> impl Stream<Item = Result<(JobId, Signal), EngineError>> + Send + 'static;

    /// Says that a caller is there, for `lease` from now.
    fn attend(
        &self,
        caller: &CallerId,
        lease: Duration,
    ) -> impl Future<Output = Result<(), EngineError>> + Send;

    /// Returns those of these callers that are not there, as their time has run out or they never came.
    fn gone(
        &self,
        callers: Vec<CallerId>,
    ) -> impl Future<Output = Result<Gone, EngineError>> + Send;

    /// Returns what a queue has now.
    fn status(&self, queue: &Queue) -> impl Future<Output = Result<Status, EngineError>> + Send;

    /// Returns dead letters, the oldest first, at most so many.
    fn dead_letters(
        &self,
        queue: &Queue,
        at_most: usize,
    ) -> impl Future<Output = Result<Vec<DeadLetter>, EngineError>> + Send;

    /// Lets a dead letter be leased again, as if it were put now: it has no outcome any more, its attempts and its time are counted anew, it comes after others with its key,
    /// and it outlives its caller. Its epoch grows on. Returns false, and changes nothing, if the job is no dead letter, cannot be read, or has a lease.
    ///
    /// If this engine crashes in the middle, the letter is still there: said again, it is done.
    ///
    /// # Errors
    ///
    /// [`Full`](ErrorKind::Full) if there is no room for it.
    fn redrive(
        &self,
        queue: &Queue,
        job: &JobId,
    ) -> impl Future<Output = Result<bool, EngineError>> + Send;
}
