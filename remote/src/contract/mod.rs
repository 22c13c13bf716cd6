//! What each engine has to do, as tests for adapters.
//!
//! [`check`] runs all of them, on queues of their own, so an engine with other work in it may be checked. Each is a function too, for an adapter that is being
//! written. They panic where an engine does something else.
//!
//! Nothing here waits for a time to pass but for leases of half a second to run out, so they are as fast as the engine. One that is slower than that has longer ones.
//!
//! # Examples
//!
//! ```
//! use anyscope::smol::Smol;
//! use anyscope_remote::{Memory, contract};
//!
//! smol::block_on(contract::check(&Memory::new(&Smol), &Smol));
//! ```

mod lease;
mod settle;
mod store;

pub use lease::{
    a_dropped_lease_is_given_back, a_lease_runs_out, an_extended_lease_does_not, given_back,
    keys_are_in_order, leases_are_bounded,
};
pub use settle::{
    a_caller_settles_what_runs, a_caller_settles_what_waits, a_settle_may_come_first,
    late_settles_change_nothing, one_settler_is_first, outcomes_are_waited_for,
};
pub use store::{
    callers_come_and_go, dead_letters_are_kept, dead_letters_go_again, jobs_are_stored_once,
    signals_arrive, status_counts,
};

use crate::engine::{Ask, Engine, Envelope, JobId, Leased, Queue, WorkerName};
use anyscope_core::{Clock, Spawn, Timer};
use std::time::Duration;

/// Checks all of it, one after the other.
///
/// # Panics
///
/// Panics where the engine does not do what it should.
///
/// # Examples
///
/// See the [module](self).
pub async fn check<E, X>(engine: &E, exec: &X)
where
    E: Engine,
    X: Spawn + Timer<Sleep: Send + 'static> + Clock + Clone + Send + Sync + 'static,
{
    jobs_are_stored_once(engine).await;
    leases_are_bounded(engine).await;
    a_lease_runs_out(engine).await;
    an_extended_lease_does_not(engine).await;
    given_back(engine).await;
    a_dropped_lease_is_given_back(engine, exec).await;
    keys_are_in_order(engine).await;
    one_settler_is_first(engine).await;
    late_settles_change_nothing(engine).await;
    a_settle_may_come_first(engine).await;
    a_caller_settles_what_waits(engine).await;
    a_caller_settles_what_runs(engine).await;
    outcomes_are_waited_for(engine).await;
    signals_arrive(engine, exec).await;
    callers_come_and_go(engine).await;
    dead_letters_are_kept(engine).await;
    dead_letters_go_again(engine).await;
    status_counts(engine).await;
}

/// Leases so many jobs as `ask` says, in as many calls as it takes: an engine may lease fewer at a time than there are.
///
/// For tests that need all of them. Waits until they are there.
///
/// # Panics
///
/// Panics if the engine fails or leases more than it is asked for, and if `ask` is for fewer than so many jobs.
///
/// # Examples
///
/// ```
/// use anyscope::smol::Smol;
/// use anyscope_remote::{Memory, contract, engine::{Ask, Engine, Envelope, JobId, Queue, WorkerName}};
/// use std::time::Duration;
///
/// smol::block_on(async {
///     let (engine, queue) = (Memory::new(&Smol), Queue::from("jobs"));
///     let jobs = ["a", "b"].map(|id| Envelope::new(JobId::parse(id).unwrap(), "job", 1, Vec::new()));
///     engine.put(&queue, jobs.into()).await.unwrap();
///     let minute = Duration::from_secs(60);
///     let ask = Ask::new(9, minute, minute, WorkerName::new("tester"));
///     let leased = contract::lease_as(&engine, &queue, ask, 2).await;
///     assert_eq!(leased[1].envelope.id.as_str(), "b");
/// });
/// ```
pub async fn lease_as(
    engine: &impl Engine,
    queue: &Queue,
    mut ask: Ask,
    jobs: usize,
) -> Vec<Leased> {
    assert!(jobs <= ask.free, "`ask` is for {} jobs, and {jobs} would be waited for", ask.free);
    let mut leased = Vec::new();
    while leased.len() < jobs {
        let more = engine.lease(queue, ask.clone()).await.expect("jobs are leased");
        ask.free = ask.free.checked_sub(more.len()).expect("no more than it is asked for");
        leased.extend(more);
    }
    leased
}

/// Longer than any check takes.
const LONG: Duration = Duration::from_secs(600);

/// What runs out.
const SHORT: Duration = Duration::from_millis(500);

/// What is to be done before it runs out: once more with a longer one, as an engine, or its machine, may be slow.
fn longer_and_longer() -> impl Iterator<Item = Duration> {
    (0..6).map(|times| SHORT * 2_u32.pow(times))
}

/// A queue that nobody else has.
fn queue() -> Queue {
    let name = format!("contract-{}", JobId::unique());
    Queue::parse(&name[..name.len().min(64)]).expect("an id has letters that a queue may have")
}

fn job(id: &str) -> Envelope {
    Envelope::new(JobId::parse(id).expect("an id"), "contract", 1, id.as_bytes().to_vec())
}

fn id(id: &str) -> JobId {
    JobId::parse(id).expect("an id")
}

/// Puts jobs with these ids, in this order.
async fn put(engine: &impl Engine, queue: &Queue, ids: &[&str]) {
    for id in ids {
        engine.put(queue, vec![job(id)]).await.expect("a job is stored");
    }
}

fn ask(free: usize, lease: Duration) -> Ask {
    Ask::new(free, lease, LONG, WorkerName::new("checker"))
}

/// Leases so many jobs, which are there, or will be.
async fn lease(engine: &impl Engine, queue: &Queue, jobs: usize) -> Vec<Leased> {
    lease_as(engine, queue, ask(jobs, LONG), jobs).await
}

/// Leases what can be leased now, or some of it.
async fn lease_now(engine: &impl Engine, queue: &Queue, free: usize) -> Vec<Leased> {
    engine.lease(queue, now(ask(free, LONG))).await.expect("an engine answers")
}

/// The same, but it does not wait for jobs.
fn now(mut ask: Ask) -> Ask {
    ask.wait = Duration::from_millis(50);
    ask
}

fn ids(leased: &[Leased]) -> Vec<&str> {
    leased.iter().map(|leased| leased.envelope.id.as_str()).collect()
}
