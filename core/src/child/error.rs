//! Why a child has no value.

use super::Panic;
use crate::cancel::Cancelled;
use core::{error::Error, fmt};

/// The error of a child that has no value for its handle.
///
/// Converts into `Box<dyn Error + Send + Sync>` and the like with `?`.
///
/// # Examples
///
/// ```
/// use anyscope::{CancelledBy, JoinError, concurrent};
///
/// # smol::block_on(async {
/// concurrent(async |s| {
///     let child = s.spawn(std::future::pending::<u32>());
///     child.abort();
///     match child.await {
///         Ok(value) => println!("{value}"),
///         Err(JoinError::Cancelled(cancelled)) => assert_eq!(cancelled.by(), CancelledBy::Handle),
///         Err(JoinError::Panicked(panic)) => panic.resume(),
///         Err(other) => panic!("{other}"),
///     }
/// })
/// .await;
/// # });
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum JoinError {
    /// The child was ended before it finished. Neither a success nor a failure.
    Cancelled(Cancelled),
    /// The child panicked. The panic is yours to handle from here on: the scope does not propagate
    /// it.
    Panicked(Panic),
    /// The child failed in a fail-fast scope; its scope reports the error or the panic.
    Failed,
    /// The outcome was taken from this handle before.
    Taken,
}

impl JoinError {
    /// Returns whether the child was ended before it finished.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::concurrent;
    /// use std::future::pending;
    ///
    /// # smol::block_on(async {
    /// concurrent(async |s| {
    ///     let child = s.spawn(pending::<()>());
    ///     s.cancel("enough");
    ///     let error = child.await.unwrap_err();
    ///     assert!(error.is_cancelled() && !error.is_panic());
    /// })
    /// .await;
    /// # });
    /// ```
    pub fn is_cancelled(&self) -> bool {
        matches!(self, JoinError::Cancelled(_))
    }

    /// Returns whether the child panicked.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::concurrent;
    ///
    /// # smol::block_on(async {
    /// concurrent(async |s| {
    ///     let child = s.spawn(async { panic!("disk full") });
    ///     let error = child.await.unwrap_err();
    ///     assert!(error.is_panic() && !error.is_cancelled());
    /// })
    /// .await;
    /// # });
    /// ```
    pub fn is_panic(&self) -> bool {
        matches!(self, JoinError::Panicked(_))
    }

    /// Returns the panic, if the child panicked.
    ///
    /// # Errors
    ///
    /// Returns the error unchanged if the child did not panic.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::concurrent;
    ///
    /// # std::panic::set_hook(Box::new(|_| {}));
    /// # smol::block_on(async {
    /// concurrent(async |s| {
    ///     let child = s.spawn(async { panic!("disk full") });
    ///     let panic = child.await.unwrap_err().try_into_panic().unwrap();
    ///     assert_eq!(panic.message(), Some("disk full"));
    /// })
    /// .await;
    /// # });
    /// ```
    pub fn try_into_panic(self) -> Result<Panic, JoinError> {
        match self {
            JoinError::Panicked(panic) => Ok(panic),
            other => Err(other),
        }
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            JoinError::Cancelled(cancelled) => cancelled.fmt(f),
            JoinError::Panicked(panic) => panic.fmt(f),
            JoinError::Failed => f.write_str("child failed: its scope reports the error"),
            JoinError::Taken => f.write_str("the outcome was already taken from this handle"),
        }
    }
}

impl Error for JoinError {}

const _: fn() = || {
    fn is_error<T: Error + Send + Sync + 'static>() {}
    is_error::<JoinError>();
};
