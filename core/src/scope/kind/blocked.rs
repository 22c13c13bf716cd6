//! Children on an executor, which may borrow while the caller's thread waits.

use super::traits::{ChildOf, FinalizerOf, Kind, Sealed, Unlimited};
use crate::{
    child::{Anywhere, JoinHandle, deferred::Entry, origin::Origin, parent::Receive, spawn::Spec},
    exec::Spawn,
    scope::{
        block::BlockScope,
        cleanup,
        policy::{Accept, Policy},
        shared::{Shared, ValueOf},
    },
};
use core::{fmt, future::Future, marker::PhantomData};

/// The kind of a [`BlockScope`]: children run on an executor `E` and may borrow, and the calling
/// thread waits for them.
///
/// See [`block_scope`](crate::block_scope()).
pub struct Blocked<'env, E: ?Sized> {
    pub(in crate::scope) exec: &'env E,
    /// Invariant, as in std.
    env: PhantomData<&'env mut &'env ()>,
}

impl<'env, E: ?Sized> Blocked<'env, E> {
    pub(in crate::scope) fn new(exec: &'env E) -> Self {
        Blocked { exec, env: PhantomData }
    }
}

impl<E: ?Sized> Sealed for Blocked<'_, E> {}

impl<E: ?Sized> Kind for Blocked<'_, E> {
    type Mode = Anywhere;
    type State = Anywhere;
}

impl<E: ?Sized> Unlimited for Blocked<'_, E> {}

impl<'scope, 'env, E, F, P> ChildOf<'scope, Blocked<'env, E>, P> for F
where
    E: Spawn + ?Sized,
    F: Future + Send + 'scope,
    F::Output: Send + 'scope,
    P: Policy + Send + Sync,
{
    #[track_caller]
    fn adopt<Via>(
        scope: &BlockScope<'scope, 'env, E, P>,
        future: Self,
        spec: Spec,
    ) -> JoinHandle<'scope, ValueOf<P, Anywhere, F::Output, Via>>
    where
        Shared<P, Anywhere>: Receive<F::Output, Via>,
    {
        let (child, handle) = scope.create::<_, Via>(future, spec);
        if let Some(child) = child {
            handle.keep(|| scope.kind.exec.spawn_keep_alive(child));
        }
        handle
    }
}

impl<'scope, 'env, E, F, P> FinalizerOf<'scope, Blocked<'env, E>, P> for F
where
    E: Spawn + ?Sized,
    F: Future + Send + 'scope,
    P: Policy + Send + Sync + 'scope,
{
    #[track_caller]
    fn defer(scope: &BlockScope<'scope, 'env, E, P>, future: Self)
    where
        P: Accept<F::Output>,
    {
        let (entry, origin, finalizer) = cleanup::finalizer(&scope.shared, future);
        scope.keep(entry, origin, finalizer);
    }

    #[track_caller]
    fn limit(scope: &BlockScope<'scope, 'env, E, P>, future: Self)
    where
        F: Future<Output = ()>,
    {
        scope.keep(Entry::Budget, Origin::here(), future);
    }
}

impl<E: ?Sized> fmt::Debug for Blocked<'_, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Blocked(..)")
    }
}
