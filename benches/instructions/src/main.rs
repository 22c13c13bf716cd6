//! Counts the instructions of every hot path, beside its floor and its peers, and compares them
//! with the baseline.
//!
//! `ci/instructions.sh` builds and runs it. Each row is a process of its own under callgrind, on
//! one thread, with an environment that is the same everywhere; so counts do not depend on other
//! rows, and are the same in every run.
//!
//! | arguments | |
//! |---|---|
//! | | our own rows against the baseline |
//! | `--peers` | floors and peers too |
//! | `--write` | makes the baseline of what is counted now |
//! | a word | only the paths which it is part of |

mod baseline;
mod by_hand;
mod callgrind;
mod meter;
mod own;
mod report;
mod rows;
mod work;

use std::{env, process::ExitCode};

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    if let [run, index] = &args[..]
        && run == callgrind::RUN
    {
        callgrind::run_here(index.parse().unwrap());
        return ExitCode::SUCCESS;
    }
    let flag = |name| args.iter().any(|arg| arg == name);
    let words: Vec<&String> = args.iter().filter(|arg| !arg.starts_with("--")).collect();
    report::print(flag("--peers"), flag("--write"), &words)
}
