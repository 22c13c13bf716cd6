//! Work that a scope keeps for its end: the part that does not depend on the future's type.
//!
//! A finalizer is a [`Child`] of no scope: one allocation, polled by the code that shuts the scope
//! down. Its future reports panics to the scope itself.

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
    /// Ends when the finalizers have used up their time. The last budget set replaces the others.
    pub(crate) budget: AtomicBox<Child>,
    /// Takes over finalizers when the scope is dropped before its end.
    pub(crate) runner: OnceBox<Runner>,
    /// How many finalizers have not ended, including those that are running.
    pub(crate) pending: AtomicUsize,
    /// How many were taken off the list and have not ended.
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

/// The kind of an entry of [`Deferred`].
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
    // SAFETY: the future borrows nothing, and the scope stays on this thread, as its kind says.
    unsafe { keep(scope, entry, origin, future) }
}

/// Keeps a future that may borrow for `'env`.
pub(crate) fn inline<'env, F, S>(scope: &Arc<S>, entry: Entry, origin: Origin, future: F)
where
    F: Future<Output = ()> + Send + 'env,
    S: OfKind<Inline<'env, Anywhere>> + Defers,
{
    // SAFETY: the future is `Send`. The scope owns an `Inline<'env, _>`, so it is not reached after
    // the end of the borrow. A value that keeps the scope beyond that, such as a finalizer that
    // holds a count of its own scope, neither drops nor touches the future.
    unsafe { keep(scope, entry, origin, future) }
}

/// As [`inline`], for a future that stays on this thread.
pub(crate) fn inline_local<'env, F, S>(scope: &Arc<S>, entry: Entry, origin: Origin, future: F)
where
    F: Future<Output = ()> + 'env,
    S: OfKind<Inline<'env, SameThread>> + Defers,
{
    // SAFETY: as in `inline`, and the scope stays on this thread, as its kind says.
    unsafe { keep(scope, entry, origin, future) }
}

/// Keeps a future for the end of `scope`.
///
/// # Safety
///
/// - Threads: if `F` is not `Send`, then `scope` stays on this thread.
/// - Lifetimes: if `F` borrows, then the finalizers of `scope` are neither polled nor dropped after
///   the end of that borrow.
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

/// Makes `exec` take over finalizers, through `spawn`.
pub(crate) fn run_on<E, S>(scope: &Arc<S>, exec: &E, spawn: fn(&E, Child))
where
    E: Clone + Send + Sync + 'static,
    S: OfKind<Anywhere> + Defers,
{
    if scope.deferred().runner.get().is_none() {
        let exec = exec.clone();
        // If another thread was first, its runner serves as well.
        let _ = scope.deferred().runner.set(Box::new(move |child| spawn(&exec, child)));
    }
}

/// Makes `exec` take over finalizers of a scope that stays on this thread.
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

/// A value that is used and dropped on one thread only, so it may be `Send` whatever its type.
struct OnThisThread<T>(T);

impl<T> OnThisThread<T> {
    fn get(&self) -> &T {
        &self.0
    }
}

// SAFETY: only `run_on_local` makes one. The scope that owns it stays on its thread, as its kind
// says.
unsafe impl<T> Send for OnThisThread<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for OnThisThread<T> {}
