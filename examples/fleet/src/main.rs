//! Makes thumbnails of a folder of pictures, in as many worker processes as you like to start. Kill one with -9 in the middle: its pictures are made by
//! the others, each still once.
//!
//! ```text
//! cargo run --release -p fleet -- make pictures               # some to begin with
//! cargo run --release -p fleet -- work &                      # as often as you like; Ctrl-C ends one in good order
//! cargo run --release -p fleet -- call pictures thumbs        # a bar, and who does what
//! cargo run --release -p fleet -- status
//! cargo run --release -p fleet -- redrive                   # what was given up, when the disk has room again
//! ```
//!
//! What is between them is a file, `fleet.db`; `--jobs` names another. With `--features nats` and `--engine nats` it is a server, and workers may be on other
//! machines, if these see the same folders. In [`thumbnail`]: the job, and what makes a second attempt harmless. In [`call`] and
//! [`work`]: the two sides. Neither knows which engine it is on; [`engine`] does.

mod args;
mod call;
mod engine;
mod pictures;
mod redrive;
mod status;
mod thumbnail;
mod work;

use anyscope::{BlockOn, shutdown, smol::Smol};
use args::{Args, What};
use clap::Parser;
use std::{error::Error, process::ExitCode};

/// The exit code after Ctrl-C, as shells have it.
const INTERRUPTED: u8 = 130;

fn main() -> ExitCode {
    match start(Args::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("fleet: {error}");
            ExitCode::FAILURE
        }
    }
}

fn start(args: Args) -> Result<ExitCode, Box<dyn Error>> {
    if let What::Make { folder, number } = &args.what {
        pictures::make(folder, *number)?;
        return Ok(ExitCode::SUCCESS);
    }
    let shutdown = shutdown::signals()?;
    let done = Smol.block_on(async {
        let engine = engine::open(&args).await?;
        match &args.what {
            What::Make { .. } => unreachable!("made above"),
            What::Call(call) => call::call(&engine, call, &shutdown).await,
            What::Work(work) => work::work(&engine, work, &shutdown).await,
            What::Status => status::print(&engine).await,
            What::Redrive => redrive::redrive(&engine).await,
        }
    })?;
    Ok(match (shutdown.has_begun(), done) {
        (true, _) => ExitCode::from(INTERRUPTED),
        (false, true) => ExitCode::SUCCESS,
        (false, false) => ExitCode::FAILURE,
    })
}
