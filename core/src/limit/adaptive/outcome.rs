//! How calls end.

/// How a call ended, as far as an adaptive limit is concerned.
///
/// See [`drop_errors`](Self::drop_errors), and [`Call::end`](super::Call::end) for one's own answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It was served: how long it took counts.
    Success,
    /// It was dropped for want of capacity: rejected, or timed out.
    Dropped,
    /// It shows nothing about the service.
    Ignored,
}

impl Outcome {
    /// Returns `Success` for `Ok`, and `Ignored` for an error: as
    /// [`AdaptiveLimit::call`](super::AdaptiveLimit::call) does.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{AdaptiveLimit, limit::adaptive::{Aimd, Outcome}, smol::Smol};
    /// use std::future::ready;
    ///
    /// # smol::block_on(async {
    /// let adaptive = AdaptiveLimit::new(Aimd::default());
    /// let call = ready(Err::<(), _>("no such user"));
    /// let result = adaptive.call_with(&Smol, call, Outcome::ignore_errors).await;
    /// assert!(result.is_err());
    /// assert_eq!(adaptive.get().get(), 20); // as before: the service is well
    /// # });
    /// ```
    pub fn ignore_errors<T, E>(result: &Result<T, E>) -> Self {
        if result.is_ok() { Outcome::Success } else { Outcome::Ignored }
    }

    /// Returns `Success` for `Ok`, and `Dropped` for an error: for calls whose only error is
    /// [`Elapsed`](crate::Elapsed) or a rejection.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{AdaptiveLimit, limit::adaptive::{Aimd, Outcome}, smol::Smol, timeout};
    /// use std::{future::pending, time::Duration};
    ///
    /// # smol::block_on(async {
    /// let adaptive = AdaptiveLimit::new(Aimd::default());
    /// let call = timeout(&Smol, Duration::from_millis(1), pending::<()>());
    /// let result = adaptive.call_with(&Smol, call, Outcome::drop_errors).await;
    /// assert!(result.is_err());
    /// assert_eq!(adaptive.get().get(), 18);
    /// # });
    /// ```
    pub fn drop_errors<T, E>(result: &Result<T, E>) -> Self {
        if result.is_ok() { Outcome::Success } else { Outcome::Dropped }
    }
}
