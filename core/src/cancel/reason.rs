//! Why something was cancelled, and by whom.

use alloc::{borrow::Cow, string::String, sync::Arc};
use core::{fmt, panic::Location};

/// Why something was cancelled, and where that was asked for.
///
/// Made from a message, in place: `token.cancel("shutting down")`. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CancelReason {
    message: Message,
    at: &'static Location<'static>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Message {
    Static(&'static str),
    Shared(Arc<str>),
}

impl CancelReason {
    /// For this reason, asked for by the caller.
    #[track_caller]
    pub fn new(message: impl Into<Cow<'static, str>>) -> Self {
        let message = match message.into() {
            Cow::Borrowed(message) => Message::Static(message),
            Cow::Owned(message) => Message::Shared(message.into()),
        };
        CancelReason { message, at: Location::caller() }
    }

    /// Why.
    pub fn message(&self) -> &str {
        match &self.message {
            Message::Static(message) => message,
            Message::Shared(message) => message,
        }
    }

    /// Where the cancel was asked for.
    pub fn at(&self) -> &'static Location<'static> {
        self.at
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

impl fmt::Display for CancelReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (asked for at {})", self.message(), self.at)
    }
}
