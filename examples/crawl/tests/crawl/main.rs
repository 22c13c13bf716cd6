//! The example `crawl`, run as a process against the servers that it starts.

// For the signal that Ctrl-C is.
#![cfg(unix)]

mod support;

use std::process::Command;
use support::{ENDLESS, QUICK, Running, crawl, on_each_executor, pages_by_end, text};

/// Given flaky hosts, when all is fetched on any executor, then each page that is found ends once: the lines for pages are as
/// many as the report says, and no page has two.
#[test]
fn each_page_is_fetched_once_or_reported() {
    on_each_executor(|executor| {
        let output = crawl(executor, &QUICK).args(["--pages", "700", "--list"]).output().unwrap();
        let report = text(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "{report}{}", text(&output.stderr));
        let ends = pages_by_end(&report);
        assert_eq!(ends.interrupted, 0, "{report}");
        // Of 700 pages three are gone and two are broken, and one is never found, as only such pages link to it.
        assert!(ends.fetched > 600 && ends.failed >= 4, "{report}");
        assert!(report.contains("404 Not Found, which no retry changes"), "{report}");
        assert!(report.contains("limit ●, capacity ─"), "{report}");
    });
}

/// Given a site without end, when a signal comes in the middle, then the report says of each page that is known what became
/// of it, and the process exits as one that was interrupted.
#[test]
fn after_a_signal_the_report_is_that_of_a_part() {
    on_each_executor(|executor| {
        let mut running = Running::start(crawl(executor, &QUICK).args(ENDLESS));
        running.wait_for_lines(50);
        running.interrupt();
        let done = running.finish();
        assert_eq!(done.code, Some(130), "{}{}", done.stdout, done.stderr);
        let ends = pages_by_end(&done.stdout);
        assert!(ends.fetched > 0 && ends.interrupted > 0, "{}", done.stdout);
        assert_eq!(done.stderr, "");
    });
}

/// Given requests that hang for longer than the grace, when a signal comes, then they are named at half of the grace, and
/// dropped at its end.
#[test]
fn what_outstays_the_grace_is_named() {
    on_each_executor(|executor| {
        let args = ["--timeout-ms", "3600000", "--faults", "400", "--grace-ms", "400"];
        let mut running = Running::start(crawl(executor, &args).args(ENDLESS));
        running.wait_for_lines(30);
        running.interrupt();
        let done = running.finish();
        assert_eq!(done.code, Some(130), "{}{}", done.stdout, done.stderr);
        assert!(pages_by_end(&done.stdout).interrupted > 0, "{}", done.stdout);
        assert!(
            done.stderr.contains("the crawl") && done.stderr.contains("127.0.0.1:"),
            "{}",
            done.stderr
        );
    });
}

/// Given the same and an endless grace, when a second signal comes, then nobody waits for them.
#[test]
fn a_second_signal_waits_for_nobody() {
    on_each_executor(|executor| {
        let args = ["--timeout-ms", "3600000", "--faults", "400", "--grace-ms", "3600000"];
        let mut running = Running::start(crawl(executor, &args).args(ENDLESS));
        running.wait_for_lines(30);
        running.interrupt();
        running.wait_for("interrupted");
        running.interrupt();
        let done = running.finish();
        assert_eq!(done.code, Some(130), "{}{}", done.stdout, done.stderr);
        assert!(pages_by_end(&done.stdout).interrupted > 0, "{}", done.stdout);
    });
}

/// Given each rule for the limit, then it is that of the hosts, and the sums are right.
#[test]
fn every_limit_does() {
    for limit in ["1", "aimd", "vegas", "gradient2"] {
        let args = ["--pages", "100", "--list", "--limit", limit];
        let output = crawl("threads", &QUICK).args(args).output().unwrap();
        let report = text(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "{report}{}", text(&output.stderr));
        assert!(pages_by_end(&report).fetched > 80, "{report}");
    }
}

/// Given what makes no sense, then it says what to do, and exits with 2.
#[test]
fn wrong_usage_is_told() {
    for (args, what) in [
        (["--limit", "0"], "neither vegas, aimd or gradient2, nor a number above 0"),
        (["--at-once", "0"], "number would be zero"),
        (["--pages", "0"], "0 is not in 1.."),
        (["--executor", "monoio"], "[possible values: smol, tokio, threads]"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_crawl")).args(args).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        let message = text(&output.stderr);
        assert!(message.contains(what), "{message}");
    }
}
