//! What a future may wait for.

use core::{fmt, task::Waker};

/// What a future waits for, as far as it can be kept without an allocation. Things are named by their addresses,
/// which are never read: they tell things apart as long as those live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(feature = "std"), allow(dead_code))]
pub(crate) enum Wait {
    /// The end of the child at this address.
    Child(usize),
    /// What the scope at this address waits for, which it is in.
    Inside(usize),
    /// The end of all children of the scope at this address.
    Scope(usize),
    /// Room in the scope at this address.
    Room(usize),
    /// So many permits of the semaphore at this address.
    Permits {
        of: usize,
        count: usize,
        limit: usize,
        is_live: bool,
    },
    What(What),
    /// What a user has called it, by its number in the list of such names.
    Label(usize),
}

macro_rules! what {
    ($($name:ident $text:literal)*) => {
        /// What has nobody to name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(usize)]
        pub(crate) enum What {
            $($name,)*
        }

        impl What {
            #[cfg_attr(not(feature = "std"), allow(dead_code))]
            pub(crate) const ALL: &[What] = &[$(What::$name),*];

            pub(crate) fn text(self) -> &'static str {
                match self {
                    $(What::$name => $text,)*
                }
            }
        }
    };
}

what! {
    Cancel "a cancel"
    Deadline "the deadline of a scope"
    Time "a time"
    Finalizer "a finalizer"
    Finalizers "the finalizers of a scope"
    NoValue "the value of a child that has none, until its scope has ended"
    HandoffTaken "the consumer of a handoff to take an item"
    HandoffAsked "the consumer of a handoff to ask for an item"
    HandoffItem "an item of a handoff"
    QueueItem "an item of a queue"
    Breaker "a circuit breaker"
    RetryDelay "the delay of a retry"
    RepeatDelay "the delay of a repeat"
    FirstRequest "the first of several requests"
    SharedCall "a call that another one makes"
    RateLimit "its turn at a rate limit"
    Limits "its turn at several limits"
    Part "a place in its part of a limit"
    Job "a job for a worker of a pool"
    QueueRoom "room in the queue of a pool"
    JobResult "the result of a job of a pool"
    InlineWorker "the worker of an inline pool"
}

/// Tells whoever listens or watches on this thread what a future waits for; `words` is for those who listen.
#[inline]
pub(crate) fn waits_for(wait: Wait, words: fmt::Arguments<'_>) {
    if is_told() {
        tell(wait, None, words);
    }
}

/// As [`waits_for`], for a wait that may be one of a circle: with the waker of the future. If that is not the waker of whoever is
/// watched, the future is one of a group, of which others may wait too, whether they are polled or not.
#[inline]
pub(crate) fn waits_for_with(waker: &Waker, wait: Wait, words: fmt::Arguments<'_>) {
    if is_told() {
        tell(wait, Some(waker), words);
    }
}

/// Returns whether somebody listens or watches on this thread: for who has to find out first what to say.
#[inline]
pub(crate) fn is_told() -> bool {
    #[cfg(all(feature = "std", not(anyscope_loom)))]
    return super::listen::is_heard() || super::watcher::is_watched();
    #[cfg(all(feature = "std", anyscope_loom))]
    return super::listen::is_heard();
    #[cfg(not(feature = "std"))]
    return false;
}

#[cold]
#[inline(never)]
#[cfg_attr(any(not(feature = "std"), anyscope_loom), allow(unused_variables))]
fn tell(wait: Wait, waker: Option<&Waker>, words: fmt::Arguments<'_>) {
    #[cfg(feature = "std")]
    super::listen::tell(words);
    #[cfg(all(feature = "std", not(anyscope_loom)))]
    super::watcher::tell(wait, waker);
}

/// As [`waits_for`], for what has nobody to name.
#[inline]
pub(crate) fn waits_for_what(what: What) {
    waits_for(Wait::What(what), format_args!("{}", what.text()));
}

/// As [`waits_for`], for what users call it.
#[cfg(feature = "std")]
pub(crate) fn waits_for_label(label: &'static str) {
    super::listen::tell(format_args!("{label}"));
    #[cfg(not(anyscope_loom))]
    if super::watcher::is_watched() {
        super::watcher::tell(Wait::Label(super::labels::number(label)), None);
    }
}

/// Calls `f`, whose waits nobody hears.
#[cfg(all(feature = "std", not(anyscope_loom)))]
pub(crate) fn unheard<R>(f: impl FnOnce() -> R) -> R {
    super::listen::unheard(|| super::watcher::watched(super::watcher::Watcher::Nobody, f))
}
