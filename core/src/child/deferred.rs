//! Work that a scope keeps for its end: the part of it that knows no types.
//!
//! A finalizer is a [`Child`] of nobody: one allocation, polled by whoever brings the scope to its
//! end. What it reports, it reports by itself.

use super::{
    Anywhere, Child, LocalChild, SameThread,
    origin::Origin,
    parent::{Inline, OfKind, Parent},
    unscoped,
};
use crate::sync::{Arc, AtomicUsize, atomic_box::AtomicBox, once_box::OnceBox, stack::Stack};
use alloc::boxed::Box;
use core::future::Future;

/// What a scope keeps for its end.
pub(crate) struct Deferred {
    /// The oldest first.
    pub(crate) finalizers: Stack<Child>,
    /// How long they may take all together. The last one counts.
    pub(crate) budget: AtomicBox<Child>,
    /// Takes over finalizers when nobody awaits the scope any more.
    pub(crate) runner: OnceBox<Runner>,
    /// How many finalizers there are, those under way included.
    pub(crate) pending: AtomicUsize,
    /// How many were taken out of the list and have not ended.
    pub(crate) under_way: AtomicUsize,
}

pub(crate) type Runner = Box<dyn Fn(Child) + Send + Sync>;

impl Deferred {
    pub(crate) fn new() -> Self {
        Deferred {
            finalizers: Stack::new(),
            budget: AtomicBox::new(),
            runner: OnceBox::new(),
            pending: AtomicUsize::new(0),
            under_way: AtomicUsize::new(0),
        }
    }
}

/// A scope that keeps something for its end.
pub(crate) trait Defers: Parent {
    fn deferred(&self) -> &Deferred;
}

/// What of [`Deferred`] something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    Finalizer,
    Budget,
}

/// Keeps a future that may move between threads and owns what it uses.
pub(crate) fn parallel<F, S>(scope: &Arc<S>, entry: Entry, origin: Origin, future: F)
where
    F: Future<Output = ()> + Send + 'static,
    S: OfKind<Anywhere> + Defers,
{
    // SAFETY: the future is `Send` and borrows nothing.
    unsafe { keep(scope, entry, origin, future) }
}

/// Keeps a future that stays on this thread and owns what it uses.
pub(crate) fn local<F, S>(scope: &Arc<S>, entry: Entry, origin: Origin, future: F)
where
    F: Future<Output = ()> + 'static,
    S: OfKind<SameThread> + Defers,
{
    // SAFETY: it borrows nothing, and the scope stays on this thread, as its kind says.
    unsafe { keep(scope, entry, origin, future) }
}

/// Keeps a future that may borrow for `'env`.
pub(crate) fn inline<'env, F, S>(scope: &Arc<S>, entry: Entry, origin: Origin, future: F)
where
    F: Future<Output = ()> + Send + 'env,
    S: OfKind<Inline<'env, Anywhere>> + Defers,
{
    // SAFETY: it is `Send`. The scope owns an `Inline<'env, _>`, and so is not reached after the
    // borrow; what keeps it beyond that, as a finalizer does which holds a count of its own scope,
    // neither drops nor touches it.
    unsafe { keep(scope, entry, origin, future) }
}

/// [`inline`] for a future that stays on this thread.
pub(crate) fn inline_local<'env, F, S>(scope: &Arc<S>, entry: Entry, origin: Origin, future: F)
where
    F: Future<Output = ()> + 'env,
    S: OfKind<Inline<'env, SameThread>> + Defers,
{
    // SAFETY: as `inline`, and the scope stays on this thread, as its kind says.
    unsafe { keep(scope, entry, origin, future) }
}

/// Keeps a future for the end of `scope`.
///
/// # Safety
///
/// - Threads: if `F` is not `Send`, then `scope` stays on this thread.
/// - Lifetimes: if `F` borrows, then the finalizers of `scope` are polled or dropped by nobody
///   after the end of that borrow.
pub(crate) unsafe fn keep<F, S>(scope: &Arc<S>, entry: Entry, origin: Origin, future: F)
where
    F: Future<Output = ()>,
    S: Defers,
{
    let deferred = scope.deferred();
    let child = unscoped::orphan(future, origin);
    match entry {
        Entry::Finalizer => deferred.finalizers.push(child),
        Entry::Budget => drop(deferred.budget.put(Box::new(child))),
    }
}

/// Has `exec` take over finalizers, by `spawn`.
pub(crate) fn run_on<E, S>(scope: &Arc<S>, exec: &E, spawn: fn(&E, Child))
where
    E: Clone + Send + Sync + 'static,
    S: OfKind<Anywhere> + Defers,
{
    if scope.deferred().runner.get().is_none() {
        let exec = exec.clone();
        // If another thread was first, its runner does as well.
        let _ = scope.deferred().runner.set(Box::new(move |child| spawn(&exec, child)));
    }
}

/// Has `exec` take over finalizers of a scope that stays on this thread.
pub(crate) fn run_on_local<E, S>(scope: &Arc<S>, exec: &E, spawn: fn(&E, LocalChild))
where
    E: Clone + 'static,
    S: OfKind<SameThread> + Defers,
{
    if scope.deferred().runner.get().is_none() {
        let exec = OnThisThread(exec.clone());
        let run = move |child| spawn(exec.get(), LocalChild::new(child));
        let _ = scope.deferred().runner.set(Box::new(run));
    }
}

/// Something that is used and dropped on one thread, whatever its type says.
struct OnThisThread<T>(T);

impl<T> OnThisThread<T> {
    fn get(&self) -> &T {
        &self.0
    }
}

// SAFETY: made by `run_on_local` only, for a scope that stays on its thread, as its kind says, and
// owns this.
unsafe impl<T> Send for OnThisThread<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for OnThisThread<T> {}
