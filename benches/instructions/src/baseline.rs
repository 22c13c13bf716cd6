//! What our own paths cost when it was last agreed upon.

use crate::callgrind::Cost;
use std::{collections::BTreeMap, fmt::Write as _, fs, path::PathBuf, process::Command};

/// By path.
pub(crate) type Baseline = BTreeMap<String, Cost>;

fn file() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "baseline.csv"].iter().collect()
}

pub(crate) fn read() -> Baseline {
    // There is none before the first.
    let text = fs::read_to_string(file()).unwrap_or_default();
    let lines = text.lines().filter(|line| !line.starts_with('#')).skip(1);
    lines.map(|line| parse(line).unwrap_or_else(|| panic!("baseline.csv: {line}"))).collect()
}

fn parse(line: &str) -> Option<(String, Cost)> {
    let mut columns = line.rsplitn(5, ',');
    let mut number = || columns.next()?.parse().ok();
    let (bytes, allocations, locked, instructions) = (number()?, number()?, number()?, number()?);
    let path = columns.next()?.trim_matches('"').to_owned();
    Some((path, Cost { instructions, locked, allocations, bytes }))
}

pub(crate) fn write(baseline: &Baseline) {
    let mut text = format!(
        "# What an item of each path costs. Written by `ci/instructions.sh --write`.\n\
         # {}, {}.\n\
         path,instructions,locked,allocations,bytes\n",
        version("rustc"),
        version("valgrind"),
    );
    for (path, cost) in baseline {
        let Cost { instructions, locked, allocations, bytes } = cost;
        let line = format!("\"{path}\",{instructions:.2},{locked:.3},{allocations:.4},{bytes:.1}");
        writeln!(text, "{line}").unwrap();
    }
    fs::write(file(), text).expect("baseline.csv can be written");
}

/// Another compiler counts differently.
fn version(program: &str) -> String {
    let output = Command::new(program).arg("--version").output();
    output.map_or("unknown".into(), |output| String::from_utf8_lossy(&output.stdout).trim().into())
}
