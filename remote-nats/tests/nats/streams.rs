//! Streams that are not as this version makes them.

use crate::support::server_or_return;
use anyscope::{scope, smol::Smol, timeout};
use anyscope_nats::Nats;
use anyscope_remote::{Job, Json, Remote, Workers, contract, engine::Engine};
use std::time::Duration;

#[derive(serde::Serialize, serde::Deserialize)]
struct Double(u32);

impl Job for Double {
    const NAME: &'static str = "double";
    type Output = u32;
    type Error = String;
    type Codec = Json;
}

/// Given streams without direct answers, and outcomes of which the server does not tell, as an earlier version has made them, then all that is asked is done.
#[test]
fn j86_streams_of_earlier_versions_do() {
    let server = server_or_return!("");
    let connect = || Nats::builder(server.address()).connect();
    let calls = async |engine: &Nats, queue: &'static str| {
        let all = scope(&Smol, async |s| {
            let workers = Workers::new(engine, queue).here(4);
            s.spawn_daemon(workers.serve(&Smol, &Smol, async |Double(n), _| Ok(2 * n)));
            let remote = Remote::<Double>::new(engine, &Smol, queue);
            for n in 0..20 {
                assert_eq!(remote.call(Double(n)).await.unwrap(), 2 * n);
            }
        });
        timeout(&Smol, Duration::from_secs(60), all).await.expect("no outcome is heard of");
    };
    smol::block_on(async {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let before = connect().await.unwrap();
        calls(&before, "changed").await;
        drop(before);
        runtime.block_on(answer_no_more(&server.address()));
        runtime.block_on(make_ends(&server.address()));
        let after = connect().await.unwrap();
        for queue in ["changed", "old"] {
            calls(&after, queue).await;
            let settled = after.status(&queue.into()).await.unwrap().settled;
            assert_eq!(settled, if queue == "old" { 20 } else { 40 });
        }
        // Of callers, too.
        contract::callers_come_and_go(&after).await;
    });
}

/// Lets no stream answer directly any more.
async fn answer_no_more(server: &str) {
    let client = async_nats::connect(server).await.unwrap();
    let names = ask(&client, "NAMES", "").await;
    let names = names["streams"].as_array().unwrap();
    assert_eq!(names.len(), 6);
    for name in names {
        let name = name.as_str().unwrap();
        let mut config = ask(&client, &format!("INFO.{name}"), "").await["config"].take();
        assert_eq!(config["allow_direct"], true);
        config["allow_direct"] = false.into();
        ask(&client, &format!("UPDATE.{name}"), &config.to_string()).await;
    }
}

/// Makes a stream of outcomes as an earlier version has.
async fn make_ends(server: &str) {
    let client = async_nats::connect(server).await.unwrap();
    let config = serde_json::json!({
        "name": "anyscope-old-ends",
        "description": "anyscope, format 1",
        "subjects": ["anyscope.old.end.*"],
        "retention": "limits",
        "storage": "file",
    });
    ask(&client, "CREATE.anyscope-old-ends", &config.to_string()).await;
}

async fn ask(client: &async_nats::Client, what: &str, body: &str) -> serde_json::Value {
    let subject = format!("$JS.API.STREAM.{what}");
    let answer = client.request(subject, body.to_owned().into()).await.unwrap();
    let answer: serde_json::Value = serde_json::from_slice(&answer.payload).unwrap();
    assert!(answer.get("error").is_none(), "{answer}");
    answer
}
