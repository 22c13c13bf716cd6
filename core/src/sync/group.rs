//! A [`Registry`] whose members are counted, so that it needs no promises.

use super::{
    Arc, AtomicPtr,
    registry::{Listed, Registry},
};
use alloc::vec::Vec;
use core::{
    ops::{Deref, DerefMut},
    ptr::{self, NonNull},
};

/// What a group keeps until it has ended.
pub(crate) trait Ends {
    /// Whether it no longer matters to its group. What has ended stays so.
    fn has_ended(&self) -> bool;
}

/// A value that is in a group, or in none.
pub(crate) struct Member<T> {
    /// The next one in the list of the group.
    next: AtomicPtr<Member<T>>,
    value: T,
}

impl<T> Member<T> {
    /// One that is in no group, and never will be.
    pub(crate) fn alone(value: T) -> Arc<Self> {
        Arc::new(Member { next: AtomicPtr::new(ptr::null_mut()), value })
    }
}

impl<T> Deref for Member<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for Member<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

// SAFETY: `next` is a field that only the registry uses. A member has a count of its `Arc` for the
// registry, which `release` gives up. That what has ended stays so is up to `T`: if it did not, the
// group would forget it too early, which takes no more than that count.
unsafe impl<T: Ends> Listed for Member<T> {
    fn next(&self) -> &AtomicPtr<Self> {
        &self.next
    }

    fn has_ended(&self) -> bool {
        self.value.has_ended()
    }

    unsafe fn release(this: NonNull<Self>) {
        // SAFETY: promised by the caller: the count that `add` left to the registry.
        unsafe { Arc::decrement_strong_count(this.as_ptr()) };
    }
}

/// All that were added and have not ended.
pub(crate) struct Group<T: Ends>(Registry<Member<T>>);

impl<T: Ends> Group<T> {
    pub(crate) fn new() -> Self {
        Group(Registry::new())
    }

    /// Sweeps if that is due now that `added` were added.
    pub(crate) fn sweep_if_due(&self, added: usize) {
        self.0.sweep_if_due(added);
    }

    /// Sweeps if of those `added` so few are `alive` that most have ended.
    pub(crate) fn sweep_if_sparse(&self, added: usize, alive: usize) {
        self.0.sweep_if_sparse(added, alive);
    }

    /// Makes a member of `value`; and whether it was added: not to a group that is closed. Whoever is
    /// refused sees what happened before the close.
    pub(crate) fn add(&self, value: T) -> (Arc<Member<T>>, bool) {
        let member = Member::alone(value);
        let share = Arc::into_raw(member.clone()).cast_mut();
        // SAFETY: not null, as it comes from an `Arc`. It is new, so it is in no registry; and that
        // count is the registry's, unless it refuses it.
        let added = unsafe {
            let share = NonNull::new_unchecked(share);
            let added = self.0.push(share);
            if !added {
                Member::release(share);
            }
            added
        };
        (member, added)
    }

    /// Closes the group, and calls `f` with every member, whether it was closed before or not.
    pub(crate) fn close(&self, mut f: impl FnMut(Arc<Member<T>>)) {
        let mut visit = |member: NonNull<Member<T>>| {
            // SAFETY: a count is left to the registry, which keeps the member for this call.
            f(unsafe {
                Arc::increment_strong_count(member.as_ptr());
                Arc::from_raw(member.as_ptr())
            });
        };
        if !self.0.close(&mut visit) {
            self.0.visit(visit);
        }
    }

    /// Moves every member to `members`.
    pub(crate) fn drain(&mut self, members: &mut Vec<Arc<Member<T>>>) {
        self.0.drain(|member| {
            // SAFETY: the registry's count, which `drain` hands on.
            members.push(unsafe { Arc::from_raw(member.as_ptr()) });
        });
    }
}
