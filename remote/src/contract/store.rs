//! What is stored.

use super::{LONG, SHORT, id, ids, job, lease, lease_now, put, queue};
use crate::engine::{CallerId, End, Engine, Put, Settled, Settler, Signal};
use anyscope_core::{Clock, Spawn, Timer, join, scope};
use futures_core::Stream;
use std::{future::poll_fn, pin::pin, time::Duration};

/// A job is stored as it was put, and one whose id is known is not stored again, whatever has become of it.
pub async fn jobs_are_stored_once(engine: &impl Engine) {
    let queue = queue();
    let mut first = job("a");
    first.headers = crate::Headers::new().with("tenant", "acme");
    first.budget = Some(LONG);
    let stored = engine.put(&queue, vec![first.clone(), job("b")]).await.expect("stored");
    assert_eq!(stored, [Put::Stored, Put::Stored]);
    let mut again = first.clone();
    again.payload = b"other".to_vec();
    let known = engine.put(&queue, vec![again.clone(), job("c")]).await.expect("stored");
    assert_eq!(known, [Put::Known, Put::Stored]);
    let leased = lease(engine, &queue, 3).await;
    assert_eq!(ids(&leased), ["a", "b", "c"], "the oldest first");
    assert!(lease_now(engine, &queue, 9).await.is_empty(), "no more than there are");
    assert_eq!(leased[0].envelope, first, "as it was put");
    assert_eq!((leased[0].attempt, leased[0].waited < LONG), (1, true));
    assert_eq!(
        engine.put(&queue, vec![again.clone()]).await.expect("an answer"),
        [Put::Known],
        "it is leased"
    );
    let by = Settler::Worker(leased[0].lease.clone());
    engine.settle(&queue, &id("a"), by, End::new(b"done".to_vec())).await.expect("settled");
    assert_eq!(
        engine.put(&queue, vec![again]).await.expect("an answer"),
        [Put::Known],
        "it has its outcome"
    );
    assert!(lease_now(engine, &queue, 9).await.is_empty());
}

/// A signal reaches whoever listens to the queue, and nobody else.
pub async fn signals_arrive<E, X>(engine: &E, exec: &X)
where
    E: Engine,
    X: Spawn + Timer<Sleep: Send + 'static> + Clock + Clone + Send + Sync + 'static,
{
    let (here, elsewhere) = (queue(), queue());
    let heard = scope(exec, async |s| {
        let mut signals = pin!(engine.signals(&here));
        // Until it is heard: who listens is told of what comes later only.
        let (engine, here, elsewhere, timer) =
            (engine.clone(), here.clone(), elsewhere.clone(), exec.clone());
        s.spawn_daemon(async move {
            loop {
                let _ = engine.signal(&elsewhere, &id("b"), Signal::Cancel).await;
                let _ = engine.signal(&here, &id("a"), Signal::Cancel).await;
                timer.sleep(Duration::from_millis(20)).await;
            }
        });
        poll_fn(|cx| signals.as_mut().poll_next(cx)).await
    });
    let (job, signal) = heard.await.expect("a signal").expect("no error");
    assert_eq!((job, signal), (id("a"), Signal::Cancel));
}

/// A caller is there for as long as it says, and one that never came is not.
pub async fn callers_come_and_go(engine: &impl Engine) {
    let [stays, goes, never] = [(); 3].map(|()| CallerId::unique());
    engine.attend(&stays, LONG).await.expect("attended");
    engine.attend(&goes, SHORT).await.expect("attended");
    let all = vec![stays.clone(), goes.clone(), never.clone()];
    let mut gone = engine.gone(all.clone()).await.expect("an answer");
    assert!(gone.contains(&never) && !gone.contains(&stays));
    while gone.len() < 2 {
        gone = engine.gone(all.clone()).await.expect("an answer");
        // Nothing tells of it, so time is passed by asking for jobs that do not come.
        lease_now(engine, &queue(), 1).await;
    }
    assert!(gone.contains(&goes));
    engine.attend(&goes, LONG).await.expect("attended");
    assert_eq!(engine.gone(all).await.expect("an answer"), [never], "it is there again");
}

/// A dead letter is kept with its job.
pub async fn dead_letters_are_kept(engine: &impl Engine) {
    let queue = queue();
    put(engine, &queue, &["a", "b", "c"]).await;
    for (leased, dead) in lease(engine, &queue, 3).await.iter().zip([true, false, true]) {
        let end = if dead { End::dead(b"dead".to_vec()) } else { End::new(b"done".to_vec()) };
        let by = Settler::Worker(leased.lease.clone());
        engine.settle(&queue, &leased.envelope.id, by, end).await.expect("settled");
    }
    let letters = engine.dead_letters(&queue, 10).await.expect("an answer");
    let of: Vec<_> =
        letters.iter().map(|letter| (letter.envelope.clone(), letter.end.bytes.clone())).collect();
    assert_eq!(of, [(job("a"), b"dead".to_vec()), (job("c"), b"dead".to_vec())]);
    assert_eq!(engine.dead_letters(&queue, 1).await.expect("an answer").len(), 1);
}

/// A dead letter that is put again is a job as it was, with attempts of its own and a later epoch; it has no outcome until it has its next one.
pub async fn dead_letters_go_again(engine: &impl Engine) {
    let queue = queue();
    let mut dead = job("a");
    (dead.key, dead.caller) = (Some("key".to_owned()), Some(CallerId::unique()));
    let mut next = job("b");
    next.key.clone_from(&dead.key);
    engine.put(&queue, vec![dead.clone(), next, job("c")]).await.expect("stored");
    let leased = lease(engine, &queue, 2).await;
    assert_eq!(ids(&leased), ["a", "c"]);
    let ends = [End::dead(b"dead".to_vec()), End::new(b"done".to_vec())];
    for (leased, end) in leased.iter().zip(ends) {
        let by = Settler::Worker(leased.lease.clone());
        engine.settle(&queue, &leased.envelope.id, by, end).await.expect("settled");
    }
    let next = lease(engine, &queue, 1).await.remove(0);
    assert_eq!(ids(std::slice::from_ref(&next)), ["b"]);

    let redrive = async |name| engine.redrive(&queue, &id(name)).await.expect("an answer");
    assert!(redrive("a").await);
    for none in ["a", "b", "c", "d"] {
        assert!(!redrive(none).await, "{none} is no dead letter");
    }
    assert!(engine.dead_letters(&queue, 10).await.expect("an answer").is_empty());
    assert_eq!(engine.status(&queue).await.expect("an answer").dead, 0);
    assert!(lease_now(engine, &queue, 9).await.is_empty(), "another one with its key has a lease");
    let late = Settler::Worker(leased[0].lease.clone());
    let late = engine.settle(&queue, &id("a"), late, End::dead(b"late".to_vec())).await;
    assert_eq!(late.expect("an answer"), Settled::LeaseLost);
    let by = Settler::Worker(next.lease);
    engine.settle(&queue, &id("b"), by, End::new(Vec::new())).await.expect("settled");

    let again = lease(engine, &queue, 1).await.remove(0);
    dead.caller = None;
    assert_eq!(again.envelope, dead);
    assert_eq!((again.attempt, again.epoch > leased[0].epoch), (1, true));
    let by = Settler::Worker(again.lease);
    let settled = engine.settle(&queue, &id("a"), by, End::new(b"done".to_vec())).await;
    assert_eq!(settled.expect("settled"), Settled::First);
    assert_eq!(engine.outcome(&queue, &id("a")).await.expect("an outcome"), b"done");

    // Its next outcome is heard of, while others are waited for too.
    put(engine, &queue, &["x", "y"]).await;
    let leased = lease(engine, &queue, 2).await;
    let [x, y] = [0, 1].map(|n: usize| Settler::Worker(leased[n].lease.clone()));
    let (x_id, y_id) = (id("x"), id("y"));
    let waits = engine.outcome(&queue, &y_id);
    let works = async {
        let dead = engine.settle(&queue, &x_id, x, End::dead(b"dead".to_vec())).await;
        assert_eq!(dead.expect("settled"), Settled::First);
        assert!(engine.redrive(&queue, &x_id).await.expect("an answer"));
        let again = lease(engine, &queue, 1).await.remove(0);
        let settles = async {
            let by = Settler::Worker(again.lease);
            engine.settle(&queue, &x_id, by, End::new(b"done".to_vec())).await.expect("settled");
        };
        let (outcome, ()) = join((engine.outcome(&queue, &x_id), settles)).await;
        assert_eq!(outcome.expect("an outcome"), b"done");
        engine.settle(&queue, &y_id, y, End::new(b"done".to_vec())).await.expect("settled");
    };
    let (outcome, ()) = join((waits, works)).await;
    assert_eq!(outcome.expect("an outcome"), b"done");
}

/// What is said of a queue is what it has.
pub async fn status_counts(engine: &impl Engine) {
    let queue = queue();
    put(engine, &queue, &["a", "b", "c", "d"]).await;
    let leased = lease(engine, &queue, 3).await;
    let by = Settler::Worker(leased[0].lease.clone());
    engine.settle(&queue, &id("a"), by, End::new(Vec::new())).await.expect("settled");
    let again = crate::engine::Again::after(LONG);
    engine.give_back(&queue, &leased[1].lease, again).await.expect("given back");
    let status = engine.status(&queue).await.expect("an answer");
    assert_eq!((status.ready, status.delayed, status.settled, status.dead), (1, 1, 1, 0));
    let running: Vec<_> =
        status.running.iter().map(|running| (running.job.clone(), running.attempt)).collect();
    assert_eq!(running, [(id("c"), 1)]);
    assert_eq!(
        (status.running[0].worker.as_str(), &*status.running[0].name),
        ("checker", "contract")
    );
    let empty = engine.status(&super::queue()).await.expect("an answer");
    assert_eq!((empty.ready, empty.running.len()), (0, 0));
}
