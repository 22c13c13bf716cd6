//! An operation on an executor: a scope of shards.

use super::{
    super::Source,
    hub::Hub,
    shard::{Outlet, Shard},
};
use crate::{
    child::{Anywhere, Panic},
    exec::Spawn,
    scope::{FailFast, ScopeError, ScopeFuture, TryScope, try_scope},
    unwind::{self, Payload},
};
use alloc::{sync::Arc, vec::Vec};
use core::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};
use pin_project_lite::pin_project;

pin_project! {
    /// Ready when all work is done, or has failed. The first poll starts the work.
    ///
    /// A panic that no poll has seen is resumed in the drop.
    pub(super) struct Op<X, S, F, Fut, O, E = <O as Outlet<Fut>>::Error>
    where
        X: Spawn,
        Fut: Future,
        O: Outlet<Fut, Error = E>,
    {
        // Dropped before the source.
        #[pin]
        scope: ScopeFuture<Body<X, S, F, Fut, O, E>, FailFast<E>, Anywhere, ()>,
        close: Close<S, F, Fut>,
        // Last field: its drop may panic, after all other destructors of the operation have run.
        unseen: Unseen,
    }

    impl<X, S, F, Fut, O, E> PinnedDrop for Op<X, S, F, Fut, O, E>
    where
        X: Spawn,
        Fut: Future,
        O: Outlet<Fut, Error = E>,
    {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            this.unseen.0 = this.scope.abandon().map(Panic::into_payload);
        }
    }
}

/// A panic that no poll of the operation has seen. Dropping this resumes it.
struct Unseen(Option<Payload>);

impl Drop for Unseen {
    fn drop(&mut self) {
        unwind::resume_unless_panicking(self.0.take());
    }
}

impl<X, S, F, Fut, O> Op<X, S, F, Fut, O>
where
    X: Spawn,
    Fut: Future,
    O: Outlet<Fut>,
{
    /// Creates an operation, with an outlet for each shard of the hub.
    pub(super) fn new(exec: &X, hub: Arc<Hub<S, F, Fut>>, outlets: Vec<O>) -> Self
    where
        X: Clone,
        S: Source + Send + 'static,
        F: FnMut(S::Item) -> Fut + Send + 'static,
        Fut: Send + 'static,
        O: Send + 'static,
        O::Error: Send + 'static,
    {
        debug_assert_eq!(outlets.len(), hub.desks.len());
        let body_hub = hub.clone();
        let start = |scope: &TryScope<X, O::Error>, shard| {
            // Without the handle: the operation ends the shard.
            drop(scope.spawn_daemon_host::<Shard<S, F, Fut, O>>(shard));
        };
        let scope = try_scope(exec, |scope| Body { scope, hub: body_hub, outlets, start });
        Op { scope, close: Close(hub), unseen: Unseen(None) }
    }
}

impl<X, S, F, Fut, O> Op<X, S, F, Fut, O>
where
    X: Spawn,
    Fut: Future,
    O: Outlet<Fut>,
{
    pub(super) fn hub(&self) -> &Arc<Hub<S, F, Fut>> {
        &self.close.0
    }

    pub(super) fn poll(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), ScopeError<O::Error>>> {
        let this = self.project();
        let result = ready!(this.scope.poll(cx));
        this.close.0.close();
        Poll::Ready(result)
    }
}

/// Drops the source when the operation is over.
struct Close<S, F, Fut>(Arc<Hub<S, F, Fut>>);

impl<S, F, Fut> Drop for Close<S, F, Fut> {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// The body of the scope: starts the shards, and waits for the end of all work.
struct Body<X, S, F, Fut, O, E = <O as Outlet<Fut>>::Error>
where
    Fut: Future,
    O: Outlet<Fut, Error = E>,
{
    scope: TryScope<X, E>,
    hub: Arc<Hub<S, F, Fut>>,
    /// The outlets of shards that were not started yet.
    outlets: Vec<O>,
    /// Spawns a shard. A function pointer, so that only its creation needs the bounds of a spawn.
    start: Start<X, S, F, Fut, O, E>,
}

type Start<X, S, F, Fut, O, E> = fn(&TryScope<X, E>, Shard<S, F, Fut, O>);

/// Nothing in it is pinned.
impl<X, S, F, Fut: Future, O: Outlet<Fut>> Unpin for Body<X, S, F, Fut, O> {}

impl<X, S, F, Fut, O> Future for Body<X, S, F, Fut, O>
where
    Fut: Future,
    O: Outlet<Fut>,
{
    type Output = Result<(), O::Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        while let Some(outlet) = self.outlets.pop() {
            let shard = Shard::new(self.hub.clone(), self.outlets.len(), outlet);
            (self.start)(&self.scope, shard);
        }
        self.hub.owner.register(cx.waker());
        if self.hub.is_done() { Poll::Ready(Ok(())) } else { Poll::Pending }
    }
}
