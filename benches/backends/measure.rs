//! Taking turns.

use crate::{
    args::Args,
    backend::{Backend, Backends, Sample},
    work::{self, Line, Scenario},
};
use criterion::{BenchmarkId, Criterion};
use std::{
    io::{IsTerminal, Write},
    time::{Duration, Instant},
};

/// How long one contender runs in a round, at least.
const TURN: Duration = Duration::from_millis(15);

/// What was measured of a scenario.
pub(crate) struct Measured {
    pub(crate) line: Line,
    pub(crate) cells: Vec<Cell>,
}

/// What was measured on one backend, in the order of [`Backend::ALL`]: medians of all rounds.
pub(crate) struct Cell {
    pub(crate) own: f64,
    /// To today's way, in the same round.
    pub(crate) ratio: f64,
}

/// What an item costs at one size.
pub(crate) struct Growth {
    pub(crate) on: Backend,
    pub(crate) costs: Vec<(usize, f64)>,
}

/// Measures a scenario on all backends; one result for each of its lines.
pub(crate) fn measure(scenario: &Scenario, backends: &Backends, args: &Args) -> Vec<Measured> {
    let rounds = if args.full { scenario.rounds * 4 } else { scenario.rounds };
    let mut own: Vec<Vec<Sample>> = vec![Vec::new(); Backend::ALL.len()];
    let mut today = own.clone();
    for round in 0..rounds {
        progress(scenario, round, rounds);
        for (at, on) in Backend::ALL.into_iter().enumerate() {
            own[at].push(turn(scenario, || (scenario.own)(backends, on)));
            today[at].push(turn(scenario, || (scenario.today)(backends, on)));
        }
    }
    progress(scenario, rounds, rounds);
    let of = |samples: &[Sample], line: usize| -> Vec<f64> {
        samples.iter().map(|sample| sample[line]).collect()
    };
    let lines = scenario.lines.iter().enumerate();
    lines
        .map(|(at, line)| {
            let cells = (0..Backend::ALL.len()).map(|n| {
                let (own, today) = (of(&own[n], at), of(&today[n], at));
                let ratios = own.iter().zip(&today).map(|(own, today)| own / today).collect();
                Cell { ratio: median(ratios), own: median(own) }
            });
            Measured { line: *line, cells: cells.collect() }
        })
        .collect()
}

/// Measures again by criterion, which shows how each number is distributed.
pub(crate) fn with_criterion(scenarios: &[Scenario], backends: &Backends) {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(50))
        .measurement_time(Duration::from_millis(300))
        .sample_size(10)
        .nresamples(1000);
    for scenario in scenarios.iter().filter(|scenario| scenario.is_time) {
        let mut group = criterion.benchmark_group(scenario.name);
        for on in Backend::ALL {
            let sides = [("anyscope", &scenario.own), ("today", &scenario.today)];
            for (side, run) in sides {
                group.bench_function(BenchmarkId::new(side, on.name()), |bencher| {
                    bencher.iter_custom(|iterations| {
                        let nanos: f64 = (0..iterations).map(|_| run(backends, on)[0]).sum();
                        Duration::from_nanos(nanos as u64)
                    });
                });
            }
        }
        group.finish();
    }
    criterion.final_summary();
}

/// What a task costs in scopes of several sizes.
pub(crate) fn growth(backends: &Backends) -> Vec<Growth> {
    let cost = |on: Backend, n: usize| {
        let runs = (0..7).map(|_| (work::tasks(n).own)(backends, on)[0]);
        median(runs.collect())
    };
    let sizes = [10, 100, 1000, 10_000, 100_000];
    let of = |on| Growth { on, costs: sizes.iter().map(|&n| (n, cost(on, n))).collect() };
    Backend::ALL.into_iter().map(of).collect()
}

/// Runs for some time, and returns the mean of each line.
fn turn(scenario: &Scenario, run: impl Fn() -> Sample) -> Sample {
    let start = Instant::now();
    let mut sum = run();
    let mut runs = 1;
    while scenario.is_time && start.elapsed() < TURN {
        sum.iter_mut().zip(run()).for_each(|(sum, more)| *sum += more);
        runs += 1;
    }
    sum.iter_mut().for_each(|sum| *sum /= f64::from(runs));
    sum
}

/// One line of a terminal.
fn progress(scenario: &Scenario, done: usize, rounds: usize) {
    let mut to = std::io::stderr();
    if !to.is_terminal() {
        return;
    }
    let _ = match done < rounds {
        true => write!(to, "\r\x1b[K{}: round {} of {rounds}", scenario.name, done + 1),
        false => write!(to, "\r\x1b[K"),
    };
    let _ = to.flush();
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
