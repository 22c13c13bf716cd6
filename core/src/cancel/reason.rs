//! Why something was cancelled.

use alloc::{borrow::Cow, string::String, sync::Arc};
use core::{fmt, panic::Location};

/// Why something was cancelled, and where the cancel was asked for.
///
/// Usually made from a message, in place: `scope.cancel("shutting down")`.
///
/// # Cost
///
/// One allocation; cheap to clone.
///
/// # Examples
///
/// ```
/// use anyscope::{CancelReason, CancelToken};
///
/// let token = CancelToken::new();
/// token.cancel(CancelReason::new(format!("{} requests failed", 3)));
/// let reason = token.reason().unwrap();
/// assert_eq!(reason.message(), "3 requests failed");
/// assert!(reason.asked_at().is_some());
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct CancelReason(Arc<Inner>);

#[derive(PartialEq, Eq)]
struct Inner {
    message: Cow<'static, str>,
    at: Option<&'static Location<'static>>,
}

impl CancelReason {
    /// Creates a reason with this message, asked for at the caller's line.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::CancelReason;
    ///
    /// let failed = 3;
    /// let reason = CancelReason::new(format!("{failed} requests failed"));
    /// assert_eq!(reason.message(), "3 requests failed");
    /// assert_eq!(reason.asked_at().unwrap().file(), file!());
    /// ```
    #[track_caller]
    pub fn new(message: impl Into<Cow<'static, str>>) -> Self {
        CancelReason(Arc::new(Inner { message: message.into(), at: Some(Location::caller()) }))
    }

    /// Creates a reason of the library's own.
    pub(crate) fn internal(message: &'static str) -> Self {
        CancelReason(Arc::new(Inner { message: message.into(), at: None }))
    }

    /// Returns the message.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::CancelReason;
    ///
    /// let reason = CancelReason::from("shutting down");
    /// assert_eq!(reason.message(), "shutting down");
    /// assert!(reason.to_string().starts_with("shutting down (asked for at "), "{reason}");
    /// ```
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Returns where the cancel was asked for. None if no code asked for it: the scope failed, or
    /// was dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::CancelToken;
    ///
    /// let token = CancelToken::new();
    /// token.cancel("closing"); // this line
    /// let reason = token.reason().unwrap();
    /// assert_eq!(reason.asked_at().unwrap().line(), line!() - 2);
    /// ```
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
