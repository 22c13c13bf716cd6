//! Sockets with a path, and ports that are free again.
#![cfg(unix)]

use crate::client::{exchange, get, split};
use anyscope::{Clock, Instant, observe::tree::Tree};
use anyscope_serve::{Error, Server};
use std::{
    env, fs, io,
    net::TcpStream,
    os::unix::{
        fs::PermissionsExt,
        net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
    process,
    sync::{Arc, Weak},
};

/// A path that is not there, and is removed in the end.
struct Temporary(PathBuf);

impl Temporary {
    fn new(name: &str) -> Self {
        Temporary(env::temp_dir().join(format!("anyscope-{name}-{}.sock", process::id())))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn serve(path: &Path) -> Result<anyscope_serve::Serving, Error> {
    Server::new(&Tree::new()).unix(path)
}

/// Given a socket, then it has what a port has, whatever the host of the request; only its owner may use it; and it is gone in the end.
#[test]
fn o61_a_socket_has_what_a_port_has() {
    let path = Temporary::new("o61");
    let serving = serve(&path.0).unwrap();
    assert_eq!((serving.local_addr(), serving.to_string()), (None, path.0.display().to_string()));
    assert_eq!(fs::metadata(&path.0).unwrap().permissions().mode() & 0o777, 0o600);
    let connect = || UnixStream::connect(&path.0).unwrap();
    assert_eq!(get(connect(), "/tree.txt"), (200, "nothing runs\n".into()));
    let request = b"GET /tree.json HTTP/1.1\r\nHost: shop\r\n\r\n";
    assert_eq!(split(&exchange(connect(), request)).0, 200);
    drop(serving);
    assert!(!path.0.exists());
}

/// Given a socket that a program left behind when it crashed, then it is replaced; one that somebody listens on, or a file, is not.
#[test]
fn o62_only_abandoned_sockets_are_replaced() {
    let path = Temporary::new("o62");
    drop(UnixListener::bind(&path.0).unwrap());
    let serving = serve(&path.0).unwrap();
    assert!(matches!(serve(&path.0), Err(Error::PathInUse(used)) if used == path.0));
    drop(serving);
    fs::write(&path.0, "of somebody else").unwrap();
    let error = serve(&path.0).unwrap_err();
    assert!(error.to_string().ends_with("is in use: serve the tree on another path"), "{error}");
    assert_eq!(fs::read_to_string(&path.0).unwrap(), "of somebody else");
    assert!(matches!(serve(Path::new("/nowhere/at/all.sock")), Err(Error::Io(_))));
    assert!(matches!(serve(Path::new(&"long/".repeat(100))), Err(Error::Io(_))));
}

/// Given a socket whose file was removed, or replaced by another one, then the end removes nothing, and leaves no thread behind.
#[test]
fn o63_files_of_others_are_left_alone() {
    let path = Temporary::new("o63");
    let serve = || {
        let (tree, held) = held();
        (Server::new(&tree).unix(&path.0).unwrap(), held)
    };
    let (serving, held) = serve();
    fs::remove_file(&path.0).unwrap();
    drop(serving);
    assert!(held.upgrade().is_none(), "a thread has the tree");
    let (serving, held) = serve();
    fs::remove_file(&path.0).unwrap();
    let _other = UnixListener::bind(&path.0).unwrap();
    drop(serving);
    assert!(held.upgrade().is_none(), "a thread has the tree");
    assert!(path.0.exists());
}

/// Given a server that is dropped, then its thread has ended, its port is free at once, and nobody answers there; a new one may have it.
#[test]
fn o64_a_port_is_free_when_the_drop_returns() {
    let (tree, held) = held();
    let serving = Server::new(&tree).tcp("127.0.0.1:0").unwrap();
    drop(tree);
    let address = serving.local_addr().unwrap();
    assert_ne!(address.port(), 0);
    assert_eq!(serving.to_string(), format!("http://{address}/"));
    drop(serving);
    assert!(held.upgrade().is_none(), "a thread has the tree");
    assert_eq!(TcpStream::connect(address).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    let again = Server::new(&Tree::new()).tcp(address).unwrap();
    assert_eq!(get(TcpStream::connect(address).unwrap(), "/tree.txt").0, 200);
    drop(again);
}

/// Returns a tree, and what is there as long as somebody has it.
fn held() -> (Tree, Weak<()>) {
    struct Held(#[allow(dead_code)] Arc<()>);
    impl Clock for Held {
        fn now(&self) -> Instant {
            Instant::from(std::time::Instant::now())
        }
    }
    let held = Arc::new(());
    let weak = Arc::downgrade(&held);
    (Tree::builder().clock(Held(held)).build(), weak)
}
