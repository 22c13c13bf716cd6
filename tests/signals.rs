//! Signals of the operating system, sent to a process: this program once more, running the test that is ignored.
#![cfg(unix)]

use anyscope::{BlockOn, Grace, scope, shield, shutdown, smol::Smol};
use std::{
    env,
    future::pending,
    io::{BufRead, BufReader},
    os::unix::process::ExitStatusExt,
    process::{Child, ChildStdout, Command, Stdio},
};

const ROLE: &str = "ANYSCOPE_TEST_OF_SIGNALS";

/// The program that is sent signals. `shielded`: one child cannot be dropped at all.
#[test]
#[ignore = "run by the others"]
fn program() {
    let Ok(role) = env::var(ROLE) else { return };
    let shutdown = shutdown::signals().unwrap();
    shutdown.on_report(|report| panic!("an hour has not passed: {report}"));
    Smol.block_on(scope(&Smol, async |s| {
        shutdown.phase("all", &s, &Smol, Grace::For(support::HOUR));
        let tell = shutdown.clone();
        s.spawn(async move {
            let asked = tell.token();
            println!("\nstarted");
            asked.cancelled().await;
            println!("asked: {}", asked.reason().unwrap().message());
            let forced = tell.forced();
            shield(async move {
                forced.cancelled().await;
                println!("forced: {}", forced.reason().unwrap().message());
                if role == "shielded" {
                    pending::<()>().await;
                }
            })
            .await;
        });
    }));
    println!("ended");
}

struct Program {
    process: Child,
    out: BufReader<ChildStdout>,
}

impl Program {
    fn start(role: &str) -> Self {
        let mut process = Command::new(env::current_exe().unwrap())
            .args(["--exact", "program", "--ignored", "--nocapture"])
            .env(ROLE, role)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(process.stdout.take().unwrap());
        let mut program = Program { process, out };
        program.until("started");
        program
    }

    /// Reads until a line that is `wanted`.
    fn until(&mut self, wanted: &str) {
        let mut read = String::new();
        loop {
            let before = read.len();
            assert_ne!(self.out.read_line(&mut read).unwrap(), 0, "no `{wanted}` in:\n{read}");
            if read[before..].trim_end() == wanted {
                return;
            }
        }
    }

    fn signal(&self, name: &str) {
        let pid = self.process.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // If a test has failed; otherwise it has ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Given a program that waits for an hour, when it is sent SIGINT, then it is asked to end; when it is sent SIGTERM, then
/// it ends.
#[test]
fn the_second_signal_ends_the_graces() {
    let mut program = Program::start("polite");
    program.signal("INT");
    program.until("asked: SIGINT (Ctrl-C)");
    program.signal("TERM");
    program.until("forced: SIGTERM");
    program.until("ended");
    assert!(program.process.wait().unwrap().success());
}

/// Given a child behind a shield, then the third signal ends the process as if nobody had asked for it.
#[test]
fn the_third_signal_ends_the_process() {
    let mut program = Program::start("shielded");
    program.signal("TERM");
    program.until("asked: SIGTERM");
    program.signal("INT");
    program.until("forced: SIGINT (Ctrl-C)");
    program.signal("TERM");
    assert_eq!(program.process.wait().unwrap().signal(), Some(15));
}
