//! How items are spaced: by a gap, or by a rate.

use crate::time::Timer;
#[cfg(feature = "rate")]
use crate::{
    limit::{Rate, rate::bucket::Bucket},
    time::{Clock, Instant},
};
use core::{fmt, marker::PhantomData, time::Duration};

/// What [`throttle`](crate::flow::Flow::throttle) accepts: a [`Duration`], the gap between two items;
/// or, with the feature `rate`, a [`Rate`](https://docs.rs/anyscope/latest/anyscope/limit/struct.Rate.html), which lets bursts pass, and whose
/// timer must be a [`Clock`](crate::Clock).
///
/// Implement it for a type of your own by returning one of these.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a pace for items on `{T}`",
    note = "write a `Duration`, the gap between two items; or a `Rate` (feature `rate`), for which the timer must be a `Clock`, too"
)]
pub trait IntoPace<T: Timer> {
    /// Returns the pace.
    fn into_pace(self) -> Pace<T>;
}

/// How items are spaced on a timer; see [`IntoPace`].
///
/// See [`throttle`](crate::flow::Flow::throttle).
pub struct Pace<T>(Kind<T>);

enum Kind<T> {
    Gap(Duration, PhantomData<fn(&T)>),
    /// With the clock of the timer, as only who made the pace knows that it has one.
    #[cfg(feature = "rate")]
    Rate(Bucket, fn(&T) -> Instant),
}

impl<T: Timer> IntoPace<T> for Duration {
    fn into_pace(self) -> Pace<T> {
        Pace(Kind::Gap(self, PhantomData))
    }
}

#[cfg(feature = "rate")]
#[cfg_attr(docsrs, doc(cfg(feature = "rate")))]
impl<T: Timer + Clock> IntoPace<T> for Rate {
    fn into_pace(self) -> Pace<T> {
        Pace(Kind::Rate(Bucket::new(self), T::now))
    }
}

impl<T> Pace<T> {
    /// An item is yielded now. Returns how long it takes until the next may be.
    pub(super) fn item(&mut self, _timer: &T) -> Duration {
        match &self.0 {
            Kind::Gap(gap, _) => *gap,
            #[cfg(feature = "rate")]
            Kind::Rate(bucket, now) => {
                let now = now(_timer);
                // Its time had come by the timer, which is believed if the clock is a little behind.
                bucket.charge(now, 1);
                match bucket.ready_at(now, 0, 1) {
                    Instant::NEVER => Duration::MAX,
                    at => at.saturating_duration_since(now),
                }
            }
        }
    }
}

impl<T> fmt::Debug for Pace<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Gap(gap, _) => gap.fmt(f),
            #[cfg(feature = "rate")]
            Kind::Rate(bucket, _) => bucket.fmt(f),
        }
    }
}
