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
    /// One of so many futures of a set, which polls only those that were woken.
    AnyOf(usize),
    /// What a flow waits for: work in flight, and the next item of its source if it has been asked for one.
    Flow {
        in_flight: usize,
        limit: usize,
        undelivered: usize,
        asks: bool,
    },
    /// What those do who are at the other end of the channel of this number.
    End {
        what: What,
        of: usize,
        is_receiver: bool,
    },
    What(What),
    /// What a user has called it, by its number in the list of such names.
    Label(usize),
    /// The same, and there is one who can say more of it.
    Detailed {
        label: usize,
        detail: usize,
    },
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
    Turn "its turn"
    Sources "an item of several sources"
    Several "several futures"
    SharedCall "a call that another one makes"
    RateLimit "its turn at a rate limit"
    Limits "its turn at several limits"
    Part "a place in its part of a limit"
    Job "a job for a worker of a pool"
    QueueRoom "room in the queue of a pool"
    JobResult "the result of a job of a pool"
    InlineWorker "the worker of an inline pool"
}

impl Wait {
    /// Returns what it is in words, if it is not somebody else.
    pub(crate) fn words(self) -> Words {
        Words(self)
    }
}

/// A wait in words, as far as they do not depend on who is waited for.
pub(crate) struct Words(Wait);

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Wait::Child(_) => f.write_str("the end of a child"),
            Wait::Inside(_) => f.write_str("a scope in it"),
            Wait::Scope(_) => f.write_str("the end of a scope"),
            Wait::Room(_) => f.write_str("room in a scope"),
            Wait::Permits { count, limit, .. } => {
                let permits = if count == 1 { "permit" } else { "permits" };
                write!(f, "{count} {permits} of a semaphore of {limit}")
            }
            Wait::AnyOf(1) => f.write_str("the future of a set"),
            Wait::AnyOf(count) => write!(f, "one of the {count} futures of a set"),
            Wait::Flow { in_flight: 0, undelivered: 0, asks: true, .. } => {
                f.write_str("the source of a flow")
            }
            Wait::Flow { in_flight, limit, undelivered, asks } => {
                write!(f, "a flow with {in_flight}")?;
                if limit != usize::MAX {
                    write!(f, " of {limit}")?;
                }
                f.write_str(" in flight")?;
                if undelivered > 0 {
                    write!(f, ", {undelivered} undelivered")?;
                }
                f.write_str(if asks { ", and its source" } else { "" })
            }
            Wait::What(what) | Wait::End { what, .. } => f.write_str(what.text()),
            #[cfg(all(feature = "std", not(anyscope_loom)))]
            Wait::Label(label) | Wait::Detailed { label, .. } => {
                f.write_str(super::labels::label(label))
            }
            #[cfg(not(all(feature = "std", not(anyscope_loom))))]
            Wait::Label(_) | Wait::Detailed { .. } => f.write_str("something"),
        }
    }
}

/// As [`waits_for`], for what is the same in words whoever looks. Finds out what to say only if somebody is told.
#[inline]
pub(crate) fn waits_for_all(wait: impl FnOnce() -> Wait) {
    #[cold]
    fn tell_all(wait: Wait) {
        tell(wait, None, format_args!("{}", wait.words()));
    }
    if is_told() {
        tell_all(wait());
    }
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

/// Wakes the task of this waker, for a future that lets others have their turn.
#[cold]
pub(crate) fn yields(waker: &Waker) {
    waits_for_what(What::Turn);
    waker.wake_by_ref();
}

/// As [`waits_for`], for what users call it.
#[cfg(feature = "std")]
#[inline]
pub(crate) fn waits_for_label(label: &'static str) {
    if is_told() {
        tell_label(label);
    }
}

#[cfg(feature = "std")]
#[cold]
#[inline(never)]
fn tell_label(label: &'static str) {
    super::listen::tell(format_args!("{label}"));
    #[cfg(not(anyscope_loom))]
    if super::watcher::is_watched() {
        super::watcher::tell(Wait::Label(super::labels::number(label)), None);
    }
}

/// As [`waits_for_label`], with one who can say more. It is asked for only if somebody watches.
#[cfg(all(feature = "std", not(anyscope_loom)))]
#[inline]
pub(crate) fn waits_for_detailed(label: &'static str, detail: impl FnOnce() -> usize) {
    super::listen::tell(format_args!("{label}"));
    if super::watcher::is_watched() {
        let label = super::labels::number(label);
        super::watcher::tell(Wait::Detailed { label, detail: detail() }, None);
    }
}

/// Calls `f`, whose waits nobody hears.
#[cfg(all(feature = "std", not(anyscope_loom)))]
pub(crate) fn unheard<R>(f: impl FnOnce() -> R) -> R {
    super::listen::unheard(|| super::watcher::watched(super::watcher::Watcher::Nobody, f))
}
