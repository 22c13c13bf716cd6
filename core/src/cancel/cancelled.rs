//! The error of work that was cancelled: by what, and why.

use super::CancelReason;
use core::{error::Error, fmt};

/// An error: the work was ended before it finished, or is asked to end. Says by what, and why.
///
/// # Examples
///
/// ```
/// use anyscope::{CancelToken, CancelledBy};
///
/// let token = CancelToken::new();
/// token.cancel("shutting down");
///
/// let cancelled = token.checkpoint().unwrap_err();
/// assert_eq!(cancelled.by(), CancelledBy::Token);
/// assert_eq!(cancelled.reason().unwrap().message(), "shutting down");
/// assert!(cancelled.to_string().starts_with("cancelled: shutting down (asked for at "));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cancelled {
    by: CancelledBy,
    reason: Option<CancelReason>,
}

impl Cancelled {
    /// Creates the error. The reason is none if no caller gave one.
    pub(crate) fn new(by: CancelledBy, reason: Option<&CancelReason>) -> Self {
        Cancelled { by, reason: reason.cloned() }
    }

    /// Returns what cancelled it.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{CancelledBy, JoinError, concurrent};
    /// use std::future::pending;
    ///
    /// # smol::block_on(async {
    /// concurrent(async |s| {
    ///     let child = s.spawn(pending::<()>());
    ///     child.abort();
    ///     match child.await {
    ///         Err(JoinError::Cancelled(cancelled)) => assert_eq!(cancelled.by(), CancelledBy::Handle),
    ///         other => panic!("{other:?}"),
    ///     }
    /// })
    /// .await;
    /// # });
    /// ```
    pub fn by(&self) -> CancelledBy {
        self.by
    }

    /// Returns why, if the caller that cancelled gave a reason.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{CancelToken, Cancelled};
    ///
    /// /// What a log says of work that was stopped.
    /// fn why(cancelled: &Cancelled) -> &str {
    ///     cancelled.reason().map_or("no reason given", |reason| reason.message())
    /// }
    ///
    /// let token = CancelToken::new();
    /// token.cancel("shutting down");
    /// assert_eq!(why(&token.checkpoint().unwrap_err()), "shutting down");
    /// ```
    pub fn reason(&self) -> Option<&CancelReason> {
        self.reason.as_ref()
    }
}

impl fmt::Display for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.reason {
            Some(reason) => write!(f, "cancelled: {reason}"),
            None => write!(f, "cancelled: {}", self.by),
        }
    }
}

impl Error for Cancelled {}

/// What ended a child, or asks it to end. If there are several, the first one counts.
///
/// # Examples
///
/// ```
/// use anyscope::{CancelledBy, JoinError, concurrent};
///
/// # smol::block_on(async {
/// concurrent(async |s| {
///     let child = s.spawn(std::future::pending::<()>());
///     let Err(JoinError::Cancelled(cancelled)) = child.cancel().await else { panic!() };
///     assert_eq!(cancelled.by(), CancelledBy::Handle);
/// })
/// .await;
/// # });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
// A word, as the outcomes of children have their tags in it: those of a byte are moved in pieces.
#[repr(usize)]
pub enum CancelledBy {
    /// Its scope was cancelled: on request, because a sibling failed, or because the scope was
    /// dropped.
    Scope,
    /// It was a daemon, and its scope had nothing else left to do.
    Finished,
    /// It was spawned into a scope that had already ended.
    Closed,
    /// The child alone was cancelled: by its handle, or because it was selected in its scope.
    Handle,
    /// The executor dropped it: it refused the child, or was shut down.
    Executor,
    /// A [`CancelToken`](crate::CancelToken) was cancelled.
    Token,
    /// The deadline of its scope passed.
    Deadline,
}

impl CancelledBy {
    /// Returns three bits for the state word of a child. Zero is not used.
    pub(crate) const fn to_bits(self) -> usize {
        match self {
            CancelledBy::Scope => 1,
            CancelledBy::Finished => 2,
            CancelledBy::Closed => 3,
            CancelledBy::Handle => 4,
            CancelledBy::Executor => 5,
            CancelledBy::Token => 6,
            CancelledBy::Deadline => 7,
        }
    }

    /// Inverts [`to_bits`](Self::to_bits).
    pub(crate) const fn from_bits(bits: usize) -> Self {
        match bits {
            2 => CancelledBy::Finished,
            3 => CancelledBy::Closed,
            4 => CancelledBy::Handle,
            5 => CancelledBy::Executor,
            6 => CancelledBy::Token,
            7 => CancelledBy::Deadline,
            _ => CancelledBy::Scope,
        }
    }
}

impl fmt::Display for CancelledBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CancelledBy::Scope => "its scope was cancelled",
            CancelledBy::Finished => "a daemon ends with the other children of its scope",
            CancelledBy::Closed => "its scope had already ended",
            CancelledBy::Handle => "it alone was asked to end",
            CancelledBy::Executor => "the executor dropped it (refused, or shut down)",
            CancelledBy::Token => "a token asked for it",
            CancelledBy::Deadline => "the deadline of its scope passed",
        })
    }
}
