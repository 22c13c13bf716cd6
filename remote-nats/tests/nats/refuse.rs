//! What goes wrong with a server is an error that says what to do, and shows no secrets.

use crate::support::{self, server_or_return};
use anyscope::{scope, smol::Smol, time::timeout};
use anyscope_nats::{Builder, Nats};
use anyscope_remote::{
    CallError, EngineError, ErrorKind, LastAttempt, Remote, Workers,
    engine::{Engine, Envelope, JobId, Queue},
};
use anyscope_remote_tests::Echo;
use std::time::Duration;

const SECRET: &str = "correct-horse";

pub(crate) fn connect(builder: Builder) -> Result<Nats, EngineError> {
    assert!(!format!("{builder:?}").contains(SECRET));
    let connected = smol::block_on(builder.connect());
    let shown = match &connected {
        Ok(engine) => format!("{engine:?}"),
        Err(error) => format!("{error} {error:?}"),
    };
    assert!(!shown.contains(SECRET), "{shown}");
    connected
}

/// Returns all that the error says.
pub(crate) fn refused(builder: Builder, kind: ErrorKind, says: &str) -> String {
    let error = connect(builder).map(drop).unwrap_err();
    assert_eq!(error.kind(), kind, "{error}");
    assert!(error.to_string().contains(says), "{error}");
    format!("{error} {error:?}")
}

fn envelope(bytes: usize) -> Envelope {
    Envelope::new(JobId::unique(), "echo", 1, vec![b'x'; bytes])
}

/// Given no server, one without JetStream, one that wants other credentials, or an address that is none, then each is an error of its own.
#[test]
fn j53_a_connection_is_refused_by_name() {
    let nobody = format!("nats://me:{SECRET}@127.0.0.1:{}", support::free_port());
    refused(Nats::builder(nobody), ErrorKind::Unavailable, "does it run?");
    refused(Nats::builder(format!("{SECRET}:x:y")), ErrorKind::Other, "nats://host:4222");
    let missing = Nats::builder("nats://127.0.0.1:1").credentials_file("/no/such/file");
    refused(missing, ErrorKind::Denied, "/no/such/file");

    let plain = server_or_return!("# without jetstream");
    refused(Nats::builder(plain.address()), ErrorKind::Incompatible, "--jetstream");

    let users = format!("authorization {{ user: me, password: {SECRET} }}");
    let closed = server_or_return!(&users);
    refused(Nats::builder(closed.address()), ErrorKind::Denied, "credentials");
    let wrong = Nats::builder(closed.address()).user("me", "wrong");
    refused(wrong, ErrorKind::Denied, "credentials");
    connect(Nats::builder(closed.address()).user("me", SECRET)).unwrap();

    let tokens = server_or_return!(&format!("authorization {{ token: {SECRET} }}"));
    connect(Nats::builder(tokens.address()).token(SECRET)).unwrap();
}

/// Given a server that comes later, then it is waited for if that is wanted.
#[test]
fn j54_a_server_may_come_later() {
    let port = support::free_port();
    let builder = Nats::builder(format!("nats://127.0.0.1:{port}")).wait_for_server();
    smol::block_on(async {
        let (connected, server) = anyscope::join((
            builder.connect(),
            smol::unblock(move || {
                std::thread::sleep(Duration::from_millis(200));
                support::Server::start_on(port, "")
            }),
        ))
        .await;
        assert!(server.is_some());
        connected.unwrap();
    });
}

/// Given a user who may not use JetStream, then a worker ends with an error that says so.
#[test]
fn j55_permissions_are_named() {
    let server = server_or_return!(
        "authorization { users: [{ user: me, password: pw, permissions: {
            publish: [\"_INBOX.>\", \"$JS.API.INFO\", \"$JS.API.STREAM.INFO.>\"], subscribe: \">\" } }] }"
    );
    let engine = connect(Nats::builder(server.address()).user("me", "pw")).unwrap();
    let workers = Workers::new(&engine, "echo").serve(&Smol, &Smol, async |Echo(text), _| Ok(text));
    let error = smol::block_on(workers).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
    assert!(error.to_string().contains("STREAM.CREATE"), "{error}");
}

/// Given limits of the server and of the queue, then what is too large, too much, or has no space is an error of its own, and what is stored is done.
#[test]
fn j56_limits_are_named() {
    let server = server_or_return!("max_payload: 8192");
    let engine = connect(Nats::builder(server.address()).queue_limit(2)).unwrap();
    let queue = Queue::from("echo");
    smol::block_on(async {
        let error = engine.put(&queue, vec![envelope(9000)]).await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::TooLarge { limit: 7168, .. }), "{error}");
        let first = engine.put(&queue, vec![envelope(6000), envelope(1)]).await;
        first.unwrap();
        let error = engine.put(&queue, vec![envelope(1)]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Full, "{error}");
    });
    smol::block_on(scope(&Smol, async |s| {
        let workers = Workers::new(&engine, "large");
        s.spawn_daemon(workers.serve(&Smol, &Smol, async |Echo(text), _| Ok(text.repeat(9000))));
        let remote = Remote::<Echo>::new(&engine, &Smol, "large");
        let dead = remote.call(Echo("x".into())).await.unwrap_err();
        let CallError::Dead { last: LastAttempt::Refused(why), .. } = dead else {
            panic!("{dead:?}")
        };
        assert!(why.contains("outcome"), "{why}");
    }));

    let small = server_or_return!("jetstream { store_dir: \"STORE\", max_file_store: 20000 }");
    let engine = connect(Nats::builder(small.address())).unwrap();
    smol::block_on(async {
        let full = loop {
            match engine.put(&queue, vec![envelope(5000)]).await {
                Ok(_) => {}
                Err(error) => break error,
            }
        };
        assert_eq!(full.kind(), ErrorKind::OutOfSpace, "{full}");
    });
}

/// Given more replicas than servers, or a stream that is somebody else's or of another version, then it is refused.
#[test]
fn j57_streams_are_not_taken_over() {
    let server = server_or_return!("");
    let queue = Queue::from("echo");
    smol::block_on(async {
        let engine = Nats::builder(server.address()).replicas(3).connect().await.unwrap();
        let error = engine.put(&queue, vec![envelope(1)]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Incompatible, "{error}");
        assert!(error.to_string().contains("fewer servers than replicas"), "{error}");

        let client = smol::block_on(async { server.address() });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        for (prefix, description) in [("theirs", "orders"), ("newer", "anyscope, format 2")] {
            runtime.block_on(async {
                let client = async_nats::connect(&client).await.unwrap();
                let config = format!(
                    r#"{{"name":"{prefix}-echo-work","subjects":["{prefix}.echo.job.*"],"description":"{description}"}}"#
                );
                let subject = format!("$JS.API.STREAM.CREATE.{prefix}-echo-work");
                client.request(subject, config.into()).await.unwrap();
            });
            let engine = Nats::builder(server.address()).prefix(prefix).connect().await.unwrap();
            let error = engine.put(&queue, vec![envelope(1)]).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Incompatible, "{error}");
            assert!(error.to_string().contains(&format!("{prefix}-echo-work")), "{error}");
        }
    });
}

/// Given a message that is no job, then it becomes a dead letter, and others are done.
#[test]
fn j58_what_is_no_job_is_a_dead_letter() {
    let server = server_or_return!("");
    let engine = connect(Nats::builder(server.address())).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    smol::block_on(scope(&Smol, async |s| {
        let remote = Remote::<Echo>::new(&engine, &Smol, "echo");
        let first = s.spawn(remote.call(Echo("first".to_owned())));
        while engine.status(&"echo".into()).await.unwrap().ready == 0 {}
        runtime.block_on(async {
            let client = async_nats::connect(server.address()).await.unwrap();
            for subject in ["anyscope.echo.job.strange", "anyscope.echo.job.=zz"] {
                client.request(subject, "no envelope".into()).await.unwrap();
            }
        });
        let workers = Workers::new(&engine, "echo").here(4);
        s.spawn_daemon(workers.serve(&Smol, &Smol, async |Echo(text), _| Ok(text)));
        assert_eq!(first.await.unwrap().unwrap(), "first");
        assert_eq!(remote.call(Echo("second".to_owned())).await.unwrap(), "second");
        let letters = timeout(&Smol, Duration::from_secs(60), async {
            loop {
                let letters = engine.dead_letters(&"echo".into(), 9).await.unwrap();
                if !letters.is_empty() {
                    break letters;
                }
            }
        });
        assert_eq!(letters.await.unwrap().len(), 1);
    }));
}
