//! The steps of a run.

use crate::failure::Parked;
use anyscope_core::Instant;
use std::{collections::BTreeSet, fmt};

/// One step of a run.
///
/// The last ones are printed when a test of [`explore`](crate::explore()) fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A task was spawned.
    Spawn(TaskId),
    /// A task was polled.
    Poll(TaskId),
    /// A task was woken, and no poll of it was due already.
    Wake(TaskId),
    /// A task ended, or was dropped.
    End(TaskId),
    /// A sleep began that ends at this time.
    Sleep(Instant),
    /// No task could run, and the clock jumped to this time.
    Jump(Instant),
    /// The test asked for a [choice](crate::SimHandle::choose).
    Choose {
        /// The number of options.
        options: usize,
        /// The option that was chosen.
        chosen: usize,
    },
    /// The simulation injected a fault; see [`Faults`](crate::Faults).
    Fault(Fault),
}

impl Step {
    fn task(&self) -> Option<TaskId> {
        match *self {
            Step::Spawn(task) | Step::Poll(task) | Step::Wake(task) | Step::End(task) => Some(task),
            Step::Fault(Fault::SpuriousPoll(task) | Fault::LateWake(task) | Fault::Drop(task)) => {
                Some(task)
            }
            Step::Sleep(_)
            | Step::Jump(_)
            | Step::Choose { .. }
            | Step::Fault(Fault::Overslept(_)) => None,
        }
    }
}

/// The number of a task within its run. The future of the test has number 0.
///
/// That of a task that waits is in [`Failure`](crate::Failure).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId(pub(crate) u64);

/// A fault that the simulation injected.
///
/// Printed among the steps when a test of [`explore`](crate::explore()) fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A task was polled although it had not been woken.
    SpuriousPoll(TaskId),
    /// A wake of a task was held back for a while.
    LateWake(TaskId),
    /// A child was dropped instead of being polled.
    Drop(TaskId),
    /// The clock jumped further than the next timer.
    Overslept(Instant),
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Spawn(task) => write!(f, "spawn {task}"),
            Step::Poll(task) => write!(f, "poll {task}"),
            Step::Wake(task) => write!(f, "wake {task}"),
            Step::End(task) => write!(f, "end {task}"),
            Step::Sleep(until) => write!(f, "sleep until {:?}", until.since_epoch()),
            Step::Jump(to) => write!(f, "jump to {:?}", to.since_epoch()),
            Step::Choose { options, chosen } => write!(f, "choose {chosen} of {options}"),
            Step::Fault(fault) => write!(f, "fault: {fault}"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::SpuriousPoll(task) => write!(f, "spurious poll of {task}"),
            Fault::LateWake(task) => write!(f, "late wake of {task}"),
            Fault::Drop(task) => write!(f, "drop of {task}"),
            Fault::Overslept(to) => write!(f, "overslept until {:?}", to.since_epoch()),
        }
    }
}

/// The steps of a run: their number and a digest, and on request all of them.
#[derive(Clone, Debug)]
pub(crate) struct Recorder {
    digest: u64,
    count: u64,
    kept: Option<Kept>,
}

/// All steps, and descriptions of all tasks, for reports.
#[derive(Clone, Debug, Default)]
struct Kept {
    steps: Vec<Step>,
    /// Indexed by the numbers of the tasks.
    tasks: Vec<Parked>,
}

/// A digest of a run. Two runs that differ have different digests, with high probability.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Digest {
    digest: u64,
    count: u64,
}

impl Recorder {
    pub(crate) fn new(keep: bool) -> Self {
        Recorder { digest: 0, count: 0, kept: keep.then(Kept::default) }
    }

    pub(crate) fn add(&mut self, step: Step) {
        self.count += 1;
        let (kind, number) = match step {
            Step::Spawn(TaskId(task)) => (1, task),
            Step::Poll(TaskId(task)) => (2, task),
            Step::Wake(TaskId(task)) => (3, task),
            Step::End(TaskId(task)) => (4, task),
            Step::Sleep(until) => (5, nanos(until)),
            Step::Jump(to) => (6, nanos(to)),
            Step::Choose { options, chosen } => (7, (options as u64) << 32 ^ chosen as u64),
            Step::Fault(Fault::SpuriousPoll(TaskId(task))) => (8, task),
            Step::Fault(Fault::LateWake(TaskId(task))) => (9, task),
            Step::Fault(Fault::Drop(TaskId(task))) => (10, task),
            Step::Fault(Fault::Overslept(to)) => (11, nanos(to)),
        };
        // The finalizer of SplitMix64, which spreads every bit.
        let mut mixed = self.digest ^ (number << 4 | kind);
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        self.digest = mixed ^ mixed >> 31;
        if let Some(kept) = &mut self.kept {
            kept.steps.push(step);
        }
    }

    /// Keeps the description of the next task, if steps are kept.
    pub(crate) fn add_task(&mut self, describe: impl FnOnce() -> Option<Parked>) {
        if let Some(kept) = &mut self.kept {
            kept.tasks.extend(describe());
        }
    }

    pub(crate) fn digest(&self) -> Digest {
        Digest { digest: self.digest, count: self.count }
    }

    pub(crate) fn steps(&self) -> &[Step] {
        self.kept.as_ref().map_or(&[], |kept| &kept.steps)
    }

    pub(crate) fn task(&self, task: TaskId) -> Option<&Parked> {
        let known = self.kept.as_ref()?;
        known.tasks.get(usize::try_from(task.0).ok()?)
    }

    /// Returns the text of the step with this number, with the name of its task.
    pub(crate) fn show_step(&self, number: usize) -> String {
        let Some(step) = self.steps().get(number) else { return "the end".into() };
        let task = step.task().and_then(|task| self.task(task));
        format!("{step}{}", task.map(Parked::in_short).unwrap_or_default())
    }

    /// Returns the text of the last steps, at most `most`, one a line, and the tasks in them.
    pub(crate) fn show_last(&self, most: usize) -> String {
        let steps = self.steps();
        let first = steps.len().saturating_sub(most);
        let shown = if first == 0 { "" } else { "; the last ones" };
        let mut lines = format!("{} steps{shown}:\n", steps.len());
        for number in first..steps.len() {
            lines += &format!("  {number:>6} {}\n", self.show_step(number));
        }
        lines += "the tasks in them:\n";
        let tasks: BTreeSet<_> = steps[first..].iter().filter_map(Step::task).collect();
        for task in tasks.into_iter().filter_map(|task| self.task(task)) {
            lines += &format!("  {} {task}\n", task.task);
        }
        lines
    }

    /// Returns the number of the first step in which two runs differ.
    pub(crate) fn first_difference(&self, other: &Recorder) -> usize {
        self.steps().iter().zip(other.steps()).take_while(|(a, b)| a == b).count()
    }
}

fn nanos(moment: Instant) -> u64 {
    // Not truncated: an `Instant` has 64 bits of nanoseconds.
    moment.since_epoch().as_nanos() as u64
}
