//! What users set of their workers.

use super::{
    context::JobContext,
    event::{Served, WorkerEvent},
    serve,
    site::Settings,
};
use crate::{
    Job,
    engine::{AnyEngine, Engine, EngineError, Queue, WorkerName},
};
use anyscope_core::{
    CancelToken, Clock, Grace, Limit, Spawn, Timer, exponential,
    limit::{Capacity, IntoLimit},
    time::IntoDelays,
};
use std::{fmt, future::Future, num::NonZeroU32, sync::Arc, time::Duration};

/// Workers of this process for a queue: a scope whose children are handlers.
///
/// It asks for as many jobs as it has places, so none lies here that another worker could begin. What each handler is asked, it is asked as any
/// child of a scope: by its token and by [`checkpoint()`](anyscope_core::checkpoint), with a [grace](Self::grace); it may
/// [`shield`](anyscope_core::shield()) what must not be cut in two, and panic without harm to others.
///
/// # Examples
///
/// See [`Remote`](crate::Remote). With all that can be set:
///
/// ```
/// use anyscope::{CancelToken, Grace, exponential, smol::Smol};
/// use anyscope_remote::{EngineError, Job, Workers, engine::Engine};
/// use std::time::Duration;
///
/// const SECOND: Duration = Duration::from_secs(1);
///
/// async fn work<J: Job<Output = (), Error = String>>(
///     engine: &impl Engine,
///     stop: &CancelToken,
/// ) -> Result<(), EngineError> {
///     let served = Workers::new(engine, "thumbs")
///         .everywhere(8) // over all machines
///         .here(4) // in this process
///         .lease(10 * SECOND) // extended at every third of it
///         .attempts(5, exponential(SECOND, 60 * SECOND)) // then a dead letter
///         .grace(Grace::For(5 * SECOND))
///         .until(stop)
///         .serve(&Smol, &Smol, async |_job: J, cx| {
///             cx.token().checkpoint().map_err(|cancelled| cancelled.to_string())?;
///             Ok(())
///         })
///         .await?;
///     println!("{} jobs done", served.settled);
///     Ok(())
/// }
/// ```
#[derive(Clone)]
#[must_use = "workers do nothing unless they serve"]
pub struct Workers {
    settings: Settings,
    here: Capacity,
    until: Option<CancelToken>,
}

impl Workers {
    /// Creates workers for a queue: one place here, no limit over all, leases of 30 seconds, five attempts with delays from one second to a minute, and a
    /// grace of ten seconds.
    ///
    /// # Panics
    ///
    /// Panics if the name cannot be that of a queue; see [`Queue`].
    ///
    /// # Examples
    ///
    /// See [`Workers`].
    #[track_caller]
    pub fn new(engine: &impl Engine, queue: impl Into<Queue>) -> Self {
        let settings = Settings {
            engine: AnyEngine::new(engine.clone()),
            queue: queue.into(),
            everywhere: Limit::Unbounded,
            lease: Duration::from_secs(30),
            grace: Grace::For(Duration::from_secs(10)),
            attempts: 5,
            delays: delays_of(exponential(Duration::from_secs(1), Duration::from_secs(60))),
            name: WorkerName::of_this_process(),
            observer: None,
        };
        Workers { settings, here: Limit::new(1).into(), until: None }
    }

    /// Sets how many jobs of the queue may run at once over all machines. It counts leases: a worker that is lost keeps its places until its leases
    /// run out. Workers of one queue should say the same.
    ///
    /// # Panics
    ///
    /// Panics if the limit is zero.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{Timer, join, scope, sim::Sim};
    /// use anyscope_remote::{Memory, Remote, Workers};
    /// use std::time::Duration;
    ///
    /// Sim::new(7).run(async |sim| {
    ///     # use anyscope_remote::{Job, Json};
    ///     # #[derive(serde::Serialize, serde::Deserialize)]
    ///     # struct Square(u64);
    ///     # impl Job for Square {
    ///     #     const NAME: &'static str = "square";
    ///     #     type Output = u64;
    ///     #     type Error = String;
    ///     #     type Codec = Json;
    ///     # }
    ///     // `Square` is the job of the example at `Remote`. Two workers, with four places each.
    ///     let engine = Memory::new(&sim);
    ///     scope(&sim, async |s| {
    ///         for _ in 0..2 {
    ///             let timer = sim.clone();
    ///             let workers = Workers::new(&engine, "squares").here(4).everywhere(1);
    ///             s.spawn_daemon(workers.serve(&sim, &sim, move |Square(n), _| {
    ///                 let timer = timer.clone();
    ///                 async move {
    ///                     timer.sleep(Duration::from_secs(1)).await;
    ///                     Ok(n * n)
    ///                 }
    ///             }));
    ///         }
    ///         let squares = Remote::<Square>::new(&engine, &sim, "squares");
    ///         join([1, 2, 3].map(|n| squares.call(Square(n)))).await;
    ///         assert!(sim.elapsed().as_secs() >= 3); // one after the other
    ///     })
    ///     .await;
    /// }).unwrap();
    /// ```
    #[track_caller]
    pub fn everywhere(mut self, limit: impl IntoLimit<Limit = Limit>) -> Self {
        self.settings.everywhere = limit.into_limit();
        self
    }

    /// Sets how many run at once here.
    ///
    /// # Panics
    ///
    /// Panics if the limit is zero.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{Timer, join, scope, sim::Sim};
    /// use anyscope_remote::{Memory, Remote, Workers};
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
    ///     // `Square` is the job of the example at `Remote`, which takes a second here.
    ///     let (engine, timer) = (Memory::new(&sim), sim.clone());
    ///     scope(&sim, async |s| {
    ///         let workers = Workers::new(&engine, "squares").here(2); // or a `LiveLimit`
    ///         s.spawn_daemon(workers.serve(&sim, &sim, move |Square(n), _| {
    ///             let timer = timer.clone();
    ///             async move {
    ///                 timer.sleep(Duration::from_secs(1)).await;
    ///                 Ok(n * n)
    ///             }
    ///         }));
    ///         let squares = Remote::<Square>::new(&engine, &sim, "squares");
    ///         join([1, 2, 3, 4].map(|n| squares.call(Square(n)))).await;
    ///         assert_eq!(sim.elapsed().as_secs(), 2); // two at a time
    ///     })
    ///     .await;
    /// }).unwrap();
    /// ```
    #[track_caller]
    pub fn here(mut self, limit: impl IntoLimit) -> Self {
        self.here = limit.into_limit().into();
        self
    }

    /// Sets how long a lease is. It is extended at every third of it; the jobs of a worker that is killed run again when it is over. So it should be longer than
    /// this process may be kept from running, and than the engine may be away without harm.
    ///
    /// # Panics
    ///
    /// Panics if it is less than a millisecond.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{Timer, scope, sim::Sim};
    /// use anyscope_remote::{Memory, Remote, Workers, memory::Link};
    /// use std::{future::pending, time::Duration};
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
    ///     // `Square` is the job of the example at `Remote`. Its first worker is cut off after a second.
    ///     const SECOND: Duration = Duration::from_secs(1);
    ///     let (engine, link) = (Memory::new(&sim), Link::new());
    ///     scope(&sim, async |s| {
    ///         let lost = Workers::new(&engine.over(&link), "squares").lease(10 * SECOND);
    ///         s.spawn_daemon(lost.serve(&sim, &sim, async |Square(_), _| pending().await));
    ///         let squares = Remote::<Square>::new(&engine, &sim, "squares");
    ///         let answer = s.spawn(squares.call(Square(7)));
    ///         sim.sleep(SECOND).await;
    ///         link.cut();
    ///         let other = Workers::new(&engine, "squares");
    ///         s.spawn_daemon(other.serve(&sim, &sim, async |Square(n), _| Ok(n * n)));
    ///         assert_eq!(answer.await.unwrap().unwrap(), 49);
    ///         assert!((10..15).contains(&sim.elapsed().as_secs()), "{:?}", sim.elapsed());
    ///     })
    ///     .await;
    /// }).unwrap();
    /// ```
    #[track_caller]
    pub fn lease(mut self, lease: Duration) -> Self {
        assert!(
            lease >= Duration::from_millis(1),
            "a lease of less than a millisecond is over before it begins"
        );
        self.settings.lease = lease;
        self
    }

    /// Sets how often a job is begun at most, and how long it waits between. Workers that are lost count. A job that has failed so often is a dead letter, and its
    /// caller has a [`Dead`](crate::CallError::Dead). If the delays end before, so do the attempts.
    ///
    /// # Panics
    ///
    /// Panics if `attempts` is zero.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{scope, smol::Smol};
    /// use anyscope_remote::{CallError, Memory, Remote, Workers};
    /// use std::time::Duration;
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
    ///     let workers = Workers::new(&engine, "squares").attempts(3, [Duration::ZERO; 2]);
    ///     s.spawn_daemon(workers.serve(&Smol, &Smol, async |Square(_), _| Err("no ink".to_owned())));
    ///     let squares = Remote::<Square>::new(&engine, &Smol, "squares");
    ///     let failed = squares.call(Square(7)).await;
    ///     assert!(matches!(failed, Err(CallError::Dead { attempts: 3, .. })));
    /// })
    /// .await;
    /// # });
    /// ```
    #[track_caller]
    pub fn attempts<K, D>(mut self, attempts: u32, delays: D) -> Self
    where
        D: IntoDelays<K, Delays: Clone + Send + Sync + 'static>,
    {
        let attempts =
            NonZeroU32::new(attempts).expect("a job that may not be begun is never done");
        self.settings.attempts = attempts.get();
        self.settings.delays = delays_of(delays.into_delays());
        self
    }

    /// Sets how long a handler that is asked to end may still run. When its lease is lost, or its time is over, it has no grace.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{CancelToken, Grace, Timer, join, sim::Sim};
    /// use anyscope_remote::{Memory, Remote, Workers};
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
    ///     // `Square` is the job of the example at `Remote`, which takes two seconds here.
    ///     const SECOND: Duration = Duration::from_secs(1);
    ///     let (engine, stop, timer) = (Memory::new(&sim), CancelToken::new(), sim.clone());
    ///     let workers = Workers::new(&engine, "squares").until(&stop).grace(Grace::For(5 * SECOND));
    ///     let serving = workers.serve(&sim, &sim, move |Square(n), _| {
    ///         let timer = timer.clone();
    ///         async move {
    ///             timer.sleep(2 * SECOND).await;
    ///             Ok(n * n)
    ///         }
    ///     });
    ///     let squares = Remote::<Square>::new(&engine, &sim, "squares");
    ///     let stopped = async {
    ///         sim.sleep(SECOND).await;
    ///         stop.cancel("a new version");
    ///     };
    ///     let (served, answer, ()) = join((serving, squares.call(Square(7)), stopped)).await;
    ///     assert_eq!((answer.unwrap(), served.unwrap().settled), (49, 1)); // it was let end
    /// }).unwrap();
    /// ```
    pub fn grace(mut self, grace: Grace) -> Self {
        self.settings.grace = grace;
        self
    }

    /// Sets the name that people see in the engine.
    ///
    /// # Examples
    ///
    /// See [`JobContext::worker`](crate::JobContext::worker).
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.settings.name = WorkerName::new(name);
        self
    }

    /// Ends the workers when `token` is cancelled, with the [grace](Self::grace). A request of a scope around
    /// [`serve`](Self::serve) is noticed anyway; its grace is then that scope's.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{CancelToken, smol::Smol};
    /// use anyscope_remote::{Memory, Workers};
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
    /// let stop = CancelToken::new();
    /// let workers = Workers::new(&Memory::new(&Smol), "squares").until(&stop);
    /// let serving = workers.serve(&Smol, &Smol, async |Square(n), _| Ok(n * n));
    /// stop.cancel("shutting down"); // by a signal, for example
    /// assert_eq!(serving.await.unwrap().begun, 0);
    /// # });
    /// ```
    pub fn until(mut self, token: &CancelToken) -> Self {
        self.until = Some(token.clone());
        self
    }

    /// Tells `observer` what happens. It is called where it happens, and must be quick.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{scope, smol::Smol};
    /// use anyscope_remote::{Memory, Remote, WorkerEvent, Workers};
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
    /// let (engine, log) = (Memory::new(&Smol), smol::channel::unbounded());
    /// scope(&Smol, async |s| {
    ///     let workers = Workers::new(&engine, "squares").attempts(1, []).on_event(move |event| {
    ///         if let WorkerEvent::Dead { attempts, .. } = event {
    ///             log.0.try_send(*attempts).unwrap();
    ///         }
    ///     });
    ///     s.spawn_daemon(workers.serve(&Smol, &Smol, async |Square(_), _| Err("no ink".to_owned())));
    ///     let squares = Remote::<Square>::new(&engine, &Smol, "squares");
    ///     assert!(squares.call(Square(7)).await.is_err());
    ///     assert_eq!(log.1.recv().await, Ok(1));
    /// })
    /// .await;
    /// # });
    /// ```
    pub fn on_event(mut self, observer: impl Fn(&WorkerEvent<'_>) + Send + Sync + 'static) -> Self {
        self.settings.observer = Some(Arc::new(observer));
        self
    }

    /// Runs `handler` for each job, on `exec`, until it is asked to end.
    ///
    /// When it is, it asks for no more jobs, lets handlers end within the grace, gives back at once what is left, so that other workers need not wait for the
    /// leases, and returns. While the engine cannot be reached, it asks again, for ever; [`on_event`](Self::on_event) hears of it.
    ///
    /// A value of the handler is settled whatever else has happened, but for a lease that is lost. An error of a handler that was asked to end is not the job's:
    /// the job is given back, or has the outcome for which it was ended.
    ///
    /// # Errors
    ///
    /// When the engine refuses for good: [`Denied`](crate::ErrorKind::Denied), [`Incompatible`](crate::ErrorKind::Incompatible).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the handlers, and gives their jobs back on `exec`, as a [finalizer](anyscope_core::Scope::defer) does.
    ///
    /// # Panics
    ///
    /// Propagates a panic of the [observer](Self::on_event). A panic of a handler is a failed attempt.
    ///
    /// # Examples
    ///
    /// See [`Workers`].
    pub fn serve<J, X, T, H, Fut>(
        self,
        exec: &X,
        timer: &T,
        handler: H,
    ) -> impl Future<Output = Result<Served, EngineError>> + Send + use<J, X, T, H, Fut>
    where
        J: Job,
        X: Spawn + Clone + Send + Sync + 'static,
        T: Timer<Sleep: Send + 'static> + Clock + Clone + Send + Sync + 'static,
        H: Fn(J, JobContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<J::Output, J::Error>> + Send + 'static,
    {
        let Workers { settings, here, until } = self;
        serve::serve(settings, here, until, exec.clone(), timer.clone(), handler)
    }
}

fn delays_of<D>(delays: D) -> super::site::Delays
where
    D: Iterator<Item = Duration> + Clone + Send + Sync + 'static,
{
    Arc::new(move |attempts| {
        let nth = usize::try_from(attempts.saturating_sub(1)).unwrap_or(usize::MAX);
        delays.clone().nth(nth)
    })
}

impl fmt::Debug for Workers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Workers")
            .field("queue", &self.settings.queue)
            .field("name", &self.settings.name)
            .field("everywhere", &self.settings.everywhere)
            .field("here", &self.here)
            .field("lease", &self.settings.lease)
            .finish_non_exhaustive()
    }
}
