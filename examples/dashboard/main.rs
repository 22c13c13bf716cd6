//! A long batch of real work, watched while it runs: bars for the whole, for each part of it, and for the bytes; the
//! tree of all that runs, whenever somebody asks; and an end in good order on Ctrl-C.
//!
//! It hashes the files below a folder, or blobs that it makes up, folder by folder, on one executor after the other,
//! which have to agree. The work is written once, in `work.rs`, and knows of bars only what it counts.
//!
//! ```text
//! cargo run --release -p examples --bin dashboard
//! cargo run --release -p examples --bin dashboard -- --executor tokio PATH
//! ```
//!
//! While it runs, Ctrl-\ (or `kill -USR1`) prints the tree above the bars:
//!
//! ```text
//! smol [=========>                    ] 4/12 folders, 1s, 2s left
//!   bytes [==============>               ] 123 MB/246 MB, 98.1 MB/s, 1s, 1s left
//!   folder 4 [==========>         ] 11/20 files, 9.1/s, 1s, 1s left: blob 91
//!   folder 5 [=================>  ] 18/20 files, 14.9/s, 1s, 0s left: blob 118
//! ```
//!
//! Where stderr is not a terminal there are no bars, only what they come to in the end.

mod look;
mod work;

use anyscope::{
    BlockOn, Clock, Executor,
    observe::tree::Tree,
    progress::{Bars, Color},
    shutdown::{self, Shutdown},
    smol::Smol,
    threads::ThreadPool,
    tokio::TokioRuntime,
};
use clap::Parser;
use std::{
    error::Error,
    num::NonZeroUsize,
    panic,
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};
use work::{Folder, Sum, Work};

/// Hashes files, or blobs that it makes up, with a bar for each part of the work.
///
/// Ctrl-C ends it when the files in hand are done, a second one at once. Ctrl-\ or SIGUSR1 prints what is
/// running, and what it waits for. Exits with 0 if all files were hashed, with 1 if some could not be read or it was
/// stopped, with 2 on wrong usage, and with 101 if the executors do not agree.
#[derive(Parser)]
#[command(name = "dashboard")]
struct Args {
    /// Hash the files below this folder, and not blobs.
    path: Option<PathBuf>,
    /// Where to run.
    #[arg(long, value_name = "NAME", default_value = "all")]
    #[arg(value_parser = ["smol", "tokio", "threads", "all"])]
    executor: String,
    /// How many folders are worked on at once.
    #[arg(long, value_name = "N", default_value = "3")]
    folders: NonZeroUsize,
    /// How many files of a folder are hashed at once.
    #[arg(long, value_name = "N", default_value = "4")]
    files: NonZeroUsize,
    /// How many blobs are made up, if no folder is given.
    #[arg(long, value_name = "N", default_value_t = 240)]
    blobs: u64,
    /// How long it takes until a blob is there.
    #[arg(long, value_name = "N", default_value_t = 150)]
    fetch_ms: u64,
}

fn main() -> ExitCode {
    let args = Args::parse();
    dashboard(&args).unwrap_or_else(|error| {
        eprintln!("dashboard: {error}");
        ExitCode::FAILURE
    })
}

fn dashboard(args: &Args) -> Result<ExitCode, Box<dyn Error>> {
    let (bars, tree, shutdown) = (Bars::new(), Tree::new(), shutdown::signals()?);
    // The messages of panics do not come in between the bars.
    let (shown, report) = (bars.clone(), panic::take_hook());
    panic::set_hook(Box::new(move |info| shown.suspend(|| report(info))));
    look::on_signal(&tree, &bars)?;

    let folders = match &args.path {
        Some(path) => work::files(path).map_err(|error| format!("{}: {error}", path.display()))?,
        None => work::blobs(args.blobs, Duration::from_millis(args.fetch_ms)),
    };
    let all: usize = folders.iter().map(|folder| folder.items.len()).sum();
    let stop = shutdown.token();

    let names = ["smol", "tokio", "threads"];
    let names = names.into_iter().filter(|name| ["all", name].contains(&&*args.executor));
    let mut sums = Vec::new();
    for name in names.take_while(|_| !stop.is_cancelled()) {
        let run = Run { name, args, folders: &folders, bars: &bars, shutdown: &shutdown };
        let start = Instant::now();
        let sum = match name {
            "tokio" => {
                let runtime = TokioRuntime::from(tokio::runtime::Runtime::new()?);
                runtime.block_on(tree.watch(run.on(&runtime.handle())))
            }
            "threads" => {
                let pool = ThreadPool::builder().build()?;
                pool.block_on(tree.watch(run.on(&pool.handle())))
            }
            _ => Smol.block_on(tree.watch(run.on(&Smol))),
        };
        println!("{name}: {sum}, in {:.1?}", start.elapsed());
        sums.push(sum);
    }

    if stop.is_cancelled() {
        println!("stopped: what was in hand is done, the rest is not");
        return Ok(ExitCode::FAILURE);
    }
    assert!(sums.windows(2).all(|two| two[0] == two[1]), "the executors agree");
    let is_good = sums.iter().all(|sum| sum.hashed == all);
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// All that is to be done on an executor.
struct Run<'a> {
    name: &'static str,
    args: &'a Args,
    folders: &'a [Folder],
    bars: &'a Bars,
    shutdown: &'a Shutdown,
}

impl Run<'_> {
    async fn on<E: Executor + Clock + 'static>(&self, exec: &E) -> Sum {
        let whole = self.bars.bar(self.name).unit("folders").color(Color::Green);
        let bytes = whole.nested("bytes").bytes().rate().clock(exec.clone()).color(Color::Cyan);
        bytes.set_total(self.folders.iter().map(Folder::bytes).sum());
        let work = Work {
            exec: exec.clone(),
            files: self.args.files,
            whole: whole.clone(),
            bytes,
            stop: self.shutdown.token(),
            force: self.shutdown.forced(),
        };
        let sum = work.all(self.folders.to_vec(), self.args.folders, self.shutdown).await;
        let text = whole.finish_with_message(sum.to_string());
        if self.bars.is_hidden() {
            eprintln!("{text}");
        }
        sum
    }
}
