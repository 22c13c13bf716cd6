//! Hashes a tree of files with BLAKE3, many files at a time, on any executor.
//!
//! The shape, in [`work`]: one [`scope`](anyscope::scope()) around everything. A walk of the tree,
//! a few files ahead, is the source of a bounded flow. The flow's limit is how many files are
//! hashed at once: for each it awaits a blocking child, which reads and hashes that file. What
//! happens to one of them disturbs nobody else. Ctrl-C cancels the scope, and what was done until
//! then is reported.
//!
//! ```text
//! cargo run --release --all-features --example checksum -- PATH
//! ```

mod progress;
mod report;
mod walk;
mod work;

use anyscope::{BlockOn, Limit, smol::Smol, threads::ThreadPool, tokio::TokioRuntime};
use async_channel::Receiver;
use clap::Parser;
use progress::Progress;
use report::Report;
use std::{
    error::Error,
    fs,
    io::{self, Write},
    path::PathBuf,
    process::{self, ExitCode},
    thread,
    time::Instant,
};
use work::{Task, Tree};

/// Hashes the files of a tree with BLAKE3.
///
/// Symbolic links are counted, not followed, except that PATH itself may be one. Fifos, sockets
/// and devices are counted, never opened. Files that cannot be read are reported at the end.
///
/// The digest of the tree is BLAKE3 over one record for each file, sorted by path: the length of
/// the path as 8 bytes, little-endian; the bytes of the path, relative to PATH; the digest of the
/// file. Directories and links have no part in it.
///
/// Exits with 0 if all went well, 1 if something could not be read or the digests differ, 2 on
/// wrong usage, 130 after Ctrl-C. A second Ctrl-C does not wait for reads that hang.
#[derive(Parser)]
#[command(name = "checksum")]
struct Args {
    /// A directory, or a single file.
    path: PathBuf,
    /// Where to run. "all" runs on one after the other and compares the digests of the tree; the
    /// first of them may have to wait for the disk.
    #[arg(long, value_name = "NAME", default_value = "all")]
    #[arg(value_parser = ["smol", "tokio", "threads", "all"])]
    executor: String,
    /// How many files to hash at once; unless told otherwise, two for each processor.
    #[arg(long, value_name = "N", default_value_t = default_limit(), value_parser = parse_limit)]
    #[arg(allow_negative_numbers = true)]
    limit: Limit,
    /// Print one JSON object instead of the table, and no progress.
    ///
    /// A path that is not UTF-8 is an array of its bytes there.
    #[arg(long)]
    json: bool,
    /// Print "digest  path" for each file, sorted, as b3sum does; the table goes to stderr.
    #[arg(long, conflicts_with = "json")]
    list: bool,
}

fn default_limit() -> Limit {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    Limit::new(2 * processors)
}

fn parse_limit(argument: &str) -> Result<Limit, Box<dyn Error + Send + Sync>> {
    Limit::try_from(argument.parse::<usize>()?)
        .map_err(|_| "nothing could be hashed; give at least 1".into())
}

fn main() -> ExitCode {
    run(&Args::parse()).unwrap_or_else(|error| {
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
    for (name, on_executor) in EXECUTORS {
        if interrupt.is_closed() || (args.executor != "all" && args.executor != name) {
            continue;
        }
        let progress = if args.json { Progress::hidden() } else { Progress::new(name) };
        let task = Task {
            root: args.path.clone(),
            limit: args.limit,
            progress: progress.clone(),
            interrupt: interrupt.clone(),
        };
        let start = Instant::now();
        let tree = on_executor(&task).map_err(|error| format!("{name} does not start: {error}"))?;
        let elapsed = start.elapsed();
        report.add(name, elapsed, progress.finish(), tree);
    }
    let interrupted = interrupt.is_closed();
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

/// A channel that is closed by Ctrl-C: whoever receives from it wakes up.
fn on_ctrl_c() -> Result<Receiver<()>, ctrlc::Error> {
    let (sender, receiver) = async_channel::bounded(1);
    ctrlc::set_handler(move || {
        let is_first = sender.close();
        if !is_first {
            // A read may hang, on a network for instance, and then nothing is ever drained.
            process::exit(INTERRUPTED.into());
        }
    })?;
    Ok(receiver)
}

/// The exit code after Ctrl-C, as shells have it.
const INTERRUPTED: u8 = 130;

type OnExecutor = fn(&Task) -> io::Result<Tree>;

/// All that is not the same on all executors.
const EXECUTORS: [(&str, OnExecutor); 3] =
    [("smol", on_smol), ("tokio", on_tokio), ("threads", on_threads)];

fn on_smol(task: &Task) -> io::Result<Tree> {
    Ok(Smol.block_on(work::hash_tree(&Smol, task)))
}

fn on_tokio(task: &Task) -> io::Result<Tree> {
    let runtime = TokioRuntime::from(tokio::runtime::Runtime::new()?);
    Ok(runtime.block_on(work::hash_tree(&runtime.handle(), task)))
}

fn on_threads(task: &Task) -> io::Result<Tree> {
    let pool = ThreadPool::builder().build()?;
    Ok(pool.block_on(work::hash_tree(&pool.handle(), task)))
}
