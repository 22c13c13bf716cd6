//! Which child this thread is running, to tell a wait for oneself from a wait.
//!
//! Every poll of a child puts a [`Frame`] on its stack, linked to the one around it. Costs two
//! thread-local accesses a poll. Without `std` there are no thread-locals, and such waits hang.

use super::raw::Raw;
use core::panic::Location;

/// Where the child of `scope` was spawned whose poll this code is part of, if there is one.
pub(crate) fn inside_scope(scope: *const ()) -> Option<&'static Location<'static>> {
    imp::find(|_, frame_scope| core::ptr::addr_eq(frame_scope, scope))
}

/// Whether this code is part of a poll of `child`.
pub(super) fn inside_child(child: Raw) -> bool {
    imp::find(|frame_child, _| frame_child == child).is_some()
}

pub(super) use imp::Frame;

#[cfg(all(feature = "std", not(anyscope_loom)))]
mod imp {
    use super::*;
    use core::{cell::Cell, marker::PhantomData, ptr};

    /// A child that is being polled on this thread.
    pub(in super::super) struct Frame {
        child: Raw,
        /// The address of its scope.
        scope: *const (),
        outer: *const Frame,
    }

    std::thread_local! {
        static TOP: Cell<*const Frame> = const { Cell::new(ptr::null()) };
    }

    impl Frame {
        pub(in super::super) fn new(child: Raw, scope: *const ()) -> Self {
            Frame { child, scope, outer: TOP.get() }
        }

        /// Puts the frame on the thread's list until the guard is dropped.
        pub(in super::super) fn enter(&self) -> Entered<'_> {
            TOP.set(self);
            Entered { outer: self.outer, frame: PhantomData }
        }
    }

    pub(in super::super) struct Entered<'a> {
        outer: *const Frame,
        frame: PhantomData<&'a Frame>,
    }

    impl Drop for Entered<'_> {
        fn drop(&mut self) {
            TOP.set(self.outer);
        }
    }

    pub(super) fn find(
        mut matches: impl FnMut(Raw, *const ()) -> bool,
    ) -> Option<&'static Location<'static>> {
        let mut frame = TOP.get();
        // SAFETY: a frame is on the list only while the guard that borrows it lives, and guards
        // are dropped in reverse order, as they never leave the poll of a child.
        while let Some(here) = unsafe { frame.as_ref() } {
            if matches(here.child, here.scope) {
                // SAFETY: a child that is being polled is kept.
                return Some(unsafe { here.child.tail() }.origin.spawned_at());
            }
            frame = here.outer;
        }
        None
    }
}

/// No thread-locals, or (under loom) several threads of a model on one.
#[cfg(not(all(feature = "std", not(anyscope_loom))))]
mod imp {
    use super::*;

    pub(in super::super) struct Frame;

    impl Frame {
        pub(in super::super) fn new(_: Raw, _: *const ()) -> Self {
            Frame
        }

        pub(in super::super) fn enter(&self) {}
    }

    pub(super) fn find(
        _: impl FnMut(Raw, *const ()) -> bool,
    ) -> Option<&'static Location<'static>> {
        None
    }
}
