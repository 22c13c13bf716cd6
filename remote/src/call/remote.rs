//! What callers have.

use super::{
    caller::Caller,
    error::CallError,
    request::{Call, Request},
    ticket::Ticket,
    wait,
};
use crate::{
    Job,
    engine::{AnyEngine, Engine, EngineError, JobId, Queue},
    outcome::Outcome,
    time::Time,
};
use anyscope_core::{Clock, Spawn, Timer, timeout};
use std::{fmt, marker::PhantomData, sync::Arc, time::Duration};

/// Calls jobs of one kind, which run in workers: here, in other processes, on other machines.
///
/// Cheap to clone. What it does beside the calls, telling the engine that it is there, and cancelling the jobs of calls that were dropped, runs on
/// the executor that it is made with.
///
/// # Examples
///
/// The same on an engine in memory, which makes it a local pool:
///
/// ```
/// use anyscope::{flow, scope, smol::Smol};
/// use anyscope_remote::{Job, Json, Memory, Remote, Workers};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Square(u64);
///
/// impl Job for Square {
///     const NAME: &'static str = "square";
///     type Output = u64;
///     type Error = String;
///     type Codec = Json;
/// }
///
/// let engine = Memory::new(&Smol);
/// smol::block_on(scope(&Smol, async |s| {
///     let workers = Workers::new(&engine, "squares").here(4);
///     s.spawn_daemon(workers.serve(&Smol, &Smol, async |Square(n), _cx| {
///         n.checked_mul(n).ok_or_else(|| "too large".to_owned())
///     }));
///
///     let squares = Remote::<Square>::new(&engine, &Smol, "squares");
///     let all: Result<Vec<u64>, _> = flow::iter(1..=5)
///         .map_concurrent(4, |n| squares.call(Square(n)))
///         .try_collect()
///         .await;
///     assert_eq!(all.unwrap(), [1, 4, 9, 16, 25]);
/// }));
/// ```
pub struct Remote<J> {
    caller: Arc<Caller>,
    job: PhantomData<fn(J) -> J>,
}

/// How long a caller may be silent before its calls are cancelled.
const LEASE: Duration = Duration::from_secs(30);

impl<J: Job> Remote<J> {
    /// Creates one for a queue of `engine`.
    ///
    /// # Panics
    ///
    /// Panics if the name cannot be that of a queue; see [`Queue`].
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::smol::Smol;
    /// use anyscope_remote::{Memory, Remote};
    ///
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
    /// let engine = Memory::new(&Smol);
    /// let squares = Remote::<Square>::new(&engine, &Smol, "squares");
    /// // A job goes to whoever serves this queue, on whatever machine.
    /// let ticket = smol::block_on(squares.submit(Square(7))).unwrap();
    /// assert_eq!(ticket.queue().as_str(), "squares");
    /// ```
    #[track_caller]
    pub fn new<X>(engine: &impl Engine, exec: &X, queue: impl Into<Queue>) -> Self
    where
        X: Spawn + Timer<Sleep: Send + 'static> + Clock + Clone + Send + Sync + 'static,
    {
        let (engine, exec, time) =
            (AnyEngine::new(engine.clone()), Arc::new(exec.clone()), Time::new(exec));
        Remote { caller: Caller::new(engine, queue.into(), time, exec, LEASE), job: PhantomData }
    }

    /// Returns one whose calls are cancelled when the engine has not heard of it for so long: because its process was killed, or cannot
    /// reach the engine. 30 seconds otherwise.
    ///
    /// # Panics
    ///
    /// Panics if `lease` is zero.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{Timer, scope, sim::Sim};
    /// use anyscope_remote::{Ended, Memory, Remote, Workers, memory::Link};
    /// use std::time::Duration;
    ///
    /// # use anyscope_remote::{Job, Json};
    /// # #[derive(serde::Serialize, serde::Deserialize)]
    /// # struct Square(u64);
    /// # impl Job for Square {
    /// #     const NAME: &'static str = "square";
    /// #     type Output = u64;
    /// #     type Error = String;
    /// #     type Codec = Json;
    /// # }
    /// Sim::new(7).run(async |sim| {
    ///     // `Square` is the job of the example at `Remote`. Its caller is cut off after a second.
    ///     const SECOND: Duration = Duration::from_secs(1);
    ///     let (engine, link) = (Memory::new(&sim), Link::new());
    ///     let (sender, ended) = smol::channel::unbounded();
    ///     let squares = Remote::<Square>::new(&engine.over(&link), &sim, "squares");
    ///     let squares = squares.caller_lease(5 * SECOND);
    ///     scope(&sim, async |s| {
    ///         s.spawn_daemon(Workers::new(&engine, "squares").serve(&sim, &sim, move |Square(_), cx| {
    ///             let sender = sender.clone();
    ///             async move {
    ///                 cx.token().cancelled().await;
    ///                 sender.try_send(cx.ended()).unwrap();
    ///                 Err("undone".to_owned())
    ///             }
    ///         }));
    ///         s.spawn_daemon(squares.call(Square(7)));
    ///         sim.sleep(SECOND).await;
    ///         link.cut();
    ///         assert_eq!(ended.recv().await, Ok(Some(Ended::CallerGone)));
    ///         link.mend();
    ///     })
    ///     .await;
    ///     squares.close().await;
    /// }).unwrap();
    /// ```
    #[track_caller]
    pub fn caller_lease(self, lease: Duration) -> Self {
        assert!(!lease.is_zero(), "a lease of no time is over before it begins");
        let Caller { engine, queue, time, scope, .. } = &*self.caller;
        let caller = Caller::new(
            engine.clone(),
            queue.clone(),
            time.clone(),
            scope.executor().clone(),
            lease,
        );
        Remote { caller, job: PhantomData }
    }

    /// Puts a job, and waits for its outcome: a future like any other, so every form of flow, retry, breaker, hedge and limit works with it.
    ///
    /// It waits while the queue is full, and while the engine cannot be reached. When it can be reached again, the job is put once more, so that it is done even if the engine has lost
    /// it; an engine that has it, or its outcome, does not store it again. In a [`Tree`](anyscope_core::observe::tree::Tree), its wait says which worker has
    /// the job and for how long, as the engine said it after the look before; nothing is asked while nobody looks.
    ///
    /// # Errors
    ///
    /// See [`CallError`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future cancels the job, as far as it can be told: one that waits is not begun, one that runs is cancelled. So does the end
    /// of the caller's process, after the [caller's lease](Self::caller_lease).
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{scope, smol::Smol};
    /// use anyscope_remote::{CallError, Memory, Remote, Workers};
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
    /// let engine = Memory::new(&Smol);
    /// scope(&Smol, async |s| {
    ///     s.spawn_daemon(Workers::new(&engine, "squares").attempts(1, []).serve(&Smol, &Smol, async |Square(n), _| {
    ///         n.checked_mul(n).ok_or_else(|| "too large".to_owned())
    ///     }));
    ///     let squares = Remote::<Square>::new(&engine, &Smol, "squares");
    ///     assert_eq!(squares.call(Square(7)).await.unwrap(), 49);
    ///     let failed = squares.call(Square(u64::MAX)).await.unwrap_err();
    ///     assert!(matches!(failed, CallError::Dead { attempts: 1, .. }));
    /// })
    /// .await;
    /// # });
    /// ```
    pub fn call(&self, job: J) -> Call<J> {
        self.request(job).call()
    }

    /// Returns a request to which more can be said: a time limit, a key, headers.
    ///
    /// # Examples
    ///
    /// ```
    /// # use anyscope_remote::{CallError, Job, Remote};
    /// # use std::time::Duration;
    /// async fn one_by_one<J: Job>(remote: &Remote<J>, job: J) -> Result<J::Output, CallError<J::Error>> {
    ///     remote.request(job).key("customer-7").within(Duration::from_secs(60)).call().await
    /// }
    /// ```
    pub fn request(&self, job: J) -> Request<J> {
        Request::new(self.caller.clone(), &job)
    }

    /// Puts a job that outlives its caller, and returns when it is stored.
    ///
    /// # Errors
    ///
    /// [`Codec`](CallError::Codec) and [`Engine`](CallError::Engine).
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the job may have been stored or not. To be able to say it again, use [`submit_as`](Self::submit_as).
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{scope, smol::Smol};
    /// use anyscope_remote::{Memory, Remote, Workers};
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
    /// let engine = Memory::new(&Smol);
    /// let squares = Remote::<Square>::new(&engine, &Smol, "squares");
    /// let ticket = squares.submit(Square(7)).await.unwrap(); // it is stored now
    /// let text = ticket.to_string(); // for a database, or an answer to a browser
    /// scope(&Smol, async |s| {
    ///     s.spawn_daemon(Workers::new(&engine, "squares").serve(&Smol, &Smol, async |Square(n), _| Ok(n * n)));
    ///     assert_eq!(squares.attach(&text.parse().unwrap()).await.unwrap(), 49);
    /// })
    /// .await;
    /// # });
    /// ```
    pub async fn submit(&self, job: J) -> Result<Ticket, CallError<J::Error>> {
        self.request(job).submit().await
    }

    /// Puts a job under an id of one's own. Put twice, it is stored once, whatever the second job is.
    ///
    /// # Errors
    ///
    /// As [`submit`](Self::submit).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: call this again.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::smol::Smol;
    /// use anyscope_remote::{Memory, Remote, engine::{Engine, JobId, Queue}};
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
    /// let engine = Memory::new(&Smol);
    /// let squares = Remote::<Square>::new(&engine, &Smol, "squares");
    /// let order = JobId::parse("order-4711").unwrap();
    /// for _ in 0..2 {
    ///     // A webhook that comes twice is done once.
    ///     squares.submit_as(order.clone(), Square(7)).await.unwrap();
    /// }
    /// assert_eq!(engine.status(&Queue::from("squares")).await.unwrap().ready, 1);
    /// # });
    /// ```
    pub async fn submit_as(&self, id: JobId, job: J) -> Result<Ticket, CallError<J::Error>> {
        self.request(job).submit_as(id).await
    }

    /// Waits for the outcome of a job that was submitted, here or elsewhere.
    ///
    /// It waits for ever if no such job is ever put, or if the engine has forgotten it: engines keep outcomes for a time. If the engine may have lost it, put it again with
    /// [`submit_as`](Self::submit_as), which changes nothing where it has not.
    ///
    /// # Errors
    ///
    /// See [`CallError`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future has no effect on the job.
    ///
    /// # Examples
    ///
    /// See [`submit`](Self::submit).
    pub async fn attach(&self, ticket: &Ticket) -> Result<J::Output, CallError<J::Error>> {
        wait::decode::<J>(self.of(ticket).outcome(ticket.id()).await?)
    }

    /// Cancels a job that was submitted, and waits until nobody runs it. Returns whether its outcome is that it was cancelled: false if it had
    /// another one already.
    ///
    /// # Errors
    ///
    /// If the engine fails, but not while it cannot be reached.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the job may be cancelled or not.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::smol::Smol;
    /// use anyscope_remote::{CallError, Memory, Remote};
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
    /// let squares = Remote::<Square>::new(&Memory::new(&Smol), &Smol, "squares");
    /// let ticket = squares.submit(Square(7)).await.unwrap();
    /// assert!(squares.cancel(&ticket).await.unwrap()); // nobody had begun it
    /// let outcome = squares.attach(&ticket).await;
    /// assert!(matches!(outcome, Err(CallError::Cancelled(_))));
    /// # });
    /// ```
    pub async fn cancel(&self, ticket: &Ticket) -> Result<bool, EngineError> {
        let caller = self.of(ticket);
        let asked = Outcome::Cancelled("cancelled by its ticket".to_owned());
        let first = matches!(caller.settle(ticket.id(), &asked).await?, Outcome::Cancelled(_));
        caller.insist(|| caller.engine.released(&caller.queue, ticket.id())).await?;
        Ok(first)
    }

    /// Lets a job that was given up be done again, with as many attempts as a new one. Returns whether it is now: false if it is no dead letter, or no more.
    ///
    /// From then on it has no outcome until it has its next one, which is what [`attach`](Self::attach) waits for; who has read the first one is not told. Its id stays, so that what
    /// a handler has done under it is known. It outlives its caller. Dead letters are in [`Engine::dead_letters`]. It waits while the queue is full, and while the engine cannot be
    /// reached; if an answer is lost on the way, it may return false for what it has done.
    ///
    /// # Errors
    ///
    /// If the engine refuses it, or fails.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the job may be done again or not: call this again.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope_remote::{EngineError, Job, Remote, Ticket, engine::{Engine, Queue}};
    ///
    /// /// After the mistake was mended.
    /// async fn all_again<J: Job>(remote: &Remote<J>, engine: &impl Engine, queue: &Queue) -> Result<(), EngineError> {
    ///     for letter in engine.dead_letters(queue, 1000).await? {
    ///         remote.redrive(&Ticket::new(queue.clone(), letter.envelope.id)).await?;
    ///     }
    ///     Ok(())
    /// }
    /// ```
    pub async fn redrive(&self, ticket: &Ticket) -> Result<bool, EngineError> {
        let caller = self.of(ticket);
        caller.insist(|| caller.engine.redrive(&caller.queue, ticket.id())).await
    }

    /// Waits until the engine knows that nobody waits for the jobs of calls that were dropped; for the end of a program. Call it when no calls are left, and make
    /// none after it: their jobs would be cancelled.
    ///
    /// Without it their jobs are cancelled when the [caller's lease](Self::caller_lease) is over. It waits no longer than that.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: call this again.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::smol::Smol;
    /// use anyscope_remote::{Memory, Remote, engine::{Engine, Queue}};
    /// use smol::future::poll_once;
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
    /// let engine = Memory::new(&Smol);
    /// let squares = Remote::<Square>::new(&engine, &Smol, "squares");
    /// let mut call = Box::pin(squares.call(Square(7)));
    /// poll_once(&mut call).await;
    /// drop(call); // at the end of the program, say
    /// squares.close().await;
    /// assert_eq!(engine.status(&Queue::from("squares")).await.unwrap().ready, 0);
    /// # });
    /// ```
    pub async fn close(&self) {
        self.caller.scope.close().await;
        let Caller { engine, time, presence, .. } = &*self.caller;
        // Best effort: otherwise the lease runs out.
        let _ = timeout(time, presence.lease(), engine.attend(presence.id(), Duration::ZERO)).await;
    }

    /// A caller at the queue of a ticket.
    fn of(&self, ticket: &Ticket) -> Arc<Caller> {
        if *ticket.queue() == self.caller.queue {
            return self.caller.clone();
        }
        let Caller { engine, time, scope, presence, .. } = &*self.caller;
        Caller::new(
            engine.clone(),
            ticket.queue().clone(),
            time.clone(),
            scope.executor().clone(),
            presence.lease(),
        )
    }
}

impl<J> Clone for Remote<J> {
    fn clone(&self) -> Self {
        Remote { caller: self.caller.clone(), job: PhantomData }
    }
}

impl<J> fmt::Debug for Remote<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote").field("queue", &self.caller.queue).finish_non_exhaustive()
    }
}
