//! Models of a registry whose members are plain memory, so that a walker that comes to a member
//! which is being released races with the release; see [`crate::model`].
//!
//! The members of a scope or a token have counts of their own, which may order by chance what the
//! registry has to order.

use super::{
    AtomicPtr, UnsafeCell,
    registry::{Listed, Registry},
};
use crate::model::{check, check_deep, spawn};
use alloc::{sync::Arc, vec::Vec};
use core::ptr::{self, NonNull};

/// A member that has ended, or has not.
struct Member {
    next: AtomicPtr<Member>,
    has_ended: bool,
    is_released: UnsafeCell<bool>,
}

// SAFETY: the models read `is_released` in a walk, and write it in a release: loom says when these
// are not ordered.
unsafe impl Sync for Member {}
// SAFETY: it holds nothing of a thread.
unsafe impl Send for Member {}

// SAFETY: the link is for the registry alone, and a member that has ended has always. Its memory stays
// until the end of the model.
unsafe impl Listed for Member {
    fn next(&self) -> &AtomicPtr<Self> {
        &self.next
    }

    fn has_ended(&self) -> bool {
        self.has_ended
    }

    unsafe fn release(this: NonNull<Self>) {
        // SAFETY: the memory stays.
        let member = unsafe { this.as_ref() };
        // SAFETY: nobody walks here now, which is what the model is about.
        member.is_released.with_mut(|it| unsafe {
            assert!(!*it, "released twice");
            *it = true;
        });
    }
}

/// A registry whose sweeps look at `MOST` members in a step.
struct Setup<const MOST: usize = 32> {
    registry: Registry<Member, MOST>,
    members: Vec<Member>,
}

impl Setup {
    /// Members that have all ended.
    fn new(members: usize) -> Arc<Self> {
        Setup::of((0..members).map(|_| true))
    }
}

impl<const MOST: usize> Setup<MOST> {
    /// Members of which these have ended, the oldest first.
    fn of(ended: impl IntoIterator<Item = bool>) -> Arc<Self> {
        let member = |has_ended| Member {
            next: AtomicPtr::new(ptr::null_mut()),
            has_ended,
            is_released: UnsafeCell::new(false),
        };
        let members: Vec<_> = ended.into_iter().map(member).collect();
        let setup = Setup { registry: Registry::new(), members };
        for member in &setup.members {
            // SAFETY: each enters once, and stays as long as the registry.
            assert!(unsafe { setup.registry.push(NonNull::from(member)) });
        }
        Arc::new(setup)
    }

    fn walk(&self) {
        self.registry.visit(|member| {
            // SAFETY: the memory stays, and nobody releases it now, which is what the model is about.
            let is_released = unsafe { member.as_ref() }.is_released.with(|it| unsafe { *it });
            assert!(!is_released, "released under a walker");
        });
    }

    fn sweep(&self) {
        self.registry.sweep_if_due(self.members.len(), || 0);
    }

    /// Takes so many steps, of those that are due.
    fn sweep_in(&self, steps: usize) {
        for step in 0..steps {
            self.registry.sweep_if_due(self.members.len() + 100 * step, || 0);
        }
    }

    fn released(&self) -> usize {
        let is_released = |member: &&Member| {
            // SAFETY: all threads have been joined.
            member.is_released.with(|it| unsafe { *it })
        };
        self.members.iter().filter(is_released).count()
    }
}

/// One walks while another sweeps. Fails without the fence of a walker.
#[test]
fn walk_or_release() {
    check("registry: walk or release", || {
        let setup = Setup::new(2);
        let ours = setup.clone();
        let walking = spawn(move || ours.walk());
        setup.sweep();
        walking.join();
        assert_eq!(setup.released(), 1);
    });
}

/// One has walked and looks whether to release, another sweeps, and a third one walks. Fails if
/// whoever releases does not look for walkers once more when it is its turn, or not with a fence
/// (which takes 3 preemptions); and if the walker leaves without a release, or if that is not
/// acquired (which takes 4).
#[test]
fn walk_or_sweep_or_release() {
    check_deep("registry: walk or sweep or release", 4, || {
        let setup = Setup::new(2);
        let (walks, sweeps) = (setup.clone(), setup.clone());
        let walking = spawn(move || walks.walk());
        let sweeping = spawn(move || sweeps.sweep());
        // First, so that loom needs few preemptions.
        setup.walk();
        walking.join();
        sweeping.join();
        assert_eq!(setup.released(), 1);
    });
}

/// Two take the steps of a sweep by turns, while a third one walks. Fails if where the sweep stands is not handed
/// over, or if it stands at a member that was taken out.
#[test]
fn step_or_step_or_walk() {
    check("registry: step or step or walk", || {
        let setup = Setup::<1>::of([true, false, true, false]);
        let (steps, walks) = (setup.clone(), setup.clone());
        let stepping = spawn(move || steps.sweep_in(2));
        let walking = spawn(move || walks.walk());
        setup.sweep_in(2);
        stepping.join();
        walking.join();
        setup.sweep_in(4);
        assert_eq!(setup.released(), 2);
    });
}
