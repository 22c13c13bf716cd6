//! A whole child: header, scope and future or outcome, in one allocation.
//!
//! The functions here are the typed half of [`Raw`]. `Raw` ensures that the caller may call them.
//! A child ends in [`finish`](Cell::finish), in this order:
//!
//! 1. The future is dropped in place, because whatever it borrows must be free from then on.
//! 2. The scope receives the outcome, and may cancel the siblings.
//! 3. The outcome is stored, observers are told, and the child is done.
//! 4. Without a handle, the outcome is dropped. With a waiting handle, its waker is fired.
//! 5. The executor's waker is fired, if another thread ended the child: the executor holds an empty
//!    shell.
//! 6. The child leaves its scope. This is its last access to the scope.
//!
//! Steps 1 to 5 run user code. A panic of each is caught separately, and no step relies on what
//! that code did: from step 3 on it may poll the handle or the shell, or drop the scope. A panic is
//! reported to the scope, so the wakers are fired before step 6.
//!
//! So a child that has left its scope holds nothing of its future. Its outcome is gone too, or
//! belongs to the handle.

use super::{
    JoinError, Panic,
    origin::Origin,
    parent::{self, Receive},
    raw::{self, By, Header, Noted, Polled, Raw, Sequel, Tail, VTable},
    running::Running,
    shield_slot::ShieldSlot,
    state::{Snapshot, State},
};
use crate::{
    cancel::{
        Cancelled, CancelledBy,
        current::{self, Frame},
    },
    sync::{Arc, AtomicPtr, UnsafeCell},
    unwind::{self, Payload},
    values::Context as Values,
};
use alloc::boxed::Box;
use core::{
    future::Future,
    marker::PhantomData,
    mem,
    pin::Pin,
    ptr::{self, NonNull},
    task::{Context, Poll, Waker},
};

#[cfg(all(feature = "std", not(anyscope_loom)))]
use super::watched;

#[repr(C)]
pub(super) struct Cell<F: Future, S: Receive<F::Output, Via>, Via> {
    pub(super) header: Header,
    /// Valid until the child leaves its scope. `None` if the child never was in one.
    pub(super) scope: Option<NonNull<S>>,
    stage: UnsafeCell<Stage<F, S::Value, S>>,
    pub(super) tail: Tail,
    via: PhantomData<Via>,
}

pub(super) enum Stage<F, V, S> {
    Running(F),
    Value(V),
    /// With the scope, which receives the panic if the handle never takes it.
    Panicked(Box<(Panic, Arc<S>)>),
    /// The scope has the failure. With the scope, so that the handle can wait for its end.
    Failed(Option<Arc<S>>),
    /// With the scope, if it is shutting down or has a reason. What cancelled the child is in the
    /// state.
    Cancelled(Option<Arc<S>>),
    Taken,
}

/// How a child ended.
enum End<O> {
    Output(O),
    Panicked(Panic),
    Cancelled,
}

impl<F: Future, S: Receive<F::Output, Via>, Via> Cell<F, S, Via> {
    pub(super) const VTABLE: VTable = VTable {
        tail: mem::offset_of!(Self, tail),
        #[cfg(all(feature = "std", not(anyscope_loom)))]
        behind: None,
        poll: Self::poll,
        end: Self::end,
        take: Self::take,
        discard: Self::discard,
        without_value: Self::without_value,
        free: Self::free,
    };

    /// Of a child with hooks around its polls.
    pub(super) const HOOKED: VTable = VTable { poll: Self::poll_hooked, ..Self::VTABLE };

    /// Allocates a child, with a share for each keeper that `state` names.
    // Always, so that the future is not copied to be passed to it.
    #[inline(always)]
    pub(super) fn allocate(
        scope: Option<NonNull<S>>,
        stage: Stage<F, S::Value, S>,
        state: State,
        origin: Origin,
    ) -> Raw {
        // Allocated first, so that the future is written to where it stays.
        let mut cell = Box::new_uninit();
        cell.write(Self::new(&Self::VTABLE, scope, stage, state, origin));
        // SAFETY: it was written right before.
        let cell = unsafe { cell.assume_init() };
        Raw::new(NonNull::from(Box::leak(cell)).cast())
    }

    /// As [`allocate`](Self::allocate), for a child of a scope that has a context.
    #[cold]
    #[inline(never)]
    pub(super) fn allocate_in(
        context: &Values,
        scope: Option<NonNull<S>>,
        stage: Stage<F, S::Value, S>,
        state: State,
        origin: Origin,
    ) -> Raw {
        #[cfg(all(feature = "std", not(anyscope_loom)))]
        if context.is_watched() {
            return watched::allocate(context, scope, stage, state, origin);
        }
        let vtable = if context.has_hooks() { &Self::HOOKED } else { &Self::VTABLE };
        let cell = Box::new(Self::new(vtable, scope, stage, state, origin));
        Raw::new(NonNull::from(Box::leak(cell)).cast())
    }

    #[inline]
    pub(super) fn new(
        vtable: &'static VTable,
        scope: Option<NonNull<S>>,
        stage: Stage<F, S::Value, S>,
        state: State,
        origin: Origin,
    ) -> Self {
        Cell {
            header: Header { state, vtable, next: AtomicPtr::new(ptr::null_mut()) },
            scope,
            stage: UnsafeCell::new(stage),
            tail: Tail {
                joiner: UnsafeCell::new(None),
                runner: UnsafeCell::new(None),
                kept: UnsafeCell::new(None),
                shields: ShieldSlot::new(),
                origin,
            },
            via: PhantomData,
        }
    }

    /// Returns the cell that `raw` points to.
    ///
    /// # Safety
    ///
    /// `raw` was made by `Self::allocate`, and is kept alive for `'a`.
    pub(super) unsafe fn from_raw<'a>(raw: Raw) -> &'a Self {
        // SAFETY: promised by the caller; the header is the first field of a `repr(C)` struct,
        // and the pointer was derived from a pointer to the whole.
        unsafe { &*raw.as_ptr().cast::<Self>() }
    }

    /// [`VTable::poll`].
    unsafe fn poll(raw: Raw, before: Snapshot, cx: &mut Context<'_>) -> Polled {
        // SAFETY: this is the vtable of the cell, and the caller keeps it.
        let cell = unsafe { Self::from_raw(raw) };
        // SAFETY: the caller holds `RUNNING`, and so owns the slot.
        let ends = before.is_shielded() && unsafe { cell.ends_after_shield(before) };
        if ends {
            cell.forget_runner();
            // SAFETY: we still hold `RUNNING`.
            let gone = unsafe { Self::finish(raw, End::Cancelled, By::Poller) };
            return if gone { Polled::Gone } else { Polled::Ready };
        }
        let on_unwind = || {
            // SAFETY: without `std` the poll unwinds through here, and we still hold `RUNNING`.
            unsafe { Self::finish(raw, End::Panicked(Panic::unknown()), By::Dropper) };
        };
        let polled = unwind::catch_or(on_unwind, || {
            let scope = cell.scope.map_or(ptr::null(), |scope| scope.as_ptr().cast_const().cast());
            // SAFETY: the caller holds `RUNNING` until this closure returns.
            let about: Running<'_, F, S, Via> = unsafe { Running::new(raw) };
            let frame = Frame { child: raw.as_ptr().cast_const().cast(), scope, about: &about };
            current::framed(frame, || {
                let poll = cell.stage.with_mut(|stage| {
                    // SAFETY: the caller holds `RUNNING`, and so owns `stage`.
                    let Stage::Running(future) = (unsafe { &mut *stage }) else {
                        unreachable!("an idle child has its future");
                    };
                    // SAFETY: the cell is never moved, and `finish` drops the future in place.
                    unsafe { Pin::new_unchecked(future) }.poll(cx)
                });
                let mut shielded = false;
                if poll.is_pending() {
                    cell.remember_runner(cx);
                    // SAFETY: as above.
                    shielded = unsafe { cell.tail.shields.is_up_after(cx.waker()) };
                }
                (poll, shielded)
            })
        });
        let end = match polled {
            Ok((Poll::Pending, shielded)) if cell.header.state.end_poll(shielded) => {
                return Polled::Pending;
            }
            Ok((Poll::Pending, _)) => {
                cell.forget_runner();
                End::Cancelled
            }
            Ok((Poll::Ready(output), _)) => End::Output(output),
            Err(payload) => End::Panicked(Panic::new(payload)),
        };
        // SAFETY: we still hold `RUNNING`.
        if unsafe { Self::finish(raw, end, By::Poller) } { Polled::Gone } else { Polled::Ready }
    }

    /// Returns whether the shield has ended outside of this child's polls, and the child was asked to
    /// end: then the caller must end it.
    ///
    /// # Safety
    ///
    /// The caller holds `RUNNING`.
    #[cold]
    unsafe fn ends_after_shield(&self, before: Snapshot) -> bool {
        // SAFETY: promised by the caller, who so owns the slot.
        let is_over = before.is_asked_to_end() && unsafe { !self.tail.shields.is_up() };
        is_over && !self.header.state.end_poll(false)
    }

    /// [`VTable::poll`] with the hooks of the scope's context around it.
    #[cold]
    unsafe fn poll_hooked(raw: Raw, before: Snapshot, cx: &mut Context<'_>) -> Polled {
        // SAFETY: this is the vtable of the cell, and the caller keeps it.
        let cell = unsafe { Self::from_raw(raw) };
        // SAFETY: the caller holds `RUNNING`, so the child has not left its scope. It may in the poll.
        let scope = cell.scope.map(|scope| unsafe { parent::keep(scope) });
        let scope = scope.expect("a child with hooks has them from its scope");
        let context = scope.context().expect("as above");
        let mut polled = None;
        let hooked = unwind::catch(|| {
            current::in_context(context, || {
                context.hooked(|| {
                    // SAFETY: promised by the caller; called once.
                    polled = Some(unsafe { (Self::VTABLE.poll)(raw, before, cx) });
                });
            });
        });
        match (polled, hooked) {
            (None, panic) => {
                // A hook has panicked before the poll, which is to be as if the poll had.
                let panic = panic.map_or_else(Panic::new, |()| Panic::unknown());
                // SAFETY: the caller's `RUNNING` is still ours.
                match unsafe { Self::finish(raw, End::Panicked(panic), By::Poller) } {
                    true => Polled::Gone,
                    false => Polled::Ready,
                }
            }
            (Some(polled), panic) => {
                if let Err(payload) = panic {
                    scope.on_lost_panic(Panic::new(payload));
                }
                unwind::discard(scope);
                polled
            }
        }
    }

    /// Keeps the executor's waker, which a cancel fires. Requires `RUNNING`.
    fn remember_runner(&self, cx: &Context<'_>) {
        // SAFETY: the caller holds `RUNNING`, and so owns `runner`.
        unsafe { raw::remember(&self.tail.runner, cx.waker()) };
    }

    /// Drops the executor's waker. Requires `RUNNING`.
    fn forget_runner(&self) {
        // SAFETY: the caller holds `RUNNING`, and so owns `runner`.
        unwind::discard(self.tail.runner.with_mut(|runner| unsafe { (*runner).take() }));
    }

    /// [`VTable::end`].
    unsafe fn end(raw: Raw, by: By) {
        // SAFETY: promised by the caller.
        unsafe { Self::finish(raw, End::Cancelled, by) };
    }

    /// Ends the child; see the [module](self). Never unwinds. Returns true if this also gave up the
    /// poller's share of the memory.
    ///
    /// # Safety
    ///
    /// The caller holds `RUNNING` and keeps the child, a [`By::Poller`] with the executor's share.
    unsafe fn finish(raw: Raw, mut end: End<F::Output>, by: By) -> bool {
        // SAFETY: this is a function of the cell's type, and the caller keeps the cell.
        let cell = unsafe { Self::from_raw(raw) };
        let header = &cell.header;
        // SAFETY: the child has not left its scope.
        let scope = cell.scope.map(|scope| unsafe { scope.as_ref() });
        let lost = |payload| match scope {
            Some(scope) => scope.on_lost_panic(Panic::new(payload)),
            None => unwind::discard(payload),
        };

        // The future is dropped in place. What is left of the stage is not read before it is
        // overwritten below.
        let dropped = unwind::catch(|| {
            // SAFETY: we hold `RUNNING`, and so own `stage`.
            cell.stage.with_mut(|stage| unsafe { stage.drop_in_place() });
        });
        if let Err(payload) = dropped {
            let panic = Panic::new(payload);
            match (&end, scope) {
                // The future was dropped because of the first panic, which takes precedence.
                (End::Panicked(_), Some(scope)) => {
                    scope.on_second_panic(panic.in_child(&cell.tail.origin));
                }
                (End::Panicked(_), None) => panic.discard(),
                _ => unwind::discard(mem::replace(&mut end, End::Panicked(panic))),
            }
        }

        let stage = unwind::catch(|| cell.judge(raw, scope, end)).unwrap_or_else(|payload| {
            lost(payload);
            Stage::Taken
        });
        // SAFETY: as above; the slot holds nothing that must be dropped.
        cell.stage.with_mut(|slot| unsafe { slot.write(stage) });
        let now = header.state.now();
        // A child that never was pending has no waker of the executor, so the slot is not read.
        let runner = now.has_runner().then(|| {
            // SAFETY: we hold `RUNNING`, and so own `runner`.
            cell.tail.runner.with_mut(|runner| unsafe { (*runner).take() })
        });
        let member = cell.scope;
        if now.ends_slowly() {
            // Before it is done: whoever waits for its end finds it told.
            // SAFETY: the caller keeps the child.
            unsafe { raw.tell_end(by) };
            // SAFETY: we hold `RUNNING`, and so own the slot.
            unwind::catch(|| unsafe { cell.tail.shields.clear() }).unwrap_or_else(lost);
        }

        let released = by == By::Poller && header.state.finish_and_release(now);
        if !released {
            // SAFETY: we hold `RUNNING`, and the caller still keeps the child.
            unsafe { cell.finish_slowly(lost) };
        }
        if let Some(runner) = runner.flatten() {
            let elsewhere = matches!(by, By::Canceller | By::Abandoner);
            unwind::catch(|| if elsewhere { runner.wake() } else { drop(runner) })
                .unwrap_or_else(lost);
        }
        if let Some(scope) = member {
            // SAFETY: the child entered its scope, and leaves it only here.
            unsafe { parent::leave(scope, now.is_daemon()) };
        }
        released
    }

    /// Makes the child done. Drops the outcome if there is no handle, and wakes a handle that
    /// waits.
    ///
    /// # Safety
    ///
    /// The caller holds `RUNNING` and keeps the child.
    unsafe fn finish_slowly(&self, lost: impl Fn(Payload)) {
        let before = self.header.state.finish();
        if !before.has_handle() {
            // SAFETY: the handle is gone, so we own the outcome.
            unwind::catch(|| unsafe { self.drop_outcome() }).unwrap_or_else(lost);
        } else if before.has_joiner() {
            // SAFETY: `JOIN_WAKER` was set when we set `DONE`, so we own `joiner`.
            let joiner = self.tail.joiner.with_mut(|joiner| unsafe { (*joiner).take() });
            unwind::catch(|| joiner.map_or((), Waker::wake)).unwrap_or_else(lost);
        }
    }

    /// Reports the end to the scope, and returns what to store for the handle.
    fn judge(&self, raw: Raw, scope: Option<&S>, end: End<F::Output>) -> Stage<F, S::Value, S> {
        let Some(scope) = scope else {
            unwind::discard(end);
            return Stage::Taken;
        };
        // SAFETY: this is `finish`, whose caller keeps the child.
        let info = || unsafe { raw.info() };
        // If the handle is dropped after this, what is kept for it is discarded.
        let keep = || {
            let has_handle = self.header.state.now().has_handle();
            // SAFETY: the child has not left its scope.
            has_handle.then_some(self.scope).flatten().map(|s| unsafe { parent::keep(s) })
        };
        match end {
            End::Output(output) => match scope.receive(output, info()) {
                Some(value) => Stage::Value(value),
                None => {
                    // SAFETY: this is `finish`, whose caller keeps the child.
                    unsafe { raw.note(Noted::Failed) };
                    Stage::Failed(keep())
                }
            },
            End::Panicked(panic) => {
                let panic = panic.in_child(&self.tail.origin);
                // SAFETY: as above.
                unsafe { raw.note(Noted::Panicked(&panic)) };
                match (scope.on_panic(panic, info()), keep()) {
                    (None, scope) => Stage::Failed(scope),
                    (Some(panic), Some(scope)) => Stage::Panicked(Box::new((panic, scope))),
                    (Some(panic), None) => {
                        scope.on_lost_panic(panic);
                        Stage::Taken
                    }
                }
            }
            End::Cancelled => {
                // SAFETY: as above.
                unsafe { raw.note(Noted::Cancelled) };
                if self.header.state.now().cancelled() == Some(CancelledBy::Executor) {
                    scope.lost(info());
                }
                let keeps = scope.is_failing() || scope.cancel_reason().is_some();
                Stage::Cancelled(if keeps { keep() } else { None })
            }
        }
    }

    /// [`VTable::take`].
    unsafe fn take(raw: Raw, outcome: NonNull<()>) {
        // SAFETY: the caller keeps the cell, which is done, and is the handle.
        let cell = unsafe { Self::from_raw(raw) };
        // SAFETY: as above.
        let taken = match unsafe { cell.take_stage() } {
            Stage::Value(value) => Ok(value),
            other => Err(cell.no_value(other)),
        };
        // SAFETY: promised by the caller, whose `T` is the value of this cell.
        unsafe { outcome.cast::<Result<S::Value, JoinError>>().write(taken) };
    }

    /// Returns why there is no value.
    #[cold]
    #[inline(never)]
    fn no_value(&self, stage: Stage<F, S::Value, S>) -> JoinError {
        match stage {
            Stage::Panicked(panicked) => JoinError::Panicked(panicked.0),
            Stage::Failed(_) => JoinError::Failed,
            Stage::Cancelled(scope) => {
                let by = self.header.state.now().cancelled().unwrap_or(CancelledBy::Scope);
                let scope = scope.as_ref().filter(|_| by == CancelledBy::Scope);
                let reason = scope.and_then(|scope| scope.cancel_reason());
                JoinError::Cancelled(Cancelled::new(by, reason))
            }
            Stage::Taken => JoinError::Taken,
            Stage::Running(_) | Stage::Value(_) => unreachable!("a child without a value is done"),
        }
    }

    /// [`VTable::discard`].
    unsafe fn discard(raw: Raw) {
        // SAFETY: the caller keeps the cell, which is done, and is the handle.
        unsafe { Self::from_raw(raw).drop_outcome() };
    }

    /// Drops the outcome. Reports a panic that the handle has not taken to the scope.
    ///
    /// # Safety
    ///
    /// The child is done, and the caller owns the outcome.
    unsafe fn drop_outcome(&self) {
        // SAFETY: promised by the caller.
        if let Stage::Panicked(panicked) = unsafe { self.take_stage() } {
            let (panic, scope) = *panicked;
            scope.on_lost_panic(panic);
        }
    }

    /// Takes the outcome.
    ///
    /// # Safety
    ///
    /// The child is done, and the caller owns the outcome.
    unsafe fn take_stage(&self) -> Stage<F, S::Value, S> {
        // SAFETY: promised by the caller.
        self.stage.with_mut(|stage| unsafe { mem::replace(&mut *stage, Stage::Taken) })
    }

    /// [`VTable::without_value`].
    unsafe fn without_value(raw: Raw) -> Sequel {
        // SAFETY: the caller keeps the cell, which is done, and is the handle.
        let cell = unsafe { Self::from_raw(raw) };
        let refused = cell.header.state.now().cancelled() == Some(CancelledBy::Scope);
        // Cloned first: the scope may run user code, which must not run while `stage` is borrowed.
        // SAFETY: as above.
        let scope = cell.stage.with(|stage| match unsafe { &*stage } {
            Stage::Failed(Some(scope)) | Stage::Cancelled(Some(scope)) => Some(scope.clone()),
            _ => None,
        });
        scope.map_or(Sequel::Panics, |scope| scope.without_value(refused))
    }

    /// [`VTable::free`].
    unsafe fn free(raw: Raw) {
        // SAFETY: promised by the caller.
        let is_bare = unsafe { Self::from_raw(raw).is_bare() };
        // In models all is dropped, as there freeing is an access.
        if is_bare && !cfg!(anyscope_loom) {
            // SAFETY: as above.
            let kept =
                unsafe { Self::from_raw(raw) }.tail.kept.with_mut(|kept| unsafe { (*kept).take() });
            if let Some(kept) = kept {
                unwind::discard(kept);
            }
            // SAFETY: as below. What is in the cell is not dropped, as nothing in it needs to be.
            drop(unsafe { Box::from_raw(raw.as_ptr().cast::<mem::ManuallyDrop<Self>>()) });
            return;
        }
        // SAFETY: promised by the caller.
        unsafe { Self::clear(raw) };
        // SAFETY: `allocate` made the cell with `Box`, and the caller gave up the last share.
        let cell = unsafe { Box::from_raw(raw.as_ptr().cast::<Self>()) };
        // The only user value left in the cell is the executor's `KeepAlive`.
        unwind::discard(cell);
    }

    /// Returns whether nothing is left that must be dropped, but for what the executor keeps: as for
    /// nearly every child whose value was taken.
    ///
    /// # Safety
    ///
    /// The caller gave up the last share.
    #[inline]
    unsafe fn is_bare(&self) -> bool {
        // SAFETY: promised by the caller, who so owns all of it.
        let is_taken = self.stage.with(|stage| matches!(unsafe { &*stage }, Stage::Taken));
        // SAFETY: as above.
        is_taken && unsafe { self.tail.is_bare() }
    }

    /// Drops what is left in a cell that is about to be freed.
    ///
    /// # Safety
    ///
    /// The caller gave up the last share.
    pub(super) unsafe fn clear(raw: Raw) {
        // SAFETY: promised by the caller.
        let cell = unsafe { Self::from_raw(raw) };
        // The last keeper may be another child, or be in the middle of another protocol. So panics
        // are caught here.
        for slot in [&cell.tail.joiner, &cell.tail.runner] {
            // A waker is left here only if a handle or a poll has panicked.
            // SAFETY: as above.
            if slot.with(|slot| unsafe { (*slot).is_some() }) {
                // SAFETY: as above.
                unwind::discard(slot.with_mut(|slot| unsafe { (*slot).take() }));
            }
        }
    }

    /// Returns whether the time in polls of this child is measured.
    ///
    /// # Safety
    ///
    /// The caller holds `RUNNING`.
    #[cfg(all(feature = "std", not(anyscope_loom)))]
    pub(super) unsafe fn is_timed(raw: Raw) -> bool {
        // SAFETY: promised by the caller, so the child is there, and has not left its scope.
        let scope = unsafe { Self::from_raw(raw).scope.map(|scope| scope.as_ref()) };
        scope.and_then(S::watched).is_some_and(|scope| scope.is_timed)
    }
}
