//! NATS does what an engine has to do.

use crate::support::server_or_return;
use anyscope::smol::Smol;
use anyscope_nats::Nats;
use anyscope_remote::{
    contract,
    engine::{Ask, End, Engine, Envelope, JobId, Queue, Settler, WorkerName},
};
use std::time::Duration;

/// Given a server, then it is an engine; also with a second client, as of another machine, whose user has no more permissions than the docs name.
#[test]
fn j52_a_server_is_an_engine() {
    let docs = include_str!("../../../docs/scale-out.md");
    let (_, permissions) = docs.split_once("```text\npublish:").unwrap();
    let (permissions, _) = permissions.split_once("```").unwrap();
    let server = server_or_return!(&format!(
        "authorization {{ users: [{{ user: all, password: pw }},
            {{ user: few, password: pw, permissions: {{ publish:{permissions} }} }}] }}"
    ));
    smol::block_on(async {
        let [engine, other] =
            ["all", "few"].map(|user| Nats::builder(server.address()).user(user, "pw").connect());
        let (engine, other) = (engine.await.unwrap(), other.await.unwrap());
        anyscope::join((contract::check(&engine, &Smol), contract::check(&other, &Smol))).await;
    });
    assert!(!server.log().contains("Violation"), "{}", server.log());
}

/// Given leases that others were told of, when the last of them has ended, then whoever had them says at once that there are none.
#[test]
fn j119_what_has_ended_is_not_shown() {
    let server = server_or_return!("");
    smol::block_on(async {
        let engine = Nats::builder(server.address()).connect().await.unwrap();
        let queue = Queue::from("shown");
        for n in 0..10 {
            let job = Envelope::new(JobId::parse(&n.to_string()).unwrap(), "shown", 1, Vec::new());
            engine.put(&queue, vec![job]).await.unwrap();
            let ask = Ask::new(
                1,
                Duration::from_secs(600),
                Duration::from_secs(60),
                WorkerName::new("one"),
            );
            let leased = contract::lease_as(&engine, &queue, ask, 1).await.remove(0);
            let running = engine.status(&queue).await.unwrap().running;
            assert_eq!(running.len(), 1, "{running:?}");
            let (job, by) = (leased.envelope.id, Settler::Worker(leased.lease));
            engine.settle(&queue, &job, by, End::new(Vec::new())).await.unwrap();
            let status = engine.status(&queue).await.unwrap();
            assert_eq!((status.running.len(), status.ready), (0, 0), "{status:?}");
        }
    });
}
