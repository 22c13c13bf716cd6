//! A child that is watched: a cell, and behind it what is kept of its polls.
//!
//! Only the children of scopes that are in a tree are so, so others have neither the memory nor the work.

use super::{
    cell::{Cell, Stage},
    origin::Origin,
    parent::Receive,
    raw::{Polled, Raw, VTable},
    state::{Snapshot, State},
};
use crate::{
    cancel::current,
    values::Context as Values,
    waits::{
        Watch,
        watcher::{self, Watcher},
    },
};
use alloc::boxed::Box;
use core::{future::Future, mem, num::NonZeroUsize, ptr::NonNull, task::Context};
use std::time::Instant;

#[repr(C)]
struct Watched<F: Future, S: Receive<F::Output, Via>, Via> {
    cell: Cell<F, S, Via>,
    watch: Watch,
}

/// Allocates a child; as [`Cell::allocate_in`].
pub(super) fn allocate<F: Future, S: Receive<F::Output, Via>, Via>(
    context: &Values,
    scope: Option<NonNull<S>>,
    stage: Stage<F, S::Value, S>,
    state: State,
    origin: Origin,
) -> Raw {
    let vtable = match context.has_hooks() {
        true => &Watched::<F, S, Via>::HOOKED,
        false => &Watched::<F, S, Via>::VTABLE,
    };
    let cell = Cell::new(vtable, scope, stage, state, origin);
    let watched: Box<Watched<F, S, Via>> = Box::new(Watched { cell, watch: Watch::new() });
    Raw::new(NonNull::from(Box::leak(watched)).cast())
}

impl<F: Future, S: Receive<F::Output, Via>, Via> Watched<F, S, Via> {
    const VTABLE: VTable = VTable {
        watch: NonZeroUsize::new(mem::offset_of!(Self, watch)),
        poll: Self::poll,
        free: Self::free,
        ..Cell::<F, S, Via>::VTABLE
    };

    const HOOKED: VTable = VTable { poll: Self::poll_hooked, ..Self::VTABLE };

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
        let watch = unsafe { &raw.as_ptr().cast::<Self>().as_ref().expect("not null").watch };
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
            let watch = unsafe { &raw.as_ptr().cast::<Self>().as_ref().expect("not null").watch };
            if let Some(start) = start {
                watch.took(start.elapsed());
            }
            watch.end_poll();
        }
        polled
    }

    /// [`VTable::free`].
    unsafe fn free(raw: Raw) {
        // SAFETY: promised by the caller, and `allocate` made it with `Box`. The cell's own `free` would free a box of
        // another size; what it does besides is done here.
        unsafe {
            Cell::<F, S, Via>::clear(raw);
            crate::unwind::discard(Box::from_raw(raw.as_ptr().cast::<Self>()));
        }
    }
}
