//! A limit that is known from the start.

use core::{error::Error, fmt, num::NonZeroUsize};

/// How many children may run at the same time. Never zero, as nothing could ever run then.
///
/// # Examples
///
/// ```
/// use anyscope::Limit;
///
/// const EIGHT: Limit = Limit::new(8); // `Limit::new(0)` does not compile here
/// assert_eq!(Limit::try_from(8), Ok(EIGHT));
/// assert!(Limit::try_from(0).is_err());
/// assert_eq!(Limit::Unbounded.get(), usize::MAX);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Limit {
    /// At most this many.
    AtMost(NonZeroUsize),
    /// As many as there are. Written out, so that a reader sees that nothing limits them.
    Unbounded,
}

impl Limit {
    /// Creates a limit of at most `limit`.
    ///
    /// For a number that comes from outside, use `Limit::try_from(limit)`, which returns a
    /// [`ZeroLimit`] instead of panicking.
    ///
    /// # Panics
    ///
    /// Panics if `limit` is zero. In a `const` that is a compile error.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::Limit;
    ///
    /// const CONNECTIONS: Limit = Limit::new(8); // `Limit::new(0)` does not compile here
    /// assert_eq!(CONNECTIONS.get(), 8);
    /// ```
    #[track_caller]
    pub const fn new(limit: usize) -> Self {
        match NonZeroUsize::new(limit) {
            Some(limit) => Limit::AtMost(limit),
            None => {
                panic!("a limit of 0 would let nothing run; use at least 1, or Limit::Unbounded")
            }
        }
    }

    /// Returns the limit as a number: `usize::MAX` if there is none.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::Limit;
    ///
    /// assert_eq!(Limit::new(8).get(), 8);
    /// assert_eq!(Limit::Unbounded.get(), usize::MAX);
    /// ```
    pub const fn get(self) -> usize {
        match self {
            Limit::AtMost(limit) => limit.get(),
            Limit::Unbounded => usize::MAX,
        }
    }
}

impl From<NonZeroUsize> for Limit {
    fn from(limit: NonZeroUsize) -> Self {
        Limit::AtMost(limit)
    }
}

impl TryFrom<usize> for Limit {
    type Error = ZeroLimit;

    fn try_from(limit: usize) -> Result<Self, ZeroLimit> {
        NonZeroUsize::new(limit).map(Limit::AtMost).ok_or(ZeroLimit(()))
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Limit::AtMost(limit) => limit.fmt(f),
            Limit::Unbounded => f.pad("unbounded"),
        }
    }
}

/// An error: a limit of zero was asked for.
///
/// Returned by `Limit::try_from`.
///
/// # Examples
///
/// ```
/// use anyscope::limit::{Limit, Semaphore, ZeroLimit};
///
/// /// A number from outside, of which nobody knows whether it is 0.
/// fn semaphore(permits: usize) -> Result<Semaphore, ZeroLimit> {
///     Ok(Semaphore::new(Limit::try_from(permits)?))
/// }
///
/// assert!(semaphore(8).is_ok());
/// assert!(semaphore(0).is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ZeroLimit(());

impl fmt::Display for ZeroLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a limit of 0 would let nothing run; use at least 1, or `Limit::Unbounded`")
    }
}

impl Error for ZeroLimit {}
