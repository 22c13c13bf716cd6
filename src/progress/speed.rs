//! How fast something goes.

use core::time::Duration;

/// What is older than this counts for a tenth of what is seen now.
const MEMORY: f64 = 15.0;
/// How often it is worth to weigh what there was.
const STEP: f64 = 0.1;

/// The speed of something that is counted: of late, more than of old.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Speed {
    /// A moment, and what was counted by then.
    before: Sample,
    /// The weighted speed up to it. That before the start is zero.
    weighted: f64,
    /// The last moment at which something was counted, which may go on.
    last: Sample,
}

#[derive(Clone, Copy, Debug, Default)]
struct Sample {
    at: f64,
    count: f64,
}

impl Speed {
    /// So much was counted by this time. What comes late is left out.
    pub(super) fn count(&mut self, count: usize, at: Duration) {
        let (count, at) = (count as f64, at.as_secs_f64());
        if at < self.last.at {
            return;
        }
        if at > self.last.at && self.last.at - self.before.at >= STEP {
            (self.weighted, self.before) = (self.weighted(), self.last);
        }
        self.last = Sample { at, count };
    }

    /// How much a second, if any time has passed and anything was counted.
    pub(super) fn per_second(&self) -> Option<f64> {
        // Without the part of the zero before the start.
        let speed = self.weighted() / (1.0 - weight(self.last.at));
        Some(speed).filter(|speed| speed.is_finite() && *speed > 0.0)
    }

    /// The weighted speed up to the last moment.
    fn weighted(&self) -> f64 {
        let passed = self.last.at - self.before.at;
        if passed <= 0.0 {
            return self.weighted;
        }
        let (old, now) = (weight(passed), (self.last.count - self.before.count) / passed);
        self.weighted * old + now * (1.0 - old)
    }
}

/// What counts after so many seconds.
fn weight(seconds: f64) -> f64 {
    0.1f64.powf(seconds / MEMORY)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn speed(counts: &[(usize, u64)]) -> Option<f64> {
        let mut speed = Speed::default();
        for &(count, at) in counts {
            speed.count(count, Duration::from_secs(at));
        }
        speed.per_second()
    }

    #[test]
    fn what_goes_evenly_is_as_fast_as_it_is() {
        let even: Vec<_> = (0..100).map(|at| (3 * at as usize, at)).collect();
        assert!((speed(&even).unwrap() - 3.0).abs() < 1e-9);
        // Two at each moment, told one by one.
        let twos: Vec<_> = (1..=100).flat_map(|at| [(4 * at - 2, at), (4 * at, at)]).collect();
        let twos: Vec<_> = twos.into_iter().map(|(count, at)| (count as usize, at)).collect();
        assert!((speed(&twos).unwrap() - 4.0).abs() < 1e-9);
    }

    #[test]
    fn what_has_become_slow_is_slow() {
        let mut counts: Vec<_> = (0..10).map(|at| (100 * at as usize, at)).collect();
        counts.extend((10..100).map(|at| (900 + at as usize - 9, at)));
        let speed = speed(&counts).unwrap();
        assert!((1.0..1.1).contains(&speed), "{speed}");
    }

    #[test]
    fn nothing_is_known_without_time_or_counts() {
        assert_eq!(speed(&[]), None);
        assert_eq!(speed(&[(7, 0)]), None);
        assert_eq!(speed(&[(0, 7)]), None);
    }
}
