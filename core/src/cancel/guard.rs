//! Cancels a token unless it is told not to.

use super::{CancelReason, CancelToken};
use crate::sync::Wakers;

impl CancelToken {
    /// Returns a guard that cancels this token when dropped, unless it is disarmed before.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::CancelToken;
    ///
    /// let token = CancelToken::new();
    /// drop(token.child_token().drop_guard("left early").disarm());
    /// assert!(!token.is_cancelled());
    ///
    /// let guard = token.clone().drop_guard("left early");
    /// drop(guard); // also by `?`, a panic, or a cancel of the task
    /// assert_eq!(token.reason().unwrap().message(), "left early");
    /// ```
    #[track_caller]
    pub fn drop_guard(self, reason: impl Into<CancelReason>) -> CancelGuard {
        CancelGuard { armed: Some((self, reason.into())) }
    }
}

/// A guard that cancels a token when dropped; see [`CancelToken::drop_guard`].
///
/// # Examples
///
/// ```
/// use anyscope::CancelToken;
///
/// let others = CancelToken::new();
/// {
///     let _guard = others.clone().drop_guard("left early");
///     // .. `?`, a panic, a cancel ..
/// }
/// assert_eq!(others.reason().unwrap().message(), "left early");
/// ```
#[derive(Debug)]
#[must_use = "dropping the guard cancels the token"]
pub struct CancelGuard {
    armed: Option<(CancelToken, CancelReason)>,
}

impl CancelGuard {
    /// Returns the token, without cancelling it.
    ///
    /// # Examples
    ///
    /// Whoever returns early cancels the others:
    ///
    /// ```
    /// use anyscope::CancelToken;
    ///
    /// fn first_step(others: &CancelToken, input: &str) -> Result<u32, std::num::ParseIntError> {
    ///     let guard = others.clone().drop_guard("the first step failed");
    ///     let number = input.parse()?;
    ///     guard.disarm();
    ///     Ok(number)
    /// }
    ///
    /// let others = CancelToken::new();
    /// assert_eq!(first_step(&others, "7"), Ok(7));
    /// assert!(!others.is_cancelled());
    /// assert!(first_step(&others, "seven").is_err());
    /// assert!(others.is_cancelled());
    /// ```
    pub fn disarm(mut self) -> CancelToken {
        let (token, _) = self.armed.take().expect("there until here");
        token
    }
}

impl Drop for CancelGuard {
    fn drop(&mut self) {
        if let Some((token, reason)) = self.armed.take() {
            let mut wakers = Wakers::new();
            token.cancel_and_collect(reason, &mut wakers);
            wakers.fire_and_resume();
        }
    }
}
