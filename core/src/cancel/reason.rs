//! Why something was cancelled, and by whom.

use alloc::{borrow::Cow, string::String, sync::Arc};
use core::{fmt, panic::Location};

/// Why something was cancelled, and where that was asked for.
///
/// Made from a message, in place: `scope.cancel("shutting down")`. One allocation; cheap to clone.
#[derive(Clone, PartialEq, Eq)]
pub struct CancelReason(Arc<Inner>);

#[derive(PartialEq, Eq)]
struct Inner {
    message: Cow<'static, str>,
    at: Option<&'static Location<'static>>,
}

impl CancelReason {
    /// For this reason, asked for by the caller.
    #[track_caller]
    pub fn new(message: impl Into<Cow<'static, str>>) -> Self {
        CancelReason(Arc::new(Inner { message: message.into(), at: Some(Location::caller()) }))
    }

    /// A reason of the library's own.
    pub(crate) fn internal(message: &'static str) -> Self {
        CancelReason(Arc::new(Inner { message: message.into(), at: None }))
    }

    /// Why.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Where the cancel was asked for. Nothing if nobody did: of a scope that failed, or was
    /// dropped.
    pub fn asked_at(&self) -> Option<&'static Location<'static>> {
        self.0.at
    }
}

impl From<&'static str> for CancelReason {
    #[track_caller]
    fn from(message: &'static str) -> Self {
        CancelReason::new(message)
    }
}

impl From<String> for CancelReason {
    #[track_caller]
    fn from(message: String) -> Self {
        CancelReason::new(message)
    }
}

impl fmt::Debug for CancelReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CancelReason({self})")
    }
}

impl fmt::Display for CancelReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())?;
        match self.asked_at() {
            Some(at) => write!(f, " (asked for at {at})"),
            None => Ok(()),
        }
    }
}
