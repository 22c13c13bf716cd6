//! Why there is no value.

use crate::CodecError;
use std::{error::Error, fmt, io, process::ExitStatus, time::Duration};

/// Why a job of a [`ProcessPool`](crate::ProcessPool) has no value. `E` is its own [error](crate::Job::Error).
///
/// # Examples
///
/// ```
/// use anyscope_remote::ProcessError;
///
/// /// Whether the job itself is to blame: it is of no use to try such a one again.
/// fn is_its_own_fault<E>(error: &ProcessError<E>) -> bool {
///     matches!(
///         error,
///         ProcessError::Failed(_) | ProcessError::Panicked(_) | ProcessError::Exited { .. }
///     )
/// }
///
/// assert!(is_its_own_fault(&ProcessError::Failed("no number")));
/// assert!(!is_its_own_fault::<&str>(&ProcessError::GivenUp));
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum ProcessError<E> {
    /// It failed.
    Failed(E),
    /// Its handler panicked; here is the message. The process goes on.
    Panicked(String),
    /// Its process ended: it aborted, was killed by a signal, or called `exit`.
    Exited {
        /// How.
        status: ExitStatus,
        /// What it has printed last since the job began, on both outputs.
        output: String,
    },
    /// It took longer than it may, and its process was killed.
    TimedOut {
        /// How long it may take.
        limit: Duration,
        /// What it has printed last since the job began, on both outputs.
        output: String,
    },
    /// The process does not know this kind of jobs, or cannot decode it, or its outcome is not encoded.
    Refused(String),
    /// No process was started.
    NotStarted(io::Error),
    /// Too many processes have ended before they did anything; see [`Builder::restart`](super::Builder::restart).
    GivenUp,
    /// The job is not encoded, or its outcome not decoded.
    Codec(CodecError),
}

impl<E: fmt::Display> fmt::Display for ProcessError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, output) = match self {
            ProcessError::Failed(error) => return error.fmt(f),
            ProcessError::Panicked(message) => return write!(f, "panicked: {message}"),
            ProcessError::Refused(why) => return write!(f, "refused: {why}"),
            ProcessError::NotStarted(error) => return write!(f, "no process: {error}"),
            ProcessError::GivenUp => {
                return f.write_str("the processes of the pool end before they do anything");
            }
            ProcessError::Codec(error) => return error.fmt(f),
            ProcessError::Exited { status, output } => {
                (format!("its process ended: {status}"), output)
            }
            ProcessError::TimedOut { limit, output } => {
                (format!("its process was killed after {limit:?}"), output)
            }
        };
        f.write_str(&what)?;
        match output.trim_end().lines().last() {
            Some(line) => write!(f, "; its last words: {line}"),
            None => Ok(()),
        }
    }
}

impl<E: Error + 'static> Error for ProcessError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            ProcessError::Failed(error) => error.source(),
            ProcessError::NotStarted(error) => error.source(),
            ProcessError::Codec(error) => error.source(),
            _ => None,
        }
    }
}
