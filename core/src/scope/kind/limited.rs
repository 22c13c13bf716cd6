//! As [`on_executor`](super::on_executor), with a limit.

use super::{
    on_executor,
    traits::{ChildOf, FinalizerOf, Kind, Sealed},
};
use crate::{
    child::{Anywhere, JoinHandle, deferred::Entry, origin::Origin, parent::Receive, spawn::Spec},
    exec::Spawn,
    scope::{
        cleanup,
        limited::LimitedScope,
        policy::{Accept, Policy},
        shared::{Shared, ValueOf},
    },
};
use core::{fmt, future::Future};

/// The kind of a [`LimitedScope`]: as [`OnExecutor`](super::OnExecutor), but a child is spawned
/// only if there is room for it, or when there is.
///
/// See [`scope_limited`](crate::scope_limited()).
#[derive(Clone)]
pub struct Limited<E> {
    pub(in crate::scope) exec: E,
}

impl<E: Clone> Limited<E> {
    pub(in crate::scope) fn new(exec: &E) -> Self {
        Limited { exec: exec.clone() }
    }
}

impl<E> Sealed for Limited<E> {}

impl<E> Kind for Limited<E> {
    type Mode = Anywhere;
    type State = Anywhere;
}

/// For the scope's own children, which do not count towards the limit.
impl<E, F, P> ChildOf<'static, Limited<E>, P> for F
where
    E: Spawn,
    F: Future + Send + 'static,
    F::Output: Send + 'static,
    P: Policy + Send + Sync + 'static,
{
    #[track_caller]
    fn adopt<Via>(
        scope: &LimitedScope<E, P>,
        future: Self,
        spec: Spec,
    ) -> JoinHandle<'static, ValueOf<P, Anywhere, F::Output, Via>>
    where
        Shared<P, Anywhere>: Receive<F::Output, Via>,
    {
        let place = Shared::place(&scope.shared, spec.daemon);
        on_executor::adopt(&scope.shared, place, &scope.kind.exec, future, spec)
    }
}

impl<E, F, P> FinalizerOf<'static, Limited<E>, P> for F
where
    E: Spawn + Clone + Send + Sync + 'static,
    F: Future + Send + 'static,
    P: Policy + Send + Sync + 'static,
{
    #[track_caller]
    fn defer(scope: &LimitedScope<E, P>, future: Self)
    where
        P: Accept<F::Output>,
    {
        let (entry, origin, finalizer) = cleanup::finalizer(&scope.shared, future);
        on_executor::keep(&scope.shared, &scope.kind.exec, entry, origin, finalizer);
    }

    #[track_caller]
    fn limit(scope: &LimitedScope<E, P>, future: Self)
    where
        F: Future<Output = ()>,
    {
        on_executor::keep(&scope.shared, &scope.kind.exec, Entry::Budget, Origin::here(), future);
    }
}

impl<E> fmt::Debug for Limited<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Limited(..)")
    }
}
