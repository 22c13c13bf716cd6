//! The error of a fail-fast scope.

use crate::{cancel::Cancelled, time::Elapsed};
use alloc::vec::Vec;
use core::{error::Error, fmt};

/// Why a fail-fast scope has no value.
///
/// Converts into `Box<dyn Error>` and the like with `?`, also if `E` is itself such a box.
///
/// # Examples
///
/// ```
/// use anyscope::{ScopeError, try_concurrent};
///
/// # smol::block_on(async {
/// let result = try_concurrent(async |s| {
///     s.spawn(async { "two".parse::<u32>() });
///     std::future::pending().await // dropped when the child fails
/// });
/// match result.await {
///     Ok(()) => unreachable!(),
///     Err(ScopeError::Failed { first, rest }) => {
///         assert_eq!(first.to_string(), "invalid digit found in string");
///         assert!(rest.is_empty());
///     }
///     Err(other) => panic!("{other}"),
/// }
/// # });
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum ScopeError<E> {
    /// A child or the body returned an error.
    Failed {
        /// The first error in time. It ended the scope.
        first: E,
        /// The errors of children that were being polled while the scope was shut down, in the
        /// order in which they came. Children that were only cancelled have no error here.
        rest: Vec<E>,
    },
    /// The scope was cancelled before its body returned. Or the executor refused a child or dropped
    /// it before its end, whether the body had returned or not; then the scope was cancelled by the
    /// [`Executor`](crate::CancelledBy::Executor).
    Cancelled(Cancelled),
    /// The deadline of the scope passed before its body returned.
    Elapsed(Elapsed),
}

impl<E> ScopeError<E> {
    /// Returns the first error, if a child or the body failed.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{ScopeError, try_concurrent};
    ///
    /// # smol::block_on(async {
    /// let failed: Result<(), ScopeError<&str>> = try_concurrent(async |s| {
    ///     s.spawn(async { Err::<(), _>("disk full") });
    ///     Ok(())
    /// })
    /// .await;
    /// let error = failed.unwrap_err();
    /// assert_eq!(error.first(), Some(&"disk full"));
    /// assert_eq!(error.into_first(), Some("disk full"));
    /// # });
    /// ```
    pub fn into_first(self) -> Option<E> {
        match self {
            ScopeError::Failed { first, .. } => Some(first),
            ScopeError::Cancelled(_) | ScopeError::Elapsed(_) => None,
        }
    }

    /// Returns a reference to the first error, if a child or the body failed.
    ///
    /// # Examples
    ///
    /// See [`into_first`](Self::into_first).
    pub fn first(&self) -> Option<&E> {
        match self {
            ScopeError::Failed { first, .. } => Some(first),
            ScopeError::Cancelled(_) | ScopeError::Elapsed(_) => None,
        }
    }

    /// Returns whether the scope was cancelled and nothing failed.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{ScopeError, try_concurrent};
    /// use std::future::pending;
    ///
    /// # smol::block_on(async {
    /// let ended: Result<(), ScopeError<&str>> = try_concurrent(async |s| {
    ///     s.cancel("closing");
    ///     pending().await
    /// })
    /// .await;
    /// assert!(ended.unwrap_err().is_cancelled());
    /// # });
    /// ```
    pub fn is_cancelled(&self) -> bool {
        matches!(self, ScopeError::Cancelled(_))
    }

    /// Returns whether the deadline passed and nothing failed.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{Clock, ScopeError, sim::Sim, try_concurrent};
    /// use std::{future::pending, time::Duration};
    ///
    /// Sim::new(7)
    ///     .run(async |sim| {
    ///         let ended: Result<(), ScopeError<&str>> = try_concurrent(async |s| {
    ///             s.deadline(&sim, sim.now().saturating_add(Duration::from_secs(1)));
    ///             pending().await
    ///         })
    ///         .await;
    ///         assert!(ended.unwrap_err().is_elapsed());
    ///     })
    ///     .unwrap();
    /// ```
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

/// Requires no more of `E` than boxed errors have. The message contains that of the first error, so
/// `source` does not return that error.
impl<E: fmt::Debug + fmt::Display> Error for ScopeError<E> {}
