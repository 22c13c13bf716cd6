//! A client that says what a test wants, and programs that are looked at.

use anyscope::{
    BlockOn, JoinHandle, OwnedScope, context::Context, observe::tree::Tree, smol::Smol,
};
use anyscope_serve::Serving;
use serde_json::Value;
use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::{Arc, Mutex},
};
use support::until;

/// Returns a scope in this tree, in which tests put children.
pub(crate) fn scope_in(tree: &Tree) -> OwnedScope<Smol> {
    tree.context(&Context::new()).enter(|| OwnedScope::new(&Smol))
}

/// Returns a scope in this tree, with two children that wait for each other: one of this name, and `second`.
pub(crate) fn circle_in(tree: &Tree, first: &'static str) -> OwnedScope<Smol> {
    let scope = scope_in(tree);
    let slot = Arc::new(Mutex::new(None::<JoinHandle<'_, ()>>));
    let taken = slot.clone();
    let first = scope.spawn_named(first, async move {
        until(|| taken.lock().unwrap().is_some()).await;
        let second = taken.lock().unwrap().take().unwrap();
        let _ = second.await;
    });
    let second = scope.spawn_named("second", async move {
        let _ = first.await;
    });
    *slot.lock().unwrap() = Some(second);
    Smol.block_on(until(|| tree.verdict().is_some()));
    scope
}

pub(crate) fn connect(serving: &Serving) -> TcpStream {
    TcpStream::connect(serving.local_addr().unwrap()).unwrap()
}

/// Sends this, and returns all that comes.
pub(crate) fn exchange(mut stream: impl Read + Write, request: &[u8]) -> String {
    stream.write_all(request).unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    response
}

/// Returns the status and the body of what is at a path.
pub(crate) fn get(stream: impl Read + Write, path: &str) -> (u16, String) {
    let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:80\r\n\r\n");
    split(&exchange(stream, request.as_bytes()))
}

/// Returns what a tree looks like.
pub(crate) fn json(serving: &Serving) -> Value {
    let (status, body) = get(connect(serving), "/tree.json");
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).unwrap()
}

/// Returns the status and the body of a response, which is as long as it says.
pub(crate) fn split(response: &str) -> (u16, String) {
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    let length = head.split("\r\n").find_map(|line| line.strip_prefix("Content-Length: "));
    assert_eq!(length.unwrap().parse(), Ok(body.len()), "{head}");
    let status = head.strip_prefix("HTTP/1.1 ").unwrap().split(' ').next().unwrap();
    (status.parse().unwrap(), body.into())
}

/// Returns the members of that name of all rows.
pub(crate) fn members<'a>(seen: &'a Value, name: &str) -> Vec<&'a Value> {
    seen["rows"].as_array().unwrap().iter().map(|row| &row[name]).collect()
}
