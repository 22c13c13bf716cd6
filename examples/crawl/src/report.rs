//! What is printed at the end.

use crate::{args::Args, run::Crawled, track::Track};
use std::fmt::{self, Write};

/// How many pages of a kind are named.
const NAMED: usize = 5;

pub(crate) fn write(out: &mut impl Write, crawled: &Crawled, args: &Args) -> fmt::Result {
    let Crawled { ledger, requests, hosts, took, .. } = crawled;
    let (fetched, interrupted) = (ledger.fetched(*took), ledger.interrupted());
    let failed = ledger.failed();
    let failures: usize = failed.values().map(Vec::len).sum();
    writeln!(
        out,
        "{} pages found on {} hosts: {fetched} fetched, {failures} failed, {interrupted} interrupted",
        ledger.found(),
        hosts.len()
    )?;
    let seconds = took.as_secs_f64();
    writeln!(
        out,
        "{seconds:.1} s on {}: {:.0} pages per second",
        args.executor,
        fetched as f64 / seconds
    )?;
    for ((fault, why), pages) in failed {
        let named: Vec<_> = pages.iter().take(NAMED).map(ToString::to_string).collect();
        let more = if pages.len() > NAMED { ", .." } else { "" };
        writeln!(out, "  {:>5} × {fault}, {why}: {}{more}", pages.len(), named.join(", "))?;
    }
    writeln!(out, "{} requests", requests.values().sum::<usize>())?;
    for (fault, count) in requests {
        match fault {
            None => writeln!(out, "  {count:>5} × a page")?,
            Some(fault) => writeln!(out, "  {count:>5} × {fault}")?,
        }
    }
    for track in hosts {
        writeln!(out)?;
        chart(out, track)?;
    }
    Ok(())
}

const COLUMNS: usize = 64;
const ROWS: usize = 8;

/// The limit over time, and the capacity that it looks for.
fn chart(out: &mut impl Write, track: &Track) -> fmt::Result {
    writeln!(out, "{}: limit ●, capacity ─, breaker open x ({} times)", track.host, track.opened)?;
    let points = &track.points;
    let columns = COLUMNS.min(points.len());
    let column = |n: usize| &points[n * points.len() / columns..(n + 1) * points.len() / columns];
    let most = points.iter().map(|point| point.limit.max(point.capacity)).max().unwrap_or(1);
    // A row is so many calls; the lowest begins at 0.
    let row = most.div_ceil(ROWS).max(1);
    for level in (0..most.div_ceil(row)).rev() {
        let is_here = |value: usize| value.saturating_sub(1) / row == level;
        let line: String = (0..columns)
            .map(|n| {
                let column = column(n);
                let mean = column.iter().map(|point| point.limit).sum::<usize>() / column.len();
                match column {
                    _ if is_here(mean) => '●',
                    [first, ..] if is_here(first.capacity) => '─',
                    _ => ' ',
                }
            })
            .collect();
        writeln!(out, "{:>5} ┤{}", (level + 1) * row, line.trim_end())?;
    }
    let axis =
        (0..columns).map(|n| if column(n).iter().any(|point| point.is_open) { 'x' } else { '─' });
    let axis: String = axis.collect();
    writeln!(out, "{:>5} └{axis}", 0)?;
    let end = points.last().map_or(0.0, |point| point.at.as_secs_f64());
    writeln!(out, "{:>width$.1} s", end, width = 7 + columns)
}
