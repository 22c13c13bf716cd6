//! What goes wrong in engines.

use std::{error::Error, fmt};

/// Why an engine did not do what it was asked.
///
/// See [`new`](Self::new).
#[derive(Debug)]
pub struct EngineError {
    kind: ErrorKind,
    cause: Option<Box<dyn Error + Send + Sync>>,
}

/// What kind of error it is, and with it what is done about it.
///
/// See [`EngineError::kind`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The queue has as many jobs as it may have. A call waits and puts its job again.
    Full,
    /// A job or an outcome has more bytes than the engine takes.
    TooLarge {
        /// How many bytes it has.
        size: usize,
        /// How many it may have.
        limit: usize,
    },
    /// The engine cannot be reached, or does not answer in time. It may or may not have done what it was asked. Callers and workers
    /// ask again, until they are dropped.
    Unavailable,
    /// The engine refuses the credentials, or what they may do. A worker ends with this.
    Denied,
    /// There is no space to store anything.
    OutOfSpace,
    /// What is stored, or the server, is of another version. A worker ends with this.
    Incompatible,
    /// Anything else.
    Other,
}

impl EngineError {
    /// Creates an error with a cause, which must have no credentials in it: it is shown to people.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope_remote::{EngineError, ErrorKind};
    /// use std::io;
    ///
    /// /// In an adapter: what of its client's errors may pass, and what may not.
    /// fn from_io(error: io::Error) -> EngineError {
    ///     let kind = match error.kind() {
    ///         io::ErrorKind::PermissionDenied => ErrorKind::Denied,
    ///         _ => ErrorKind::Unavailable, // it is asked again, later
    ///     };
    ///     EngineError::new(kind, error)
    /// }
    ///
    /// let refused = from_io(io::ErrorKind::ConnectionRefused.into());
    /// assert_eq!(refused.kind(), ErrorKind::Unavailable);
    /// ```
    pub fn new(kind: ErrorKind, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        EngineError { kind, cause: Some(cause.into()) }
    }

    /// Checks that a job or an outcome of `size` bytes is within `limit`, for adapters.
    ///
    /// # Errors
    ///
    /// [`TooLarge`](ErrorKind::TooLarge) if it is not.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope_remote::{EngineError, ErrorKind};
    ///
    /// let job = vec![0; 2_000_000];
    /// let error = EngineError::check_size(job.len(), 1_000_000).unwrap_err();
    /// assert!(matches!(error.kind(), ErrorKind::TooLarge { .. }));
    /// ```
    pub fn check_size(size: usize, limit: usize) -> Result<(), EngineError> {
        if size > limit { Err(ErrorKind::TooLarge { size, limit }.into()) } else { Ok(()) }
    }

    /// Returns what kind of error it is.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope_remote::{EngineError, ErrorKind};
    ///
    /// /// Whether it is of use to ask once more.
    /// fn is_worth_it(error: &EngineError) -> bool {
    ///     matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Full)
    /// }
    ///
    /// assert!(is_worth_it(&EngineError::new(ErrorKind::Unavailable, "connection lost")));
    /// ```
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Whether it makes sense to ask again later.
    pub(crate) fn passes(&self) -> bool {
        matches!(self.kind, ErrorKind::Unavailable | ErrorKind::Full)
    }

    /// Whether a worker cannot do anything with this engine, however long it waits.
    pub(crate) fn ends_workers(&self) -> bool {
        matches!(self.kind, ErrorKind::Denied | ErrorKind::Incompatible)
    }
}

impl From<ErrorKind> for EngineError {
    fn from(kind: ErrorKind) -> Self {
        EngineError { kind, cause: None }
    }
}

impl fmt::Display for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            ErrorKind::Full => f.write_str("the queue is full"),
            ErrorKind::TooLarge { size, limit } => {
                write!(f, "{size} bytes are more than the {limit} that the engine takes")
            }
            ErrorKind::Unavailable => f.write_str("the engine cannot be reached"),
            ErrorKind::Denied => f.write_str("the engine refuses the credentials"),
            ErrorKind::OutOfSpace => f.write_str("the engine has no space left"),
            ErrorKind::Incompatible => f.write_str("the engine is of another version"),
            ErrorKind::Other => f.write_str("the engine failed"),
        }?;
        match &self.cause {
            Some(cause) => write!(f, ": {cause}"),
            None => Ok(()),
        }
    }
}

impl Error for EngineError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_ref().and_then(|cause| cause.source())
    }
}

/// Why bytes are not what was written.
///
/// See [`Envelope::from_bytes`](super::Envelope::from_bytes).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Malformed {
    /// They are of another version of this crate, which changed what they mean.
    Version(u8),
    /// They are something else.
    Broken,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Malformed::Version(version) => {
                write!(f, "this was written in format {version}, which is not known here")
            }
            Malformed::Broken => f.write_str("this is not what was written"),
        }
    }
}

impl Error for Malformed {}

impl From<Malformed> for EngineError {
    fn from(error: Malformed) -> Self {
        EngineError::new(ErrorKind::Incompatible, error)
    }
}
