//! Clients that stall, names that are no names, trees that are too large, and clocks that panic.

use crate::client::{connect, get, json, members, scope_in};
use anyscope::{
    BlockOn, Clock, Instant, OwnedScope, concurrent, context,
    observe::tree::Tree,
    scope,
    smol::Smol,
    threads::{ThreadPool, ThreadPoolHandle},
};
use anyscope_serve::{Server, Serving};
use serde_json::json;
use std::{
    future::pending,
    io::{ErrorKind, Read, Write},
    panic,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};
use support::{HOUR, Signal, until};

/// Given clients that ask for nothing, or for much and do not read it, as many as there may be, then the program goes on, and the end of the
/// server does not wait for them.
#[test]
fn o65_clients_that_stall_hold_up_nobody() {
    let tree = Tree::new();
    let serving = Server::new(&tree)
        .timeout(HOUR)
        .tick(Duration::ZERO)
        .max_clients(4)
        .tcp("127.0.0.1:0")
        .unwrap();
    let kept = scope_in(&tree);
    for _ in 0..5_000 {
        kept.spawn_named("n".repeat(200), pending::<()>());
    }
    let mut silent: Vec<_> = (0..2).map(|_| connect(&serving)).collect();
    silent[1].write_all(b"GET /tree.json HTTP/1.1\r\n").unwrap();
    let mut deaf: Vec<_> = (0..2).map(|_| connect(&serving)).collect();
    for stream in &mut deaf {
        stream.write_all(b"GET /tree.json HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        // It has begun to answer.
        stream.read_exact(&mut [0]).unwrap();
    }
    let more: Vec<_> = (0..10).map(|_| connect(&serving)).collect();

    let sum = Smol.block_on(tree.watch(scope(&Smol, async |s| {
        let children: Vec<_> = (0..100).map(|n| s.spawn(async move { n })).collect();
        let mut sum = 0;
        for child in children {
            sum += child.value().await;
        }
        sum
    })));
    assert_eq!(sum, 4950);
    drop(serving);
    for mut stream in silent.into_iter().chain(more) {
        // Closed or reset, but over.
        assert!(matches!(stream.read(&mut [0]), Ok(0) | Err(_)));
    }
}

/// Given a client that stalls while it has the only place, then it is left after the timeout, and who waits is answered.
#[test]
fn o66_clients_that_stall_lose_their_place() {
    let tree = Tree::new();
    let server = Server::new(&tree).timeout(Duration::from_millis(50)).max_clients(1);
    let serving = server.tcp("127.0.0.1:0").unwrap();
    let stalled: Vec<_> = (0..3).map(|_| connect(&serving)).collect();
    // Whoever is held up for so long on this machine is left, too.
    while try_get(&serving).is_none() {}
    for mut stream in stalled {
        assert!(matches!(stream.read(&mut [0]), Ok(0) | Err(_)), "it was left");
    }
}

/// Given as many clients as there may be, then the next one waits until one of them leaves, and is answered.
#[test]
fn o66_clients_wait_for_a_place() {
    let server = Server::new(&Tree::new()).timeout(HOUR).max_clients(1);
    let serving = server.tcp("127.0.0.1:0").unwrap();
    let silent = connect(&serving);
    let mut next = connect(&serving);
    next.write_all(b"GET /tree.txt HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    // Whatever time this takes, there is no answer.
    next.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let error = next.read(&mut [0]).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}");
    next.set_read_timeout(None).unwrap();
    drop(silent);
    let mut response = String::new();
    next.read_to_string(&mut response).unwrap();
    assert!(response.ends_with("nothing runs\n"), "{response}");
}

/// Returns what is answered, if anything is.
fn try_get(serving: &Serving) -> Option<String> {
    let mut stream = connect(serving);
    stream.write_all(b"GET /tree.txt HTTP/1.1\r\nHost: localhost\r\n\r\n").ok()?;
    let mut response = String::new();
    stream.read_to_string(&mut response).ok()?;
    response.starts_with("HTTP/1.1 200 OK").then_some(response)
}

/// Given clients that leave in the middle, then others are answered.
#[test]
fn o67_clients_may_leave() {
    let tree = Tree::new();
    let serving = Server::new(&tree).max_clients(1).tcp("127.0.0.1:0").unwrap();
    for request in ["", "GET", "GET /tree.json HTTP/1.1\r\nHost: localhost\r\n\r\n"] {
        connect(&serving).write_all(request.as_bytes()).unwrap();
        assert_eq!(get(connect(&serving), "/tree.txt").0, 200);
    }
}

/// Given names of a megabyte, with control characters, or like HTML, then the JSON is valid and has them short; the text has each on a line.
#[test]
fn o68_names_are_short_and_harmless() {
    let tree = Tree::new();
    let serving = Server::new(&tree).tcp("127.0.0.1:0").unwrap();
    let scope = scope_in(&tree);
    scope.spawn_named("m".repeat(1 << 20), pending::<()>());
    scope.spawn_named("\u{1b}[2J\r\n\0\u{7f}", pending::<()>());
    scope.spawn_named("<script>\"'&\u{202e}", pending::<()>());
    let seen = json(&serving);
    assert_eq!(seen["rows"][1]["name"].as_str().unwrap(), "m".repeat(300) + "…");
    assert_eq!(seen["rows"][2]["name"], "\u{1b}[2J\r\n\0\u{7f}");
    assert_eq!(seen["rows"][3]["name"], "<script>\"'&\u{202e}");
    let (_, text) = get(connect(&serving), "/tree.txt");
    assert_eq!(
        (text.lines().count(), text.chars().filter(|c| c.is_control()).count()),
        (4, 4),
        "{text}"
    );
    assert!(text.len() < 1_000);
}

/// Given more children than are shown, and more rows than are sent, then those that are outermost and first are there, and how many
/// are not is said, where and in all.
#[test]
fn o69_large_trees_are_cut() {
    let tree = Tree::new();
    let serving = Server::new(&tree).tick(Duration::ZERO).tcp("127.0.0.1:0").unwrap();
    let scopes: Vec<_> = (0..12).map(|_| scope_in(&tree)).collect();
    for scope in &scopes[..11] {
        for _ in 0..1_001 {
            scope.spawn(pending::<()>());
        }
    }
    let seen = json(&serving);
    assert_eq!(members(&seen, "key").len(), 10_000);
    assert_eq!(seen["left_out"], 12 + 11 * 1_001 - 10_000);
    let scopes_seen: Vec<_> =
        seen["rows"].as_array().unwrap().iter().filter(|row| row["kind"] == "scope").collect();
    assert_eq!(scopes_seen.len(), 12, "all that are outermost");
    assert_eq!((&scopes_seen[0]["left_out"], &scopes_seen[0]["live"]), (&json!(1), &json!(1_001)));
    assert_eq!(scopes_seen[9]["left_out"], 1_001 - (10_000 - 12 - 9 * 1_000));
    assert_eq!(
        (&scopes_seen[10]["left_out"], &scopes_seen[11]["left_out"]),
        (&json!(1_001), &json!(0))
    );
    let (_, text) = get(connect(&serving), "/tree.txt");
    assert!(text.contains("\n  and 1 more\n"), "of the first scope");
    assert!(text.ends_with(&format!("{} more, which are not shown\n", seen["left_out"])), "in all");
}

/// Given a tree deeper than any stack, then it is served like any other.
#[test]
fn o70_deep_trees_are_served() {
    const DEPTH: usize = 4_000;
    let tree = Tree::new();
    let serving = Server::new(&tree).tcp("127.0.0.1:0").unwrap();
    let deepest = Signal::new();
    let outer = scope_in(&tree);
    outer.spawn(nest(DEPTH, deepest.clone()));
    Smol.block_on(until(|| deepest.has_fired()));

    let seen = json(&serving);
    assert_eq!(members(&seen, "depth").len(), 2 * (DEPTH + 1));
    assert_eq!(*members(&seen, "depth").last().unwrap(), 2 * DEPTH + 1);
    let (_, text) = get(connect(&serving), "/tree.txt");
    assert_eq!(text.lines().count(), 2 * (DEPTH + 1));
}

/// Each scope in a child of the one before.
pub(crate) fn nest(depth: usize, deepest: Signal) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        if depth == 0 {
            deepest.fire();
            pending().await
        }
        scope(&Smol, async |s| s.spawn(nest(depth - 1, deepest)).value().await).await;
    })
}

/// Given a clock that panics, then a client is told so, and the next look that works is served.
#[test]
fn o71_a_clock_that_panics_is_told_of() {
    let clock = Failing::default();
    let tree = Tree::builder().clock(clock.clone()).build();
    let serving =
        Server::new(&tree).tick(Duration::ZERO).max_clients(1).tcp("127.0.0.1:0").unwrap();
    clock.0.store(true, Ordering::Relaxed);
    for _ in 0..2 {
        let (status, body) = get(connect(&serving), "/tree.json");
        assert_eq!(
            (status, &*body),
            (500, "The tree could not be looked at: the clock it was given has panicked.\n")
        );
    }
    clock.0.store(false, Ordering::Relaxed);
    assert_eq!(get(connect(&serving), "/tree.json").0, 200);
}

#[derive(Clone, Default)]
struct Failing(Arc<AtomicBool>);

impl Clock for Failing {
    fn now(&self) -> Instant {
        if self.0.load(Ordering::Relaxed) {
            panic::resume_unwind(Box::new("no time"));
        }
        Instant::from(std::time::Instant::now())
    }
}

/// Given a storm of scopes and children that begin, end and are dropped on other threads, then every look is whole: each row is in one that
/// is there, and no key is there twice.
#[test]
fn o72_looks_in_a_storm_are_whole() {
    let tree = Tree::new();
    let serving = Server::new(&tree).tick(Duration::ZERO).tcp("127.0.0.1:0").unwrap();
    let pool = ThreadPool::new(2);
    let stop = AtomicBool::new(false);
    thread::scope(|s| {
        let (tree, stop) = (&tree, &stop);
        // Also if a check fails.
        let _end = End(stop);
        for seed in 0..2 {
            let exec = pool.handle();
            s.spawn(move || {
                let mut round = seed;
                while !stop.load(Ordering::Relaxed) {
                    round += 1;
                    storm(tree, &exec, round);
                }
            });
        }
        for _ in 0..200 {
            check(&json(&serving));
        }
    });
    drop(pool);
    drop(serving);
}

/// Ends a storm when it is dropped.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A scope with children that have scopes; some end, some are dropped with it.
fn storm(tree: &Tree, exec: &ThreadPoolHandle, round: usize) {
    let outer: OwnedScope<_> = tree.context(&context::current()).enter(|| OwnedScope::new(exec));
    for n in 0..20 {
        outer.spawn(concurrent(async move |s| {
            let inner = s.spawn_named(format!("inner {n}"), async {});
            if (n + round) % 3 == 0 {
                s.spawn(pending::<()>());
            }
            let _ = inner.await;
        }));
    }
    if round % 2 == 0 {
        outer.cancel("the storm");
    }
}

fn check(seen: &serde_json::Value) {
    let mut depth = -1;
    let mut keys = Vec::new();
    for row in seen["rows"].as_array().unwrap() {
        let this = row["depth"].as_i64().unwrap();
        assert!(this <= depth + 1, "{row} is in nothing");
        depth = this;
        keys.push(row["key"].as_str().unwrap());
    }
    let count = keys.len();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), count, "a key is there twice");
}

/// Given no clients at a time, then the server is refused where it is asked for.
#[test]
#[should_panic = "a server for no clients at a time"]
fn o73_zero_clients_are_refused() {
    let _ = Server::new(&Tree::new()).max_clients(0);
}

/// Given no time at all, then clients are left at once; given all time, they are answered.
#[test]
fn o74_times_may_be_none_or_all() {
    let tree = Tree::new();
    let serving = Server::new(&tree).timeout(Duration::ZERO).tcp("127.0.0.1:0").unwrap();
    assert!(matches!(connect(&serving).read(&mut [0]), Ok(0) | Err(_)));
    let server = Server::new(&tree).timeout(Duration::MAX).tick(Duration::MAX);
    let serving = server.tcp("127.0.0.1:0").unwrap();
    assert_eq!(get(connect(&serving), "/tree.txt").0, 200);
}

/// Given an executor that is stuck, then its program can be looked at.
#[test]
fn o75_a_stuck_executor_can_be_looked_at() {
    let tree = Tree::new();
    let serving = Server::new(&tree).tick(Duration::ZERO).tcp("127.0.0.1:0").unwrap();
    let pool = ThreadPool::new(1);
    let (go, blocked) = std::sync::mpsc::channel::<()>();
    let exec = pool.handle();
    let scope: OwnedScope<_> = tree.context(&context::current()).enter(|| OwnedScope::new(&exec));
    scope.spawn_named("blocks its thread", async move { blocked.recv() });
    scope.spawn_named("waits for a thread", async {});
    let first = loop {
        let seen = json(&serving);
        if seen["rows"][1]["state"] == "Polled" {
            break seen;
        }
    };
    assert_eq!(first["rows"][2]["state"], "Queued");
    go.send(()).unwrap();
}
