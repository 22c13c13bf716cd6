//! What the server's errors mean.

use anyscope_remote::{EngineError, ErrorKind};
use serde::Deserialize;

/// An error of JetStream.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct ApiError {
    #[serde(default)]
    code: u16,
    #[serde(default)]
    err_code: u16,
    #[serde(default)]
    description: String,
}

/// Why JetStream did not do what it was asked.
#[derive(Debug)]
pub(crate) enum Refused {
    Api(ApiError),
    Engine(EngineError),
}

impl ApiError {
    pub(crate) fn is_not_found(&self) -> bool {
        matches!(self.err_code, NO_MESSAGE | NO_CONSUMER | NO_STREAM) || self.code == 404
    }

    /// The message to be deleted is not there.
    pub(crate) fn is_deleted(&self) -> bool {
        matches!(self.err_code, DELETE_FAILED | NO_SEQUENCE) || self.is_not_found()
    }

    pub(crate) fn is_conflict(&self) -> bool {
        matches!(self.err_code, WRONG_LAST | WRONG_LAST_UNNAMED)
    }

    /// A stream has this name already, and other settings.
    pub(crate) fn is_other_settings(&self) -> bool {
        self.err_code == STREAM_EXISTS
    }

    /// There are fewer servers than copies. So a cluster answers, too, until it knows all of its servers.
    pub(crate) fn is_too_few(&self) -> bool {
        self.err_code == NO_PEERS
    }

    /// A stream has these subjects already. So a server answers, too, while it makes the same stream for somebody else (seen with 2.9.10).
    pub(crate) fn is_overlap(&self) -> bool {
        self.err_code == SUBJECTS_OVERLAP
    }
}

const NO_STREAM: u16 = 10059;
const NO_CONSUMER: u16 = 10014;
const NO_MESSAGE: u16 = 10037;
const DELETE_FAILED: u16 = 10057;
/// Of a cluster.
const NO_SEQUENCE: u16 = 10043;
const STREAM_EXISTS: u16 = 10058;
const SUBJECTS_OVERLAP: u16 = 10065;
const WRONG_LAST: u16 = 10071;
const WRONG_LAST_UNNAMED: u16 = 10164;
const STORE_FAILED: u16 = 10077;
const NO_JETSTREAM: [u16; 2] = [10039, 10076];
const NO_SPACE: [u16; 5] = [10002, 10023, 10028, 10047, 10119];
const NOT_CLUSTERED: u16 = 10074;
const NO_PEERS: u16 = 10005;

impl From<ApiError> for EngineError {
    fn from(error: ApiError) -> Self {
        let ApiError { code, err_code, description } = error;
        let (kind, advice) = match err_code {
            STORE_FAILED if description.contains("maximum") => return ErrorKind::Full.into(),
            STORE_FAILED => (ErrorKind::OutOfSpace, "is the disk of the server full?"),
            _ if NO_SPACE.contains(&err_code) => (
                ErrorKind::OutOfSpace,
                "raise `max_file_store` of the server, or the limits of the account",
            ),
            _ if NO_JETSTREAM.contains(&err_code) => (
                ErrorKind::Incompatible,
                "start the server with `--jetstream`, and enable it for the account",
            ),
            NOT_CLUSTERED | NO_PEERS => (
                ErrorKind::Incompatible,
                "there are fewer servers than replicas: start more, or ask for fewer",
            ),
            _ if code == 503 || code == 408 => (ErrorKind::Unavailable, "it is asked again"),
            _ => (ErrorKind::Other, "this is unexpected"),
        };
        EngineError::new(kind, format!("{description} ({err_code}); {advice}"))
    }
}

impl From<Refused> for EngineError {
    fn from(error: Refused) -> Self {
        match error {
            Refused::Api(error) => error.into(),
            Refused::Engine(error) => error,
        }
    }
}

impl From<EngineError> for Refused {
    fn from(error: EngineError) -> Self {
        Refused::Engine(error)
    }
}

/// The answer is none that we know.
pub(crate) fn unreadable(what: impl std::fmt::Display) -> EngineError {
    EngineError::new(ErrorKind::Incompatible, format!("an answer that is not understood: {what}"))
}

pub(crate) fn unavailable(why: impl Into<String>) -> EngineError {
    EngineError::new(ErrorKind::Unavailable, why.into())
}
