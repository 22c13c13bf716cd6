//! The table, and whether it is good enough.

use crate::{
    baseline,
    callgrind::{Cost, Malloc, count},
    rows::{self, Role, Row},
};
use std::process::ExitCode;

/// More than so many times as much as the baseline is an error, or a warning.
const ERROR: f64 = 1.03;
const WARNING: f64 = 1.02;
/// And by more than so many instructions: a row of five must not fail for nothing.
const SLACK: f64 = 0.5;
/// For locked instructions, and for allocations.
const SLACK_OF_FEW: f64 = 0.01;

/// A path, and all that was counted of it.
struct Path<'a> {
    name: &'a str,
    own: Cost,
    floor: Option<(&'a Row, Cost)>,
    peers: Vec<(&'a Row, Cost)>,
}

/// Counts our own paths, and compares them with the baseline or makes a new one of them.
pub(crate) fn check(write: bool, words: &[&str]) -> ExitCode {
    let rows = rows::all();
    let costs =
        count(&rows, Malloc::Arena, |row| row.role == Role::Own && is_chosen(&row.path, words));
    let paths = paths(&rows, &costs);
    let mut known = baseline::read();
    println!("| path | before | now | ratio | locked before | now | allocations before | now |");
    println!("|---|--:|--:|--:|--:|--:|--:|--:|");
    let (mut errors, mut warnings) = (Vec::new(), Vec::new());
    for path in &paths {
        let before = known.get(path.name);
        print_change(path, before);
        for (ratio, complaint) in before.into_iter().flat_map(|it| complaints(it, &path.own)) {
            let list = if ratio > ERROR { &mut errors } else { &mut warnings };
            list.push(format!("{}: {complaint}", path.name));
        }
    }
    if write {
        if words.is_empty() {
            known.clear();
        }
        known.extend(paths.iter().map(|path| (path.name.to_owned(), path.own)));
        baseline::write(&known);
        return ExitCode::SUCCESS;
    }
    for name in known.keys().filter(|name| is_chosen(name, words)) {
        if paths.iter().all(|path| path.name != name) {
            errors.push(format!("{name}: it is in the baseline, and nobody counts it"));
        }
    }
    print_verdict(paths.len(), &warnings, &errors)
}

fn is_chosen(path: &str, words: &[&str]) -> bool {
    words.is_empty() || words.iter().any(|word| path.contains(word))
}

fn paths<'a>(rows: &'a [Row], costs: &[Option<Cost>]) -> Vec<Path<'a>> {
    let counted = || rows.iter().zip(costs).filter_map(|(row, cost)| Some((row, (*cost)?)));
    let of = |name: &'a str, own| Path {
        name,
        own,
        floor: counted().find(|(row, _)| row.path == name && row.role == Role::Floor),
        peers: counted().filter(|(row, _)| row.path == name && row.role == Role::Peer).collect(),
    };
    let own = counted().filter(|(row, _)| row.role == Role::Own);
    own.map(|(row, cost)| of(&row.path, cost)).collect()
}

fn print_change(path: &Path<'_>, before: Option<&Cost>) {
    let was = |what: fn(&Cost) -> f64, digits: usize| {
        before.map_or("new".into(), |before| format!("{:.digits$}", what(before)))
    };
    let own = &path.own;
    let ratio = before.map(|before| format!("{:.3}", own.instructions / before.instructions));
    println!(
        "| {} | {} | {:.1} | {} | {} | {:.2} | {} | {:.4} |",
        path.name,
        was(|cost| cost.instructions, 1),
        own.instructions,
        ratio.unwrap_or("–".into()),
        was(|cost| cost.locked, 2),
        own.locked,
        was(|cost| cost.allocations, 4),
        own.allocations,
    );
}

fn print_verdict(paths: usize, warnings: &[String], errors: &[String]) -> ExitCode {
    println!("\n{paths} paths; dearer than the baseline: {} by more than 3 %", errors.len());
    for (kind, list) in [("warning", warnings), ("error", errors)] {
        for line in list {
            println!("{kind}: {line}");
        }
    }
    if errors.is_empty() {
        return ExitCode::SUCCESS;
    }
    println!(
        "\nFind what made it dearer. If it is worth that, or the compiler is another one, write a \
         new baseline with `ci/instructions.sh --write WORD`, and say why in the commit."
    );
    ExitCode::FAILURE
}

/// Counts our own paths beside their floors and peers.
pub(crate) fn compare(words: &[&str]) -> ExitCode {
    let rows = rows::all();
    let costs = count(&rows, Malloc::System, |row| is_chosen(&row.path, words));
    println!(
        "| path | instructions | locked | allocations | floor | best peer | its instructions | ratio | its locked |"
    );
    println!("|---|--:|--:|--:|--:|---|--:|--:|--:|");
    for path in paths(&rows, &costs) {
        let own = &path.own;
        let floor = path.floor.map_or("–".into(), |(_, floor)| short(floor.instructions));
        print!(
            "| {} | {} | {:.2} | {:.3} | {floor} |",
            path.name,
            short(own.instructions),
            own.locked,
            own.allocations,
        );
        let best =
            path.peers.iter().min_by(|(_, a), (_, b)| a.instructions.total_cmp(&b.instructions));
        match best {
            Some((peer, cost)) => println!(
                " {} | {} | {:.2} | {:.2} |",
                peer.name,
                short(cost.instructions),
                own.instructions / cost.instructions,
                cost.locked
            ),
            None => println!(" – | – | – | – |"),
        }
    }
    ExitCode::SUCCESS
}

/// Three digits or more.
fn short(count: f64) -> String {
    if count < 99.95 { format!("{count:.1}") } else { format!("{count:.0}") }
}

/// What has become dearer, and how many times as dear.
fn complaints(before: &Cost, now: &Cost) -> Vec<(f64, String)> {
    let looks = [
        ("instructions", before.instructions, now.instructions, SLACK),
        ("locked instructions", before.locked, now.locked, SLACK_OF_FEW),
        ("allocations", before.allocations, now.allocations, SLACK_OF_FEW),
    ];
    looks
        .into_iter()
        .filter(|(_, before, now, slack)| *now > before * WARNING && now - before > *slack)
        .map(|(what, before, now, _)| {
            let ratio = now / before;
            (ratio, format!("{before:.2} {what} before, {now:.2} now: {ratio:.3} times as many"))
        })
        .collect()
}
