//! Children on an executor, which own what they use.

use super::traits::{ChildOf, FinalizerOf, Kind, Sealed, Unlimited};
use crate::{
    child::{
        Anywhere, JoinHandle, LocalJoinHandle, SameThread,
        deferred::{self, Entry},
        origin::Origin,
        parent::{Place, Receive},
        spawn::{self, Spec},
    },
    exec::{Spawn, SpawnLocal},
    scope::{
        cleanup,
        parallel::{LocalScope, Scope},
        policy::{Accept, Policy},
        shared::{Shared, ValueOf},
    },
    sync::Arc,
};
use core::{fmt, future::Future, marker::PhantomData};

/// The kind of a [`Scope`]: children run on an executor `E` and own what they use. With `M` =
/// [`SameThread`] they stay on one thread.
///
/// See [`scope`](crate::scope()).
#[derive(Clone)]
pub struct OnExecutor<E, M = Anywhere> {
    pub(in crate::scope) exec: E,
    mode: PhantomData<M>,
}

impl<E: Clone, M> OnExecutor<E, M> {
    pub(in crate::scope) fn new(exec: &E) -> Self {
        OnExecutor { exec: exec.clone(), mode: PhantomData }
    }
}

impl<E, M> Sealed for OnExecutor<E, M> {}

impl<E, M> Kind for OnExecutor<E, M> {
    type Mode = M;
    type State = M;
}

impl<E, M> Unlimited for OnExecutor<E, M> {}

impl<E, F, P> ChildOf<'static, OnExecutor<E>, P> for F
where
    E: Spawn,
    F: Future + Send + 'static,
    F::Output: Send + 'static,
    P: Policy + Send + Sync + 'static,
{
    #[track_caller]
    fn adopt<Via>(
        scope: &Scope<E, P>,
        future: Self,
        spec: Spec,
    ) -> JoinHandle<'static, ValueOf<P, Anywhere, F::Output, Via>>
    where
        Shared<P, Anywhere>: Receive<F::Output, Via>,
    {
        let place = Shared::place(&scope.shared, spec.daemon);
        adopt(&scope.shared, place, &scope.kind.exec, future, spec)
    }
}

impl<E, F, P> FinalizerOf<'static, OnExecutor<E>, P> for F
where
    E: Spawn + Clone + Send + Sync + 'static,
    F: Future + Send + 'static,
    P: Policy + Send + Sync + 'static,
{
    #[track_caller]
    fn defer(scope: &Scope<E, P>, future: Self)
    where
        P: Accept<F::Output>,
    {
        let (entry, origin, finalizer) = cleanup::finalizer(&scope.shared, future);
        keep(&scope.shared, &scope.kind.exec, entry, origin, finalizer);
    }

    #[track_caller]
    fn limit(scope: &Scope<E, P>, future: Self)
    where
        F: Future<Output = ()>,
    {
        keep(&scope.shared, &scope.kind.exec, Entry::Budget, Origin::here(), future);
    }
}

impl<E, F, P> ChildOf<'static, OnExecutor<E, SameThread>, P> for F
where
    E: SpawnLocal,
    F: Future + 'static,
    F::Output: 'static,
    P: Policy + 'static,
{
    #[track_caller]
    fn adopt<Via>(
        scope: &LocalScope<E, P>,
        future: Self,
        spec: Spec,
    ) -> LocalJoinHandle<'static, ValueOf<P, SameThread, F::Output, Via>>
    where
        Shared<P, SameThread>: Receive<F::Output, Via>,
    {
        adopt_local(&scope.shared, &scope.kind.exec, future, spec)
    }
}

impl<E, F, P> FinalizerOf<'static, OnExecutor<E, SameThread>, P> for F
where
    E: SpawnLocal + Clone + 'static,
    F: Future + 'static,
    P: Policy + 'static,
{
    #[track_caller]
    fn defer(scope: &LocalScope<E, P>, future: Self)
    where
        P: Accept<F::Output>,
    {
        let (entry, origin, finalizer) = cleanup::finalizer(&scope.shared, future);
        keep_local(&scope.shared, &scope.kind.exec, entry, origin, finalizer);
    }

    #[track_caller]
    fn limit(scope: &LocalScope<E, P>, future: Self)
    where
        F: Future<Output = ()>,
    {
        keep_local(&scope.shared, &scope.kind.exec, Entry::Budget, Origin::here(), future);
    }
}

/// Makes a child and hands it to `exec`.
#[track_caller]
pub(in crate::scope) fn adopt<X, P, F, Via>(
    shared: &Arc<Shared<P, Anywhere>>,
    place: Option<Place<'_, Shared<P, Anywhere>>>,
    exec: &X,
    future: F,
    spec: Spec,
) -> JoinHandle<'static, ValueOf<P, Anywhere, F::Output, Via>>
where
    X: Spawn + ?Sized,
    P: Policy + Send + Sync + 'static,
    Shared<P, Anywhere>: Receive<F::Output, Via>,
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let (child, handle) = spawn::parallel(shared, place, future, spec);
    if let Some(child) = child {
        handle.keep(|| exec.spawn_keep_alive(child));
    }
    handle
}

/// As [`adopt`], on this thread.
#[track_caller]
pub(in crate::scope) fn adopt_local<X, P, F, Via>(
    shared: &Arc<Shared<P, SameThread>>,
    exec: &X,
    future: F,
    spec: Spec,
) -> LocalJoinHandle<'static, ValueOf<P, SameThread, F::Output, Via>>
where
    X: SpawnLocal + ?Sized,
    P: Policy + 'static,
    Shared<P, SameThread>: Receive<F::Output, Via>,
    F: Future + 'static,
    F::Output: 'static,
{
    let (child, handle) = spawn::local(shared, Shared::place(shared, spec.daemon), future, spec);
    if let Some(child) = child {
        exec.spawn_local(child);
    }
    handle
}

/// Keeps `future` for the end of the scope, and makes `exec` take it over if need be.
pub(super) fn keep<E, F, P>(
    shared: &Arc<Shared<P, Anywhere>>,
    exec: &E,
    entry: Entry,
    origin: Origin,
    future: F,
) where
    E: Spawn + Clone + Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
    P: Policy,
{
    deferred::run_on(shared, exec, E::spawn);
    deferred::parallel(shared, entry, origin, future);
}

/// As [`keep`], on this thread.
fn keep_local<E, F, P>(
    shared: &Arc<Shared<P, SameThread>>,
    exec: &E,
    entry: Entry,
    origin: Origin,
    future: F,
) where
    E: SpawnLocal + Clone + 'static,
    F: Future<Output = ()> + 'static,
    P: Policy,
{
    deferred::run_on_local(shared, exec, E::spawn_local);
    deferred::local(shared, entry, origin, future);
}

impl<E, M> fmt::Debug for OnExecutor<E, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnExecutor(..)")
    }
}
