//! Jobs that say what happens to them.

use anyscope::{
    Spawn,
    pool::{Builder, Pool, Worker},
};
use support::{Log, Signal, blow_up};

/// What a job does.
pub(super) enum Do {
    /// Says that it is there, and returns its number.
    Say,
    /// The same, after a signal.
    After(Signal),
    /// Panics.
    Panic,
    /// Never returns.
    Hang,
}

pub(super) struct Job {
    pub(super) number: u32,
    pub(super) what: Do,
    /// Is told when the job is dropped before it was done.
    log: Option<Log>,
}

impl Job {
    pub(super) fn new(number: u32, what: Do) -> Self {
        Job { number, what, log: None }
    }

    /// Its drop is in `log`, if it was not done.
    pub(super) fn logged(number: u32, what: Do, log: &Log) -> Self {
        Job { number, what, log: Some(log.clone()) }
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        if let Some(log) = self.log.take() {
            log.add(format!("{} dropped", self.number));
        }
    }
}

/// A worker that says what it does.
pub(super) struct Scribe {
    pub(super) index: usize,
    pub(super) log: Log,
    /// How many jobs it has had.
    pub(super) had: u32,
}

impl Worker for Scribe {
    type Job = Job;
    /// The number of the job, and the index of the worker.
    type Output = (u32, usize);

    async fn handle(&mut self, mut job: Job) -> (u32, usize) {
        self.had += 1;
        match &job.what {
            Do::Say => {}
            Do::After(signal) => signal.wait().await,
            Do::Panic => blow_up("a bad job"),
            Do::Hang => std::future::pending().await,
        }
        job.log = None;
        self.log.add(format!("{}", job.number));
        (job.number, self.index)
    }
}

pub(super) type Scribes = Pool<Job, (u32, usize)>;

/// Starts scribes.
pub(super) fn start<E: Spawn + Clone + Send + Sync + 'static>(
    builder: Builder<E>,
    log: &Log,
) -> Scribes {
    let log = log.clone();
    let make = move |index| {
        let log = log.clone();
        async move { Scribe { index, log, had: 0 } }
    };
    builder.start(make).unwrap()
}

pub(super) fn say(number: u32) -> Job {
    Job::new(number, Do::Say)
}

pub(super) fn after(number: u32, signal: &Signal) -> Job {
    Job::new(number, Do::After(signal.clone()))
}

pub(super) fn bad(number: u32) -> Job {
    Job::new(number, Do::Panic)
}
