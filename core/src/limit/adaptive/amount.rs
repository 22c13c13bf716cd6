//! Numbers of calls that depend on the limit.

use super::{Ratio, fixed::Fixed};

/// A number of calls, which may depend on the limit.
///
/// # Examples
///
/// ```
/// use anyscope::limit::adaptive::{Amount, Ratio, Vegas};
///
/// let vegas = Vegas::builder()
///     .alpha(Amount::Calls(3))
///     .beta(Amount::Calls(6))
///     .decrease(Amount::Share(Ratio::percent(10)))
///     .build()?;
/// # Ok::<_, anyscope::limit::adaptive::InvalidConfig>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Amount {
    /// So many.
    Calls(u32),
    /// So many times the logarithm of the limit to base 10, without its decimals: 1 for a limit below
    /// 100, 2 below 1000.
    Log10(u32),
    /// This share of the limit.
    Share(Ratio),
}

impl Amount {
    pub(super) fn at(self, limit: Fixed) -> Fixed {
        match self {
            Amount::Calls(calls) => Fixed::whole(calls),
            Amount::Log10(times) => {
                let logarithm = limit.floor().checked_ilog10().unwrap_or(0).max(1);
                Fixed::whole(times.saturating_mul(logarithm))
            }
            Amount::Share(ratio) => limit.times(ratio),
        }
    }
}
