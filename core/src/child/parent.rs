//! What a child requires of its scope, and how it enters and leaves the scope.
//!
//! A child does not hold a count of its scope: that would cost two contended additions per child.
//! The owner of the scope holds one. It keeps the scope until the [`Gates`] are closed, or passes
//! its count to the children that are left. So the step that counts a child out is the child's last
//! access to the scope, unless the gate is watched: then the child takes a count first. (Without
//! that count, this would be the bug of `std::thread::scope`, rust-lang/rust#98498, where the last
//! child touched a scope that its owner had already freed.)

use super::{
    Panic,
    origin::{Info, Origin},
    raw::{Children, Sequel},
};
use crate::{
    cancel::{
        CancelReason, CancelToken, Cancelled,
        current::{self, About, Frame},
        shields::Shields,
    },
    sync::{
        Arc, Wakers,
        gate::{Gate, Refusal},
        stack::Stack,
    },
    unwind,
    values::Context,
};
#[cfg(all(feature = "std", not(anyscope_loom)))]
use crate::{
    observers::Observed,
    waits::watcher::{Member, WatchedScope},
};
use core::{
    cell::Cell,
    fmt,
    marker::PhantomData,
    mem,
    panic::Location,
    ptr::{self, NonNull},
};

/// Marks scopes, children and handles that may move between threads.
///
/// The [`JoinHandle`](super::JoinHandle) of such a child is `Send`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Anywhere(());

/// Marks scopes, children and handles that stay on their thread.
///
/// The [`JoinHandle`](super::JoinHandle) of such a child is a [`LocalJoinHandle`](super::LocalJoinHandle).
#[derive(Clone, Copy, Debug, Default)]
pub struct SameThread(PhantomData<*const ()>);

/// Marks scopes whose children are polled by the scope's own future and may borrow for `'env`.
/// Children wait in `new` for their first poll.
pub struct Inline<'env, M> {
    pub(crate) new: Stack<super::InlineChild<'env>>,
    mode: PhantomData<M>,
}

impl<M> Default for Inline<'_, M> {
    fn default() -> Self {
        Inline { new: Stack::new(), mode: PhantomData }
    }
}

/// The children of a scope that have not ended.
#[derive(Debug)]
pub(crate) struct Gates {
    /// The children that the scope waits for.
    pub(crate) tasks: Door,
    /// The children that are cancelled when only daemons are left.
    pub(crate) daemons: Door,
}

/// A gate as the scope sees it: only a [`Place`] lets children enter and leave.
#[derive(Debug)]
pub(crate) struct Door(Gate);

impl Door {
    /// See [`Gate::close`].
    pub(crate) fn close(&self) -> bool {
        self.0.close()
    }

    /// See [`Gate::watch`].
    pub(crate) fn watch(&self) {
        self.0.watch();
    }

    /// Returns how many children are inside.
    pub(crate) fn count(&self) -> usize {
        self.0.count()
    }

    /// Returns how many children ever entered. Wraps around.
    pub(crate) fn entered(&self) -> usize {
        self.0.entered()
    }
}

impl Gates {
    pub(crate) fn new() -> Self {
        Gates { tasks: Door(Gate::new()), daemons: Door(Gate::new()) }
    }

    /// Returns how many children ever entered. Wraps around.
    pub(crate) fn entered(&self) -> usize {
        self.tasks.entered().wrapping_add(self.daemons.entered())
    }

    /// Returns how many children are inside. May still count children that leave during the call.
    pub(crate) fn count(&self) -> usize {
        self.tasks.count() + self.daemons.count()
    }

    fn of(&self, daemon: bool) -> &Gate {
        if daemon { &self.daemons.0 } else { &self.tasks.0 }
    }
}

/// What a child requires of its scope.
///
/// # Safety
///
/// `gates` always returns the same field. As long as a gate is not closed, a count of the scope is
/// held.
pub(crate) unsafe trait Parent: Sized {
    /// Returns the gates of this scope.
    fn gates(&self) -> &Gates;

    /// Returns the list of the children of this scope.
    fn registry(&self) -> &Children;

    /// Returns whether a child with this origin is refused although the registry is open.
    fn refuses<'o>(&self, origin: impl FnOnce() -> &'o Origin) -> bool;

    /// Returns whether a child that leaves must call [`on_leave`](Self::on_leave).
    fn watches_leaves(&self) -> bool;

    /// Called when a child that the scope waits for has left. Never unwinds. Collects the wakers to
    /// fire.
    fn on_leave(&self, wakers: &mut Wakers);

    /// Called when a watched gate has become empty; otherwise as [`on_leave`](Self::on_leave).
    fn on_empty(&self, wakers: &mut Wakers);

    /// Called when a child has panicked. Returns the panic if the child's handle receives it.
    fn on_panic(&self, panic: Panic, info: Info<'_>) -> Option<Panic>;

    /// Called with a panic that no handle receives. Never unwinds.
    fn on_lost_panic(&self, panic: Panic);

    /// Called when a child that has panicked panics again while its future is dropped.
    fn on_second_panic(&self, panic: Panic);

    /// Called when the executor dropped a child before its end.
    fn on_refused(&self, info: Info<'_>);

    /// Called when a child was dropped without a poll because the scope had ended.
    fn on_closed(&self, info: Info<'_>);

    /// Returns whether the scope shuts down because of a failure or a cancel, and its body with it.
    fn is_failing(&self) -> bool;

    /// Ends all children because the scope is dropped; ignores shields. All idle children have been
    /// dropped when this returns.
    fn abandon_children(&self);

    /// Returns why the children were asked to end, if they were.
    fn asks_children(&self) -> Option<Cancelled>;

    /// Returns the scope's own token, which is cancelled when the children are asked to end.
    fn own_token(&self) -> CancelToken;

    /// Returns the context that its children see, if there is one.
    fn context(&self) -> Option<&Context>;

    /// Returns what is kept of this scope, if it is watched.
    #[cfg(all(feature = "std", not(anyscope_loom)))]
    fn watched(&self) -> Option<&WatchedScope>;

    /// Returns what observers are told of this scope, if there are any.
    #[cfg(all(feature = "std", not(anyscope_loom)))]
    fn observed(&self) -> Option<&Observed>;

    /// Returns the reason with which the scope was cancelled, if one was given.
    fn cancel_reason(&self) -> Option<&CancelReason>;

    /// Returns what happens to the calling code, which awaits the value of a child that has none.
    /// The child was `refused` if it was cancelled with the scope.
    fn without_value(&self, refused: bool) -> Sequel;
}

/// A scope whose children are of one kind: [`Anywhere`], [`SameThread`] or [`Inline`].
///
/// # Safety
///
/// The type owns a `K`, so it is `Send` or `Sync` only if `K` is, and does not outlive `K`.
pub(crate) unsafe trait OfKind<K>: Parent {}

/// What a child that returns an `O` requires of its scope. `Via` distinguishes the ways in which
/// scopes receive the same type.
pub(crate) trait Receive<O, Via>: Parent {
    /// Whether code in such a child can ask for its end.
    #[cfg_attr(not(all(feature = "std", not(anyscope_loom))), allow(dead_code))]
    const ENDS_ITSELF: bool = true;

    /// What the handle receives.
    type Value;

    /// Returns the value for the handle, or `None` if `output` was a failure, which the scope
    /// keeps.
    fn receive(&self, output: O, info: Info<'_>) -> Option<Self::Value>;

    /// Called when the executor dropped such a child before its end.
    fn lost(&self, info: Info<'_>) {
        self.on_refused(info);
    }
}

/// A place for one child in a scope that has not ended. Dropping it leaves the scope.
pub(crate) struct Place<'s, S: Parent> {
    scope: &'s Arc<S>,
    number: usize,
    daemon: bool,
}

impl<'s, S: Parent> Place<'s, S> {
    /// Counts a child in, unless the scope has ended.
    pub(crate) fn take(scope: &'s Arc<S>, daemon: bool) -> Option<Self> {
        let number = scope.gates().of(daemon).enter().ok()?;
        Some(Place { scope, number, daemon })
    }

    /// Counts a child in that the scope waits for, if fewer than `limit` such children are inside.
    pub(crate) fn take_below(scope: &'s Arc<S>, limit: usize) -> Result<Self, Refusal> {
        let number = scope.gates().tasks.0.enter_below(limit)?;
        Ok(Place { scope, number, daemon: false })
    }

    pub(super) fn daemon(&self) -> bool {
        self.daemon
    }

    /// Returns how many children entered through the same gate before this one.
    pub(super) fn number(&self) -> usize {
        self.number
    }

    /// Returns the scope, valid as long as the place is taken.
    pub(super) fn into_member(self) -> NonNull<S> {
        let place = mem::ManuallyDrop::new(self);
        // The pointer that `Arc::into_raw` would return, so `Arc::from_raw` accepts it.
        NonNull::from(&**place.scope)
    }
}

impl<S: Parent> Drop for Place<'_, S> {
    fn drop(&mut self) {
        // SAFETY: the place is taken, and `into_member` did not give it away.
        unsafe { leave(NonNull::from(&**self.scope), self.daemon) };
    }
}

/// Gives a place back. Runs no code of the child. Never unwinds.
///
/// # Safety
///
/// `scope` came from [`Place::into_member`] (or its drop), and leaves once. The scope may be freed
/// by this call, or at any time after.
pub(super) unsafe fn leave<S: Parent>(scope: NonNull<S>, daemon: bool) {
    // SAFETY: the place is still counted, so the scope is alive.
    let parent = unsafe { scope.as_ref() };
    let always = !daemon && parent.watches_leaves();
    // SAFETY: `hold` is called while the place is still counted.
    let left = parent.gates().of(daemon).leave(always, || unsafe { keep(scope) });
    // Without a count of our own, `leave` was the last access to the scope.
    if let Some((parent, last)) = left {
        has_left(parent, last, always);
    }
}

/// Does what is due when a child has left that holds a count of the scope; `last` if the gate is empty.
/// Apart from [`leave`], as few children do.
#[inline(never)]
fn has_left<S: Parent>(parent: Arc<S>, last: bool, always: bool) {
    let mut wakers = Wakers::new();
    if last {
        parent.on_empty(&mut wakers);
    } else {
        let gates = parent.gates();
        parent.registry().sweep_if_sparse(gates.entered(), gates.count());
    }
    if always {
        parent.on_leave(&mut wakers);
    }
    // All steps of the protocol are done: what follows runs user code.
    if let Err(payload) = wakers.fire() {
        parent.on_lost_panic(Panic::new(payload));
    }
    unwind::discard(parent);
}

/// Returns a count of the scope, for a user that may outlast the child's membership.
///
/// # Safety
///
/// `scope` came from [`Place::into_member`], and the child has not left.
pub(super) unsafe fn keep<S: Parent>(scope: NonNull<S>) -> Arc<S> {
    let scope = scope.as_ptr().cast_const();
    // SAFETY: the pointer is that of an `Arc`. The child has not left, so its gate is not closed,
    // so a count of the scope is held.
    unsafe {
        Arc::increment_strong_count(scope);
        Arc::from_raw(scope)
    }
}

impl<M> fmt::Debug for Inline<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Inline(..)")
    }
}

/// Polls the body of `scope` by calling `poll`. `slot` holds the body's shields.
pub(crate) fn in_body<S: Parent, R>(
    scope: &S,
    slot: &mut Option<Arc<Shields>>,
    poll: impl FnOnce() -> R,
) -> R {
    let body = Body { scope, slot: Cell::from_mut(slot) };
    let frame = Frame { child: ptr::null(), scope: ptr::from_ref(scope).cast(), about: &body };
    current::framed(frame, poll)
}

/// The body of a scope, while it is being polled.
struct Body<'a, S> {
    scope: &'a S,
    slot: &'a Cell<Option<Arc<Shields>>>,
}

impl<S: Parent> About for Body<'_, S> {
    fn spawned_at(&self) -> Option<&'static Location<'static>> {
        None
    }

    fn name(&self) -> Option<&dyn fmt::Display> {
        None
    }

    fn with_shields(&self, f: &mut dyn FnMut(&mut Option<Arc<Shields>>)) {
        let mut shields = self.slot.take();
        f(&mut shields);
        self.slot.set(shields);
    }

    fn asked_to_end(&self) -> Option<Cancelled> {
        self.scope.asks_children()
    }

    fn token(&self) -> Option<CancelToken> {
        Some(self.scope.own_token())
    }

    fn context(&self) -> Option<&Context> {
        self.scope.context()
    }

    #[cfg(all(feature = "std", not(anyscope_loom)))]
    fn with_member(&self, _: &mut dyn FnMut(&Member<'_>)) {}

    fn cancel_self(&self) -> bool {
        false
    }
}
