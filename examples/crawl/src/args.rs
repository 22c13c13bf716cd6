//! What can be asked for.

use anyscope::limit::adaptive::{
    Aimd, Algorithm, Gradient2, InvalidConfig, Ratio, Sample, Vegas, Windowed,
};
use clap::{Parser, ValueEnum};
use std::{fmt, num::NonZeroUsize, path::PathBuf, str::FromStr, time::Duration};

/// Fetches every page of flaky servers that it starts itself, as fast as these can take it.
///
/// Exits with 0 if each page that was found was fetched once, or is reported; 1 if one was lost or fetched twice;
/// 2 on wrong usage; 130 after Ctrl-C, with a report of what was done until then. A second Ctrl-C does not wait for the
/// pages under way.
#[derive(Clone, Parser)]
#[command(name = "crawl", version)]
pub(crate) struct Args {
    /// Where to run.
    #[arg(long, value_name = "NAME", default_value = "smol")]
    pub(crate) executor: On,
    /// How many pages there are, on all hosts together.
    #[arg(long, value_name = "N", default_value_t = 3000)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) pages: u32,
    /// How many hosts, each with a port, a capacity and a limit of its own.
    #[arg(long, value_name = "N", default_value_t = 2)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=16))]
    pub(crate) hosts: u32,
    /// How many requests at a time: for each host vegas, aimd, gradient2, or a number that stays.
    #[arg(long, value_name = "LIMIT", default_value = "vegas")]
    pub(crate) limit: Rule,
    /// How many pages of a host are under way, those among them that wait for their turn or their next try.
    #[arg(long, value_name = "N", default_value = "300")]
    pub(crate) per_host: NonZeroUsize,
    /// How many pages of all hosts are under way. Those that wait for a slow host must not keep others from a fast one: so it
    /// is far above the sum of the hosts.
    #[arg(long, value_name = "N", default_value = "10000")]
    pub(crate) at_once: NonZeroUsize,
    /// How long a request may take.
    #[arg(long, value_name = "N", default_value_t = 1000)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) timeout_ms: u64,
    /// How often a page is tried again.
    #[arg(long, value_name = "N", default_value_t = 6)]
    pub(crate) retries: usize,
    /// How long pages under way have to end after Ctrl-C.
    #[arg(long, value_name = "N", default_value_t = 2000)]
    pub(crate) grace_ms: u64,
    /// Where to draw the limits over time, as SVG.
    #[arg(long, value_name = "FILE")]
    pub(crate) chart: Option<PathBuf>,
    /// Print a line for each page, when it has ended.
    #[arg(long)]
    pub(crate) list: bool,
    /// Crawl for a while with each of many fixed limits, and with those that adapt, and compare.
    #[arg(long, conflicts_with_all = ["chart", "list", "limit"])]
    pub(crate) sweep: bool,
    /// How long each crawl of a sweep is.
    #[arg(long, value_name = "N", default_value_t = 20)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub(crate) seconds: u32,

    /// How many requests a server works on at the same time; every second one has half of it.
    #[arg(long, help_heading = "The servers", value_name = "N", default_value_t = 24)]
    #[arg(value_parser = clap::value_parser!(u16).range(2..=1000))]
    pub(crate) capacity: u16,
    /// How long a page takes there.
    #[arg(long, help_heading = "The servers", value_name = "N", default_value_t = 100)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub(crate) takes_ms: u64,
    /// How long until half of the capacity is lost, or comes back.
    #[arg(long, help_heading = "The servers", value_name = "N", default_value_t = 5000)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) period_ms: u64,
    /// How many requests in a thousand get no answer, or a wrong one, for no reason.
    #[arg(long, help_heading = "The servers", value_name = "N", default_value_t = 30)]
    #[arg(value_parser = clap::value_parser!(u32).range(..=900))]
    pub(crate) faults: u32,
    /// Another seed, other faults.
    #[arg(long, help_heading = "The servers", value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum On {
    Smol,
    Tokio,
    Threads,
}

impl fmt::Display for On {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            On::Smol => "smol",
            On::Tokio => "tokio",
            On::Threads => "threads",
        })
    }
}

/// How many requests a host gets at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    Fixed(NonZeroUsize),
    Aimd,
    Vegas,
    Gradient2,
}

/// What each of those that adapt begins with, whatever the host.
const POLITE: usize = 4;
const MOST: usize = 500;

impl Rule {
    pub(crate) fn algorithm(self) -> Box<dyn Algorithm + Send + Sync> {
        self.build().expect("these settings make sense")
    }

    fn build(self) -> Result<Box<dyn Algorithm + Send + Sync>, InvalidConfig> {
        let backoff = Ratio::percent(80);
        match self {
            Rule::Fixed(limit) => Ok(Box::new(Fixed(limit))),
            Rule::Aimd => {
                windowed(Aimd::builder().initial(POLITE).max(MOST).backoff(backoff).build()?)
            }
            Rule::Vegas => {
                let builder = Vegas::builder().initial(POLITE).max(MOST);
                windowed(builder.probe_multiplier(4).build()?)
            }
            Rule::Gradient2 => {
                let builder = Gradient2::builder().initial(POLITE).max(MOST).backoff(backoff);
                windowed(builder.long_window(60).tolerance(Ratio::percent(120)).build()?)
            }
        }
    }
}

/// Learns once in twice the time of a call. Of some requests nothing is ever heard, so a few drops are tolerated.
fn windowed(
    algorithm: impl Algorithm + Send + Sync + 'static,
) -> Result<Box<dyn Algorithm + Send + Sync>, InvalidConfig> {
    let builder = Windowed::builder().min_window(Duration::from_millis(50));
    Ok(Box::new(builder.tolerate_drops(Ratio::percent(10)).build(algorithm)?))
}

/// Learns nothing.
struct Fixed(NonZeroUsize);

impl Algorithm for Fixed {
    fn limit(&self) -> NonZeroUsize {
        self.0
    }

    fn on_sample(&mut self, _: Sample) -> NonZeroUsize {
        self.0
    }
}

impl FromStr for Rule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(match text {
            "aimd" => Rule::Aimd,
            "vegas" => Rule::Vegas,
            "gradient2" => Rule::Gradient2,
            _ => Rule::Fixed(text.parse().map_err(|_| {
                "neither vegas, aimd or gradient2, nor a number above 0".to_owned()
            })?),
        })
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rule::Fixed(limit) => f.pad(&limit.to_string()),
            Rule::Aimd => f.pad("aimd"),
            Rule::Vegas => f.pad("vegas"),
            Rule::Gradient2 => f.pad("gradient2"),
        }
    }
}
