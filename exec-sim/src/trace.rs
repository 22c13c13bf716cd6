//! What happened in a run, step by step.

use anyscope_core::Instant;
use std::fmt;

/// One step of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Step {
    /// A task came into being.
    Spawn(TaskId),
    /// A task was polled.
    Poll(TaskId),
    /// A task was woken that was not going to be polled already.
    Wake(TaskId),
    /// A task ended, or was dropped.
    End(TaskId),
    /// A sleep began that ends at this moment.
    Sleep(Instant),
    /// Nothing was runnable, and the clock jumped here.
    Jump(Instant),
    /// The test asked for a choice out of so many, and got this one.
    Choose {
        /// How many options there were.
        options: usize,
        /// Which one it was.
        chosen: usize,
    },
    /// The simulation made something go wrong; see [`Faults`](crate::Faults).
    Fault(Fault),
}

/// The number of a task within its run. The future of the test has number 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId(pub(crate) u64);

/// Something that the simulation made go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// A task was polled although nobody had woken it.
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
            Step::Fault(fault) => write!(f, "fault: {fault:?}"),
        }
    }
}

/// The steps of a run: their number and a digest, and on request all of them.
#[derive(Clone, Debug)]
pub(crate) struct Recorder {
    digest: u64,
    count: u64,
    steps: Option<Vec<Step>>,
}

/// What tells two runs apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Digest {
    digest: u64,
    count: u64,
}

impl Recorder {
    pub(crate) fn new(keep: bool) -> Self {
        Recorder { digest: 0, count: 0, steps: keep.then(Vec::new) }
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
        if let Some(steps) = &mut self.steps {
            steps.push(step);
        }
    }

    pub(crate) fn digest(&self) -> Digest {
        Digest { digest: self.digest, count: self.count }
    }

    pub(crate) fn steps(&self) -> &[Step] {
        self.steps.as_deref().unwrap_or_default()
    }
}

fn nanos(moment: Instant) -> u64 {
    // An `Instant` is 64 bits of nanoseconds.
    moment.since_epoch().as_nanos() as u64
}
