//! What has to come of it, whatever the engine.

use crate::{Place, QUEUE, Site, Task, What};
use anyscope::{Timer, flow, observe::tree::Tree, scope, smol::Smol};
use anyscope_remote::{CallError, LastAttempt, Ticket, engine::Engine};
use std::{fs, time::Duration};

/// Calls so many jobs that take so long, `at_outcome` at each outcome, and `kill` now and then, so often, with how often it was
/// called before. Each job has
/// one outcome, and was begun. Returns how often something was killed, and how many jobs were begun again.
pub async fn all_are_done<P: Place>(
    site: &Site<P>,
    jobs: u32,
    milliseconds: u64,
    kills: u32,
    mut at_outcome: impl AsyncFnMut(),
    mut kill: impl FnMut(u32),
) -> (u32, u32) {
    let calls = flow::iter(0..jobs)
        .map_concurrent(64, |n| site.remote.call(Task::takes(n, milliseconds)))
        .unordered();
    let (mut done, mut killed) = (Vec::new(), 0);
    calls
        .drive(async |mut outcomes| {
            while let Some(outcome) = outcomes.next().await {
                done.push(outcome.unwrap());
                at_outcome().await;
                if killed < kills && done.len() as u32 > (killed + 1) * jobs / (kills + 2) {
                    kill(killed);
                    killed += 1;
                }
            }
        })
        .await;
    done.sort();
    assert_eq!(done, (0..jobs).collect::<Vec<_>>());
    let (begun, _) = site.log();
    assert!((0..jobs).all(|number| begun[&number] >= 1));
    (killed, begun.values().map(|times| times - 1).sum())
}

/// Given a worker that is stopped past its lease, then another one does its job; when it goes on, its handler is ended as the
/// lease is lost, the outcome stays, and it works on.
pub fn a_worker_is_stopped<P: Place>(site: &Site<P>, milliseconds: u64) {
    let stopped = site.start("worker");
    smol::block_on(async {
        let ticket = site.remote.submit(Task::takes(1, milliseconds)).await.unwrap();
        site.until(|status, begun, _| status.running.len() == 1 && begun.contains_key(&1)).await;
        stopped.signal("-STOP");
        let mut other = site.start("worker");
        assert_eq!(site.remote.attach(&ticket).await.unwrap(), 1);
        other.kill();
        let outcome = site.engine.outcome(ticket.queue(), ticket.id()).await.unwrap();
        stopped.signal("-CONT");
        site.until(|_, _, others| others.iter().any(|line| line == "lost")).await;
        assert_eq!(site.remote.call(Task::takes(2, 1)).await.unwrap(), 2);
        assert_eq!(site.engine.outcome(ticket.queue(), ticket.id()).await.unwrap(), outcome);
        let (begun, _) = site.log();
        assert_eq!((begun[&1], begun[&2]), (2, 1));
        assert_eq!(site.status().await.settled, 2);
    });
}

/// Given a caller that is killed, then the job that it waits for is cancelled, and the one that it has submitted is done.
pub fn a_caller_is_killed<P: Place>(site: &Site<P>) {
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

/// Given a job that ends its process each time, then it is given up after as many attempts as it has, its caller is told, and
/// other jobs are done.
pub fn a_job_ends_its_process<P: Place>(site: &Site<P>, attempts: u32) {
    smol::block_on(scope(&Smol, async |s| {
        let aborts = site.remote.request(Task::new(1, What::Aborts));
        let aborts = s.spawn(aborts.attempts(attempts.try_into().unwrap()).call());
        let others = s.spawn(site.remote.call(Task::takes(2, 1)));
        let mut worker = site.start("worker");
        while !aborts.is_finished() {
            if worker.has_ended() {
                worker = site.start("worker");
            }
            Smol.sleep(Duration::from_millis(5)).await;
        }
        let dead = aborts.await.unwrap().unwrap_err();
        assert!(
            matches!(&dead, CallError::Dead { attempts: given, last: LastAttempt::WorkerLost } if *given == attempts),
            "{dead:?}"
        );
        assert_eq!(others.await.unwrap().unwrap(), 2);
        assert_eq!(site.log().0[&1], attempts);
        // An engine may tell of an outcome before it has stored what follows from it.
        while site.engine.dead_letters(&QUEUE.into(), 9).await.unwrap().len() != 1 {
            Smol.sleep(Duration::from_millis(5)).await;
        }
    }));
}

/// Given a call that waits, then who looks at the tree of the caller sees which process has its job; when that is killed, the next
/// one.
pub fn a_tree_shows_the_worker<P: Place>(site: &Site<P>) {
    let tree = Tree::new();
    let shows = async |what: &str| {
        while !tree.snapshot().to_string().contains(what) {
            Smol.sleep(Duration::from_millis(20)).await;
        }
    };
    smol::block_on(tree.watch(scope(&Smol, async |s| {
        let call = s.spawn(site.remote.call(Task::new(1, What::Waits)));
        shows("the outcome of a job (on no worker, 1 wait and 0 run)").await;
        let mut first = site.start("worker");
        shows(&format!("the outcome of a job (runs on {}-0 for ", first.id())).await;
        first.kill();
        let second = site.start("worker");
        shows(&format!("the outcome of a job (attempt 2 runs on {}-0 for ", second.id())).await;
        drop(call.cancel().await);
    })));
}
