//! What is done, and what came of it: each job counts once.

use crate::jobs::{Jobs, Outcome};
use anyscope::flow::Progress;
use std::{ops::Range, time::Duration};

/// The outcomes of some of the jobs. Needs little memory, however many jobs there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    /// How many jobs had each outcome, in the order of [`Outcome::ALL`].
    pub(crate) counts: [u64; Outcome::ALL.len()],
    pub(crate) done: Done,
}

impl Sums {
    /// What there will be when all jobs are done.
    pub(crate) fn expected(jobs: &Jobs) -> Self {
        let mut sums = Sums::default();
        for job in 0..jobs.count {
            sums.add(job, jobs.fate(job));
        }
        sums
    }

    pub(crate) fn add(&mut self, job: u64, outcome: Outcome) {
        assert!(self.done.insert(job), "job {job} has two outcomes");
        self.counts[outcome as usize] += 1;
    }

    /// What a progress bar shows, with what earlier runs have done.
    pub(crate) fn progress(&self, jobs: &Jobs, elapsed: Duration) -> Progress {
        let mut progress = Progress::default();
        progress.done = self.done.count() as usize;
        progress.failed = progress.done - self.counts[Outcome::Done as usize] as usize;
        progress.total = Some(jobs.count as usize);
        progress.elapsed = elapsed;
        progress
    }

    /// Whether every job that is done has one outcome.
    pub(crate) fn add_up(&self) -> bool {
        self.counts.iter().sum::<u64>() == self.done.count()
    }
}

/// A set of jobs, as ranges. These are few: jobs begin in the order of their producers, so what is missing
/// between the first and the last is in flight.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Done {
    /// In order, with gaps between them.
    ranges: Vec<Range<u64>>,
}

impl Done {
    /// None if they are not in order, with gaps between them.
    pub(crate) fn from_ranges(ranges: Vec<Range<u64>>) -> Option<Self> {
        let are_ranges = ranges.iter().all(|range| range.start < range.end);
        let have_gaps = ranges.windows(2).all(|two| two[0].end < two[1].start);
        (are_ranges && have_gaps).then_some(Done { ranges })
    }

    pub(crate) fn ranges(&self) -> &[Range<u64>] {
        &self.ranges
    }

    pub(crate) fn count(&self) -> u64 {
        self.ranges.iter().map(|range| range.end - range.start).sum()
    }

    /// Adds a job. Returns false if it was there.
    pub(crate) fn insert(&mut self, job: u64) -> bool {
        let at = self.ranges.partition_point(|range| range.end < job);
        // The first range that ends at the job or behind it.
        match self.ranges.get_mut(at) {
            Some(range) if range.contains(&job) => return false,
            Some(range) if range.end == job => {
                range.end += 1;
                if self.ranges.get(at + 1).is_some_and(|next| next.start == job + 1) {
                    self.ranges[at].end = self.ranges.remove(at + 1).end;
                }
            }
            Some(range) if range.start == job + 1 => range.start = job,
            _ => self.ranges.insert(at, job..job + 1),
        }
        true
    }

    /// Those of the first `count` jobs that are not in the set.
    pub(crate) fn missing(&self, count: u64) -> Vec<Range<u64>> {
        let starts = [0].into_iter().chain(self.ranges.iter().map(|range| range.end));
        let ends = self.ranges.iter().map(|range| range.start).chain([count]);
        starts.zip(ends).map(|(start, end)| start..end).filter(|gap| !gap.is_empty()).collect()
    }
}

#[test]
fn ranges_are_a_set() {
    let mut done = Done::default();
    // 7 has no factor in common with 100: all numbers, in an order without order.
    for n in 0..100 {
        assert!(done.insert(n * 7 % 100));
        assert!(!done.insert(n * 7 % 100));
        assert_eq!(done.count(), n + 1);
        assert_eq!(Done::from_ranges(done.ranges().to_vec()).as_ref(), Some(&done));
        let missing = done.missing(100);
        assert_eq!(missing.iter().map(|gap| gap.end - gap.start).sum::<u64>(), 99 - n);
        assert!(missing.into_iter().flatten().all(|job| done.clone().insert(job)));
    }
    assert!(done.missing(100).is_empty());
}
