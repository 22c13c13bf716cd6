//! What an observer is told.

use crate::waits::Wait;
use core::{fmt, panic::Location, time::Duration};

/// What an event is about: a scope, or a child of one.
///
/// # Examples
///
/// ```
/// use anyscope::observe::Who;
///
/// let child = Who::Child { scope: 7, number: 2, is_daemon: false };
/// assert_eq!(child.to_string(), "7#2");
/// assert_eq!((child.scope(), Who::Scope(7).to_string()), (7, "7".into()));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Who {
    /// The scope with this number, which no other scope of the process has. Its polls are those of its body, and then
    /// of what comes after the body.
    Scope(u64),
    /// A child.
    Child {
        /// The number of its scope.
        scope: u64,
        /// Its number in the scope, as in [`ChildId`](crate::ChildId).
        number: usize,
        /// Whether it is a daemon. These are numbered apart.
        is_daemon: bool,
    },
}

impl Who {
    /// Returns the number of the scope; of a child, that of the scope that it is in.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::observe::Who;
    ///
    /// let child = Who::Child { scope: 7, number: 2, is_daemon: false };
    /// assert_eq!((child.scope(), Who::Scope(7).scope()), (7, 7));
    /// ```
    pub fn scope(self) -> u64 {
        match self {
            Who::Scope(scope) | Who::Child { scope, .. } => scope,
        }
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Who::Scope(scope) => write!(f, "{scope}"),
            Who::Child { scope, number, is_daemon } => {
                write!(f, "{scope}{}#{number}", if *is_daemon { " daemon " } else { "" })
            }
        }
    }
}

/// What an event is about, with the mark that the observer gave it.
///
/// See [`Observer`](super::Observer).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The scope or child.
    pub who: Who,
    /// What this observer has returned from [`Observer::begins`](super::Observer::begins).
    pub mark: u64,
}

/// A scope or child that begins.
///
/// See [`Observer`](super::Observer).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Begin<'a> {
    /// What begins.
    pub who: Who,
    /// What it is in: of a child, the scope; of a scope, the child or the scope whose body began it, if that is observed
    /// too.
    pub parent: Option<Subject>,
    /// The name of a child, if it has one; the path of the body of a scope.
    pub name: Option<&'a str>,
    /// Where a child was spawned.
    pub spawned_at: Option<&'static Location<'static>>,
}

impl<'a> Begin<'a> {
    pub(crate) fn new(who: Who, name: Option<&'a str>) -> Self {
        Begin { who, parent: None, name, spawned_at: None }
    }

    pub(crate) fn spawned_at(self, place: &'static Location<'static>) -> Self {
        Begin { spawned_at: Some(place), ..self }
    }
}

/// How a poll ended.
///
/// # Examples
///
/// ```
/// use anyscope::observe::{Observer, PollEnd, Subject};
///
/// /// Prints what everybody waits for.
/// struct Waits;
///
/// impl Observer for Waits {
///     fn poll_ends(&self, subject: Subject, end: PollEnd) {
///         match end {
///             PollEnd::Pending(Some(parked)) => println!("{} waits for {parked}", subject.who),
///             PollEnd::Pending(None) => println!("{} waits for something else", subject.who),
///             _ => {}
///         }
///     }
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PollEnd {
    /// It has to wait: for this, as far as it said so.
    Pending(Option<Parked>),
    /// It is over: it returned, panicked or was cancelled.
    Ready,
}

/// What a poll has said first that it waits for. Cheap to copy; its text is made when it is printed.
///
/// # Examples
///
/// ```
/// use anyscope::observe::Parked;
///
/// fn show(parked: Parked) -> String {
///     parked.to_string() // `room in a scope`, `a time`, `2 of 5 permits`, or a label
/// }
/// # let _ = show;
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Parked(pub(crate) Wait);

impl fmt::Display for Parked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.words())
    }
}

impl fmt::Debug for Parked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Parked({self})")
    }
}

/// What happens to a scope or a child between begin and end, besides its polls.
///
/// # Examples
///
/// ```
/// use anyscope::{concurrent, observe::{Happening, Observer, Subject, tree::Tree}};
/// use std::sync::{Arc, Mutex};
///
/// #[derive(Clone, Default)]
/// struct Log(Arc<Mutex<Vec<String>>>);
///
/// impl Observer for Log {
///     fn happens(&self, _: Subject, what: Happening<'_>) {
///         self.0.lock().unwrap().push(what.to_string());
///     }
/// }
///
/// let log = Log::default();
/// let tree = Tree::builder().observer(log.clone()).build();
/// smol::block_on(tree.watch(concurrent(async |s| s.cancel("closing"))));
/// assert!(log.0.lock().unwrap()[0].starts_with("cancelled: closing"));
/// ```
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum Happening<'a> {
    /// A scope was asked to end, and its children with it.
    Cancelled {
        /// Why.
        reason: &'a dyn fmt::Display,
    },
    /// A child has panicked.
    Panicked {
        /// The panic, with its message.
        panic: &'a dyn fmt::Display,
    },
    /// An attempt has failed, and there will be another one.
    Retry {
        /// How many attempts there were.
        attempts: usize,
        /// How long it waits before the next.
        delay: Duration,
    },
    /// A circuit breaker has changed its state.
    Breaker {
        /// What it is now: `open`, `half-open`, `closed`, `forced open`.
        state: &'a dyn fmt::Display,
    },
    /// A limit that changes has changed.
    Limit {
        /// What it was.
        before: usize,
        /// What it is now.
        now: usize,
    },
}

impl fmt::Display for Happening<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Happening::Cancelled { reason } => write!(f, "cancelled: {reason}"),
            Happening::Panicked { panic } => write!(f, "{panic}"),
            Happening::Retry { attempts, delay } => {
                write!(f, "attempt {attempts} failed, the next is in {delay:?}")
            }
            Happening::Breaker { state } => write!(f, "the circuit breaker is {state}"),
            Happening::Limit { before, now } => write!(f, "the limit is {now}, was {before}"),
        }
    }
}

impl fmt::Debug for Happening<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Happening({self})")
    }
}

/// How a scope or a child has ended.
///
/// See [`Observer`](super::Observer), which is told how everything ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// It returned a value.
    Returned,
    /// It returned an error, in a scope for which that is a failure.
    Failed,
    /// It panicked.
    Panicked,
    /// It was cancelled, or dropped before its end.
    Cancelled,
}

impl Outcome {
    /// All of them, each at its number.
    pub(crate) const ALL: &[Outcome] =
        &[Outcome::Returned, Outcome::Failed, Outcome::Panicked, Outcome::Cancelled];
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Outcome::Returned => "returned",
            Outcome::Failed => "failed",
            Outcome::Panicked => "panicked",
            Outcome::Cancelled => "cancelled",
        })
    }
}
