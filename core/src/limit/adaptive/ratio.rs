//! Ratios that are exact in decimals.

use core::{error::Error, fmt};

/// A ratio that is not negative, such as 0.9, to nine decimals.
///
/// A number of its own, and not an `f64`, so that a limit is the same on every machine, and so that
/// there is nothing to say about NaN.
///
/// # Examples
///
/// ```
/// use anyscope::limit::adaptive::Ratio;
///
/// const NINE_TENTHS: Ratio = Ratio::percent(90);
/// assert_eq!(Ratio::new(9, 10), NINE_TENTHS);
/// assert_eq!(Ratio::try_from(0.9), Ok(NINE_TENTHS));
/// assert!(Ratio::try_from(f64::NAN).is_err());
/// assert_eq!(NINE_TENTHS.to_string(), "0.9");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ratio(u64);

impl Ratio {
    /// How many parts there are in one.
    pub(super) const PARTS: u64 = 1_000_000_000;

    /// Nothing.
    pub const ZERO: Ratio = Ratio(0);

    /// The whole.
    pub const ONE: Ratio = Ratio(Self::PARTS);

    /// Returns so many hundredths.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::limit::adaptive::Ratio;
    ///
    /// assert_eq!(Ratio::percent(90).to_string(), "0.9");
    /// assert_eq!(Ratio::percent(150).to_string(), "1.5");
    /// ```
    pub const fn percent(percent: u32) -> Self {
        Ratio(percent as u64 * (Self::PARTS / 100))
    }

    /// Returns `numerator / denominator`.
    ///
    /// # Panics
    ///
    /// Panics if `denominator` is zero. In a `const` that is a compile error.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::limit::adaptive::Ratio;
    ///
    /// const TWO_THIRDS: Ratio = Ratio::new(2, 3); // `Ratio::new(2, 0)` does not compile here
    /// assert!(TWO_THIRDS > Ratio::percent(66));
    /// ```
    #[track_caller]
    pub const fn new(numerator: u32, denominator: u32) -> Self {
        assert!(denominator != 0, "a ratio to 0 is no number; use a denominator of at least 1");
        // In steps of one part, rounded. Fits: `u32::MAX` parts of 2^30.
        let parts = numerator as u64 * Self::PARTS;
        Ratio((parts + denominator as u64 / 2) / denominator as u64)
    }

    pub(super) const fn from_parts(parts: u64) -> Self {
        Ratio(parts)
    }

    pub(super) const fn parts(self) -> u64 {
        self.0
    }
}

/// Rounds to nine decimals.
impl TryFrom<f64> for Ratio {
    type Error = InvalidRatio;

    fn try_from(ratio: f64) -> Result<Self, InvalidRatio> {
        // False for NaN as well.
        if ratio >= 0.0 && ratio <= f64::from(u32::MAX) {
            Ok(Ratio((ratio * Self::PARTS as f64 + 0.5) as u64))
        } else {
            Err(InvalidRatio(()))
        }
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, mut decimals) = (self.0 / Self::PARTS, self.0 % Self::PARTS);
        if decimals == 0 {
            return write!(f, "{whole}");
        }
        let mut digits = 9;
        while decimals % 10 == 0 {
            decimals /= 10;
            digits -= 1;
        }
        write!(f, "{whole}.{decimals:0digits$}")
    }
}

impl fmt::Debug for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ratio({self})")
    }
}

/// An error: a ratio is not a number, negative, or too large.
///
/// Returned by `Ratio::try_from`.
///
/// # Examples
///
/// ```
/// use anyscope::limit::adaptive::Ratio;
///
/// /// A number from a configuration.
/// fn backoff(text: &str) -> Result<Ratio, Box<dyn std::error::Error>> {
///     Ok(Ratio::try_from(text.parse::<f64>()?)?)
/// }
///
/// assert_eq!(backoff("0.9").unwrap(), Ratio::percent(90));
/// assert!(backoff("-1").is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidRatio(());

impl fmt::Display for InvalidRatio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a ratio; use a number from 0 on, such as 0.9 for nine tenths")
    }
}

impl Error for InvalidRatio {}

#[cfg(all(test, feature = "std", not(anyscope_loom)))]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn reads_and_prints_decimals() {
        for (ratio, text) in [
            (Ratio::ZERO, "0"),
            (Ratio::ONE, "1"),
            (Ratio::percent(150), "1.5"),
            (Ratio::percent(5), "0.05"),
            (Ratio::new(1, 3), "0.333333333"),
            (Ratio::new(2, 3), "0.666666667"),
            (Ratio::new(u32::MAX, 1), "4294967295"),
        ] {
            assert_eq!(ratio.to_string(), text);
            assert_eq!(Ratio::try_from(text.parse::<f64>().unwrap()), Ok(ratio));
        }
    }

    #[test]
    fn refuses_what_is_no_ratio() {
        for no in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.1, 1e10] {
            assert_eq!(Ratio::try_from(no), Err(InvalidRatio(())), "{no}");
        }
        assert_eq!(Ratio::try_from(-0.0), Ok(Ratio::ZERO));
    }

    #[test]
    #[should_panic = "use a denominator of at least 1"]
    fn a_denominator_of_zero_is_named() {
        let _ = Ratio::new(1, 0);
    }
}
