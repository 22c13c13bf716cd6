//! Why a child has no value.

use super::Panic;
use crate::cancel::Cancelled;
use core::{error::Error, fmt};

/// Why a child has no value for its handle.
///
/// It converts into `Box<dyn Error + Send + Sync>` and the like with `?`.
#[derive(Debug)]
#[non_exhaustive]
pub enum JoinError {
    /// The child was ended before it finished. Neither a success nor a failure.
    Cancelled(Cancelled),
    /// The child panicked. The panic is the handle's to deal with from here on.
    Panicked(Panic),
    /// The child failed in a fail-fast scope; its scope reports the error or the panic.
    Failed,
    /// The outcome was taken from this handle before.
    Taken,
}

impl JoinError {
    /// Whether the child was ended before it finished.
    pub fn is_cancelled(&self) -> bool {
        matches!(self, JoinError::Cancelled(_))
    }

    /// Whether the child panicked.
    pub fn is_panic(&self) -> bool {
        matches!(self, JoinError::Panicked(_))
    }

    /// The panic, if it was one.
    ///
    /// # Errors
    ///
    /// Gives the error back if the child did not panic.
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
