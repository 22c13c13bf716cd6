//! Who is still running.

use crate::{
    ChildId,
    observe::{ChildInfo, tree::Snapshot},
};
use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use core::{fmt, panic::Location, time::Duration};

/// Who is still running in a phase when half of its grace has passed.
///
/// Displayed as it is printed to stderr if nobody [asks](super::Shutdown::on_report) for it:
///
/// ```text
/// shutting down: 2 children of `requests` still run after 5s, and have 5s left
///   `request 7`, spawned at src/main.rs:130:24
///   child 12, spawned at src/main.rs:171:11
/// ```
///
/// In a tree, what they wait for is below that, and who holds it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Report {
    /// The name of the phase.
    pub phase: String,
    /// How long ago its scope was asked to end.
    pub since: Duration,
    /// How long until its children are dropped.
    pub left: Duration,
    /// Its children, the youngest first.
    pub running: Vec<Running>,
    /// What they wait for, and all else that runs, if the phase is in a [`Tree`](crate::observe::tree::Tree).
    pub tree: Option<Snapshot>,
}

/// A child that is still running.
///
/// See [`on_report`](super::Shutdown::on_report).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Running {
    /// Its number within the scope.
    pub id: ChildId,
    /// Its name, if it was given one.
    pub name: Option<String>,
    /// Where it was spawned.
    pub spawned_at: &'static Location<'static>,
}

impl From<ChildInfo<'_>> for Running {
    fn from(child: ChildInfo<'_>) -> Self {
        let ChildInfo { id, name, spawned_at, .. } = child;
        Running { id, name: name.map(ToString::to_string), spawned_at }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report { phase, since, left, running, tree } = self;
        let (children, run, have) = match running.len() {
            1 => ("child", "runs", "has"),
            _ => ("children", "run", "have"),
        };
        write!(f, "shutting down: {} {children} of `{phase}` still {run} ", running.len())?;
        write!(f, "after {since:?}, and {have} {left:?} left")?;
        running.iter().try_for_each(|child| write!(f, "\n  {child}"))?;
        tree.iter().try_for_each(|tree| write!(f, "\n{tree}"))
    }
}

impl fmt::Display for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "`{name}`, spawned at {}", self.spawned_at),
            None => write!(f, "child {}, spawned at {}", self.id, self.spawned_at),
        }
    }
}
