//! What an adaptive limit asks of its algorithm.

use crate::time::Instant;
use core::{num::NonZeroUsize, time::Duration};

/// What an algorithm learns from one call.
///
/// See [`Algorithm`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sample {
    /// When the call ended.
    pub now: Instant,
    /// How long it took.
    pub rtt: Duration,
    /// How many calls were in flight when it began, itself included.
    pub in_flight: usize,
    /// Whether it was dropped for want of capacity: rejected, or timed out.
    pub dropped: bool,
}

impl Sample {
    /// Returns the sample of a call that took `rtt` until `now`, and succeeded.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{Clock, limit::adaptive::Sample, smol::Smol};
    /// use std::time::Duration;
    ///
    /// // A call that has just ended, and while it ran there were 20, itself included.
    /// let sample = Sample::new(Smol.now(), Duration::from_millis(10), 20);
    /// assert_eq!((sample.in_flight, sample.dropped), (20, false));
    /// ```
    pub const fn new(now: Instant, rtt: Duration, in_flight: usize) -> Self {
        Sample { now, rtt, in_flight, dropped: false }
    }

    /// Returns the sample of the same call, if it was dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{Instant, limit::adaptive::{Aimd, Algorithm, Sample}};
    /// use std::time::Duration;
    ///
    /// let mut aimd = Aimd::default();
    /// let call = Sample::new(Instant::NEVER, Duration::from_millis(10), 20);
    /// assert_eq!(aimd.on_sample(call.dropped()).get(), 18); // before, it was 20
    /// ```
    #[must_use]
    pub const fn dropped(mut self) -> Self {
        self.dropped = true;
        self
    }

    /// The nanoseconds that it took; none if too little for the clock to see.
    pub(super) fn nanos(&self) -> Option<u64> {
        let nanos = u64::try_from(self.rtt.as_nanos()).unwrap_or(u64::MAX);
        (nanos > 0).then_some(nanos)
    }
}

/// Computes a limit from how calls went.
///
/// An algorithm is plain data: it reads no clock, starts nothing and shares nothing. An
/// [`AdaptiveLimit`](super::AdaptiveLimit) feeds it. A call of no measurable duration
/// ([`Sample::rtt`] is zero) says nothing about latency; it may still have been dropped.
///
/// # Examples
///
/// One that halves on a drop and otherwise believes in 100:
///
/// ```
/// use anyscope::limit::adaptive::{Algorithm, Sample};
/// use std::num::NonZeroUsize;
///
/// struct Halving(NonZeroUsize);
///
/// impl Algorithm for Halving {
///     fn limit(&self) -> NonZeroUsize {
///         self.0
///     }
///
///     fn on_sample(&mut self, sample: Sample) -> NonZeroUsize {
///         let next = if sample.dropped { self.0.get() / 2 } else { (self.0.get() + 1).min(100) };
///         self.0 = NonZeroUsize::new(next).unwrap_or(NonZeroUsize::MIN);
///         self.0
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an algorithm for an adaptive limit",
    note = "use `Aimd`, `Vegas` or `Gradient2`, or `Windowed` around one of them; builders end with `.build()?`"
)]
pub trait Algorithm {
    /// Returns the limit as it is now.
    fn limit(&self) -> NonZeroUsize;

    /// Learns from a call, and returns the limit from now on.
    fn on_sample(&mut self, sample: Sample) -> NonZeroUsize;
}

macro_rules! forward {
    ($($pointer:ty),*) => {$(
        impl<A: Algorithm + ?Sized> Algorithm for $pointer {
            fn limit(&self) -> NonZeroUsize {
                (**self).limit()
            }

            fn on_sample(&mut self, sample: Sample) -> NonZeroUsize {
                (**self).on_sample(sample)
            }
        }
    )*};
}

forward!(&mut A);
#[cfg(feature = "alloc")]
forward!(alloc::boxed::Box<A>);

const _: Option<&dyn Algorithm> = None;
