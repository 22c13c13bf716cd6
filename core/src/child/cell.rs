//! A whole child: header, scope and future or outcome, in one allocation.
//!
//! The functions here are the typed half of [`Raw`]: it has made sure who may do what, they do
//! it. A child ends in [`finish`], in this order:
//!
//! 1. the future is dropped in place, as whatever it borrows must be free from then on;
//! 2. the scope looks at the outcome (and may cancel the siblings);
//! 3. the outcome is stored and the child is done;
//! 4. without a handle the outcome is dropped, with a waiting one its waker is fired;
//! 5. the executor is told that it holds an empty shell;
//! 6. the child leaves its scope, which is its last access to it.
//!
//! Steps 1 to 5 run code of others. Each is caught by itself, and no step rests on what that code
//! did: from step 3 on it may poll the handle or the shell, or drop the scope. A panic goes to the
//! scope, which is why the wakers are fired before step 6.
//!
//! So a child that has left its scope holds nothing of its future. Its outcome is gone too, or
//! owned by the handle.

use super::{
    ChildId, JoinError, Panic,
    origin::{Info, Origin},
    parent::{self, Receive},
    raw::{self, By, Header, Polled, Raw, Sequel, Tail, VTable},
    shield_slot::ShieldSlot,
    state::{Snapshot, State},
};
use crate::{
    cancel::{
        CancelToken, Cancelled, CancelledBy,
        current::{self, About, Frame},
        shields::Shields,
    },
    sync::{Arc, AtomicPtr, UnsafeCell},
    unwind::{self, Payload},
};
use alloc::boxed::Box;
use core::{
    future::Future,
    marker::PhantomData,
    mem,
    panic::Location,
    pin::Pin,
    ptr::{self, NonNull},
    task::{Context, Poll, Waker},
};

#[repr(C)]
pub(super) struct Cell<F: Future, S: Receive<F::Output, Via>, Via> {
    header: Header,
    /// Valid until the child leaves its scope. None if it never was in one.
    scope: Option<NonNull<S>>,
    stage: UnsafeCell<Stage<F, S::Value, S>>,
    tail: Tail,
    via: PhantomData<Via>,
}

pub(super) enum Stage<F, V, S> {
    Running(F),
    Value(V),
    /// With the scope, to report to if the handle never looks.
    Panicked(Box<(Panic, Arc<S>)>),
    /// The scope has the failure. With the scope, to wait for its end.
    Failed(Option<Arc<S>>),
    /// With the scope, if it is coming down or has a reason. The cause is in the state.
    Cancelled(Option<Arc<S>>),
    Taken,
}

/// How a child came to its end.
enum End<O> {
    Output(O),
    Panicked(Panic),
    Cancelled,
}

impl<F: Future, S: Receive<F::Output, Via>, Via> Cell<F, S, Via> {
    const VTABLE: VTable = VTable {
        tail: mem::offset_of!(Self, tail),
        poll: Self::poll,
        end: Self::end,
        take: Self::take,
        discard: Self::discard,
        without_value: Self::without_value,
        free: Self::free,
    };

    /// With a share for each keeper that `state` names.
    pub(super) fn allocate(
        scope: Option<NonNull<S>>,
        stage: Stage<F, S::Value, S>,
        state: State,
        origin: Origin,
    ) -> Raw {
        let cell = Box::new(Cell {
            header: Header { state, vtable: &Self::VTABLE, next: AtomicPtr::new(ptr::null_mut()) },
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
        });
        Raw::new(NonNull::from(Box::leak(cell)).cast())
    }

    /// # Safety
    ///
    /// `raw` was made by `Self::allocate`, and is kept alive for `'a`.
    unsafe fn from_raw<'a>(raw: Raw) -> &'a Self {
        // SAFETY: promised by the caller; the header is the first field of a `repr(C)` struct,
        // and the pointer was made from one to the whole.
        unsafe { &*raw.as_ptr().cast::<Self>() }
    }

    /// [`VTable::poll`].
    unsafe fn poll(raw: Raw, before: Snapshot, cx: &mut Context<'_>) -> Polled {
        // SAFETY: this is the vtable of the cell, and the caller keeps it.
        let cell = unsafe { Self::from_raw(raw) };
        // A shield that has ended elsewhere, with the end of the child behind it.
        // SAFETY: `RUNNING` is the caller's, and so is the slot.
        let ends = before.is_shielded()
            && before.is_asked_to_end()
            && unsafe { !cell.tail.shields.is_up() };
        if ends && !cell.header.state.end_poll(false) {
            cell.forget_runner();
            // SAFETY: `RUNNING` is still ours.
            let gone = unsafe { Self::finish(raw, End::Cancelled, By::Poller) };
            return if gone { Polled::Gone } else { Polled::Ready };
        }
        let on_unwind = || {
            // SAFETY: without `std` the poll unwinds through here, and `RUNNING` is still ours.
            unsafe { Self::finish(raw, End::Panicked(Panic::unknown()), By::Dropper) };
        };
        let polled = unwind::catch_or(on_unwind, || {
            let scope = cell.scope.map_or(ptr::null(), |scope| scope.as_ptr().cast_const().cast());
            // SAFETY: `RUNNING` is the caller's until this has been left.
            let about = unsafe { Running::new(cell) };
            let frame = Frame { child: raw.as_ptr().cast_const().cast(), scope, about: &about };
            current::framed(frame, || {
                let poll = cell.stage.with_mut(|stage| {
                    // SAFETY: `RUNNING` is the caller's, and so is `stage`.
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
        // SAFETY: `RUNNING` is still ours.
        if unsafe { Self::finish(raw, end, By::Poller) } { Polled::Gone } else { Polled::Ready }
    }

    /// Keeps the executor's waker, to let it know of a cancel. Requires `RUNNING`.
    fn remember_runner(&self, cx: &Context<'_>) {
        // SAFETY: `RUNNING` is the caller's, and so is `runner`.
        unsafe { raw::remember(&self.tail.runner, cx.waker()) };
    }

    /// Drops the executor's waker. Requires `RUNNING`.
    fn forget_runner(&self) {
        // SAFETY: `RUNNING` is the caller's, and so is `runner`.
        unwind::discard(self.tail.runner.with_mut(|runner| unsafe { (*runner).take() }));
    }

    /// [`VTable::end`].
    unsafe fn end(raw: Raw, by: By) {
        // SAFETY: promised by the caller.
        unsafe { Self::finish(raw, End::Cancelled, by) };
    }

    /// Ends the child; see the [module](self). Never unwinds. True if the poller's share of the
    /// memory has been given up with it.
    ///
    /// # Safety
    ///
    /// The caller holds `RUNNING` and keeps the child; [`By::Poller`] with the executor's share.
    unsafe fn finish(raw: Raw, mut end: End<F::Output>, by: By) -> bool {
        // SAFETY: this is the code of the cell, and the caller keeps it.
        let cell = unsafe { Self::from_raw(raw) };
        let header = &cell.header;
        // SAFETY: the child has not left its scope.
        let scope = cell.scope.map(|scope| unsafe { scope.as_ref() });
        let lost = |payload| match scope {
            Some(scope) => scope.on_lost_panic(Panic::new(payload)),
            None => unwind::discard(payload),
        };

        // The future is dropped in place. What is left of the stage is not looked at before it is
        // written again below.
        let dropped = unwind::catch(|| {
            // SAFETY: `RUNNING` is ours, and so is `stage`.
            cell.stage.with_mut(|stage| unsafe { stage.drop_in_place() });
        });
        if let Err(payload) = dropped {
            let panic = Panic::new(payload);
            match (&end, scope) {
                // It was dropped because of that one, which goes first.
                (End::Panicked(_), Some(scope)) => {
                    scope.on_second_panic(panic.in_child(&cell.tail.origin));
                }
                (End::Panicked(_), None) => panic.discard(),
                _ => unwind::discard(mem::replace(&mut end, End::Panicked(panic))),
            }
        }

        let stage = unwind::catch(|| cell.judge(scope, end)).unwrap_or_else(|payload| {
            lost(payload);
            Stage::Taken
        });
        // SAFETY: as above; nothing is left there that would have to be dropped.
        cell.stage.with_mut(|slot| unsafe { slot.write(stage) });
        let now = header.state.now();
        // A child that never was pending has no runner, and this thread need not look.
        let runner = now.has_runner().then(|| {
            // SAFETY: `RUNNING` is ours, and so is `runner`.
            cell.tail.runner.with_mut(|runner| unsafe { (*runner).take() })
        });
        let member = cell.scope;
        if now.is_shielded() {
            // SAFETY: `RUNNING` is ours, and so is the slot.
            unwind::catch(|| unsafe { cell.tail.shields.clear() }).unwrap_or_else(lost);
        }

        let released = by == By::Poller && header.state.finish_and_release();
        if !released {
            // SAFETY: `RUNNING` is ours, and the caller still keeps the child.
            unsafe { cell.finish_slowly(lost) };
        }
        if let Some(runner) = runner.flatten() {
            let elsewhere = matches!(by, By::Canceller | By::Abandoner);
            unwind::catch(|| if elsewhere { runner.wake() } else { drop(runner) })
                .unwrap_or_else(lost);
        }
        if let Some(scope) = member {
            // SAFETY: the child entered its scope, and leaves it once: here.
            unsafe { parent::leave(scope, now.is_daemon()) };
        }
        released
    }

    /// Makes the child done. Without a handle the outcome is dropped, and a waiting one is woken.
    ///
    /// # Safety
    ///
    /// The caller holds `RUNNING` and keeps the child.
    unsafe fn finish_slowly(&self, lost: impl Fn(Payload)) {
        let before = self.header.state.finish();
        if !before.has_handle() {
            // SAFETY: the handle is gone, so the outcome is ours.
            unwind::catch(|| unsafe { self.drop_outcome() }).unwrap_or_else(lost);
        } else if before.has_joiner() {
            // SAFETY: `JOIN_WAKER` was set when we set `DONE`, so `joiner` is ours.
            let joiner = self.tail.joiner.with_mut(|joiner| unsafe { (*joiner).take() });
            unwind::catch(|| joiner.map_or((), Waker::wake)).unwrap_or_else(lost);
        }
    }

    /// What is to be stored for the handle.
    fn judge(&self, scope: Option<&S>, end: End<F::Output>) -> Stage<F, S::Value, S> {
        let Some(scope) = scope else {
            unwind::discard(end);
            return Stage::Taken;
        };
        let now = self.header.state.now();
        let info =
            Info { id: ChildId::new(now.number(), now.is_daemon()), origin: &self.tail.origin };
        // If the handle goes away after this, what is kept for it is discarded.
        // SAFETY: the child has not left.
        let keep =
            || now.has_handle().then_some(self.scope).flatten().map(|s| unsafe { parent::keep(s) });
        match end {
            End::Output(output) => match scope.receive(output, info) {
                Some(value) => Stage::Value(value),
                None => Stage::Failed(keep()),
            },
            End::Panicked(panic) => {
                match (scope.on_panic(panic.in_child(info.origin), info), keep()) {
                    (None, scope) => Stage::Failed(scope),
                    (Some(panic), Some(scope)) => Stage::Panicked(Box::new((panic, scope))),
                    (Some(panic), None) => {
                        scope.on_lost_panic(panic);
                        Stage::Taken
                    }
                }
            }
            End::Cancelled => {
                if now.cancelled() == Some(CancelledBy::Executor) {
                    scope.lost(info);
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
            Stage::Panicked(panicked) => Err(JoinError::Panicked(panicked.0)),
            Stage::Failed(_) => Err(JoinError::Failed),
            Stage::Cancelled(scope) => {
                let cause = cell.header.state.now().cancelled().unwrap_or(CancelledBy::Scope);
                let scope = scope.as_ref().filter(|_| cause == CancelledBy::Scope);
                let reason = scope.and_then(|scope| scope.cancel_reason());
                Err(JoinError::Cancelled(Cancelled::new(cause, reason)))
            }
            Stage::Taken => Err(JoinError::Taken),
            Stage::Running(_) => unreachable!("a child that is done has no future"),
        };
        // SAFETY: promised by the caller, whose `T` is the value of this cell.
        unsafe { outcome.cast::<Result<S::Value, JoinError>>().write(taken) };
    }

    /// [`VTable::discard`].
    unsafe fn discard(raw: Raw) {
        // SAFETY: the caller keeps the cell, which is done, and is the handle.
        unsafe { Self::from_raw(raw).drop_outcome() };
    }

    /// # Safety
    ///
    /// The child is done, and the outcome is the caller's.
    unsafe fn drop_outcome(&self) {
        // SAFETY: promised by the caller.
        if let Stage::Panicked(panicked) = unsafe { self.take_stage() } {
            let (panic, scope) = *panicked;
            scope.on_lost_panic(panic);
        }
    }

    /// # Safety
    ///
    /// The child is done, and the outcome is the caller's.
    unsafe fn take_stage(&self) -> Stage<F, S::Value, S> {
        // SAFETY: promised by the caller.
        self.stage.with_mut(|stage| unsafe { mem::replace(&mut *stage, Stage::Taken) })
    }

    /// [`VTable::without_value`].
    unsafe fn without_value(raw: Raw) -> Sequel {
        // SAFETY: the caller keeps the cell, which is done, and is the handle.
        let cell = unsafe { Self::from_raw(raw) };
        let refused = cell.header.state.now().cancelled() == Some(CancelledBy::Scope);
        // Not with a reference into the stage, as the scope may run code of others.
        // SAFETY: as above.
        let scope = cell.stage.with(|stage| match unsafe { &*stage } {
            Stage::Failed(Some(scope)) | Stage::Cancelled(Some(scope)) => Some(scope.clone()),
            _ => None,
        });
        scope.map_or(Sequel::Panics, |scope| scope.without_value(refused))
    }

    /// [`VTable::free`].
    unsafe fn free(raw: Raw) {
        // SAFETY: `allocate` made the cell with `Box`, and the caller gave up the last share.
        let cell = unsafe { Box::from_raw(raw.as_ptr().cast::<Self>()) };
        // Whoever comes last may be another child, or in the middle of something: what panics here
        // goes no further.
        for slot in [&cell.tail.joiner, &cell.tail.runner] {
            // Left there only by a handle or a poll that has panicked.
            // SAFETY: as above.
            if slot.with(|slot| unsafe { (*slot).is_some() }) {
                // SAFETY: as above.
                unwind::discard(slot.with_mut(|slot| unsafe { (*slot).take() }));
            }
        }
        // Of others, what an executor wanted kept is all that is left.
        unwind::discard(cell);
    }
}

/// A child while it is being polled.
struct Running<'a, F: Future, S: Receive<F::Output, Via>, Via>(&'a Cell<F, S, Via>);

impl<'a, F: Future, S: Receive<F::Output, Via>, Via> Running<'a, F, S, Via> {
    /// # Safety
    ///
    /// The caller holds `RUNNING` as long as this is used.
    unsafe fn new(cell: &'a Cell<F, S, Via>) -> Self {
        Running(cell)
    }

    fn scope(&self) -> Option<&S> {
        // SAFETY: the child has not left its scope.
        self.0.scope.map(|scope| unsafe { scope.as_ref() })
    }
}

impl<F: Future, S: Receive<F::Output, Via>, Via> About for Running<'_, F, S, Via> {
    fn spawned_at(&self) -> Option<&'static Location<'static>> {
        Some(self.0.tail.origin.spawned_at())
    }

    fn with_shields(&self, f: &mut dyn FnMut(&mut Option<Arc<Shields>>)) {
        // SAFETY: whoever made this holds `RUNNING`, and so the slot is ours.
        unsafe { self.0.tail.shields.with(f) };
    }

    fn asked_to_end(&self) -> Option<Cancelled> {
        let scope = self.scope().and_then(S::asks_children);
        let state = self.0.header.state.now();
        if state.is_asked_to_end() {
            let reason = scope.as_ref().and_then(Cancelled::reason);
            return Some(Cancelled::new(state.by(), reason));
        }
        scope
    }

    fn token(&self) -> Option<CancelToken> {
        self.scope().map(S::own_token)
    }
}
