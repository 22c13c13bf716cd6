//! Why there was no room.

use core::{error::Error, fmt};

/// Why a [`LimitedScope`](crate::LimitedScope) did not spawn a future, and the future.
///
/// # Examples
///
/// ```
/// use anyscope::{scope_limited, smol::Smol};
/// use std::future::pending;
///
/// # smol::block_on(async {
/// scope_limited(&Smol, 1, async |s| {
///     s.try_spawn(pending::<()>()).unwrap();
///     let refused = s.try_spawn(async {}).unwrap_err();
///     assert!(refused.is_full());
///     // It was not polled: it can be run here, or wait for room.
///     refused.into_future().await;
///     s.cancel("shown");
/// })
/// .await;
/// # });
/// ```
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
    ///
    /// # Examples
    ///
    /// See [`TrySpawnError`].
    pub fn into_future(self) -> F {
        match self {
            TrySpawnError::Full(future) | TrySpawnError::Closed(future) => future,
        }
    }

    /// Returns whether there was no room.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{scope_limited, smol::Smol};
    ///
    /// # smol::block_on(async {
    /// let handle = scope_limited(&Smol, 1, async |s| {
    ///     s.try_spawn(std::future::pending::<()>()).unwrap();
    ///     assert!(s.try_spawn(async {}).unwrap_err().is_full()); // later, perhaps
    ///     s.cancel("shown");
    ///     s.clone()
    /// })
    /// .await;
    /// assert!(!handle.try_spawn(async {}).unwrap_err().is_full()); // never again
    /// # });
    /// ```
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
