//! What may stand where delays are expected.

use core::time::Duration;

/// What says how long to wait before each further attempt: anything that iterates over
/// [`Duration`]s, and with the feature `backon` the builders of that crate.
///
/// When the delays end, so do the attempts: three delays are three retries. The trait is implemented
/// for every `IntoIterator<Item = Duration>`, so there is no need to implement it; its parameter only
/// keeps those apart from builders, and is never written.
///
/// # Examples
///
/// ```
/// use anyscope::{exponential, time::IntoDelays};
/// use std::{iter, time::Duration};
///
/// const SECOND: Duration = Duration::from_secs(1);
///
/// fn seconds<K>(delays: impl IntoDelays<K>) -> Vec<f32> {
///     delays.into_delays().map(|delay| delay.as_secs_f32()).collect()
/// }
///
/// // So often:
/// assert_eq!(seconds(exponential(SECOND, 60 * SECOND).take(4)), [1., 2., 4., 8.]);
/// assert_eq!(seconds([SECOND; 2]), [1., 1.]);
/// assert_eq!(seconds(iter::repeat_n(SECOND, 2)), [1., 1.]);
/// // One policy, and then another:
/// let soon = iter::repeat_n(SECOND / 10, 2);
/// assert_eq!(seconds(soon.chain(exponential(SECOND, 60 * SECOND)).take(4)), [0.1, 0.1, 1., 2.]);
/// // Until the delays are so long in all:
/// let within_ten = exponential(SECOND, 60 * SECOND).scan(10 * SECOND, |left, delay| {
///     *left = left.checked_sub(delay)?;
///     Some(delay)
/// });
/// assert_eq!(seconds(within_ten), [1., 2., 4.]);
/// // With jitter, from any source of random numbers:
/// let mut random = 0.5;
/// let jitter = exponential(SECOND, 60 * SECOND).map(move |delay| {
///     random = (random * 7.3) % 1.;
///     delay.mul_f32(0.5 + random)
/// });
/// assert!(seconds(jitter.take(9)).iter().zip(exponential(SECOND, 60 * SECOND)).all(|(jittered, delay)| {
///     (0.5..1.5).contains(&(jittered / delay.as_secs_f32()))
/// }));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say how long to wait before each attempt",
    label = "not delays",
    note = "pass an iterator of `Duration`s: `exponential(first, most).take(3)`, or `[Duration::ZERO; 3]` for three retries at once"
)]
pub trait IntoDelays<Kind = Iterated> {
    /// The delays, one after the other.
    type Delays: Iterator<Item = Duration>;

    /// Returns the delays of one run, from the first.
    fn into_delays(self) -> Self::Delays;
}

/// Marks what iterates; see [`IntoDelays`]. There is no such value.
#[derive(Debug)]
pub enum Iterated {}

/// Marks what nothing is. There is no such value, and no type has [`Never`].
#[allow(dead_code, reason = "only there for a message")]
enum Neither {}

trait Never {}

// Holds for nothing. Beside it the compiler does not take the other blanket impl for meant, and says what is written
// above in place of asking for an `Iterator`.
#[diagnostic::do_not_recommend]
impl<T: Never> IntoDelays<Neither> for T {
    type Delays = core::iter::Empty<Duration>;

    fn into_delays(self) -> Self::Delays {
        core::iter::empty()
    }
}

#[diagnostic::do_not_recommend]
impl<I: IntoIterator<Item = Duration>> IntoDelays for I {
    type Delays = I::IntoIter;

    fn into_delays(self) -> I::IntoIter {
        self.into_iter()
    }
}
