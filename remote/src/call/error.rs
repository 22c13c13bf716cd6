//! Why a job has no value.

use crate::{CodecError, engine::EngineError};
use std::{error::Error, fmt};

/// Why a job has no value. `E` is its own [error](crate::Job::Error).
///
/// # Examples
///
/// ```
/// use anyscope_remote::{CallError, LastAttempt};
///
/// /// What a server answers.
/// fn status(error: &CallError<String>) -> u16 {
///     match error {
///         CallError::Failed(_) => 422,
///         CallError::Dead { last: LastAttempt::WorkerLost, .. } => 502,
///         CallError::DeadlinePassed => 504,
///         CallError::Cancelled(_) => 499,
///         _ => 500,
///     }
/// }
///
/// assert_eq!(status(&CallError::Failed("no such picture".to_owned())), 422);
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum CallError<E> {
    /// It failed, and another attempt [would not help](crate::Job::retry).
    Failed(E),
    /// It was tried as often as it may be, or cannot be tried. It is a dead letter.
    Dead {
        /// How often it was begun.
        attempts: u32,
        /// How the last attempt ended.
        last: LastAttempt<E>,
    },
    /// It was cancelled, for this reason.
    Cancelled(String),
    /// Its time was over.
    DeadlinePassed,
    /// The job is not encoded, or its outcome not decoded.
    Codec(CodecError),
    /// The engine refuses it, or failed.
    Engine(EngineError),
}

/// How the last attempt of a dead letter ended.
///
/// See [`CallError`].
#[derive(Debug)]
#[non_exhaustive]
pub enum LastAttempt<E> {
    /// With an error.
    Failed(E),
    /// With a panic; here is its message.
    Panicked(String),
    /// With the worker: it crashed, or was not heard of until the lease ran out.
    WorkerLost,
    /// It was not begun: the worker does not know this kind or version of jobs, or cannot decode it.
    Refused(String),
}

impl<E: fmt::Display> fmt::Display for CallError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CallError::Failed(error) => error.fmt(f),
            CallError::Dead { attempts, last } => {
                write!(f, "given up at attempt {attempts}: {last}")
            }
            CallError::Cancelled(why) => write!(f, "cancelled: {why}"),
            CallError::DeadlinePassed => f.write_str("its time was over"),
            CallError::Codec(error) => error.fmt(f),
            CallError::Engine(error) => error.fmt(f),
        }
    }
}

impl<E: fmt::Display> fmt::Display for LastAttempt<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LastAttempt::Failed(error) => error.fmt(f),
            LastAttempt::Panicked(message) => write!(f, "panicked: {message}"),
            LastAttempt::WorkerLost => f.write_str("its worker was lost"),
            LastAttempt::Refused(why) => write!(f, "refused: {why}"),
        }
    }
}

impl<E: Error + 'static> Error for CallError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            CallError::Failed(error) | CallError::Dead { last: LastAttempt::Failed(error), .. } => {
                error.source()
            }
            CallError::Codec(error) => error.source(),
            CallError::Engine(error) => error.source(),
            _ => None,
        }
    }
}

impl<E> From<EngineError> for CallError<E> {
    fn from(error: EngineError) -> Self {
        CallError::Engine(error)
    }
}

impl<E> From<CodecError> for CallError<E> {
    fn from(error: CodecError) -> Self {
        CallError::Codec(error)
    }
}
