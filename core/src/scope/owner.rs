//! What keeps a scope alive for its children, and what the children may count on.
//!
//! The owner holds a count of the shared part until the gates are closed. Dropped before that, it
//! leaves its count to the last child. That is what [`Parent`] promises.

use super::{
    cleanup::CleanUp, flags::*, policy::Policy, room::Unclaimed, shared::Shared, tree::Surroundings,
};
use crate::{
    cancel::{
        CancelReason, CancelToken, Cancelled, CancelledBy,
        current::{self, Stance},
    },
    child::{
        Panic, depth,
        origin::{Info, Origin},
        parent::{Gates, OfKind, Parent},
        raw::{Children, Sequel},
    },
    limit::Capacity,
    observe,
    sync::{Arc, Ordering, Wakers},
    values::Context,
};
use core::{mem, ops::Deref, ptr};

/// The owner of a scope: the part that drives it to its end. Dropped before that, it cancels the
/// scope.
///
/// It keeps the shared part until no child is left, or hands it on to those that are.
pub(crate) struct Owner<P: Policy, K> {
    pub(super) shared: Arc<Shared<P, K>>,
    cleanup: CleanUp,
    pub(super) unclaimed: Unclaimed,
}

impl<P: Policy, K> Owner<P, K> {
    /// A new scope, whose children may borrow.
    pub(super) fn new(limit: impl Into<Capacity>, kind: K) -> Self {
        Self::with_flags(limit.into(), kind, 0)
    }

    /// A new scope, whose children own what they use, and are spawned only where `P` does.
    pub(super) fn owning(limit: impl Into<Capacity>, kind: K) -> Self {
        Self::with_flags(limit.into(), kind, OWNING)
    }

    fn with_flags(limit: Capacity, kind: K, flags: usize) -> Self {
        let shared = Arc::new(Shared::new(limit, kind, flags));
        Owner { shared, cleanup: CleanUp::default(), unclaimed: Unclaimed::default() }
    }

    pub(super) fn shared(&self) -> &Arc<Shared<P, K>> {
        &self.shared
    }

    /// The scope, and its finalizers that are under way.
    pub(super) fn parts(&mut self) -> (&Arc<Shared<P, K>>, &mut CleanUp) {
        (&self.shared, &mut self.cleanup)
    }

    /// Cancels the scope without waiting for it, unless it has ended. It counts as ended from then
    /// on.
    pub(super) fn abandon(&self) {
        if self.is_ended() {
            return;
        }
        // The waiter for a stop need not be woken: it is the owner.
        self.flags.fetch_or(CANCELLED | Shared::<P, K>::whole(), Ordering::AcqRel);
        let may_leave = self.has(OWNING) && self.live() > 0;
        // SAFETY: a scope that is `OWNING` was made by `owning`, whose children own what they use;
        // and there is one, so it was spawned, for which the scope must own what it uses too.
        unsafe { depth::abandon(&self.shared, may_leave) };
        self.mark_ended();
    }
}

impl<P: Policy, K> Deref for Owner<P, K> {
    type Target = Shared<P, K>;

    fn deref(&self) -> &Shared<P, K> {
        &self.shared
    }
}

impl<P: Policy, K> Drop for Owner<P, K> {
    fn drop(&mut self) {
        self.abandon();
        let cleanup = mem::take(&mut self.cleanup);
        // Looked at once: if some are left now, it is the last of them that hands over.
        let all_gone = self.close_all();
        if all_gone || self.deferred.runner.get().is_none() {
            self.hand_over(cleanup);
        }
        if !all_gone {
            // Some are being polled. The last of them drops this count.
            mem::forget(self.shared.clone());
            self.flags.fetch_or(ORPHANED, Ordering::AcqRel);
            self.gates.tasks.watch();
            self.gates.daemons.watch();
            self.adopt_orphan();
        }
    }
}

impl<P: Policy, K> Shared<P, K> {
    /// Drops the count that a gone owner has left, if it has and the count is no longer needed.
    fn adopt_orphan(&self) {
        if self.has(ORPHANED)
            && self.close_all()
            && self.flags.fetch_and(!ORPHANED, Ordering::AcqRel) & ORPHANED != 0
        {
            if self.deferred.runner.get().is_some() {
                self.hand_over(CleanUp::default());
            }
            // SAFETY: the count that `Owner::drop` forgot, dropped once; the caller has another.
            unsafe { Arc::decrement_strong_count(ptr::from_ref(self)) };
        }
    }
}

// SAFETY: there is a field `kind: K`.
unsafe impl<P: Policy, K> OfKind<K> for Shared<P, K> {}

// SAFETY: `gates` is that field. An `Owner` holds a count until they are closed, or leaves one to
// the last child.
unsafe impl<P: Policy, K> Parent for Shared<P, K> {
    fn gates(&self) -> &Gates {
        &self.gates
    }

    fn registry(&self) -> &Children {
        &self.registry
    }

    fn refuses<'o>(&self, origin: impl FnOnce() -> &'o Origin) -> bool {
        self.has(CANCELLED) && !origin().is_own()
    }

    fn watches_leaves(&self) -> bool {
        !self.limit.is_unbounded()
    }

    fn on_leave(&self, wakers: &mut Wakers) {
        self.tell_of_room(1, wakers);
    }

    fn on_empty(&self, wakers: &mut Wakers) {
        wakers.add(self.owner.take());
        self.changed.collect(usize::MAX, wakers);
        self.adopt_orphan();
    }

    fn on_panic(&self, panic: Panic, info: Info<'_>) -> Option<Panic> {
        self.emit(|| observe::Event::Panicked { child: info.into(), panic: &panic });
        if !P::FAIL_FAST {
            return Some(panic);
        }
        self.panicked(panic);
        None
    }

    fn on_lost_panic(&self, panic: Panic) {
        self.panicked(panic);
    }

    fn on_second_panic(&self, panic: Panic) {
        self.drop_panic(panic);
    }

    fn on_refused(&self, info: Info<'_>) {
        self.emit(|| observe::Event::Refused { child: info.into() });
        if P::FAIL_FAST && !self.has(DECIDED) {
            let flags = CANCELLED | REFUSED | STOPPED;
            self.stop(flags, CancelledBy::Scope, "its executor refused a child");
        }
    }

    fn on_closed(&self, info: Info<'_>) {
        self.emit(|| observe::Event::Refused { child: info.into() });
    }

    fn is_failing(&self) -> bool {
        P::FAIL_FAST && self.is_stopped()
    }

    fn abandon_children(&self) {
        let children = self.live();
        if children > 0 {
            self.tells_dropped_live();
        }
        let flags = CANCELLED | Self::whole();
        self.stop_by_force(flags, CancelledBy::Scope, "its scope was dropped");
        self.tells_cancel("its scope was dropped");
        if children > 0 {
            let running = self.live();
            self.emit(|| observe::Event::Abandoned { children, running });
        }
    }

    fn asks_children(&self) -> Option<Cancelled> {
        self.asks_to_end()
    }

    fn own_token(&self) -> CancelToken {
        self.request_token().clone()
    }

    fn context(&self) -> Option<&Context> {
        self.around.get().map(Surroundings::context)
    }

    #[cfg(all(feature = "std", not(anyscope_loom)))]
    fn observed(&self) -> Option<&crate::observers::Observed> {
        self.node()?.observed()
    }

    #[cfg(all(feature = "std", not(anyscope_loom)))]
    fn watched(&self) -> Option<&crate::waits::watcher::WatchedScope> {
        self.node().map(|node| node.watched())
    }

    fn cancel_reason(&self) -> Option<&CancelReason> {
        self.request.reason()
    }

    fn without_value(&self, refused: bool) -> Sequel {
        // A child that was refused during a grace; this scope fails when it is missed.
        let asked = P::FAIL_FAST && refused && self.is_cancelled();
        if self.is_ended() || !self.is_failing() && !asked {
            return Sequel::Panics;
        }
        match current::stance(ptr::from_ref(self).cast()) {
            Stance::Inside => {
                if !self.is_failing() {
                    self.stop(CANCELLED | STOPPED, CancelledBy::Scope, "");
                }
                Sequel::Dropped
            }
            Stance::Unknown if self.is_failing() => {
                let listener = self.changed.listen();
                if self.is_ended() { Sequel::Panics } else { Sequel::Later(listener) }
            }
            Stance::Held | Stance::Outside | Stance::Unknown => Sequel::Panics,
        }
    }
}
