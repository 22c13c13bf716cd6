//! Children of no scope.

use super::{
    Child, LocalChild, Panic,
    cell::{Cell, Stage},
    origin::{Info, Origin},
    parent::{Gates, Parent, Receive},
    raw::{Children, Sequel},
    state::{Keeper, State},
};
use crate::{
    cancel::{CancelReason, CancelToken, Cancelled},
    sync::Wakers,
    values::Context,
};
use core::future::Future;

impl Child {
    /// Creates a child of no scope, for adapters between executor traits.
    ///
    /// It has no handle. A panic of `future` is reported by the panic hook and goes no further
    /// (with `std`).
    ///
    /// # Examples
    ///
    /// A [`Spawn`](crate::Spawn) executor that wraps what it is given:
    ///
    /// ```
    /// use anyscope::{Child, Spawn};
    ///
    /// struct Logged<E>(E);
    ///
    /// impl<E: Spawn> Spawn for Logged<E> {
    ///     fn spawn(&self, child: Child) {
    ///         let name = child.name().unwrap_or("unnamed").to_owned();
    ///         self.0.spawn(Child::unscoped(async move {
    ///             child.await;
    ///             println!("{name} has ended");
    ///         }));
    ///     }
    /// }
    /// ```
    #[track_caller]
    pub fn unscoped(future: impl Future<Output = ()> + Send + 'static) -> Self {
        orphan(future, Origin::here())
    }
}

impl LocalChild {
    /// Creates a local child of no scope; as [`Child::unscoped`].
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{LocalChild, SpawnLocal};
    ///
    /// /// Tells when each child has ended.
    /// struct Logged<E>(E);
    ///
    /// impl<E: SpawnLocal> SpawnLocal for Logged<E> {
    ///     fn spawn_local(&self, child: LocalChild) {
    ///         self.0.spawn_local(LocalChild::unscoped(async move {
    ///             child.await;
    ///             println!("a child has ended");
    ///         }));
    ///     }
    /// }
    /// ```
    #[track_caller]
    pub fn unscoped(future: impl Future<Output = ()> + 'static) -> Self {
        LocalChild::new(orphan(future, Origin::here()))
    }
}

/// Creates a child of no scope and without a handle.
///
/// The caller must make sure that the child does not move between threads unless `future` is
/// `Send`, and does not outlive what `future` borrows.
pub(crate) fn orphan<F: Future<Output = ()>>(future: F, origin: Origin) -> Child {
    let state = State::new(&[Keeper::Exec], false, 0);
    let stage = Stage::Running(future);
    Child::new(Cell::<F, Nobody, ()>::allocate(None, stage, state, origin))
}

/// The scope of a child that has none.
enum Nobody {}

// SAFETY: the type has no values, so no method is ever called.
unsafe impl Parent for Nobody {
    fn gates(&self) -> &Gates {
        match *self {}
    }

    fn registry(&self) -> &Children {
        match *self {}
    }

    fn refuses<'o>(&self, _: impl FnOnce() -> &'o Origin) -> bool {
        match *self {}
    }

    fn watches_leaves(&self) -> bool {
        match *self {}
    }

    fn on_leave(&self, _: &mut Wakers) {
        match *self {}
    }

    fn on_empty(&self, _: &mut Wakers) {
        match *self {}
    }

    fn on_panic(&self, _: Panic, _: Info<'_>) -> Option<Panic> {
        match *self {}
    }

    fn on_lost_panic(&self, _: Panic) {
        match *self {}
    }

    fn on_second_panic(&self, _: Panic) {
        match *self {}
    }

    fn on_refused(&self, _: Info<'_>) {
        match *self {}
    }

    fn on_closed(&self, _: Info<'_>) {
        match *self {}
    }

    fn is_failing(&self) -> bool {
        match *self {}
    }

    fn abandon_children(&self) {
        match *self {}
    }

    fn asks_children(&self) -> Option<Cancelled> {
        match *self {}
    }

    fn own_token(&self) -> CancelToken {
        match *self {}
    }

    #[cfg(all(feature = "std", not(anyscope_loom)))]
    fn observed(&self) -> Option<&crate::observers::Observed> {
        None
    }

    #[cfg(all(feature = "std", not(anyscope_loom)))]
    fn watched(&self) -> Option<&crate::waits::watcher::WatchedScope> {
        None
    }

    fn context(&self) -> Option<&Context> {
        match *self {}
    }

    fn cancel_reason(&self) -> Option<&CancelReason> {
        match *self {}
    }

    fn without_value(&self, _: bool) -> Sequel {
        match *self {}
    }
}

impl Receive<(), ()> for Nobody {
    type Value = ();

    fn receive(&self, _: (), _: Info<'_>) -> Option<()> {
        match *self {}
    }
}
