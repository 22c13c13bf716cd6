//! That something was cancelled: by whom, and why.

use super::CancelReason;
use core::{error::Error, fmt};

/// Something was ended before it finished, or is asked to end; by whom, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cancelled {
    cause: CancelCause,
    reason: Option<CancelReason>,
}

impl Cancelled {
    /// By whom, and why, if somebody gave a reason.
    pub(crate) fn new(cause: CancelCause, reason: Option<&CancelReason>) -> Self {
        Cancelled { cause, reason: reason.cloned() }
    }

    /// Who did it.
    pub fn cause(&self) -> CancelCause {
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
pub enum CancelCause {
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

impl CancelCause {
    /// Three bits for the state word of a child; zero is not used.
    pub(crate) const fn to_bits(self) -> usize {
        match self {
            CancelCause::Scope => 1,
            CancelCause::Finished => 2,
            CancelCause::Closed => 3,
            CancelCause::Handle => 4,
            CancelCause::Executor => 5,
            CancelCause::Token => 6,
            CancelCause::Deadline => 7,
        }
    }

    /// The inverse of [`to_bits`](Self::to_bits).
    pub(crate) const fn from_bits(bits: usize) -> Self {
        match bits {
            2 => CancelCause::Finished,
            3 => CancelCause::Closed,
            4 => CancelCause::Handle,
            5 => CancelCause::Executor,
            6 => CancelCause::Token,
            7 => CancelCause::Deadline,
            _ => CancelCause::Scope,
        }
    }
}

impl fmt::Display for CancelCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CancelCause::Scope => "its scope was cancelled",
            CancelCause::Finished => "a daemon ends with the other children of its scope",
            CancelCause::Closed => "its scope had already ended",
            CancelCause::Handle => "it alone was asked to end",
            CancelCause::Executor => "the executor dropped it (refused, or shut down)",
            CancelCause::Token => "a token asked for it",
            CancelCause::Deadline => "the deadline of its scope passed",
        })
    }
}
