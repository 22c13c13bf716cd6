//! Adaptive limits (A). The vectors of the algorithms are in `core/src/limit/adaptive/tests.rs`.

mod calls;
mod operations;
mod partitions;
mod service;

use anyscope::limit::adaptive::{Algorithm, Sample};
use std::num::NonZeroUsize;

/// Goes to a number that a test chose: to `up` after a success, to `down` after a drop.
struct UpDown {
    now: usize,
    up: usize,
    down: usize,
}

impl Algorithm for UpDown {
    fn limit(&self) -> NonZeroUsize {
        NonZeroUsize::new(self.now).unwrap()
    }

    fn on_sample(&mut self, sample: Sample) -> NonZeroUsize {
        self.now = if sample.dropped { self.down } else { self.up };
        self.limit()
    }
}
