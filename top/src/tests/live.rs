//! Programs that serve their tree, and those that do not.

use crate::{
    place::Place,
    tree::Tree,
    watch::{self, Update},
};
use anyscope::{OwnedScope, context::Context, observe::tree, smol::Smol};
use anyscope_serve::Server;
use std::{
    future::pending,
    io::{Read, Write},
    net::TcpListener,
    thread,
    time::Duration,
};

fn scope_in(tree: &tree::Tree) -> OwnedScope<Smol> {
    tree.context(&Context::new()).enter(|| OwnedScope::new(&Smol))
}

fn place(address: impl ToString) -> Place {
    address.to_string().parse().unwrap()
}

#[test]
fn what_is_served_is_understood() {
    let tree = tree::Tree::new();
    let scope = scope_in(&tree);
    scope.spawn_named("feed\u{1b}[2J", pending::<()>());
    scope.spawn_named("m".repeat(1 << 20), pending::<()>());
    let check = |place: Place| {
        let seen = Tree::parse(&place.get("/tree.json").unwrap()).unwrap();
        let titles: Vec<_> = seen.rows.iter().map(|row| row.title().chars().count()).collect();
        assert_eq!(titles[1..], ["#0 feed".len() + 4, "#1 ".len() + 301]);
        assert!(seen.rows[0].is_scope() && seen.rows[0].number("live") == Some(2));
        assert_eq!((seen.pid, seen.rows[1].parent), (std::process::id().into(), Some(0)));
        assert!(place.get("/tree.txt").unwrap().contains("#0 `feed"));
        assert!(place.get("/nothing").unwrap_err().starts_with("404 Not Found: There are"));
    };
    let serving = Server::new(&tree).tcp("127.0.0.1:0").unwrap();
    check(place(serving.local_addr().unwrap()));
    check(place(&serving));
    #[cfg(unix)]
    {
        let path = std::env::temp_dir().join(format!("anyscope-top-{}.sock", std::process::id()));
        let serving = Server::new(&tree).unix(&path).unwrap();
        check(place(&serving));
    }
}

/// Given a program that ends and comes again, then that is told, and it is looked at again.
#[test]
fn a_program_may_end_and_come_again() {
    let tree = tree::Tree::new();
    let serving = Server::new(&tree).tcp("127.0.0.1:0").unwrap();
    let address = serving.local_addr().unwrap();
    let updates = watch::start(place(address), Duration::from_millis(1));
    let next = |is_wanted: fn(&Update) -> bool| while !is_wanted(&updates.recv().unwrap()) {};
    next(|update| matches!(update, Update::Seen(_)));
    drop(serving);
    next(|update| matches!(update, Update::Lost(_)));
    let _serving = Server::new(&tree).tcp(address).unwrap();
    next(|update| matches!(update, Update::Seen(_)));
}

/// Given somebody who is no such program, then that is an error.
#[test]
fn others_are_not_taken_for_programs() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let answers = [&b""[..], b"SSH-2.0\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"];
    let others = thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1 << 10];
            assert!(stream.read(&mut request).unwrap() > 0);
            stream.write_all(answer).unwrap();
        }
    });
    for error in ["like a program", "like a program", "cut short"] {
        let said = place(address).get("/tree.json").unwrap_err();
        assert!(said.contains(error), "{said}");
    }
    others.join().unwrap();
    assert!(place(address).get("/").unwrap_err().contains("refused"));
}
