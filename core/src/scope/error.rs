//! How a fail-fast scope fails.

use crate::{cancel::Cancelled, time::Elapsed};
use alloc::vec::Vec;
use core::{error::Error, fmt};

/// Why a fail-fast scope has no value.
///
/// It converts into `Box<dyn Error>` and the like with `?`, also when `E` is itself such a box.
#[derive(Debug)]
#[non_exhaustive]
pub enum ScopeError<E> {
    /// A child or the body returned an error.
    Failed {
        /// The first in time. It ended the scope.
        first: E,
        /// The errors of children that were being polled when the scope came down, in the order
        /// they came. Children that merely were cancelled contribute none.
        rest: Vec<E>,
    },
    /// The scope was cancelled before its body returned; or the executor refused a child or dropped
    /// it before its end, whether the body had returned or not. The cause then is
    /// [`Executor`](crate::CancelledBy::Executor).
    Cancelled(Cancelled),
    /// The deadline of the scope passed before its body returned.
    Elapsed(Elapsed),
}

impl<E> ScopeError<E> {
    /// The first error, if a child or the body failed.
    pub fn into_first(self) -> Option<E> {
        match self {
            ScopeError::Failed { first, .. } => Some(first),
            ScopeError::Cancelled(_) | ScopeError::Elapsed(_) => None,
        }
    }

    /// The first error, if a child or the body failed.
    pub fn first(&self) -> Option<&E> {
        match self {
            ScopeError::Failed { first, .. } => Some(first),
            ScopeError::Cancelled(_) | ScopeError::Elapsed(_) => None,
        }
    }

    /// Returns whether the scope was cancelled and nothing failed.
    pub fn is_cancelled(&self) -> bool {
        matches!(self, ScopeError::Cancelled(_))
    }

    /// Returns whether the deadline passed and nothing failed.
    pub fn is_elapsed(&self) -> bool {
        matches!(self, ScopeError::Elapsed(_))
    }
}

impl<E: fmt::Display> fmt::Display for ScopeError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ScopeError::Failed { first, rest } if rest.is_empty() => first.fmt(f),
            ScopeError::Failed { first, rest } => write!(f, "{first} (and {} more)", rest.len()),
            ScopeError::Cancelled(cancelled) => write!(f, "scope {cancelled}"),
            ScopeError::Elapsed(elapsed) => write!(f, "scope {elapsed}"),
        }
    }
}

/// Asks no more of `E` than what boxed errors have. The message contains that of the first error,
/// which is therefore no `source`.
impl<E: fmt::Debug + fmt::Display> Error for ScopeError<E> {}
