//! A scope as others see it from outside.

use super::{flags::*, policy::Policy, shared::Shared};
use crate::{
    cancel::CancelToken,
    limit::Limit,
    observe::tree::{Inspect, Node, ScopeSeen, Tree},
    observers::{Happening, Outcome},
    time::Instant,
    values::Context,
    waits::{Wait, watcher},
};
use alloc::{string::ToString, sync::Arc, vec::Vec};
use core::{
    fmt, ptr,
    task::{Poll, Waker},
};

/// What was around a scope when it began.
pub(crate) struct Surroundings {
    context: Context,
    /// Its place in the tree that the context has.
    node: Option<Arc<Node>>,
}

impl Surroundings {
    #[inline]
    pub(super) fn context(&self) -> &Context {
        &self.context
    }
}

impl Drop for Surroundings {
    fn drop(&mut self) {
        if let Some(node) = &self.node {
            node.leave(|| Outcome::Cancelled);
        }
    }
}

impl<P: Policy, K> Shared<P, K> {
    /// Enters the tree that `context` has, if it has one.
    pub(super) fn surroundings(
        &self,
        context: Context,
        body: fn() -> &'static str,
        executor: fn() -> &'static str,
    ) -> Surroundings {
        let tree = if context.is_watched() { context.get::<Tree>() } else { None };
        // SAFETY: this is in an `Arc`, so it is not moved. `leave` is called by the destructor of what is returned, which
        // becomes the first field of this.
        let node = tree.map(|tree| unsafe { Node::enter(tree, self, body(), executor()) });
        Surroundings { context, node }
    }
}

impl<P, K> Shared<P, K> {
    #[inline]
    pub(super) fn node(&self) -> Option<&Arc<Node>> {
        self.around.get()?.node.as_ref()
    }

    #[inline]
    pub(super) fn is_watched(&self) -> bool {
        self.node().is_some()
    }

    /// Tells what is around this scope that it waits for the scope.
    #[cold]
    pub(super) fn pends(&self, waker: &Waker) {
        watcher::tell(Wait::Inside(ptr::from_ref(self).addr()), Some(waker));
    }

    /// Nobody looks at this scope when this returns.
    #[inline]
    pub(super) fn leave_tree(&self) {
        if let Some(node) = self.node() {
            node.leave(|| self.outcome());
        }
    }

    /// This scope is about to be dropped, with children that have not ended.
    #[inline]
    pub(super) fn tells_dropped_live(&self) {
        if let Some(node) = self.node() {
            node.dropped_live();
        }
    }

    /// Tells the observers of this scope that it was cancelled. `otherwise` is why, if no reason was given.
    #[cold]
    pub(super) fn tells_cancel(&self, otherwise: &str) {
        if let Some(observed) = self.node().and_then(|node| node.observed()) {
            let reason: &dyn fmt::Display = match self.request.reason() {
                Some(reason) => reason,
                None if otherwise.is_empty() => &"no reason was given",
                None => &otherwise,
            };
            observed.happens(Happening::Cancelled { reason });
        }
    }

    fn outcome(&self) -> Outcome {
        if self.has_panicked() {
            Outcome::Panicked
        } else if self.has(CANCELLED | ELAPSED) {
            Outcome::Cancelled
        } else if self.has(STOPPED) {
            Outcome::Failed
        } else {
            Outcome::Returned
        }
    }
}

/// The place of a scope in its tree, if it is in one.
pub(super) type InTree = Option<Arc<Node>>;

/// Returns the place of a scope, of which it is known whether it has one.
#[inline]
pub(super) fn in_tree<P: Policy, K>(is_watched: bool, scope: &Shared<P, K>) -> InTree {
    if is_watched { scope.node().cloned() } else { None }
}

/// Polls the body of a scope, or what comes after it.
#[inline]
pub(super) fn around<T>(place: &InTree, waker: &Waker, poll: impl FnOnce() -> Poll<T>) -> Poll<T> {
    match place {
        Some(node) => node.poll(waker, poll),
        None => poll(),
    }
}

// SAFETY: all that is read is atomic, or was set once, before; and the reason is text. The children are seen
// through their registry, which any thread may walk, and what is kept of them is atomic too.
unsafe impl<P: Policy, K> Inspect for Shared<P, K> {
    fn see(&self) -> ScopeSeen {
        let mut children = Vec::new();
        self.registry.see(|child| children.push(child));
        children.reverse();
        ScopeSeen {
            address: ptr::from_ref(self).addr(),
            live: self.live(),
            spawned: self.spawned(),
            limit: match self.limit() {
                Limit::AtMost(limit) => Some(limit.get()),
                Limit::Unbounded => None,
            },
            is_live: self.limit.live().is_some(),
            is_cancelled: self.has(CANCELLED),
            reason: self.request.reason().map(ToString::to_string),
            deadline: self.request.token.get().map_or(Instant::NEVER, CancelToken::own_deadline),
            children,
        }
    }

    fn is_cancelled(&self) -> bool {
        self.has(CANCELLED)
    }
}
