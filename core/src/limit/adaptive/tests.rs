//! The algorithms against vectors that were recorded from the originals, in Java and in doubles.

use super::*;
use crate::time::Instant;
use core::time::Duration;
use std::vec::Vec;

mod reference;

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

/// A call that took so many milliseconds.
fn took(millis: u32, in_flight: usize) -> Sample {
    Sample::new(Instant::NEVER, millis * MS, in_flight)
}

/// The limit after each of `samples`.
fn limits(algorithm: &mut impl Algorithm, samples: impl IntoIterator<Item = Sample>) -> Vec<usize> {
    samples.into_iter().map(|sample| algorithm.on_sample(sample).get()).collect()
}

/// The limit after each of so many calls that took `millis` and were as many as the limit allowed.
fn full(algorithm: &mut impl Algorithm, millis: u32, count: usize) -> Vec<usize> {
    let call = |algorithm: &mut _| full_one(algorithm, millis);
    (0..count).map(|_| call(algorithm)).collect()
}

fn full_one(algorithm: &mut impl Algorithm, millis: u32) -> usize {
    let in_flight = algorithm.limit().get();
    algorithm.on_sample(took(millis, in_flight)).get()
}

mod aimd {
    use super::*;

    fn from(initial: usize, min: usize) -> Aimd {
        Aimd::builder().initial(initial).min(min).build().unwrap()
    }

    #[test]
    fn a1_grows_if_half_of_the_limit_is_in_use() {
        assert_eq!(limits(&mut from(20, 20), [took(10, 10)]), [21]);
        assert_eq!(limits(&mut from(20, 20), [took(10, 9)]), [20]);
    }

    #[test]
    fn a2_a_drop_multiplies_and_truncates() {
        let drop = took(10, 10).dropped();
        assert_eq!(limits(&mut from(30, 20), [drop]), [27]);
        assert_eq!(limits(&mut from(30, 28), [drop]), [28]);
        assert_eq!(limits(&mut from(25, 1), [drop; 8]), [22, 19, 17, 15, 13, 11, 9, 8]);
        assert_eq!(limits(&mut from(5, 1), [drop; 6]), [4, 3, 2, 1, 1, 1]);
    }

    #[test]
    fn a2_does_not_exceed_the_greatest() {
        assert_eq!(limits(&mut from(199, 20), [took(10, 200); 3]), [200; 3]);
    }

    #[test]
    fn a3_a_call_over_the_time_counts_as_dropped() {
        let hasty = Aimd::builder().initial(30).timeout(100 * MS).build().unwrap();
        assert_eq!(limits(&mut hasty.clone(), [took(101, 30)]), [27]);
        assert_eq!(limits(&mut hasty.clone(), [took(100, 30)]), [31]);
    }
}

mod vegas {
    use super::*;

    fn small() -> Vegas {
        let builder = Vegas::builder().initial(10).max(20);
        builder.alpha(Amount::Calls(3)).beta(Amount::Calls(6)).build().unwrap()
    }

    /// One that knows that a call takes 10 ms when nothing waits.
    fn small_and_measured() -> Vegas {
        let mut vegas = small();
        assert_eq!(limits(&mut vegas, [took(10, 10)]), [10]);
        vegas
    }

    #[test]
    fn a4_follows_the_queue() {
        for (sample, limit) in [
            (took(10, 11), 16),
            (took(50, 11), 9),
            (took(14, 14), 10),
            (took(10, 4), 10),
            (took(10, 10).dropped(), 9),
        ] {
            assert_eq!(limits(&mut small_and_measured(), [sample]), [limit], "{sample:?}");
        }
        assert_eq!(full(&mut small_and_measured(), 10, 4), [16, 20, 20, 20]);
    }

    #[test]
    fn a4_amounts_grow_with_the_logarithm() {
        let mut vegas = Vegas::builder().initial(10_000).max(20_000).build().unwrap();
        assert_eq!(
            limits(&mut vegas, [took(10_000, 5_000), took(10_000, 6_000)]),
            [10_000, 10_024]
        );
    }

    #[test]
    fn a4_smoothing_goes_part_of_the_way() {
        let half =
            Vegas::builder().initial(100).max(200).decrease(Amount::Share(Ratio::percent(50)));
        let samples = [took(10, 100), took(20, 100), took(40, 100)];
        let mut smooth = half.smoothing(Ratio::percent(50)).build().unwrap();
        assert_eq!(limits(&mut smooth, samples), [100, 75, 56]);
        assert_eq!(limits(&mut half.build().unwrap(), samples), [100, 50, 25]);
    }

    /// The original throws; a clock that sees no time is no error here.
    #[test]
    fn a4_a_call_of_no_time_measures_nothing() {
        let mut vegas = small();
        assert_eq!(limits(&mut vegas, [took(0, 10), took(10, 10), took(0, 10)]), [10, 10, 10]);
        assert_eq!(full(&mut vegas, 10, 1), [16], "it takes 10 ms when nothing waits");
        assert_eq!(limits(&mut vegas, [took(0, 10).dropped()]), [15], "still, it was dropped");
    }

    /// The original takes it for the time of a call when nothing waits, and shrinks to next to nothing.
    #[test]
    fn a_rejection_at_once_is_not_how_long_calls_take() {
        let mut vegas = small_and_measured();
        assert_eq!(limits(&mut vegas, [took(1, 10).dropped()]), [9]);
        assert_eq!(full(&mut vegas, 10, 1), [15]);
    }

    /// As many calls as allowed, each of which takes longer when there are more than 10.
    #[test]
    fn a_probe_measures_without_the_queue() {
        let mut vegas = Vegas::builder().initial(10).probe_multiplier(2).build().unwrap();
        let mut highest = 0;
        for _ in 0..500 {
            let calls = vegas.limit().get();
            highest = highest.max(calls);
            vegas.on_sample(took(10 * calls.max(10) as u32, calls));
        }
        assert!((11..30).contains(&highest), "{highest}");
    }
}

mod gradient2 {
    use super::*;

    const STEADY: [usize; 12] = [20, 21, 22, 23, 24, 24, 25, 26, 27, 28, 28, 29];

    #[test]
    fn a4_follows_the_latency() {
        let mut gradient = Gradient2::builder().min(20).build().unwrap();
        assert_eq!(full(&mut gradient, 10, 12), STEADY);
        let slow = full(&mut gradient, 50, 12);
        assert_eq!(slow, [27, 25, 23, 22, 20, 20, 20, 20, 20, 20, 20, 20]);
        assert_eq!(full(&mut gradient, 10, 12), STEADY);
    }

    fn quick() -> Gradient2 {
        let builder = Gradient2::builder().initial(100).smoothing(Ratio::ONE).long_window(10);
        builder.tolerance(Ratio::ONE).build().unwrap()
    }

    #[test]
    fn a4_goes_all_the_way_without_smoothing() {
        let mut gradient = quick();
        assert_eq!(full(&mut gradient, 10, 10)[9], 140);
        assert_eq!(full(&mut gradient, 100, 6), [74, 41, 24, 18, 16, 16]);
    }

    #[test]
    fn a4_does_not_grow_if_half_of_the_limit_is_unused() {
        assert_eq!(limits(&mut quick(), [took(10, 49)]), [100]);
    }

    #[test]
    fn a4_a_drop_counts_for_nothing() {
        let mut gradient = Gradient2::builder().min(20).build().unwrap();
        let dropped = STEADY.map(|limit| limit.max(20)).map(|limit| took(10, limit).dropped());
        assert_eq!(limits(&mut gradient, dropped), STEADY);
    }

    #[test]
    fn a_drop_backs_off_if_told_to() {
        let mut gradient = Gradient2::builder().backoff(Ratio::percent(90)).build().unwrap();
        assert_eq!(limits(&mut gradient, [took(1, 20).dropped()]), [18]);
        assert_eq!(full(&mut gradient, 10, 2), [18, 19], "usual is 10 ms");
    }

    #[test]
    fn a_call_of_no_time_measures_nothing() {
        assert_eq!(limits(&mut Gradient2::default(), [took(0, 20)]), [20]);
    }
}

mod windowed {
    use super::*;

    /// So many calls of 100 ms, `apart`, after `from`.
    fn calls(from: Duration, apart: Duration, count: u32) -> impl Iterator<Item = Sample> {
        (0..count).map(move |n| {
            let now = Instant::from_epoch(from + n * apart + 100 * MS);
            Sample::new(now, 100 * MS, 20)
        })
    }

    #[test]
    fn a12_few_calls_do_not_move_the_limit() {
        let mut windowed = Windowed::new(Aimd::default());
        let few = limits(&mut windowed, calls(Duration::ZERO, 200 * MS, 9));
        assert_eq!(few, [20; 9]);
        let many = limits(&mut windowed, calls(9 * 200 * MS, 20 * MS, 40));
        assert_eq!(many.last(), Some(&21));
        let boundary = limits(&mut windowed, calls(5 * SECOND, 50 * MS, 1));
        assert_eq!(boundary, [22]);
    }

    /// The original begins a new window, and so a low limit of slow calls stays as it is for ever.
    #[test]
    fn a_window_with_few_calls_goes_on() {
        let one = Aimd::builder().initial(1).build().unwrap();
        let mut windowed = Windowed::new(one);
        let slow = |n: u32| Sample::new(Instant::from_epoch(n * 2 * SECOND), 2 * SECOND, 1);
        let limits = limits(&mut windowed, (1..=20).map(slow));
        assert_eq!(limits, [[1; 9], [2; 9]].concat().into_iter().chain([2, 3]).collect::<Vec<_>>());
    }

    #[test]
    fn a12_short_calls_do_not_move_the_limit() {
        let mut windowed = Windowed::new(Aimd::default());
        let short = |n: u32| Sample::new(Instant::from_epoch(n * 50 * MS), MS / 20, 20);
        assert_eq!(limits(&mut windowed, (0..100).map(short)), [20; 100]);
    }

    /// The original does not see them, and the limit stays what it is, however many are rejected.
    #[test]
    fn short_calls_that_are_dropped_count() {
        let mut windowed = Windowed::new(Aimd::default());
        let short = |n: u32| Sample::new(Instant::from_epoch(n * 50 * MS), MS / 20, 20).dropped();
        let limits = limits(&mut windowed, (0..45).map(short));
        assert_eq!(limits.last(), Some(&16), "twice");
    }

    /// Keeps what it is passed.
    struct Kept(Vec<Sample>);

    impl Algorithm for Kept {
        fn limit(&self) -> core::num::NonZeroUsize {
            core::num::NonZeroUsize::MIN
        }

        fn on_sample(&mut self, sample: Sample) -> core::num::NonZeroUsize {
            self.0.push(sample);
            self.limit()
        }
    }

    #[test]
    fn passes_the_average_the_highest_and_whether_any_was_dropped() {
        let mut kept = Kept(Vec::new());
        let mut windowed = Windowed::builder().samples(3).build(&mut kept).unwrap();
        let at = |millis: u32, rtt: u32, in_flight| {
            Sample::new(Instant::from_epoch(millis * MS), rtt * MS, in_flight)
        };
        // The first window begins.
        windowed.on_sample(at(10, 10, 1));
        limits(&mut windowed, [at(20, 10, 5), at(30, 20, 7).dropped(), at(1011, 60, 6)]);
        // Of the same moment as the end of the window: still in it.
        limits(&mut windowed, [at(1020, 10, 1), at(2011, 30, 1), at(2012, 20, 2)]);
        assert_eq!(kept.0, [at(1011, 25, 7).dropped(), at(2012, 20, 2)]);
    }

    #[test]
    fn lasts_twice_as_long_as_the_shortest_call() {
        let mut kept = Kept(Vec::new());
        let windows = Windowed::builder().samples(1).min_window(100 * MS).max_window(SECOND);
        let mut windowed = windows.build(&mut kept).unwrap();
        let at = |millis: u32, rtt: u32| Sample::new(Instant::from_epoch(millis * MS), rtt * MS, 1);
        // Until 400 ms; then until 510; then a second.
        for sample in [
            at(0, 200),
            at(400, 50),
            at(401, 5),
            at(501, 800),
            at(502, 800),
            at(1502, 1),
            at(1503, 1),
        ] {
            windowed.on_sample(sample);
        }
        let ends: Vec<_> = kept.0.iter().map(|s| s.now.since_epoch().as_millis()).collect();
        assert_eq!(ends, [401, 502, 1503]);
    }

    #[test]
    fn tolerates_a_share_of_drops() {
        let mut kept = Kept(Vec::new());
        let windows = Windowed::builder().tolerate_drops(Ratio::percent(10));
        let mut windowed = windows.build(&mut kept).unwrap();
        let mut feed = |millis, count, drops| {
            for n in 0..count {
                let sample = Sample::new(Instant::from_epoch(millis * MS), MS, 1);
                windowed.on_sample(if n < drops { sample.dropped() } else { sample });
            }
        };
        // Each window ends with the first call after a second.
        feed(0, 1, 0);
        feed(10, 9, 1);
        feed(1001, 1, 0);
        feed(1010, 9, 2);
        feed(2002, 1, 0);
        let dropped: Vec<_> = kept.0.iter().map(|sample| sample.dropped).collect();
        assert_eq!(dropped, [false, true]);
    }
}

mod bad_input {
    use super::*;

    #[test]
    fn bounds_that_do_not_fit_are_errors() {
        let zero = InvalidConfig::Zero { what: "min" };
        assert_eq!(Aimd::builder().min(0).build().unwrap_err(), zero);
        assert_eq!(Vegas::builder().min(0).build().unwrap_err(), zero);
        assert_eq!(Gradient2::builder().min(0).build().unwrap_err(), zero);
        let above = InvalidConfig::MinAboveMax { min: "min", max: "max" };
        assert_eq!(Aimd::builder().min(9).max(8).build().unwrap_err(), above);
        assert_eq!(Aimd::builder().max(0).build().unwrap_err(), above);
        let outside = InvalidConfig::InitialOutOfRange { initial: 0, min: 1, max: 200 };
        assert_eq!(Aimd::builder().initial(0).build().unwrap_err(), outside);
        let outside = InvalidConfig::InitialOutOfRange { initial: 201, min: 1, max: 200 };
        assert_eq!(Gradient2::builder().initial(201).build().unwrap_err(), outside);
    }

    #[test]
    fn ratios_and_times_that_make_no_sense_are_errors() {
        let what = |error| match error {
            InvalidConfig::RatioOutOfRange { what, .. } | InvalidConfig::Zero { what } => what,
            other => panic!("{other}"),
        };
        let (zero, one, more) = (Ratio::ZERO, Ratio::ONE, Ratio::percent(101));
        for ratio in [zero, one, more] {
            assert_eq!(what(Aimd::builder().backoff(ratio).build().unwrap_err()), "backoff");
            let gradient = Gradient2::builder().backoff(ratio);
            assert_eq!(what(gradient.build().unwrap_err()), "backoff");
        }
        for ratio in [zero, more] {
            assert_eq!(what(Vegas::builder().smoothing(ratio).build().unwrap_err()), "smoothing");
            let gradient = Gradient2::builder().smoothing(ratio);
            assert_eq!(what(gradient.build().unwrap_err()), "smoothing");
        }
        let low = Gradient2::builder().tolerance(Ratio::percent(99)).build().unwrap_err();
        assert_eq!(what(low), "tolerance");
        let empty = Gradient2::builder().long_window(0).build().unwrap_err();
        assert_eq!(what(empty), "long_window");
        let never = Vegas::builder().probe_multiplier(0).build().unwrap_err();
        assert_eq!(what(never), "probe_multiplier");
        let hasty = Aimd::builder().timeout(Duration::ZERO).build().unwrap_err();
        assert_eq!(what(hasty), "timeout");
        let none = Windowed::builder().min_window(Duration::ZERO).build(Aimd::default());
        assert_eq!(what(none.unwrap_err()), "min_window");
        let none = Windowed::builder().samples(0).build(Aimd::default());
        assert_eq!(what(none.unwrap_err()), "samples");
        let all = Windowed::builder().tolerate_drops(one).build(Aimd::default());
        assert_eq!(what(all.unwrap_err()), "tolerate_drops");
        let crossed = Windowed::builder().min_window(2 * SECOND).build(Aimd::default());
        let above = InvalidConfig::MinAboveMax { min: "min_window", max: "max_window" };
        assert_eq!(crossed.unwrap_err(), above);
    }

    /// Whatever it is fed, an algorithm does not panic, and stays between its bounds.
    #[test]
    fn extremes_are_survived() {
        let extremes = || {
            let times = [Duration::ZERO, Duration::from_nanos(1), SECOND, Duration::MAX];
            let calls = [0, 1, usize::MAX];
            let nows = [Instant::from_epoch(Duration::ZERO), Instant::NEVER];
            times.into_iter().flat_map(move |rtt| {
                calls.into_iter().flat_map(move |in_flight| {
                    nows.into_iter().flat_map(move |now| {
                        let sample = Sample::new(now, rtt, in_flight);
                        [sample, sample.dropped()]
                    })
                })
            })
        };
        let most = usize::MAX;
        let aimd = || Aimd::builder().max(most).initial(most).build().unwrap();
        let vegas = || Vegas::builder().max(most).initial(most).probe_multiplier(u32::MAX);
        let gradient = || Gradient2::builder().max(most).initial(most).long_window(u32::MAX);
        let wide = Ratio::new(u32::MAX, 1);
        for _ in 0..3 {
            limits(&mut aimd(), extremes());
            limits(&mut vegas().build().unwrap(), extremes());
            limits(&mut vegas().beta(Amount::Share(wide)).build().unwrap(), extremes());
            limits(&mut Vegas::builder().probe_multiplier(1).build().unwrap(), extremes());
            limits(&mut gradient().build().unwrap(), extremes());
            limits(&mut gradient().tolerance(wide).queue(u32::MAX).build().unwrap(), extremes());
            limits(&mut Windowed::new(aimd()), extremes());
            let any = Windowed::builder().samples(1).min_rtt(Duration::ZERO);
            limits(&mut any.build(gradient().build().unwrap()).unwrap(), extremes());
        }
    }
}
