//! What is hashed, and what is printed.

use crate::support::{
    EXECUTORS, Tree, checksum, each, hash, make_fifo, os_error, report, runs, text, tree_digest,
};
use serde_json::json;
use std::{
    ffi::OsStr,
    fs,
    os::unix::{ffi::OsStrExt, fs::symlink, net::UnixListener},
    path::Path,
};

/// Given files of all sizes in nested directories, when they are hashed on any executor, then
/// every digest is that of the contents, and so is the digest of the tree.
#[test]
fn digests_are_those_of_the_contents() {
    let tree = Tree::sample();
    for executor in EXECUTORS {
        let output = checksum(tree.root(), &["--executor", executor, "--list"]).output().unwrap();
        assert_eq!(text(&output.stdout), tree.list(), "{executor}");
        let table = text(&output.stderr);
        assert!(table.contains(&format!("\n{executor} ")), "{table}");
        assert!(table.ends_with(&format!("\ntree digest: {}\n", tree.digest())), "{table}");
        assert_eq!(output.status.code(), Some(0));
    }
    // As `sha256sum` has it for the empty file.
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert!(tree.list().contains(&format!("{empty}  {}/0\n", tree.root().display())));
}

/// Given no executor, then it runs on all of them, one after the other, and they agree.
#[test]
fn all_executors_agree() {
    let tree = Tree::sample();
    let (report, code) = report(tree.root(), &[]);
    assert_eq!((&report["agree"], &report["interrupted"]), (&json!(true), &json!(false)));
    assert_eq!(report["path"], json!(tree.root()));
    assert_eq!(each(&report, "executor"), json!(EXECUTORS));
    for run in runs(&report) {
        assert_eq!(run["files"], tree.files.len());
        assert_eq!(run["bytes"], tree.bytes());
        assert_eq!(run["digest"], tree.digest().to_string());
        assert_eq!(run["failures"], json!([]));
        assert!(run["seconds"].as_f64().unwrap() > 0.0);
        assert!(run["mb_per_s"].as_f64().unwrap() > 0.0);
    }
    assert_eq!(code, 0);
}

/// Given no terminal, then the table is all there is: no progress.
#[test]
fn the_table_has_a_row_for_each_executor_and_there_is_no_progress() {
    let tree = Tree::sample();
    let output = checksum(tree.root(), &["--limit", "3"]).output().unwrap();
    let table = text(&output.stdout);
    let rows: Vec<Vec<_>> =
        table.lines().map(|line| line.split_ascii_whitespace().collect()).collect();
    assert_eq!(rows[0].join(" "), "executor files bytes seconds MB/s peak in flight");
    let (files, bytes) = (tree.files.len().to_string(), tree.bytes().to_string());
    for (row, executor) in rows[1..4].iter().zip(EXECUTORS) {
        assert_eq!(row[..3], [executor, &files, &bytes]);
        assert_eq!(row[6..], ["of", "3"]);
    }
    assert_eq!(rows[4..], [["tree", "digest:", &tree.digest().to_string()]]);
    assert_eq!(text(&output.stderr), "");
}

/// Given a limit, then no more files than that are in flight, and the digest is the same.
#[test]
fn limits_hold_and_change_nothing_else() {
    let tree = Tree::sample();
    for limit in [1, 2, 1_000_000] {
        let (report, code) = report(tree.root(), &["--limit", &limit.to_string()]);
        assert_eq!(report["limit"], limit);
        for run in runs(&report) {
            assert_eq!(run["digest"], tree.digest().to_string());
            let peak = run["peak_in_flight"].as_u64().unwrap();
            assert!((1..=limit).contains(&peak), "{peak} in flight");
        }
        assert_eq!(code, 0);
    }
}

/// Given arguments that make no sense, then the message says why, and nothing is hashed.
#[test]
fn wrong_usage_is_explained() {
    for (options, message) in [
        (&["--limit", "0"][..], "give at least 1"),
        (&["--limit", "-1"], "--limit cannot be \"-1\": invalid digit"),
        (&["--limit", "many"], "--limit cannot be \"many\": invalid digit"),
        (&["--executor", "rayon"], "there are: smol, tokio, threads, all"),
        (&["--json", "--list"], "cannot be used with"),
        (&["--frobnicate"], "'--frobnicate'"),
        (&["another"], "\"another\""),
    ] {
        let output = checksum(Path::new("."), options).output().unwrap();
        assert!(text(&output.stderr).contains(message), "{}", text(&output.stderr));
        assert_eq!((text(&output.stdout), output.status.code()), (String::new(), Some(2)));
    }
}

/// Given a path at which there is nothing to hash, then the message names it.
#[test]
fn a_path_that_is_neither_directory_nor_file_is_an_error() {
    let tree = Tree::new();
    let [missing, dangling, fifo] = ["missing", "dangling", "fifo"].map(|name| tree.path(name));
    symlink("missing", &dangling).unwrap();
    make_fifo(&fifo);
    let no_file = os_error(2);
    for (path, message) in
        [(missing, &no_file[..]), (dangling, &no_file), (fifo, "neither a directory nor a file")]
    {
        let output = checksum(&path, &[]).output().unwrap();
        assert_eq!(text(&output.stderr), format!("checksum: {path:?}: {message}\n"));
        assert_eq!((text(&output.stdout), output.status.code()), (String::new(), Some(1)));
    }
}

/// Given a file, or a link to one, instead of a directory, then it is hashed as one without a name.
#[test]
fn a_file_is_hashed_as_a_tree_of_one() {
    let mut tree = Tree::new();
    tree.file("file", b"contents");
    symlink("file", tree.path("link")).unwrap();
    let hash = hash(b"contents");
    let digest = tree_digest([(&b""[..], hash)]).to_string();
    for name in ["file", "link"] {
        let path = tree.path(name);
        let output = checksum(&path, &["--list"]).output().unwrap();
        assert_eq!(text(&output.stdout), format!("{hash}  {}\n", path.display()));
        let (report, code) = report(&path, &[]);
        assert_eq!(each(&report, "digest"), json!([digest, digest, digest]));
        assert_eq!(code, 0);
    }
}

/// Given a directory without files, or a link to one, then its digest is that of nothing.
#[test]
fn an_empty_directory_is_no_error() {
    let tree = Tree::new();
    fs::create_dir_all(tree.path("empty/inner")).unwrap();
    symlink("empty", tree.path("link")).unwrap();
    for name in ["empty", "link"] {
        let (report, code) = report(&tree.path(name), &[]);
        for run in runs(&report) {
            assert_eq!((&run["files"], &run["bytes"]), (&json!(0), &json!(0)));
            assert_eq!(run["digest"], hash(b"").to_string());
        }
        assert_eq!(code, 0);
    }
}

/// Given loops of links, dangling links, fifos and sockets, then they are counted and left alone.
#[test]
fn links_and_special_files_are_counted_and_not_opened() {
    let mut tree = Tree::new();
    tree.file("sub/file", b"contents");
    symlink("..", tree.path("sub/loop")).unwrap();
    symlink("itself", tree.path("itself")).unwrap();
    symlink("nowhere", tree.path("dangling")).unwrap();
    symlink("sub/file", tree.path("again")).unwrap();
    make_fifo(&tree.path("fifo"));
    let _socket = UnixListener::bind(tree.path("socket")).unwrap();
    let (report, code) = report(tree.root(), &[]);
    for run in runs(&report) {
        assert_eq!(run["skipped"], json!({ "symlinks": 4, "special": 2, "caches": 0 }));
        assert_eq!(run["digest"], tree.digest().to_string());
    }
    assert_eq!(code, 0);
}

/// Given a directory that is tagged as a cache, then it is counted and left alone, unless it is
/// asked for; a tag that is none means nothing.
#[test]
fn caches_are_hashed_if_asked_for() {
    let mut tree = Tree::new();
    tree.file("file", b"contents");
    tree.file("no-cache/CACHEDIR.TAG", b"Signature: none");
    let digest = tree.digest().to_string();
    tree.file("target/CACHEDIR.TAG", b"Signature: 8a477f597d28d172789f06886806bc55\n# cargo");
    tree.file("target/debug/file", b"built");
    let everything = tree.digest().to_string();
    let options = [(&[][..], &digest, 1), (&["--caches"], &everything, 0)];
    for (options, digest, caches) in options {
        let (report, code) = report(tree.root(), options);
        assert_eq!(each(&report, "digest"), json!([digest, digest, digest]));
        assert_eq!(runs(&report)[0]["skipped"]["caches"], caches);
        assert_eq!(code, 0);
    }
    // Who names it wants it.
    let (report, _) = report(&tree.path("target"), &[]);
    assert_eq!(each(&report, "files"), json!([2, 2, 2]));
}

/// Given names with line ends, backslashes or bytes that are no UTF-8, then they are listed byte
/// for byte, escaped as `sha256sum` does it.
#[test]
fn names_may_contain_anything() {
    let mut tree = Tree::new();
    tree.file(OsStr::from_bytes(b"\xff\xfe/\xf0 name"), b"1");
    tree.file("line\nend \\ \r", b"2");
    let [one, two] = [b"1", b"2"].map(|contents| hash(contents));
    let root = tree.root().display();
    let mut expected = format!("\\{two}  {root}/line\\nend \\\\ \\r\n{one}  {root}").into_bytes();
    expected.extend(b"/\xff\xfe/\xf0 name\n");
    let output = checksum(tree.root(), &["--list"]).output().unwrap();
    let listed = output.stdout.escape_ascii().to_string();
    assert_eq!(listed, expected.escape_ascii().to_string());
    assert_eq!(output.status.code(), Some(0));

    // JSON has no bytes, so such a path is a list of numbers there.
    let inner = tree.root().join(OsStr::from_bytes(b"\xff\xfe"));
    let (report, _) = report(&inner, &[]);
    assert_eq!(report["path"], json!(inner.as_os_str().as_bytes()));
    let digest = tree_digest([(&b"\xf0 name"[..], one)]).to_string();
    assert_eq!(each(&report, "digest"), json!([digest, digest, digest]));
}
