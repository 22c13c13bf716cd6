//! Fetches every page of flaky servers, as fast as these can take it.
//!
//! The servers are real ones, on ports of this machine, and the example starts them itself. They are slow, answer some
//! requests with an error, some never, and drop some connections; what they can do at the same time changes, one of them is
//! down for a while, and whatever is above its capacity waits, slows everything down, and is rejected in the end.
//!
//! The crawler knows none of this. In [`crawl`]: one scope, in which each page is a child; links are work that finds more
//! work. In [`host`]: what is between a page and its server. Each page ends in exactly one way, and a [`ledger`] proves it.
//!
//! ```text
//! cargo run --release -p crawl
//! cargo run --release -p crawl -- --executor tokio --limit aimd --chart crawl.svg
//! cargo run --release -p crawl -- --sweep
//! ```
//!
//! The first takes half a minute, as the servers are slow. Each line about a limit draws it beside what its server could take;
//! `--help` has the rest.

mod args;
mod chart;
mod counts;
mod crawl;
mod host;
mod http;
mod ledger;
mod report;
mod run;
mod server;
mod socket;
mod sweep;
mod track;

use anyscope::{
    BlockOn, Executor,
    shutdown::{self, Shutdown},
    smol::Smol,
    threads::ThreadPool,
    tokio::TokioRuntime,
};
use args::{Args, On};
use clap::Parser;
use std::{
    error::Error,
    io::{self, Write},
    process::ExitCode,
};

/// The exit code after Ctrl-C, as shells have it.
const INTERRUPTED: u8 = 130;

fn main() -> ExitCode {
    let args = Args::parse();
    match start(&args) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("crawl: {error}");
            ExitCode::FAILURE
        }
    }
}

fn start(args: &Args) -> Result<ExitCode, Box<dyn Error>> {
    let shutdown = shutdown::signals()?;
    match args.executor {
        On::Smol => Smol.block_on(run(&Smol, args, &shutdown)),
        On::Tokio => {
            let runtime = TokioRuntime::from(tokio::runtime::Runtime::new()?);
            runtime.block_on(run(&runtime.handle(), args, &shutdown))
        }
        On::Threads => {
            let pool = ThreadPool::builder().build()?;
            pool.block_on(run(&pool.handle(), args, &shutdown))
        }
    }
}

async fn run<E>(exec: &E, args: &Args, shutdown: &Shutdown) -> Result<ExitCode, Box<dyn Error>>
where
    E: Executor + 'static,
{
    if args.sweep {
        sweep::sweep(exec, args, shutdown).await?;
    } else {
        let crawled = run::run(exec, args, args.limit, None, shutdown).await?;
        let mut text = String::new();
        report::write(&mut text, &crawled, args)?;
        say(&text);
        crawled.ledger.check(&crawled.site)?;
        if let Some(path) = &args.chart {
            chart::draw(path, &crawled.hosts, crawled.took)?;
            say(&format!("\nThe limits over time: {}\n", path.display()));
        }
    }
    Ok(if shutdown.has_begun() { ExitCode::from(INTERRUPTED) } else { ExitCode::SUCCESS })
}

/// Who closes a pipe has read enough; that is no error.
fn say(text: &str) {
    let _ = io::stdout().lock().write_all(text.as_bytes());
}
