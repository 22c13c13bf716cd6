//! Looking into outcomes.

use super::observed::Log;
use anyscope::{CancelledBy, JoinError, ScopeError, observe::Event};
use std::fmt::Debug;

/// Who cancelled a child that was cancelled.
#[track_caller]
pub fn cause<T>(outcome: Result<T, JoinError>) -> CancelledBy {
    match outcome {
        Err(JoinError::Cancelled(cancelled)) => cancelled.by(),
        Err(other) => panic!("not cancelled: {other}"),
        Ok(_) => panic!("not cancelled: it has a value"),
    }
}

/// The message of the panic of a child that panicked.
#[track_caller]
pub fn panic_message<T>(outcome: Result<T, JoinError>) -> String {
    match outcome {
        Err(JoinError::Panicked(panic)) => panic.message().unwrap_or("no message").into(),
        Err(other) => panic!("no panic: {other}"),
        Ok(_) => panic!("no panic: it has a value"),
    }
}

/// The errors of a scope that failed, the first one first.
#[track_caller]
pub fn errors<T, E: Debug>(result: Result<T, ScopeError<E>>) -> Vec<E> {
    match result {
        Err(ScopeError::Failed { first, rest }) => [first].into_iter().chain(rest).collect(),
        Err(other) => panic!("not failed: {other:?}"),
        Ok(_) => panic!("not failed: it has a value"),
    }
}

/// An observer that adds to `log` what its scope tells about itself.
pub fn record(log: &Log) -> impl Fn(&Event<'_>) + Send + Sync + use<> {
    let log = log.clone();
    move |event| {
        log.add(match event {
            Event::Panicked { panic, .. } => format!("panicked: {}", panic.message().unwrap()),
            Event::Failed { late, .. } => format!("failed{}", if *late { " late" } else { "" }),
            Event::Refused { .. } => "refused".into(),
            Event::Abandoned { children, running } => {
                format!("abandoned: {children} children, {running} running")
            }
            Event::PanicDropped { panic } => format!("dropped: {}", panic.message().unwrap()),
            Event::FinalizerFailed { late, .. } => {
                format!("finalizer failed{}", if *late { " late" } else { "" })
            }
            Event::FinalizerDropped { .. } => "finalizer dropped".into(),
            other => format!("{other:?}"),
        });
    }
}
