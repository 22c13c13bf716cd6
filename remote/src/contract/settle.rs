//! Outcomes.

use super::{LONG, SHORT, ask, id, ids, job, lease, lease_as, lease_now, now, put, queue};
use crate::engine::{Again, End, Engine, Held, JobId, Put, Queue, Settled, Settler};
use anyscope_core::join;

async fn settle(
    engine: &impl Engine,
    queue: &Queue,
    job: &JobId,
    by: Settler,
    end: &str,
) -> Settled {
    engine.settle(queue, job, by, End::new(end.as_bytes().to_vec())).await.expect("an answer")
}

/// Of many who settle at once one is first, and all hear of its outcome.
pub async fn one_settler_is_first(engine: &impl Engine) {
    let queue = queue();
    for n in 0..20 {
        let name = n.to_string();
        put(engine, &queue, &[&name]).await;
        let leased = lease(engine, &queue, 1).await.remove(0);
        let job = &leased.envelope.id;
        let worker = || Settler::Worker(leased.lease.clone());
        let (a, b, c) = join((
            settle(engine, &queue, job, worker(), "a"),
            settle(engine, &queue, job, Settler::Caller, "b"),
            settle(engine, &queue, job, Settler::Caller, "c"),
        ))
        .await;
        let outcome = engine.outcome(&queue, job).await.expect("an outcome");
        let mut first = 0;
        for (end, settled) in [("a", a), ("b", b), ("c", c)] {
            match settled {
                Settled::First => {
                    first += 1;
                    assert_eq!(outcome, end.as_bytes());
                }
                Settled::Already(known) => assert_eq!(known, outcome),
                Settled::LeaseLost => panic!("the lease is held"),
            }
        }
        assert_eq!(first, 1, "one is first");
    }
}

/// A worker whose lease is lost does not settle as long as another may, and changes nothing after it. Its own settle may be said twice.
pub async fn late_settles_change_nothing(engine: &impl Engine) {
    let queue = queue();
    put(engine, &queue, &["a"]).await;
    let first = lease_as(engine, &queue, ask(1, SHORT), 1).await.remove(0);
    let second = lease(engine, &queue, 1).await.remove(0);
    let (first, second) = (Settler::Worker(first.lease), Settler::Worker(second.lease));
    let late = settle(engine, &queue, &id("a"), first.clone(), "first").await;
    if late == Settled::First {
        // An engine that cannot tell: then it is the outcome, and the only one.
        let already = Settled::Already(b"first".to_vec());
        assert_eq!(settle(engine, &queue, &id("a"), second, "second").await, already);
        return;
    }
    assert_eq!(late, Settled::LeaseLost);
    assert_eq!(settle(engine, &queue, &id("a"), second.clone(), "second").await, Settled::First);
    let already = Settled::Already(b"second".to_vec());
    assert_eq!(settle(engine, &queue, &id("a"), second, "second").await, already);
    assert_eq!(settle(engine, &queue, &id("a"), first, "first").await, already);
    assert_eq!(engine.outcome(&queue, &id("a")).await.expect("an outcome"), b"second");
    assert!(lease_now(engine, &queue, 1).await.is_empty());
}

/// A job that is settled before it is put is not begun.
pub async fn a_settle_may_come_first(engine: &impl Engine) {
    let queue = queue();
    assert_eq!(
        settle(engine, &queue, &id("a"), Settler::Caller, "cancelled").await,
        Settled::First
    );
    assert_eq!(engine.put(&queue, vec![job("a")]).await.expect("an answer"), [Put::Known]);
    assert!(lease_now(engine, &queue, 1).await.is_empty());
    assert_eq!(engine.outcome(&queue, &id("a")).await.expect("an outcome"), b"cancelled");
}

/// A job that waits is not begun when its caller has settled it, and nobody has a lease of it.
pub async fn a_caller_settles_what_waits(engine: &impl Engine) {
    let queue = queue();
    put(engine, &queue, &["a", "b"]).await;
    assert_eq!(
        settle(engine, &queue, &id("a"), Settler::Caller, "cancelled").await,
        Settled::First
    );
    engine.released(&queue, &id("a")).await.expect("an answer");
    assert_eq!(ids(&lease(engine, &queue, 1).await), ["b"]);
    assert!(lease_now(engine, &queue, 9).await.is_empty());
}

/// A job that runs keeps its place when its caller has settled it, until its worker gives the lease back. The worker hears of it when it extends the lease.
pub async fn a_caller_settles_what_runs(engine: &impl Engine) {
    let queue = queue();
    put(engine, &queue, &["a", "b"]).await;
    let a = lease(engine, &queue, 1).await.remove(0);
    assert_eq!(
        settle(engine, &queue, &id("a"), Settler::Caller, "cancelled").await,
        Settled::First
    );
    let held = engine.extend(&queue, vec![a.lease.clone()], LONG).await.expect("extended");
    assert_eq!(held, [Held::Settled]);
    let mut one = ask(1, LONG);
    one.everywhere = anyscope_core::Limit::new(1);
    assert!(
        engine.lease(&queue, now(one.clone())).await.expect("an answer").is_empty(),
        "it has its place"
    );
    let ends = engine.give_back(&queue, &a.lease, Again::now());
    let (released, ended) = join((engine.released(&queue, &id("a")), ends)).await;
    released.expect("an answer");
    ended.expect("given back");
    assert_eq!(ids(&lease_as(engine, &queue, one, 1).await), ["b"], "it is not begun again");
}

/// An outcome is waited for by as many as like, and is there for those who come late.
pub async fn outcomes_are_waited_for(engine: &impl Engine) {
    let queue = queue();
    put(engine, &queue, &["a"]).await;
    let work = async {
        let a = lease(engine, &queue, 1).await.remove(0);
        settle(engine, &queue, &id("a"), Settler::Worker(a.lease), "done").await
    };
    let a = id("a");
    let wait = || engine.outcome(&queue, &a);
    let (first, second, settled) = join((wait(), wait(), work)).await;
    assert_eq!(settled, Settled::First);
    for outcome in [first, second, wait().await] {
        assert_eq!(outcome.expect("an outcome"), b"done");
    }
}
