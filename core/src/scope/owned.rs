//! Scopes that live in a struct.

use super::{
    kind::OnExecutor,
    owner::Owner,
    parallel::Scope,
    policy::{Conclude, FailFast, Policy, Supervise},
};
use crate::{child::Anywhere, exec::Spawn, limit::Limit, sync::EventListener, waits};
use core::{
    any::type_name,
    fmt,
    future::poll_fn,
    ops::Deref,
    pin::Pin,
    task::{Context, Poll},
};

/// A scope without a body, to be kept in a struct.
///
/// For servers, connections and other values that live until their owner ends them, where a
/// function body cannot be the scope. Spawn children through the [`Scope`] to which this derefs, or
/// through its clones. [`close`](Self::close) waits for them. Dropping the `OwnedScope` cancels
/// them at once, without waiting, as the drop of a [`ScopeFuture`](super::ScopeFuture) does.
///
/// Children fail independently, as in [`scope`](super::scope); with
/// [`fail_fast`](OwnedScope::fail_fast), the first failure ends all of them, as in
/// [`try_scope`](super::try_scope).
///
/// # Comparison with tokio's `JoinSet` and `TaskTracker`
///
/// - Children may run on any executor, and spawn siblings.
/// - `spawn` returns a handle. The value of a child whose handle was dropped is freed when the
///   child completes, so a scope that spawns for a year stays small; there is nothing to drain.
/// - A drop leaves no idle child behind, and `close` propagates a panic that no handle received.
/// - A spawn after the end is refused, and the handle says so; it cannot race with the end.
///
/// # Examples
///
/// ```
/// use anyscope::smol::Smol;
/// # use smol::block_on;
/// use anyscope::OwnedScope;
/// use std::sync::{Arc, atomic::{AtomicUsize, Ordering}};
///
/// struct Server {
///     requests: OwnedScope<Smol>,
///     served: Arc<AtomicUsize>,
/// }
///
/// impl Server {
///     fn accept(&self) {
///         let served = self.served.clone();
///         self.requests.spawn(async move { served.fetch_add(1, Ordering::Relaxed) });
///     }
/// }
///
/// # block_on(async {
/// let server = Server { requests: OwnedScope::new(&Smol), served: Arc::default() };
/// (0..3).for_each(|_| server.accept());
/// server.requests.close().await;
/// assert_eq!(server.served.load(Ordering::Relaxed), 3);
/// # });
/// ```
#[doc(alias("JoinSet", "TaskTracker", "TaskGroup"))]
pub struct OwnedScope<E, P: Policy = Supervise> {
    scope: Scope<E, P>,
    owner: Owner<P, Anywhere>,
}

impl<E: Spawn + Clone> OwnedScope<E> {
    /// Creates a scope with children on `exec` that fail independently.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{OwnedScope, smol::Smol};
    ///
    /// # smol::block_on(async {
    /// let scope = OwnedScope::new(&Smol);
    /// let first = scope.spawn(async { "one".parse::<u32>() });
    /// let second = scope.spawn(async { "2".parse::<u32>() });
    /// assert!(first.await.unwrap().is_err());
    /// assert_eq!(second.await.unwrap(), Ok(2));
    /// # });
    /// ```
    pub fn new(exec: &E) -> Self {
        Self::start(exec)
    }

    /// Waits until all children have ended, including those that they still spawn, then cancels the
    /// daemons. From then on no child can be spawned.
    ///
    /// To end the children sooner, call [`cancel`](Scope::cancel) first.
    ///
    /// # Cancel safety
    ///
    /// Dropping the returned future loses nothing: call this again. Several tasks may wait. Once
    /// only daemons are left, they are cancelled and no child can be spawned any more, even if the
    /// future is dropped then.
    ///
    /// # Panics
    ///
    /// - Propagates the panic of a child that no handle received.
    /// - Panics if awaited inside a child or a finalizer of this scope, which would wait for itself
    ///   (with `std`).
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{OwnedScope, smol::Smol};
    ///
    /// # smol::block_on(async {
    /// let scope = OwnedScope::new(&Smol);
    /// let child = scope.spawn(async { 42 });
    /// scope.close().await;
    /// assert_eq!(child.await.unwrap(), 42);
    /// assert!(scope.spawn(async {}).await.unwrap_err().is_cancelled());
    /// # });
    /// ```
    pub async fn close(&self) {
        self.closed::<()>().await;
    }
}

impl<E: Spawn + Clone, Err> OwnedScope<E, FailFast<Err>> {
    /// Creates a scope with children on `exec`, in which the first failure ends all of them.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{OwnedScope, smol::Smol};
    /// use std::{future::pending, num::ParseIntError};
    ///
    /// # smol::block_on(async {
    /// let scope = OwnedScope::fail_fast(&Smol);
    /// let waits = scope.spawn(pending::<Result<u32, ParseIntError>>());
    /// scope.spawn(async { "two".parse::<u32>() });
    /// assert!(waits.await.unwrap_err().is_cancelled());
    /// # });
    /// ```
    pub fn fail_fast(exec: &E) -> Self {
        Self::start(exec)
    }

    /// Waits until all children have ended, including those that they still spawn, then cancels the
    /// daemons. From then on no child can be spawned.
    ///
    /// # Errors
    ///
    /// As [`try_scope`](super::try_scope): `Failed` with the errors of the children, or
    /// `Cancelled`. If several tasks wait, or this is called again, the first call to return has
    /// the errors. The other calls return `Cancelled`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the returned future loses nothing: call this again. Several tasks may wait. Once
    /// only daemons are left, they are cancelled and no child can be spawned any more, even if the
    /// future is dropped then.
    ///
    /// # Panics
    ///
    /// - Propagates the panic of a child.
    /// - Panics if awaited inside a child or a finalizer of this scope, which would wait for itself
    ///   (with `std`).
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{OwnedScope, smol::Smol};
    ///
    /// # smol::block_on(async {
    /// let scope = OwnedScope::fail_fast(&Smol);
    /// scope.spawn(async { "forty".parse::<i32>() });
    /// assert!(scope.close().await.unwrap_err().into_first().is_some());
    /// # });
    /// ```
    pub async fn close(&self) -> Result<(), super::ScopeError<Err>> {
        self.closed::<Result<(), Err>>().await
    }
}

impl<E: Clone, P: Policy> OwnedScope<E, P> {
    fn start(exec: &E) -> Self {
        let owner = Owner::owning(Limit::Unbounded, Anywhere::default());
        owner.take_context(|| "an owned scope", type_name::<OnExecutor<E>>);
        OwnedScope { scope: Scope::new(owner.shared().clone(), OnExecutor::new(exec)), owner }
    }

    async fn closed<B>(&self) -> P::Output
    where
        P: Conclude<B, Value = ()>,
    {
        let shared = &self.owner;
        let mut changed: Option<EventListener> = None;
        poll_fn(|cx: &mut Context<'_>| {
            shared.check_not_in_finalizer();
            let mut told = false;
            loop {
                if let Some(listener) = &mut changed {
                    if Pin::new(listener).poll(cx).is_pending() {
                        if shared.has_finalizers() {
                            waits::waits_for_what(waits::What::Finalizers);
                        } else if !told {
                            shared.waits_for_end();
                        }
                        return Poll::Pending;
                    }
                    changed = None;
                }
                let mut wait = || changed = Some(shared.changed());
                if shared.poll_children(&mut wait).is_pending() {
                    told = true;
                    continue;
                }
                if shared.has_finalizers() {
                    // Listens before it checks, so that no end of a finalizer is missed.
                    wait();
                    shared.hand_over_in_turn();
                }
                if !shared.has_finalizers() {
                    shared.end();
                    return Poll::Ready(());
                }
            }
        })
        .await;
        if let Some(panic) = shared.take_panic() {
            panic.resume();
        }
        // A call that comes after the errors were taken still returns an error.
        let failed = P::FAIL_FAST && shared.is_stopped();
        let value = (!failed).then_some(());
        shared.policy().conclude(value, shared.ended())
    }
}

impl<E, P: Policy> Deref for OwnedScope<E, P> {
    type Target = Scope<E, P>;

    fn deref(&self) -> &Scope<E, P> {
        &self.scope
    }
}

impl<E, P: Policy + fmt::Debug> fmt::Debug for OwnedScope<E, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.scope.fmt(f)
    }
}
