//! Many processes on one file: killed, stopped, and each other's callers.

#![cfg(unix)]

use anyscope::{flow, smol::Smol};
use anyscope_remote::{
    Remote,
    engine::{JobId, Status},
};
use anyscope_remote_tests::{EVERYWHERE, Place, QUEUE, Site, Task, scenarios};
use anyscope_sqlite::Sqlite;
use std::{env, path::Path, time::Duration};

/// A file in the folder of the site.
struct File;

impl Place for File {
    type Engine = Sqlite;

    const CHILD: &'static str = "child";
    const LEASE: Duration = Duration::from_secs(1);
    const ATTEMPTS: u32 = 20;
    const MAY_BE_AWAY: bool = false;

    fn open(&self, folder: &Path) -> Sqlite {
        Sqlite::open(folder.join("jobs.db")).unwrap()
    }
}

/// Not a test, but what the processes of the others are.
#[test]
fn child() {
    anyscope_remote_tests::child(|| File);
}

/// Given three workers of which one is killed again and again while it works, then each job has one outcome, each was begun, no more than the
/// limit are leased, and as many outcomes are stored as jobs were put.
#[test]
fn j41_workers_are_killed() {
    // By hand, and long.
    let said = |name: &str| env::var(name).ok().map(|number| number.parse::<u32>().unwrap());
    let (jobs, kills) = match said("ANYSCOPE_KILLS") {
        Some(kills) => (said("ANYSCOPE_JOBS").unwrap_or(kills * 30), kills),
        None => (160, 5),
    };
    let site = Site::new(File);
    let mut workers: Vec<_> = (0..3).map(|_| site.start("worker")).collect();
    // It takes the longer, the more outcomes there are.
    let mut outcomes = (0..jobs).map(|n| n % jobs.div_ceil(2000) == 0);
    let within = async || {
        if outcomes.next().unwrap() {
            assert!(site.status().await.running.len() <= EVERYWHERE);
        }
    };
    let kill = |n| {
        let worker = &mut workers[n as usize % 3];
        site.kill(worker);
        *worker = site.start("worker");
    };
    smol::block_on(async {
        let (killed, again) = scenarios::all_are_done(&site, jobs, 30, kills, within, kill).await;
        let Status { ready, delayed, running, settled, dead, .. } = site.status().await;
        assert_eq!((ready, delayed, running.len(), settled, dead), (0, 0, 0, u64::from(jobs), 0));
        // Each kill has four places at most.
        assert!(again <= killed * 4, "{again} were begun again");
        println!("{jobs} jobs, {killed} kills, {again} begun again");
    });
}

/// Given a worker that is stopped past its lease, then another one does its job; when it goes on, its handler is ended as the lease is lost, the
/// outcome stays, and it works on.
#[test]
fn j42_a_worker_is_stopped() {
    scenarios::a_worker_is_stopped(&Site::new(File), 700);
}

/// Given a caller that is killed, then the job that it waits for is cancelled, and the one that it has submitted is done.
#[test]
fn j43_a_caller_is_killed() {
    scenarios::a_caller_is_killed(&Site::new(File));
}

/// Given a job that ends its process each time, then it is given up after as many attempts as it has, its caller is told, and other jobs are done.
#[test]
fn j44_a_job_ends_its_process() {
    scenarios::a_job_ends_its_process(&Site::new(File), 3);
}

/// Given a call that waits, then who looks at the tree of the caller sees which process has its job; when that is killed, the next one.
#[test]
fn j35_a_tree_shows_the_worker() {
    scenarios::a_tree_shows_the_worker(&Site::new(File));
}

/// Given callers in several processes and ids that they share, then each job is stored and begun once.
#[test]
fn j45_processes_share_ids() {
    let site = Site::new(File);
    let others: Vec<_> =
        (0..3).map(|_| Sqlite::open(site.folder.path().join("jobs.db")).unwrap()).collect();
    smol::block_on(async {
        let remotes: Vec<_> =
            others.iter().map(|engine| Remote::<Task>::new(engine, &Smol, QUEUE)).collect();
        let puts = (0..90_u32).map(|n| (n / 3, &remotes[n as usize % 3]));
        let tickets: Result<Vec<_>, _> = flow::iter(puts)
            .map_concurrent(30, async |(n, remote)| {
                remote.submit_as(JobId::parse(&format!("id {n}")).unwrap(), Task::takes(n, 1)).await
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
