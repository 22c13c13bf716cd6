//! Streams that are not as this version makes them.

use crate::{
    between::{Becomes, between},
    support::server_or_return,
};
use anyscope::{join, scope, smol::Smol, timeout};
use anyscope_nats::Nats;
use anyscope_remote::{
    CallError, EngineError, ErrorKind, LastAttempt, Remote, Ticket, Workers, contract,
    engine::{Engine, Envelope, JobId, Queue},
};
use anyscope_remote_tests::Double;
use std::time::Duration;

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

/// Given any stream of a queue, or the one of callers, in another format, then who puts, works or calls is refused, and told which stream and which format.
#[test]
fn j113_streams_of_another_format_are_refused() {
    let server = server_or_return!("");
    let queue = Queue::from("jobs");
    let kinds = ["work", "wait", "ends", "dead", "state", "callers"];
    smol::block_on(async {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        for kind in kinds {
            let of = if kind == "callers" { "" } else { "jobs-" };
            let (prefix, stream) = (format!("newer_{kind}"), format!("newer_{kind}-{of}{kind}"));
            let config = serde_json::json!({
                "name": stream,
                "description": "anyscope, format 2",
                "subjects": [format!("{prefix}.strange")],
            });
            runtime.block_on(async {
                let client = async_nats::connect(server.address()).await.unwrap();
                ask(&client, &format!("CREATE.{stream}"), &config.to_string()).await;
            });
            let engine = Nats::builder(server.address()).prefix(prefix).connect().await.unwrap();
            let refused = |error: EngineError| {
                assert_eq!(error.kind(), ErrorKind::Incompatible, "{error}");
                let what = format!("`{stream}` has format 2, and 1 is known here");
                assert!(error.to_string().contains(&what), "{error}");
            };
            if kind != "callers" {
                let job = Envelope::new(JobId::unique(), "double", 1, Vec::new());
                refused(engine.put(&queue, vec![job]).await.unwrap_err());
                let workers = Workers::new(&engine, "jobs");
                refused(workers.serve(&Smol, &Smol, async |Double(n), _| Ok(n)).await.unwrap_err());
            }
            let remote = Remote::<Double>::new(&engine, &Smol, "jobs");
            match remote.call(Double(1)).await.unwrap_err() {
                CallError::Engine(error) => refused(error),
                other => panic!("{other:?}"),
            }
        }
    });
}

/// Given what a later version has added to jobs, signals and notices of workers, then it is passed over by workers and callers; given a job in another format, then it is a
/// dead letter that says which.
#[test]
fn j114_what_a_later_version_adds_is_passed_over() {
    let server = server_or_return!("");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let queue = Queue::from("later");
    smol::block_on(scope(&Smol, async |s| {
        let engine = Nats::builder(server.address()).connect().await.unwrap();
        let workers = Workers::new(&engine, "later");
        s.spawn_daemon(workers.serve(&Smol, &Smol, async |Double(n), _| Ok(2 * n)));
        let remote = Remote::<Double>::new(&engine, &Smol, "later");
        // Then there are streams, and a worker that listens.
        assert_eq!(remote.call(Double(1)).await.unwrap(), 2);
        let job = |id: &str| {
            let job = Envelope::new(JobId::parse(id).unwrap(), "double", 1, b"5".to_vec());
            (Ticket::new(queue.clone(), job.id.clone()), job.to_bytes())
        };
        let ((more, mut bytes), (other, mut others)) = (job("more"), job("other"));
        // A tag, a length, and so many bytes.
        bytes.extend([200, 2, 0, 0, 0, 1, 2]);
        others[0] = 9;
        runtime.block_on(async {
            let client = async_nats::connect(server.address()).await.unwrap();
            let notice = r#"{"lease":60000,"runs":[{"job":"a","name":"double","worker":"w","attempt":1,"since":5,"of":7}],"pace":3}"#;
            let strange = r#"{"paused":true}"#;
            for (subject, what) in [("later", notice), ("latest", strange)] {
                let subject = format!("anyscope.later.worker.{subject}");
                client.request(subject, what.into()).await.unwrap();
            }
            client.publish("anyscope.later.signal", "pause more".into()).await.unwrap();
            let mut headers = async_nats::HeaderMap::new();
            headers.insert("Anyscope-Region", "north");
            for (id, bytes) in [("more", bytes), ("other", others)] {
                let subject = format!("anyscope.later.job.{id}");
                let stored = client.request_with_headers(subject, headers.clone(), bytes.into());
                stored.await.unwrap();
            }
        });
        assert_eq!(remote.attach(&more).await.unwrap(), 10);
        let CallError::Dead { last: LastAttempt::Refused(why), .. } =
            remote.attach(&other).await.unwrap_err()
        else {
            panic!("it is no dead letter");
        };
        assert!(why.contains("written in format 9"), "{why}");
        let running = engine.status(&queue).await.unwrap().running;
        assert!(running.iter().any(|run| run.worker.as_str() == "w"), "{running:?}");
    }));
}

/// Given a server that says of a stream which somebody else makes at the same moment that its subjects are those of another one, then that is waited for, and used.
#[test]
fn j100_streams_are_made_by_many_at_once() {
    let server = server_or_return!("");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let client = runtime.block_on(async_nats::connect(server.address())).unwrap();
    let later = client.clone();
    // A stream is made a moment after it was refused.
    let race = between(&client, "race", move |what, with| {
        if !what.starts_with("STREAM.CREATE.") {
            return Becomes::PassedOn;
        }
        let (later, subject, with) = (later.clone(), format!("$JS.API.{what}"), with.to_owned());
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(20)).await;
            later.request(subject, with.into()).await.unwrap();
        });
        Becomes::Answered(OVERLAPS)
    });
    runtime.block_on(race);
    let calls = async {
        let engine = Nats::builder(server.address()).domain("race").connect().await.unwrap();
        let remote = Remote::<Double>::new(&engine, &Smol, "race");
        let answer = scope(&Smol, async |s| {
            let workers = Workers::new(&engine, "race");
            s.spawn_daemon(workers.serve(&Smol, &Smol, async |Double(n), _| Ok(2 * n)));
            remote.call(Double(2)).await.unwrap()
        });
        assert_eq!(answer.await, 4);
    };
    smol::block_on(timeout(&Smol, Duration::from_secs(60), calls)).expect("no outcome");
}

/// What is wrong with the copy of a server that leads.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Stands {
    /// The consumer sees nothing of what was stored last.
    Behind,
    /// The stream has messages, and finds none.
    Unreadable,
}

/// Given a server of a cluster whose copy of a stream is not as the others' and that leads all the same, then another one is asked to lead, and jobs are leased.
#[test]
fn j101_what_stands_still_is_moved() {
    let server = server_or_return!("");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let client = runtime.block_on(async_nats::connect(server.address())).unwrap();
    let each = [Stands::Behind, Stands::Unreadable].map(|how| {
        let name = format!("{how:?}");
        runtime.block_on(between(&client, &name, stand_still(how)));
        let server = &server;
        let calls = async move {
            let queue = Queue::parse(&name).unwrap();
            let engine = Nats::builder(server.address()).domain(name).connect().await.unwrap();
            let remote = Remote::<Double>::new(&engine, &Smol, queue.clone());
            let answer = scope(&Smol, async |s| {
                let call = s.spawn(remote.call(Double(2)));
                while engine.status(&queue).await.unwrap().ready == 0 {}
                let workers = Workers::new(&engine, queue.clone());
                s.spawn_daemon(workers.serve(&Smol, &Smol, async |Double(n), _| Ok(2 * n)));
                call.await.unwrap().unwrap()
            });
            assert_eq!(answer.await, 4);
        };
        async move {
            let calls = timeout(&Smol, Duration::from_secs(60), calls).await;
            assert!(calls.is_ok(), "{how:?}: no outcome");
        }
    });
    smol::block_on(join(each));
}

/// Says what becomes of requests: the consumer of jobs says that it has none, and gives none, until that is mended.
fn stand_still(how: Stands) -> impl FnMut(&str, &str) -> Becomes + Send {
    let (mut stands, stream) = (true, format!("anyscope-{how:?}-work"));
    let mends = match how {
        Stands::Behind => "CONSUMER.LEADER.STEPDOWN",
        Stands::Unreadable => "STREAM.LEADER.STEPDOWN",
    };
    move |what, with| {
        let is = |kind: &str| what.starts_with(kind) && what.contains(&stream);
        stands &= !is(mends);
        let looks = is("STREAM.MSG.GET") && with.contains("next_by_subj");
        if is("STREAM.INFO") {
            Becomes::Changed(|answer| answer["config"]["num_replicas"] = 3.into())
        } else if stands && is("CONSUMER.INFO") {
            Becomes::Changed(|answer| answer["num_pending"] = 0.into())
        } else if stands && is("CONSUMER.MSG.NEXT") {
            Becomes::Lost
        } else if stands && looks && how == Stands::Unreadable {
            Becomes::Answered(NO_MESSAGE)
        } else {
            Becomes::PassedOn
        }
    }
}

const OVERLAPS: &str = r#"{"error":{"code":400,"err_code":10065,"description":"subjects overlap with an existing stream"}}"#;
const NO_MESSAGE: &str =
    r#"{"error":{"code":404,"err_code":10037,"description":"no message found"}}"#;

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
