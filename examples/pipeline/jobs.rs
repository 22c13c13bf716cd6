//! A million unreliable jobs: what they do, and how they fail.

use clap::ValueEnum;
use std::{future::pending, io::Write, sync::Arc};

/// Which jobs have faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Faults {
    /// None: all answer at once.
    None,
    /// About one in seven hundred: they are busy, hang, fail or panic, once or for good.
    Some,
}

/// What is wrong with a job.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    Nothing,
    /// Its first attempt fails, and a second one succeeds.
    BusyOnce,
    Busy,
    /// Its first attempt never ends, and a second one succeeds.
    HangsOnce,
    Hangs,
    /// It fails, and would do so however often it is tried.
    Invalid,
    Panics,
}

/// How an attempt fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JobError {
    Busy,
    Invalid,
}

/// What becomes of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    Busy,
    TimedOut,
    Invalid,
    Panicked,
}

impl Outcome {
    pub(crate) const ALL: [Self; 5] =
        [Self::Done, Self::Busy, Self::TimedOut, Self::Invalid, Self::Panicked];
}

/// All jobs there are. They are numbers; their work is to answer.
#[derive(Clone)]
pub(crate) struct Jobs {
    pub(crate) count: u64,
    pub(crate) faults: Faults,
    /// How often an attempt lets others run before it answers.
    pub(crate) yields: u32,
    /// What a job does that cannot be taken back: its number is written there.
    pub(crate) effects: Option<Arc<std::fs::File>>,
}

pub(crate) const BUG: &str = "a bug in job";

impl Jobs {
    pub(crate) fn fault(&self, job: u64) -> Fault {
        match (self.faults, job % 10_000) {
            (Faults::None, _) => Fault::Nothing,
            (Faults::Some, 1500) => Fault::Busy,
            (Faults::Some, 2500) => Fault::HangsOnce,
            (Faults::Some, 3500) if job % 50_000 == 3500 => Fault::Hangs,
            (Faults::Some, 4500) => Fault::Invalid,
            (Faults::Some, 5500) => Fault::Panics,
            (Faults::Some, rest) if rest % 1000 == 600 => Fault::BusyOnce,
            (Faults::Some, _) => Fault::Nothing,
        }
    }

    /// What will become of a job.
    pub(crate) fn fate(&self, job: u64) -> Outcome {
        match self.fault(job) {
            Fault::Nothing | Fault::BusyOnce | Fault::HangsOnce => Outcome::Done,
            Fault::Busy => Outcome::Busy,
            Fault::Hangs => Outcome::TimedOut,
            Fault::Invalid => Outcome::Invalid,
            Fault::Panics => Outcome::Panicked,
        }
    }

    /// One attempt at a job, the first being 1.
    pub(crate) async fn attempt(&self, job: u64, attempt: u32) -> Result<u64, JobError> {
        if let Some(mut effects) = self.effects.as_deref().filter(|_| attempt == 1) {
            effects.write_all(format!("{job}\n").as_bytes()).expect("room for an effect");
        }
        for _ in 0..self.yields {
            futures_lite::future::yield_now().await;
        }
        match self.fault(job) {
            Fault::BusyOnce if attempt == 1 => Err(JobError::Busy),
            Fault::HangsOnce if attempt == 1 => pending().await,
            Fault::Nothing | Fault::BusyOnce | Fault::HangsOnce => Ok(job + 1),
            Fault::Busy => Err(JobError::Busy),
            Fault::Hangs => pending().await,
            Fault::Invalid => Err(JobError::Invalid),
            Fault::Panics => panic!("{BUG} {job}"),
        }
    }
}
