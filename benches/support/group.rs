//! Contenders for the same work at several sizes: one table, or one chart.
//!
//! A table is measured in turns: every round runs every contender at every size, so that ratios
//! within a column and growth within a row come from one round each, and are given as medians.

use super::{Counted, counted, median};
use criterion::{AxisScale, BenchmarkId, Criterion, PlotConfiguration, Throughput};
use std::{
    collections::BTreeMap,
    env,
    time::{Duration, Instant},
};

/// What a row stands for.
#[derive(Clone, Copy, PartialEq)]
enum Role {
    /// What the work costs when it is written by hand, without any library.
    Floor,
    Peer,
    Own,
}

/// A contender.
pub(crate) struct Row<'a> {
    name: &'static str,
    role: Role,
    sizes: fn(usize) -> bool,
    /// Runs so many iterations at a size, and answers how long they took.
    run: Run<'a>,
}

type Run<'a> = Box<dyn Fn(usize, u64) -> Duration + 'a>;

pub(crate) fn floor<'a>(name: &'static str, run: impl Fn(usize, u64) -> Duration + 'a) -> Row<'a> {
    Row { name, role: Role::Floor, sizes: |_| true, run: Box::new(run) }
}

pub(crate) fn peer<'a>(name: &'static str, run: impl Fn(usize, u64) -> Duration + 'a) -> Row<'a> {
    Row { role: Role::Peer, ..floor(name, run) }
}

pub(crate) fn own<'a>(name: &'static str, run: impl Fn(usize, u64) -> Duration + 'a) -> Row<'a> {
    Row { role: Role::Own, ..floor(name, run) }
}

impl Row<'_> {
    /// Leaves out sizes that it does not have, or would need minutes for.
    pub(crate) fn at(self, sizes: fn(usize) -> bool) -> Self {
        Row { sizes, ..self }
    }
}

/// Contenders for the same work.
pub(crate) struct Group<'a> {
    pub(crate) name: &'static str,
    /// What the sizes are, and what each cost is the cost of.
    pub(crate) size: &'static str,
    pub(crate) each: &'static str,
    pub(crate) sizes: &'a [usize],
    /// How many of these an iteration does.
    pub(crate) items: fn(usize) -> usize,
    /// Between which sizes to compare the cost.
    pub(crate) growth: Option<(usize, usize)>,
    /// At which size to count allocations.
    pub(crate) counted: usize,
    pub(crate) rows: Vec<Row<'a>>,
}

/// Tables after `--ratios`, charts otherwise; all groups, or those whose name contains one of the
/// other arguments.
pub(crate) fn main(groups: &[Group<'_>]) {
    let (flags, filters): (Vec<_>, Vec<_>) =
        env::args().skip(1).partition(|arg| arg.starts_with('-'));
    if flags.iter().any(|flag| flag == "--ratios") {
        let wanted = |group: &&Group<'_>| {
            filters.is_empty() || filters.iter().any(|filter| group.name.contains(filter))
        };
        groups.iter().filter(wanted).for_each(Group::ratios);
    } else {
        let mut criterion = Criterion::default()
            .warm_up_time(Duration::from_millis(200))
            .measurement_time(Duration::from_secs(1))
            .sample_size(10)
            .nresamples(1000)
            .configure_from_args();
        groups.iter().for_each(|group| group.charts(&mut criterion));
        criterion.final_summary();
    }
}

/// How long one contender at one size runs in a round.
const TURN: Duration = Duration::from_millis(4);
/// About how long a table takes.
const TABLE: Duration = Duration::from_secs(15);

/// Nanoseconds of each round, by row and size.
type Cells = BTreeMap<(usize, usize), Vec<f64>>;

impl Group<'_> {
    fn ratios(&self) {
        let cells = self.measure();
        let best: BTreeMap<_, _> = self
            .sizes
            .iter()
            .filter_map(|&size| {
                let peers = (0..self.rows.len()).filter(|&row| self.rows[row].role == Role::Peer);
                let cells = peers.filter_map(|row| Some((row, cells.get(&(row, size))?)));
                let best = cells.min_by(|(_, a), (_, b)| nanos(a).total_cmp(&nanos(b)))?;
                Some((size, best.0))
            })
            .collect();

        println!("\n### {}\n", self.name);
        println!(
            "Nanoseconds for each {} · ratio to the best peer; by {}. Allocations at {}.\n",
            self.each, self.size, self.counted
        );
        print!("| |");
        self.sizes.iter().for_each(|size| print!(" {size} |"));
        if let Some((from, to)) = self.growth {
            print!(" {from} → {to} | to the floor's |");
        }
        println!(" allocations | bytes | peak kB |");
        let growth = if self.growth.is_some() { 2 } else { 0 };
        println!("|---|{}", "--:|".repeat(self.sizes.len() + growth + 3));

        for (row, contender) in self.rows.iter().enumerate() {
            match contender.role {
                Role::Floor => print!("| *{}* |", contender.name),
                Role::Peer => print!("| {} |", contender.name),
                Role::Own => print!("| **{}** |", contender.name),
            }
            for &size in self.sizes {
                match (cells.get(&(row, size)), best.get(&size)) {
                    (Some(cell), Some(best)) => {
                        let ratio = ratio(cell, &cells[&(*best, size)]);
                        print!(" {} · {ratio:.2} |", short(nanos(cell)));
                    }
                    (Some(cell), None) => print!(" {} |", short(nanos(cell))),
                    (None, _) => print!(" – |"),
                }
            }
            if self.growth.is_some() {
                self.print_growth(&cells, row);
            }
            self.print_allocations(contender);
        }
    }

    fn measure(&self) -> Cells {
        let mut turns = Vec::new();
        let mut all = Duration::ZERO;
        for &size in self.sizes {
            for (row, contender) in self.rows.iter().enumerate() {
                if (contender.sizes)(size) {
                    (contender.run)(size, 1);
                    // Not what it answers, which may be the smaller part.
                    let start = Instant::now();
                    (contender.run)(size, 2);
                    let once = (start.elapsed() / 2).max(Duration::from_nanos(100));
                    let iterations = (TURN.as_nanos() / once.as_nanos()).clamp(1, 10_000) as u32;
                    all += once * (iterations + iterations.div_ceil(4));
                    turns.push((row, size, u64::from(iterations)));
                }
            }
        }
        let rounds = (TABLE.as_nanos() / all.as_nanos().max(1)).clamp(5, 31);
        let mut cells = Cells::new();
        for _ in 0..rounds {
            for &(row, size, iterations) in &turns {
                // Whoever comes first pays for what others left behind: blocks that the allocator
                // puts in order when it is next asked, and cold caches.
                (self.rows[row].run)(size, iterations.div_ceil(4));
                let time = (self.rows[row].run)(size, iterations);
                let items = iterations as f64 * (self.items)(size) as f64;
                cells.entry((row, size)).or_default().push(time.as_nanos() as f64 / items);
            }
        }
        cells
    }

    /// How many times as much each costs at the larger size, and that to the floor's.
    fn print_growth(&self, cells: &Cells, row: usize) {
        let growth = |row| {
            let (from, to) = self.growth?;
            let (from, to) = (cells.get(&(row, from))?, cells.get(&(row, to))?);
            Some(to.iter().zip(from).map(|(to, from)| to / from).collect::<Vec<_>>())
        };
        let floor = self.rows.iter().position(|row| row.role == Role::Floor).and_then(growth);
        match (growth(row), floor) {
            (Some(own), Some(floor)) => {
                print!(" {:.2} | {:.2} |", median(own.clone()), ratio(&own, &floor));
            }
            (Some(own), None) => print!(" {:.2} | – |", median(own)),
            (None, _) => print!(" – | – |"),
        }
    }

    /// Of one iteration more, so that what is set up once does not count; the peak is that of one.
    fn print_allocations(&self, contender: &Row<'_>) {
        const MORE: u64 = 4;
        if !(contender.sizes)(self.counted) {
            return println!(" – | – | – |");
        }
        let count =
            |iterations| -> Counted { counted(|| _ = (contender.run)(self.counted, iterations)) };
        let (one, many) = (count(1), count(1 + MORE));
        let items = (self.items)(self.counted) as f64 * MORE as f64;
        let each = |many: usize, one: usize| many.saturating_sub(one) as f64 / items;
        println!(
            " {:.4} | {:.1} | {:.1} |",
            each(many.allocations, one.allocations),
            each(many.bytes, one.bytes),
            one.peak as f64 / 1024.0,
        );
    }

    fn charts(&self, criterion: &mut Criterion) {
        let mut group = criterion.benchmark_group(self.name);
        group.plot_config(PlotConfiguration::default().summary_scale(AxisScale::Logarithmic));
        // Where it is set, it is what criterion draws time against, and not the size.
        let varies =
            self.sizes.iter().any(|&size| (self.items)(size) != (self.items)(self.sizes[0]));
        for &size in self.sizes {
            if varies {
                group.throughput(Throughput::Elements((self.items)(size) as u64));
            }
            for contender in self.rows.iter().filter(|row| (row.sizes)(size)) {
                group.bench_function(BenchmarkId::new(contender.name, size), |bencher| {
                    bencher.iter_custom(|iterations| (contender.run)(size, iterations));
                });
            }
        }
        group.finish();
    }
}

fn nanos(cell: &[f64]) -> f64 {
    median(cell.to_vec())
}

/// The median of the ratios of the same rounds.
fn ratio(own: &[f64], other: &[f64]) -> f64 {
    median(own.iter().zip(other).map(|(own, other)| own / other).collect())
}

/// Three digits or more.
fn short(nanos: f64) -> String {
    match nanos {
        0.0..9.95 => format!("{nanos:.2}"),
        9.95..99.5 => format!("{nanos:.1}"),
        _ => format!("{nanos:.0}"),
    }
}

/// How long so many iterations take this thread.
///
/// Its processor time, so that neighbours on the machine do not count: for contenders that need
/// no other thread.
pub(crate) fn timed<T>(iterations: u64, mut once: impl FnMut() -> T) -> Duration {
    let start = processor_time();
    for _ in 0..iterations {
        drop(std::hint::black_box(once()));
    }
    processor_time() - start
}

#[cfg(unix)]
fn processor_time() -> Duration {
    use rustix::time::{ClockId, clock_gettime};

    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

#[cfg(not(unix))]
fn processor_time() -> Duration {
    std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap()
}
