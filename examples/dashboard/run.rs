//! The dashboard, where no terminal is.
#![cfg(unix)]

use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, ChildStderr, ChildStdout, Command, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::Duration,
};

/// A run of it.
struct Program {
    process: Child,
    out: BufReader<ChildStdout>,
    err: Option<BufReader<ChildStderr>>,
}

impl Program {
    fn start(args: &[&str]) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_dashboard"))
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(process.stdout.take().unwrap());
        let err = process.stderr.take().map(BufReader::new);
        Program { process, out, err }
    }

    /// The next line on stdout.
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.out.read_line(&mut line).unwrap();
        line
    }

    fn signal(&self, name: &str) {
        let killed = Command::new("kill").args([name, &self.process.id().to_string()]).status();
        assert!(killed.unwrap().success());
    }

    /// The lines on stderr, as they come.
    fn errors(&mut self) -> Receiver<String> {
        let (sender, lines) = mpsc::channel();
        let err = self.err.take().unwrap();
        thread::spawn(move || {
            // They are read to the end, whether somebody wants them or not.
            err.lines().map_while(Result::ok).for_each(|line| drop(sender.send(line)));
        });
        lines
    }

    /// What else it says, and how it ends.
    fn end(mut self) -> (String, String, Option<i32>) {
        let (mut out, mut err) = (String::new(), String::new());
        self.out.read_to_string(&mut out).unwrap();
        if let Some(mut rest) = self.err.take() {
            rest.read_to_string(&mut err).unwrap();
        }
        (out, err, self.process.wait().unwrap().code())
    }
}

/// Given no terminal, then no bar is drawn, and what they come to is on stderr; executors agree.
#[test]
fn it_says_what_it_comes_to() {
    let (out, err, code) = Program::start(&["--blobs", "25", "--fetch-ms", "1"]).end();
    assert_eq!(code, Some(0), "{out}{err}");
    let lines: Vec<_> = err.lines().collect();
    assert_eq!(lines.len(), 3, "{err}");
    for (line, name) in lines.iter().zip(["smol", "tokio", "threads"]) {
        // A slow machine has a time in between.
        let is_so = line.starts_with(&format!("{name} 2/2 folders"))
            && line.contains(": 25 files, ")
            && !line.contains('\x1b');
        assert!(is_so, "{line}");
    }
    assert_eq!(out.lines().count(), 3, "{out}");
}

/// Given a Ctrl-C in the middle, then what is in hand ends, nothing more begins, and it says so.
#[test]
fn it_stops_in_good_order() {
    let mut program = Program::start(&["--blobs", "40", "--fetch-ms", "300"]);
    assert!(program.line().starts_with("smol: 40 files, "));
    program.signal("-INT");
    let (out, err, code) = program.end();
    assert_eq!(code, Some(1), "{out}{err}");
    assert!(out.ends_with("stopped: what was in hand is done, the rest is not\n"), "{out}");
    assert!(!out.contains("threads: "), "{out}");
}

/// Given somebody who asks, then it says what is running, and goes on.
#[test]
fn it_shows_the_tree() {
    let mut program = Program::start(&["--blobs", "40", "--fetch-ms", "300"]);
    assert!(program.line().starts_with("smol: 40 files, "));
    let lines = program.errors();
    // In between two executors nothing is running.
    let shown = loop {
        program.signal("-USR1");
        match lines.recv_timeout(Duration::from_millis(50)) {
            Ok(line) if line.contains("`folder ") => break line,
            Ok(_) | Err(mpsc::RecvTimeoutError::Timeout) => {}
            Err(mpsc::RecvTimeoutError::Disconnected) => panic!("it has ended"),
        }
    };
    assert!(shown.contains("dashboard/work.rs"), "{shown}");
    program.signal("-INT");
    assert_eq!(program.end().2, Some(1));
}
