//! Processes that work, and call.

use anyscope::{Timer, smol::Smol};
use anyscope_nats::Nats;
use anyscope_remote::{
    Job, Json, Remote, WorkerEvent, Workers,
    engine::{Engine, Status},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    env, fs,
    io::Write,
    path::{Path, PathBuf},
    process::{self, Child, Command, Stdio},
    time::Duration,
};

pub(crate) const QUEUE: &str = "tasks";
pub(crate) const LEASE: Duration = Duration::from_secs(2);
/// How many leases there are at most, over all.
pub(crate) const EVERYWHERE: usize = 8;

#[derive(Serialize, Deserialize)]
pub(crate) struct Task {
    number: u32,
    what: What,
}

#[derive(Serialize, Deserialize)]
pub(crate) enum What {
    /// Takes so many milliseconds.
    Takes(u64),
    /// Ends its process.
    Aborts,
    /// Ends when it is cancelled.
    Waits,
}

impl Job for Task {
    const NAME: &'static str = "task";
    type Output = u32;
    type Error = String;
    type Codec = Json;
}

impl Task {
    pub(crate) fn new(number: u32, what: What) -> Self {
        Task { number, what }
    }

    pub(crate) fn takes(number: u32, milliseconds: u64) -> Self {
        Task::new(number, What::Takes(milliseconds))
    }
}

/// What processes share.
pub(crate) struct Site {
    pub(crate) folder: tempfile::TempDir,
    servers: String,
    replicas: usize,
    pub(crate) engine: Nats,
    pub(crate) remote: Remote<Task>,
}

impl Site {
    pub(crate) fn new(servers: String, replicas: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let engine = Nats::builder(&*servers).replicas(replicas).wait_for_server().connect();
        let engine = smol::block_on(engine).unwrap();
        let remote = Remote::new(&engine, &Smol, QUEUE);
        Site { folder, servers, replicas, engine, remote }
    }

    /// Starts this program anew, to be something else.
    pub(crate) fn start(&self, role: &str) -> Process {
        let child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "fleet::child", "--nocapture"])
            .env(ROLE, role)
            .env(FOLDER, self.folder.path())
            .env(SERVERS, &self.servers)
            .env(REPLICAS, self.replicas.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Process(child.unwrap())
    }

    /// How many handlers were running at once, at most, of processes that were not killed by then.
    pub(crate) fn most_at_once(&self) -> usize {
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

    fn lines(&self, file: &str) -> Vec<String> {
        let text = fs::read_to_string(self.folder.path().join(file)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Ends a process as a crash does.
    pub(crate) fn kill(&self, process: &mut Process) {
        process.kill();
        note(self.folder.path(), "runs", &format!("killed {}:", process.0.id()));
    }

    /// How often each job was begun, and what else workers have written.
    pub(crate) fn log(&self) -> (BTreeMap<u32, u32>, Vec<String>) {
        let (mut begun, mut others) = (BTreeMap::new(), Vec::new());
        for line in self.lines("log") {
            match line.strip_prefix("begun ").map(|number| number.parse().unwrap()) {
                Some(number) => *begun.entry(number).or_default() += 1,
                None => others.push(line),
            }
        }
        (begun, others)
    }

    pub(crate) async fn status(&self) -> Status {
        self.engine.status(&QUEUE.into()).await.unwrap()
    }

    /// Looks now and then until it is as it should be.
    pub(crate) async fn until(
        &self,
        mut holds: impl FnMut(&Status, BTreeMap<u32, u32>, Vec<String>) -> bool,
    ) {
        loop {
            let (begun, others) = self.log();
            match self.engine.status(&QUEUE.into()).await {
                Ok(status) if holds(&status, begun, others) => return,
                _ => {}
            }
            Smol.sleep(Duration::from_millis(5)).await;
        }
    }
}

/// A process, which is killed at the latest when this is dropped.
pub(crate) struct Process(pub(crate) Child);

impl Process {
    pub(crate) fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.0.id().to_string()]).status();
        assert!(sent.unwrap().success());
    }

    pub(crate) fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

const ROLE: &str = "ANYSCOPE_TEST_ROLE";
const FOLDER: &str = "ANYSCOPE_TEST_FOLDER";
const SERVERS: &str = "ANYSCOPE_TEST_SERVERS";
const REPLICAS: &str = "ANYSCOPE_TEST_REPLICAS";

/// Not a test, but what the processes of the others are.
#[test]
fn child() {
    let Ok(role) = env::var(ROLE) else { return };
    let folder = PathBuf::from(env::var_os(FOLDER).unwrap());
    let replicas = env::var(REPLICAS).unwrap().parse().unwrap();
    let servers = env::var(SERVERS).unwrap();
    let engine = Nats::builder(servers).replicas(replicas).wait_for_server().connect();
    let engine = smol::block_on(engine).unwrap();
    match &*role {
        "worker" => worker(&engine, folder),
        "caller" => caller(&engine, &folder),
        role => panic!("{role}"),
    }
}

fn note(folder: &Path, file: &str, line: &str) {
    let mut log = fs::OpenOptions::new().create(true).append(true).open(folder.join(file)).unwrap();
    log.write_all(format!("{line}\n").as_bytes()).unwrap();
}

fn worker(engine: &Nats, folder: PathBuf) {
    let lost = folder.clone();
    let workers = Workers::new(engine, QUEUE)
        .everywhere(EVERYWHERE)
        .here(4)
        .lease(LEASE)
        .attempts(50, [Duration::ZERO; 50])
        .on_event(move |event| {
            if let WorkerEvent::LeaseLost { .. } = event {
                note(&lost, "log", "lost");
            }
        });
    let served = workers.serve(&Smol, &Smol, move |task: Task, cx| {
        let folder = folder.clone();
        async move {
            note(&folder, "log", &format!("begun {}", task.number));
            let run =
                Run::new(&folder, format!("{}:{}:{}", process::id(), task.number, cx.epoch()));
            match task.what {
                What::Takes(milliseconds) => Smol.sleep(Duration::from_millis(milliseconds)).await,
                What::Aborts => std::process::abort(),
                What::Waits => {
                    cx.token().cancelled().await;
                    note(&folder, "log", &format!("{:?}", cx.ended().unwrap()));
                }
            }
            drop(run);
            Ok(task.number)
        }
    });
    smol::block_on(served).unwrap();
}

/// Notes that a handler runs, until it is dropped.
struct Run(PathBuf, String);

impl Run {
    fn new(folder: &Path, name: String) -> Self {
        note(folder, "runs", &format!("begun {name}"));
        Run(folder.to_owned(), name)
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        note(&self.0, "runs", &format!("ended {}", self.1));
    }
}

fn caller(engine: &Nats, folder: &Path) {
    let remote = Remote::<Task>::new(engine, &Smol, QUEUE).caller_lease(LEASE);
    smol::block_on(async {
        let ticket = remote.submit(Task::takes(1, 200)).await.unwrap();
        fs::write(folder.join("ticket.new"), ticket.to_string()).unwrap();
        fs::rename(folder.join("ticket.new"), folder.join("ticket")).unwrap();
        drop(remote.call(Task::new(2, What::Waits)).await);
    });
}
