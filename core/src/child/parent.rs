//! What a child asks of its scope, and how it is a member of it.
//!
//! A child does not hold a count of its scope, which would cost two contended additions a child.
//! The scope's owner does: it keeps the scope until the [`Gates`] are closed, or hands its count to
//! the children that are left. So the step that counts a child out is its last access, unless the
//! gate says that somebody waits: then the child takes a count first. (Without one, this would be
//! the bug of `std::thread::scope`, rust-lang/rust#98498, where the last child touched a scope that
//! its owner had already freed.)

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
#[derive(Clone, Copy, Debug, Default)]
pub struct Anywhere(());

/// Marks scopes, children and handles that stay on their thread.
#[derive(Clone, Copy, Debug, Default)]
pub struct SameThread(PhantomData<*const ()>);

/// Marks scopes whose children are polled by the scope's own future and may borrow for `'env`.
/// Children wait here for their first poll.
pub(crate) struct Inline<'env, M> {
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
    /// Those that the scope waits for.
    pub(crate) tasks: Door,
    /// Those that end when there are no others.
    pub(crate) daemons: Door,
}

/// A gate as the scope has it: children come and go by a [`Place`] only.
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

    /// How many are inside.
    pub(crate) fn count(&self) -> usize {
        self.0.count()
    }

    /// How many ever entered. Wraps around.
    pub(crate) fn entered(&self) -> usize {
        self.0.entered()
    }
}

impl Gates {
    pub(crate) fn new() -> Self {
        Gates { tasks: Door(Gate::new()), daemons: Door(Gate::new()) }
    }

    /// How many children ever entered. Wraps around.
    pub(crate) fn entered(&self) -> usize {
        self.tasks.entered().wrapping_add(self.daemons.entered())
    }

    /// How many are inside. May be too high by those who leave at this moment.
    pub(crate) fn count(&self) -> usize {
        self.tasks.count() + self.daemons.count()
    }

    fn of(&self, daemon: bool) -> &Gate {
        if daemon { &self.daemons.0 } else { &self.tasks.0 }
    }
}

/// What a child asks of its scope.
///
/// # Safety
///
/// `gates` answers with one and the same field. As long as a gate is not closed, somebody holds a
/// count of the scope.
pub(crate) unsafe trait Parent: Sized {
    fn gates(&self) -> &Gates;

    /// Where the children of this scope are listed.
    fn registry(&self) -> &Children;

    /// Whether a child with this origin is refused although the registry is open.
    fn refuses(&self, origin: &Origin) -> bool;

    /// Whether [`on_leave`](Self::on_leave) is to be called.
    fn watches_leaves(&self) -> bool;

    /// A child that the scope waits for has left. Never unwinds; collects whom to wake.
    fn on_leave(&self, wakers: &mut Wakers);

    /// A gate that is watched has become empty. As [`on_leave`](Self::on_leave).
    fn on_empty(&self, wakers: &mut Wakers);

    /// A child panicked. The answer is the panic again if the child's handle is to get it.
    fn on_panic(&self, panic: Panic, info: Info<'_>) -> Option<Panic>;

    /// A panic has nobody to go to. Never unwinds.
    fn on_lost_panic(&self, panic: Panic);

    /// A child that has panicked panics again when its future is dropped.
    fn on_second_panic(&self, panic: Panic);

    /// The executor dropped a child before its end.
    fn on_refused(&self, info: Info<'_>);

    /// A child was dropped unpolled because the scope had ended.
    fn on_closed(&self, info: Info<'_>);

    /// Whether the scope is coming down because of a failure or a cancel, and its body with it.
    fn is_failing(&self) -> bool;

    /// The scope is dropped: ends all children, shields or not. Those that are idle have been
    /// dropped when this returns.
    fn abandon_children(&self);

    /// Why the children are to end, if they are.
    fn asks_children(&self) -> Option<Cancelled>;

    /// The token that is cancelled when the children are to end; it is the scope's own.
    fn own_token(&self) -> CancelToken;

    /// Why the scope was cancelled, if somebody gave a reason.
    fn cancel_reason(&self) -> Option<&CancelReason>;

    /// What becomes of whoever awaits, here, the value of a child that has none. It was `refused`
    /// if it was cancelled with the scope.
    fn without_value(&self, refused: bool) -> Sequel;
}

/// A scope whose children are of one kind: [`Anywhere`], [`SameThread`] or [`Inline`].
///
/// # Safety
///
/// The type owns a `K`, so that it is no more `Send` and `Sync`, and lives no longer, than that.
pub(crate) unsafe trait OfKind<K>: Parent {}

/// What a child asks of its scope when it returns an `O`. `Via` tells apart the ways in which
/// scopes take the same types.
pub(crate) trait Receive<O, Via>: Parent {
    /// What the handle gets.
    type Value;

    /// The value for the handle, or none if `output` was a failure, which the scope keeps.
    fn receive(&self, output: O, info: Info<'_>) -> Option<Self::Value>;

    /// The executor dropped such a child before its end.
    fn lost(&self, info: Info<'_>) {
        self.on_refused(info);
    }
}

/// A place for one child in a scope that has not ended. Dropping it leaves.
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

    /// Counts a child in that the scope waits for, if there are less than `limit` of them.
    pub(crate) fn take_below(scope: &'s Arc<S>, limit: usize) -> Result<Self, Refusal> {
        let number = scope.gates().tasks.0.enter_below(limit)?;
        Ok(Place { scope, number, daemon: false })
    }

    pub(super) fn daemon(&self) -> bool {
        self.daemon
    }

    /// How many entered by the same gate before this one.
    pub(super) fn number(&self) -> usize {
        self.number
    }

    /// The scope, for as long as the place is taken.
    pub(super) fn into_member(self) -> NonNull<S> {
        let place = mem::ManuallyDrop::new(self);
        // As `Arc::into_raw` would answer, which also `Arc::from_raw` takes.
        NonNull::from(&**place.scope)
    }
}

impl<S: Parent> Drop for Place<'_, S> {
    fn drop(&mut self) {
        // SAFETY: taken, and not handed on.
        unsafe { leave(NonNull::from(&**self.scope), self.daemon) };
    }
}

/// Gives a place back. Runs no code of the child, and never unwinds.
///
/// # Safety
///
/// `scope` came from [`Place::into_member`] (or its drop), and leaves once. The scope may be freed
/// by this call, or at any time after.
pub(super) unsafe fn leave<S: Parent>(scope: NonNull<S>, daemon: bool) {
    // SAFETY: the place is still counted, so the scope is there.
    let parent = unsafe { scope.as_ref() };
    let always = !daemon && parent.watches_leaves();
    // SAFETY: `hold` is called while the place is still counted.
    let left = parent.gates().of(daemon).leave(always, || unsafe { keep(scope) });
    // Without a count of our own, that was the last access.
    if let Some((parent, last)) = left {
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
        // All is done: what follows runs code of others.
        if let Err(payload) = wakers.fire() {
            parent.on_lost_panic(Panic::new(payload));
        }
        unwind::discard(parent);
    }
}

/// A count of its own for somebody who outlasts the child's membership.
///
/// # Safety
///
/// `scope` came from [`Place::into_member`], and the child has not left.
pub(super) unsafe fn keep<S: Parent>(scope: NonNull<S>) -> Arc<S> {
    let scope = scope.as_ptr().cast_const();
    // SAFETY: the pointer is that of an `Arc`, and somebody holds a count of it.
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

/// Polls the body of `scope` with `poll`; `slot` is for its shields.
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
}
