//! That something was cancelled: by whom, and why.

use super::CancelReason;
use core::{error::Error, fmt};

/// Something was ended before it finished, or is asked to end; by whom, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cancelled {
    cause: CancelledBy,
    reason: Option<CancelReason>,
}

impl Cancelled {
    /// By whom, and why, if somebody gave a reason.
    pub(crate) fn new(cause: CancelledBy, reason: Option<&CancelReason>) -> Self {
        Cancelled { cause, reason: reason.cloned() }
    }

    /// Who did it.
    pub fn by(&self) -> CancelledBy {
        self.cause
    }

    /// Why, if somebody gave a reason.
    pub fn reason(&self) -> Option<&CancelReason> {
        self.reason.as_ref()
    }
}

impl fmt::Display for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.reason {
            Some(reason) => write!(f, "cancelled: {reason}"),
            None => write!(f, "cancelled: {}", self.cause),
        }
    }
}

impl Error for Cancelled {}

/// Who ended a child. The first one counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CancelledBy {
    /// Its scope was cancelled: on request, because a sibling failed, or because the scope was
    /// dropped.
    Scope,
    /// It was a daemon, and its scope had nothing else left to do.
    Finished,
    /// It was spawned into a scope that had already ended.
    Closed,
    /// It alone was cancelled: by its handle, or because it was selected in its scope.
    Handle,
    /// The executor dropped it: it refused the child, or was shut down.
    Executor,
    /// Somebody asked for it through a [`CancelToken`](crate::CancelToken).
    Token,
    /// The deadline of its scope passed.
    Deadline,
}

impl CancelledBy {
    /// Three bits for the state word of a child; zero is not used.
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

    /// The inverse of [`to_bits`](Self::to_bits).
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
