//! The same crawl with many limits.

use crate::{
    args::{Args, Rule},
    http::Fault,
    run::{self, Crawled},
    say,
};
use anyscope::{Executor, shutdown::Shutdown};
use std::{
    error::Error,
    fmt::{self, Write},
    num::NonZeroUsize,
    ops::RangeInclusive,
    time::Duration,
};

/// So many that none is ever through.
const PAGES: u32 = 100_000_000;
const FIXED: [usize; 12] = [1, 2, 4, 8, 12, 16, 24, 32, 48, 64, 128, 256];
/// What somebody might write down who knows neither of the hosts.
const SENSIBLE: RangeInclusive<usize> = 8..=64;

struct Row {
    rule: Rule,
    per_second: f64,
    fetched: usize,
    failed: usize,
    requests: usize,
    rejected: usize,
    late: usize,
}

/// Crawls for a while with each of many fixed limits, and with those that adapt, and prints a table.
pub(crate) async fn sweep<E: Executor + 'static>(
    exec: &E,
    args: &Args,
    shutdown: &Shutdown,
) -> Result<(), Box<dyn Error>> {
    let args = Args { pages: PAGES, ..args.clone() };
    let time = Duration::from_secs(args.seconds.into());
    let fixed = FIXED.into_iter().filter_map(NonZeroUsize::new).map(Rule::Fixed);
    let mut rows = vec![];
    for rule in fixed.chain([Rule::Aimd, Rule::Vegas, Rule::Gradient2]) {
        let crawled = run::run(exec, &args, rule, Some(time), shutdown).await?;
        crawled.ledger.check(&crawled.site)?;
        if shutdown.has_begun() {
            say(&format!("interrupted in the crawl with limit {rule}\n"));
            break;
        }
        rows.push(Row::new(rule, &crawled, time));
    }
    let mut text = format!("{} s with each limit, on {}\n\n", args.seconds, args.executor);
    write(&mut text, &rows)?;
    say(&text);
    Ok(())
}

impl Row {
    fn new(rule: Rule, crawled: &Crawled, time: Duration) -> Self {
        // Not what came in the grace.
        let fetched = crawled.ledger.fetched(time);
        let count = |fault| crawled.requests.get(&Some(fault)).copied().unwrap_or(0);
        Row {
            rule,
            per_second: fetched as f64 / time.as_secs_f64(),
            fetched,
            failed: crawled.ledger.failed().values().map(Vec::len).sum(),
            requests: crawled.requests.values().sum(),
            rejected: count(Fault::Overload),
            late: count(Fault::TimedOut),
        }
    }

    fn is_sensible(&self) -> bool {
        matches!(self.rule, Rule::Fixed(limit) if SENSIBLE.contains(&limit.get()))
    }
}

fn write(out: &mut impl Write, rows: &[Row]) -> fmt::Result {
    let fixed = || rows.iter().filter(|row| matches!(row.rule, Rule::Fixed(_)));
    let best = fixed().max_by_key(|row| row.fetched);
    let worst = fixed().filter(|row| row.is_sensible()).min_by_key(|row| row.fetched);
    let (Some(best), Some(worst)) = (best, worst) else { return Ok(()) };
    writeln!(
        out,
        "{:<10} {:>8} {:>9} {:>8} {:>9} {:>8} {:>9} {:>9} {:>8}",
        "limit", "pages", "per s", "of best", "of worst", "failed", "requests", "rejected", "late"
    )?;
    for row in rows {
        let share = |of: &Row| format!("{:.2} ×", row.per_second / of.per_second);
        writeln!(
            out,
            "{:<10} {:>8} {:>9.1} {:>8} {:>9} {:>8} {:>9} {:>9} {:>8}",
            row.rule,
            row.fetched,
            row.per_second,
            share(best),
            share(worst),
            row.failed,
            row.requests,
            row.rejected,
            row.late,
        )?;
    }
    writeln!(
        out,
        "\nBest fixed limit: {}. Worst of {} to {}: {}.",
        best.rule,
        SENSIBLE.start(),
        SENSIBLE.end(),
        worst.rule
    )
}
