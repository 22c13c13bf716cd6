//! The delays of the crate `backon`.

use super::IntoDelays;
use backon::{BackoffBuilder, ConstantBuilder, ExponentialBuilder, FibonacciBuilder};
use core::{fmt, time::Duration};

/// Marks builders of `backon`; see [`IntoDelays`]. There is no such value.
#[derive(Debug)]
pub enum Built {}

/// Delays of a builder of `backon`. A clone begins anew, with the first delay.
///
/// # Examples
///
/// ```
/// use anyscope::time::IntoDelays;
/// use backon::ExponentialBuilder;
///
/// // The same jitter each time, as the seed is given.
/// let policy = ExponentialBuilder::default().with_jitter().with_jitter_seed(7).with_max_times(3);
/// let mut delays = policy.into_delays();
/// let first = delays.next();
/// assert_eq!(delays.clone().next(), first);
/// assert_eq!(delays.count(), 2);
/// ```
pub struct Anew<B: BackoffBuilder> {
    builder: B,
    delays: B::Backoff,
}

impl<B: BackoffBuilder + Clone> Anew<B> {
    fn new(builder: B) -> Self {
        Anew { delays: builder.clone().build(), builder }
    }
}

impl<B: BackoffBuilder> Iterator for Anew<B> {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        self.delays.next()
    }
}

impl<B: BackoffBuilder + Clone> Clone for Anew<B> {
    fn clone(&self) -> Self {
        Anew::new(self.builder.clone())
    }
}

impl<B: BackoffBuilder + fmt::Debug> fmt::Debug for Anew<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Anew").field(&self.builder).finish()
    }
}

// One by one: `BackoffBuilder` is implemented for iterators too.
macro_rules! builders {
    ($($builder:ty),+) => {$(
        impl IntoDelays<Built> for $builder {
            type Delays = Anew<$builder>;

            fn into_delays(self) -> Anew<$builder> {
                Anew::new(self)
            }
        }

        impl IntoDelays<Built> for &$builder {
            type Delays = Anew<$builder>;

            fn into_delays(self) -> Anew<$builder> {
                Anew::new(*self)
            }
        }
    )+};
}

builders!(ConstantBuilder, ExponentialBuilder, FibonacciBuilder);
