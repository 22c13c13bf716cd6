//! The command line.

use clap::{Parser, Subcommand, ValueEnum};
use std::{num::NonZeroUsize, path::PathBuf};

/// Makes thumbnails of a folder of pictures, in worker processes that may be killed.
#[derive(Parser)]
pub(crate) struct Args {
    /// What is between callers and workers.
    #[arg(long, global = true, default_value = "sqlite")]
    pub(crate) engine: Kind,
    /// The file with the jobs.
    #[arg(long, global = true, default_value = "fleet.db")]
    pub(crate) jobs: PathBuf,
    /// The servers of NATS.
    #[cfg(feature = "nats")]
    #[arg(long, global = true, default_value = "nats://127.0.0.1:4222")]
    pub(crate) servers: String,
    /// On how many of them each job is stored.
    #[cfg(feature = "nats")]
    #[arg(long, global = true, default_value_t = 1)]
    pub(crate) replicas: usize,
    /// A file of credentials for them, as `nsc` writes it.
    #[cfg(feature = "nats")]
    #[arg(long, global = true)]
    pub(crate) credentials: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) what: What,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Kind {
    /// A file on this machine.
    Sqlite,
    /// Servers of NATS, for pictures in a folder that all machines have.
    #[cfg(feature = "nats")]
    Nats,
}

#[derive(Subcommand)]
pub(crate) enum What {
    /// Makes pictures to begin with.
    Make {
        /// Where.
        folder: PathBuf,
        /// How many.
        #[arg(long, default_value_t = 60)]
        number: u32,
    },
    /// Has a thumbnail made of each picture of a folder.
    Call(Call),
    /// Makes thumbnails for callers, until Ctrl-C.
    Work(Work),
    /// Says what waits, and who does what.
    Status,
    /// Has done again what was given up.
    Redrive,
}

#[derive(clap::Args)]
pub(crate) struct Call {
    /// The pictures: PNG and JPEG.
    pub(crate) pictures: PathBuf,
    /// Where the thumbnails go.
    pub(crate) thumbs: PathBuf,
    /// How wide they are.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=4000))]
    pub(crate) width: u32,
    /// How many are asked for at once.
    #[arg(long, default_value = "64")]
    pub(crate) limit: NonZeroUsize,
}

#[derive(clap::Args)]
pub(crate) struct Work {
    /// How many pictures are worked on at once, in this process.
    #[arg(long, default_value = "2")]
    pub(crate) here: NonZeroUsize,
    /// How many at once in all processes.
    #[arg(long, default_value = "8")]
    pub(crate) everywhere: NonZeroUsize,
    /// After how many seconds without a word this process counts as lost.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) lease: u64,
    /// Waits so many milliseconds before each picture, as if they were larger.
    #[arg(long, default_value_t = 0)]
    pub(crate) pause: u64,
}
