//! What a scope tells about itself: failures that would otherwise go by unseen.

use crate::child::{ChildId, Panic, origin::Info};
use core::{fmt, panic::Location};

/// Something that happened in a scope; see [`Scope::on_event`](crate::Scope::on_event).
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A child panicked. Its handle, or else its scope, has the panic.
    Panicked {
        /// Which child.
        child: ChildInfo<'a>,
        /// The panic.
        panic: &'a Panic,
    },
    /// A child of a fail-fast scope returned an error.
    Failed {
        /// Which child.
        child: ChildInfo<'a>,
        /// The scope no longer reports it: its body had returned a value after the scope was
        /// cancelled, which decided the result.
        late: bool,
    },
    /// The executor dropped a child before its end, as it refused the child or was shut down; or
    /// the child was spawned after the end of the scope, and never polled.
    Refused {
        /// Which child. One that came after the end of the scope has no number of its own.
        child: ChildInfo<'a>,
    },
    /// The scope was dropped, not awaited to its end, while it had children. Those that were idle
    /// are gone.
    Abandoned {
        /// How many children there were. Each has been cancelled.
        children: usize,
        /// How many of them were being polled at that moment, and go when their poll returns.
        running: usize,
    },
    /// A finalizer of a fail-fast scope returned an error.
    FinalizerFailed {
        /// Where it was deferred.
        deferred_at: &'static Location<'static>,
        /// The scope no longer reports it: it was dropped before its finalizers had run.
        late: bool,
    },
    /// A finalizer was dropped before its end: its budget was used up, the scope was dropped and it
    /// may borrow, or the executor that it was handed to refused it.
    FinalizerDropped {
        /// Where it was deferred.
        deferred_at: &'static Location<'static>,
    },
    /// Besides the panic that the scope lets go on there was another one, which it dropped.
    PanicDropped {
        /// The other panic.
        panic: &'a Panic,
    },
}

/// Which child an [`Event`] is about.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct ChildInfo<'a> {
    /// Its number within the scope.
    pub id: ChildId,
    /// Its name, if it was given one.
    pub name: Option<&'a str>,
    /// Where it was spawned.
    pub spawned_at: &'static Location<'static>,
}

impl<'a> From<Info<'a>> for ChildInfo<'a> {
    fn from(info: Info<'a>) -> Self {
        let Info { id, origin } = info;
        ChildInfo { id, name: origin.name(), spawned_at: origin.spawned_at() }
    }
}

impl fmt::Debug for ChildInfo<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChildInfo")
            .field("id", &self.id)
            .field("name", &self.name)
            .field("spawned_at", &format_args!("{}", self.spawned_at))
            .finish()
    }
}
