//! Runs rows under callgrind.

use crate::{
    arena,
    meter::told,
    rows::{self, Row},
};
use std::{
    env, fs,
    mem::forget,
    path::PathBuf,
    process::{Command, Stdio, exit},
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    thread,
};

/// Says to a process that it is what is counted: the number of its row, and its allocator. Not an
/// argument, as whoever looks at those has them all copied, and the path of the program with them.
const RUN: &str = "INSTRUCTIONS_ROW";

/// Where what is counted allocates.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Malloc {
    Arena,
    System,
}

/// What one item costs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Cost {
    pub(crate) instructions: f64,
    /// Instructions that lock the bus: those with the prefix `lock`, and `xchg` with memory.
    pub(crate) locked: f64,
    pub(crate) allocations: f64,
    pub(crate) bytes: f64,
}

/// The row that is this process's to run.
pub(crate) fn to_run() -> Option<(usize, Malloc)> {
    let run = env::var(RUN).ok()?;
    let (malloc, index) = run.split_at(1);
    let malloc = if malloc == "A" { Malloc::Arena } else { Malloc::System };
    Some((index.parse().unwrap(), malloc))
}

/// In the process which is counted: runs one row, and says what it was.
pub(crate) fn run_here((index, malloc): (usize, Malloc)) -> ! {
    let mut rows = rows::all();
    let row = rows.swap_remove(index);
    // What is free must not depend on what other rows there are.
    forget(rows);
    if malloc == Malloc::Arena {
        arena::begin();
    }
    (row.run)();
    let told = told();
    println!("{} {} {}", told.items, told.allocations, told.bytes);
    // What would be dropped by now does not count.
    exit(0);
}

/// Counts all rows that are chosen; in as many processes at a time as there are processors.
pub(crate) fn count(
    rows: &[Row],
    malloc: Malloc,
    chosen: impl Fn(&Row) -> bool,
) -> Vec<Option<Cost>> {
    let chosen: Vec<usize> = (0..rows.len()).filter(|&index| chosen(&rows[index])).collect();
    let next = AtomicUsize::new(0);
    let work = || {
        let mut costs = Vec::new();
        while let Some(&index) = chosen.get(next.fetch_add(1, Relaxed)) {
            costs.push((index, count_one(index, malloc)));
        }
        costs
    };
    let mut costs = vec![None; rows.len()];
    thread::scope(|scope| {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        let threads: Vec<_> = (0..processors).map(|_| scope.spawn(work)).collect();
        for (index, cost) in threads.into_iter().flat_map(|thread| thread.join().unwrap()) {
            costs[index] = Some(cost);
        }
    });
    costs
}

fn count_one(index: usize, malloc: Malloc) -> Cost {
    let letter = if malloc == Malloc::Arena { 'A' } else { 'S' };
    let file = env::temp_dir().join(format!("instructions.{}.{index}", std::process::id()));
    let output = Command::new(valgrind())
        // The length of the environment moves the stack.
        .env_clear()
        .env(RUN, format!("{letter}{index:04}"))
        .args(["--tool=callgrind", "--quiet", "--collect-atstart=no", "--collect-bus=yes"])
        .arg(format!("--callgrind-out-file={}", file.display()))
        .arg(env::current_exe().expect("this program has a path"))
        .stderr(Stdio::inherit())
        .output()
        .expect("valgrind runs");
    assert!(output.status.success(), "row {index} failed: {}", output.status);
    let counted = fs::read_to_string(&file).expect("callgrind has written its file");
    _ = fs::remove_file(&file);
    let said = String::from_utf8(output.stdout).expect("a row says numbers");
    cost(&said, &counted)
}

/// Its whole path, as the environment does not have it.
fn valgrind() -> PathBuf {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .map(|folder| folder.join("valgrind"))
        .find(|file| file.exists())
        .expect("valgrind is installed: `apt-get install valgrind`, or the like, does it")
}

fn cost(said: &str, counted: &str) -> Cost {
    let numbers = |line: &str| -> Vec<f64> {
        line.split_whitespace().map(|number| number.parse().unwrap()).collect()
    };
    let after = |key| counted.lines().find_map(|line| line.strip_prefix(key)).unwrap();
    assert_eq!(after("events: "), "Ir Ge", "callgrind counts what it was asked to");
    let &[items, allocations, bytes] = &numbers(said.trim())[..] else { panic!("said: {said}") };
    // A line that ends early has zeros at its end.
    let totals = numbers(after("totals: "));
    let total = |event| totals.get(event).copied().unwrap_or(0.0);
    Cost {
        instructions: total(0) / items,
        locked: total(1) / items,
        allocations: allocations / items,
        bytes: bytes / items,
    }
}
