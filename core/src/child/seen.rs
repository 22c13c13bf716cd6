//! What is to be seen of a child from outside.

use super::{
    ChildId,
    origin::Info,
    raw::{Children, Raw},
};
use crate::{cancel::CancelledBy, waits::Facts};
use alloc::borrow::Cow;
use core::panic::Location;

/// What is to be seen of a child, on any thread.
pub(crate) struct Seen {
    pub(crate) address: usize,
    pub(crate) id: ChildId,
    pub(crate) name: Option<Cow<'static, str>>,
    pub(crate) spawned_at: &'static Location<'static>,
    pub(crate) is_polled: bool,
    pub(crate) is_shielded: bool,
    /// What has asked for its end.
    pub(crate) asked_by: Option<CancelledBy>,
    pub(crate) facts: Facts,
}

impl Children {
    /// Calls `f` with every child that has not ended, the newest first.
    pub(crate) fn see(&self, mut f: impl FnMut(Seen)) {
        // Frees no child: whoever looks holds a lock, and what an executor keeps with a child has a destructor.
        self.look(|child| {
            let child = Raw::new(child);
            // SAFETY: `look` keeps the child alive for the call.
            unsafe {
                let Info { id, origin } = child.info();
                if !child.state().is_done() && !origin.is_own() {
                    f(see(child, id, origin.clone_name(), origin.spawned_at()));
                }
            }
        });
    }
}

/// # Safety
///
/// The child must be kept alive during the call.
unsafe fn see(
    child: Raw,
    id: ChildId,
    name: Option<Cow<'static, str>>,
    spawned_at: &'static Location<'static>,
) -> Seen {
    // SAFETY: promised by the caller.
    let (state, behind) = unsafe { (child.state(), child.behind()) };
    Seen {
        address: child.as_ptr().addr(),
        id,
        name,
        spawned_at,
        is_polled: state.is_running(),
        is_shielded: state.is_shielded(),
        asked_by: state.is_asked_to_end().then(|| state.by()),
        facts: behind.map(|behind| behind.watch.facts()).unwrap_or_default(),
    }
}
