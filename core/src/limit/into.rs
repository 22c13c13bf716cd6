//! What can be passed as a limit.

use super::{Capacity, Limit, LiveLimit};
use core::num::NonZeroUsize;

/// A type that an operation accepts as its limit: a number, a [`Limit`], or a [`LiveLimit`] that
/// changes while it is in use.
///
/// Zero would let nothing run, so an operation that is passed `0` panics at the caller's line. For a
/// number that comes from outside, use [`Limit::try_from`] and pass what it returns.
///
/// Implement it for a type of your own by returning one of the others.
///
/// # Examples
///
/// ```
/// use anyscope::{IntoLimit, Limit, LiveLimit, flow};
/// use std::num::NonZeroUsize;
///
/// async fn sum(limit: impl IntoLimit) -> u32 {
///     flow::iter([1, 2, 3]).map_concurrent(limit, async |n| n * n).fold(0, async |sum, n| sum + n).await
/// }
///
/// # smol::block_on(async {
/// assert_eq!(sum(2).await, 14);
/// assert_eq!(sum(NonZeroUsize::MIN).await, 14);
/// assert_eq!(sum(Limit::Unbounded).await, 14);
/// assert_eq!(sum(LiveLimit::new(1)).await, 14);
/// # });
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a limit",
    label = "not a limit",
    note = "write a `usize`, as in `10`; or `Limit::new(10)`, `Limit::Unbounded`, or a `LiveLimit` to change it later"
)]
pub trait IntoLimit {
    /// [`Limit`] if it never changes, [`LiveLimit`] if it does.
    type Limit: Into<Capacity>;

    /// Returns the limit.
    ///
    /// # Panics
    ///
    /// Panics if the limit is zero.
    #[track_caller]
    fn into_limit(self) -> Self::Limit;
}

/// No other integer type implements this, so that a literal such as `10` is inferred as `usize`.
impl IntoLimit for usize {
    type Limit = Limit;

    #[inline]
    #[track_caller]
    fn into_limit(self) -> Limit {
        Limit::new(self)
    }
}

impl IntoLimit for NonZeroUsize {
    type Limit = Limit;

    #[inline]
    fn into_limit(self) -> Limit {
        Limit::AtMost(self)
    }
}

impl IntoLimit for Limit {
    type Limit = Limit;

    #[inline]
    fn into_limit(self) -> Limit {
        self
    }
}

impl IntoLimit for LiveLimit {
    type Limit = LiveLimit;

    fn into_limit(self) -> LiveLimit {
        self
    }
}

/// Shares the limit: the operation follows later changes of the borrowed one.
impl IntoLimit for &LiveLimit {
    type Limit = LiveLimit;

    fn into_limit(self) -> LiveLimit {
        self.clone()
    }
}
