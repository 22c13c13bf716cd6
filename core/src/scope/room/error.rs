//! Why there was no room.

use core::{error::Error, fmt};

/// Why a [`LimitedScope`](crate::LimitedScope) did not spawn a future, and the future.
pub enum TrySpawnError<F> {
    /// As many children run as may.
    Full(F),
    /// The scope was cancelled or has ended.
    Closed(F),
}

impl TrySpawnError<()> {
    /// The same, with the future.
    pub(in crate::scope) fn with<F>(self, future: F) -> TrySpawnError<F> {
        match self {
            TrySpawnError::Full(()) => TrySpawnError::Full(future),
            TrySpawnError::Closed(()) => TrySpawnError::Closed(future),
        }
    }
}

impl<F> TrySpawnError<F> {
    /// Returns the future, unpolled.
    pub fn into_future(self) -> F {
        match self {
            TrySpawnError::Full(future) | TrySpawnError::Closed(future) => future,
        }
    }

    /// Returns whether there was no room.
    pub fn is_full(&self) -> bool {
        matches!(self, TrySpawnError::Full(_))
    }
}

impl<F> fmt::Debug for TrySpawnError<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TrySpawnError::Full(_) => "Full(..)",
            TrySpawnError::Closed(_) => "Closed(..)",
        })
    }
}

impl<F> fmt::Display for TrySpawnError<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TrySpawnError::Full(_) => "the scope runs as many children as its limit allows",
            TrySpawnError::Closed(_) => "the scope was cancelled or has ended",
        })
    }
}

impl<F> Error for TrySpawnError<F> {}
