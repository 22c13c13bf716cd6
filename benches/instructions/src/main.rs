//! Counts the instructions of every hot path, beside its floor and its peers, and compares them
//! with the baseline.
//!
//! `ci/instructions.sh` builds and runs it. Each row is a process of its own under callgrind, on
//! one thread, with an environment that is the same everywhere; so counts do not depend on other
//! rows, and are the same in every run.
//!
//! | arguments | |
//! |---|---|
//! | | our own paths against the baseline |
//! | `--write` | makes the baseline of what is counted now |
//! | `--peers` | our own paths beside floors and peers, with the allocator of the C library |
//! | a word | only the paths which it is part of |

mod arena;
mod baseline;
mod by_hand;
mod callgrind;
mod channels;
mod groups;
mod limits;
mod meter;
mod own;
mod report;
mod rows;
#[path = "../../support/task.rs"]
mod task;
mod work;

use std::{env, process::ExitCode};

fn main() -> ExitCode {
    if let Some(row) = callgrind::to_run() {
        callgrind::run_here(row);
    }
    let args: Vec<String> = env::args().skip(1).collect();
    let flag = |name| args.iter().any(|arg| arg == name);
    let words: Vec<&str> =
        args.iter().map(String::as_str).filter(|arg| !arg.starts_with("--")).collect();
    match flag("--peers") {
        true => report::compare(&words),
        false => report::check(flag("--write"), &words),
    }
}
