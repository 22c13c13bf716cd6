//! Many processes on one file: killed, stopped, and each other's callers.

#![cfg(unix)]

use anyscope::{Timer, flow, scope, smol::Smol};
use anyscope_remote::{
    CallError, Job, Json, LastAttempt, Remote, Ticket, WorkerEvent, Workers,
    engine::{Engine, JobId, Status},
};
use anyscope_sqlite::Sqlite;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    env, fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

const QUEUE: &str = "tasks";
const LEASE: Duration = Duration::from_secs(1);

#[derive(Serialize, Deserialize)]
struct Task {
    number: u32,
    what: What,
}

#[derive(Serialize, Deserialize)]
enum What {
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

fn takes(number: u32, milliseconds: u64) -> Task {
    Task { number, what: What::Takes(milliseconds) }
}

/// What processes share.
struct Site {
    folder: tempfile::TempDir,
    engine: Sqlite,
    remote: Remote<Task>,
}

impl Site {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let engine = Sqlite::open(folder.path().join("jobs.db")).unwrap();
        let remote = Remote::new(&engine, &Smol, QUEUE);
        Site { folder, engine, remote }
    }

    /// Starts this program anew, to be something else.
    fn start(&self, role: &str) -> Process {
        let child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "child", "--nocapture"])
            .env(ROLE, role)
            .env(FOLDER, self.folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Process(child.unwrap())
    }

    /// How often each job was begun, and what else workers have written.
    fn log(&self) -> (BTreeMap<u32, u32>, Vec<String>) {
        let (mut begun, mut others) = (BTreeMap::new(), Vec::new());
        for line in fs::read_to_string(self.folder.path().join("log")).unwrap_or_default().lines() {
            match line.strip_prefix("begun ").map(|number| number.parse().unwrap()) {
                Some(number) => *begun.entry(number).or_default() += 1,
                None => others.push(line.to_owned()),
            }
        }
        (begun, others)
    }

    async fn status(&self) -> Status {
        self.engine.status(&QUEUE.into()).await.unwrap()
    }

    /// Looks now and then until it is as it should be.
    async fn until(&self, mut holds: impl FnMut(&Status, BTreeMap<u32, u32>, Vec<String>) -> bool) {
        loop {
            let (begun, others) = self.log();
            if holds(&self.status().await, begun, others) {
                return;
            }
            Smol.sleep(Duration::from_millis(5)).await;
        }
    }
}

/// A process, which is killed at the latest when this is dropped.
struct Process(Child);

impl Process {
    fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.0.id().to_string()]).status();
        assert!(sent.unwrap().success());
    }

    fn kill(&mut self) {
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

/// Not a test, but what the processes of the others are.
#[test]
fn child() {
    let Ok(role) = env::var(ROLE) else { return };
    let folder = PathBuf::from(env::var_os(FOLDER).unwrap());
    let engine = Sqlite::open(folder.join("jobs.db")).unwrap();
    match &*role {
        "worker" => worker(&engine, folder),
        "caller" => caller(&engine, &folder),
        role => panic!("{role}"),
    }
}

fn note(folder: &Path, line: &str) {
    let mut log =
        fs::OpenOptions::new().create(true).append(true).open(folder.join("log")).unwrap();
    log.write_all(format!("{line}\n").as_bytes()).unwrap();
}

fn worker(engine: &Sqlite, folder: PathBuf) {
    let lost = folder.clone();
    let workers = Workers::new(engine, QUEUE)
        .everywhere(8)
        .here(4)
        .lease(LEASE)
        .attempts(20, [Duration::ZERO; 20])
        .on_event(move |event| {
            if let WorkerEvent::LeaseLost { .. } = event {
                note(&lost, "lost");
            }
        });
    let served = workers.serve(&Smol, &Smol, move |task: Task, cx| {
        let folder = folder.clone();
        async move {
            note(&folder, &format!("begun {}", task.number));
            match task.what {
                What::Takes(milliseconds) => Smol.sleep(Duration::from_millis(milliseconds)).await,
                What::Aborts => std::process::abort(),
                What::Waits => {
                    cx.token().cancelled().await;
                    note(&folder, &format!("{:?}", cx.ended().unwrap()));
                }
            }
            Ok(task.number)
        }
    });
    smol::block_on(served).unwrap();
}

fn caller(engine: &Sqlite, folder: &Path) {
    let remote = Remote::<Task>::new(engine, &Smol, QUEUE).caller_lease(LEASE);
    smol::block_on(async {
        let ticket = remote.submit(takes(1, 200)).await.unwrap();
        fs::write(folder.join("ticket.new"), ticket.to_string()).unwrap();
        fs::rename(folder.join("ticket.new"), folder.join("ticket")).unwrap();
        drop(remote.call(Task { number: 2, what: What::Waits }).await);
    });
}

/// Given three workers of which one is killed again and again while it works, then each job has one outcome, each was begun, no more than the
/// limit are leased, and as many outcomes are stored as jobs were put.
#[test]
fn j41_workers_are_killed() {
    let (jobs, kills) = match env::var("ANYSCOPE_KILLS") {
        // By hand, and long.
        Ok(kills) => (kills.parse::<u32>().unwrap() * 30, kills.parse().unwrap()),
        Err(_) => (160, 5),
    };
    let site = Site::new();
    let mut workers: Vec<_> = (0..3).map(|_| site.start("worker")).collect();
    smol::block_on(async {
        let calls =
            flow::iter(0..jobs).map_concurrent(64, |n| site.remote.call(takes(n, 30))).unordered();
        let (mut done, mut killed) = (Vec::new(), 0);
        calls
            .drive(async |mut outcomes| {
                while let Some(outcome) = outcomes.next().await {
                    done.push(outcome.unwrap());
                    assert!(site.status().await.running.len() <= 8);
                    if killed < kills && done.len() as u32 > (killed + 1) * jobs / (kills + 2) {
                        let worker = &mut workers[killed as usize % 3];
                        worker.kill();
                        *worker = site.start("worker");
                        killed += 1;
                    }
                }
            })
            .await;
        done.sort();
        assert_eq!(done, (0..jobs).collect::<Vec<_>>());
        let (begun, _) = site.log();
        assert!((0..jobs).all(|number| begun[&number] >= 1));
        let Status { ready, delayed, running, settled, dead, .. } = site.status().await;
        assert_eq!((ready, delayed, running.len(), settled, dead), (0, 0, 0, u64::from(jobs), 0));
        let again: u32 = begun.values().map(|times| times - 1).sum();
        // Each kill has four places at most.
        assert!(again <= killed * 4, "{again} were begun again");
        println!("{jobs} jobs, {killed} kills, {again} begun again");
    });
}

/// Given a worker that is stopped past its lease, then another one does its job; when it goes on, its handler is ended as the lease is lost, the
/// outcome stays, and it works on.
#[test]
fn j42_a_worker_is_stopped() {
    let site = Site::new();
    let stopped = site.start("worker");
    smol::block_on(async {
        let ticket = site.remote.submit(takes(1, 700)).await.unwrap();
        site.until(|status, begun, _| status.running.len() == 1 && begun.contains_key(&1)).await;
        stopped.signal("-STOP");
        let mut other = site.start("worker");
        assert_eq!(site.remote.attach(&ticket).await.unwrap(), 1);
        other.kill();
        let outcome = site.engine.outcome(ticket.queue(), ticket.id()).await.unwrap();
        stopped.signal("-CONT");
        site.until(|_, _, others| others.iter().any(|line| line == "lost")).await;
        assert_eq!(site.remote.call(takes(2, 1)).await.unwrap(), 2);
        assert_eq!(site.engine.outcome(ticket.queue(), ticket.id()).await.unwrap(), outcome);
        let (begun, _) = site.log();
        assert_eq!((begun[&1], begun[&2]), (2, 1));
        assert_eq!(site.status().await.settled, 2);
    });
}

/// Given a caller that is killed, then the job that it waits for is cancelled, and the one that it has submitted is done.
#[test]
fn j43_a_caller_is_killed() {
    let site = Site::new();
    let _worker = site.start("worker");
    let mut caller = site.start("caller");
    smol::block_on(async {
        site.until(|_, begun, _| begun.contains_key(&2)).await;
        caller.kill();
        site.until(|status, _, others| status.settled == 2 && others == ["CallerGone"]).await;
        let ticket: Ticket =
            fs::read_to_string(site.folder.path().join("ticket")).unwrap().parse().unwrap();
        assert_eq!(site.remote.attach(&ticket).await.unwrap(), 1);
    });
}

/// Given a job that ends its process each time, then it is given up after as many attempts as it has, its caller is told, and other jobs are done.
#[test]
fn j44_a_job_ends_its_process() {
    let site = Site::new();
    smol::block_on(scope(&Smol, async |s| {
        let attempts = 3.try_into().unwrap();
        let aborts =
            site.remote.request(Task { number: 1, what: What::Aborts }).attempts(attempts).call();
        let aborts = s.spawn(aborts);
        let others = s.spawn(site.remote.call(takes(2, 1)));
        let mut worker = site.start("worker");
        while !aborts.is_finished() {
            if worker.0.try_wait().unwrap().is_some() {
                worker = site.start("worker");
            }
            Smol.sleep(Duration::from_millis(5)).await;
        }
        let dead = aborts.await.unwrap().unwrap_err();
        assert!(
            matches!(dead, CallError::Dead { attempts: 3, last: LastAttempt::WorkerLost }),
            "{dead:?}"
        );
        assert_eq!(others.await.unwrap().unwrap(), 2);
        assert_eq!(site.log().0[&1], 3);
        let letters = site.engine.dead_letters(&QUEUE.into(), 9).await.unwrap();
        assert_eq!(letters.len(), 1);
    }));
}

/// Given callers in several processes and ids that they share, then each job is stored and begun once.
#[test]
fn j45_processes_share_ids() {
    let site = Site::new();
    let others: Vec<_> =
        (0..3).map(|_| Sqlite::open(site.folder.path().join("jobs.db")).unwrap()).collect();
    smol::block_on(async {
        let remotes: Vec<_> =
            others.iter().map(|engine| Remote::<Task>::new(engine, &Smol, QUEUE)).collect();
        let puts = (0..90_u32).map(|n| (n / 3, &remotes[n as usize % 3]));
        let tickets: Result<Vec<_>, _> = flow::iter(puts)
            .map_concurrent(30, async |(n, remote)| {
                remote.submit_as(JobId::parse(&format!("id {n}")).unwrap(), takes(n, 1)).await
            })
            .try_collect()
            .await;
        let _worker = site.start("worker");
        for ticket in tickets.unwrap() {
            site.remote.attach(&ticket).await.unwrap();
        }
        let (begun, _) = site.log();
        assert_eq!(begun, (0..30).map(|n| (n, 1)).collect());
    });
}
