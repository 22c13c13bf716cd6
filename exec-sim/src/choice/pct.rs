//! Runs tasks by random priorities that change now and then.

use crate::trace::TaskId;
use fastrand::Rng;

/// The scheduler of S. Burckhardt, P. Kothari, M. Musuvathi, S. Nagarakatte, "A Randomized Scheduler
/// with Probabilistic Guarantees of Finding Bugs", 2010.
#[derive(Clone, Debug)]
pub(crate) struct Pct {
    pub(super) rng: Rng,
    /// Those of the tasks, by their number. A higher one goes first.
    priorities: Vec<i64>,
    /// The numbers of the polls before which the task that is next gets a low priority, and that
    /// priority.
    changes: Vec<(u64, i64)>,
    /// How many polls were made.
    polls: u64,
    /// The task that was polled last, and how often in a row although others were ready.
    last: Option<(TaskId, u32)>,
    /// The lowest priority so far.
    lowest: i64,
}

/// A task that yields without end would keep all others from running. It goes behind them after so
/// many polls.
const STAYS: u32 = 64;

impl Pct {
    /// Requires that `depth` and `polls` are at least 1.
    pub(crate) fn new(seed: u64, depth: usize, polls: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        // There cannot be more changes than polls.
        let changes = u64::try_from(depth - 1).unwrap_or(u64::MAX).min(polls);
        let lowest = -i64::try_from(changes).unwrap_or(i64::MAX);
        let changes = (lowest..0).map(|low| (rng.u64(..polls), low)).collect();
        Pct { rng, priorities: Vec::new(), changes, polls: 0, last: None, lowest }
    }

    /// Returns which of the tasks that are ready is next. There is at least one.
    pub(crate) fn pick(&mut self, ready: impl Iterator<Item = TaskId> + Clone) -> usize {
        let (mut at, mut next) = self.highest(ready.clone());
        while let Some(change) = self.changes.iter().position(|(poll, _)| *poll == self.polls) {
            let (_, low) = self.changes.swap_remove(change);
            self.set(next, low);
            (at, next) = self.highest(ready.clone());
        }
        self.polls += 1;
        let stays = match self.last {
            Some((last, stays)) if last == next && ready.count() > 1 => stays + 1,
            _ => 0,
        };
        self.last = Some((next, stays));
        if stays == STAYS {
            self.lowest -= 1;
            self.set(next, self.lowest);
        }
        at
    }

    fn highest(&mut self, ready: impl Iterator<Item = TaskId>) -> (usize, TaskId) {
        let ready = ready.enumerate().max_by_key(|(_, task)| self.priority(*task));
        ready.expect("something is ready")
    }

    fn priority(&mut self, task: TaskId) -> i64 {
        let index = index(task);
        while self.priorities.len() <= index {
            self.priorities.push(self.rng.i64(0..));
        }
        self.priorities[index]
    }

    fn set(&mut self, task: TaskId, priority: i64) {
        self.priorities[index(task)] = priority;
    }
}

fn index(task: TaskId) -> usize {
    usize::try_from(task.0).expect("there is memory for all tasks")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TASKS: [TaskId; 3] = [TaskId(0), TaskId(1), TaskId(2)];

    fn picks(seed: u64, depth: usize, polls: u64, count: usize) -> Vec<usize> {
        let mut pct = Pct::new(seed, depth, polls);
        (0..count).map(|_| pct.pick(TASKS.into_iter())).collect()
    }

    /// With depth 1, the task with the highest priority runs as long as it can.
    #[test]
    fn without_a_change_one_task_runs() {
        let firsts = (0..50).map(|seed| {
            let picks = picks(seed, 1, 10, 10);
            assert!(picks.iter().all(|pick| *pick == picks[0]), "{picks:?}");
            picks[0]
        });
        let count = |task| firsts.clone().filter(|first| *first == task).count();
        assert!((0..3).all(|task| count(task) > 5));
    }

    /// With depth 3, there are two changes, each to another task, at any poll.
    #[test]
    fn a_run_has_as_many_changes_as_it_is_deep() {
        let mut at = [0; 10];
        for seed in 0..200 {
            let picks = picks(seed, 3, 10, 10);
            let changes = picks.windows(2).enumerate().filter(|(_, pair)| pair[0] != pair[1]);
            let changes: Vec<_> = changes.map(|(poll, _)| poll + 1).collect();
            assert!(changes.len() <= 2, "{picks:?}");
            changes.into_iter().for_each(|poll| at[poll] += 1);
        }
        assert!(at[1..].iter().all(|count| *count > 10), "{at:?}");
    }

    #[test]
    fn nobody_runs_for_ever() {
        let picks = picks(1, 1, 1, 1000);
        assert!((0..3).all(|task| picks.contains(&task)));
    }

    #[test]
    fn strange_numbers_are_fine() {
        picks(1, 1, 1, 100);
        picks(1, usize::MAX, 1, 100);
        picks(u64::MAX, 1, u64::MAX, 100);
    }
}
