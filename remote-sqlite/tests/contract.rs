//! SQLite does what an engine has to do, and what only one with transactions can.

use anyscope::smol::Smol;
use anyscope_remote::{
    contract,
    engine::{Ask, End, Engine, Envelope, Held, JobId, Queue, Settled, Settler, WorkerName},
};
use anyscope_sqlite::Sqlite;
use std::{task::Poll, time::Duration};

const LONG: Duration = Duration::from_secs(600);
const SHORT: Duration = Duration::from_millis(300);

fn ask(lease: Duration, wait: Duration) -> Ask {
    Ask::new(1, lease, wait, WorkerName::new("tester"))
}

fn job() -> Envelope {
    Envelope::new(JobId::parse("a").unwrap(), "job", 1, Vec::new())
}

/// Given a file, then it is an engine; also with a second handle, as of another process.
#[test]
fn j40_a_file_is_an_engine() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jobs.db");
    let engine = Sqlite::open(&path).unwrap();
    let other = Sqlite::open(&path).unwrap();
    smol::block_on(async {
        anyscope::join((contract::check(&engine, &Smol), contract::check(&other, &Smol))).await;
    });
}

/// Given a lease that has run out, then it is lost, whether another worker has the job or not; and it does not settle as soon as another has.
#[test]
fn j38_a_lease_that_has_run_out_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let engine = Sqlite::open(folder.path().join("jobs.db")).unwrap();
    let (queue, empty, id) =
        (Queue::from("jobs"), Queue::from("empty"), JobId::parse("a").unwrap());
    smol::block_on(async {
        engine.put(&queue, vec![job()]).await.unwrap();
        let first = engine.lease(&queue, ask(SHORT, LONG)).await.unwrap().remove(0).lease;
        // Nobody asks for a job meanwhile, so nobody has it.
        assert!(engine.lease(&empty, ask(LONG, SHORT + SHORT / 4)).await.unwrap().is_empty());
        assert_eq!(engine.extend(&queue, vec![first.clone()], LONG).await.unwrap(), [Held::Lost]);
        assert_eq!(engine.status(&queue).await.unwrap().ready, 1);
        let second = engine.lease(&queue, ask(LONG, LONG)).await.unwrap().remove(0).lease;
        let settle =
            |lease| engine.settle(&queue, &id, Settler::Worker(lease), End::new(Vec::new()));
        assert_eq!(settle(first).await.unwrap(), Settled::LeaseLost);
        assert_eq!(settle(second).await.unwrap(), Settled::First);
    });
}

/// Given a wait for jobs that is dropped when they have come, and before it is polled, then they are given back at once, also if the
/// program ends then, and it was no attempt.
#[test]
fn j39_jobs_that_nobody_has_taken_are_given_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jobs.db");
    let engine = Sqlite::open(&path).unwrap();
    let queue = Queue::from("jobs");
    smol::block_on(async {
        let mut waits = Box::pin(engine.lease(&queue, ask(LONG, LONG)));
        std::future::poll_fn(|cx| {
            assert!(waits.as_mut().poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
        engine.put(&queue, vec![job()]).await.unwrap();
        while engine.status(&queue).await.unwrap().running.is_empty() {}
        // As a program that ends: when the last handle is gone, it is done.
        drop(waits);
        drop(engine);
        let other = Sqlite::open(&path).unwrap();
        assert_eq!(other.status(&queue).await.unwrap().ready, 1);
        let again = other.lease(&queue, ask(LONG, LONG)).await.unwrap().remove(0);
        assert_eq!((again.attempt, again.epoch), (1, 2));
    });
}
