//! What is served.

use crate::client::{circle_in, connect, exchange, get, json, members, scope_in};
use anyscope::{
    BlockOn, Clock, Instant, concurrent,
    observe::{labelled, tree::Tree},
    smol::Smol,
};
use anyscope_serve::Server;
use serde_json::json;
use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use support::{HOUR, until, yield_now};

/// Given a scope with children and a scope in one of them, then the JSON has a row for each, in the order of the tree, with what a
/// snapshot has and with keys; and who waits for whom is found by them.
#[test]
fn o50_json_has_a_row_for_each() {
    let tree = Tree::new();
    let serving = Server::new(&tree).tick(Duration::ZERO).tcp("127.0.0.1:0").unwrap();
    assert_eq!(json(&serving)["rows"], json!([]), "nothing runs yet");

    let scope = scope_in(&tree);
    let feed = scope.spawn_named("feed", labelled("the network", pending::<()>()));
    scope.spawn_named("reader", async move { feed.await.is_ok() });
    scope.spawn(concurrent(async |s| {
        s.spawn_named("inner", pending::<()>());
    }));
    Smol.block_on(until(|| tree.snapshot().to_string().matches("1 poll").count() == 4));

    // A look that took long is not taken again at once.
    Smol.block_on(until(|| members(&json(&serving), "key").len() == 6));
    let seen = json(&serving);
    assert_eq!((&seen["format"], &seen["pid"]), (&json!(1), &json!(std::process::id())));
    assert!(seen["program"].as_str().unwrap().starts_with("serve-"), "{seen:#}");
    assert_eq!((&seen["left_out"], &seen["verdict"]), (&json!(0), &json!(null)));
    let number = tree.snapshot().scopes[0].number;
    let inner = tree.snapshot().all_scopes().last().unwrap().number;
    let keys: Vec<_> = members(&seen, "key").into_iter().map(|key| key.as_str().unwrap()).collect();
    let expected = [
        format!("{number}"),
        format!("{number}/#0"),
        format!("{number}/#1"),
        format!("{number}/#2"),
        format!("{inner}"),
        format!("{inner}/#0"),
    ];
    assert_eq!(keys, expected);
    assert_eq!(members(&seen, "depth"), [0, 1, 1, 1, 2, 3]);
    assert_eq!(members(&seen, "kind"), ["scope", "child", "child", "child", "scope", "child"]);
    let (feed, reader) = (&seen["rows"][1], &seen["rows"][2]);
    assert_eq!((&feed["name"], &feed["polls"]), (&json!("feed"), &json!(1)));
    assert_eq!(feed["waits"][0]["text"], "the network");
    assert_eq!(
        (&reader["waits"][0]["scope"], &reader["waits"][0]["child"]),
        (&json!(number), &json!("#0"))
    );
    assert!(feed.get("scopes").is_none() && seen["rows"][0].get("children").is_none());
}

/// Given children that wait for each other, then the JSON names them with their scope and their id; the text does too.
#[test]
fn o51_the_verdict_is_served() {
    let tree = Tree::new();
    let serving = Server::new(&tree).tcp("127.0.0.1:0").unwrap();
    let _scope = circle_in(&tree, "first");

    let seen = json(&serving);
    let circle = seen["verdict"]["circle"].as_array().unwrap();
    assert_eq!(circle.len(), 2);
    assert_eq!(circle[0]["child"], "#0");
    assert_eq!(circle[0]["scope"], seen["rows"][0]["number"]);
    assert!(circle[0]["who"].as_str().unwrap().starts_with("child `first`"), "{seen:#}");
    assert_eq!(seen["verdict"]["others"], json!([]));
    let (_, text) = get(connect(&serving), "/tree.txt");
    assert!(text.contains("each waits for the next, for ever:\n- child `first`"), "{text}");
}

/// Given a tree, then its text has a line for each row, further in the deeper it is; that of nothing says so.
#[test]
fn o52_text_is_for_people() {
    let tree = Tree::new();
    let serving = Server::new(&tree).tick(Duration::ZERO).tcp("127.0.0.1:0").unwrap();
    assert_eq!(get(connect(&serving), "/tree.txt"), (200, "nothing runs\n".into()));
    let scope = scope_in(&tree);
    scope.spawn_named("feed", pending::<()>());
    let text = || get(connect(&serving), "/tree.txt").1;
    // A look that took long is not taken again at once.
    Smol.block_on(until(|| text() != "nothing runs\n"));
    let text = text();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 2, "{text}");
    assert!(!lines[0].starts_with(' ') && lines[1].starts_with("  #0 `feed`, tests/"), "{text}");
}

/// Given a request for the page, with or without a query, then it comes with all that it needs in itself, and with heads that keep other
/// pages out.
#[test]
fn o53_the_page_needs_nothing_from_outside() {
    let serving = Server::new(&Tree::new()).tcp("localhost:0").unwrap();
    let response = exchange(connect(&serving), b"GET /?a=b HTTP/1.1\r\nhost: LOCALHOST\r\n\r\n");
    let (head, page) = response.split_once("\r\n\r\n").unwrap();
    assert!(
        head.starts_with("HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n"),
        "{head}"
    );
    assert!(head.contains("Content-Security-Policy: default-src 'none';"), "{head}");
    assert!(head.contains("Cross-Origin-Resource-Policy: same-origin\r\n"), "{head}");
    assert!(page.starts_with("<!doctype html>"));
    for outside in ["http:", "https:", "//cdn", "src=", "@import", "innerHTML", "url("] {
        assert!(!page.contains(outside), "{outside} in the page");
    }
}

/// Given many who ask within a tick, then the tree is looked at once, and all have the same.
#[test]
fn o54_one_look_is_shared() {
    let clock = Counting::default();
    let tree = Tree::builder().clock(clock.clone()).build();
    let serving = Server::new(&tree).tick(HOUR).tcp("127.0.0.1:0").unwrap();
    let before = clock.0.load(Ordering::Relaxed);
    let first = get(connect(&serving), "/tree.json");
    let looked = clock.0.load(Ordering::Relaxed);
    assert!(looked > before);
    let scope = scope_in(&tree);
    let started = clock.0.load(Ordering::Relaxed);
    std::thread::scope(|s| {
        let ask = || get(connect(&serving), "/tree.json");
        let asking: Vec<_> = (0..20).map(|_| s.spawn(ask)).collect();
        for asked in asking {
            assert_eq!(asked.join().unwrap(), first);
        }
    });
    assert_eq!(clock.0.load(Ordering::Relaxed), started, "nobody has looked again");
    drop(scope);
}

#[derive(Clone, Default)]
struct Counting(Arc<AtomicUsize>);

impl Clock for Counting {
    fn now(&self) -> Instant {
        self.0.fetch_add(1, Ordering::Relaxed);
        Instant::from(std::time::Instant::now())
    }
}

/// Given a tree that changes, then clients see what it is after the tick.
#[test]
fn o55_looks_are_fresh() {
    let tree = Tree::new();
    let serving = Server::new(&tree).tick(Duration::ZERO).tcp("127.0.0.1:0").unwrap();
    Smol.block_on(async {
        let scope = scope_in(&tree);
        until(|| members(&json(&serving), "kind").len() == 1).await;
        let child = scope.spawn(pending::<()>());
        until(|| members(&json(&serving), "kind").len() == 2).await;
        let _ = child.cancel().await;
        yield_now().await;
        until(|| members(&json(&serving), "kind").len() == 1).await;
        drop(scope);
        until(|| json(&serving)["rows"] == json!([])).await;
    });
}
