//! The table, and whether it is good enough.

use crate::{
    baseline,
    callgrind::{Cost, count},
    rows::{self, Role},
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
    floor: Option<Cost>,
    peers: Vec<(&'static str, Cost)>,
}

pub(crate) fn print(peers: bool, write: bool, words: &[&String]) -> ExitCode {
    let rows = rows::all();
    let costs = count(&rows, |row| {
        (peers || row.role == Role::Own)
            && (words.is_empty() || words.iter().any(|&word| row.path.contains(word)))
    });
    let mut paths: Vec<Path<'_>> = Vec::new();
    for (row, cost) in rows.iter().zip(&costs) {
        if let (Role::Own, &Some(own)) = (row.role, cost) {
            paths.push(Path { name: &row.path, own, floor: None, peers: Vec::new() });
        }
    }
    for (row, cost) in rows.iter().zip(&costs) {
        let path = paths.iter_mut().find(|path| path.name == row.path);
        let (Some(path), &Some(cost)) = (path, cost) else { continue };
        match row.role {
            Role::Floor => path.floor = Some(cost),
            Role::Peer => path.peers.push((row.name, cost)),
            Role::Own => {}
        }
    }

    let mut known = baseline::read();
    println!(
        "| path | before | now | ratio | locked before | now | allocations before | now |{}",
        if peers { " floor | best peer | its instructions | ratio | its locked |" } else { "" }
    );
    println!(
        "|---|--:|--:|--:|--:|--:|--:|--:|{}",
        if peers { "--:|---|--:|--:|--:|" } else { "" }
    );
    let (mut errors, mut warnings) = (Vec::new(), Vec::new());
    for path in &paths {
        let before = known.get(path.name);
        print_path(path, before, peers);
        for complaint in before.into_iter().flat_map(|before| complaints(before, &path.own)) {
            let (ratio, text) = complaint;
            let list = if ratio > ERROR { &mut errors } else { &mut warnings };
            list.push(format!("{}: {text}", path.name));
        }
    }
    if words.is_empty() {
        for gone in known.keys().filter(|name| paths.iter().all(|path| path.name != **name)) {
            errors.push(format!("{gone}: it is in the baseline, and nobody counts it"));
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
    println!(
        "\n{} paths, {} more than 2 % dearer than the baseline, {} more than 3 %",
        paths.len(),
        warnings.len() + errors.len(),
        errors.len()
    );
    for (kind, list) in [("warning", &warnings), ("error", &errors)] {
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

fn print_path(path: &Path<'_>, before: Option<&Cost>, peers: bool) {
    let was = |what: fn(&Cost) -> f64, digits: usize| {
        before.map_or("new".into(), |before| format!("{:.digits$}", what(before)))
    };
    let own = &path.own;
    print!(
        "| {} | {} | {:.1} | {} | {} | {:.2} | {} | {:.4} |",
        path.name,
        was(|cost| cost.instructions, 1),
        own.instructions,
        before.map_or("–".into(), |before| {
            format!("{:.3}", own.instructions / before.instructions)
        }),
        was(|cost| cost.locked, 2),
        own.locked,
        was(|cost| cost.allocations, 4),
        own.allocations,
    );
    if peers {
        let floor = path.floor.map_or("–".into(), |floor| format!("{:.1}", floor.instructions));
        print!(" {floor} |");
        let best = path.peers.iter().min_by(|a, b| a.1.instructions.total_cmp(&b.1.instructions));
        match best {
            Some((name, cost)) => print!(
                " {name} | {:.1} | {:.2} | {:.2} |",
                cost.instructions,
                own.instructions / cost.instructions,
                cost.locked
            ),
            None => print!(" – | – | – | – |"),
        }
    }
    println!();
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
