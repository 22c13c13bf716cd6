//! Models of an adaptive limit: no sample is left behind, and whoever waits for a raise is woken; see
//! [`crate::model`].

use super::{AdaptiveLimit, Algorithm, Sample};
use crate::{
    limit::IntoLimit,
    model::{block_on, check, spawn},
    time::Instant,
};
use core::{num::NonZeroUsize, time::Duration};

/// One more for each sample.
struct Counting(NonZeroUsize);

impl Algorithm for Counting {
    fn limit(&self) -> NonZeroUsize {
        self.0
    }

    fn on_sample(&mut self, _: Sample) -> NonZeroUsize {
        self.0 = self.0.saturating_add(1);
        self.0
    }
}

fn sample() -> Sample {
    Sample::new(Instant::NEVER, Duration::from_secs(1), 1)
}

/// Two learn at the same time. Fails without the fence.
#[test]
fn both_learn() {
    check("adaptive: both learn", || {
        let adaptive = AdaptiveLimit::new(Counting(NonZeroUsize::MIN));
        let other = adaptive.clone();
        let learning = spawn(move || other.learn(sample()));
        adaptive.learn(sample());
        learning.join();
        assert_eq!(adaptive.get().get(), 3);
    });
}

/// One waits until both have learnt. Fails if a raise is not announced.
#[test]
fn a_raise_is_announced() {
    check("adaptive: a raise is announced", || {
        let adaptive = AdaptiveLimit::new(Counting(NonZeroUsize::MIN));
        let other = adaptive.clone();
        let live = (&adaptive).into_limit();
        let learning = spawn(move || other.learn(sample()));
        loop {
            let listener = live.listen();
            if live.now() == 2 {
                break;
            }
            block_on(listener);
        }
        learning.join();
    });
}
