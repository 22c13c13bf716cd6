//! Which limit suits a service? Runs jobs against a simulated one whose capacity and latency change,
//! with fixed limits and with limits that find out by themselves. Prints how many jobs got through,
//! and draws the limits over time.
//!
//! ```text
//! cargo run -p examples --bin adaptive_limits -- --svg adaptive-limits.svg
//! ```

mod chart;
mod service;

use anyscope::{
    AdaptiveLimit, IntoLimit, LiveLimit, Timer, flow,
    limit::adaptive::{Aimd, Algorithm, Gradient2, InvalidConfig, Outcome, Ratio, Vegas, Windowed},
    sim::{Sim, SimHandle},
};
use clap::Parser;
use futures_lite::future::or;
use service::Service;
use std::{cell::RefCell, error::Error, path::PathBuf, time::Duration};

const SECOND: Duration = Duration::from_secs(1);

/// Compares limits that adapt with fixed ones, against a simulated service.
#[derive(Parser)]
struct Args {
    /// How many calls the service works on at the same time.
    #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u16).range(4..=1000))]
    capacity: u16,
    /// Another seed, other latencies.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where to draw the limits over time.
    #[arg(long, default_value = "adaptive-limits.svg")]
    svg: PathBuf,
}

/// What the service is like from a moment on.
#[derive(Clone, Copy)]
struct Phase {
    from: Duration,
    capacity: usize,
    takes: Duration,
    what: &'static str,
}

fn phases(capacity: usize) -> [Phase; 4] {
    let fast = Duration::from_millis(100);
    let phase =
        |from: u32, capacity, takes, what| Phase { from: from * SECOND, capacity, takes, what };
    [
        phase(0, capacity, fast, "as it was built"),
        phase(75, capacity / 2, fast, "half of the workers are gone"),
        phase(150, capacity, fast, "they are back"),
        phase(225, capacity, 5 * fast, "each call takes five times as long"),
    ]
}

const END: Duration = Duration::from_secs(300);

/// What became of a run.
struct Run {
    name: String,
    served: usize,
    rejected: usize,
    /// How long those took that were served, while a call takes as long as at first.
    latencies: Vec<Duration>,
    /// The limit, each half second.
    limits: Vec<(Duration, usize)>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    let (capacity, seed) = (usize::from(args.capacity), args.seed);
    let adaptive = [
        adapting("AIMD", windowed(Aimd::builder().max(10 * capacity).build()?)?, capacity, seed)?,
        adapting(
            "Vegas",
            windowed(Vegas::builder().probe_multiplier(2).build()?)?,
            capacity,
            seed,
        )?,
        adapting("Gradient2", windowed(gradient2(10 * capacity)?)?, capacity, seed)?,
    ];
    let fixed = [1, 2, 4, 6, 8, 16].map(|quarters| fixed(capacity * quarters / 4, capacity, seed));
    print(&adaptive, &fixed.into_iter().collect::<Result<Vec<_>, _>>()?);
    chart::draw(&args.svg, &adaptive, &phases(capacity), END)?;
    println!("\nThe limits over time: {}", args.svg.display());
    Ok(())
}

/// It learns from a window, not from each of many calls at the same time.
fn windowed<A: Algorithm>(algorithm: A) -> Result<Windowed<A>, InvalidConfig> {
    Windowed::builder().min_window(SECOND / 2).build(algorithm)
}

/// It gets used to its own queue where there is always more to do; so rejections count.
fn gradient2(max: usize) -> Result<Gradient2, InvalidConfig> {
    let builder = Gradient2::builder().max(max).tolerance(Ratio::percent(120)).long_window(60);
    builder.backoff(Ratio::percent(90)).build()
}

fn adapting(
    name: &str,
    algorithm: impl Algorithm,
    capacity: usize,
    seed: u64,
) -> Result<Run, Box<dyn Error>> {
    let adaptive = AdaptiveLimit::new(algorithm);
    simulate(name.into(), capacity, seed, &adaptive, async |sim, service| {
        adaptive.call_with(sim, service.call(), Outcome::drop_errors).await.is_ok()
    })
}

fn fixed(limit: usize, capacity: usize, seed: u64) -> Result<Run, Box<dyn Error>> {
    let live = LiveLimit::new(limit);
    simulate(format!("fixed {limit}"), capacity, seed, &live, async |_, service| {
        service.call().await.is_ok()
    })
}

/// Has jobs done under `limit` until the end: there is always another one.
fn simulate(
    name: String,
    capacity: usize,
    seed: u64,
    limit: impl IntoLimit<Limit = LiveLimit>,
    call: impl AsyncFn(&SimHandle, &Service) -> bool,
) -> Result<Run, Box<dyn Error>> {
    let limit = limit.into_limit();
    let phases = phases(capacity);
    let run = Run { name, served: 0, rejected: 0, latencies: vec![], limits: vec![] };
    let run = RefCell::new(run);
    Sim::new(seed)
        .run(async |sim| {
            let service = Service::new(&sim, capacity, phases[0].takes, seed);
            let jobs = flow::iter(0_u64..).for_each_concurrent(&limit, async |_| {
                let start = sim.elapsed();
                if call(&sim, &service).await {
                    let run = &mut *run.borrow_mut();
                    run.served += 1;
                    if start < phases[3].from {
                        run.latencies.push(sim.elapsed() - start);
                    }
                } else {
                    run.borrow_mut().rejected += 1;
                    // Not at once again.
                    sim.sleep(SECOND / 10).await;
                }
            });
            let clock = async {
                let mut phases = phases.iter().peekable();
                while sim.elapsed() < END {
                    if let Some(phase) = phases.next_if(|phase| phase.from <= sim.elapsed()) {
                        service.set_capacity(phase.capacity);
                        service.set_takes(phase.takes);
                    }
                    run.borrow_mut().limits.push((sim.elapsed(), limit.get().get()));
                    sim.sleep(SECOND / 2).await;
                }
            };
            or(jobs, clock).await;
        })
        .map_err(|failure| failure.to_string())?;
    Ok(run.into_inner())
}

/// Each run beside the best and the worst fixed limit.
fn print(adaptive: &[Run], fixed: &[Run]) {
    let best = fixed.iter().max_by_key(|run| run.served).expect("a fixed limit");
    let worst = fixed.iter().min_by_key(|run| run.served).expect("a fixed limit");
    println!(
        "{:<12} {:>8} {:>8} {:>10} {:>10} {:>9} {:>9}",
        "limit", "served", "per s", "of best", "of worst", "p99", "rejected"
    );
    for run in adaptive.iter().chain(fixed) {
        let share = |of: &Run| 100.0 * run.served as f64 / of.served as f64;
        println!(
            "{:<12} {:>8} {:>8.0} {:>8.0} % {:>8.0} % {:>6} ms {:>9}",
            run.name,
            run.served,
            run.served as f64 / END.as_secs_f64(),
            share(best),
            share(worst),
            run.p99().as_millis(),
            run.rejected,
        );
    }
    println!(
        "\nBest fixed limit: {}. Worst: {}. The 99th percentile is of the first three phases.",
        best.name, worst.name
    );
}

impl Run {
    fn p99(&self) -> Duration {
        let mut sorted = self.latencies.clone();
        sorted.sort_unstable();
        sorted.get(sorted.len() * 99 / 100).copied().unwrap_or_default()
    }
}
