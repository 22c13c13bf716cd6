//! The part of a child that knows nothing of the type of its future.
//!
//! A [`Raw`] is a pointer to it, as cheap to copy as it is dangerous to keep: it is valid while
//! its holder has a share of the memory (one of the [`Keeper`]s in the state word), and the
//! methods below say which share they count on.

use super::{
    ChildId, JoinError, KeepAlive,
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
use core::{
    mem::MaybeUninit,
    ptr::NonNull,
    task::{Context, Poll, Waker},
};

/// The head of a child's allocation: what an executor that runs the child has to look at.
pub(crate) struct Header {
    pub(super) state: State,
    pub(super) vtable: &'static VTable,
    /// The next child of the scope's list; see [`Registry`].
    pub(super) next: AtomicPtr<Header>,
}

/// The tail of it: what only pending, awaited or failing children need.
pub(super) struct Tail {
    /// What the handle waits with. The handle's, or the finisher's: see `JOIN_WAKER`.
    pub(super) joiner: UnsafeCell<Option<Waker>>,
    /// What lets the executor know that a cancelled child is an empty shell. `RUNNING`'s.
    pub(super) runner: UnsafeCell<Option<Waker>>,
    /// What the executor wants kept with the child. The spawner's until it has spawned, then
    /// nobody's.
    pub(super) kept: UnsafeCell<Option<KeepAlive>>,
    /// The shields in the future, if there ever were any. `RUNNING`'s.
    pub(super) shields: ShieldSlot,
    pub(super) origin: Origin,
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

/// What depends on the type of the future. All of these require that the child is kept alive by
/// the caller for the time of the call.
pub(super) struct VTable {
    /// Where the tail is, in bytes from the header.
    pub(super) tail: usize,
    /// Polls the future, and ends the child when it is ready or panics. Requires `RUNNING`; the
    /// state is that of the beginning of the poll.
    pub(super) poll: unsafe fn(Raw, Snapshot, &mut Context<'_>) -> Polled,
    /// Ends the child as cancelled. Requires `RUNNING`.
    pub(super) end: unsafe fn(Raw, By),
    /// Moves the outcome to where the pointer leads: room for a `Result<T, JoinError>`, which is
    /// written. Requires `DONE` and to be the handle.
    pub(super) take: unsafe fn(Raw, NonNull<()>),
    /// Drops the outcome. Requires `DONE` and to be the handle. May run destructors that panic.
    pub(super) discard: unsafe fn(Raw),
    /// What becomes of whoever awaits the value here, if there is none. Requires `DONE` and to be
    /// the handle.
    pub(super) without_value: unsafe fn(Raw) -> Sequel,
    /// Frees the memory. Requires that no keeper is left.
    pub(super) free: unsafe fn(Raw),
}

/// What a poll came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Polled {
    Pending,
    /// The executor is rid of the child: it is done, or somebody else is ending it.
    Ready,
    /// Besides, the executor's share has been given up.
    Gone,
}

/// Who ends a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// The executor, in a poll.
    Poller,
    /// The executor, by dropping the child.
    Dropper,
    /// Somebody else: the executor has to be told that it holds an empty shell.
    Canceller,
    /// As a canceller, but shields do not count: nobody is left to wait for their end.
    Abandoner,
}

/// What becomes of whoever awaits the value of a child that has none.
#[derive(Debug)]
pub(crate) enum Sequel {
    /// It panics, and says why there is none.
    Panics,
    /// It is dropped with the scope, which is coming down.
    Dropped,
    /// Look again when this fires, if it has not been dropped by then.
    Later(EventListener),
}

/// A pointer to a child; see the [module](self).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Raw(NonNull<Header>);

impl Raw {
    /// From the pointer to a whole cell, of which the header is the first field.
    pub(super) fn new(cell: NonNull<Header>) -> Self {
        Raw(cell)
    }

    pub(super) fn as_ptr(self) -> *mut Header {
        self.0.as_ptr()
    }

    pub(super) fn as_non_null(self) -> NonNull<Header> {
        self.0
    }

    /// # Safety
    ///
    /// The child must be kept alive for `'a`.
    pub(super) unsafe fn header<'a>(self) -> &'a Header {
        // SAFETY: the caller keeps the child, and nobody has a `&mut Header` to one that is kept.
        unsafe { self.0.as_ref() }
    }

    /// # Safety
    ///
    /// The child must be kept alive for `'a`.
    pub(super) unsafe fn tail<'a>(self) -> &'a Tail {
        // SAFETY: the caller keeps the child, whose tail is there, in the same allocation that the
        // pointer was made of.
        unsafe { self.0.byte_add(self.header().vtable.tail).cast::<Tail>().as_ref() }
    }

    /// The state now.
    ///
    /// # Safety
    ///
    /// The child must be kept alive during the call.
    pub(super) unsafe fn state(self) -> Snapshot {
        // SAFETY: promised by the caller.
        unsafe { self.header() }.state.now()
    }

    /// Which child this is.
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
        // SAFETY: kept by the executor, and `begin_poll` made us the holder of `RUNNING`.
        unsafe { (header.vtable.poll)(self, before, cx) }
    }

    /// Asks for the end of the child. An idle one has been dropped when this returns; one that
    /// is being polled is dropped right after that poll, and one behind a shield after that, unless
    /// `by` does not care. Never unwinds. False if there was nothing to do: the child is done, or has
    /// been asked before.
    ///
    /// # Safety
    ///
    /// The child must be kept alive during the call.
    pub(super) unsafe fn cancel(self, cause: CancelledBy, by: By) -> bool {
        // SAFETY: promised by the caller.
        let header = unsafe { self.header() };
        let force = matches!(by, By::Dropper | By::Abandoner);
        let step = header.state.cancel(cause, force);
        if step == CancelStep::Claimed {
            // SAFETY: kept by the caller, and `cancel` made us the holder of `RUNNING`.
            unsafe { (header.vtable.end)(self, by) };
        }
        step != CancelStep::Nothing
    }

    /// Gives up `keeper`'s share; the last one frees the memory.
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
    /// When called from inside the child: it would wait for itself.
    ///
    /// # Safety
    ///
    /// The caller is the handle.
    pub(super) unsafe fn poll_done(self, cx: &mut Context<'_>) -> Poll<()> {
        // SAFETY: the handle keeps the child.
        let (header, tail) = unsafe { (self.header(), self.tail()) };
        let now = header.state.now();
        if now.is_done() || now.has_joiner() && !header.state.retract_joiner() {
            return Poll::Ready(());
        }
        if current::inside_child(self.as_ptr().cast()) {
            panic!("{} awaits its own handle, and would wait for ever", tail.origin);
        }
        // SAFETY: we are the handle, and `JOIN_WAKER` is not set.
        unsafe { remember(&tail.joiner, cx.waker()) };
        if header.state.publish_joiner() {
            waits::waits_for(format_args!("{}", tail.origin));
            return Poll::Pending;
        }
        // SAFETY: as above. Whoever finds `JOIN_WAKER` unset need not look for a waker.
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
        // SAFETY: promised by the caller; the pointer leads to room for a `Result<T, JoinError>`.
        unsafe {
            (self.header().vtable.take)(self, NonNull::from(&mut outcome).cast());
        }
        // SAFETY: `take` has written it.
        unsafe { outcome.assume_init() }
    }

    /// What the handle does when it is dropped.
    ///
    /// # Safety
    ///
    /// The caller is the handle, and does not touch the child afterwards.
    pub(super) unsafe fn drop_handle(self) {
        // SAFETY: the handle keeps the child until `leave_handle` or `release`.
        let (header, tail) = unsafe { (self.header(), self.tail()) };
        let now = header.state.now();
        if !now.is_done() && (!now.has_joiner() || header.state.retract_joiner()) {
            if now.has_joiner() {
                // SAFETY: `JOIN_WAKER` is not set any more, so `joiner` is the handle's.
                unwind::discard(tail.joiner.with_mut(|joiner| unsafe { (*joiner).take() }));
            }
            if header.state.leave_handle() {
                return;
            }
        }
        // SAFETY: we are the handle until then, and the guard runs last, even if a destructor of
        // the outcome panics.
        let _release = unwind::Finally::new(|| unsafe { self.release(Keeper::Handle) });
        // SAFETY: the child is done, and we are the handle.
        unsafe { (header.vtable.discard)(self) };
    }
}

/// Puts `waker` into `slot`, unless it is there already. Code of the wakers' runs before and after
/// the access, not in it.
///
/// # Safety
///
/// The slot is the caller's.
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
    /// Closes the list and cancels every child in it, the newest first. All that are idle have
    /// been dropped when this returns. False if it was closed already.
    pub(crate) fn close_and_cancel(&self, cause: CancelledBy, by: By) -> bool {
        // SAFETY: `close` keeps each child alive for the call.
        self.close(|child| unsafe {
            Raw(child).cancel(cause, by);
        })
    }

    /// Cancels every child in it, closed or not.
    pub(crate) fn cancel_all(&self, cause: CancelledBy, by: By) {
        // SAFETY: `visit` keeps each child alive for the call.
        self.visit(|child| unsafe {
            Raw(child).cancel(cause, by);
        });
    }

    /// Cancels every child that `select` selects; answers how many it has.
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

    /// Calls `f` with every child that has not ended, but for those of the scope's own, the newest
    /// first.
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

// SAFETY: `next` is a field that only the registry uses; a child keeps its memory until its
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
