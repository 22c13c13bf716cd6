//! What the processes of a test share, and have written.

use crate::{
    Place, Process, QUEUE, Task,
    work::{FOLDER, ROLE, note},
};
use anyscope::{Timer, smol::Smol};
use anyscope_remote::{
    Remote,
    engine::{Engine, Status},
};
use std::{
    collections::BTreeMap,
    env, fmt, fs,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// What processes share.
pub struct Site<P: Place> {
    place: P,
    /// Where they write what they do.
    pub folder: tempfile::TempDir,
    /// The engine of this process.
    pub engine: P::Engine,
    /// Calls of this process.
    pub remote: Remote<Task>,
}

impl<P: Place> Site<P> {
    /// Opens a new one.
    pub fn new(place: P) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let engine = place.open(folder.path());
        let remote = Remote::new(&engine, &Smol, QUEUE);
        Site { place, folder, engine, remote }
    }

    /// Starts this program anew, to be something else: `worker`, or `caller`.
    pub fn start(&self, role: &str) -> Process {
        let child = Command::new(env::current_exe().unwrap())
            .args(["--exact", P::CHILD, "--nocapture"])
            .env(ROLE, role)
            .env(FOLDER, self.folder.path())
            .envs(self.place.env())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Process::new(child.unwrap())
    }

    /// Ends a process as a crash does, and notes that its handlers went with it.
    pub fn kill(&self, process: &mut Process) {
        process.kill();
        note(self.folder.path(), "runs", &format!("killed {}:", process.id()));
    }

    /// Returns how many handlers were running at once, at most, of processes that were not killed by then.
    pub fn most_at_once(&self) -> usize {
        let (mut running, mut most) = (Vec::new(), 0);
        for line in self.lines("runs") {
            match line.split_once(' ').unwrap() {
                ("killed", process) => running.retain(|run: &String| !run.starts_with(process)),
                ("begun", run) => running.push(run.to_owned()),
                ("ended", run) => running.retain(|running| running != run),
                other => panic!("{other:?}"),
            }
            most = most.max(running.len());
        }
        most
    }

    /// Returns how often each job was begun, and what else workers have written.
    pub fn log(&self) -> (BTreeMap<u32, u32>, Vec<String>) {
        let (mut begun, mut others) = (BTreeMap::new(), Vec::new());
        for line in self.lines("log") {
            match line.strip_prefix("begun ").map(|number| number.parse().unwrap()) {
                Some(number) => *begun.entry(number).or_default() += 1,
                None => others.push(line),
            }
        }
        (begun, others)
    }

    /// Returns the status of the queue.
    pub async fn status(&self) -> Status {
        self.engine.status(&QUEUE.into()).await.unwrap()
    }

    /// Looks now and then until it is as it should be.
    pub async fn until(
        &self,
        mut holds: impl FnMut(&Status, BTreeMap<u32, u32>, Vec<String>) -> bool,
    ) {
        let (begun_at, mut said) = (Instant::now(), 0);
        loop {
            let (begun, others) = self.log();
            let status = self.engine.status(&QUEUE.into()).await;
            let waited = begun_at.elapsed().as_secs() / 10;
            if waited > said {
                // Whoever runs out of patience learns what is missing.
                said = waited;
                eprintln!("for {} s it is {status:?}", 10 * waited);
            }
            match status {
                Ok(status) if holds(&status, begun, others) => return,
                Err(error) if !P::MAY_BE_AWAY => panic!("{error}"),
                _ => {}
            }
            Smol.sleep(Duration::from_millis(5)).await;
        }
    }

    fn lines(&self, file: &str) -> Vec<String> {
        let text = fs::read_to_string(self.folder.path().join(file)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }
}

impl<P: Place> fmt::Debug for Site<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Site").field("folder", &self.folder).finish_non_exhaustive()
    }
}
