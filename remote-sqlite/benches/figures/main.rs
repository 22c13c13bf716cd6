//! What jobs cost on a file. Each row says how durable it is, and how many processes take part; contenders take turns.
//!
//! ```text
//! cargo bench -p anyscope-sqlite            # all of it
//! cargo bench -p anyscope-sqlite -- calls   # what a job costs
//! cargo bench -p anyscope-sqlite -- scale   # workers that are killed, that have much to do, and that are several
//! ```

mod calls;
mod scale;
mod worker;

use anyscope_remote_tests::Figures;
use std::{env, process::ExitCode};

type Measure = fn(&mut Figures);

const PARTS: [(&str, Measure); 2] = [("calls", calls::measure), ("scale", scale::measure)];

fn main() -> ExitCode {
    if worker::run_if_asked() {
        return ExitCode::SUCCESS;
    }
    // What begins with a dash is cargo's.
    let wanted: Vec<_> = env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let known = PARTS.map(|(name, _)| name);
    if let Some(unknown) = wanted.iter().find(|word| !known.contains(&&***word)) {
        eprintln!("there is no part `{unknown}`; there are {}", known.join(" and "));
        return ExitCode::FAILURE;
    }
    let mut figures = Figures::default();
    for (name, measure) in PARTS {
        if wanted.is_empty() || wanted.iter().any(|word| word == name) {
            measure(&mut figures);
        }
    }
    figures.print();
    ExitCode::SUCCESS
}
