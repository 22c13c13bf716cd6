//! A child that is watched: a cell, and behind it what is kept of its polls, and who is told of them.
//!
//! Only the children of scopes that are in a tree are so, so others have neither the memory nor the work.

use super::{
    cell::{Cell, Stage},
    origin::Origin,
    parent::Receive,
    raw::{Noted, Polled, Raw, VTable},
    state::{Snapshot, State},
};
use crate::{
    cancel::current,
    observers::{Begin, Happening, Observed, Outcome, Parked, Substitute, Who},
    unwind,
    values::Context as Values,
    waits::{
        Watch,
        watcher::{self, Watcher},
    },
};
use alloc::{boxed::Box, sync::Arc};
use core::{future::Future, mem, num::NonZeroUsize, ptr::NonNull, task::Context};
use std::time::Instant;

#[repr(C)]
struct Watched<F: Future, S: Receive<F::Output, Via>, Via> {
    cell: Cell<F, S, Via>,
    behind: Behind,
}

/// What is behind the cell of a child that is watched.
pub(super) struct Behind {
    pub(super) watch: Watch,
    told: Option<Box<Told>>,
}

/// What there is of a child that observers are told of.
struct Told {
    observed: Arc<Observed>,
    waker: Substitute,
}

/// Allocates a child; as [`Cell::allocate_in`].
pub(super) fn allocate<F: Future, S: Receive<F::Output, Via>, Via>(
    context: &Values,
    scope: Option<NonNull<S>>,
    stage: Stage<F, S::Value, S>,
    state: State,
    origin: Origin,
) -> Raw {
    // SAFETY: a child that is being made is in its scope.
    let around = scope.and_then(|scope| unsafe { scope.as_ref() }.observed());
    let around = around.filter(|around| !origin.is_own() && around.wants_children());
    let told = around.map(|around| {
        let now = state.now();
        let (scope, number, is_daemon) = (around.who().scope(), now.number(), now.is_daemon());
        let who = Who::Child { scope, number, is_daemon };
        let begin = Begin::new(who, origin.name()).spawned_at(origin.spawned_at());
        state.observe();
        Box::new(Told { observed: around.child(begin), waker: Substitute::new() })
    });
    let vtable = match (context.has_hooks(), &told) {
        (false, None) => &Watched::<F, S, Via>::VTABLE,
        (true, None) => &Watched::<F, S, Via>::HOOKED,
        (false, Some(_)) => &Watched::<F, S, Via>::TOLD,
        (true, Some(_)) => &Watched::<F, S, Via>::HOOKED_AND_TOLD,
    };
    let cell = Cell::new(vtable, scope, stage, state, origin);
    let behind = Behind { watch: Watch::new(), told };
    let watched: Box<Watched<F, S, Via>> = Box::new(Watched { cell, behind });
    Raw::new(NonNull::from(Box::leak(watched)).cast())
}

impl Behind {
    /// Tells observers that the child ends, in a poll or otherwise.
    pub(super) fn tell_end(&self, in_poll: bool) {
        if let Some(told) = &self.told {
            told.observed.ends(in_poll);
            // Its handle may keep this for long, and with the waker what the executor has of the task.
            unwind::discard(told.waker.take());
        }
    }

    /// Notes how the child ends otherwise than with a value.
    pub(super) fn note(&self, noted: Noted<'_>) {
        let Some(told) = &self.told else { return };
        let observed = &told.observed;
        observed.set_outcome(match noted {
            Noted::Failed => Outcome::Failed,
            Noted::Panicked(panic) => {
                observed.happens(Happening::Panicked { panic });
                Outcome::Panicked
            }
            Noted::Cancelled => Outcome::Cancelled,
        });
    }
}

impl<F: Future, S: Receive<F::Output, Via>, Via> Watched<F, S, Via> {
    const VTABLE: VTable = VTable {
        behind: NonZeroUsize::new(mem::offset_of!(Self, behind)),
        poll: Self::poll,
        free: Self::free,
        ..Cell::<F, S, Via>::VTABLE
    };

    const HOOKED: VTable = VTable { poll: Self::poll_hooked, ..Self::VTABLE };

    const TOLD: VTable = VTable { poll: Self::poll_told, ..Self::VTABLE };

    const HOOKED_AND_TOLD: VTable = VTable { poll: Self::poll_hooked_and_told, ..Self::VTABLE };

    /// [`VTable::poll`].
    unsafe fn poll(raw: Raw, before: Snapshot, cx: &mut Context<'_>) -> Polled {
        // SAFETY: promised by the caller; and this is the vtable of a watched cell.
        unsafe { Self::watch(raw, Cell::<F, S, Via>::VTABLE.poll, before, cx) }
    }

    /// [`VTable::poll`] with the hooks of the scope's context around it.
    unsafe fn poll_hooked(raw: Raw, before: Snapshot, cx: &mut Context<'_>) -> Polled {
        // SAFETY: as above.
        unsafe { Self::watch(raw, Cell::<F, S, Via>::HOOKED.poll, before, cx) }
    }

    /// [`VTable::poll`] of which observers are told.
    unsafe fn poll_told(raw: Raw, before: Snapshot, cx: &mut Context<'_>) -> Polled {
        // SAFETY: as above.
        unsafe { Self::tell(raw, Self::poll, before, cx) }
    }

    /// [`VTable::poll`] with the hooks of the scope's context around it, of which observers are told.
    unsafe fn poll_hooked_and_told(raw: Raw, before: Snapshot, cx: &mut Context<'_>) -> Polled {
        // SAFETY: as above.
        unsafe { Self::tell(raw, Self::poll_hooked, before, cx) }
    }

    /// Calls `poll`, and tells the observers of it.
    ///
    /// # Safety
    ///
    /// As for [`VTable::poll`]; `raw` was made by [`allocate`].
    #[inline]
    unsafe fn tell(
        raw: Raw,
        poll: unsafe fn(Raw, Snapshot, &mut Context<'_>) -> Polled,
        before: Snapshot,
        cx: &mut Context<'_>,
    ) -> Polled {
        // SAFETY: promised by the caller. It keeps the child until `poll` is called, so what is used after that
        // is a count of our own.
        let (told, observed) = unsafe {
            let told = Self::told(raw);
            (told, told.observed.clone())
        };
        told.waker.stand_in(&observed, cx, |cx| {
            observed.poll(
                // SAFETY: promised by the caller.
                || unsafe { poll(raw, before, cx) },
                |polled| *polled == Polled::Pending,
                // SAFETY: of a child that is pending, the executor still has its share.
                || unsafe { Self::behind(raw) }.watch.first_wait().map(Parked),
            )
        })
    }

    /// Calls `poll`, and notes what there is to note.
    ///
    /// # Safety
    ///
    /// As for [`VTable::poll`]; `raw` was made by [`allocate`].
    #[inline]
    unsafe fn watch(
        raw: Raw,
        poll: unsafe fn(Raw, Snapshot, &mut Context<'_>) -> Polled,
        before: Snapshot,
        cx: &mut Context<'_>,
    ) -> Polled {
        // SAFETY: the caller keeps the child until `poll` is called.
        let watch = unsafe { &Self::behind(raw).watch };
        watch.begin_poll();
        // SAFETY: as above, and `RUNNING` is the caller's, so the child has not left its scope.
        let start = unsafe { Cell::<F, S, Via>::is_timed(raw) }.then(Instant::now);
        // The child may be gone when it returns, with its watch. Destructors and wakers that run at its end find that no
        // child is being polled.
        let polled =
            watcher::watched(Watcher::Child(current::innermost_member, cx.waker()), || {
                // SAFETY: promised by the caller.
                unsafe { poll(raw, before, cx) }
            });
        if polled == Polled::Pending {
            // SAFETY: of a child that is pending, the executor still has its share.
            let watch = unsafe { &Self::behind(raw).watch };
            if let Some(start) = start {
                watch.took(start.elapsed());
            }
            watch.end_poll();
        }
        polled
    }

    /// Returns what is behind the cell.
    ///
    /// # Safety
    ///
    /// `raw` was made by [`allocate`], and is kept for `'a`.
    unsafe fn behind<'a>(raw: Raw) -> &'a Behind {
        // SAFETY: promised by the caller, so this is there, in the allocation from which the pointer was derived.
        unsafe { raw.as_ptr().byte_add(mem::offset_of!(Self, behind)).cast::<Behind>().as_ref() }
            .expect("not null")
    }

    /// Returns what there is of a child that observers are told of.
    ///
    /// # Safety
    ///
    /// As [`behind`](Self::behind), with a vtable of those that are told.
    unsafe fn told<'a>(raw: Raw) -> &'a Told {
        // SAFETY: promised by the caller.
        unsafe { Self::behind(raw) }.told.as_ref().expect("its vtable says so")
    }

    /// [`VTable::free`].
    unsafe fn free(raw: Raw) {
        // SAFETY: promised by the caller, and `allocate` made it with `Box`. The cell's own `free` would free a box of
        // another size; what it does besides is done here.
        unsafe {
            Cell::<F, S, Via>::clear(raw);
            unwind::discard(Box::from_raw(raw.as_ptr().cast::<Self>()));
        }
    }
}
