//! The process, and what it prints.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read},
    mem,
    process::{Child, ChildStdout, Command, Stdio},
    thread,
};

/// So many pages that nobody sees the end of it.
pub(crate) const ENDLESS: [&str; 3] = ["--list", "--pages", "99999999"];

/// Hosts that are ten times as fast, and as flaky.
pub(crate) const QUICK: [&str; 8] =
    ["--takes-ms", "10", "--timeout-ms", "300", "--period-ms", "500", "--retries", "4"];

/// Runs `test` for each executor, at the same time.
pub(crate) fn on_each_executor(test: impl Fn(&str) + Sync) {
    thread::scope(|s| {
        for executor in ["smol", "tokio", "threads"] {
            let test = &test;
            s.spawn(move || test(executor));
        }
    });
}

/// The example, to be run.
pub(crate) fn crawl(executor: &str, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_crawl"));
    command.args(["--executor", executor]).args(args).stdin(Stdio::null());
    command
}

/// How many pages ended how.
pub(crate) struct Ends {
    pub(crate) fetched: usize,
    pub(crate) failed: usize,
    pub(crate) interrupted: usize,
}

/// Counts the lines of pages that `--list` prints, and compares them with the report.
pub(crate) fn pages_by_end(output: &str) -> Ends {
    let lines = output.lines().take_while(|line| !line.contains(" pages found on "));
    let pages: Vec<_> = lines.map(|line| line.split_once(": ").unwrap()).collect();
    let by_page: BTreeMap<_, _> = pages.iter().copied().collect();
    assert_eq!(by_page.len(), pages.len(), "a page with two ends: {output}");
    let count = |is: &dyn Fn(&str) -> bool| by_page.values().filter(|end| is(end)).count();
    let ends = Ends {
        fetched: count(&|end| end == "fetched"),
        failed: count(&|end| end != "fetched" && end != "interrupted"),
        interrupted: count(&|end| end == "interrupted"),
    };
    let Ends { fetched, failed, interrupted } = ends;
    let sums = format!(
        "{} pages found on 2 hosts: {fetched} fetched, {failed} failed, {interrupted} interrupted\n",
        pages.len()
    );
    assert!(output.contains(&sums), "{sums}{output}");
    ends
}

/// The example, while it runs. Killed when dropped.
pub(crate) struct Running {
    child: Child,
    stdout: BufReader<ChildStdout>,
    read: String,
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Running { child, stdout, read: String::new() }
    }

    pub(crate) fn wait_for_lines(&mut self, lines: usize) {
        (0..lines).for_each(|_| self.read_line());
    }

    /// Waits for a line with `what`.
    pub(crate) fn wait_for(&mut self, what: &str) {
        while !self.read.lines().next_back().is_some_and(|line| line.contains(what)) {
            self.read_line();
        }
    }

    /// What Ctrl-C does.
    pub(crate) fn interrupt(&mut self) {
        let kill = format!("kill -INT {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    /// Waits for the end.
    pub(crate) fn finish(mut self) -> Done {
        self.stdout.read_to_string(&mut self.read).unwrap();
        let mut stderr = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        let code = self.child.wait().unwrap().code();
        Done { stdout: mem::take(&mut self.read), stderr, code }
    }

    fn read_line(&mut self) {
        let read = self.stdout.read_line(&mut self.read).unwrap();
        assert!(read > 0, "ended too early: {}", self.read);
    }
}

pub(crate) struct Done {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) code: Option<i32>,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}
