//! The handle of a scope: one type for all kinds.
//!
//! Here are the methods that require something of a child: if it does not have it, the compiler
//! shows these lines to users. (So they are in the file of the type. From another file the compiler
//! would name a method `anyscope_core::scope::spawn::<impl ScopeHandle<'a, K, P>>::spawn`.) The
//! others are in [`control`](super::control), and what only one kind has is with that kind.

use super::{
    cleanup::{Budget, Release},
    deadline::{DeadlineHandle, Watch},
    kind::{ChildOf, FinalizerOf, Kind, Unlimited},
    policy::{Accept, Policy, Supervise},
    restart::{ObservesRestarts, Restart, Restarting, Restarts},
    shared::{self, Host, Optional, Plain, Shared},
    start::{self, Ready, Start, Starting},
    stop::{self, EndOfGrace, EndOfTime},
};
use crate::{
    cancel::{CancelReason, Grace},
    child::{JoinHandle, spawn::Spec},
    sync,
    time::{Clock, Instant, Timer},
};
use alloc::{borrow::Cow, sync::Arc};
use core::{fmt, future::Future, marker::PhantomData, time::Duration};

/// Handle of a scope of kind `K`, whose children may borrow for `'a`.
///
/// Users write its aliases, which say what each kind of scope is:
///
/// | alias | the kind, and what a child must be |
/// |---|---|
/// | [`Scope`](super::Scope) | [`OnExecutor`](super::kind::OnExecutor)`<E>`: `Send + 'static` |
/// | [`LocalScope`](super::LocalScope) | [`OnExecutor`](super::kind::OnExecutor)`<E, SameThread>`: `'static` |
/// | [`LimitedScope`](super::LimitedScope) | [`Limited`](super::kind::Limited)`<E>`: `Send + 'static` |
/// | [`Concurrent`](super::Concurrent) | [`InTask`](super::kind::InTask)`<'env>`: `Send + 'env` |
/// | [`LocalConcurrent`](super::LocalConcurrent) | [`InTask`](super::kind::InTask)`<'env, SameThread>`: `'env` |
/// | `BlockScope` | `Blocked<'env, E>`: `Send + 'scope` |
///
/// The same is required of what a child returns. The methods say [`ChildOf`]`<'a, K, P>` for it, and
/// [`FinalizerOf`]`<'a, K, P>` for what a finalizer must be. `P` says what a child's end means
/// ([`Supervise`] or [`FailFast`](super::FailFast)).
///
/// # Examples
///
/// Functions that are generic over the kind of scope:
///
/// ```
/// use anyscope::{
///     JoinHandle, Policy, ScopeHandle, Supervise, concurrent,
///     kind::{ChildOf, Kind, Unlimited},
///     scope,
///     smol::Smol,
/// };
///
/// /// Spawns every future as a child, in any scope without a limit.
/// fn spawn_each<'a, K, I, F>(
///     s: &ScopeHandle<'a, K>,
///     futures: I,
/// ) -> Vec<JoinHandle<'a, F::Output, K::Mode>>
/// where
///     K: Unlimited,
///     I: IntoIterator<Item = F>,
///     F: Future + ChildOf<'a, K, Supervise>,
/// {
///     futures.into_iter().map(|future| s.spawn(future)).collect()
/// }
///
/// /// Cancels all children but those with a name, in any scope.
/// fn cancel_nameless<K: Kind, P: Policy>(s: &ScopeHandle<'_, K, P>) -> usize {
///     s.cancel_where(|child| child.name.is_none())
/// }
///
/// # smol::block_on(async {
/// let words = ["to", "be"];
/// let in_task = concurrent(async |s| {
///     let borrowing = spawn_each(&s, words.iter().map(|word| async { word.len() }));
///     for (handle, word) in borrowing.into_iter().zip(words) {
///         assert_eq!(handle.await.unwrap(), word.len());
///     }
/// });
/// in_task.await;
///
/// let on_executor = scope(&Smol, async |s| {
///     spawn_each(&s, words.map(|_| std::future::pending::<()>()));
///     cancel_nameless(&s)
/// });
/// assert_eq!(on_executor.await, 2);
/// # });
/// ```
pub struct ScopeHandle<'a, K: Kind, P = Supervise> {
    pub(super) shared: sync::Arc<Shared<P, K::State>>,
    pub(super) kind: K,
    /// Invariant, so that `'a` cannot shrink.
    borrows: PhantomData<fn(&'a ()) -> &'a ()>,
}

impl<'a, K: Kind, P: Policy> ScopeHandle<'a, K, P> {
    pub(super) fn new(shared: sync::Arc<Shared<P, K::State>>, kind: K) -> Self {
        ScopeHandle { shared, kind, borrows: PhantomData }
    }
}

impl<'a, K: Unlimited, P: Policy> ScopeHandle<'a, K, P> {
    /// Spawns a child.
    ///
    /// It is polled where children of this kind of scope are polled, and needs no further
    /// call. The scope does not end before the child has ended.
    ///
    /// In a scope that was cancelled or has ended, the child is never polled: `future` is
    /// dropped at once, and the handle says [`Cancelled`](crate::JoinError::Cancelled).
    ///
    /// # Cancel safety
    ///
    /// The child belongs to the scope. Dropping the handle only gives up the child's value.
    ///
    /// # Examples
    ///
    /// ```
    /// # smol::block_on(async {
    /// use anyscope::concurrent;
    ///
    /// let words = ["to", "be"];
    /// let letters = concurrent(async |s| {
    ///     let first = s.spawn(async { words[0].len() });
    ///     let second = s.spawn(async { words[1].len() });
    ///     first.await.unwrap() + second.await.unwrap()
    /// })
    /// .await;
    /// assert_eq!(letters, 4);
    /// # });
    /// ```
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<'a, P::Value, K::Mode>
    where
        F: Future + ChildOf<'a, K, P>,
        P: Accept<F::Output>,
    {
        F::adopt::<Plain>(self, future, shared::plain())
    }

    /// Spawns a child with a name. The name appears in handles, events and reports of a hang;
    /// with the place of this call it appears in the error that tells of the child's panic.
    ///
    /// # Cost
    ///
    /// One allocation more than [`spawn`](Self::spawn).
    ///
    /// # Examples
    ///
    /// ```
    /// # smol::block_on(async {
    /// use anyscope::concurrent;
    ///
    /// concurrent(async |s| {
    ///     let writer = s.spawn_named("writer", async { panic!("disk full") });
    ///     let error = writer.await.unwrap_err();
    ///     assert!(error.to_string().contains("writer"));
    /// })
    /// .await;
    /// # });
    /// ```
    #[track_caller]
    pub fn spawn_named<F>(
        &self,
        name: impl Into<Cow<'static, str>>,
        future: F,
    ) -> JoinHandle<'a, P::Value, K::Mode>
    where
        F: Future + ChildOf<'a, K, P>,
        P: Accept<F::Output>,
    {
        let Spec { origin, daemon } = shared::plain();
        F::adopt::<Plain>(self, future, Spec { origin: origin.named(name.into()), daemon })
    }

    /// Spawns a child that is made anew when it fails, as `restart` says.
    ///
    /// `child` makes the future of the child, at first and for each restart. All of them are one
    /// child of the scope, with one handle: a cancel, a grace, a deadline or a shield holds for each
    /// and for the time between them. When it is not restarted any more, its last value, error or
    /// panic is that of the child, and so the scope's.
    ///
    /// [`Restart::run`] returns the same as a future, with how to restart a whole group. (A scope
    /// whose policy is [`Supervise`] restarts nothing: its children fail independently.)
    ///
    /// # Cancel safety
    ///
    /// As [`spawn`](Self::spawn).
    ///
    /// # Examples
    ///
    /// See [`Restart`].
    ///
    /// ```
    /// use anyscope::{Restart, concurrent, smol::Smol};
    /// use std::{sync::atomic::{AtomicU32, Ordering::Relaxed}, time::Duration};
    ///
    /// # smol::block_on(async {
    /// let runs = &AtomicU32::new(0);
    /// concurrent(async |s| {
    ///     let restart = Restart::on_failure(Smol).at_most(5, Duration::MAX);
    ///     let connection = s.supervise(restart, || async {
    ///         if runs.fetch_add(1, Relaxed) < 2 { Err("refused") } else { Ok("connected") }
    ///     });
    ///     assert_eq!(connection.await.unwrap(), Ok("connected"));
    /// })
    /// .await;
    /// assert_eq!(runs.load(Relaxed), 3);
    /// # });
    /// ```
    #[track_caller]
    pub fn supervise<T, W, D, F, Fut, N>(
        &self,
        restart: Restart<T, W, D, N>,
        child: F,
    ) -> JoinHandle<'a, P::Value, K::Mode>
    where
        T: Timer + Clock,
        W: Restarts<Fut::Output>,
        D: Iterator<Item = Duration> + Clone,
        F: FnMut() -> Fut,
        Fut: Future,
        N: ObservesRestarts<Fut::Output>,
        Restarting<T, W, D, F, Fut, N>: Future<Output = Fut::Output> + ChildOf<'a, K, P>,
        P: Accept<Fut::Output>,
    {
        self.spawn(restart.run(child))
    }

    /// Spawns a child and waits until it says that it is ready.
    ///
    /// `child` is called at once with a [`Ready`]; the future it returns is the child. When
    /// the child calls [`Ready::signal`], the returned future resolves to the signalled value
    /// and the child's handle, and the child keeps running in this scope.
    ///
    /// # Errors
    ///
    /// A failure of the child before it is ready goes to the caller only; the scope is not
    /// affected. See [`StartError`](crate::StartError).
    ///
    /// # Cancel safety
    ///
    /// Dropping the returned future before it is ready cancels the child, and only the child.
    ///
    /// # Examples
    ///
    /// A server that tells its port:
    ///
    /// ```
    /// # smol::block_on(async {
    /// use anyscope::{Ready, concurrent};
    ///
    /// concurrent(async |s| {
    ///     let (port, server) = s
    ///         .start(async |ready: Ready<u16>| {
    ///             ready.signal(8080);
    ///             "served"
    ///         })
    ///         .await
    ///         .unwrap();
    ///     assert_eq!(port, 8080);
    ///     assert_eq!(server.await.unwrap(), "served");
    /// })
    /// .await;
    /// # });
    /// ```
    #[track_caller]
    pub fn start<V, C, F>(&self, child: C) -> Start<'a, V, P::Value, P::Error, K::Mode>
    where
        C: FnOnce(Ready<V>) -> F,
        F: Future,
        P: Accept<F::Output>,
        Starting<V, F, P>: ChildOf<'a, K, P, Output = Option<F::Output>>,
    {
        let (starting, start) = start::prepare::<V, C, F, P>(child);
        start.with_handle(Starting::adopt::<Optional>(self, starting, shared::plain()))
    }
}

impl<'a, K: Kind, P: Policy> ScopeHandle<'a, K, P> {
    /// Spawns a child that does not keep the scope open.
    ///
    /// When the body and all ordinary children are done, the daemons are cancelled, waited
    /// for, and the scope ends. That end is no error; their handles say
    /// [`Finished`](crate::CancelledBy::Finished). A daemon that fails or panics before that
    /// counts like any other child.
    ///
    /// In a limited scope, daemons do not count towards the limit.
    ///
    /// # Examples
    ///
    /// ```
    /// # smol::block_on(async {
    /// use anyscope::concurrent;
    /// use std::future::pending;
    ///
    /// let answer = concurrent(async |s| {
    ///     // Never ends by itself, and does not keep the scope open.
    ///     s.spawn_daemon(pending::<()>());
    ///     s.spawn(async { 42 }).await.unwrap()
    /// })
    /// .await;
    /// assert_eq!(answer, 42);
    /// # });
    /// ```
    #[track_caller]
    pub fn spawn_daemon<F>(&self, future: F) -> JoinHandle<'a, P::Value, K::Mode>
    where
        F: Future + ChildOf<'a, K, P>,
        P: Accept<F::Output>,
    {
        F::adopt::<Plain>(self, future, Spec { daemon: true, ..shared::plain() })
    }

    /// Spawns a child that runs work of several users: none of them can
    /// [end it](crate::cancel_self()) for the others.
    #[track_caller]
    pub(crate) fn spawn_host<F>(&self, future: F) -> JoinHandle<'a, P::Value, K::Mode>
    where
        F: Future + ChildOf<'a, K, P>,
        P: Accept<F::Output>,
    {
        F::adopt::<Host>(self, future, shared::plain())
    }

    /// As [`spawn_host`](Self::spawn_host), with a name.
    #[track_caller]
    pub(crate) fn spawn_named_host<F>(
        &self,
        name: impl Into<Cow<'static, str>>,
        future: F,
    ) -> JoinHandle<'a, P::Value, K::Mode>
    where
        F: Future + ChildOf<'a, K, P>,
        P: Accept<F::Output>,
    {
        let Spec { origin, daemon } = shared::plain();
        F::adopt::<Host>(self, future, Spec { origin: origin.named(name.into()), daemon })
    }

    /// As [`spawn_host`](Self::spawn_host), of a daemon.
    #[track_caller]
    pub(crate) fn spawn_daemon_host<F>(&self, future: F) -> JoinHandle<'a, P::Value, K::Mode>
    where
        F: Future + ChildOf<'a, K, P>,
        P: Accept<F::Output>,
    {
        F::adopt::<Host>(self, future, Spec { daemon: true, ..shared::plain() })
    }

    /// Asks all children to end, waits for `grace`, and then [cancels](Self::cancel) those
    /// that are left. Returns at once.
    ///
    /// The [token](Self::token) is cancelled before this returns. Children are still polled;
    /// new ones are refused. When the grace is over, the remaining children are dropped, in a
    /// fail-fast scope the body too; until then the body keeps running.
    ///
    /// With [`Grace::Forever`](crate::Grace::Forever) nothing is dropped. A second call changes
    /// nothing; a [`cancel`](Self::cancel) or a [deadline](Self::deadline) ends the grace
    /// sooner.
    ///
    /// The time is watched by a child of this scope. If the executor drops that child because
    /// it was shut down, the grace is over at once.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::smol::Smol;
    /// # smol::block_on(async {
    /// use anyscope::{Grace, concurrent};
    /// use std::{future::pending, time::Duration};
    ///
    /// concurrent(async |s| {
    ///     let token = s.token();
    ///     let polite = s.spawn(async move {
    ///         token.cancelled().await;
    ///         "bye"
    ///     });
    ///     let stubborn = s.spawn(pending::<()>());
    ///     s.cancel_with(&Smol, Grace::For(Duration::from_millis(50)), "closing");
    ///     assert_eq!(polite.await.unwrap(), "bye");
    ///     assert!(stubborn.await.unwrap_err().is_cancelled());
    /// })
    /// .await;
    /// # });
    /// ```
    #[track_caller]
    pub fn cancel_with<T>(&self, timer: &T, grace: Grace, reason: impl Into<CancelReason>)
    where
        T: Timer<Sleep: ChildOf<'a, K, P>>,
    {
        if self.shared.is_cancelled() {
            return;
        }
        // First, so that it is there if the grace is over at once.
        self.shared.set_reason(reason.into());
        if let Some(grace) = grace.duration() {
            let spec = stop::daemon("the end of a grace");
            T::Sleep::adopt::<EndOfGrace>(self, timer.sleep(grace), spec);
        }
        self.shared.ask();
    }

    /// Cancels the scope at the moment `at`, and returns a handle that can move that moment.
    /// A fail-fast scope then returns [`Elapsed`](crate::ScopeError::Elapsed). During a
    /// [grace](Self::cancel_with), the deadline ends the grace.
    ///
    /// As with [`cancel`](Self::cancel), the body of a supervised scope keeps running; what it
    /// awaits through the [token](Self::token) ends.
    ///
    /// Of several deadlines the earliest counts. Scopes inside this one end with it, whatever
    /// their own deadlines.
    /// [`Instant::NEVER`](crate::Instant::NEVER) is no deadline; a moment that has passed ends
    /// the scope as soon as it waits.
    ///
    /// The time is watched by a child of this scope. If the executor drops that child because
    /// it was shut down, the moment can no longer be noticed: the scope is cancelled at once,
    /// for a reason that says so.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::smol::Smol;
    /// # smol::block_on(async {
    /// use anyscope::{Clock, concurrent};
    /// use std::{future::pending, time::Duration};
    ///
    /// concurrent(async |s| {
    ///     let at = Smol.now().saturating_add(Duration::from_millis(1));
    ///     s.deadline(&Smol, at);
    ///     let error = s.spawn(pending::<()>()).await.unwrap_err();
    ///     assert!(error.is_cancelled());
    ///     assert!(s.has_elapsed());
    /// })
    /// .await;
    /// # });
    /// ```
    #[track_caller]
    pub fn deadline<T>(&self, timer: &T, at: Instant) -> DeadlineHandle
    where
        T: Timer + Clock + Clone,
        Watch<T>: ChildOf<'a, K, P, Output = bool>,
    {
        let (moved, watch) = DeadlineHandle::new(timer.clone(), at, self.shared.request_token());
        let spec = stop::daemon("a deadline");
        Watch::adopt::<EndOfTime>(self, watch, spec);
        moved
    }
}

impl<'a, K: Kind, P: Policy> ScopeHandle<'a, K, P> {
    /// Defers `future` to the end of the scope: it runs when the body and all children are
    /// gone, however they ended, and the scope does not end before it has ended.
    ///
    /// They run one after the other, the last one first; to have some run together, defer a
    /// [`concurrent`](crate::concurrent()) scope of them. Each runs once. One that fails or
    /// panics does not keep the others from running: in a fail-fast scope its error counts like
    /// that of a child, and a panic is resumed when all of them have ended. How long they may
    /// take is set with [`cleanup_budget`](Self::cleanup_budget); there is no limit otherwise.
    ///
    /// # Cancel safety
    ///
    /// A cancel of the scope does not reach its finalizers. If the future of the scope is
    /// dropped before its end, finalizers that own what they use (those of
    /// [`scope`](crate::scope()) and its kin) are handed to the executor, where they run after
    /// the last child is gone: they are all that can outlive a scope. Those that may borrow are
    /// dropped, and [reported](crate::observe::Event::FinalizerDropped). So is what is deferred
    /// after the end of the scope.
    ///
    /// # Examples
    ///
    /// ```
    /// # use smol::block_on;
    /// # block_on(async {
    /// use anyscope::concurrent;
    /// use std::sync::Mutex;
    ///
    /// let log = Mutex::new(Vec::new());
    /// concurrent(async |s| {
    ///     s.defer(async { log.lock().unwrap().push("close the file") });
    ///     s.defer(async { log.lock().unwrap().push("flush it") });
    ///     s.spawn(async { log.lock().unwrap().push("write") });
    /// })
    /// .await;
    /// assert_eq!(log.into_inner().unwrap(), ["write", "flush it", "close the file"]);
    /// # });
    /// ```
    #[track_caller]
    pub fn defer<F>(&self, future: F)
    where
        F: Future + FinalizerOf<'a, K, P>,
        P: Accept<F::Output>,
    {
        F::defer(self, future);
        self.shared.after_defer();
    }

    /// Limits the time of all finalizers together to `budget`. When it has passed, the rest
    /// is dropped, and [reported](crate::observe::Event::FinalizerDropped).
    ///
    /// The time begins when a finalizer waits for the first time. With a budget of zero, only
    /// finalizers that need not wait run. The last call counts.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{concurrent, sim::Sim};
    /// use std::{future::pending, time::Duration};
    ///
    /// const SECOND: Duration = Duration::from_secs(1);
    ///
    /// Sim::new(7)
    ///     .run(async |sim| {
    ///         concurrent(async |s| {
    ///             s.cleanup_budget(&sim, 3 * SECOND);
    ///             s.defer(pending::<()>()); // a peer that does not answer
    ///         })
    ///         .await;
    ///         assert_eq!(sim.elapsed(), 3 * SECOND);
    ///     })
    ///     .unwrap();
    /// ```
    #[track_caller]
    pub fn cleanup_budget<T>(&self, timer: &T, budget: Duration)
    where
        T: Timer + Clone,
        Budget<T>: FinalizerOf<'a, K, P, Output = ()>,
    {
        Budget::limit(self, Budget::new(timer.clone(), budget));
    }

    /// Waits for a resource, and defers its release to the end of the scope.
    ///
    /// `release` is [deferred](Self::defer) in the same step in which `acquire` is ready, so
    /// there is no moment in between at which a cancel could lose the resource. If `acquire` is
    /// dropped before that, nothing was acquired, and nothing is released.
    ///
    /// The resource is shared with `release`, which runs when all children are gone.
    ///
    /// # Examples
    ///
    /// ```
    /// # use smol::block_on;
    /// # block_on(async {
    /// use anyscope::concurrent;
    /// use std::sync::Mutex;
    ///
    /// let free = Mutex::new(vec!["connection"]);
    /// let length = concurrent(async |s| {
    ///     let connection = s
    ///         .acquire(
    ///             async { free.lock().unwrap().pop().unwrap() },
    ///             async |connection| free.lock().unwrap().push(*connection),
    ///         )
    ///         .await;
    ///     assert!(free.lock().unwrap().is_empty());
    ///     connection.len()
    /// })
    /// .await;
    /// assert_eq!((length, free.lock().unwrap().len()), (10, 1));
    /// # });
    /// ```
    pub async fn acquire<A, R, C, F>(&self, acquire: A, release: C) -> Arc<R>
    where
        A: Future<Output = R>,
        C: FnOnce(Arc<R>) -> F,
        F: Future,
        P: Accept<F::Output>,
        Release<R, C, F>: FinalizerOf<'a, K, P, Output = F::Output>,
    {
        let resource = Arc::new(acquire.await);
        self.defer(Release::new(resource.clone(), release));
        resource
    }
}

impl<'a, K: Kind + Clone, P> Clone for ScopeHandle<'a, K, P> {
    fn clone(&self) -> Self {
        let (shared, kind) = (self.shared.clone(), self.kind.clone());
        ScopeHandle { shared, kind, borrows: PhantomData }
    }
}

impl<'a, K: Kind, P: fmt::Debug> fmt::Debug for ScopeHandle<'a, K, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shared.fmt(f)
    }
}
