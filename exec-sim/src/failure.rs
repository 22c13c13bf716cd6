//! How a run fails: a report instead of a hang.

use crate::trace::TaskId;
use anyscope_core::{
    Instant,
    observe::{Called, WhoWaits},
};
use std::{error::Error, fmt, panic::Location, thread::ThreadId};

/// Why a run failed.
///
/// # Examples
///
/// ```
/// use anyscope::sim::{Failure, Sim};
/// use std::future::pending;
///
/// let failure = Sim::new(1).run(async |_| pending::<()>().await).unwrap_err();
/// let Failure::Deadlock { tasks, .. } = &failure else { panic!("{failure}") };
/// assert_eq!(tasks.len(), 1); // the test itself
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Failure {
    /// Nothing can run and no timer is set: the tasks that wait would wait for ever.
    Deadlock {
        /// When, in virtual time.
        at: Instant,
        /// All tasks that wait, the test itself first.
        tasks: Vec<Parked>,
    },
    /// Tasks ran without end while the clock stood still.
    Livelock {
        /// When, in virtual time.
        at: Instant,
        /// How many polls were made.
        polls: u64,
        /// All tasks.
        tasks: Vec<Parked>,
    },
    /// The clock jumped again and again, and the test did not end. A timer that is set again and
    /// again turns a deadlock into this.
    Endless {
        /// When, in virtual time.
        at: Instant,
        /// How often the clock jumped.
        jumps: u64,
        /// All tasks.
        tasks: Vec<Parked>,
    },
    /// The test ended and left something behind.
    Leak {
        /// Tasks that have not ended.
        tasks: Vec<Parked>,
        /// How many sleeps were neither finished nor dropped.
        timers: usize,
        /// How many tasks have wakers that are still held after all futures were dropped: usually
        /// in a reference cycle.
        wakers: usize,
    },
    /// Another thread woke a task, so the run cannot be repeated.
    ForeignWake {
        /// Which thread.
        thread: ThreadId,
    },
    /// The same choices led to another run the second time.
    NotDeterministic {
        /// The number of the first step that differs.
        step: usize,
        /// What it was the first time.
        first: String,
        /// What it was the second time.
        second: String,
    },
}

/// A task that waits.
///
/// See [`Failure`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Parked {
    /// Its number in the run.
    pub task: TaskId,
    /// Its name, if it was given one.
    pub name: Option<String>,
    /// Where it was spawned. `None` for the test itself.
    pub spawned_at: Option<&'static Location<'static>>,
    /// What it waits for. Children, scopes and the like are named without your help, anything else
    /// if it has a [label](crate::SimHandle::label).
    pub waits: Vec<String>,
    /// It had not been woken, yet it made progress when it was polled: a wake was lost.
    pub lost_wake: bool,
    what: What,
}

/// What a task is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum What {
    /// The future of the test.
    Test,
    Child,
    /// A blocking closure.
    Job,
}

impl Parked {
    pub(crate) fn new(
        task: TaskId,
        what: What,
        name: Option<String>,
        spawned_at: Option<&'static Location<'static>>,
    ) -> Self {
        Parked { task, name, spawned_at, waits: Vec::new(), lost_wake: false, what }
    }

    /// Returns its name, or what it is if it is no child.
    pub(crate) fn name_or_kind(&self) -> Option<String> {
        match self.what {
            What::Test => Some("the test".into()),
            What::Job => Some("a blocking job".into()),
            What::Child => self.name.clone(),
        }
    }

    /// Returns a few words about the task, to be put behind its number.
    pub(crate) fn in_short(&self) -> String {
        let file = |at: &Location<'_>| at.file().rsplit(['/', '\\']).next().map(String::from);
        match (&self.name, self.spawned_at, self.what) {
            (Some(name), ..) => format!(" `{name}`"),
            (None, Some(at), What::Child) => {
                format!(" ({}:{})", file(at).unwrap_or_default(), at.line())
            }
            (None, _, What::Test) => " (the test)".into(),
            (None, _, What::Job) => " (a blocking job)".into(),
            (None, None, What::Child) => String::new(),
        }
    }
}

impl fmt::Display for Parked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name.as_deref();
        let called = self.spawned_at.map(|spawned_at| Called { name, spawned_at });
        let who = match (self.what, &called) {
            (What::Test, _) => "the test itself".into(),
            (What::Job, None) => "a blocking job".into(),
            (What::Job, Some(job)) => format!("a blocking job, spawned at {}", job.spawned_at),
            (What::Child, Some(child)) => child.to_string(),
            (What::Child, None) => "a child that has ended".into(),
        };
        WhoWaits { who: &who, waits: &self.waits }.fmt(f)?;
        if self.lost_wake {
            f.write_str("; it could make progress, but was not woken: a wake was lost")?;
        }
        Ok(())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Deadlock { at, tasks } => {
                let at = at.since_epoch();
                write!(f, "deadlock at {at:?}: nothing can run, and no timer is set")?;
                list(tasks, f)
            }
            Failure::Livelock { at, polls, tasks } => {
                let at = at.since_epoch();
                write!(f, "livelock at {at:?}: {polls} polls, and the clock stands still")?;
                list(tasks, f)
            }
            Failure::Endless { at, jumps, tasks } => {
                let at = at.since_epoch();
                write!(f, "no end at {at:?}: the clock has jumped {jumps} times")?;
                list(tasks, f)
            }
            Failure::Leak { tasks, timers, wakers } => {
                let count = tasks.len();
                write!(
                    f,
                    "the test left behind: tasks: {count}, timers: {timers}, wakers: {wakers}"
                )?;
                list(tasks, f)
            }
            Failure::ForeignWake { thread } => write!(
                f,
                "{thread:?} woke a task from outside of the simulation: this run cannot be \
                 repeated; keep threads out of the test, or allow them with `foreign_threads`"
            ),
            Failure::NotDeterministic { step, first, second } => write!(
                f,
                "the test is not deterministic: with the same choices, step {step} was \
                 \"{first}\" and then \"{second}\"; does it look at the clock of the machine, \
                 at random numbers, or at addresses?"
            ),
        }
    }
}

impl Error for Failure {}

/// Writes the tasks, one a line.
fn list(tasks: &[Parked], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    tasks.iter().try_for_each(|task| write!(f, "\n  {} {task}", task.task))
}
