//! The scenarios.
//!
//! | file | what |
//! |---|---|
//! | `children` | many children: spawned and awaited, cancelled, asleep |
//! | `flows` | bounded work and merges |
//! | `programs` | what programs are made of: sockets, a processor's work, blocking parts |
//! | `today` | bounded work on an executor, as it is written today |
//! | `waiting` | time limits, and how long a new task waits for its turn |

mod children;
mod flows;
mod programs;
mod today;
mod waiting;

use crate::{
    args::Args,
    backend::{Backend, Backends, Sample, Work},
};

/// What a number is.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Unit {
    Nanos,
    Bytes,
}

/// A line of the table.
#[derive(Clone, Copy)]
pub(crate) struct Line {
    pub(crate) name: &'static str,
    pub(crate) unit: Unit,
    /// What people use today.
    pub(crate) today: &'static str,
}

type Run = Box<dyn Fn(&Backends, Backend) -> Sample>;

/// The same work in several ways.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) lines: &'static [Line],
    /// How many rounds are enough.
    pub(crate) rounds: usize,
    /// Whether a run is a time, short enough to be repeated within a round.
    pub(crate) is_time: bool,
    pub(crate) own: Run,
    pub(crate) today: Run,
}

impl Scenario {
    fn new(name: &'static str, lines: &'static [Line], work: impl Work) -> Self {
        Scenario {
            name,
            lines,
            rounds: 9,
            is_time: true,
            own: Box::new(move |backends, on| backends.own(on, work)),
            today: Box::new(move |backends, on| backends.today(on, work)),
        }
    }
}

/// Returns the names of all scenarios.
pub(crate) fn names() -> Vec<&'static str> {
    every(false).into_iter().map(|scenario| scenario.name).collect()
}

/// Returns the scenarios that are asked for.
pub(crate) fn all(args: &Args) -> Vec<Scenario> {
    every(args.full).into_iter().filter(|scenario| args.wants(scenario.name)).collect()
}

/// Spawns and awaits so many children.
pub(crate) fn tasks(n: usize) -> Scenario {
    Scenario::new("tasks", TASKS, children::Tasks { n })
}

fn every(full: bool) -> Vec<Scenario> {
    let sleepers = if full { 1_000_000 } else { 100_000 };
    vec![
        tasks(1000),
        Scenario::new("bounded", BOUNDED, flows::Bounded),
        Scenario::new("parallel", PARALLEL, flows::Parallel),
        Scenario::new("merge", MERGE, flows::Merge),
        Scenario::new("cancel", CANCEL, children::Cancel),
        Scenario::new("timeout", TIMEOUT, waiting::Timeouts),
        Scenario::new("sockets", SOCKETS, programs::Sockets),
        Scenario::new("processor", PROCESSOR, programs::Processor),
        Scenario::new("pipeline", PIPELINE, programs::Pipeline),
        Scenario {
            rounds: 5,
            is_time: false,
            ..Scenario::new("latency", LATENCY, waiting::Latency)
        },
        Scenario {
            rounds: 1,
            is_time: false,
            ..Scenario::new("memory", MEMORY, children::Asleep { n: sleepers })
        },
    ]
}

const TASKS: &[Line] = &[Line {
    name: "a task, spawned and awaited",
    unit: Unit::Nanos,
    today: "JoinSet; Vec of tasks",
}];
const BOUNDED: &[Line] = &[Line {
    name: "an item, 50 at a time, in one task",
    unit: Unit::Nanos,
    today: "futures buffer_unordered",
}];
const PARALLEL: &[Line] = &[Line {
    name: "an item, 50 at a time, on the executor",
    unit: Unit::Nanos,
    today: "JoinSet by its length; buffer_unordered of tasks",
}];
const MERGE: &[Line] = &[Line {
    name: "an item of 16 merged streams",
    unit: Unit::Nanos,
    today: "futures select_all",
}];
const CANCEL: &[Line] = &[Line {
    name: "a cancel of one of 1000 children",
    unit: Unit::Nanos,
    today: "JoinSet::shutdown; Task::cancel",
}];
const TIMEOUT: &[Line] = &[Line {
    name: "a timeout that is not needed",
    unit: Unit::Nanos,
    today: "tokio::time::timeout; or(work, Timer)",
}];
const SOCKETS: &[Line] = &[Line {
    name: "a request over TCP, 16 connections at a time",
    unit: Unit::Nanos,
    today: "JoinSet by its length; buffer_unordered of tasks",
}];
const PROCESSOR: &[Line] = &[Line {
    name: "20 µs of a processor's work",
    unit: Unit::Nanos,
    today: "JoinSet by its length; buffer_unordered of tasks",
}];
const PIPELINE: &[Line] = &[Line {
    name: "an item of a pipeline with a blocking part",
    unit: Unit::Nanos,
    today: "futures buffered, spawn_blocking; unblock",
}];
const LATENCY: &[Line] = &[
    Line {
        name: "spawned to first poll, while others work: p50",
        unit: Unit::Nanos,
        today: "spawn",
    },
    Line { name: "the same, p99", unit: Unit::Nanos, today: "spawn" },
    Line { name: "the same, p99.9", unit: Unit::Nanos, today: "spawn" },
];
const MEMORY: &[Line] =
    &[Line { name: "memory of a sleeping task", unit: Unit::Bytes, today: "spawn of a sleep" }];
