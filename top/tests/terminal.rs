//! The program in a terminal: it is what it was, however the program ends.
#![cfg(unix)]

#[path = "../src/screen.rs"]
#[allow(unreachable_pub)]
mod screen;

use anyscope::{OwnedScope, context::Context, observe::tree::Tree, smol::Smol};
use anyscope_serve::Server;
use rustix::{
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{Termios, Winsize, tcgetattr, tcsetwinsize},
};
use std::{
    env,
    fs::{File, OpenOptions},
    future::pending,
    io::{Read, Write},
    os::unix::ffi::OsStrExt,
    process::{Child, Command},
};

const LEAVE: &str = "\u{1b}[?1049l";
const SHOW_CURSOR: &str = "\u{1b}[?25h";
const ROLE: &str = "ANYSCOPE_TOP_TEST";

/// A program in a terminal of its own.
struct Terminal {
    ours: File,
    theirs: File,
    program: Child,
    before: Termios,
    shown: String,
}

impl Terminal {
    fn start(program: &mut Command) -> Self {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&ours).unwrap();
        unlockpt(&ours).unwrap();
        let name = ptsname(&ours, Vec::new()).unwrap();
        let path = std::ffi::OsStr::from_bytes(name.as_bytes());
        let theirs = OpenOptions::new().read(true).write(true).open(path).unwrap();
        let size = Winsize { ws_row: 30, ws_col: 120, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&theirs, size).unwrap();
        let before = tcgetattr(&theirs).unwrap();
        let end = || theirs.try_clone().unwrap();
        let program = program.stdin(end()).stdout(end()).stderr(end()).spawn().unwrap();
        Terminal { ours: ours.into(), theirs, program, before, shown: String::new() }
    }

    /// Reads until this is shown.
    fn until(&mut self, text: &str) {
        let mut part = [0; 1 << 12];
        while !self.shown.contains(text) {
            let count = self.ours.read(&mut part).unwrap();
            self.shown += &String::from_utf8_lossy(&part[..count]);
        }
    }

    /// Waits for the end, and checks that the terminal is what it was.
    fn end(mut self) -> (Option<i32>, String) {
        self.until(LEAVE);
        let status = self.program.wait().unwrap();
        let after = tcgetattr(&self.theirs).unwrap();
        assert_eq!(after.local_modes, self.before.local_modes);
        assert_eq!(after.input_modes, self.before.input_modes);
        // So that the end of what was written is seen.
        self.theirs.write_all(b"\r\nthe shell").unwrap();
        self.until("the shell");
        assert_eq!(self.shown.matches(LEAVE).count(), 1, "a second time would move the cursor");
        let rest = self.shown.split(LEAVE).nth(1).unwrap();
        assert!(rest.contains(SHOW_CURSOR), "{rest:?}");
        (status.code(), rest.into())
    }
}

/// Given the program with a tree to show, then it does; a key ends it, and the terminal is as before.
#[test]
fn the_terminal_is_left_clean() {
    let tree = Tree::new();
    let serving = Server::new(&tree).tcp("127.0.0.1:0").unwrap();
    let scope: OwnedScope<_> = tree.context(&Context::new()).enter(|| OwnedScope::new(&Smol));
    scope.spawn_named("the feed", pending::<()>());
    for key in [&b"q"[..], b"\x03"] {
        let mut program = Command::new(env!("CARGO_BIN_EXE_anyscope-top"));
        let mut terminal = Terminal::start(program.arg(serving.to_string()));
        terminal.until("feed");
        terminal.ours.write_all(key).unwrap();
        assert_eq!(terminal.end().0, Some(0));
    }
}

/// Given a panic while something is shown, then its words are on the screen of before.
#[test]
fn a_panic_is_read_on_the_screen_of_before() {
    let mut program = Command::new(env::current_exe().unwrap());
    program
        .args(["--exact", "program_that_panics", "--ignored", "--nocapture"])
        .env(ROLE, "panics");
    let (code, rest) = Terminal::start(&mut program).end();
    assert_ne!(code, Some(0));
    assert!(rest.contains("the drawing has a fault"), "{rest:?}");
}

/// Given a screen that fails, then the terminal is as before.
#[test]
fn an_error_leaves_the_terminal_clean() {
    let mut program = Command::new(env::current_exe().unwrap());
    program.args(["--exact", "program_that_panics", "--ignored", "--nocapture"]).env(ROLE, "fails");
    let (code, _) = Terminal::start(&mut program).end();
    assert_eq!(code, Some(0));
}

#[test]
#[ignore = "run by the others"]
fn program_that_panics() {
    match env::var(ROLE).as_deref() {
        Ok("panics") => {
            let _ = screen::with(|_| -> std::io::Result<()> { panic!("the drawing has a fault") });
        }
        Ok(_) => {
            let failed = screen::with(|_| Err::<(), _>(std::io::Error::other("gone")));
            assert_eq!(failed.unwrap_err().to_string(), "gone");
        }
        Err(_) => {}
    }
}

/// Given no terminal, then the program says what to do; given no program, then who does not answer.
#[test]
fn without_a_terminal_it_says_what_to_do() {
    let run = |args: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_anyscope-top")).args(args).output().unwrap();
        (
            output.status.code(),
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    let serving = Server::new(&Tree::new()).tcp("127.0.0.1:0").unwrap();
    let address = serving.local_addr().unwrap().to_string();
    let (code, _, error) = run(&[&address]);
    assert!(code == Some(1) && error.contains("with --once the tree is printed"), "{error}");
    assert_eq!(run(&["--once", &address]), (Some(0), "nothing runs\n".into(), String::new()));
    drop(serving);
    let (code, _, error) = run(&["--once", &address]);
    assert!(code == Some(1) && error.starts_with(&format!("anyscope-top: {address}: ")), "{error}");
    assert_eq!(run(&["--once", "nowhere"]).0, Some(2));
}
