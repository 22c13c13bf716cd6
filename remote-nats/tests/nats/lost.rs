//! Servers that have lost a part of what they knew.

use crate::{
    between::{Becomes, between},
    fleet::LEASE,
    support::{Server, server_or_return},
};
use anyscope::{Timer, smol::Smol, timeout};
use anyscope_nats::{Builder, Nats};
use anyscope_remote::{
    ErrorKind,
    engine::{Again, Ask, End, Engine, Envelope, JobId, Leased, Queue, Settler, WorkerName},
};
use std::{fs, time::Duration};

fn ask(free: usize) -> Ask {
    Ask::new(free, LEASE, 10 * LEASE, WorkerName::new("w"))
}

async fn put(engine: &Nats, queue: &Queue, ids: &[&str]) {
    let jobs =
        ids.iter().map(|id| Envelope::new(JobId::parse(id).unwrap(), "a", 1, Vec::new())).collect();
    engine.put(queue, jobs).await.unwrap();
}

async fn put_at_last(engine: &Nats, queue: &Queue, id: &str) {
    let job = || Envelope::new(JobId::parse(id).unwrap(), "a", 1, Vec::new());
    while engine.put(queue, vec![job()]).await.is_err() {
        Smol.sleep(Duration::from_millis(20)).await;
    }
}

async fn settle(engine: &Nats, queue: &Queue, leased: Leased) {
    let (job, by) = (leased.envelope.id, Settler::Worker(leased.lease));
    engine.settle(queue, &job, by, End::new(b"done".to_vec())).await.unwrap();
}

/// Leases what is there. A consumer that is made anew ends a wait with an error.
async fn lease(engine: &Nats, queue: &Queue) -> Vec<Leased> {
    loop {
        match engine.lease(queue, ask(9)).await {
            Ok(leased) => break leased,
            Err(error) => assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}"),
        }
    }
}

/// Leases and settles these jobs, in any order.
async fn all_are_done(engine: &Nats, queue: &Queue, ids: &[&str]) {
    let mut left: Vec<_> = ids.to_vec();
    let done = async {
        while !left.is_empty() {
            for leased in lease(engine, queue).await {
                let at = left.iter().position(|id| *id == leased.envelope.id.as_str());
                left.remove(at.unwrap_or_else(|| panic!("{:?} is leased", leased.envelope.id)));
                settle(engine, queue, leased).await;
            }
        }
    };
    let done = timeout(&Smol, Duration::from_secs(60), done).await;
    done.unwrap_or_else(|_| panic!("nobody gets {left:?}"));
}

/// Waits until nothing is stored but outcomes.
async fn until_empty(engine: &Nats, queue: &Queue) {
    let empty = async {
        while engine.status(queue).await.unwrap().ready > 0 {
            Smol.sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(&Smol, Duration::from_secs(60), empty).await.expect("something is left");
}

/// Deletes all messages of a stream.
async fn purge(server: &Server, stream: &str) {
    let purged = ask_server(server, &format!("STREAM.PURGE.{stream}")).await;
    assert_eq!(purged["success"], true);
}

/// How many jobs are leased, as the server says.
async fn leased(server: &Server, stream: &str) -> u64 {
    let info = ask_server(server, &format!("CONSUMER.INFO.{stream}.workers")).await;
    info["num_ack_pending"].as_u64().unwrap()
}

async fn ask_server(server: &Server, what: &str) -> serde_json::Value {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = async_nats::connect(server.address()).await.unwrap();
        let answer = client.request(format!("$JS.API.{what}"), "".into()).await.unwrap();
        serde_json::from_slice(&answer.payload).unwrap()
    })
}

/// Throws away what a server has of a stream, so that it numbers from one again; its consumer is as it was.
fn reset(server: &mut Server, stream: &str) {
    server.stop();
    let messages = server.store().join(format!("jetstream/$G/streams/{stream}/msgs"));
    fs::remove_dir_all(messages).unwrap();
    server.start_again();
}

/// Given a server that has thrown away its copy of the jobs, so that the consumer is ahead of the stream, then jobs that are put then are leased all the same, and once.
#[test]
fn j102_a_consumer_that_is_ahead_is_made_anew() {
    let mut server = server_or_return!("");
    let queue = Queue::from("ahead");
    smol::block_on(async {
        let engine = Nats::builder(server.address()).connect().await.unwrap();
        let before = ["a", "b", "c", "d", "e", "f"];
        put(&engine, &queue, &before).await;
        all_are_done(&engine, &queue, &before).await;
        drop(engine);
        reset(&mut server, "anyscope-ahead-work");
        let engine = Nats::builder(server.address()).connect().await.unwrap();
        let after = ["g", "h", "i"];
        put(&engine, &queue, &after).await;
        all_are_done(&engine, &queue, &after).await;
        assert_eq!(engine.status(&queue).await.unwrap().ready, 0);
    });
}

/// Given the same, and a job that is leased, then the others wait until it has its outcome: where the consumer begins anew, somebody else would have it too.
#[test]
fn j103_a_consumer_is_not_made_anew_while_a_job_is_leased() {
    let mut server = server_or_return!("");
    smol::block_on(async {
        let engine = Nats::builder(server.address()).connect().await.unwrap();
        for queue in ["held-1", "held-2", "held-3"] {
            let (stream, queue) = (format!("anyscope-{queue}-work"), Queue::parse(queue).unwrap());
            let before = ["a", "b", "c", "d", "e"];
            put(&engine, &queue, &before).await;
            all_are_done(&engine, &queue, &before).await;
            put(&engine, &queue, &["held"]).await;
            let longer = Ask::new(1, 30 * LEASE, LEASE, WorkerName::new("w"));
            let held = engine.lease(&queue, longer).await.unwrap();
            reset(&mut server, &stream);
            let put = put_at_last(&engine, &queue, "f");
            timeout(&Smol, Duration::from_secs(30), put).await.expect("the server is back");
            if leased(&server, &stream).await != 1 {
                // It may forget a lease as it ends.
                continue;
            }
            // It is looked several times meanwhile.
            assert!(timeout(&Smol, Duration::from_secs(5), lease(&engine, &queue)).await.is_err());
            for held in held {
                settle(&engine, &queue, held).await;
            }
            return all_are_done(&engine, &queue, &["f"]).await;
        }
        panic!("the server forgets each lease as it ends");
    });
}

/// Given a stream that has gone on since, so that no consumer is ahead, then what it has passed over is leased, after what it has not; and what was acknowledged before and is there
/// again is not. The same where the server has lost how far all was acknowledged.
#[test]
fn j104_what_was_passed_over_is_stored_anew() {
    let mut server = server_or_return!("");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let queue = Queue::from("passed");
    for domain in [None, Some("floorless")] {
        smol::block_on(async {
            let engine = Nats::builder(server.address()).connect().await.unwrap();
            put(&engine, &queue, &["a", "b", "c"]).await;
            all_are_done(&engine, &queue, &["a", "b", "c"]).await;
        });
        reset(&mut server, "anyscope-passed-work");
        let client = runtime.block_on(async_nats::connect(server.address())).unwrap();
        // As after a kill: it has its outcome.
        let job = Envelope::new(JobId::parse("a").unwrap(), "a", 1, Vec::new()).to_bytes();
        runtime.block_on(client.request("anyscope.passed.job.a", job.into())).unwrap();
        let floorless = between(&client, "floorless", |what, _| match what {
            what if what.starts_with("CONSUMER.INFO") => {
                Becomes::Changed(|answer| answer["ack_floor"]["stream_seq"] = 0.into())
            }
            _ => Becomes::PassedOn,
        });
        runtime.block_on(floorless);
        smol::block_on(async {
            let builder = Nats::builder(server.address());
            let builder = domain.into_iter().fold(builder, Builder::domain);
            let engine = builder.connect().await.unwrap();
            let after = ["d", "e", "f", "g", "h"];
            put(&engine, &queue, &after).await;
            all_are_done(&engine, &queue, &after).await;
            until_empty(&engine, &queue).await;
        });
        server = server_or_return!("");
    }
}

/// Given a server that has thrown away its copy of jobs that wait for a delay, then those that are given back later come back all the same.
#[test]
fn j105_delays_that_were_passed_over_end() {
    let mut server = server_or_return!("");
    let queue = Queue::from("delays");
    let again = || Again::after(Duration::from_millis(100));
    smol::block_on(async {
        let engine = Nats::builder(server.address()).connect().await.unwrap();
        let before = ["a", "b", "c"];
        for id in before {
            put(&engine, &queue, &[id]).await;
            let leased = lease(&engine, &queue).await.remove(0);
            engine.give_back(&queue, &leased.lease, again()).await.unwrap();
            all_are_done(&engine, &queue, &[id]).await;
        }
        drop(engine);
        reset(&mut server, "anyscope-delays-wait");
        let engine = Nats::builder(server.address()).connect().await.unwrap();
        put(&engine, &queue, &["d"]).await;
        let leased = lease(&engine, &queue).await.remove(0);
        engine.give_back(&queue, &leased.lease, again()).await.unwrap();
        all_are_done(&engine, &queue, &["d"]).await;
        until_empty(&engine, &queue).await;
    });
}

/// Given a job whose turn it is of its key, and that the server has lost before it was leased, then the next one of the key is leased.
#[test]
fn j106_a_turn_of_a_job_that_is_lost_ends() {
    let server = server_or_return!("");
    let queue = Queue::from("turns");
    smol::block_on(async {
        let engine = Nats::builder(server.address()).connect().await.unwrap();
        let jobs = ["lost", "next"].map(|id| {
            let mut job = Envelope::new(JobId::parse(id).unwrap(), "a", 1, Vec::new());
            job.key = Some("key".to_owned());
            job
        });
        engine.put(&queue, jobs.into()).await.unwrap();
        purge(&server, "anyscope-turns-work").await;
        all_are_done(&engine, &queue, &["next"]).await;
    });
}

/// Given a job that the server has lost while it was leased, and that is put again, then its epoch grows.
#[test]
fn j107_the_epoch_of_a_job_that_was_lost_grows() {
    let server = server_or_return!("");
    let queue = Queue::from("epochs");
    smol::block_on(async {
        let engine = Nats::builder(server.address()).connect().await.unwrap();
        put(&engine, &queue, &["a"]).await;
        let mut epochs = Vec::new();
        for _ in 0..2 {
            let leased = lease(&engine, &queue).await.remove(0);
            epochs.push(leased.epoch);
            engine.give_back(&queue, &leased.lease, Again::now()).await.unwrap();
        }
        epochs.push(lease(&engine, &queue).await[0].epoch);
        purge(&server, "anyscope-epochs-work").await;
        put(&engine, &queue, &["a"]).await;
        epochs.push(lease(&engine, &queue).await[0].epoch);
        assert!(epochs.is_sorted_by(|one, next| one < next), "{epochs:?}");
    });
}
