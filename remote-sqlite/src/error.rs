//! What errors of SQLite mean.

use anyscope_remote::{EngineError, ErrorKind};
use rusqlite::{Error, ErrorCode};

pub(crate) fn translate(error: Error) -> EngineError {
    EngineError::new(kind(&error), error)
}

fn kind(error: &Error) -> ErrorKind {
    let failure = match error {
        Error::SqliteFailure(failure, _) => failure,
        // A job that a later version has written.
        Error::FromSqlConversionFailure(..) => return ErrorKind::Incompatible,
        _ => return ErrorKind::Other,
    };
    match failure.code {
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => ErrorKind::Unavailable,
        ErrorCode::DiskFull => ErrorKind::OutOfSpace,
        ErrorCode::PermissionDenied
        | ErrorCode::ReadOnly
        | ErrorCode::AuthorizationForStatementDenied => ErrorKind::Denied,
        ErrorCode::NotADatabase => ErrorKind::Incompatible,
        _ => ErrorKind::Other,
    }
}
