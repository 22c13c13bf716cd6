//! A flight recorder: what a small program did, as a picture and for Perfetto.
//!
//! A bakery has two ovens, five orders and a courier. One order goes wrong at first and is tried again, and in the end the
//! customer who still waits is sent home. The program knows nothing of the recorder, which is put around it in `main`.
//!
//! ```text
//! cargo run -p examples --bin recorder
//! cargo run -p examples --bin recorder -- --on threads --to /tmp
//! ```
//!
//! It prints where it wrote `recorder.svg`, for a browser, and `recorder.json`, for <https://ui.perfetto.dev>. In the
//! simulation both are the same each time; `docs/recorder.svg` is that picture.

use anyscope::{
    BlockOn, Executor, Semaphore,
    channel::{Receiver, Sender, handoff},
    observe::{labelled, recorder::Recorder, tree::Tree},
    resilience::retry,
    scope,
    sim::Sim,
    smol::Smol,
    threads::ThreadPool,
    tokio::TokioRuntime,
};
use clap::Parser;
use std::{
    env, error::Error, fs, future::pending, path::PathBuf, process::ExitCode, time::Duration,
};

/// Runs a small program with a flight recorder, and writes what that has recorded.
#[derive(Parser)]
#[command(name = "recorder")]
struct Args {
    /// Where to run; `sim` takes virtual time.
    #[arg(long, value_name = "NAME", default_value = "sim")]
    #[arg(value_parser = ["smol", "tokio", "threads", "sim"])]
    on: String,
    /// The folder to write to; that for temporary files unless given.
    #[arg(long, value_name = "PATH")]
    to: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run(Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("recorder: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: Args) -> Result<(), Box<dyn Error>> {
    let recorder = match &*args.on {
        "tokio" => {
            let runtime = TokioRuntime::from(tokio::runtime::Runtime::new()?);
            record(&runtime, runtime.handle())
        }
        "threads" => {
            let pool = ThreadPool::new(3);
            record(&pool, pool.handle())
        }
        "sim" => {
            let sim = Sim::builder().build();
            record(&sim, sim.handle())
        }
        _ => record(&Smol, Smol),
    };

    let recording = recorder.recording();
    print!("{recording}");
    let folder = args.to.unwrap_or_else(env::temp_dir);
    let files =
        [("recorder.svg", recording.to_svg()), ("recorder.json", recording.to_chrome_trace())];
    for (name, content) in files {
        let path = folder.join(name);
        fs::write(&path, content).map_err(|error| format!("{}: {error}", path.display()))?;
        println!("wrote {}", path.display());
    }
    Ok(())
}

/// Runs the program with a recorder, in the time of its executor.
fn record<E: Executor>(owner: &impl BlockOn, exec: E) -> Recorder {
    let recorder = Recorder::builder().clock(exec.clone()).build();
    let tree = Tree::builder().observer(recorder.clone()).build();
    owner.block_on(tree.watch(bakery(&exec)));
    recorder
}

const MINUTE: Duration = Duration::from_millis(3);

async fn bakery<E: Executor>(exec: &E) {
    let ovens = Semaphore::new(2);
    let (counter, pick_up) = handoff();
    scope(exec, async |s| {
        let courier = s.spawn_named("courier", deliver(exec.clone(), pick_up));
        for number in 1..=5 {
            let order = bake(exec.clone(), number, ovens.clone(), counter.clone());
            s.spawn_named(format!("order {number}"), order);
        }
        drop(counter);
        s.spawn_named("customer", labelled("a cake that nobody bakes", pending::<()>()));
        let _ = courier.await;
        s.cancel("closing time");
    })
    .await;
}

/// Bakes when there is an oven, and hands over to the courier.
async fn bake<E: Executor>(exec: E, number: u32, ovens: Semaphore, counter: Sender<u32>) {
    let oven = ovens.acquire().await;
    let mut tries = 0;
    let baked = retry(&exec, [2 * MINUTE], || {
        tries += 1;
        let is_burnt = number == 3 && tries == 1;
        let (exec, from) = (exec.clone(), exec.now());
        async move {
            exec.sleep((3 + number % 3) * MINUTE).await;
            if is_burnt { Err("burnt") } else { Ok(exec.now() - from) }
        }
    });
    let is_baked = baked.await.is_ok();
    drop(oven);
    if is_baked {
        let _ = counter.send(number).await;
    }
}

/// Delivers one order after the other, until all are out.
async fn deliver<E: Executor>(exec: E, mut pick_up: Receiver<u32>) {
    while let Some(_order) = pick_up.recv().await {
        exec.sleep(2 * MINUTE).await;
    }
}
