//! Makes children of a scope: one function for each kind of scope.

use super::{
    Anywhere, Child, ChildId, InlineChild, JoinHandle, LocalChild, LocalJoinHandle, SameThread,
    cell::{Cell, Stage},
    origin::{Info, Origin},
    parent::{Inline, OfKind, Place, Receive},
    raw::{By, Raw},
    state::{Keeper, State},
};
use crate::{cancel::CancelledBy, sync::Arc};
use core::future::Future;

/// What a child is spawned with, besides its future.
#[derive(Debug)]
pub(crate) struct Spec {
    pub(crate) origin: Origin,
    pub(crate) daemon: bool,
}

/// Makes a child that may move between threads and owns what it uses. Returns no [`Child`] if the
/// scope refused it: then `future` has been dropped unpolled, and the handle says why.
pub(crate) fn parallel<F, S, Via>(
    scope: &Arc<S>,
    place: Option<Place<'_, S>>,
    future: F,
    spec: Spec,
) -> (Option<Child>, JoinHandle<'static, S::Value>)
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
    S: Receive<F::Output, Via> + OfKind<Anywhere> + Send + Sync + 'static,
{
    // SAFETY: everything is `Send`, and nothing is borrowed.
    unsafe { create(scope, place, future, spec) }
}

/// Makes a child that stays on this thread and owns what it uses; as [`parallel`].
pub(crate) fn local<F, S, Via>(
    scope: &Arc<S>,
    place: Option<Place<'_, S>>,
    future: F,
    spec: Spec,
) -> (Option<LocalChild>, LocalJoinHandle<'static, S::Value>)
where
    F: Future + 'static,
    F::Output: 'static,
    S: Receive<F::Output, Via> + OfKind<SameThread> + 'static,
{
    // SAFETY: nothing is borrowed. The child and the handle are wrapped in types that stay on this
    // thread before the caller sees them; the scope stays on this thread, as its kind says.
    let (child, handle) = unsafe { create(scope, place, future, spec) };
    (child.map(LocalChild::new), handle.into_local())
}

/// Makes a child that is polled by its scope's own future, and may borrow for `'env`; as
/// [`parallel`].
pub(crate) fn inline<'env, F, S, Via>(
    scope: &Arc<S>,
    place: Option<Place<'_, S>>,
    future: F,
    spec: Spec,
) -> (Option<InlineChild<'env>>, JoinHandle<'env, S::Value>)
where
    F: Future + Send + 'env,
    F::Output: Send + 'env,
    S: Receive<F::Output, Via> + OfKind<Inline<'env, Anywhere>> + Send + Sync,
{
    // SAFETY: everything is `Send`. What borrows for `'env` is reached through the child and the
    // handle, which live no longer than `'env`, and through the scope. The scope owns an
    // `Inline<'env, _>` and so lives no longer either, except through the counts that its children
    // hold: a scope that a child keeps is not dropped, and does not touch its children by itself.
    let (child, handle) = unsafe { create(scope, place, future, spec) };
    (child.map(InlineChild::new), handle)
}

/// As [`inline`], for children that stay on this thread.
pub(crate) fn inline_local<'env, F, S, Via>(
    scope: &Arc<S>,
    place: Option<Place<'_, S>>,
    future: F,
    spec: Spec,
) -> (Option<InlineChild<'env>>, LocalJoinHandle<'env, S::Value>)
where
    F: Future + 'env,
    F::Output: 'env,
    S: Receive<F::Output, Via> + OfKind<Inline<'env, SameThread>>,
{
    // SAFETY: for lifetimes, see `inline`. For threads, see `local`; an `InlineChild` is put into the
    // scope and from there into the scope's future, which its kind keeps on this thread.
    let (child, handle) = unsafe { create(scope, place, future, spec) };
    (child.map(InlineChild::new), handle.into_local())
}

/// Makes a child of `scope` and lists it there.
///
/// # Safety
///
/// - Threads: if `F`, `F::Output` or `S` is not `Send`, or `S` not `Sync`, then the child, the
///   handle and `scope` stay on this thread.
/// - Lifetimes: if `F` or `S` borrows, then the borrow does not end before every child of `scope`
///   has left it, unless child and scope are leaked. `'a` does not outlive the borrow.
// Always: for each future there is one call, and what is passed would go through memory.
#[inline(always)]
pub(crate) unsafe fn create<'a, F, S, Via>(
    scope: &Arc<S>,
    place: Option<Place<'_, S>>,
    future: F,
    spec: Spec,
) -> (Option<Child>, JoinHandle<'a, S::Value>)
where
    F: Future,
    S: Receive<F::Output, Via>,
{
    let Some(place) = place else {
        drop(future);
        // SAFETY: as promised by the caller.
        return (None, unsafe { closed::<F, S, Via>(scope, spec) });
    };
    let registry = scope.registry();
    let gates = scope.gates();
    registry.sweep_if_due(gates.entered(), || gates.count());
    let keepers = [Keeper::Handle, Keeper::Exec, Keeper::Registry];
    let state = State::new(&keepers, place.daemon(), place.number());
    let member = Some(place.into_member());
    let raw = match scope.context() {
        None => Cell::<F, S, Via>::allocate(member, Stage::Running(future), state, spec.origin),
        Some(context) => {
            let stage = Stage::Running(future);
            Cell::<F, S, Via>::allocate_in(context, member, stage, state, spec.origin)
        }
    };
    // SAFETY: nobody else has seen the child.
    let handle = unsafe { JoinHandle::new(raw) };
    // SAFETY: the handle keeps the child.
    let refused = scope.refuses(|| &unsafe { raw.tail() }.origin);
    // SAFETY: the cell has a share for its registry.
    if !refused && unsafe { registry.push(raw.as_non_null()) } {
        return (Some(Child::new(raw)), handle);
    }
    // SAFETY: the handle keeps the child. Nothing else has seen it: neither the registry nor the
    // executor ever will.
    unsafe { refused_late(raw) };
    (None, handle)
}

/// Returns the handle of a child that was refused, as its scope has ended.
///
/// # Safety
///
/// That of [`create`].
#[cold]
#[inline(never)]
unsafe fn closed<'a, F, S, Via>(scope: &Arc<S>, spec: Spec) -> JoinHandle<'a, S::Value>
where
    F: Future,
    S: Receive<F::Output, Via>,
{
    scope.on_closed(Info { id: ChildId::new(0, spec.daemon), origin: &spec.origin });
    let stage = Stage::Cancelled(None);
    let state = State::cancelled_at_birth(CancelledBy::Closed);
    let raw = Cell::<F, S, Via>::allocate(None, stage, state, spec.origin);
    // SAFETY: the cell is new, and has a share for its handle.
    unsafe { JoinHandle::new(raw) }
}

/// Ends a child that was refused after it was made.
///
/// # Safety
///
/// The handle keeps the child, which nobody else has seen or will see.
#[cold]
#[inline(never)]
unsafe fn refused_late(raw: Raw) {
    // SAFETY: promised by the caller. The shares of the registry and the executor are given up here.
    unsafe {
        raw.cancel(CancelledBy::Scope, By::Dropper);
        raw.release(Keeper::Registry);
        raw.release(Keeper::Exec);
    }
}
