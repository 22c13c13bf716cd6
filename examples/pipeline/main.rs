//! Producers, a queue and consumers over a million unreliable jobs, in constant memory; killed in the middle, it goes
//! on where it was.
//!
//! Jobs hang, fail and panic. Each attempt has a time limit, and failures are tried again as long as there is a
//! budget for that. Each job has one outcome, and at the end they add up, which is checked.
//!
//! With `--checkpoint FILE`, what is done is written there: after so many jobs, or a tenth of a second. Kill the program
//! with `-9`, start it again with the same file, and it does the rest. The outcome of each job counts once over all runs. What
//! is run twice is what was in flight when the program was killed, and what had ended and was not in the file yet: at most
//! [`in_doubt`] jobs. (For a job that must not be, its effect and its outcome have to be written as one.)
//!
//! ```text
//! cargo run --release -p examples --bin pipeline
//! cargo run --release -p examples --bin pipeline -- --executor tokio --checkpoint /tmp/pipeline
//! ```

mod checkpoint;
mod jobs;
mod peers;
mod sums;

use crate::{
    checkpoint::Checkpoint,
    jobs::{BUG, Faults, JobError, Jobs, Outcome},
    sums::Sums,
};
use anyscope::{
    BlockOn, CancelToken, Executor, JoinError, exponential,
    flow::{self, Flow, Source},
    progress::Bar,
    resilience::{Attempts, Failure, RetryBudget, retry},
    scope, shutdown,
    smol::Smol,
    threads::ThreadPool,
    tokio::TokioRuntime,
};
use clap::{Parser, ValueEnum};
use futures_lite::{FutureExt as _, future::yield_now};
use std::{
    error::Error,
    fs::{self, OpenOptions},
    io,
    num::NonZeroUsize,
    ops::Range,
    panic::{self, AssertUnwindSafe},
    path::PathBuf,
    process::ExitCode,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

/// Runs a million unreliable jobs, a few at a time, and accounts for each of them.
///
/// Exits with 0 if all jobs have an outcome, with 1 if it was stopped before (one Ctrl-C stops when the jobs in
/// flight have ended, a second one at once) or the file is not usable, with 2 on wrong usage, and with 101 if the sums are wrong.
#[derive(Parser)]
#[command(name = "pipeline")]
struct Args {
    /// Where to run.
    #[arg(long, value_name = "NAME", default_value = "smol")]
    #[arg(value_parser = ["smol", "tokio", "threads"])]
    executor: String,
    /// How many jobs there are.
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    jobs: u64,
    /// How many run at the same time.
    #[arg(long, value_name = "N", default_value = "50")]
    limit: NonZeroUsize,
    /// Which jobs have faults.
    #[arg(long, value_name = "WHICH", default_value = "some")]
    faults: Faults,
    /// Write what is done to this file, and go on from what it says.
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    /// After how many jobs that is written, if not after a tenth of a second.
    #[arg(long, value_name = "N", default_value = "10000")]
    batch: NonZeroUsize,
    /// Say what is done whenever it was written.
    #[arg(long)]
    verbose: bool,
    /// Append the number of each job that begins to this file, so that it can be seen which were run twice.
    #[arg(long, value_name = "FILE")]
    effects: Option<PathBuf>,
    /// How often an attempt lets others run before it answers.
    #[arg(long, value_name = "N", default_value_t = 0)]
    yields: u32,
    /// Who runs the jobs.
    #[arg(long, value_name = "WHO", default_value = "anyscope")]
    r#as: As,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum As {
    Anyscope,
    /// Tasks that take jobs from a channel, on tokio: to compare with.
    TokioWorkers,
    /// The same, but only counted: nobody knows which jobs are done.
    TokioWorkersCounted,
}

const PRODUCERS: usize = 4;
const PAGE: u64 = 1000;
const ATTEMPT: Duration = Duration::from_millis(20);
const RETRIES: usize = 2;
const DELAY: Duration = Duration::from_millis(1);

/// How many jobs may be run twice when the program is killed: those that run, those that have ended and are in the
/// batch that is being written, and in the one after it.
fn in_doubt(args: &Args) -> usize {
    args.limit.get() + 2 * args.batch.get()
}

/// Reads some of the pages of jobs, as from a database: one at a time, when there is room for its jobs.
fn produce(pages: impl Iterator<Item = Range<u64>>) -> Flow<impl Source<Item = u64>> {
    let read = async |page| {
        yield_now().await;
        page
    };
    flow::iter(pages).map_concurrent(1, read).flatten_iter()
}

fn pages(gaps: Vec<Range<u64>>) -> impl Iterator<Item = Range<u64>> + Clone {
    gaps.into_iter().flat_map(|gap| {
        (gap.start..gap.end)
            .step_by(PAGE as usize)
            .map(move |start| start..gap.end.min(start + PAGE))
    })
}

/// Runs the jobs that are not done, and adds them to `sums`. Returns all when there are no more, or it was asked to stop.
async fn run<E: Executor>(
    exec: &E,
    args: &Args,
    jobs: &Jobs,
    sums: Sums,
    save: impl AsyncFn(&Sums) -> io::Result<()>,
    stop: &CancelToken,
) -> io::Result<Sums> {
    let budget = RetryBudget::new(1000).percent(20);
    let policy = exponential(DELAY, 10 * DELAY).take(RETRIES);
    let work = async |job| {
        let mut attempt = 0;
        let attempts = retry(exec, policy.clone(), || {
            attempt += 1;
            jobs.attempt(job, attempt)
        });
        let attempts =
            attempts.attempt_timeout(ATTEMPT).when(|e, _| *e == JobError::Busy).budget(&budget);
        // A panic, too, is an outcome of its job, and of no other.
        (job, outcome(AssertUnwindSafe(attempts).catch_unwind().await))
    };

    let bar = Bar::new("pipeline").unit("jobs");
    let mut show = bar.observer();
    let (start, save) = (exec.now(), &save);
    let pages = pages(sums.done.missing(jobs.count));
    let producers = (0..PRODUCERS).map(|nth| {
        let pages = pages.clone().skip(nth).step_by(PRODUCERS);
        produce(pages.take_while(|_| !stop.is_cancelled()))
    });
    flow::merge_all(producers)
        // The queue.
        .prefetch(2 * args.limit.get())
        // What has begun ends; what is in the queue does not begin.
        .filter(|_| !stop.is_cancelled())
        // The consumers.
        .map_concurrent(args.limit, work)
        .unordered()
        .chunks_timeout(exec, args.batch, Duration::from_millis(100))
        .try_fold(sums, |mut sums, batch| {
            for (job, outcome) in batch {
                sums.add(job, outcome);
            }
            show(sums.progress(jobs, exec.now() - start));
            // Jobs go on in the meantime.
            async { save(&sums).await.map(|()| sums) }
        })
        .await
}

fn outcome<P>(result: Result<Result<u64, Attempts<JobError>>, P>) -> Outcome {
    match result.map(|result| result.map_err(|attempts| attempts.last)) {
        Ok(Ok(_answer)) => Outcome::Done,
        Ok(Err(Some(Failure::Failed(JobError::Busy)))) => Outcome::Busy,
        Ok(Err(Some(Failure::Failed(JobError::Invalid)))) => Outcome::Invalid,
        Ok(Err(Some(Failure::TimedOut(_)))) => Outcome::TimedOut,
        Ok(Err(None)) => unreachable!("no scope around it asks it to end"),
        Err(_panic) => Outcome::Panicked,
    }
}

/// Runs all jobs, with a checkpoint if there is to be one.
async fn run_all<E: Executor>(
    exec: &E,
    args: &Args,
    jobs: &Jobs,
    stop: &CancelToken,
) -> io::Result<Sums> {
    let Some(path) = &args.checkpoint else {
        return run(exec, args, jobs, Sums::default(), async |_| Ok(()), stop).await;
    };
    let (file, sums) = Checkpoint::open(path, jobs)?;
    println!(
        "{} of {} jobs are done, says {}; if this is killed, at most {} are run twice",
        sums.done.count(),
        jobs.count,
        path.display(),
        in_doubt(args)
    );
    let file = Arc::new(Mutex::new(file));
    let save = async |sums: &Sums| {
        let (file, line) = (file.clone(), sums.clone());
        // The disk takes its time, which is not that of the jobs.
        let saved = scope(exec, async |s| {
            s.spawn_blocking(move || file.lock().expect("no panic while it is locked").save(&line))
                .await
        });
        saved.await.unwrap_or_else(|error: JoinError| panic!("{error}"))?;
        if args.verbose {
            println!("saved: {} done", sums.done.count());
        }
        Ok(())
    };
    run(exec, args, jobs, sums, save, stop).await
}

fn main() -> ExitCode {
    pipeline(&Args::parse()).unwrap_or_else(|error| {
        eprintln!("pipeline: {error}");
        ExitCode::FAILURE
    })
}

fn pipeline(args: &Args) -> Result<ExitCode, Box<dyn Error>> {
    let shutdown = shutdown::signals()?;
    let (stop, force) = (shutdown.token(), shutdown.forced());
    quiet_bugs();
    let append = |path: &PathBuf| OpenOptions::new().create(true).append(true).open(path);
    let effects = args.effects.as_ref().map(append).transpose()?.map(Arc::new);
    let jobs = Jobs { count: args.jobs, faults: args.faults, yields: args.yields, effects };

    let start = Instant::now();
    let result = match (args.r#as, &*args.executor) {
        (As::TokioWorkers, _) => Ok(Ok(peers::tokio_workers(&jobs, args.limit.get()))),
        (As::TokioWorkersCounted, _) => {
            Ok(Ok(peers::tokio_workers_counted(&jobs, args.limit.get())))
        }
        (_, "tokio") => {
            let runtime = TokioRuntime::from(tokio::runtime::Runtime::new()?);
            let all = async { run_all(&runtime.handle(), args, &jobs, &stop).await };
            runtime.block_on(force.run_until_cancelled(all))
        }
        (_, "threads") => {
            let pool = ThreadPool::builder().build()?;
            let all = async { run_all(&pool.handle(), args, &jobs, &stop).await };
            pool.block_on(force.run_until_cancelled(all))
        }
        _ => Smol.block_on(force.run_until_cancelled(run_all(&Smol, args, &jobs, &stop))),
    };
    let Ok(sums) = result else {
        println!("stopped at once: what was in flight is not in the sums, and will be run again");
        return Ok(ExitCode::FAILURE);
    };
    let sums = sums?;
    report(&sums, start.elapsed());

    assert!(sums.add_up(), "each job has one outcome");
    if sums.done.count() < jobs.count {
        println!("stopped: {} jobs are left", jobs.count - sums.done.count());
        return Ok(ExitCode::FAILURE);
    }
    assert_eq!(sums, Sums::expected(&jobs), "no outcome but those that had to be");
    Ok(ExitCode::SUCCESS)
}

fn report(sums: &Sums, elapsed: Duration) {
    for (count, outcome) in sums.counts.iter().zip(Outcome::ALL) {
        println!("{count:>9} {outcome:?}");
    }
    println!("{:>9} jobs in {elapsed:.3?}", sums.done.count());
    match peak_memory() {
        Some(peak) => println!("peak memory: {peak}"),
        None => println!("peak memory: only Linux tells"),
    }
}

/// The most memory that this process has had.
fn peak_memory() -> Option<String> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().to_owned())
}

/// Panics of jobs are counted; there is no need to print them.
fn quiet_bugs() {
    let report = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        let message = info.payload().downcast_ref::<String>();
        if !message.is_some_and(|message| message.starts_with(BUG)) {
            report(info);
        }
    }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyscope::sim;
    use std::cell::Cell;

    const JOBS: Jobs = Jobs { count: 20_000, faults: Faults::Some, yields: 1, effects: None };

    /// In virtual time: stopped at any moment and resumed, the sums are what they have to be.
    #[test]
    fn in_many_orders() {
        sim::explore(5, |sim| async move {
            let args = Args::parse_from(["pipeline", "--batch", "300"]);
            let mut sums = Sums::default();
            let mut runs = 0;
            while sums.done.count() < JOBS.count {
                runs += 1;
                let (stop, saves) = (CancelToken::new(), Cell::new(0));
                let save = async |sums: &Sums| {
                    assert!(sums.add_up());
                    saves.set(saves.get() + 1);
                    if saves.get() == runs {
                        stop.cancel("enough");
                    }
                    Ok(())
                };
                sums = run(&sim, &args, &JOBS, sums, save, &stop).await.unwrap();
            }
            assert!(runs > 3, "{runs}");
            assert_eq!(sums, Sums::expected(&JOBS));
        });
    }
}
