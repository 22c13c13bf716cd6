//! A pool of workers in every mode: one queue for all, a worker for each key, in turn, the least busy one, and
//! without an executor.
//!
//! Each worker has a session of its own, as with a server or a database, that takes time to open. Some of
//! the jobs are broken: the job panics, its ticket says so, the session is dropped with its worker, and the worker comes
//! back with a new one after a moment. All other jobs are done. On Ctrl-C what is queued is still done, for a second at most.
//!
//! ```text
//! cargo run -p examples --bin workers
//! cargo run -p examples --bin workers -- --executor tokio --mode keyed --jobs 2000
//! ```

use anyscope::{
    BlockOn, CancelToken, Executor, Restart, exponential, flow,
    pool::{JobError, Pool, Shutdown, Stats, Strategy, Worker},
    progress::Bar,
    shutdown,
    smol::Smol,
    threads::ThreadPool,
    tokio::TokioRuntime,
};
use clap::{Parser, ValueEnum};
use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
    panic, process,
    time::Duration,
};

/// Does many small jobs with a few stateful workers, some of which fail and come back.
///
/// Exits with 0 if every job was done or has failed by itself, 1 if jobs were dropped, 2 on wrong usage.
#[derive(Parser)]
#[command(name = "workers")]
struct Args {
    /// Where to run.
    #[arg(long, value_name = "NAME", default_value = "smol")]
    #[arg(value_parser = ["smol", "tokio", "threads"])]
    executor: String,
    /// Which worker gets a job; all modes, one after the other, unless this is given.
    #[arg(long, value_name = "MODE")]
    mode: Option<Mode>,
    /// How many jobs there are.
    #[arg(long, value_name = "N", default_value_t = 400)]
    jobs: u32,
    /// How many workers.
    #[arg(long, value_name = "N", default_value_t = 4)]
    workers: usize,
    /// How many jobs may wait.
    #[arg(long, value_name = "N", default_value_t = 16)]
    queue: usize,
    /// One job in so many is broken.
    #[arg(long, value_name = "N", default_value_t = 50)]
    broken: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Mode {
    /// The next worker that is free.
    Shared,
    /// All jobs of an account have the same worker, and are done in order.
    Keyed,
    /// One worker after the other.
    RoundRobin,
    /// The worker with the fewest jobs.
    LeastBusy,
    /// No workers: whoever waits for a result does the jobs.
    Inline,
}

const NO_SENSE: &str = "makes no sense";

/// A payment into one of a few accounts.
#[derive(Clone, Copy)]
struct Payment {
    number: u32,
    account: u32,
    is_broken: bool,
}

fn payments(args: &Args) -> impl Iterator<Item = Payment> + use<> {
    let broken = args.broken.max(1);
    (1..=args.jobs).map(move |number| Payment {
        number,
        account: number * 7 % 41,
        is_broken: number % broken == broken / 2,
    })
}

/// The state of a worker. What it has is gone when it fails, so what must not be lost is elsewhere.
struct Session<E> {
    exec: E,
    worker: usize,
    /// What was paid into each account in this session.
    sums: BTreeMap<u32, u32>,
}

impl<E: Executor> Session<E> {
    async fn open(exec: E, worker: usize) -> Self {
        exec.sleep(Duration::from_millis(2)).await;
        Session { exec, worker, sums: BTreeMap::new() }
    }
}

impl<E: Executor> Worker for Session<E> {
    type Job = Payment;
    /// The worker.
    type Output = usize;

    async fn handle(&mut self, payment: Payment) -> usize {
        // Some take longer than others.
        self.exec.sleep(Duration::from_millis(u64::from(1 + payment.number % 3))).await;
        assert!(!payment.is_broken, "payment {} {NO_SENSE}", payment.number);
        *self.sums.entry(payment.account).or_default() += 1;
        self.worker
    }
}

type Payments = Pool<Payment, usize>;

fn open_pool<E: Executor>(exec: &E, args: &Args, mode: Mode) -> Result<Payments, Box<dyn Error>> {
    let tick = Duration::from_millis(1);
    let restart = || Restart::on_panic(exec.clone()).backoff(exponential(tick, 20 * tick));
    let session = {
        let exec = exec.clone();
        move |worker| Session::open(exec.clone(), worker)
    };
    let strategy = match mode {
        Mode::Inline => {
            return Ok(Pool::inline().queue(args.queue).restart(restart()).start(session)?);
        }
        Mode::Shared | Mode::Keyed => Strategy::Shared,
        Mode::RoundRobin => Strategy::RoundRobin,
        Mode::LeastBusy => Strategy::LeastBusy,
    };
    let builder = Pool::builder(exec).workers(args.workers).queue(args.queue).strategy(strategy);
    Ok(builder.restart(restart()).start(session)?)
}

/// What came of the jobs that somebody waited for.
#[derive(Default)]
struct Seen {
    done: u32,
    /// What the first of the broken ones said.
    broken: Option<String>,
    /// Which workers had payments of an account.
    workers: BTreeMap<u32, BTreeSet<usize>>,
}

impl Seen {
    fn note(mut self, (payment, result): (Payment, Result<usize, JobError>)) -> Self {
        match result {
            Ok(worker) => {
                self.done += 1;
                self.workers.entry(payment.account).or_default().insert(worker);
            }
            Err(error) => {
                self.broken.get_or_insert_with(|| error.to_string());
            }
        }
        self
    }

    /// How many accounts are in more than one worker.
    fn scattered(&self) -> usize {
        self.workers.values().filter(|workers| workers.len() > 1).count()
    }
}

/// Runs all jobs in one mode, or as many as there is time for. Returns whether none was dropped.
async fn run<E: Executor>(
    exec: &E,
    args: &Args,
    mode: Mode,
    stop: &CancelToken,
) -> Result<bool, Box<dyn Error>> {
    let pool = open_pool(exec, args, mode)?;
    let do_one = async |payment: Payment| {
        let submit = match mode {
            Mode::Keyed => pool.submit_to_key(&payment.account, payment),
            _ => pool.submit(payment),
        };
        let result = match submit.await {
            Ok(ticket) => ticket.await,
            Err(refused) => Err(refused.into()),
        };
        (payment, result)
    };
    let bar = Bar::new(format!("{mode:?}")).unit("payments");
    let work = flow::iter(payments(args))
        .map_concurrent(args.workers + args.queue, do_one)
        .unordered()
        .progress(exec, bar.observer())
        .fold(Seen::default(), async |seen, outcome| seen.note(outcome));
    let seen = stop.run_until_cancelled(work).await;
    let report = pool.shutdown(Shutdown::Drain).timeout(exec, Duration::from_secs(1)).await;
    drop(bar);
    show(mode, &pool.stats());
    match seen {
        Ok(seen) => {
            let scattered = seen.scattered();
            println!("  {} of {} accounts in several workers", scattered, seen.workers.len());
            println!("  first failure: {}", seen.broken.as_deref().unwrap_or("none"));
            assert_eq!(u64::from(seen.done), pool.stats().done);
            assert!(mode != Mode::Keyed || scattered == 0, "a key has one worker");
        }
        Err(cancelled) => println!("  {cancelled}; {} more were done", report.done),
    }
    Ok(report.dropped == 0)
}

fn show(mode: Mode, stats: &Stats) {
    println!(
        "{mode:?}: {} submitted, {} done, {} failed, {} dropped",
        stats.submitted, stats.done, stats.failed, stats.dropped
    );
    println!("  worker   done  failed  restarts");
    for (index, worker) in stats.workers.iter().enumerate() {
        println!("  {index:>6} {:>6} {:>7} {:>9}", worker.done, worker.failed, worker.restarts);
    }
    let ends = stats.done + stats.failed + stats.aborted + stats.dropped;
    assert_eq!(stats.submitted, ends, "every job has one end");
}

async fn run_all<E: Executor>(
    exec: &E,
    args: &Args,
    stop: &CancelToken,
) -> Result<bool, Box<dyn Error>> {
    let mut all_done = true;
    for &mode in Mode::value_variants() {
        if args.mode.is_none_or(|only| only == mode) && !stop.is_cancelled() {
            all_done &= run(exec, args, mode, stop).await?;
        }
    }
    Ok(all_done)
}

fn main() -> Result<process::ExitCode, Box<dyn Error>> {
    let args = Args::parse();
    let shutdown = shutdown::signals()?;
    let stop = shutdown.token();
    let report = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        // Those of jobs are reported by their tickets.
        let message = info.payload().downcast_ref::<String>();
        if !message.is_some_and(|message| message.ends_with(NO_SENSE)) {
            report(info);
        }
    }));
    let all_done = match &*args.executor {
        "tokio" => {
            let runtime = TokioRuntime::from(tokio::runtime::Runtime::new()?);
            runtime.block_on(run_all(&runtime.handle(), &args, &stop))
        }
        "threads" => {
            let pool = ThreadPool::builder().build()?;
            pool.block_on(run_all(&pool.handle(), &args, &stop))
        }
        _ => Smol.block_on(run_all(&Smol, &args, &stop)),
    };
    Ok(if all_done? { process::ExitCode::SUCCESS } else { process::ExitCode::FAILURE })
}

#[test]
fn in_many_orders() {
    anyscope::sim::explore(5, |sim| async move {
        let args = Args::parse_from(["workers", "--jobs", "100"]);
        assert!(run_all(&sim, &args, &CancelToken::new()).await.unwrap());
    });
}
