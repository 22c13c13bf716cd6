//! What is different from kind to kind.

use crate::{
    child::{parent::Receive, spawn::Spec},
    scope::{
        handle::ScopeHandle,
        policy::{Accept, Policy},
        shared::{HandleOf, Shared},
    },
};
use core::future::Future;

/// A kind of scope. Sealed.
///
/// See [`ScopeHandle`](crate::ScopeHandle).
pub trait Kind: Sized + Sealed {
    /// [`Anywhere`](crate::Anywhere) or [`SameThread`](crate::SameThread): whether children and
    /// handles may move between threads.
    type Mode;

    /// What such a scope owns besides its children. It is `Send + Sync` if handles may move between
    /// threads. Code that is generic over the kind requires that, if its future holds a handle across
    /// an `.await` and is to be `Send`: `K: Kind<State: Send + Sync> + Send + Sync`.
    type State;
}

/// A kind of scope in which a child is spawned at once: every kind without a limit.
///
/// See [`ScopeHandle`](crate::ScopeHandle).
#[diagnostic::on_unimplemented(
    message = "a scope with a limit spawns a child only when there is room for it",
    label = "this scope has a limit",
    note = "use `spawn(..).await`, or `try_spawn`"
)]
pub trait Unlimited: Kind {}

/// A future that a scope of kind `K` with policy `P` takes as a child.
///
/// The implementations say what it must be: see the table at [`ScopeHandle`]. They are where a
/// child is handed to the one who polls it.
pub trait ChildOf<'a, K: Kind, P: Policy>: Future + Sized {
    /// Spawns a child that `spec` describes.
    #[doc(hidden)]
    fn adopt<Via>(
        scope: &ScopeHandle<'a, K, P>,
        future: Self,
        spec: Spec,
    ) -> HandleOf<'a, K, P, Self::Output, Via>
    where
        Shared<P, K::State>: Receive<Self::Output, Via>;
}

/// A future that a scope of kind `K` with policy `P` can keep for its end; the counterpart of
/// [`ChildOf`].
///
/// See [`ScopeHandle::defer`](crate::ScopeHandle::defer).
pub trait FinalizerOf<'a, K: Kind, P: Policy>: Future + Sized {
    /// Keeps `future` as a finalizer.
    #[doc(hidden)]
    fn defer(scope: &ScopeHandle<'a, K, P>, future: Self)
    where
        P: Accept<Self::Output>;

    /// Keeps `future` as the budget of all finalizers.
    #[doc(hidden)]
    fn limit(scope: &ScopeHandle<'a, K, P>, future: Self)
    where
        Self: Future<Output = ()>;
}

/// Nobody else can name this trait.
pub trait Sealed {}
