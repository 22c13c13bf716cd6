//! Leases.

use super::{
    LONG, SHORT, ask, ids, job, lease, lease_as, lease_now, longer_and_longer, now, put, queue,
};
use crate::engine::{Again, End, Engine, Held, Settler};
use anyscope_core::{Clock, Limit, Spawn, Timer, scope};

/// Never more are leased than the limit says, over all who ask; a place is free when a lease ends.
pub async fn leases_are_bounded(engine: &impl Engine) {
    let queue = queue();
    put(engine, &queue, &["a", "b", "c", "d", "e"]).await;
    let asks = |free, everywhere| {
        let mut ask = ask(free, LONG);
        ask.everywhere = Limit::new(everywhere);
        ask
    };
    let bounded = |ask, jobs| lease_as(engine, &queue, ask, jobs);
    let none_with = async |limit| {
        engine.lease(&queue, now(asks(9, limit))).await.expect("an answer").is_empty()
    };
    let first = bounded(asks(2, 3), 2).await;
    assert_eq!(ids(&first), ["a", "b"], "no more than there are places");
    let second = bounded(asks(9, 3), 1).await;
    assert_eq!(ids(&second), ["c"], "no more than may run everywhere");
    assert!(none_with(3).await);
    let raised = bounded(asks(9, 4), 1).await;
    assert_eq!(ids(&raised), ["d"], "each ask has its own limit");
    assert!(none_with(4).await);
    let by = Settler::Worker(first[0].lease.clone());
    engine.settle(&queue, &first[0].envelope.id, by, End::new(Vec::new())).await.expect("settled");
    engine.give_back(&queue, &second[0].lease, Again::after(LONG)).await.expect("given back");
    assert_eq!(ids(&bounded(asks(9, 3), 1).await), ["e"], "two are free, and one waits");
    assert!(none_with(9).await);
}

/// A lease that is not extended runs out, and the job is leased again: another attempt, and a greater epoch.
pub async fn a_lease_runs_out(engine: &impl Engine) {
    let queue = queue();
    put(engine, &queue, &["a"]).await;
    let mut short = ask(1, SHORT);
    short.everywhere = Limit::new(1);
    let first = lease_as(engine, &queue, short.clone(), 1).await;
    // Waits for it, and for nothing else.
    let second = lease_as(engine, &queue, short, 1).await;
    assert_eq!(ids(&second), ["a"]);
    assert_eq!((first[0].attempt, second[0].attempt), (1, 2));
    assert!(second[0].epoch > first[0].epoch && second[0].lease != first[0].lease);
    assert!(second[0].waited >= SHORT);
}

/// A lease that is extended is held; one that is not known, or has run out, is lost.
pub async fn an_extended_lease_does_not(engine: &impl Engine) {
    let queue = queue();
    put(engine, &queue, &["a", "b"]).await;
    let mut spans = longer_and_longer();
    let (a, span) = loop {
        let span = spans.next().expect("a lease that is extended in its time is held");
        let a = lease_as(engine, &queue, ask(1, span), 1).await.remove(0);
        let held = engine.extend(&queue, vec![a.lease.clone()], LONG).await.expect("extended");
        match held[..] {
            [Held::Yes] => break (a, span),
            [Held::Lost] => {}
            _ => panic!("one lease that nobody has settled: {held:?}"),
        }
    };
    assert_eq!(a.envelope.id.as_str(), "a", "the oldest");
    let b = lease_as(engine, &queue, ask(1, span), 1).await.remove(0);
    // When `b` runs out, `a` would have too.
    let again = lease(engine, &queue, 1).await;
    assert_eq!(ids(&again), ["b"]);
    assert!(lease_now(engine, &queue, 9).await.is_empty());
    let leases = vec![b.lease, a.lease, again[0].lease.clone()];
    let held = engine.extend(&queue, leases, LONG).await.expect("extended");
    assert_eq!(held, [Held::Lost, Held::Yes, Held::Yes], "in their order");
    assert_eq!(engine.extend(&queue, Vec::new(), LONG).await.expect("extended"), []);
}

/// A job that is given back is leased again, after its delay; whether it counts is said. A lease that is lost is not given back.
pub async fn given_back(engine: &impl Engine) {
    let queue = queue();
    put(engine, &queue, &["a"]).await;
    let first = lease(engine, &queue, 1).await.remove(0);
    engine.give_back(&queue, &first.lease, Again::now()).await.expect("given back");
    let mut second = lease(engine, &queue, 1).await.remove(0);
    assert!(second.epoch > first.epoch && second.attempt <= 2);
    let mut delays = longer_and_longer();
    loop {
        let again = Again::after(delays.next().expect("not before its delay"));
        engine.give_back(&queue, &second.lease, again).await.expect("given back");
        match lease_now(engine, &queue, 1).await.pop() {
            Some(early) => second = early,
            None => break,
        }
    }
    let third = lease(engine, &queue, 1).await.remove(0);
    assert_eq!(third.attempt, second.attempt + 1);
    engine.give_back(&queue, &first.lease, Again::now()).await.expect("nothing is done");
    assert!(lease_now(engine, &queue, 1).await.is_empty(), "it is leased");
}

/// A wait for jobs that is dropped leases none, or gives them back.
pub async fn a_dropped_lease_is_given_back<E, X>(engine: &E, exec: &X)
where
    E: Engine,
    X: Spawn + Timer<Sleep: Send + 'static> + Clock + Clone + Send + Sync + 'static,
{
    let queue = queue();
    scope(exec, async |s| {
        for n in 0..20 {
            let waits = s.spawn({
                let (engine, queue) = (engine.clone(), queue.clone());
                async move { engine.lease(&queue, ask(1, LONG)).await }
            });
            if n % 2 == 0 {
                exec.sleep(std::time::Duration::from_millis(1)).await;
            }
            let put = engine.put(&queue, vec![job(&n.to_string())]);
            let (dropped, put) = anyscope_core::join((waits.cancel(), put)).await;
            put.expect("stored");
            match dropped {
                Ok(leased) => assert_eq!(leased.expect("leased").len(), 1),
                Err(_) => assert_eq!(lease(engine, &queue, 1).await.len(), 1),
            }
        }
    })
    .await;
}

/// Of the jobs with a key one is leased at a time, the oldest; others are not held up.
pub async fn keys_are_in_order(engine: &impl Engine) {
    let queue = queue();
    let with_key = |id: &str, key: &str| {
        let mut job = job(id);
        job.key = Some(key.to_owned());
        job
    };
    let jobs = vec![
        with_key("a1", "a"),
        with_key("a2", "a"),
        with_key("b1", "b"),
        job("c"),
        with_key("a3", "a"),
    ];
    engine.put(&queue, jobs).await.expect("stored");
    let first = lease(engine, &queue, 3).await;
    assert_eq!(ids(&first), ["a1", "b1", "c"]);
    assert!(lease_now(engine, &queue, 9).await.is_empty(), "one of each key");
    // One that is tried again keeps its place.
    engine.give_back(&queue, &first[0].lease, Again::now()).await.expect("given back");
    for expected in ["a1", "a2", "a3"] {
        let next = lease(engine, &queue, 1).await;
        assert_eq!(ids(&next), [expected]);
        assert!(lease_now(engine, &queue, 9).await.is_empty(), "one of its key");
        let by = Settler::Worker(next[0].lease.clone());
        engine
            .settle(&queue, &next[0].envelope.id, by, End::new(Vec::new()))
            .await
            .expect("settled");
    }
}
