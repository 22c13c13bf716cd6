//! Serves requests until it is told to stop, and then lets those in flight end in good order.
//!
//! Each request is a child of one scope, which is a phase of the shutdown. On Ctrl-C the server takes no
//! more of them, and the scope is asked to end, with a grace: requests see its token and finish, or say goodbye.
//! At half of the grace the names of those that are left are printed; when it is over the scope drops them, and
//! ends; so nothing outlives the server, and the shutdown takes no longer than the grace.
//!
//! Clients are played by a task that writes to a channel, so that the example needs no network.
//!
//! ```text
//! cargo run -p examples --bin graceful_shutdown
//! cargo run -p examples --bin graceful_shutdown -- --executor tokio --after-ms 600
//! ```

use anyscope::{
    BlockOn, CancelToken, Cancelled, Executor, Grace, JoinError, Scope, Timer, scope,
    shutdown::{self, Shutdown},
    smol::Smol,
    threads::ThreadPool,
    tokio::TokioRuntime,
};
use async_channel::{Receiver, Sender};
use clap::Parser;
use std::{
    error::Error,
    fmt,
    future::pending,
    iter, mem, process,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

/// Serves requests until Ctrl-C, and then shuts down gracefully.
///
/// One of the requests is stubborn: it never ends by itself, and knows of no shutdown. Exits with 0
/// if every request came to an end of its own, 1 if some had to be dropped, 2 on wrong usage. A second Ctrl-C ends
/// the grace, a third one the process.
#[derive(Parser)]
#[command(name = "graceful_shutdown")]
struct Args {
    /// Where to run.
    #[arg(long, value_name = "NAME", default_value = "smol")]
    #[arg(value_parser = ["smol", "tokio", "threads"])]
    executor: String,
    /// Shut down after so long, without Ctrl-C.
    #[arg(long, value_name = "N")]
    after_ms: Option<u64>,
    /// How long requests in flight have to end.
    #[arg(long, value_name = "N", default_value_t = 500)]
    grace_ms: u64,
    /// Send no request that is stubborn.
    #[arg(long)]
    all_polite: bool,
}

const STEP: Duration = Duration::from_millis(10);

struct Request {
    number: u32,
    kind: Kind,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    /// Is done in a moment.
    Page,
    /// Streams for a while, and says goodbye when the server goes.
    Feed,
    /// Computes on a blocking thread, where nobody can end it but itself.
    Report,
    /// Waits for something that never comes.
    Stubborn,
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "request {} ({:?})", self.number, self.kind)
    }
}

/// What became of the requests.
#[derive(Default)]
struct Tally {
    accepted: usize,
    answered: usize,
    cut_short: usize,
    dropped: Vec<String>,
}

impl Tally {
    fn in_flight(&self) -> usize {
        self.accepted - self.answered - self.cut_short - self.dropped.len()
    }
}

type Shared<T> = Arc<Mutex<T>>;

fn lock<T>(shared: &Shared<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A request in flight. However it ends, it is counted.
struct InFlight {
    name: String,
    tally: Shared<Tally>,
}

impl InFlight {
    fn new(request: &Request, tally: &Shared<Tally>) -> Self {
        lock(tally).accepted += 1;
        InFlight { name: request.to_string(), tally: tally.clone() }
    }

    /// It has ended by itself: with an answer, or because it was asked to.
    fn end(mut self, result: Result<(), Cancelled>) {
        let mut tally = lock(&self.tally);
        match result {
            Ok(()) => tally.answered += 1,
            Err(_) => tally.cut_short += 1,
        }
        drop(tally);
        self.name.clear();
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if !self.name.is_empty() {
            lock(&self.tally).dropped.push(mem::take(&mut self.name));
        }
    }
}

/// Serves what comes in until the shutdown begins; returns when all requests are gone.
async fn serve<E: Executor + 'static>(
    exec: &E,
    inbox: Receiver<Request>,
    shutdown: &Shutdown,
    grace: Duration,
) -> Tally {
    let tally = Shared::<Tally>::default();
    let stop = shutdown.token();
    scope(exec, async |s| {
        shutdown.phase("the server", &s, exec, Grace::For(grace));
        while let Ok(Ok(request)) = stop.run_until_cancelled(inbox.recv()).await {
            let in_flight = InFlight::new(&request, &tally);
            s.spawn_named(request.to_string(), handle(s.clone(), request.kind, in_flight));
        }
        // From here on clients are turned away, also those that wait in the queue.
        inbox.close();
        let turned_away = iter::from_fn(|| inbox.try_recv().ok()).count();
        let in_flight = lock(&tally).in_flight();
        match stop.reason() {
            Some(reason) => println!("shutting down: {}", reason.message()),
            None => println!("the last client has gone"),
        }
        println!("  {turned_away} turned away, {in_flight} in flight; they have {grace:?}");
        // The scope now waits for its children, and drops those that outstay the grace.
    })
    .await;
    mem::take(&mut lock(&tally))
}

async fn handle<E: Executor + 'static>(s: Scope<E>, kind: Kind, in_flight: InFlight) {
    let (timer, token) = (s.executor(), s.token());
    let result = match kind {
        Kind::Page => {
            timer.sleep(6 * STEP).await;
            Ok(())
        }
        Kind::Feed => {
            let result = token.run_until_cancelled(timer.sleep(50 * STEP)).await;
            // The last word takes its time too; that is what the grace is for.
            timer.sleep(STEP).await;
            result
        }
        Kind::Report => match s.spawn_blocking(move || report(&token)).await {
            Ok(result) => result,
            // Accepted a moment too late to begin.
            Err(JoinError::Cancelled(cancelled)) => Err(cancelled),
            Err(error) => panic!("{error}"),
        },
        Kind::Stubborn => pending().await,
    };
    in_flight.end(result);
}

/// Computes for half a second, unless it is asked to end.
fn report(token: &CancelToken) -> Result<(), Cancelled> {
    for _ in 0..50 {
        token.checkpoint()?;
        thread::sleep(STEP);
    }
    Ok(())
}

/// Sends requests of all kinds, until the server takes no more.
async fn clients(timer: impl Timer, outbox: Sender<Request>, all_polite: bool) {
    for number in 1.. {
        let kind = match number {
            7 if !all_polite => Kind::Stubborn,
            _ if number % 5 == 0 => Kind::Report,
            _ if number % 3 == 0 => Kind::Feed,
            _ => Kind::Page,
        };
        if outbox.send(Request { number, kind }).await.is_err() {
            return;
        }
        timer.sleep(2 * STEP).await;
    }
}

async fn run<E: Executor + 'static>(exec: &E, args: &Args, shutdown: &Shutdown) -> Tally {
    let (outbox, inbox) = async_channel::bounded(4);
    let grace = Duration::from_millis(args.grace_ms);
    scope(exec, async |s| {
        s.spawn_daemon(clients(exec.clone(), outbox, args.all_polite));
        if let Some(after) = args.after_ms {
            let (sleep, shutdown) = (exec.sleep(Duration::from_millis(after)), shutdown.clone());
            s.spawn_daemon(async move {
                sleep.await;
                shutdown.signal("the time to serve is over");
            });
        }
        serve(exec, inbox, shutdown, grace).await
    })
    .await
}

fn main() -> Result<process::ExitCode, Box<dyn Error>> {
    let args = Args::parse();
    let shutdown = shutdown::signals()?;
    shutdown.on_report(|report| println!("{report}"));
    println!("serving on {}; Ctrl-C ends it, and a second one at once", args.executor);
    let tally = match &*args.executor {
        "tokio" => {
            let runtime = TokioRuntime::from(tokio::runtime::Runtime::new()?);
            runtime.block_on(run(&runtime.handle(), &args, &shutdown))
        }
        "threads" => {
            let pool = ThreadPool::builder().build()?;
            pool.block_on(run(&pool.handle(), &args, &shutdown))
        }
        _ => Smol.block_on(run(&Smol, &args, &shutdown)),
    };
    assert_eq!(tally.in_flight(), 0, "nothing outlives its scope");
    let Tally { accepted, answered, cut_short, dropped } = tally;
    println!("{accepted} requests: {answered} answered, {cut_short} cut short by themselves");
    for name in &dropped {
        println!("dropped: {name}");
    }
    Ok(if dropped.is_empty() { process::ExitCode::SUCCESS } else { process::ExitCode::FAILURE })
}
