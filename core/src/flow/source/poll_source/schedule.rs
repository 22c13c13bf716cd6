//! Schedules: how long to wait between two polls.

use alloc::borrow::Cow;
use core::{num::NonZeroU32, time::Duration};

/// How long [`poll_source`](fn@super::poll_source) waits after an empty poll; [`Adaptive`] by
/// default.
///
/// The numbers of each kind are fields of its type, and have defaults.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Schedule {
    /// Adapts to the rate of the items.
    Adaptive(Adaptive),
    /// Always waits the same time.
    Fixed(Fixed),
    /// Waits longer each time.
    Exponential(Exponential),
    /// Waits longer from level to level.
    Progressive(Progressive),
}

impl Default for Schedule {
    fn default() -> Self {
        Adaptive::default().into()
    }
}

/// A wait that shrinks with each item, and grows with empty polls.
///
/// # Panics
///
/// Creating a source panics if `least` exceeds `most`, `on_item` is not from 0 to 1,
/// or `on_empty` is below 1 or infinite.
///
/// # Examples
///
/// ```
/// use anyscope::flow::poll_source::{Adaptive, Schedule};
/// use std::time::Duration;
///
/// // Never waits longer than 20 ms, whatever happens; all else as usual.
/// let quick = Adaptive { most: Duration::from_millis(20), ..Adaptive::default() };
/// assert_eq!(Schedule::from(quick), Schedule::Adaptive(quick));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adaptive {
    /// The first wait: 10 ms.
    pub start: Duration,
    /// What each item multiplies it by: 0.7.
    pub on_item: f64,
    /// What an empty poll multiplies it by: 1.3.
    pub on_empty: f64,
    /// How many empty polls in a row are needed before `on_empty` applies: 3. Zero counts as one.
    pub patience: u32,
    /// The shortest wait: 1 ms.
    pub least: Duration,
    /// The longest wait: 100 ms.
    pub most: Duration,
}

impl Default for Adaptive {
    fn default() -> Self {
        Adaptive {
            start: Duration::from_millis(10),
            on_item: 0.7,
            on_empty: 1.3,
            patience: 3,
            least: Duration::from_millis(1),
            most: Duration::from_millis(100),
        }
    }
}

/// A wait that is always the same.
///
/// See [`poll_source`](fn@super::poll_source).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fixed {
    /// The wait: 10 ms.
    pub every: Duration,
}

impl Default for Fixed {
    fn default() -> Self {
        Fixed { every: Duration::from_millis(10) }
    }
}

/// A wait that is multiplied with each empty poll, and starts again after an item.
///
/// # Panics
///
/// Creating a source panics if `start` exceeds `most`, or `factor` is below 1 or
/// infinite.
///
/// # Examples
///
/// ```
/// use anyscope::flow::poll_source::{Exponential, Schedule};
///
/// let slow: Schedule = Exponential { factor: 3.0, ..Exponential::default() }.into();
/// assert!(matches!(slow, Schedule::Exponential(_)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Exponential {
    /// The first wait: 1 ms.
    pub start: Duration,
    /// What each empty poll multiplies it by: 2.
    pub factor: f64,
    /// The longest wait: 500 ms.
    pub most: Duration,
}

impl Default for Exponential {
    fn default() -> Self {
        Exponential {
            start: Duration::from_millis(1),
            factor: 2.0,
            most: Duration::from_millis(500),
        }
    }
}

/// A wait that grows from level to level, and starts again after an item.
///
/// # Panics
///
/// Creating a source panics if there are no levels.
///
/// # Examples
///
/// ```
/// use anyscope::flow::poll_source::{Progressive, Schedule};
/// use std::time::Duration;
///
/// // A second at first, and a minute from the sixth empty poll on.
/// let levels = vec![Duration::from_secs(1), Duration::from_secs(60)].into();
/// let patient: Schedule = Progressive { levels, ..Progressive::default() }.into();
/// assert!(matches!(patient, Schedule::Progressive(_)));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progressive {
    /// The waits: 1, 5, 10, 50 and 100 ms. The last level has no end.
    pub levels: Cow<'static, [Duration]>,
    /// How many waits of each level: 5.
    pub polls_per_level: NonZeroU32,
}

impl Default for Progressive {
    fn default() -> Self {
        const LEVELS: [Duration; 5] = [
            Duration::from_millis(1),
            Duration::from_millis(5),
            Duration::from_millis(10),
            Duration::from_millis(50),
            Duration::from_millis(100),
        ];
        const FIVE: NonZeroU32 = NonZeroU32::new(5).unwrap();
        Progressive { levels: Cow::Borrowed(&LEVELS), polls_per_level: FIVE }
    }
}

macro_rules! into_schedule {
    ($($kind:ident),*) => {$(
        impl From<$kind> for Schedule {
            fn from(numbers: $kind) -> Self {
                Schedule::$kind(numbers)
            }
        }
    )*};
}

into_schedule!(Adaptive, Fixed, Exponential, Progressive);

/// A schedule and its current state.
#[derive(Clone, Debug)]
pub(super) struct Pace {
    schedule: Schedule,
    /// The next wait, for the kinds that multiply.
    interval: Duration,
    /// Empty polls since the last item.
    empties: u32,
}

impl Pace {
    #[track_caller]
    pub(super) fn new(schedule: Schedule) -> Self {
        let interval = match &schedule {
            Schedule::Adaptive(a) => {
                assert!(a.least <= a.most, "`Adaptive::least` exceeds `most`; swap them");
                assert!(
                    (0.0..=1.0).contains(&a.on_item),
                    "`Adaptive::on_item` is {}; use 0.0 to 1.0, so that items do not slow it down",
                    a.on_item
                );
                assert_grows(a.on_empty, "`Adaptive::on_empty`");
                a.start.clamp(a.least, a.most)
            }
            Schedule::Fixed(f) => f.every,
            Schedule::Exponential(e) => {
                assert!(e.start <= e.most, "`Exponential::start` exceeds `most`; swap them");
                assert_grows(e.factor, "`Exponential::factor`");
                e.start
            }
            Schedule::Progressive(p) => {
                assert!(!p.levels.is_empty(), "`Progressive::levels` is empty; give it one wait");
                p.levels[0]
            }
        };
        Pace { schedule, interval, empties: 0 }
    }

    /// Adapts to an item.
    pub(super) fn found(&mut self) {
        self.empties = 0;
        match &self.schedule {
            Schedule::Adaptive(a) => {
                self.interval = times(self.interval, a.on_item).clamp(a.least, a.most);
            }
            Schedule::Exponential(e) => self.interval = e.start,
            Schedule::Fixed(_) | Schedule::Progressive(_) => {}
        }
    }

    /// Returns how long to wait after an empty poll, and adapts to it.
    pub(super) fn wait(&mut self) -> Duration {
        let before = self.empties;
        self.empties = before.saturating_add(1);
        match &self.schedule {
            Schedule::Adaptive(a) => {
                if self.empties >= a.patience {
                    self.interval = times(self.interval, a.on_empty).clamp(a.least, a.most);
                }
                self.interval
            }
            Schedule::Fixed(f) => f.every,
            Schedule::Exponential(e) => {
                let next = times(self.interval, e.factor).min(e.most);
                core::mem::replace(&mut self.interval, next)
            }
            Schedule::Progressive(p) => {
                let level = (before / p.polls_per_level.get()) as usize;
                p.levels[level.min(p.levels.len() - 1)]
            }
        }
    }
}

#[track_caller]
fn assert_grows(factor: f64, name: &str) {
    assert!(
        factor.is_finite() && factor >= 1.0,
        "{name} is {factor}; use at least 1.0, so that waits do not shrink for ever"
    );
}

fn times(interval: Duration, factor: f64) -> Duration {
    Duration::try_from_secs_f64(interval.as_secs_f64() * factor).unwrap_or(Duration::MAX)
}

#[cfg(all(test, feature = "std"))]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    /// The waits in milliseconds after so many empty polls.
    fn waits(pace: &mut Pace, polls: usize) -> Vec<f64> {
        let millis = |wait: Duration| (wait.as_secs_f64() * 1e6).round() / 1e3;
        (0..polls).map(|_| millis(pace.wait())).collect()
    }

    #[test]
    fn c30_adaptive_learns_from_items_and_from_empty_polls() {
        let mut pace = Pace::new(Schedule::default());
        assert_eq!(waits(&mut pace, 5), [10.0, 10.0, 13.0, 16.9, 21.97]);
        assert_eq!(*waits(&mut pace, 20).last().unwrap(), 100.0);
        pace.found();
        assert_eq!(waits(&mut pace, 3), [70.0, 70.0, 91.0]);
        (0..50).for_each(|_| pace.found());
        assert_eq!(waits(&mut pace, 2), [1.0, 1.0]);
    }

    #[test]
    fn c31_fixed_stays() {
        let mut pace = Pace::new(Fixed::default().into());
        assert_eq!(waits(&mut pace, 100), [10.0; 100]);
    }

    #[test]
    fn c32_exponential_doubles_and_begins_again_with_an_item() {
        let mut pace = Pace::new(Exponential::default().into());
        let doubled = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 500.0, 500.0];
        assert_eq!(waits(&mut pace, 11), doubled);
        pace.found();
        assert_eq!(waits(&mut pace, 11), doubled);
    }

    #[test]
    fn c33_progressive_takes_five_steps_on_each_level_and_begins_again_with_an_item() {
        let mut pace = Pace::new(Progressive::default().into());
        let levels: Vec<f64> =
            [1.0, 5.0, 10.0, 50.0, 100.0].into_iter().flat_map(|l| [l; 5]).collect();
        assert_eq!(waits(&mut pace, 25), levels);
        assert_eq!(waits(&mut pace, 5), [100.0; 5]);
        pace.found();
        assert_eq!(waits(&mut pace, 25), levels);
    }

    #[test]
    fn c34_numbers_that_make_no_sense_are_refused() {
        let (adaptive, exponential) = (Adaptive::default(), Exponential::default());
        let nonsense: [Schedule; 8] = [
            Adaptive { least: Duration::MAX, ..adaptive }.into(),
            Adaptive { on_item: 1.1, ..adaptive }.into(),
            Adaptive { on_item: f64::NAN, ..adaptive }.into(),
            Adaptive { on_empty: 0.9, ..adaptive }.into(),
            Exponential { start: Duration::MAX, ..exponential }.into(),
            Exponential { factor: f64::INFINITY, ..exponential }.into(),
            Exponential { factor: f64::NAN, ..exponential }.into(),
            Progressive { levels: Cow::Borrowed(&[]), ..Progressive::default() }.into(),
        ];
        for schedule in nonsense {
            let refused = std::panic::catch_unwind(|| Pace::new(schedule.clone()));
            assert!(refused.is_err(), "{schedule:?}");
        }
    }

    #[test]
    fn numbers_at_the_edge_are_fine() {
        let most = Duration::MAX;
        let mut pace = Pace::new(Exponential { start: most, most, factor: 2.0 }.into());
        assert_eq!((pace.wait(), pace.wait()), (most, most));
        let zero = Duration::ZERO;
        let mut pace =
            Pace::new(Adaptive { start: zero, least: zero, ..Adaptive::default() }.into());
        assert_eq!(waits(&mut pace, 9), [0.0; 9]);
    }
}
