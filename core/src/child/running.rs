//! A child while it is being polled, for the code that it runs.

use super::{cell::Cell, parent::Receive, raw::Raw, state::CancelStep};
#[cfg(all(feature = "std", not(anyscope_loom)))]
use crate::waits::watcher::Member;
use crate::{
    cancel::{CancelToken, Cancelled, CancelledBy, current::About, shields::Shields},
    sync::Arc,
    values::Context as Values,
};
use core::{fmt, future::Future, marker::PhantomData, panic::Location};

/// A child while it is being polled.
pub(super) struct Running<'a, F: Future, S: Receive<F::Output, Via>, Via> {
    /// Not a reference, so that what is behind the cell can be reached too.
    raw: Raw,
    cell: PhantomData<&'a Cell<F, S, Via>>,
}

impl<'a, F: Future, S: Receive<F::Output, Via>, Via> Running<'a, F, S, Via> {
    /// Wraps a cell that is being polled.
    ///
    /// # Safety
    ///
    /// This is the type of the cell, and the caller holds `RUNNING` as long as the result is used.
    pub(super) unsafe fn new(raw: Raw) -> Self {
        Running { raw, cell: PhantomData }
    }

    fn cell(&self) -> &Cell<F, S, Via> {
        // SAFETY: the caller of `new` keeps the cell, of this type.
        unsafe { Cell::from_raw(self.raw) }
    }

    fn scope(&self) -> Option<&S> {
        // SAFETY: the child has not left its scope.
        self.cell().scope.map(|scope| unsafe { scope.as_ref() })
    }
}

impl<F: Future, S: Receive<F::Output, Via>, Via> About for Running<'_, F, S, Via> {
    fn spawned_at(&self) -> Option<&'static Location<'static>> {
        Some(self.cell().tail.origin.spawned_at())
    }

    fn name(&self) -> Option<&dyn fmt::Display> {
        Some(&self.cell().tail.origin)
    }

    fn with_shields(&self, f: &mut dyn FnMut(&mut Option<Arc<Shields>>)) {
        // SAFETY: the caller of `new` holds `RUNNING`, and so we own the slot.
        unsafe { self.cell().tail.shields.with(f) };
    }

    fn asked_to_end(&self) -> Option<Cancelled> {
        let scope = self.scope().and_then(S::asks_children);
        let state = self.cell().header.state.now();
        if state.is_asked_to_end() {
            let reason = scope.as_ref().and_then(Cancelled::reason);
            return Some(Cancelled::new(state.by(), reason));
        }
        scope
    }

    fn token(&self) -> Option<CancelToken> {
        self.scope().map(S::own_token)
    }

    fn context(&self) -> Option<&Values> {
        self.scope().and_then(S::context)
    }

    #[cfg(all(feature = "std", not(anyscope_loom)))]
    fn with_member(&self, f: &mut dyn FnMut(&Member<'_>)) {
        // SAFETY: the caller of `new` holds `RUNNING`, and so keeps the child.
        let behind = unsafe { self.raw.behind() };
        if let (Some(behind), Some(scope)) = (behind, self.scope().and_then(S::watched)) {
            let now = self.cell().header.state.now();
            f(&Member {
                watch: &behind.watch,
                scope,
                number: now.number(),
                is_daemon: now.is_daemon(),
            });
        }
    }

    fn cancel_self(&self) -> bool {
        if self.cell().scope.is_none() || !S::ENDS_ITSELF {
            return false;
        }
        // It is being polled, so this only leaves a request.
        let step = self.cell().header.state.cancel(CancelledBy::Handle, false);
        debug_assert!(step != CancelStep::Claimed, "the child is being polled");
        true
    }
}
