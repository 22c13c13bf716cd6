//! Hashes a tree of files with SHA-256, many files at a time, on any executor.
//!
//! The shape, in [`work`]: one [`scope`](anyscope::scope()) around everything. A walk of the tree,
//! a few files ahead, is the source of a bounded flow. The flow's limit is how many files are
//! hashed at once: for each it awaits a blocking child, which reads and hashes that file. What
//! happens to one of them disturbs nobody else. Ctrl-C cancels the scope, and what was done until
//! then is reported.
//!
//! ```text
//! cargo run --release -p checksum -- PATH
//! cargo run --release -p checksum --features smol -- --help
//! ```

mod args;
mod digest;
mod json;
mod progress;
mod report;
mod walk;
mod work;

use anyscope::CancelToken;
use args::{Args, HELP};
use progress::Progress;
use report::Report;
use std::{
    error::Error,
    fs,
    io::{self, Write},
    process::{self, ExitCode},
    time::Instant,
};
use work::{Task, Tree};

fn main() -> ExitCode {
    let names: Vec<_> = EXECUTORS.iter().map(|(name, _)| *name).collect();
    let done = match Args::parse(&names) {
        Ok(Some(args)) => run(&args),
        Ok(None) => unless_closed(write!(io::stdout(), "{HELP}"))
            .map(|()| ExitCode::SUCCESS)
            .map_err(Into::into),
        Err(error) => {
            let _ = writeln!(io::stderr(), "checksum: {error}; see --help");
            return ExitCode::from(WRONG_USAGE);
        }
    };
    done.unwrap_or_else(|error| {
        // Should this fail too, nobody is left to be told.
        let _ = writeln!(io::stderr(), "checksum: {error}");
        ExitCode::FAILURE
    })
}

fn run(args: &Args) -> Result<ExitCode, Box<dyn Error>> {
    let kind = fs::metadata(&args.path).map_err(|error| format!("{:?}: {error}", args.path))?;
    if !kind.is_file() && !kind.is_dir() {
        return Err(format!("{:?}: neither a directory nor a file", args.path).into());
    }
    let interrupt = on_ctrl_c()?;

    let mut report = Report::new(&args.path, args.limit);
    for &(name, on_executor) in EXECUTORS {
        if interrupt.is_cancelled() || args.executor.as_ref().is_some_and(|asked| asked != name) {
            continue;
        }
        let progress = if args.json { Progress::hidden() } else { Progress::new(name) };
        let task = Task {
            root: args.path.clone(),
            limit: args.limit,
            caches: args.caches,
            progress: progress.clone(),
            interrupt: interrupt.clone(),
        };
        let start = Instant::now();
        let tree = on_executor(&task).map_err(|error| format!("{name} does not start: {error}"))?;
        let elapsed = start.elapsed();
        report.add(name, elapsed, progress.finish(), tree);
    }
    let interrupted = interrupt.is_cancelled();
    if interrupted {
        report.interrupted();
    }

    if args.json {
        unless_closed(report.json(io::stdout().lock()))?;
    } else if args.list {
        unless_closed(report.list(io::BufWriter::new(io::stdout().lock())))?;
        unless_closed(report.table(io::stderr().lock()))?;
    } else {
        unless_closed(report.table(io::stdout().lock()))?;
    }
    if !args.json {
        unless_closed(report.failures(io::stderr().lock()))?;
    }
    Ok(match interrupted {
        true => ExitCode::from(INTERRUPTED),
        false if report.is_good() => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

/// Who closes a pipe has read enough; that is no error.
fn unless_closed(printed: io::Result<()>) -> io::Result<()> {
    match printed {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        printed => printed,
    }
}

/// A token that is cancelled by Ctrl-C.
fn on_ctrl_c() -> Result<CancelToken, ctrlc::Error> {
    let token = CancelToken::new();
    let interrupt = token.clone();
    ctrlc::set_handler(move || {
        if interrupt.is_cancelled() {
            // A read may hang, on a network for instance, and then nothing is ever drained.
            process::exit(INTERRUPTED.into());
        }
        interrupt.cancel("interrupted");
    })?;
    Ok(token)
}

/// The exit code after Ctrl-C, as shells have it.
const INTERRUPTED: u8 = 130;
const WRONG_USAGE: u8 = 2;

type OnExecutor = fn(&Task) -> io::Result<Tree>;

/// All that is not the same on all executors.
const EXECUTORS: &[(&str, OnExecutor)] = &[
    #[cfg(feature = "smol")]
    ("smol", on_smol),
    #[cfg(feature = "tokio")]
    ("tokio", on_tokio),
    #[cfg(feature = "threads")]
    ("threads", on_threads),
];

#[cfg(feature = "smol")]
fn on_smol(task: &Task) -> io::Result<Tree> {
    use anyscope::{BlockOn, smol::Smol};
    Ok(Smol.block_on(work::hash_tree(&Smol, task)))
}

#[cfg(feature = "tokio")]
fn on_tokio(task: &Task) -> io::Result<Tree> {
    use anyscope::{BlockOn, tokio::TokioRuntime};
    let runtime = TokioRuntime::from(tokio::runtime::Runtime::new()?);
    Ok(runtime.block_on(work::hash_tree(&runtime.handle(), task)))
}

#[cfg(feature = "threads")]
fn on_threads(task: &Task) -> io::Result<Tree> {
    use anyscope::{BlockOn, threads::ThreadPool};
    let pool = ThreadPool::builder().build()?;
    Ok(pool.block_on(work::hash_tree(&pool.handle(), task)))
}
