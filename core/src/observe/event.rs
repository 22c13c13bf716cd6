//! The events that a scope reports: failures that would otherwise go unnoticed.

use crate::child::{ChildId, Panic, origin::Info};
use core::{fmt, panic::Location};

/// An event in a scope; see [`Scope::on_event`](crate::Scope::on_event).
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A child panicked. Its handle, or else its scope, receives the panic.
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
        /// Whether the error came too late for the scope to return it: the body had returned a value
        /// after the scope was cancelled, which decided the result.
        late: bool,
    },
    /// A child was dropped before its end: the executor refused it or was shut down. Or the child
    /// was spawned after the end of the scope, and never polled.
    Refused {
        /// Which child. A child that was spawned after the end of the scope has no number of its
        /// own.
        child: ChildInfo<'a>,
    },
    /// The scope was dropped while it had children, instead of awaited to its end. Its idle
    /// children have been dropped.
    Abandoned {
        /// How many children there were. Each has been cancelled.
        children: usize,
        /// How many of them were being polled at that moment. Each is dropped when its poll
        /// returns.
        running: usize,
    },
    /// A finalizer of a fail-fast scope returned an error.
    FinalizerFailed {
        /// Where it was deferred.
        deferred_at: &'static Location<'static>,
        /// Whether the error came too late for the scope to return it: the scope was dropped before
        /// its finalizers had run.
        late: bool,
    },
    /// A finalizer was dropped before its end: its budget was used up, or the scope was dropped and
    /// the finalizer may borrow, or the executor refused the finalizer.
    FinalizerDropped {
        /// Where it was deferred.
        deferred_at: &'static Location<'static>,
    },
    /// There was a second panic beside the one that the scope propagates. The scope dropped it.
    PanicDropped {
        /// The other panic.
        panic: &'a Panic,
    },
}

/// Which child an [`Event`] is about.
///
/// See [`each_child`](crate::Scope::each_child).
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
