//! The child that ends a resource, and what keeps the panics of children from each other.

use super::{manage::Manage, shared::Shared};
use crate::{
    exec::Spawn,
    unwind::{self, Payload},
};
use alloc::sync::Arc;
use core::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};
use pin_project_lite::pin_project;

/// Any executor.
pub(super) type Exec = Arc<dyn Spawn + Send + Sync>;

/// Starts a child of the pool's scope that destroys `resource`, which counts as being destroyed.
/// Neither waits nor panics. Where the executor is gone, the resource is dropped.
pub(super) fn start<M: Manage>(shared: &Arc<Shared<M>>, resource: M::Resource) {
    let theirs = shared.clone();
    let destroy = Caught {
        future: Some(async move { theirs.manager.destroy(resource).await }),
        ends: Ends { shared: shared.clone(), counts: true, panic: None },
    };
    unwind::contain(|| drop(shared.scope.spawn_named("destroy", destroy)));
}

/// A child of the pool's scope, which ends no other by a panic.
pub(super) fn caught<M: Manage>(
    shared: &Arc<Shared<M>>,
    future: impl Future<Output = ()> + Send + 'static,
) -> impl Future<Output = ()> + Send + 'static {
    Caught {
        future: Some(future),
        ends: Ends { shared: shared.clone(), counts: false, panic: None },
    }
}

pin_project! {
    /// A future whose panic is kept for whoever closes the pool. Else it would be one of the scope,
    /// and end all children.
    struct Caught<M: Manage, F> {
        // None once it is done.
        #[pin]
        future: Option<F>,
        // Last field: counted when the resource is gone.
        ends: Ends<M>,
    }
}

struct Ends<M: Manage> {
    shared: Arc<Shared<M>>,
    /// Whether it destroys a resource.
    counts: bool,
    panic: Option<Payload>,
}

impl<M: Manage, F: Future<Output = ()>> Future for Caught<M, F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        let future = this.future.as_mut().as_pin_mut();
        match unwind::catch(|| future.map_or(Poll::Ready(()), |future| future.poll(cx))) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(())) => {}
            Err(payload) => this.ends.panic = Some(payload),
        }
        unwind::keep_first(&mut this.ends.panic, || this.future.set(None));
        Poll::Ready(())
    }
}

impl<M: Manage> Drop for Ends<M> {
    fn drop(&mut self) {
        let panic = self.panic.take();
        // A waker of whoever closes the pool may panic, which is no failure of this child.
        unwind::contain(|| self.shared.ended(self.counts, panic));
    }
}
