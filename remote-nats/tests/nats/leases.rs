//! What workers ask for comes to them, or is given back: no message is delivered to nobody, where it would wait for its lease to run out.

use crate::{
    between::{Becomes, between},
    support::server_or_return,
};
use anyscope::{Limit, Timer, flow, scope, smol::Smol, timeout};
use anyscope_nats::Nats;
use anyscope_remote::{
    ErrorKind, Job, Json, Remote, WorkerEvent, Workers,
    contract::lease_as,
    engine::{Ask, End, Engine, Envelope, JobId, Leased, Queue, Settler, WorkerName},
};
use std::{
    future::{Future, poll_fn},
    pin::Pin,
    time::Duration,
};

#[derive(serde::Serialize, serde::Deserialize)]
struct Attempt;

impl Job for Attempt {
    const NAME: &'static str = "attempt";
    type Output = u32;
    type Error = String;
    type Codec = Json;
}

/// Longer than any test.
const LEASE: Duration = Duration::from_secs(600);

const QUEUE: &str = "leases";

async fn connect(server: &crate::support::Server) -> Nats {
    Nats::builder(server.address()).connect().await.unwrap()
}

/// Much less than a lease, and many times what it takes.
async fn soon<T>(work: impl Future<Output = T>) -> T {
    timeout(&Smol, LEASE / 10, work).await.expect("a job waits for its lease to run out")
}

/// Given workers on three connections, with more places each than may run everywhere, then each job is begun, and at its first attempt.
#[test]
fn j82_each_job_comes_to_a_worker() {
    let server = server_or_return!("");
    smol::block_on(soon(async {
        let engines = [connect(&server).await, connect(&server).await, connect(&server).await];
        let attempts: Result<Vec<_>, _> = scope(&Smol, async |s| {
            for engine in &engines {
                let workers = Workers::new(engine, QUEUE).everywhere(5).here(8).lease(LEASE);
                let serve = workers.serve(&Smol, &Smol, async |Attempt, cx| Ok(cx.attempt()));
                s.spawn_daemon(serve);
            }
            let remote = Remote::<Attempt>::new(&engines[0], &Smol, QUEUE);
            flow::iter(0..3000).map_concurrent(64, |_| remote.call(Attempt)).try_collect().await
        })
        .await;
        assert_eq!(attempts.unwrap(), [1; 3000]);
    }));
}

/// Given workers of which one ends again and again while it works, then all jobs are done, and none waits for a lease of it.
#[test]
fn j83_a_worker_that_ends_leaves_nothing() {
    let server = server_or_return!("");
    smol::block_on(soon(async {
        let engines = [connect(&server).await, connect(&server).await];
        scope(&Smol, async |s| {
            let serve = |engine| {
                let workers = Workers::new(engine, QUEUE).everywhere(6).here(4).lease(LEASE);
                workers.serve(&Smol, &Smol, async |Attempt, cx| {
                    Smol.sleep(Duration::from_millis(1)).await;
                    Ok(cx.attempt())
                })
            };
            s.spawn_daemon(serve(&engines[0]));
            let mut ends = s.spawn(serve(&engines[1]));
            let remote = Remote::<Attempt>::new(&engines[0], &Smol, QUEUE);
            let calls = flow::iter(0..1000).map_concurrent(32, |_| remote.call(Attempt));
            let done = calls.drive(async |mut outcomes| {
                let mut done = 0;
                while let Some(outcome) = outcomes.next().await {
                    outcome.unwrap();
                    done += 1;
                    if done % 20 == 0 {
                        let ended = std::mem::replace(&mut ends, s.spawn(serve(&engines[1])));
                        drop(ended.cancel().await);
                    }
                }
                done
            });
            assert_eq!(done.await, 1000);
            drop(ends.cancel().await);
        })
        .await;
    }));
}

/// Given a worker that asked for more than there was place for everywhere, and does not ask again, then what comes to it when a place is free is leased by another one, and that was no
/// attempt.
#[test]
fn j84_what_nobody_asks_for_any_more_is_given_back() {
    let server = server_or_return!("");
    let queue = Queue::from(QUEUE);
    let ask = || {
        let mut ask = Ask::new(3, LEASE, LEASE, WorkerName::new("w"));
        ask.everywhere = Limit::new(2);
        ask
    };
    smol::block_on(soon(async {
        let (first, second) = (connect(&server).await, connect(&server).await);
        for round in 0..20 {
            let jobs = ["a", "b", "c"].map(|id| {
                let id = JobId::parse(&format!("{id}-{round}")).unwrap();
                Envelope::new(id, "a", 1, Vec::new())
            });
            first.put(&queue, jobs.into()).await.unwrap();
            // Of the round before, requests may still be open.
            let all = lease_as(&first, &queue, ask(), 2).await;
            let settle = async |engine: &Nats, leased: &Leased| {
                let by = Settler::Worker(leased.lease.clone());
                engine.settle(&queue, &leased.envelope.id, by, End::new(Vec::new())).await.unwrap();
            };
            settle(&first, &all[0]).await;
            let other = lease_as(&second, &queue, ask(), 1).await.remove(0);
            assert_eq!([all[0].attempt, all[1].attempt, other.attempt], [1; 3]);
            settle(&second, &other).await;
            settle(&first, &all[1]).await;
        }
    }));
}

/// Given a server that says nothing of every third request, then who asks asks again: no engine is away, and each job is begun at its first attempt.
#[test]
fn j87_a_request_that_is_not_answered_is_asked_again() {
    let server = server_or_return!("");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let client = runtime.block_on(async_nats::connect(server.address())).unwrap();
    let mut asked = 0;
    let forgets = between(&client, "forgets", move |what, _| {
        let asks = what.contains("MSG.NEXT");
        asked += u32::from(asks);
        if asks && asked % 3 == 0 { Becomes::Lost } else { Becomes::PassedOn }
    });
    runtime.block_on(forgets);
    smol::block_on(soon(async {
        let engine = Nats::builder(server.address()).domain("forgets").connect().await.unwrap();
        let (errors, seen) = smol::channel::unbounded();
        let attempts: Result<Vec<_>, _> = scope(&Smol, async |s| {
            let workers =
                Workers::new(&engine, QUEUE).here(2).lease(LEASE).on_event(move |event| {
                    if let WorkerEvent::Engine(error) = event {
                        errors.try_send(error.to_string()).unwrap();
                    }
                });
            s.spawn_daemon(workers.serve(&Smol, &Smol, async |Attempt, cx| Ok(cx.attempt())));
            let remote = Remote::<Attempt>::new(&engine, &Smol, QUEUE);
            flow::iter(0..30).map_concurrent(1, |_| remote.call(Attempt)).try_collect().await
        })
        .await;
        assert_eq!(attempts.unwrap(), [1; 30]);
        assert_eq!(seen.try_recv().ok(), None);
    }));
}

/// Given a job that the server has lost while its caller's connection was not, then the call puts it again.
#[test]
fn j88_a_job_that_is_lost_is_put_again() {
    let server = server_or_return!("");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let client = runtime.block_on(async_nats::connect(server.address())).unwrap();
    smol::block_on(soon(async {
        let engine = connect(&server).await;
        let remote = Remote::<Attempt>::new(&engine, &Smol, QUEUE);
        let attempt = scope(&Smol, async |s| {
            let call = s.spawn(remote.call(Attempt));
            while engine.status(&QUEUE.into()).await.unwrap().ready == 0 {
                Smol.sleep(Duration::from_millis(5)).await;
            }
            let purge = client.request("$JS.API.STREAM.PURGE.anyscope-leases-work", "".into());
            runtime.block_on(purge).unwrap();
            assert_eq!(engine.status(&QUEUE.into()).await.unwrap().ready, 0);
            let workers = Workers::new(&engine, QUEUE).lease(LEASE);
            s.spawn_daemon(workers.serve(&Smol, &Smol, async |Attempt, cx| Ok(cx.attempt())));
            call.await.unwrap()
        });
        assert_eq!(attempt.await.unwrap(), 1);
    }));
}

/// Given a job with an id that was made for it, then nobody asks the server whether it knows it; of one with an id of the caller's own it is asked.
#[test]
fn j108_of_a_new_job_nobody_asks() {
    let server = server_or_return!("");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let client = runtime.block_on(async_nats::connect(server.address())).unwrap();
    smol::block_on(soon(async {
        let engine = connect(&server).await;
        let remote = Remote::<Attempt>::new(&engine, &Smol, QUEUE);
        // Makes the streams.
        remote.submit(Attempt).await.unwrap();
        let asked = "$JS.API.DIRECT.GET.anyscope-leases-wait.>";
        let mut asked = runtime.block_on(client.subscribe(asked)).unwrap();
        runtime.block_on(client.flush()).unwrap();
        runtime.block_on(client.request("$JS.API.INFO", "".into())).unwrap();
        remote.submit(Attempt).await.unwrap();
        remote.submit_as(JobId::parse("own").unwrap(), Attempt).await.unwrap();
        let first = poll_fn(|cx| futures_core::Stream::poll_next(Pin::new(&mut asked), cx)).await;
        assert!(first.unwrap().subject.ends_with(".later.own"));
        assert_eq!(engine.status(&QUEUE.into()).await.unwrap().ready, 3);
    }));
}

/// Given a job that has an outcome, as its worker ended before it was acknowledged, and a server that was away and has forgotten that it was leased, then the job is
/// not begun again.
#[test]
fn j120_a_server_that_has_forgotten_a_lease_is_asked() {
    let mut server = server_or_return!("");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let queue = Queue::from(QUEUE);
    let ask = || Ask::new(1, LEASE, Duration::from_secs(1), WorkerName::new("worker"));
    smol::block_on(soon(async {
        let engine = connect(&server).await;
        let remote = Remote::<Attempt>::new(&engine, &Smol, QUEUE);
        let job = remote.submit(Attempt).await.unwrap();
        let leased = lease_as(&engine, &queue, ask(), 1).await.remove(0);
        assert_eq!(leased.envelope.id, *job.id());
        let subject = format!("anyscope.leases.end.{}", leased.envelope.id);
        let forgets = async {
            let client = async_nats::connect(server.address()).await.unwrap();
            client.request(subject, "done".into()).await.unwrap();
            let consumer = "$JS.API.CONSUMER.DELETE.anyscope-leases-work.workers";
            client.request(consumer, "".into()).await.unwrap();
        };
        runtime.block_on(forgets);
        server.restart();
        // It goes when somebody asks for jobs.
        loop {
            match engine.lease(&queue, ask()).await {
                Ok(leased) => assert!(leased.is_empty(), "it has its outcome: {leased:?}"),
                Err(error) => assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}"),
            }
            if engine.status(&queue).await.is_ok_and(|status| status.ready == 0) {
                break;
            }
        }
    }));
}
