//! A time that so many of the past requests have kept.

use crate::sync::{Arc, AtomicUsize, Ordering, try_lock::TryLock};
use alloc::{boxed::Box, vec};
use core::{fmt, time::Duration};

/// How long requests take, of which so many percent are faster: an estimate over the last of them.
///
/// As the delay of a [`hedge`](super::hedge()), 95 makes a second request for one call in twenty, however
/// fast or slow the service is today. Clones are one estimate.
///
/// Times are counted in classes, from microseconds on, whose widths are a sixteenth of the time or less;
/// the answer is the upper end of a class. When there are 1024 of them all counts are halved, so what is
/// long ago matters less and less. Before the first 16 times are known, and again after every 16th, the answer is what
/// it was. All of it is integer arithmetic: the same times have the same answer everywhere.
///
/// # Cost
///
/// 2400 bytes. Threads that record at the same moment do not wait for each other: one of the times is then
/// not counted.
///
/// # Examples
///
/// ```
/// use anyscope::resilience::Percentile;
/// use std::time::Duration;
///
/// let usual = Percentile::new(90, Duration::from_millis(50));
/// assert_eq!(usual.get(), Duration::from_millis(50));
/// for millis in 1..=112 {
///     usual.record(Duration::from_millis(millis));
/// }
/// // 101 of them are faster than that; the class ends at 102.4 ms.
/// assert_eq!(usual.get(), Duration::from_micros(102_400));
/// ```
#[derive(Clone)]
pub struct Percentile {
    shared: Arc<Shared>,
}

struct Shared {
    percent: usize,
    /// In microseconds.
    estimate: AtomicUsize,
    times: TryLock<Times>,
}

struct Times {
    counts: Box<[u32]>,
    total: u32,
}

/// Classes for each power of two.
const FINE: u32 = 16;
/// Up to that many microseconds, a bit more than an hour: longer times are as this.
const LONGEST: u32 = u32::MAX;
/// Up to 16 each its own, and 16 for each of the 28 powers of two above.
const CLASSES: usize = 16 + 28 * 16;
/// Times in the window.
const WINDOW: u32 = 1024;
/// Times between two answers.
const STRIDE: u32 = 16;

impl Percentile {
    /// Creates an estimate of the time that `percent` of the requests keep; `at_first` is the answer before
    /// there is any. More than 100 percent are 100: the slowest of all.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::resilience::Percentile;
    /// use std::time::Duration;
    ///
    /// let usual = Percentile::new(95, Duration::from_millis(100));
    /// assert_eq!(usual.get(), Duration::from_millis(100)); // nothing is known yet
    /// ```
    pub fn new(percent: u32, at_first: Duration) -> Self {
        let times = Times { counts: vec![0; CLASSES].into(), total: 0 };
        Percentile {
            shared: Arc::new(Shared {
                percent: percent.min(100) as usize,
                estimate: AtomicUsize::new(micros(at_first) as usize),
                times: TryLock::new(times),
            }),
        }
    }

    /// Returns the estimate.
    ///
    /// # Examples
    ///
    /// See [`Percentile`].
    pub fn get(&self) -> Duration {
        match self.shared.estimate.load(Ordering::Relaxed) as u32 {
            LONGEST => Duration::MAX,
            micros => Duration::from_micros(micros.into()),
        }
    }

    /// Counts a request that took so long.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::resilience::Percentile;
    /// use std::time::Duration;
    ///
    /// let usual = Percentile::new(50, Duration::from_secs(1));
    /// for millis in 1..=200 {
    ///     usual.record(Duration::from_millis(millis));
    /// }
    /// assert!(usual.get() < Duration::from_millis(150));
    /// ```
    pub fn record(&self, took: Duration) {
        let Shared { percent, estimate, times } = &*self.shared;
        times.try_with(|times| {
            times.add(micros(took));
            if times.total % STRIDE == 0 {
                estimate.store(times.upper(*percent) as usize, Ordering::Relaxed);
            }
        });
    }
}

impl Times {
    fn add(&mut self, micros: u32) {
        if self.total == WINDOW {
            self.total = 0;
            for count in &mut self.counts {
                *count /= 2;
                self.total += *count;
            }
            // So that answers come at the same distance.
            self.total -= self.total % STRIDE;
        }
        self.counts[class(micros)] += 1;
        self.total += 1;
    }

    /// The end of the class in which the time is that so many percent keep.
    fn upper(&self, percent: usize) -> u32 {
        let total: usize = self.counts.iter().map(|count| *count as usize).sum();
        let wanted = (total * percent).div_ceil(100).max(1);
        let mut seen = 0;
        let found = self.counts.iter().position(|count| {
            seen += *count as usize;
            seen >= wanted
        });
        end(found.unwrap_or(CLASSES - 1))
    }
}

/// In microseconds, rounded up.
fn micros(time: Duration) -> u32 {
    let micros = time.as_nanos().div_ceil(1000);
    micros.min(LONGEST.into()) as u32
}

/// Times in one class differ by a sixteenth or less.
fn class(micros: u32) -> usize {
    if micros < FINE {
        return micros as usize;
    }
    // Of the leading one, 4 at least.
    let power = micros.ilog2();
    let fine = (micros >> (power - 4)) & (FINE - 1);
    (FINE * (power - 3) + fine) as usize
}

/// The first time that is longer than those of the class; its only one if there is one.
fn end(class: usize) -> u32 {
    let class = class as u32;
    if class < FINE {
        return class;
    }
    let (power, fine) = (class / FINE + 3, class % FINE);
    let end = u64::from(FINE + fine + 1) << (power - 4);
    end.min(LONGEST.into()) as u32
}

impl fmt::Debug for Percentile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Percentile")
            .field("percent", &self.shared.percent)
            .field("estimate", &self.get())
            .finish()
    }
}

#[cfg(all(test, not(anyscope_loom)))]
mod tests {
    use super::*;

    #[test]
    fn classes_follow_each_other_and_are_narrow() {
        for class_ in 0..CLASSES - 1 {
            let end = end(class_);
            // The last time of the class, and the first of the next.
            let last = if class_ < FINE as usize { end } else { end - 1 };
            assert_eq!((class(last), class(last + 1)), (class_, class_ + 1), "{end}");
        }
        assert_eq!(class(LONGEST), CLASSES - 1);
        for micros in [17, 100, 12_345, 1 << 30, LONGEST - 1] {
            let end = end(class(micros));
            assert!(micros <= end && end - micros <= micros / 16 + 1, "{micros} {end}");
        }
    }

    #[test]
    fn what_is_long_ago_is_forgotten() {
        let half = Percentile::new(50, Duration::ZERO);
        let feed = |millis: u64, times| {
            (0..times).for_each(|_| half.record(Duration::from_millis(millis)));
            half.get().as_millis() as u64
        };
        assert!((100..=107).contains(&feed(100, 5000)));
        assert!((10..=11).contains(&feed(10, 2000)));
        assert!((100..=107).contains(&feed(100, 2000)));
    }

    #[test]
    fn the_ends_of_time_have_classes() {
        let all = Percentile::new(1000, Duration::MAX);
        assert_eq!(all.get(), Duration::MAX);
        (0..16).for_each(|_| all.record(Duration::ZERO));
        assert_eq!(all.get(), Duration::ZERO);
        (0..16).for_each(|_| all.record(Duration::MAX));
        assert_eq!(all.get(), Duration::MAX);
        let none = Percentile::new(0, Duration::ZERO);
        (1..=16).for_each(|n| none.record(Duration::from_micros(n)));
        assert_eq!(none.get(), Duration::from_micros(1));
    }
}
