//! A [`Registry`] whose members are reference-counted, so that using it needs no `unsafe`.

use super::{
    Arc, AtomicPtr,
    registry::{Listed, Registry},
};
use alloc::vec::Vec;
use core::{
    ops::{Deref, DerefMut},
    ptr::{self, NonNull},
};

/// A value that a group keeps until the value has ended.
pub(crate) trait Ends {
    /// Returns whether the value no longer matters to its group. Once true, it stays true.
    fn has_ended(&self) -> bool;
}

/// A value that is in one group, or in none.
pub(crate) struct Member<T> {
    /// The next member in the list of the group.
    next: AtomicPtr<Member<T>>,
    value: T,
}

impl<T> Member<T> {
    /// Creates a member that is in no group.
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
// registry, which `release` gives up. Whether an ended value stays ended is up to `T`: if it does
// not, the group forgets it too early, which only gives up that count.
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

/// All members that were added and have not ended.
pub(crate) struct Group<T: Ends>(Registry<Member<T>>);

impl<T: Ends> Group<T> {
    pub(crate) fn new() -> Self {
        Group(Registry::new())
    }

    /// Once in a while, as [`sweep_if_sparse`](Self::sweep_if_sparse).
    pub(crate) fn sweep_if_due(&self, added: usize, alive: impl FnOnce() -> usize) {
        self.0.sweep_if_due(added, alive);
    }

    /// Sweeps if so few of the `added` members are `alive` that most of the list has ended.
    pub(crate) fn sweep_if_sparse(&self, added: usize, alive: usize) {
        self.0.sweep_if_sparse(added, alive);
    }

    /// Makes a member of `value`, and returns it with whether it was added. A closed group adds
    /// nothing; the caller then sees what happened before the close.
    pub(crate) fn add(&self, value: T) -> (Arc<Member<T>>, bool) {
        let member = Member::alone(value);
        let share = Arc::into_raw(member.clone()).cast_mut();
        // SAFETY: the pointer is not null, as it comes from an `Arc`. The member is new, so it is in
        // no registry. The count behind `share` is the registry's, unless the registry refuses the
        // member: then we give the count up, and do not touch `share` afterwards.
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

    /// Closes the group, and calls `f` with every member, even if the group was closed already.
    pub(crate) fn close(&self, mut f: impl FnMut(Arc<Member<T>>)) {
        let mut visit = |member: NonNull<Member<T>>| {
            // SAFETY: the pointer comes from `Arc::into_raw`, and the registry's count keeps the
            // member for this call. The new count is for `f`; the registry keeps its own.
            f(unsafe {
                Arc::increment_strong_count(member.as_ptr());
                Arc::from_raw(member.as_ptr())
            });
        };
        if !self.0.close(&mut visit) {
            self.0.visit(visit);
        }
    }

    /// Calls `f` with every member that is there now.
    #[cfg_attr(not(all(feature = "std", not(anyscope_loom))), allow(dead_code))]
    pub(crate) fn visit(&self, mut f: impl FnMut(&T)) {
        self.0.visit(|member| {
            // SAFETY: the registry keeps its members while it visits them, and members are only shared.
            f(&unsafe { member.as_ref() }.value);
        });
    }

    /// Whether no member was added, or none is left after a [`drain`](Self::drain).
    pub(crate) fn is_empty(&mut self) -> bool {
        self.0.is_empty()
    }

    /// Moves every member to `members`.
    pub(crate) fn drain(&mut self, members: &mut Vec<Arc<Member<T>>>) {
        self.0.drain(|member| {
            // SAFETY: the registry's count, which `drain` passes to us.
            members.push(unsafe { Arc::from_raw(member.as_ptr()) });
        });
    }
}
