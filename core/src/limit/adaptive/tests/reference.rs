//! The algorithms in doubles, and ours beside them.

use super::*;
use proptest::prelude::*;

/// How near a double may be to a number at which an algorithm decides, to know on which side.
const NEAR: f64 = 1e-6;

/// One call: how long it took in microseconds, whether as many were in flight as allowed, or a third
/// of that, and whether it was dropped.
fn calls() -> impl Strategy<Value = Vec<(u32, bool, bool)>> {
    let call = (1_000_u32..2_000_000, prop::bool::weighted(0.8), prop::bool::weighted(0.1));
    prop::collection::vec(call, 1..300)
}

fn in_flight(limit: usize, full: bool) -> usize {
    if full { limit } else { limit / 3 }
}

fn sample(micros: u32, in_flight: usize, dropped: bool) -> Sample {
    let rtt = Duration::from_micros(micros.into());
    let sample = Sample::new(Instant::NEVER, rtt, in_flight);
    if dropped { sample.dropped() } else { sample }
}

struct AimdReference {
    limit: f64,
    ratio: f64,
    max: f64,
}

impl AimdReference {
    fn on_sample(&mut self, rtt: f64, in_flight: f64, dropped: bool) {
        if dropped || rtt > 1e9 {
            self.limit = (self.limit * self.ratio).floor();
        } else if in_flight * 2.0 >= self.limit {
            self.limit += 1.0;
        }
        self.limit = self.limit.clamp(1.0, self.max);
    }
}

struct VegasReference {
    limit: f64,
    no_load: f64,
    smoothing: f64,
    max: f64,
}

impl VegasReference {
    /// Whether doubles know what to do.
    fn on_sample(&mut self, rtt: f64, in_flight: f64, dropped: bool) -> bool {
        if !dropped && (self.no_load == 0.0 || rtt < self.no_load) {
            self.no_load = rtt;
            return true;
        }
        let waiting = self.limit * (1.0 - self.no_load / rtt);
        if !dropped && (waiting - waiting.round()).abs() < NEAR && waiting.abs() > NEAR {
            return false;
        }
        let queue = waiting.ceil();
        let logarithm = self.limit.floor().log10().floor().max(1.0);
        let mut next = self.limit;
        if dropped {
            next -= logarithm;
        } else if in_flight * 2.0 < self.limit {
            return true;
        } else if queue <= logarithm {
            next += 6.0 * logarithm;
        } else if queue < 3.0 * logarithm {
            next += logarithm;
        } else if queue > 6.0 * logarithm {
            next -= logarithm;
        } else {
            return true;
        }
        next = next.clamp(1.0, self.max);
        self.limit = (1.0 - self.smoothing) * self.limit + self.smoothing * next;
        true
    }
}

struct GradientReference {
    limit: f64,
    usual: f64,
    sum: f64,
    count: u32,
    smoothing: f64,
    tolerance: f64,
    window: u32,
    max: f64,
}

impl GradientReference {
    fn on_sample(&mut self, rtt: f64, in_flight: f64) {
        if self.count < 10 {
            self.count += 1;
            self.sum += rtt;
            self.usual = self.sum / f64::from(self.count);
        } else {
            let factor = 2.0 / f64::from(self.window + 1);
            self.usual = self.usual * (1.0 - factor) + rtt * factor;
        }
        let usual = self.usual;
        if usual / rtt > 2.0 {
            self.usual *= 0.95;
        }
        if in_flight < self.limit / 2.0 {
            return;
        }
        let gradient = (self.tolerance * usual / rtt).clamp(0.5, 1.0);
        let next = self.limit * gradient + 4.0;
        let next = self.limit * (1.0 - self.smoothing) + next * self.smoothing;
        self.limit = next.clamp(1.0, self.max);
    }
}

fn is_near(ours: usize, double: f64) -> bool {
    (ours as f64 - double.floor()).abs() <= 1.0
}

proptest! {
    #[test]
    fn aimd_is_that_of_doubles(
        calls in calls(),
        initial in 1_usize..1000,
        percent in 50_u32..100,
    ) {
        let builder = Aimd::builder().initial(initial).max(1000).timeout(SECOND);
        let mut aimd = builder.backoff(Ratio::percent(percent)).build().unwrap();
        let mut double = AimdReference {
            limit: initial as f64,
            ratio: f64::from(percent) / 100.0,
            max: 1000.0,
        };
        for (micros, full, dropped) in calls {
            let limit = aimd.limit().get();
            let in_flight = in_flight(limit, full);
            let ours = aimd.on_sample(sample(micros, in_flight, dropped)).get();
            double.on_sample(f64::from(micros) * 1e3, in_flight as f64, dropped);
            prop_assert!(is_near(ours, double.limit), "{limit} → {ours}, not {}", double.limit);
            // A product that a double has just below a whole number: go on from the same one.
            double.limit = ours as f64;
        }
    }

    /// Shorter than until the first probe.
    #[test]
    fn vegas_is_that_of_doubles(
        calls in calls(),
        initial in 1_usize..5000,
        percent in 1_u32..=100,
    ) {
        let builder = Vegas::builder().initial(initial).max(5000).probe_multiplier(u32::MAX);
        let mut vegas = builder.smoothing(Ratio::percent(percent)).build().unwrap();
        let mut double = VegasReference {
            limit: initial as f64,
            no_load: 0.0,
            smoothing: f64::from(percent) / 100.0,
            max: 5000.0,
        };
        for (micros, full, dropped) in calls {
            let before = vegas.limit().get();
            let in_flight = in_flight(before, full);
            if !double.on_sample(f64::from(micros) * 1e3, in_flight as f64, dropped) {
                continue;
            }
            let ours = vegas.on_sample(sample(micros, in_flight, dropped)).get();
            prop_assert!(is_near(ours, double.limit), "{before} → {ours}, not {}", double.limit);
        }
    }

    #[test]
    fn gradient2_is_that_of_doubles(
        calls in calls(),
        initial in 1_usize..5000,
        percent in 1_u32..=100,
        tolerance in 100_u32..300,
        window in 1_u32..1000,
    ) {
        let builder = Gradient2::builder().initial(initial).max(5000).long_window(window);
        let builder = builder.tolerance(Ratio::percent(tolerance));
        let mut gradient = builder.smoothing(Ratio::percent(percent)).build().unwrap();
        let mut double = GradientReference {
            limit: initial as f64,
            usual: 0.0,
            sum: 0.0,
            count: 0,
            smoothing: f64::from(percent) / 100.0,
            tolerance: f64::from(tolerance) / 100.0,
            window,
            max: 5000.0,
        };
        for (micros, full, dropped) in calls {
            let before = gradient.limit().get();
            let in_flight = in_flight(before, full);
            double.on_sample(f64::from(micros) * 1e3, in_flight as f64);
            let ours = gradient.on_sample(sample(micros, in_flight, dropped)).get();
            prop_assert!(is_near(ours, double.limit), "{before} → {ours}, not {}", double.limit);
        }
    }
}
