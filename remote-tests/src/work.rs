//! The job, and the processes that work and call.

use crate::Place;
use anyscope::{Timer, smol::Smol};
use anyscope_remote::{Job, Json, Remote, WorkerEvent, Workers};
use serde::{Deserialize, Serialize};
use std::{
    env, fs,
    io::Write,
    path::{Path, PathBuf},
    process,
    time::Duration,
};

/// The queue of all jobs.
pub const QUEUE: &str = "tasks";
/// How many leases there are at most, over all workers.
pub const EVERYWHERE: usize = 8;

pub(crate) const ROLE: &str = "ANYSCOPE_TEST_ROLE";
pub(crate) const FOLDER: &str = "ANYSCOPE_TEST_FOLDER";

/// A job.
#[derive(Debug, Serialize, Deserialize)]
pub struct Task {
    number: u32,
    what: What,
}

/// What a job does.
#[derive(Debug, Serialize, Deserialize)]
pub enum What {
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
    /// Creates a job.
    pub fn new(number: u32, what: What) -> Self {
        Task { number, what }
    }

    /// Creates a job that takes so long.
    pub fn takes(number: u32, milliseconds: u64) -> Self {
        Task::new(number, What::Takes(milliseconds))
    }
}

/// What a process is that a [`Site`](crate::Site) has started; nothing in any other. Call it in a test of the name
/// [`Place::CHILD`].
pub fn child<P: Place>(place: impl FnOnce() -> P) {
    let Ok(role) = env::var(ROLE) else { return };
    let folder = PathBuf::from(env::var_os(FOLDER).unwrap());
    let engine = place().open(&folder);
    match &*role {
        "worker" => worker::<P>(&engine, folder),
        "caller" => caller::<P>(&engine, &folder),
        role => panic!("{role}"),
    }
}

/// Adds a line to a file.
pub(crate) fn note(folder: &Path, file: &str, line: &str) {
    let mut log = fs::OpenOptions::new().create(true).append(true).open(folder.join(file)).unwrap();
    log.write_all(format!("{line}\n").as_bytes()).unwrap();
}

fn worker<P: Place>(engine: &P::Engine, folder: PathBuf) {
    let lost = folder.clone();
    let workers = Workers::new(engine, QUEUE)
        .everywhere(EVERYWHERE)
        .here(4)
        .lease(P::LEASE)
        .attempts(P::ATTEMPTS, vec![Duration::ZERO; P::ATTEMPTS as usize])
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
                What::Aborts => process::abort(),
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

fn caller<P: Place>(engine: &P::Engine, folder: &Path) {
    let remote = Remote::<Task>::new(engine, &Smol, QUEUE).caller_lease(P::LEASE);
    smol::block_on(async {
        let ticket = remote.submit(Task::takes(1, 200)).await.unwrap();
        fs::write(folder.join("ticket.new"), ticket.to_string()).unwrap();
        fs::rename(folder.join("ticket.new"), folder.join("ticket")).unwrap();
        drop(remote.call(Task::new(2, What::Waits)).await);
    });
}
