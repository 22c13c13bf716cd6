//! Children inside the future of their scope, which may borrow.

use super::traits::{ChildOf, FinalizerOf, Kind, Sealed, Unlimited};
use crate::{
    child::{
        Anywhere, InlineChild, JoinHandle, LocalJoinHandle, SameThread,
        deferred::{self, Entry},
        origin::Origin,
        parent::{Inline, Receive},
        spawn::{self, Spec},
    },
    scope::{
        cleanup,
        concurrent::{Concurrent, InlineShared, LocalConcurrent},
        policy::{Accept, Policy},
        shared::{Shared, ValueOf},
    },
};
use core::{fmt, future::Future, marker::PhantomData};

/// The kind of a [`Concurrent`]: children are polled by the scope's own future and may borrow. With
/// `M` = [`SameThread`] they stay on one thread.
///
/// See [`concurrent`](crate::concurrent()).
#[derive(Clone)]
pub struct InTask<'env, M = Anywhere> {
    mode: PhantomData<M>,
    /// Invariant, as the scope's children are.
    env: PhantomData<fn(&'env ()) -> &'env ()>,
}

impl<M> InTask<'_, M> {
    pub(in crate::scope) fn new() -> Self {
        InTask { mode: PhantomData, env: PhantomData }
    }
}

impl<M> Sealed for InTask<'_, M> {}

impl<'env, M> Kind for InTask<'env, M> {
    type Mode = M;
    type State = Inline<'env, M>;
}

impl<M> Unlimited for InTask<'_, M> {}

impl<'env, F, P> ChildOf<'env, InTask<'env>, P> for F
where
    F: Future + Send + 'env,
    F::Output: Send + 'env,
    P: Policy + Send + Sync + 'env,
{
    #[track_caller]
    fn adopt<Via>(
        scope: &Concurrent<'env, P>,
        future: Self,
        spec: Spec,
    ) -> JoinHandle<'env, ValueOf<P, Inline<'env, Anywhere>, F::Output, Via>>
    where
        InlineShared<'env, P, Anywhere>: Receive<F::Output, Via>,
    {
        let place = Shared::place(&scope.shared, spec.daemon);
        let (child, handle) = spawn::inline(&scope.shared, place, future, spec);
        admit(&scope.shared, child);
        handle
    }
}

impl<'env, F, P> FinalizerOf<'env, InTask<'env>, P> for F
where
    F: Future + Send + 'env,
    P: Policy + Send + Sync + 'env,
{
    #[track_caller]
    fn defer(scope: &Concurrent<'env, P>, future: Self)
    where
        P: Accept<F::Output>,
    {
        let (entry, origin, finalizer) = cleanup::finalizer(&scope.shared, future);
        deferred::inline(&scope.shared, entry, origin, finalizer);
    }

    #[track_caller]
    fn limit(scope: &Concurrent<'env, P>, future: Self)
    where
        F: Future<Output = ()>,
    {
        deferred::inline(&scope.shared, Entry::Budget, Origin::here(), future);
    }
}

impl<'env, F, P> ChildOf<'env, InTask<'env, SameThread>, P> for F
where
    F: Future + 'env,
    F::Output: 'env,
    P: Policy + 'env,
{
    #[track_caller]
    fn adopt<Via>(
        scope: &LocalConcurrent<'env, P>,
        future: Self,
        spec: Spec,
    ) -> LocalJoinHandle<'env, ValueOf<P, Inline<'env, SameThread>, F::Output, Via>>
    where
        InlineShared<'env, P, SameThread>: Receive<F::Output, Via>,
    {
        let place = Shared::place(&scope.shared, spec.daemon);
        let (child, handle) = spawn::inline_local(&scope.shared, place, future, spec);
        admit(&scope.shared, child);
        handle
    }
}

impl<'env, F, P> FinalizerOf<'env, InTask<'env, SameThread>, P> for F
where
    F: Future + 'env,
    P: Policy + 'env,
{
    #[track_caller]
    fn defer(scope: &LocalConcurrent<'env, P>, future: Self)
    where
        P: Accept<F::Output>,
    {
        let (entry, origin, finalizer) = cleanup::finalizer(&scope.shared, future);
        deferred::inline_local(&scope.shared, entry, origin, finalizer);
    }

    #[track_caller]
    fn limit(scope: &LocalConcurrent<'env, P>, future: Self)
    where
        F: Future<Output = ()>,
    {
        deferred::inline_local(&scope.shared, Entry::Budget, Origin::here(), future);
    }
}

/// Queues a new child for the next poll of the scope.
fn admit<'env, P: Policy, M>(shared: &InlineShared<'env, P, M>, child: Option<InlineChild<'env>>) {
    if let Some(child) = child {
        shared.kind.new.push(child);
        shared.wake_owner();
    }
}

impl<M> fmt::Debug for InTask<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InTask")
    }
}
