//! Who is refused, and with which words.

use crate::client::{connect, exchange, get, split};
use anyscope::observe::tree::Tree;
use anyscope_serve::{Error, Server};
use std::io::ErrorKind;

/// Given an address that other machines reach, or one among others, then it is refused before anything listens, and the error says what
/// to do instead.
#[test]
fn o56_only_the_loopback_is_served() {
    let server = || Server::new(&Tree::new());
    for address in ["0.0.0.0:4000", "[::]:4000", "192.0.2.1:4000", "[::ffff:192.0.2.1]:4000"] {
        let error = server().tcp(address).unwrap_err();
        assert!(
            matches!(error, Error::NotLoopback(refused) if refused == address.parse().unwrap())
        );
        let words = error.to_string();
        assert!(words.contains("serve it on 127.0.0.1:4000 or on a unix socket"), "{words}");
        assert!(words.contains("ssh -L 4000:127.0.0.1:4000 host"), "{words}");
    }
    let mixed = ["127.0.0.1:0".parse().unwrap(), "0.0.0.0:0".parse().unwrap()];
    assert!(matches!(server().tcp(&mixed[..]), Err(Error::NotLoopback(_))));
}

/// Given an address that is none, or a port that is in use, then the error is that of the system.
#[test]
fn o57_what_the_system_refuses_is_said() {
    let server = || Server::new(&Tree::new());
    for address in ["", "localhost", "127.0.0.1:70000", "127.0.0.1:port"] {
        assert!(matches!(server().tcp(address), Err(Error::Io(_))), "{address}");
    }
    assert!(matches!(server().tcp(&[][..]), Err(Error::Io(_))));
    let serving = server().tcp("127.0.0.1:0").unwrap();
    let Err(Error::Io(error)) = server().tcp(serving.local_addr().unwrap()) else { panic!() };
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
}

/// Given a page of somebody else whose name leads to this machine, then it gets nothing: the name is in its requests. Nor is a request
/// answered that says two names, or none.
#[test]
fn o58_requests_for_other_hosts_are_refused() {
    let serving = Server::new(&Tree::new()).tcp("127.0.0.1:0").unwrap();
    let ask = |hosts: &str| {
        let request = format!("GET /tree.json HTTP/1.1\r\n{hosts}\r\n");
        split(&exchange(connect(&serving), request.as_bytes())).0
    };
    for host in [
        "localhost",
        "LocalHost:9",
        "127.0.0.1",
        "127.1.2.3:80",
        "[::1]",
        "[::1]:80",
        "[::ffff:127.0.0.1]",
    ] {
        assert_eq!(ask(&format!("Host: {host}\r\n")), 200, "{host}");
    }
    for host in [
        "evil.example",
        "evil.example:80",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "0.0.0.0",
        "192.0.2.1",
        "[::]",
        "[::1",
        "[::1].evil.example",
        "",
        ":80",
        "localhost@evil.example",
    ] {
        assert_eq!(ask(&format!("Host: {host}\r\n")), 421, "{host}");
    }
    assert_eq!(ask(""), 400);
    assert_eq!(ask("Host: localhost\r\nHost: evil.example\r\n"), 400);
}

/// Given anything but a `GET` of what is there, then it is refused with a word that says what is wrong.
#[test]
fn o59_requests_that_are_none_are_refused() {
    let serving = Server::new(&Tree::new()).tcp("127.0.0.1:0").unwrap();
    let ask = |request: &[u8]| split(&exchange(connect(&serving), request)).0;
    for method in ["POST", "HEAD", "OPTIONS", "get", "DELETE"] {
        let request = format!("{method} / HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assert_eq!(ask(request.as_bytes()), 405, "{method}");
    }
    for path in ["/favicon.ico", "/tree", "/../etc/passwd", "//", "*", "http://localhost/tree.json"]
    {
        assert_eq!(get(connect(&serving), path).0, 404, "{path}");
    }
    for request in [
        &b"\r\n\r\n"[..],
        b"GET\r\n\r\n",
        b"GET / HTTP/2\r\nHost: localhost\r\n\r\n",
        b"GET /  HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\xff\xfe\r\n\r\n",
        b"\x16\x03\x01\x02\r\n\r\n",
    ] {
        assert_eq!(ask(request), 400, "{request:?}");
    }
    let endless =
        [b"GET / HTTP/1.1\r\nHost: localhost\r\nCookie: ".to_vec(), vec![b'c'; 9 << 10]].concat();
    assert_eq!(ask(&endless), 431);
}

/// Given a request that comes byte by byte, then it is understood.
#[test]
fn o60_requests_may_come_in_parts() {
    use std::io::{Read, Write};
    let serving = Server::new(&Tree::new()).tcp("127.0.0.1:0").unwrap();
    let mut stream = connect(&serving);
    stream.set_nodelay(true).unwrap();
    for byte in b"GET /tree.txt HTTP/1.1\r\nHost: localhost\r\n\r\n" {
        stream.write_all(&[*byte]).unwrap();
    }
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    assert_eq!(split(&response), (200, "nothing runs\n".into()));
}
