//! What cannot be read, what changes meanwhile, Ctrl-C, and readers that do not read.

use crate::support::{
    EXECUTORS, Running, Tree, checksum, each, hash, os_error, report, text, tree_digest,
};
use serde_json::{Value, json};
use std::{
    fs::{self, File},
    io::{BufRead, BufReader},
};

/// Given a file and a directory that nobody can open, then they are reported at the end, and all
/// other files are hashed.
#[test]
fn what_cannot_be_opened_is_reported_and_the_rest_is_hashed() {
    let mut tree = Tree::sample();
    let unreadable = tree.add_paths_that_are_too_long();
    let too_long = os_error(36);
    let expected: String =
        unreadable.iter().map(|path| format!("checksum: {path:?}: {too_long}\n")).collect();
    let digest = format!("tree digest: {}, without what could not be read\n", tree.digest());
    for executor in EXECUTORS.into_iter().chain(["all"]) {
        let output = checksum(tree.root(), &["--executor", executor, "--list"]).output().unwrap();
        assert_eq!(text(&output.stdout), tree.list());
        let told = text(&output.stderr);
        let (table, failures) = told.split_once(&digest).unwrap();
        assert!(table.contains(&format!(" {} ", tree.files.len())), "{table}");
        assert_eq!(failures, expected);
        assert_eq!(output.status.code(), Some(1));
    }
    let (report, code) = report(tree.root(), &[]);
    let expected = unreadable.map(|path| json!({ "path": path, "error": too_long }));
    assert_eq!(each(&report, "failures"), json!([expected, expected, expected]));
    assert_eq!(code, 1);
}

/// Given a file that is found and then removed before its turn comes, then that is reported, and
/// all other files are hashed.
#[test]
fn a_file_that_vanishes_is_reported_and_the_rest_is_hashed() {
    for executor in EXECUTORS {
        let mut tree = Tree::new();
        tree.file("small", b"contents");
        let endless = ["a", "b"].map(|name| tree.endless_file(name));
        let options = ["--executor", executor, "--limit", "1", "--list"];
        let mut process = Running::start(tree.root(), &options);
        // The directory has been read when the first of its files is.
        let first = process.wait_until_it_reads(&endless);
        let second = endless.iter().find(|path| **path != first).unwrap();
        fs::remove_file(second).unwrap();
        File::options().write(true).open(&first).unwrap().set_len(0).unwrap();
        let output = process.finish();
        let failure = format!("\nchecksum: {second:?}: {}\n", os_error(2));
        assert!(text(&output.stderr).ends_with(&failure), "{}", text(&output.stderr));
        let listed = text(&output.stdout);
        assert!(listed.contains(&tree.list()), "{listed}");
        assert!(listed.contains(&format!("  {}\n", first.display())), "{listed}");
        assert_eq!(listed.lines().count(), 2);
        assert_eq!(output.status.code(), Some(1));
    }
}

/// Given a tree that changes between one executor and the next, then the digests differ, and that
/// is said.
#[test]
fn a_tree_that_changes_between_runs_is_noticed() {
    for options in [&["--limit", "1"][..], &["--json"]] {
        let tree = Tree::new();
        let file = tree.endless_file("file");
        let mut process = Running::start(tree.root(), options);
        process.wait_until_it_reads(std::slice::from_ref(&file));
        File::options().write(true).open(&file).unwrap().set_len(0).unwrap();
        let output = process.finish();
        if options == ["--json"] {
            let report: Value = serde_json::from_slice(&output.stdout).unwrap();
            assert_eq!(report["agree"], false);
        } else {
            let table = text(&output.stdout);
            let empty = tree_digest([(&b"file"[..], hash(b""))]);
            for executor in &EXECUTORS[1..] {
                let line = format!("\ntree digest on {executor}: {empty}\n");
                assert!(table.contains(&line), "{table}");
            }
            assert!(table.contains("\nthe digests differ"), "{table}");
        }
        assert_eq!(output.status.code(), Some(1));
    }
}

/// Given Ctrl-C while a file is read, then the process ends soon, and tells what was done.
#[test]
fn ctrl_c_ends_the_work_and_what_was_done_is_printed() {
    let mut tree = Tree::new();
    for n in 0..10 {
        tree.file(format!("{n}"), format!("contents {n}").as_bytes());
    }
    fs::create_dir(tree.path("sub")).unwrap();
    let endless = ["sub/a", "sub/b"].map(|name| tree.endless_file(name));
    for executor in EXECUTORS {
        // With this limit, the files of a directory are done before those further down.
        let options = ["--executor", executor, "--limit", "1", "--list"];
        let mut process = Running::start(tree.root(), &options);
        process.wait_until_it_reads(&endless);
        process.interrupt();
        let output = process.finish();
        assert_eq!(text(&output.stdout), tree.list());
        let table = text(&output.stderr);
        let row: Vec<_> = table.lines().nth(1).unwrap().split_ascii_whitespace().collect();
        assert_eq!((row[0], row[1], row.len()), (executor, "10", 8));
        assert_eq!(table.lines().nth(2), Some("interrupted: this is what was done until then"));
        assert_eq!(table.lines().count(), 3, "{table}");
        assert_eq!(output.status.code(), Some(130));
    }
}

/// Given Ctrl-C on the first of all executors, then the others do not start.
#[test]
fn ctrl_c_ends_the_work_on_all_executors() {
    let tree = Tree::new();
    let endless = tree.endless_file("file");
    let mut process = Running::start(tree.root(), &["--json"]);
    process.wait_until_it_reads(&[endless]);
    process.interrupt();
    let output = process.finish();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(each(&report, "executor"), json!(["smol"]));
    assert_eq!(each(&report, "digest"), json!([null]));
    assert_eq!(each(&report, "files"), json!([0]));
    assert_eq!(each(&report, "failures"), json!([[]]));
    assert_eq!(report["interrupted"], true);
    assert_eq!((text(&output.stderr), output.status.code()), (String::new(), Some(130)));
}

/// Given a reader that closes the pipe after one line, then that is no error, and the table is
/// printed all the same.
#[test]
fn a_reader_may_close_the_pipe_early() {
    let mut tree = Tree::new();
    // A list longer than what a pipe holds, so that the process waits for its reader.
    for n in 0..600 {
        tree.file(format!("{n:0150}"), b"");
    }
    let mut process = Running::start(tree.root(), &["--list"]);
    let mut first = String::new();
    let mut stdout = BufReader::new(process.stdout());
    stdout.read_line(&mut first).unwrap();
    drop(stdout);
    let output = process.finish();
    assert!(tree.list().starts_with(&first));
    assert!(text(&output.stderr).ends_with(&format!("tree digest: {}\n", tree.digest())));
    assert_eq!(output.status.code(), Some(0));
}

/// Given one thread for all that blocks, then the walk does not keep it from those who hash.
#[test]
fn one_blocking_thread_is_enough() {
    let mut tree = Tree::new();
    // More than what the walk is ahead.
    for n in 0..300 {
        tree.file(n.to_string(), b"");
    }
    // The two whose pool can be told.
    for executor in ["smol", "threads"] {
        let mut command = checksum(tree.root(), &["--executor", executor, "--list"]);
        let output = command.env("BLOCKING_MAX_THREADS", "1").output().unwrap();
        assert_eq!(text(&output.stdout), tree.list());
        assert_eq!(output.status.code(), Some(0));
    }
}

/// Given a stdout that cannot be written to, then that is an error.
#[test]
fn a_full_disk_is_an_error() {
    let full = File::options().write(true).open("/dev/full").unwrap();
    let output = checksum(Tree::new().root(), &[]).stdout(full).output().unwrap();
    assert_eq!(text(&output.stderr), format!("checksum: {}\n", os_error(28)));
    assert_eq!(output.status.code(), Some(1));
}
