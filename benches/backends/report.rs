//! The table that a person wants.

use crate::{args::Args, backend::Backend, measure::Measured, work::Unit};
use std::{
    fmt::Write,
    hint::black_box,
    sync::atomic::{AtomicUsize, Ordering},
    thread::available_parallelism,
    time::Instant,
};

/// Returns under which conditions all is measured.
pub(crate) fn conditions(args: &Args) -> String {
    let cores = available_parallelism().map_or(0, usize::from);
    let profile = if args.full { "full" } else { "quick" };
    let atomic = atomic();
    format!(
        "{profile} run on {cores} cores; a locked instruction costs {atomic:.1} ns here. Two threads for each backend, one for tokio's \
         current-thread runtime; all are warm, and take turns."
    )
}

/// Returns one line for each thing measured, with a column for each backend: the cost with anyscope, and its ratio to
/// what is used there today.
pub(crate) fn table(measured: &[Vec<Measured>]) -> String {
    let mut text = String::from("| cost with anyscope · ratio to today's way |");
    Backend::ALL.iter().for_each(|on| _ = write!(text, " {} |", on.name()));
    text.push_str(" today's way |\n|---|");
    text.push_str(&"--:|".repeat(Backend::ALL.len()));
    text.push_str("---|\n");
    for Measured { line, cells } in measured.iter().flatten() {
        let _ = write!(text, "| {} |", line.name);
        for cell in cells {
            let _ = write!(text, " {} · {:.2} |", amount(cell.own, line.unit), cell.ratio);
        }
        let _ = writeln!(text, " {} |", line.today);
    }
    text
}

pub(crate) fn amount(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Bytes => format!("{value:.0} B"),
        Unit::Nanos if value < 1e3 => format!("{value:.0} ns"),
        Unit::Nanos if value < 1e6 => format!("{:.1} µs", value / 1e3),
        Unit::Nanos => format!("{:.1} ms", value / 1e6),
    }
}

/// Returns what an uncontended locked instruction costs, in nanoseconds.
fn atomic() -> f64 {
    const TIMES: usize = 1_000_000;
    let word = AtomicUsize::new(0);
    let start = Instant::now();
    for _ in 0..TIMES {
        black_box(word.fetch_add(1, Ordering::AcqRel));
    }
    start.elapsed().as_nanos() as f64 / TIMES as f64
}
