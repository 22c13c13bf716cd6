//! The trace is the same on each executor.

use std::process::Command;

#[test]
fn the_trace_is_a_tree_on_each_executor() {
    for on in ["smol", "tokio", "threads"] {
        let output = Command::new(env!("CARGO_BIN_EXE_otel")).args(["--on", on]).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let printed = String::from_utf8(output.stdout).unwrap();
        let (answer, trace) = printed.split_once('\n').unwrap();
        assert_eq!(answer, "the order costs 12");
        // Without the times.
        let trace: Vec<_> = trace.lines().map(|line| &line[11..]).collect();
        assert_eq!(trace, TRACE, "{on}: {printed}");
    }
}

const TRACE: [&str; 14] = [
    "order",
    "  scope returned",
    "    tea returned",
    "    - has a price",
    "    milk returned",
    "    - retries",
    "    - has a price",
    "    bread returned",
    "    - has a price",
    "    audit returned",
    "    - no time for all of it",
    "      scope cancelled",
    "      - cancelled",
    "        all orders cancelled",
];
