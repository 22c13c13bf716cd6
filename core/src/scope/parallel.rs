//! Scopes whose children run in parallel on an executor, and own what they use.

use super::{
    blocking::{self, Blocking},
    driver::{self, Driver},
    handle::ScopeHandle,
    kind::{
        Kind, OnExecutor,
        on_executor::{adopt, adopt_local},
    },
    owner::Owner,
    policy::{Accept, Conclude, FailFast, Policy, Supervise},
    shared::{self, Plain, Shared},
};
use crate::{
    child::{
        Anywhere, JoinHandle, LocalJoinHandle, Panic, SameThread,
        spawn::{self},
    },
    exec::{Spawn, SpawnBlocking, SpawnLocal},
    limit::Limit,
};
use core::{
    any::type_name,
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};
use pin_project_lite::pin_project;

/// Runs `body` with a scope of children on `exec`, then waits for every child.
///
/// `body` is called at once with the [`Scope`]; what it returns is polled by the returned future
/// and may borrow. The children are polled by the executor, own what they use, and keep running
/// while the body waits for something else. The scope returns what the body returns.
///
/// Children fail independently: a child's panic goes to its handle and affects nothing else. If the
/// handle is gone, or is dropped without being read, the panic ends the scope: the other children
/// and the body are dropped, and the panic is resumed where the scope is awaited. For "the first
/// failure ends everything" see [`try_scope`]. A child that the executor refuses, or drops before
/// its end, is no failure of the scope either: its handle and the
/// [observer](crate::observe::Event::Refused) report it.
///
/// # Cancel safety
///
/// Dropping the returned future cancels every child: those that are idle have been dropped when
/// the drop returns, one that is being polled on another thread goes as soon as that poll
/// returns. Nothing blocks. The body is dropped after its children. See also
/// [`Event::Abandoned`](crate::observe::Event::Abandoned).
///
/// Scopes may be nested in each other's children as deeply as memory allows. With `std`, the stack
/// that it takes to drop them does not grow from the 64th level on: a scope below that is dropped
/// before its children, and these by the scope at that level before it drops its own body. When the
/// outermost drop or cancel returns, all are gone. Without `std`, and where scopes are nested in
/// children that are polled inline, as those of [`concurrent`](crate::concurrent()) are, the stack
/// limits the depth.
///
/// # Panics
///
/// - With the panic of `body`, after every child is gone.
/// - With a child's panic that no handle received, likewise. Of several the first is resumed.
/// - When polled after it was ready, or awaited inside one of its own children.
///
/// # Cost
///
/// One allocation for the scope, one for each child besides the executor's own.
///
/// # Examples
///
/// ```
/// use anyscope::smol::Smol;
/// # smol::block_on(async {
/// use anyscope::scope;
///
/// let words = ["to", "be"];
/// let letters = scope(&Smol, async |s| {
///     // The body borrows `words`; the children get what they own.
///     let first = s.spawn(async { "or".len() });
///     let rest: usize = words.iter().map(|word| word.len()).sum();
///     first.await.unwrap() + rest
/// })
/// .await;
/// assert_eq!(letters, 6);
/// # });
/// ```
pub fn scope<E, F, Fut>(exec: &E, body: F) -> ScopeFuture<Fut>
where
    E: Spawn + Clone,
    F: FnOnce(Scope<E>) -> Fut,
    Fut: Future,
{
    start_scope(OnExecutor::new(exec), body)
}

/// Runs `body` with a scope in which the first failure ends everything.
///
/// As [`scope`], but children and body return `Result`s with the same error type. When a child or
/// the body returns an `Err`, or a child panics, then the other children and the body are dropped,
/// and once they are gone the scope returns the error, or resumes the panic. A handle's
/// [`value`](JoinHandle::value) is therefore the plain `T`: after a failure the code that would
/// read it is gone.
///
/// [`Scope::cancel`] ends the body too.
///
/// # Errors
///
/// - [`ScopeError::Failed`](crate::ScopeError::Failed) with the first error in time and those that
///   came while the rest was shut down.
/// - [`ScopeError::Cancelled`](crate::ScopeError::Cancelled) if the scope was cancelled before the
///   body returned.
/// - The same, with the cause [`Executor`](crate::CancelledBy::Executor), if the executor refused a
///   child, or dropped it before its end, for instance because it was shut down. That counts as the
///   failure of a child does, also after the body has returned: work that was not done is never a
///   success. Only where the body of a scope that *was* cancelled has returned a value, that is the
///   result, as with other failures.
///
/// # Cancel safety
///
/// That of [`scope`].
///
/// # Panics
///
/// As [`scope`], but with the panic of *any* child; a panic goes before errors.
///
/// # Examples
///
/// ```
/// use anyscope::smol::Smol;
/// # smol::block_on(async {
/// use anyscope::try_scope;
/// use std::num::ParseIntError;
///
/// let sum = try_scope(&Smol, async |s| -> Result<i32, ParseIntError> {
///     let a = s.spawn(async { "40".parse::<i32>() });
///     let b = s.spawn(async { "2".parse::<i32>() });
///     Ok(a.value().await + b.value().await)
/// })
/// .await;
/// assert_eq!(sum.unwrap(), 42);
///
/// let failed = try_scope(&Smol, async |s| -> Result<(), ParseIntError> {
///     s.spawn(async { "forty".parse::<i32>() }).value().await;
///     unreachable!("the body is dropped here");
/// })
/// .await;
/// assert!(failed.unwrap_err().into_first().is_some());
/// # });
/// ```
pub fn try_scope<E, F, Fut, T, Err>(exec: &E, body: F) -> ScopeFuture<Fut, FailFast<Err>>
where
    E: Spawn + Clone,
    F: FnOnce(TryScope<E, Err>) -> Fut,
    Fut: Future<Output = Result<T, Err>>,
{
    start_scope(OnExecutor::new(exec), body)
}

/// Runs a [`scope`] of children that stay on this thread.
///
/// Neither the children nor the returned future need be `Send`, and they are not.
///
/// # Examples
///
/// ```
/// use anyscope::{BlockOn, scope_local, smol::SmolLocal};
/// use std::{cell::Cell, rc::Rc};
///
/// let executor = SmolLocal::new();
/// let handle = executor.handle();
/// let sum = Rc::new(Cell::new(0));
/// executor.block_on(scope_local(&handle, async |s| {
///     for n in 1..=3 {
///         let sum = sum.clone();
///         s.spawn(async move { sum.set(sum.get() + n) });
///     }
/// }));
/// assert_eq!(sum.get(), 6);
/// ```
pub fn scope_local<E, F, Fut>(exec: &E, body: F) -> ScopeFuture<Fut, Supervise, SameThread>
where
    E: SpawnLocal + Clone,
    F: FnOnce(LocalScope<E>) -> Fut,
    Fut: Future,
{
    start_scope(OnExecutor::new(exec), body)
}

/// Runs a [`try_scope`] of children that stay on this thread.
///
/// # Errors
///
/// As [`try_scope`].
///
/// # Examples
///
/// ```
/// use anyscope::{BlockOn, smol::SmolLocal, try_scope_local};
/// use std::rc::Rc;
///
/// let executor = SmolLocal::new();
/// let handle = executor.handle();
/// let line: Rc<str> = "42".into();
/// let number = executor.block_on(try_scope_local(&handle, async |s| {
///     Ok(s.spawn(async move { line.parse::<u32>() }).value().await)
/// }));
/// assert_eq!(number.unwrap(), 42);
/// ```
pub fn try_scope_local<E, F, Fut, T, Err>(
    exec: &E,
    body: F,
) -> ScopeFuture<Fut, FailFast<Err>, SameThread>
where
    E: SpawnLocal + Clone,
    F: FnOnce(TryLocalScope<E, Err>) -> Fut,
    Fut: Future<Output = Result<T, Err>>,
{
    start_scope(OnExecutor::new(exec), body)
}

/// Creates a scope without a limit, and calls `body`.
fn start_scope<K, F, Fut, P>(kind: K, body: F) -> ScopeFuture<Fut, P, K::State>
where
    K: Kind<State: Default>,
    F: FnOnce(ScopeHandle<'static, K, P>) -> Fut,
    Fut: Future,
    P: Conclude<Fut::Output>,
{
    start_with(Owner::owning(Limit::Unbounded, K::State::default()), kind, body)
}

/// Calls `body` with the scope of `owner`.
pub(super) fn start_with<K, F, Fut, P>(
    owner: Owner<P, K::State>,
    kind: K,
    body: F,
) -> ScopeFuture<Fut, P, K::State>
where
    K: Kind,
    F: FnOnce(ScopeHandle<'static, K, P>) -> Fut,
    Fut: Future,
    P: Conclude<Fut::Output>,
{
    let body = body(ScopeHandle::new(owner.shared().clone(), kind));
    ScopeFuture { driver: Driver::new(body, owner, type_name::<K>) }
}

pin_project! {
    /// Future of [`scope`] and its kin.
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct ScopeFuture<
        Fut,
        P = Supervise,
        M = Anywhere,
        V = <P as Accept<<Fut as Future>::Output>>::Value,
    >
    where
        Fut: Future,
        P: Conclude<Fut::Output>,
        P: Accept<Fut::Output, Value = V>,
    {
        #[pin]
        driver: Driver<Fut, P, M, V>,
    }
}

impl<Fut, P, M> ScopeFuture<Fut, P, M>
where
    Fut: Future,
    P: Conclude<Fut::Output>,
{
    /// Cancels the children, as its drop would do first. Returns the first panic that no handle
    /// received, which a drop would report to the observer.
    pub(crate) fn abandon(self: Pin<&mut Self>) -> Option<Panic> {
        self.project().driver.abandon()
    }
}

impl<Fut, P, M> Future for ScopeFuture<Fut, P, M>
where
    Fut: Future,
    P: Conclude<Fut::Output>,
{
    type Output = P::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<P::Output> {
        self.project().driver.poll(cx).map(driver::unwrap)
    }
}

impl<Fut, P, M> fmt::Debug for ScopeFuture<Fut, P, M>
where
    Fut: Future,
    P: Conclude<Fut::Output> + fmt::Debug,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.driver.fmt(f)
    }
}

/// Handle of a scope whose children run on the executor `E`.
///
/// Cheap to clone, so that children can spawn siblings. It may outlive the scope: then it refuses
/// to spawn, and the handle says so.
///
/// Got from [`scope`], [`try_scope`], [`scope_local`] or [`try_scope_local`], or through an
/// [`OwnedScope`](super::OwnedScope). `P` says what a child's end means ([`Supervise`] or
/// [`FailFast`]), `M` whether the handle and the children may move between threads.
pub type Scope<E, P = Supervise, M = Anywhere> = ScopeHandle<'static, OnExecutor<E, M>, P>;

/// A [`Scope`] in which the first failure ends everything; see [`try_scope`].
pub type TryScope<E, Err> = Scope<E, FailFast<Err>>;

/// A [`Scope`] of children that stay on this thread; see [`scope_local`].
pub type LocalScope<E, P = Supervise> = Scope<E, P, SameThread>;

/// A [`LocalScope`] in which the first failure ends everything; see [`try_scope_local`].
pub type TryLocalScope<E, Err> = Scope<E, FailFast<Err>, SameThread>;

impl<E, P: Policy, M> Scope<E, P, M> {
    /// Returns the executor, for its timer, its blocking threads and the like.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{scope, smol::Smol, timeout};
    /// use std::{future::pending, time::Duration};
    ///
    /// # smol::block_on(async {
    /// scope(&Smol, async |s| {
    ///     // Its timer, where nobody has passed one.
    ///     let waited = timeout(s.executor(), Duration::from_millis(1), pending::<()>()).await;
    ///     assert!(waited.is_err());
    /// })
    /// .await;
    /// # });
    /// ```
    pub fn executor(&self) -> &E {
        &self.kind.exec
    }
}

impl<E, P: Policy + Send + Sync + 'static> Scope<E, P> {
    /// Spawns a child of this scope on another executor.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{scope, smol::Smol};
    ///
    /// # smol::block_on(async {
    /// let sum = scope(&Smol, async |s| {
    ///     let near = s.spawn(async { 1 });
    ///     let far = s.spawn_on(&Smol, async { 2 }); // or any other executor
    ///     near.await.unwrap() + far.await.unwrap()
    /// })
    /// .await;
    /// assert_eq!(sum, 3);
    /// # });
    /// ```
    #[track_caller]
    pub fn spawn_on<X, F>(&self, other: &X, future: F) -> JoinHandle<'static, P::Value>
    where
        X: Spawn + ?Sized,
        F: Future + Send + 'static,
        F::Output: Send + 'static,
        P: Accept<F::Output>,
    {
        adopt::<_, _, _, Plain>(
            &self.shared,
            Shared::place(&self.shared, false),
            other,
            future,
            shared::plain(),
        )
    }
}

impl<E: SpawnBlocking, P: Policy + Send + Sync + 'static> Scope<E, P> {
    /// Runs `f` as a child on a thread where blocking is allowed.
    ///
    /// Until it starts, the child can be cancelled like any other, and `f` is dropped. Once
    /// started it runs to its end, and the scope waits for it.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{scope, smol::Smol};
    ///
    /// # smol::block_on(async {
    /// let sum = scope(&Smol, async |s| {
    ///     let sum = s.spawn_blocking(|| (1..=100).sum::<u32>());
    ///     sum.await.unwrap()
    /// })
    /// .await;
    /// assert_eq!(sum, 5050);
    /// # });
    /// ```
    #[track_caller]
    pub fn spawn_blocking<F, O>(&self, f: F) -> JoinHandle<'static, P::Value>
    where
        F: FnOnce() -> O + Send + 'static,
        O: Send + 'static,
        P: Accept<O>,
    {
        let place = Shared::place(&self.shared, false);
        let (child, handle) =
            spawn::parallel::<_, _, Plain>(&self.shared, place, Blocking::new(f), shared::plain());
        if let Some(child) = child {
            self.kind.exec.spawn_blocking(blocking::job(child));
        }
        handle
    }
}

impl<E, P: Policy + 'static> Scope<E, P, SameThread> {
    /// Starts a child of this scope on another executor of this thread.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{BlockOn, scope_local, smol::SmolLocal};
    /// use std::rc::Rc;
    ///
    /// let executor = SmolLocal::new();
    /// let handle = executor.handle();
    /// let name = Rc::new("not Send");
    /// let length = executor.block_on(scope_local(&handle, async |s| {
    ///     // Or any other executor of this thread:
    ///     s.spawn_on(&handle, async move { name.len() }).await.unwrap()
    /// }));
    /// assert_eq!(length, 8);
    /// ```
    #[track_caller]
    pub fn spawn_on<X, F>(&self, other: &X, future: F) -> LocalJoinHandle<'static, P::Value>
    where
        X: SpawnLocal + ?Sized,
        F: Future + 'static,
        F::Output: 'static,
        P: Accept<F::Output>,
    {
        adopt_local::<_, _, _, Plain>(&self.shared, other, future, shared::plain())
    }
}
