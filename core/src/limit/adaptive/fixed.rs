//! Limits with nine decimals, as an algorithm computes them.

use super::Ratio;
use core::num::NonZeroUsize;

/// A number of calls in billionths, from 0 to `u32::MAX`.
///
/// Decimal, so that what people write (0.9, 0.2) is exact. Rounded to the nearest, so that errors do
/// not add up in one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Fixed(u64);

const ONE: u64 = Ratio::PARTS;

impl Fixed {
    pub(super) const fn whole(calls: u32) -> Self {
        Fixed(calls as u64 * ONE)
    }

    /// `calls`, or `u32::MAX` if that is less.
    pub(super) fn at_most(calls: usize) -> Self {
        Self::whole(u32::try_from(calls).unwrap_or(u32::MAX))
    }

    pub(super) fn floor(self) -> u32 {
        // Fits: no more than `u32::MAX` is ever made.
        (self.0 / ONE) as u32
    }

    /// The limit that this is, without its decimals; never less than 1.
    pub(super) fn limit(self) -> NonZeroUsize {
        let calls = usize::try_from(self.floor()).unwrap_or(usize::MAX);
        NonZeroUsize::new(calls).unwrap_or(NonZeroUsize::MIN)
    }

    pub(super) fn plus(self, more: Fixed) -> Self {
        Self::saturating(u128::from(self.0) + u128::from(more.0))
    }

    /// Zero if `less` is more.
    pub(super) fn minus(self, less: Fixed) -> Self {
        Fixed(self.0.saturating_sub(less.0))
    }

    pub(super) fn times(self, ratio: Ratio) -> Self {
        Self::saturating(rounded(u128::from(self.0) * u128::from(ratio.parts())))
    }

    /// From `self` so far towards `new` as `smoothing` says; up to one is all the way.
    pub(super) fn towards(self, new: Fixed, smoothing: Ratio) -> Self {
        let (new_parts, old_parts) = (smoothing.parts(), ONE - smoothing.parts());
        let sum =
            u128::from(self.0) * u128::from(old_parts) + u128::from(new.0) * u128::from(new_parts);
        Self::saturating(rounded(sum))
    }

    /// `self × numerator / denominator`, rounded up to whole calls. The fraction is at most one.
    pub(super) fn share_rounded_up(self, numerator: u64, denominator: u64) -> Self {
        let calls = (u128::from(self.0) * u128::from(numerator))
            .div_ceil(u128::from(denominator) * u128::from(ONE));
        Self::saturating(calls * u128::from(ONE))
    }

    /// Whether so many calls are less than half of this.
    pub(super) fn is_half_unused_by(self, calls: usize) -> bool {
        // No overflow: twice a `u64` in billionths.
        2 * calls as u128 * u128::from(ONE) < u128::from(self.0)
    }

    fn saturating(parts: u128) -> Self {
        match u64::try_from(parts) {
            Ok(parts) => Fixed(parts).min(Self::whole(u32::MAX)),
            Err(_) => Self::whole(u32::MAX),
        }
    }
}

/// A product of two numbers in billionths, in billionths.
fn rounded(product: u128) -> u128 {
    (product + u128::from(ONE / 2)) / u128::from(ONE)
}

#[cfg(all(test, feature = "std", not(anyscope_loom)))]
mod tests {
    use super::*;

    const MOST: Fixed = Fixed::whole(u32::MAX);

    #[test]
    fn decimals_are_exact() {
        let step = Fixed::whole(4).times(Ratio::percent(20));
        let mut limit = Fixed::whole(20);
        (0..5).for_each(|_| limit = limit.plus(step));
        assert_eq!(limit, Fixed::whole(24));
        assert_eq!(Fixed::whole(30).times(Ratio::percent(90)), Fixed::whole(27));
        let half = Fixed::whole(75).towards(Fixed(37_500_000_000), Ratio::percent(50));
        assert_eq!(half, Fixed(56_250_000_000));
        assert_eq!(half.floor(), 56);
    }

    #[test]
    fn ends_are_kept() {
        assert_eq!(MOST.plus(MOST), MOST);
        assert_eq!(MOST.times(Ratio::new(u32::MAX, 1)), MOST);
        assert_eq!(MOST.towards(MOST, Ratio::percent(37)), MOST);
        assert_eq!(MOST.share_rounded_up(u64::MAX, u64::MAX), MOST);
        assert_eq!(Fixed::at_most(usize::MAX), MOST);
        assert_eq!(Fixed::whole(1).minus(MOST), Fixed::whole(0));
        assert_eq!(Fixed::whole(0).limit(), NonZeroUsize::MIN);
        assert!(!MOST.is_half_unused_by(usize::MAX));
    }

    #[test]
    fn shares_are_rounded_up() {
        assert_eq!(Fixed::whole(10).share_rounded_up(4, 14), Fixed::whole(3));
        assert_eq!(Fixed::whole(10).share_rounded_up(40, 50), Fixed::whole(8));
        assert_eq!(Fixed::whole(10).share_rounded_up(0, 50), Fixed::whole(0));
    }
}
