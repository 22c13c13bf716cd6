//! The pipeline, killed in the middle and started again.
#![cfg(unix)]

use std::{
    collections::BTreeMap,
    env, fs,
    io::{BufRead, BufReader},
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
};

const JOBS: usize = 100_000;
const LIMIT: usize = 50;
const BATCH: usize = 500;
/// What `main.rs` says.
const IN_DOUBT: usize = LIMIT + 2 * BATCH;

/// Of so many jobs: those that are done, busy, too slow, invalid and broken.
const OUTCOMES: [(usize, &str); 5] =
    [(99_968, "Done"), (10, "Busy"), (2, "TimedOut"), (10, "Invalid"), (10, "Panicked")];

/// A folder that goes when the test does.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    /// How often each job was begun.
    fn effects(&self) -> BTreeMap<usize, usize> {
        let text = fs::read_to_string(self.0.join("effects")).unwrap();
        let mut begun = BTreeMap::new();
        for job in text.lines() {
            *begun.entry(job.parse().unwrap()).or_default() += 1;
        }
        begun
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

struct Program {
    process: Child,
    out: BufReader<ChildStdout>,
    /// What it found in the checkpoint.
    was_done: usize,
    saved: usize,
}

impl Program {
    fn start(executor: &str, folder: &Folder) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_pipeline"))
            .args(["--executor", executor, "--verbose"])
            .args(["--jobs", &JOBS.to_string(), "--limit", &LIMIT.to_string()])
            .args(["--batch", &BATCH.to_string()])
            .arg("--checkpoint")
            .arg(folder.0.join("checkpoint"))
            .arg("--effects")
            .arg(folder.0.join("effects"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(process.stdout.take().unwrap());
        let mut program = Program { process, out, was_done: 0, saved: 0 };
        let first = program.line().expect("the first line");
        assert!(first.contains(&format!("at most {IN_DOUBT} are run twice")), "{first}");
        program.was_done = number(&first);
        program
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        (self.out.read_line(&mut line).unwrap() > 0).then_some(line)
    }

    /// Waits until it has saved so many times.
    fn saves(&mut self, times: usize) {
        for _ in 0..times {
            match self.line() {
                Some(line) if line.starts_with("saved: ") => self.saved = number(&line),
                _ => return,
            }
        }
    }

    /// Sends it a signal, and returns how it ended and what it said since.
    fn signal(mut self, name: &str) -> (ExitStatus, String) {
        let pid = self.process.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
        self.end()
    }

    fn end(&mut self) -> (ExitStatus, String) {
        let mut said = String::new();
        while let Some(line) = self.line() {
            said += &line;
        }
        (self.process.wait().unwrap(), said)
    }
}

fn number(line: &str) -> usize {
    let number = line.split_whitespace().find_map(|word| word.parse().ok());
    number.unwrap_or_else(|| panic!("no number in {line}"))
}

/// Runs what is left to its end, and checks what it says.
fn finish(executor: &str, folder: &Folder) {
    let (status, said) = Program::start(executor, folder).end();
    assert!(status.success(), "{status}: {said}");
    for (count, outcome) in OUTCOMES {
        let line = format!("{count} {outcome}");
        assert!(said.lines().any(|said| said.trim() == line), "no `{line}` in\n{said}");
    }
    assert!(said.contains(&format!("{JOBS} jobs in")), "{said}");
    assert_eq!(folder.effects().len(), JOBS, "every job was begun");
}

fn killed_and_resumed(executor: &str) {
    let folder = Folder::new(&format!("killed_and_resumed_{executor}"));
    let (mut saved, mut killed) = (0, 0);
    for saves in [1, 10, 20] {
        let mut program = Program::start(executor, &folder);
        // A line may have been written that nobody has said.
        assert!(program.was_done >= saved, "{} after {saved}", program.was_done);
        program.saves(saves);
        saved = program.saved;
        let (status, said) = program.signal("KILL");
        // Unless it was faster.
        assert!(status.signal() == Some(9) || status.success(), "{status}: {said}");
        killed += usize::from(status.signal() == Some(9));
    }
    assert!(killed > 0, "no run was killed");
    finish(executor, &folder);
    let twice = folder.effects().values().map(|begun| begun - 1).sum::<usize>();
    assert!(twice <= killed * IN_DOUBT, "{twice} were run twice");
}

#[test]
fn killed_and_resumed_smol() {
    killed_and_resumed("smol");
}

#[test]
fn killed_and_resumed_tokio() {
    killed_and_resumed("tokio");
}

#[test]
fn killed_and_resumed_threads() {
    killed_and_resumed("threads");
}

/// Asked to stop, it ends what it has begun, and nothing is run twice.
#[test]
fn stopped_and_resumed() {
    let folder = Folder::new("stopped_and_resumed");
    let mut program = Program::start("smol", &folder);
    program.saves(5);
    let (status, said) = program.signal("INT");
    let is_stopped = status.code() == Some(1) && said.contains("jobs are left");
    assert!(is_stopped || status.success(), "{status}: {said}");
    finish("smol", &folder);
    assert!(folder.effects().into_values().all(|begun| begun == 1), "a job was run twice");
}

/// A file of other jobs is not touched, and the message says what to do.
#[test]
fn a_checkpoint_of_other_jobs() {
    let folder = Folder::new("a_checkpoint_of_other_jobs");
    let checkpoint = folder.0.join("checkpoint");
    let run = |jobs: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pipeline"));
        command.args(["--jobs", jobs, "--checkpoint"]).arg(&checkpoint).output().unwrap()
    };
    assert!(run("1000").status.success());
    let before = fs::read(&checkpoint).unwrap();
    let other = run("1001");
    assert_eq!(other.status.code(), Some(1));
    let error = String::from_utf8_lossy(&other.stderr);
    assert!(error.contains("of other jobs; remove it, or name another"), "{error}");
    assert_eq!(fs::read(&checkpoint).unwrap(), before);
}
