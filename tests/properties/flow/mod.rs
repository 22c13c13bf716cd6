//! Random programs over bounded maps and their sinks, against what the same program does one item
//! after the other.
//!
//! Each program is run to its end, and then again and again, dropped after one poll, after two, ..:
//! that is, at every point where it waits. 64 programs for each property, always the same ones;
//! `PROPTEST_CASES` says how many.

mod expand;
mod maps;
mod simulated;
mod sinks;
mod world;

use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner},
};
use std::{env, fmt::Debug};
use world::{End, Job, Pause};

/// A bounded map, and what goes on around it.
#[derive(Clone, Debug)]
struct Program {
    jobs: Vec<Job>,
    limit: usize,
    window: Option<usize>,
    ordered: bool,
    /// What the consumer does before each value, or with it, in turn.
    busy: Vec<Vec<Pause>>,
    /// What it sets the limit to before each value, in turn.
    limits: Vec<usize>,
    /// Polled also when it was not woken.
    spurious: bool,
    seed: u64,
}

fn program(ends: impl Strategy<Value = End> + Clone) -> impl Strategy<Value = Program> {
    let pauses = |most| vec(prop_oneof![Just(Pause::Yield), Just(Pause::Park)], 0..=most);
    let job = (prop_oneof![3 => Just(vec![]), 1 => pauses(2)], pauses(3), 0..5_usize, ends)
        .prop_map(|(before, pauses, weight, end)| Job { before, pauses, weight, end });
    let shape = (1..6_usize, proptest::option::of(1..9_usize), any::<bool>());
    let consumer = (vec(pauses(2), 0..4), prop_oneof![Just(vec![]), vec(1..6_usize, 1..4)]);
    let rest = (any::<bool>(), any::<bool>(), any::<u64>());
    (vec(job, 0..14), shape, consumer, rest).prop_map(
        |(mut jobs, (limit, window, ordered), (busy, limits), (ready, spurious, seed))| {
            if ready {
                // A source that is always ready, and never wakes.
                jobs.iter_mut().for_each(|job| job.before.clear());
            }
            Program { jobs, limit, window, ordered, busy, limits, spurious, seed }
        },
    )
}

/// Shows `property` for random values. The same ones each time.
fn check<T: Debug>(values: impl Strategy<Value = T>, property: impl Fn(&T)) {
    let cases = env::var("PROPTEST_CASES").map_or(64, |cases| cases.parse().unwrap());
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let mut runner =
        TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let result = runner.run(&values, |value| {
        property(&value);
        Ok(())
    });
    if let Err(TestError::Fail(reason, value)) = result {
        panic!("{reason}\nin {value:#?}");
    }
    result.unwrap();
}

fn only_good() -> impl Strategy<Value = End> + Clone {
    Just(End::Ok)
}

fn good_or_bad() -> impl Strategy<Value = End> + Clone {
    prop_oneof![7 => Just(End::Ok), 1 => Just(End::Err)]
}

fn any_end() -> impl Strategy<Value = End> + Clone {
    prop_oneof![20 => Just(End::Ok), 2 => Just(End::Err), 1 => Just(End::Panic)]
}
