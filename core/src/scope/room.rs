//! Room in a limited scope, and who is told of it.

use super::{owner::Owner, policy::Policy, shared::Shared};
use crate::sync::{AtomicUsize, Ordering, Wakers};
use core::{mem, task::Context};

/// Room for which nobody has come yet, as the owner sees it.
#[derive(Default)]
pub(super) struct Unclaimed {
    /// How many children had entered then.
    entered: usize,
    /// How often it was there in a row.
    looks: u32,
}

/// How often the owner looks before it tells more of those who wait that there is room.
const PATIENCE: u32 = 8;

impl<P: Policy, K> Owner<P, K> {
    /// Sees to it that no room is kept for one who was told of it and does not come, as his future
    /// was forgotten or is not polled: after a while, more and more of the others are told too. To
    /// be called when whoever is polled by the owner has been polled.
    pub(super) fn offer_room(&mut self, cx: &Context<'_>) {
        let shared = &*self.shared;
        // With one who waits there is nobody to keep it from.
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
        // When all were told, there is nobody left to look after.
        if told < shared.queue.load(Ordering::Relaxed) {
            self.unclaimed.looks = looks + 1;
            cx.waker().wake_by_ref();
        }
        shared.fire(wakers);
    }
}

impl<P: Policy, K> Shared<P, K> {
    /// How many wait for room.
    pub(super) fn queue(&self) -> &AtomicUsize {
        &self.queue
    }

    /// Whether room is to be kept for those who wait, rather than given to who cannot: not for the
    /// second time in a row, as then they have not come for it.
    pub(super) fn keeps_room(&self) -> bool {
        if self.queue.load(Ordering::Relaxed) == 0 || self.is_closing() || !self.has_room() {
            return false;
        }
        let mark = self.entered().wrapping_add(1);
        self.kept_at.swap(mark, Ordering::Relaxed) != mark
    }

    /// Sees to it that while there is room, one of those who wait for it has been notified.
    ///
    /// A child that leaves does so; whoever takes a place does so for the next in the queue; and
    /// whoever has begun to listen does so, as the place may have come free before.
    pub(super) fn pass_on(&self) {
        if self.has_room() {
            let mut wakers = Wakers::new();
            self.tell_of_room(&mut wakers);
            self.fire(wakers);
        }
    }

    pub(super) fn tell_of_room(&self, wakers: &mut Wakers) {
        self.freed.collect(1, wakers);
        if self.queue.load(Ordering::Relaxed) > 1 {
            // See `Owner::offer_room`.
            wakers.add(self.owner.take());
        }
    }

    /// Whether a child could enter, or nobody need wait for that, as none ever will.
    pub(crate) fn has_room(&self) -> bool {
        self.gates.tasks.count() < self.limit.get() || self.is_closing()
    }
}
