//! What is to be seen of a child from outside.

use super::{
    ChildId,
    raw::{Children, Raw},
};
use crate::{
    cancel::CancelledBy,
    waits::{Facts, Watch},
};
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
        self.each(|child, info| {
            // SAFETY: `each` keeps the child alive for the call.
            f(unsafe { see(child, info.id, info.origin.clone_name(), info.origin.spawned_at()) });
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
    let (state, watch) = unsafe { (child.state(), child.watch()) };
    Seen {
        address: child.as_ptr().addr(),
        id,
        name,
        spawned_at,
        is_polled: state.is_running(),
        is_shielded: state.is_shielded(),
        asked_by: state.is_asked_to_end().then(|| state.by()),
        facts: watch.map(Watch::facts).unwrap_or_default(),
    }
}
