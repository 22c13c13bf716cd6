//! Scopes with a joiner.

use super::{
    Joiner,
    report::{Reporting, Reports},
};
use crate::{
    cancel::{CancelReason, CancelToken, Cancelled, CancelledBy},
    child::JoinHandle,
    exec::Spawn,
    scope::{
        ConcurrentFuture, DeadlineHandle, FailFast, ScopeError, ScopeFuture, ScopeHandle,
        kind::{ChildOf, InTask, Kind, OnExecutor, Unlimited, Watch},
        policy::Ended,
        try_concurrent, try_scope,
    },
    time::{Clock, Instant, Timer},
};
use alloc::{borrow::Cow, sync::Arc};
use core::{
    convert::Infallible,
    fmt,
    future::Future,
    ops::ControlFlow,
    pin::Pin,
    task::{Context, Poll},
};
use pin_project_lite::pin_project;

/// The policy of the scope beneath: its children report, and never fail.
pub(super) type Reported = FailFast<Infallible>;

/// Runs a [`scope`](crate::scope()) whose result is made of its children's outcomes by a
/// [`Joiner`]: one of those in [`joiner`](crate::joiner), or your own.
///
/// All children return the same type; what is borrowed, and where children run, is as in
/// [`scope`](crate::scope()). When the joiner has enough, the other children and the body are
/// dropped; the result is returned once they are gone.
///
/// # Cancel safety
///
/// That of [`scope`](crate::scope()). The joiner is dropped after the children.
///
/// # Panics
///
/// With a panic of a child, of the body or of the joiner.
///
/// # Cost
///
/// One allocation more than [`try_scope`], and one for each child that ends.
///
/// # Examples
///
/// Two mirrors, of which the faster one counts:
///
/// ```
/// use anyscope::{joiner::first_ok, scope_with, smol::Smol};
///
/// # smol::block_on(async {
/// let page = scope_with(&Smol, first_ok(), async |s| {
///     s.spawn(async { Err("mirror 1 is down") });
///     s.spawn(async { Ok("page") });
/// });
/// assert_eq!(page.await, Ok((1, "page")));
/// # });
/// ```
pub fn scope_with<E, J, O, F, Fut>(exec: &E, joiner: J, body: F) -> ScopeWithFuture<E, Fut, J, O>
where
    E: Spawn + Clone,
    J: Joiner<O, Fut::Output>,
    F: FnOnce(JoinScope<'static, OnExecutor<E>, O>) -> Fut,
    Fut: Future,
{
    JoinedFuture::new(joiner, |reports, handle| {
        try_scope(exec, |scope| Returns { body: body(JoinScope::new(scope, reports, handle)) })
    })
}

/// Runs a [`concurrent`](crate::concurrent()) scope whose result is made of its children's outcomes
/// by a [`Joiner`].
///
/// As [`scope_with`], but the children are polled by the awaiting task and may borrow.
///
/// # Cancel safety, panics
///
/// Those of [`scope_with`].
///
/// # Examples
///
/// ```
/// use anyscope::{concurrent_with, joiner::settle};
///
/// # smol::block_on(async {
/// let words = ["to", "be"];
/// let lengths = concurrent_with(settle(), async |s| {
///     for word in &words {
///         s.spawn(async move { word.len() });
///     }
/// });
/// assert_eq!(lengths.await, [Ok(2), Ok(2)]);
/// # });
/// ```
pub fn concurrent_with<'env, J, O, F, Fut>(
    joiner: J,
    body: F,
) -> ConcurrentWithFuture<'env, Fut, J, O>
where
    J: Joiner<O, Fut::Output>,
    F: FnOnce(JoinScope<'env, InTask<'env>, O>) -> Fut,
    Fut: Future,
{
    JoinedFuture::new(joiner, |reports, handle| {
        try_concurrent(|scope| Returns { body: body(JoinScope::new(scope, reports, handle)) })
    })
}

/// Handle of a scope with a [`Joiner`], whose children return an `O`. Got from [`scope_with`],
/// [`concurrent_with`] or `block_scope_with`.
///
/// Cheap to clone (that of a `block_scope_with` is a reference), so that children can spawn siblings. Children that are spawned through
/// [`scope`](Self::scope) are not the joiner's.
///
/// What is not here is a method of [`scope`](Self::scope): `s.scope().defer(..)`, `.cancel_with(..)`, `.spawn_daemon(..)`. Futures that
/// are passed to those return `Ok`: `s.scope().defer(async { Ok(close().await) })`.
///
/// See [`scope_with`] and [`concurrent_with`].
pub struct JoinScope<'a, K: Kind, O> {
    scope: ScopeHandle<'a, K, Reported>,
    reports: Arc<Reports<O>>,
}

impl<'a, K: Kind, O> JoinScope<'a, K, O> {
    fn new(
        scope: ScopeHandle<'a, K, Reported>,
        reports: &Arc<Reports<O>>,
        handle: &mut Option<ScopeHandle<'a, K, Reported>>,
    ) -> Self
    where
        K: Clone,
    {
        *handle = Some(scope.clone());
        Self::of(scope, reports.clone())
    }

    pub(super) fn of(scope: ScopeHandle<'a, K, Reported>, reports: Arc<Reports<O>>) -> Self {
        JoinScope { scope, reports }
    }

    /// Returns the handle of the scope beneath, for finalizers, daemons, graces and all else. What
    /// its children return is `Ok`.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{concurrent_with, joiner::settle};
    /// use std::sync::Mutex;
    ///
    /// # smol::block_on(async {
    /// let log = Mutex::new(vec![]);
    /// let sums = concurrent_with(settle(), async |s| {
    ///     s.scope().defer(async { Ok(log.lock().unwrap().push("closed")) });
    ///     s.spawn(async { 1 + 1 });
    /// });
    /// assert_eq!(sums.await, [Ok(2)]);
    /// assert_eq!(log.into_inner().unwrap(), ["closed"]);
    /// # });
    /// ```
    pub fn scope(&self) -> &ScopeHandle<'a, K, FailFast<Infallible>> {
        &self.scope
    }

    /// Cancels all children, present and future, and drops the body. The joiner hears of each.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{concurrent_with, joiner::settle};
    /// use std::future::pending;
    ///
    /// # smol::block_on(async {
    /// let outcomes = concurrent_with(settle(), async |s| {
    ///     s.spawn(pending::<u32>());
    ///     s.cancel("closing");
    /// })
    /// .await;
    /// assert_eq!(outcomes[0].as_ref().unwrap_err().reason().unwrap().message(), "closing");
    /// # });
    /// ```
    #[track_caller]
    pub fn cancel(&self, reason: impl Into<CancelReason>) {
        self.scope.cancel(reason);
    }

    /// Returns a token that is cancelled when this scope shuts down.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{concurrent_with, joiner::settle};
    ///
    /// # smol::block_on(async {
    /// let outcomes = concurrent_with(settle(), async |s| {
    ///     let token = s.token();
    ///     // For code that knows nothing of scopes.
    ///     s.spawn(async move { (0..1000).take_while(|_| token.checkpoint().is_ok()).count() });
    /// });
    /// assert_eq!(outcomes.await, [Ok(1000)]);
    /// # });
    /// ```
    pub fn token(&self) -> CancelToken {
        self.scope.token()
    }

    /// Ends the scope at the moment `at`, with what the joiner has by then; see
    /// [`Scope::deadline`](crate::Scope::deadline).
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{Clock, concurrent_with, joiner::settle, smol::Smol};
    /// use std::{future::pending, time::Duration};
    ///
    /// # smol::block_on(async {
    /// let outcomes = concurrent_with(settle(), async |s| {
    ///     s.deadline(&Smol, Smol.now().saturating_add(Duration::from_millis(50)));
    ///     s.spawn(async { 1 });
    ///     s.spawn(pending());
    /// })
    /// .await;
    /// assert_eq!(outcomes[0], Ok(1));
    /// assert!(outcomes[1].is_err());
    /// # });
    /// ```
    #[track_caller]
    pub fn deadline<T>(&self, timer: &T, at: Instant) -> DeadlineHandle
    where
        T: Timer + Clock + Clone,
        Watch<T>: ChildOf<'a, K, FailFast<Infallible>, Output = bool>,
    {
        self.scope.deadline(timer, at)
    }
}

impl<'a, K: Unlimited, O> JoinScope<'a, K, O> {
    /// Spawns a child. The joiner hears of its end.
    ///
    /// The handle tells when the child has ended, and can cancel it; the output is the joiner's.
    /// In a scope that was cancelled or has ended, the child is never polled.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{concurrent_with, joiner::settle};
    ///
    /// # smol::block_on(async {
    /// let outcomes = concurrent_with(settle(), async |s| {
    ///     let first = s.spawn(async { "first" });
    ///     first.await.unwrap(); // it has ended; what it returned is the joiner's
    ///     s.spawn(async { "second" });
    /// });
    /// assert_eq!(outcomes.await, [Ok("first"), Ok("second")]);
    /// # });
    /// ```
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<'a, (), K::Mode>
    where
        F: Future<Output = O>,
        Reporting<F>: ChildOf<'a, K, FailFast<Infallible>, Output = Result<(), Infallible>>,
    {
        self.scope.spawn(Reporting::new(future, &self.reports))
    }

    /// Spawns a child with a name; see [`Scope::spawn_named`](crate::Scope::spawn_named).
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{concurrent_with, joiner::settle};
    ///
    /// # smol::block_on(async {
    /// let outcomes = concurrent_with(settle(), async |s| {
    ///     let mirror = s.spawn_named("mirror 1", async { 200 });
    ///     assert_eq!(mirror.name(), Some("mirror 1")); // in a panic, and in a tree of what runs
    /// });
    /// assert_eq!(outcomes.await, [Ok(200)]);
    /// # });
    /// ```
    #[track_caller]
    pub fn spawn_named<F>(
        &self,
        name: impl Into<Cow<'static, str>>,
        future: F,
    ) -> JoinHandle<'a, (), K::Mode>
    where
        F: Future<Output = O>,
        Reporting<F>: ChildOf<'a, K, FailFast<Infallible>, Output = Result<(), Infallible>>,
    {
        self.scope.spawn_named(name, Reporting::new(future, &self.reports))
    }
}

impl<K: Kind + Clone, O> Clone for JoinScope<'_, K, O> {
    fn clone(&self) -> Self {
        JoinScope { scope: self.scope.clone(), reports: self.reports.clone() }
    }
}

impl<K: Kind, O> fmt::Debug for JoinScope<'_, K, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("JoinScope").field(&self.scope).finish()
    }
}

pin_project! {
    /// The body of a scope with a joiner. It cannot fail: what it returns is the joiner's.
    ///
    /// See [`concurrent_with`].
    pub struct Returns<Fut> {
        #[pin]
        pub(super) body: Fut,
    }
}

impl<Fut: Future> Future for Returns<Fut> {
    type Output = Result<Fut::Output, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().body.poll(cx).map(Ok)
    }
}

/// Future of [`scope_with`].
pub type ScopeWithFuture<E, Fut, J, O> =
    JoinedFuture<'static, OnExecutor<E>, ScopeFuture<Returns<Fut>, FailFast<Infallible>>, J, O>;

/// Future of [`concurrent_with`].
pub type ConcurrentWithFuture<'env, Fut, J, O> = JoinedFuture<
    'env,
    InTask<'env>,
    ConcurrentFuture<'env, Returns<Fut>, FailFast<Infallible>>,
    J,
    O,
>;

pin_project! {
    /// Future of [`scope_with`] and [`concurrent_with`].
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct JoinedFuture<'a, K: Kind, S, J, O> {
        // Dropped first, with all children.
        #[pin]
        scope: S,
        handle: ScopeHandle<'a, K, Reported>,
        reports: Arc<Reports<O>>,
        // `None` after the end, and after a panic of its own.
        joiner: Option<J>,
        // How many children it has heard of.
        told: usize,
    }
}

impl<'a, K: Kind, S, J, O> JoinedFuture<'a, K, S, J, O> {
    fn new(
        joiner: J,
        start: impl FnOnce(&Arc<Reports<O>>, &mut Option<ScopeHandle<'a, K, Reported>>) -> S,
    ) -> Self {
        let (reports, mut handle) = (Reports::new(), None);
        let scope = start(&reports, &mut handle);
        let handle = handle.expect("set when the body was called");
        Self::of(joiner, reports, handle, scope)
    }

    pub(super) fn of(
        joiner: J,
        reports: Arc<Reports<O>>,
        handle: ScopeHandle<'a, K, Reported>,
        scope: S,
    ) -> Self {
        JoinedFuture { scope, handle, reports, joiner: Some(joiner), told: 0 }
    }
}

impl<K, S, J, O, B> Future for JoinedFuture<'_, K, S, J, O>
where
    K: Kind,
    S: Future<Output = Result<B, ScopeError<Infallible>>>,
    J: Joiner<O, B>,
{
    type Output = J::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<J::Output> {
        // A second time at once, as a child that is polled by the scope may have ended in the first.
        for _ in 0..2 {
            let this = self.as_mut().project();
            this.reports.owner.register(cx.waker());
            let ended = this.scope.poll(cx);
            let joiner = self.as_mut().tell();
            let this = self.as_mut().project();
            if let Poll::Ready(body) = ended {
                let mut joiner = joiner;
                if this.handle.has_elapsed() {
                    joiner.on_timeout();
                }
                return Poll::Ready(joiner.finish(body));
            }
            *this.joiner = Some(joiner);
            if this.reports.is_empty() && !this.handle.is_cancelled() {
                return Poll::Pending;
            }
        }
        if self.reports.is_empty() {
            return Poll::Pending;
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<K: Kind, S, J, O> JoinedFuture<'_, K, S, J, O> {
    /// Tells the joiner of everything that was reported, and cancels the scope if it says so.
    /// Returns the joiner, which is to be put back unless it is needed no more.
    fn tell<B>(self: Pin<&mut Self>) -> J
    where
        J: Joiner<O, B>,
    {
        let this = self.project();
        let mut joiner = this.joiner.take().expect("polled after it was ready, or after a panic");
        let reports = this.reports.take();
        for child in *this.told..this.reports.spawned() {
            *this.told = child + 1;
            joiner.on_spawn(child);
        }
        for (child, output) in reports {
            let outcome = output.ok_or_else(|| cancelled(this.handle));
            if let ControlFlow::Break(reason) = joiner.on_completion(child, outcome) {
                this.handle.cancel(reason);
            }
        }
        joiner
    }
}

/// Why a child of this scope was dropped.
fn cancelled<K: Kind>(scope: &ScopeHandle<'_, K, Reported>) -> Cancelled {
    let shared = &scope.shared;
    match (shared.asks_to_end(), shared.ended()) {
        (None, _) => Cancelled::new(CancelledBy::Handle, None),
        (Some(_), Ended::Cancelled(refused)) if refused.by() == CancelledBy::Executor => refused,
        (Some(cancelled), _) => cancelled,
    }
}

impl<K: Kind, S: fmt::Debug, J: fmt::Debug, O> fmt::Debug for JoinedFuture<'_, K, S, J, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinedFuture")
            .field("scope", &self.scope)
            .field("joiner", &self.joiner)
            .finish_non_exhaustive()
    }
}
