//! Which waiters are told of room.

use crate::{
    child::Anywhere,
    limit::{
        LiveLimit,
        follow::{Follow, Follows},
    },
    scope::{owner::Owner, policy::Policy, shared::Shared},
    sync::{Arc, AtomicUsize, Ordering, Wakers},
};
use core::{mem, task::Context};

/// Room that no waiter has taken yet, as the owner sees it.
#[derive(Default)]
pub(in crate::scope) struct Unclaimed {
    /// How many children had entered then.
    entered: usize,
    /// How many looks in a row have found it.
    looks: u32,
}

/// How often the owner looks before it tells more waiters that there is room.
const PATIENCE: u32 = 8;

impl<P: Policy, K> Owner<P, K> {
    /// Ensures that no room is kept for a waiter that was told of it and does not take it,
    /// because its future was forgotten or is not polled: after a while, more and more of the
    /// other waiters are told too. To be called after everything that the owner polls was polled.
    pub(in crate::scope) fn offer_room(&mut self, cx: &Context<'_>) {
        let shared = &*self.shared;
        // A single waiter keeps the room from no other.
        if shared.queue.load(Ordering::Relaxed) < 2 || shared.is_closing() || !shared.has_room() {
            self.unclaimed.looks = 0;
            return;
        }
        let entered = shared.entered();
        if mem::replace(&mut self.unclaimed.entered, entered) != entered {
            self.unclaimed.looks = 0;
        }
        let looks = self.unclaimed.looks;
        let told = 1 << looks.saturating_sub(PATIENCE).min(usize::BITS - 1);
        let mut wakers = Wakers::new();
        if looks >= PATIENCE {
            shared.freed.collect(told, &mut wakers);
        }
        // Once all were told, no waiter is left out.
        if told < shared.queue.load(Ordering::Relaxed) {
            self.unclaimed.looks = looks + 1;
            cx.waker().wake_by_ref();
        }
        shared.fire(wakers);
    }
}

impl<P: Policy, K> Shared<P, K> {
    /// How many waiters there are.
    pub(in crate::scope) fn queue(&self) -> &AtomicUsize {
        &self.queue
    }

    /// Whether room is kept for waiters rather than given to a caller that cannot wait: not the
    /// second time in a row, as then no waiter has taken it.
    pub(in crate::scope) fn keeps_room(&self) -> bool {
        if self.queue.load(Ordering::Relaxed) == 0 || self.is_closing() || !self.has_room() {
            return false;
        }
        let mark = self.entered().wrapping_add(1);
        self.kept_at.swap(mark, Ordering::Relaxed) != mark
    }

    /// Ensures that while there is room, one waiter has been notified.
    ///
    /// Called by a child that leaves; by a caller that takes a place, for the next in the queue;
    /// and by a waiter that has begun to listen, as the place may have become free before.
    pub(in crate::scope) fn pass_on(&self) {
        self.tell(1);
    }

    fn tell(&self, count: usize) {
        if self.has_room() {
            let mut wakers = Wakers::new();
            self.tell_of_room(count, &mut wakers);
            self.fire(wakers);
        }
    }

    /// Tells so many waiters, less those that were told and have not looked yet.
    pub(in crate::scope) fn tell_of_room(&self, count: usize, wakers: &mut Wakers) {
        self.freed.collect(count, wakers);
        if self.queue.load(Ordering::Relaxed) > 1 {
            // See `Owner::offer_room`.
            wakers.add(self.owner.take());
        }
    }

    /// Whether a child could enter, or waiting is pointless because none ever will.
    pub(crate) fn has_room(&self) -> bool {
        self.gates.tasks.count() < self.limit.now() || self.is_closing()
    }
}

/// Makes a scope tell those who wait when its limit is raised, if that changes.
#[cfg_attr(anyscope_loom, allow(unused_variables, reason = "loom's `Arc` is not weak"))]
pub(in crate::scope) fn follow_limit<P>(scope: &Arc<Shared<P, Anywhere>>)
where
    P: Policy + Send + Sync + 'static,
{
    #[cfg(not(anyscope_loom))]
    if scope.limit.live().is_some() {
        let _ = scope.follows.set(Follows::new());
        crate::limit::follow::follow(scope);
    }
}

impl<P: Policy + Send + Sync + 'static> Follow for Shared<P, Anywhere> {
    fn live(&self) -> Option<(&LiveLimit, &Follows)> {
        self.limit.live().zip(self.follows.get())
    }

    fn look(&self) {
        // All that there is room for: the limit may have been raised by any number.
        self.tell(self.limit.now().saturating_sub(self.gates.tasks.count()).max(1));
    }
}
