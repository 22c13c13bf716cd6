//! The part of a child that does not depend on the type of its future.
//!
//! A [`Raw`] is a pointer to a child. It is valid while its holder has a share of the memory (one
//! of the [`Keeper`]s in the state word). Each method below says which share it requires.

#[cfg(all(feature = "std", not(anyscope_loom)))]
use super::watched::Behind;
use super::{
    ChildId, JoinError, KeepAlive, Panic,
    origin::{Info, Origin},
    shield_slot::ShieldSlot,
    state::{CancelStep, Keeper, Snapshot, State},
};
#[cfg(anyscope_loom)]
use crate::sync::Freed;
use crate::{
    cancel::{CancelledBy, current},
    sync::{
        AtomicPtr, EventListener, UnsafeCell,
        registry::{Listed, Registry},
    },
    unwind, waits,
};
#[cfg(all(feature = "std", not(anyscope_loom)))]
use core::num::NonZeroUsize;
use core::{
    mem::MaybeUninit,
    ptr::NonNull,
    task::{Context, Poll, Waker},
};

/// The head of a child's allocation: what an executor accesses when it polls the child.
pub(crate) struct Header {
    pub(super) state: State,
    pub(super) vtable: &'static VTable,
    /// The next child of the scope's list; see [`Registry`].
    pub(super) next: AtomicPtr<Header>,
}

/// The tail of a child's allocation: what only pending, awaited or failing children need.
pub(super) struct Tail {
    /// The waker of the handle. Belongs to the handle or to the thread that ends the child: see
    /// `JOIN_WAKER`.
    pub(super) joiner: UnsafeCell<Option<Waker>>,
    /// The waker of the executor, fired when a cancel leaves it an empty shell. Belongs to the
    /// holder of `RUNNING`.
    pub(super) runner: UnsafeCell<Option<Waker>>,
    /// What the executor keeps with the child. Belongs to the spawner until the child is spawned.
    /// No thread accesses it after that, until the child is freed.
    pub(super) kept: UnsafeCell<Option<KeepAlive>>,
    /// The shields in the future, if there ever were any. Belongs to the holder of `RUNNING`.
    pub(super) shields: ShieldSlot,
    pub(super) origin: Origin,
}

impl Tail {
    /// Returns whether nothing is left that must be dropped, but for what the executor keeps.
    ///
    /// # Safety
    ///
    /// The caller owns all of it.
    #[inline]
    pub(super) unsafe fn is_bare(&self) -> bool {
        // SAFETY: promised by the caller.
        let is_empty =
            |slot: &UnsafeCell<Option<Waker>>| slot.with(|slot| unsafe { (*slot).is_none() });
        // SAFETY: as above.
        let has_no_shields = unsafe { self.shields.is_empty() };
        // All are looked at at once, as they are nearly always so.
        is_empty(&self.joiner) & is_empty(&self.runner) & has_no_shields & !self.origin.is_named()
    }
}

/// For models: freeing is an access.
#[cfg(anyscope_loom)]
impl Drop for Header {
    fn drop(&mut self) {
        self.next.freed();
    }
}

/// As for [`Header`].
#[cfg(anyscope_loom)]
impl Drop for Tail {
    fn drop(&mut self) {
        self.joiner.freed();
        self.runner.freed();
        self.kept.freed();
    }
}

/// What depends on the type of the future. All functions require that the caller keeps the child
/// alive during the call.
pub(super) struct VTable {
    /// The offset of the tail from the header, in bytes.
    pub(super) tail: usize,
    /// The offset of what is [`Behind`] the cell from the header, if the child is watched.
    #[cfg(all(feature = "std", not(anyscope_loom)))]
    pub(super) behind: Option<NonZeroUsize>,
    /// Polls the future, and ends the child if the future is ready or panics. Requires `RUNNING`.
    /// The snapshot is the state at the beginning of the poll.
    pub(super) poll: unsafe fn(Raw, Snapshot, &mut Context<'_>) -> Polled,
    /// Ends the child as cancelled. Requires `RUNNING`.
    pub(super) end: unsafe fn(Raw, By),
    /// Moves the outcome to the pointer's target, which must be valid for the write of a
    /// `Result<T, JoinError>`. Requires `DONE` and that the caller is the handle.
    pub(super) take: unsafe fn(Raw, NonNull<()>),
    /// Drops the outcome. Requires `DONE` and that the caller is the handle. May run destructors
    /// that panic.
    pub(super) discard: unsafe fn(Raw),
    /// Returns what happens to the code that awaits the value, if there is none. Requires `DONE`
    /// and that the caller is the handle.
    pub(super) without_value: unsafe fn(Raw) -> Sequel,
    /// Frees the memory. Requires that the last share has been given up to the caller.
    pub(super) free: unsafe fn(Raw),
}

/// The result of a poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Polled {
    Pending,
    /// The executor need not poll again: the child is done, or another thread is ending it.
    Ready,
    /// As `Ready`, and the executor's share has been given up.
    Gone,
}

/// How a child ends that ends otherwise than with a value.
#[cfg_attr(not(all(feature = "std", not(anyscope_loom))), allow(dead_code))]
pub(super) enum Noted<'a> {
    Failed,
    Panicked(&'a Panic),
    Cancelled,
}

/// What ends a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// The executor, in a poll.
    Poller,
    /// The executor, by dropping the child.
    Dropper,
    /// Another thread or task: the executor must be woken, because it holds an empty shell.
    Canceller,
    /// As a canceller, but shields are ignored: nothing is left that could wait for their end.
    Abandoner,
}

/// What happens to the code that awaits the value of a child that has none.
#[derive(Debug)]
pub(crate) enum Sequel {
    /// It panics, with a message that says why there is no value.
    Panics,
    /// It is dropped with the scope, which is shutting down.
    Dropped,
    /// It checks again when this fires, unless it has been dropped by then.
    Later(EventListener),
}

/// A pointer to a child; see the [module](self).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Raw(NonNull<Header>);

impl Raw {
    /// Wraps a pointer to a whole cell, of which the header is the first field.
    pub(super) fn new(cell: NonNull<Header>) -> Self {
        Raw(cell)
    }

    pub(super) fn as_ptr(self) -> *mut Header {
        self.0.as_ptr()
    }

    pub(super) fn as_non_null(self) -> NonNull<Header> {
        self.0
    }

    /// Returns the head of the child.
    ///
    /// # Safety
    ///
    /// The child must be kept alive for `'a`.
    pub(super) unsafe fn header<'a>(self) -> &'a Header {
        // SAFETY: the caller keeps the child, and no `&mut Header` exists to a child that is kept.
        unsafe { self.0.as_ref() }
    }

    /// Returns the tail of the child.
    ///
    /// # Safety
    ///
    /// The child must be kept alive for `'a`.
    pub(super) unsafe fn tail<'a>(self) -> &'a Tail {
        // SAFETY: the caller keeps the child. Its tail is at this offset, in the same allocation
        // from which the pointer was derived.
        unsafe { self.0.byte_add(self.header().vtable.tail).cast::<Tail>().as_ref() }
    }

    /// Returns what is kept of the child's polls, if it is watched.
    ///
    /// # Safety
    ///
    /// The child must be kept alive for `'a`.
    #[cfg(all(feature = "std", not(anyscope_loom)))]
    pub(super) unsafe fn behind<'a>(self) -> Option<&'a Behind> {
        // SAFETY: promised by the caller.
        let offset = unsafe { self.header() }.vtable.behind?;
        // SAFETY: the caller keeps the child, and this is what is at this offset, in the same allocation from which the
        // pointer was derived.
        Some(unsafe { self.0.byte_add(offset.get()).cast::<Behind>().as_ref() })
    }

    /// Notes how the child ends otherwise than with a value, for whoever observes it.
    ///
    /// # Safety
    ///
    /// The child must be kept alive during the call.
    #[cold]
    pub(super) unsafe fn note(self, noted: Noted<'_>) {
        #[cfg(all(feature = "std", not(anyscope_loom)))]
        // SAFETY: promised by the caller.
        if let Some(behind) = unsafe { self.behind() } {
            behind.note(noted);
        }
        #[cfg(not(all(feature = "std", not(anyscope_loom))))]
        let _ = noted;
    }

    /// Tells observers that the child ends.
    ///
    /// # Safety
    ///
    /// The child must be kept alive during the call.
    #[cold]
    pub(super) unsafe fn tell_end(self, by: By) {
        #[cfg(all(feature = "std", not(anyscope_loom)))]
        // SAFETY: promised by the caller.
        if let Some(behind) = unsafe { self.behind() } {
            behind.tell_end(by == By::Poller);
        }
        #[cfg(not(all(feature = "std", not(anyscope_loom))))]
        let _ = by;
    }

    /// Returns the current state.
    ///
    /// # Safety
    ///
    /// The child must be kept alive during the call.
    pub(super) unsafe fn state(self) -> Snapshot {
        // SAFETY: promised by the caller.
        unsafe { self.header() }.state.now()
    }

    /// Returns which child this is.
    ///
    /// # Safety
    ///
    /// The child must be kept alive for `'a`.
    pub(super) unsafe fn info<'a>(self) -> Info<'a> {
        // SAFETY: promised by the caller.
        let (state, tail) = unsafe { (self.state(), self.tail()) };
        Info { id: ChildId::new(state.number(), state.is_daemon()), origin: &tail.origin }
    }

    /// Polls the child.
    ///
    /// # Safety
    ///
    /// The caller is the executor, and does not touch the child again if it is
    /// [`Gone`](Polled::Gone).
    pub(super) unsafe fn poll(self, cx: &mut Context<'_>) -> Polled {
        // SAFETY: the executor keeps the child.
        let header = unsafe { self.header() };
        let Some(before) = header.state.begin_poll() else { return Polled::Ready };
        // SAFETY: the executor keeps the child, and `begin_poll` made us the holder of `RUNNING`.
        unsafe { (header.vtable.poll)(self, before, cx) }
    }

    /// Asks for the end of the child. An idle child has been dropped when this returns. A child
    /// that is being polled is dropped right after that poll, and a child behind a shield after the
    /// shield, unless `by` ignores shields. Never unwinds. Returns false if there was nothing to
    /// do: the child is done, or has been asked before.
    ///
    /// # Safety
    ///
    /// The child must be kept alive during the call.
    pub(super) unsafe fn cancel(self, cancelled_by: CancelledBy, by: By) -> bool {
        // SAFETY: promised by the caller.
        let header = unsafe { self.header() };
        let force = matches!(by, By::Dropper | By::Abandoner);
        let step = header.state.cancel(cancelled_by, force);
        if step == CancelStep::Claimed {
            // SAFETY: the caller keeps the child, and `cancel` made us the holder of `RUNNING`.
            unsafe { (header.vtable.end)(self, by) };
        }
        step != CancelStep::Nothing
    }

    /// Gives up `keeper`'s share, and frees the memory if it was the last.
    ///
    /// # Safety
    ///
    /// The caller holds that share and does not touch the child afterwards.
    pub(super) unsafe fn release(self, keeper: Keeper) {
        // SAFETY: the caller's share keeps the child.
        let header = unsafe { self.header() };
        let free = header.vtable.free;
        if header.state.release(keeper) {
            // SAFETY: that was the last share.
            unsafe { free(self) };
        }
    }

    /// Waits for the child with the waker of `cx`.
    ///
    /// # Panics
    ///
    /// Panics if called from inside the child, which would wait for itself.
    ///
    /// # Safety
    ///
    /// The caller is the handle.
    #[inline]
    pub(super) unsafe fn poll_done(self, cx: &mut Context<'_>) -> Poll<()> {
        // SAFETY: the handle keeps the child.
        let now = unsafe { self.state() };
        if now.is_done() {
            return Poll::Ready(());
        }
        // SAFETY: promised by the caller.
        unsafe { self.wait_for_end(now, cx) }
    }

    /// [`poll_done`](Self::poll_done) of a child that was not done. Apart from it, as most of what is
    /// needed to wait is not needed to look.
    #[inline(never)]
    unsafe fn wait_for_end(self, now: Snapshot, cx: &mut Context<'_>) -> Poll<()> {
        // SAFETY: the handle keeps the child.
        let (header, tail) = unsafe { (self.header(), self.tail()) };
        if now.has_joiner() && !header.state.retract_joiner() {
            return Poll::Ready(());
        }
        if !now.has_joiner() {
            // SAFETY: we are the handle, which alone writes the slot, and does so before this.
            let kept = tail.kept.with(|kept| unsafe { (*kept).as_ref() });
            if let Some(kept) = kept {
                kept.on_await(self.as_ptr().cast_const().cast());
            }
            if header.state.now().is_done() {
                return Poll::Ready(());
            }
        }
        if current::inside_child(self.as_ptr().cast()) {
            panic!("{} awaits its own handle, and would wait for ever", tail.origin);
        }
        // SAFETY: we are the handle, and `JOIN_WAKER` is not set.
        unsafe { remember(&tail.joiner, cx.waker()) };
        if header.state.publish_joiner() {
            waits::waits_for_with(
                cx.waker(),
                waits::Wait::Child(self.as_ptr().addr()),
                format_args!("{}", tail.origin),
            );
            return Poll::Pending;
        }
        // SAFETY: as above. The thread that ended the child saw `JOIN_WAKER` unset, so it does not
        // touch `joiner`.
        unwind::discard(tail.joiner.with_mut(|joiner| unsafe { (*joiner).take() }));
        Poll::Ready(())
    }

    /// Takes the outcome of a child whose values are `T`s.
    ///
    /// # Safety
    ///
    /// The caller is the handle, the child is done, and the cell was made for values of type `T`.
    pub(super) unsafe fn take<T>(self) -> Result<T, JoinError> {
        let mut outcome = MaybeUninit::<Result<T, JoinError>>::uninit();
        // SAFETY: promised by the caller; the pointer is valid for the write of a
        // `Result<T, JoinError>`.
        unsafe {
            (self.header().vtable.take)(self, NonNull::from(&mut outcome).cast());
        }
        // SAFETY: `take` has written it.
        unsafe { outcome.assume_init() }
    }

    /// Gives up the handle's share, when the handle is dropped. Drops the outcome of a child that
    /// is done.
    ///
    /// # Safety
    ///
    /// The caller is the handle, and does not touch the child afterwards.
    #[inline(never)]
    unsafe fn drop_handle(self) {
        // SAFETY: the handle keeps the child until `leave_handle` or `release`.
        let (header, tail) = unsafe { (self.header(), self.tail()) };
        let now = header.state.now();
        if !now.is_done() && (!now.has_joiner() || header.state.retract_joiner()) {
            if now.has_joiner() {
                // SAFETY: `JOIN_WAKER` is no longer set, so `joiner` belongs to the handle.
                unwind::discard(tail.joiner.with_mut(|joiner| unsafe { (*joiner).take() }));
            }
            if header.state.leave_handle() {
                return;
            }
        }
        // SAFETY: we are the handle until the guard runs, and it runs last, even if a destructor of
        // the outcome panics.
        let _release = unwind::Finally::new(|| unsafe { self.release(Keeper::Handle) });
        // SAFETY: the child is done, and we are the handle.
        unsafe { (header.vtable.discard)(self) };
    }
}

/// Set in a [`HandleRaw`] once the outcome was taken.
const TAKEN: usize = 1;

const _: () = assert!(align_of::<Header>() > TAKEN);

/// What a handle has of its child: a pointer, and whether the outcome was taken. Then nothing of the
/// child is left to be dropped with the handle.
#[derive(Clone, Copy)]
pub(super) struct HandleRaw(NonNull<Header>);

impl HandleRaw {
    /// Wraps the handle's share of a child.
    pub(super) fn new(child: Raw) -> Self {
        HandleRaw(child.0)
    }

    #[inline]
    pub(super) fn get(&self) -> Raw {
        let child = self.0.as_ptr().map_addr(|addr| addr & !TAKEN);
        // SAFETY: a child is aligned, so the mark is not part of its address, which is not null.
        Raw(unsafe { NonNull::new_unchecked(child) })
    }

    /// Takes the outcome of a child whose values are `T`s.
    ///
    /// # Safety
    ///
    /// That of [`Raw::take`].
    #[inline]
    pub(super) unsafe fn take<T>(&mut self) -> Result<T, JoinError> {
        // SAFETY: promised by the caller.
        let outcome = unsafe { self.get().take() };
        self.0 = self.0.map_addr(|addr| addr | TAKEN);
        outcome
    }

    /// Gives up the handle's share, when the handle is dropped, and drops the outcome if it is still
    /// there.
    ///
    /// # Safety
    ///
    /// The caller is the handle, and does not touch the child afterwards.
    #[inline]
    pub(super) unsafe fn drop_handle(&mut self) {
        let child = self.get();
        if self.0.addr().get() & TAKEN != 0 {
            // SAFETY: the share is the handle's. The child is done, as its outcome was taken.
            unsafe { child.release(Keeper::Handle) };
        } else {
            // SAFETY: promised by the caller.
            unsafe { child.drop_handle() };
        }
    }
}

/// Stores a clone of `waker` in `slot`, unless the slot has an equivalent one. The waker is cloned
/// before the slot is written, and the old waker is dropped after that: no such code runs while the
/// slot is being changed.
///
/// # Safety
///
/// The caller owns the slot.
pub(super) unsafe fn remember(slot: &UnsafeCell<Option<Waker>>, waker: &Waker) {
    // SAFETY: promised by the caller.
    let known = slot.with(|slot| unsafe { (*slot).as_ref() }.is_some_and(|w| w.will_wake(waker)));
    if !known {
        let new = waker.clone();
        // SAFETY: as above.
        drop(slot.with_mut(|slot| unsafe { (*slot).replace(new) }));
    }
}

/// All children of a scope.
pub(crate) type Children = Registry<Header>;

impl Children {
    /// Closes the list and cancels every child in it, the newest first. All idle children have been
    /// dropped when this returns. Returns false if the list was closed already.
    pub(crate) fn close_and_cancel(&self, cancelled_by: CancelledBy, by: By) -> bool {
        // SAFETY: `close` keeps each child alive for the call.
        self.close(|child| unsafe {
            Raw(child).cancel(cancelled_by, by);
        })
    }

    /// Cancels every child in the list, closed or not.
    pub(crate) fn cancel_all(&self, cancelled_by: CancelledBy, by: By) {
        // SAFETY: `visit` keeps each child alive for the call.
        self.visit(|child| unsafe {
            Raw(child).cancel(cancelled_by, by);
        });
    }

    /// Cancels every child that `select` selects. Returns how many were selected.
    pub(crate) fn cancel_where(&self, mut select: impl FnMut(Info<'_>) -> bool) -> usize {
        let mut selected = 0;
        self.each(|child, info| {
            if select(info) {
                selected += 1;
                // SAFETY: `each` keeps the child alive for the call.
                unsafe { child.cancel(CancelledBy::Handle, By::Canceller) };
            }
        });
        selected
    }

    /// Calls `f` with every child that has not ended, the newest first. Skips the children that the
    /// scope spawned for its own use.
    pub(crate) fn each(&self, mut f: impl FnMut(Raw, Info<'_>)) {
        self.visit(|child| {
            let child = Raw(child);
            // SAFETY: `visit` keeps the child alive for the call.
            unsafe {
                let info = child.info();
                if !child.state().is_done() && !info.origin.is_own() {
                    f(child, info);
                }
            }
        });
    }
}

// SAFETY: only the registry uses the field `next`; the memory of a child is kept until its
// `Keeper::Registry` is released; and a child that is done stays done.
unsafe impl Listed for Header {
    fn next(&self) -> &AtomicPtr<Header> {
        &self.next
    }

    fn has_ended(&self) -> bool {
        self.state.now().is_done()
    }

    unsafe fn release(this: NonNull<Header>) {
        // SAFETY: promised by the caller.
        unsafe { Raw(this).release(Keeper::Registry) };
    }
}
