//! Makes a failing run as short as possible.

use crate::decision::{Decisions, Length};

/// A run that failed.
#[derive(Clone, Debug)]
pub(super) struct Failed {
    pub(super) decisions: Decisions,
    pub(super) length: Length,
}

impl Failed {
    fn size(&self) -> (u64, usize, u64) {
        (self.length.switches, self.decisions.len(), self.length.polls)
    }
}

/// How many polls are made to shrink one run, in all runs together.
const POLLS: u64 = 5_000_000;

/// Leaves out decisions, first many at once and in the end one at a time, as long as the run still
/// fails. Returns the run with the fewest switches, and how many runs were made, at most about
/// `most`.
///
/// This is the algorithm of A. Zeller, R. Hildebrandt, "Simplifying and Isolating Failure-Inducing
/// Input", 2002, without its complements. `run` makes a run with these decisions, and returns it
/// if it fails; it has decisions of its own, because some may be about a point that is not reached
/// any more.
pub(super) fn shrink(
    found: Failed,
    most: u64,
    mut run: impl FnMut(&Decisions) -> Option<Failed>,
) -> (Failed, u64) {
    let (mut best, mut runs, mut polls) = (found, 0, 0);
    let mut count = best.decisions.len();
    while count > 0 {
        let (mut first, before) = (0, best.size());
        while first < best.decisions.len() && runs < most && polls < POLLS {
            runs += 1;
            match run(&best.decisions.without(first, count)) {
                Some(shorter) if shorter.size() < best.size() => {
                    polls += shorter.length.polls;
                    best = shorter;
                }
                other => {
                    polls += other.map_or(best.length.polls, |longer| longer.length.polls);
                    first += count;
                }
            }
        }
        // Once more with as many: what was needed before may not be any more.
        count = if best.size() < before { count.min(best.decisions.len()) } else { count / 2 };
    }
    (best, runs)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Some decisions of one task: their values.
    fn decisions(values: impl IntoIterator<Item = u64>) -> Decisions {
        let all: Vec<_> = values.into_iter().map(|value| format!("0.{value}c{value}")).collect();
        if all.is_empty() { Decisions::default() } else { all.join(",").parse().unwrap() }
    }

    fn values(decisions: &Decisions) -> Vec<u64> {
        let text = decisions.to_string();
        text.split(',').filter_map(|one| one.split_once('c')?.1.parse().ok()).collect()
    }

    fn failed(decisions: Decisions) -> Failed {
        let switches = decisions.len() as u64;
        Failed { decisions, length: Length { switches, polls: 10 } }
    }

    /// Shrinks a run of 100 decisions that fails as long as these are made.
    fn shrunk(needed: &[u64], most: u64) -> (Vec<u64>, u64) {
        let run = |decisions: &Decisions| {
            let there = values(decisions);
            let fails = needed.iter().all(|value| there.contains(value));
            fails.then(|| failed(decisions.clone()))
        };
        let (best, runs) = shrink(failed(decisions(0..100)), most, run);
        (values(&best.decisions), runs)
    }

    #[test]
    fn what_is_not_needed_is_left_out() {
        for needed in [&[][..], &[0], &[99], &[3, 50], &[0, 1, 2, 97, 98, 99]] {
            let (left, runs) = shrunk(needed, 1000);
            assert_eq!(left, needed);
            assert!(runs < 100, "{runs} runs for {needed:?}");
        }
    }

    #[test]
    fn runs_are_bounded() {
        assert_eq!(shrunk(&[3, 50], 0), ((0..100).collect(), 0));
        let (left, runs) = shrunk(&[3, 50], 5);
        assert!(runs == 5 && left.len() < 100 && left.contains(&3) && left.contains(&50));
    }

    /// A run that fails and is longer, or no shorter, is not taken.
    #[test]
    fn it_ends() {
        let (best, runs) = shrink(failed(decisions(0..5)), 1000, |_| Some(failed(decisions(0..5))));
        assert!(best.decisions.len() == 5 && runs < 20);
        let (best, _) = shrink(failed(decisions(0..5)), 1000, |_| Some(failed(decisions(0..9))));
        assert_eq!(best.decisions.len(), 5);
    }
}
