//! What is refused, by name.

use crate::{
    cluster::{QUEUE, Runs, SECOND, serve, workers},
    jobs::{Number, Trouble},
};
use anyscope::{Timer, context::Context, flow, join, scope, sim::explore};
use anyscope_remote::{
    CallError, Codec, CodecError, EngineError, ErrorKind, Headers, Job, LastAttempt, Memory,
    Remote, Ticket, WorkerEvent, Workers,
    engine::{BadName, End, Engine, Envelope, JobId, Malformed, Queue, Settled, Settler},
};
use std::{
    num::NonZeroU32,
    sync::{Arc, Mutex},
    time::Duration,
};
use support::{Gauge, behaviour};

/// Numbers under another name.
struct Other;
/// Numbers as they were, and as they will be.
struct Old(u32);
struct New(u32);

/// Bytes that no number is decoded from; and numbers of one byte.
enum Bytes {}

macro_rules! job {
    ($job:ty, $name:literal, $version:literal, $oldest:literal) => {
        impl Job for $job {
            const NAME: &'static str = $name;
            const VERSION: u32 = $version;
            const OLDEST: u32 = $oldest;
            type Output = u32;
            type Error = Trouble;
            type Codec = Bytes;
        }

        impl Codec<$job> for Bytes {
            fn encode(job: &$job) -> Result<Vec<u8>, CodecError> {
                job.encoded()
            }

            fn decode(bytes: &[u8]) -> Result<$job, CodecError> {
                <$job>::decoded(bytes)
            }
        }
    };
}

job!(Other, "other", 1, 1);
job!(Old, "versioned", 1, 1);
job!(New, "versioned", 2, 2);

impl Other {
    fn encoded(&self) -> Result<Vec<u8>, CodecError> {
        Ok(Vec::new())
    }

    fn decoded(_: &[u8]) -> Result<Self, CodecError> {
        Err(CodecError::new("never"))
    }
}

impl Old {
    fn encoded(&self) -> Result<Vec<u8>, CodecError> {
        Ok(vec![self.0 as u8])
    }

    fn decoded(bytes: &[u8]) -> Result<Self, CodecError> {
        Ok(Old(bytes[0].into()))
    }
}

impl New {
    fn encoded(&self) -> Result<Vec<u8>, CodecError> {
        Ok(vec![0, self.0 as u8])
    }

    fn decoded(bytes: &[u8]) -> Result<Self, CodecError> {
        Ok(New(bytes[1].into()))
    }
}

impl Codec<u32> for Bytes {
    fn encode(value: &u32) -> Result<Vec<u8>, CodecError> {
        Ok(value.to_le_bytes().to_vec())
    }

    fn decode(bytes: &[u8]) -> Result<u32, CodecError> {
        Ok(u32::from_le_bytes(bytes.try_into().map_err(CodecError::new)?))
    }
}

impl Codec<Trouble> for Bytes {
    fn encode(_: &Trouble) -> Result<Vec<u8>, CodecError> {
        Ok(Vec::new())
    }

    fn decode(_: &[u8]) -> Result<Trouble, CodecError> {
        Ok(Trouble::Lasting)
    }
}

fn refused<E: std::fmt::Debug>(error: CallError<E>) -> (u32, String) {
    match error {
        CallError::Dead { attempts, last: LastAttempt::Refused(why) } => (attempts, why),
        error => panic!("{error:?}"),
    }
}

behaviour! {
    /// Given jobs of a kind that the worker does not know, or that it cannot decode, then they are dead letters at once, the caller
    /// has the reason, and other jobs go on.
    j10_unknown_jobs_are_dead_letters |ex| {
        let (engine, runs) = (Memory::new(&ex), Runs::default());
        let told = Arc::new(Mutex::new(Vec::new()));
        scope(&ex, async |s| {
            let tell = told.clone();
            let workers = workers(&engine).on_event(move |event| {
                let WorkerEvent::Dead { attempts: 1, why, .. } = event else { panic!("{event:?}") };
                tell.lock().unwrap().push((*why).to_owned());
            });
            s.spawn_daemon(serve(workers, &ex, &runs, async |n, _| Ok(n)));
            let other = Remote::<Other>::new(&engine, &ex, QUEUE).call(Other);
            let unknown = "a worker for `number` does not know `other`";
            assert_eq!(refused(other.await.unwrap_err()), (1, unknown.to_owned()));
            let secret = Envelope::new(JobId::parse("bad").unwrap(), "number", 1, b"\"hunter2\"".to_vec());
            engine.put(&QUEUE.into(), vec![secret.clone()]).await.unwrap();
            let remote = Remote::<Number>::new(&engine, &ex, QUEUE);
            let bad = Ticket::new(QUEUE, secret.id.clone());
            let undecoded = "its payload is not decoded: the JSON is of something else (line 1, column 9)";
            assert_eq!(refused(remote.attach(&bad).await.unwrap_err()), (1, undecoded.to_owned()));
            assert_eq!(remote.call(Number(1)).await.unwrap(), 1);
            let dead = engine.dead_letters(&QUEUE.into(), 10).await.unwrap();
            assert_eq!(dead.len(), 2);
            assert_eq!(engine.dead_letters(&QUEUE.into(), 1).await.unwrap().len(), 1);
            assert!(!format!("{secret:?}{dead:?}").contains("hunter2"));
        })
        .await;
        assert_eq!(told.lock().unwrap().len(), 2);
    }

    /// Given workers of two versions, then a job of the later one is given back by the older worker until the later one has it; alone, the older one makes a dead
    /// letter of it after as many attempts as it has; and a job that is older than what a worker knows is a dead letter at once.
    j11_versions_of_jobs |ex| {
        let engine = Memory::new(&ex);
        scope(&ex, async |s| {
            let later = Remote::<New>::new(&engine, &ex, QUEUE);
            let old = workers(&engine).attempts(100, [Duration::ZERO; 100]);
            let old_alone = s.spawn(old.clone().attempts(3, [Duration::ZERO; 9]).serve(&ex, &ex, async |Old(n), _| Ok(n)));
            let why = "version 2 of `versioned` is later than 1, the latest that is known";
            assert_eq!(refused(later.call(New(7)).await.unwrap_err()), (3, why.to_owned()));
            old_alone.cancel().await.unwrap_err();

            let new = s.spawn(workers(&engine).serve(&ex, &ex, async |New(n), _| Ok(n)));
            let why = "version 1 of `versioned` is older than 2, the oldest that is known";
            let earlier = Remote::<Old>::new(&engine, &ex, QUEUE);
            assert_eq!(refused(earlier.call(Old(7)).await.unwrap_err()), (1, why.to_owned()));
            new.cancel().await.unwrap_err();
        })
        .await;
    }

    /// Given an engine that takes so many bytes, then a job that has more is refused by name, and an outcome that has more is a dead letter.
    j12_what_is_too_large |ex| {
        let engine = Memory::builder().payload_limit(120).build(&ex);
        scope(&ex, async |s| {
            let workers = workers(&engine).serve(&ex, &ex, async |Text(text), _| Ok(text.repeat(10)));
            s.spawn_daemon(workers);
            let remote = Remote::<Text>::new(&engine, &ex, QUEUE);
            let large = remote.call(Text("x".repeat(119))).await.unwrap_err();
            let CallError::Engine(error) = large else { panic!("{large:?}") };
            assert_eq!(error.kind(), ErrorKind::TooLarge { size: 121, limit: 120 });
            let (attempts, why) = refused(remote.call(Text("x".repeat(20))).await.unwrap_err());
            assert_eq!((attempts, &*why), (1, "its outcome: 208 bytes are more than the 120 that the engine takes"));
            assert_eq!(remote.call(Text("x".into())).await.unwrap(), "x".repeat(10));
        })
        .await;
    }

    /// Given a queue that takes so many jobs, then calls wait until it takes theirs, and none is lost.
    j13_a_full_queue_is_waited_for |ex| {
        let (engine, runs) = (Memory::builder().queue_limit(3).build(&ex), Runs::default());
        scope(&ex, async |s| {
            let remote = Remote::<Number>::new(&engine, &ex, QUEUE);
            let all = s.spawn(async move {
                let all = flow::iter(0..12).map_concurrent(12, |n| remote.call(Number(n)));
                all.collect::<Vec<_>>().await
            });
            let full = async {
                let queue = Queue::from(QUEUE);
                while engine.status(&queue).await.unwrap().ready < 3 {
                    ex.sleep(Duration::from_millis(1)).await;
                }
                let more = Envelope::new(JobId::unique(), "number", 1, Vec::new());
                let full: EngineError = engine.put(&queue, vec![more]).await.unwrap_err();
                assert_eq!(full.kind(), ErrorKind::Full);
            };
            full.await;
            s.spawn_daemon(serve(workers(&engine).here(2), &ex, &runs, async |n, _| Ok(n)));
            assert!(all.await.unwrap().iter().all(Result::is_ok));
        })
        .await;
        (0..12).for_each(|n| assert_eq!(runs.of(n), 1));
    }

    /// Given jobs with a key, then one of them runs at a time, in the order in which they were put, also if one is tried again; others run beside
    /// them.
    j14_jobs_with_a_key_run_in_their_order |ex| {
        let (engine, gauge) = (Memory::new(&ex), Gauge::new());
        let order = Arc::new(Mutex::new(Vec::new()));
        scope(&ex, async |s| {
            let remote = Remote::<Number>::new(&engine, &ex, QUEUE);
            let mut tickets = Vec::new();
            for n in 0..6 {
                tickets.push(remote.request(Number(n)).key("seven").submit().await.unwrap());
            }
            for _ in 0..2 {
                let (gauge, order) = (gauge.clone(), order.clone());
                s.spawn_daemon(workers(&engine).here(3).serve(&ex, &ex, move |Number(n), cx| {
                    let (inside, order) = (gauge.enter(), order.clone());
                    async move {
                        futures_lite::future::yield_now().await;
                        if n == 2 && cx.attempt() == 1 {
                            return Err(Trouble::Passing);
                        }
                        order.lock().unwrap().push(n);
                        drop(inside);
                        Ok(n)
                    }
                }));
            }
            for ticket in &tickets {
                remote.attach(ticket).await.unwrap();
            }
        })
        .await;
        assert_eq!(*order.lock().unwrap(), [0, 1, 2, 3, 4, 5]);
        assert_eq!((gauge.peak(), gauge.ever()), (1, 7));
    }

    /// Given headers around a call, then its handler has them, and so do the jobs that the handler calls; their values are shown to nobody.
    j15_headers_follow_the_work |ex| {
        let engine = Memory::new(&ex);
        scope(&ex, async |s| {
            let inner = Remote::<Number>::new(&engine, &ex, "inner");
            s.spawn_daemon(Workers::new(&engine, "inner").serve(&ex, &ex, async |Number(n), cx| {
                assert_eq!(cx.headers().get("tenant"), Some("acme"));
                assert!(!format!("{:?}{cx:?}", cx.headers()).contains("acme"));
                Ok(n)
            }));
            s.spawn_daemon(workers(&engine).attempts(1, []).serve(&ex, &ex, move |Number(n), cx| {
                let inner = inner.clone();
                async move {
                    assert_eq!(cx.headers().get("own"), Some("1"));
                    inner.call(Number(n + 1)).await.map_err(|_| Trouble::Lasting)
                }
            }));
            let remote = Remote::<Number>::new(&engine, &ex, QUEUE);
            let call = async { remote.request(Number(1)).header("own", "1").call().await };
            let headers = Headers::new().with("tenant", "none").with("tenant", "acme");
            assert_eq!(Context::new().with(headers).around(call).await.unwrap(), 2);
        })
        .await;
    }
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Text(String);

impl Job for Text {
    const NAME: &'static str = "text";
    type Output = String;
    type Error = Trouble;
    type Codec = anyscope_remote::Json;
}

/// Given a time limit, then a job that waits too long is not begun, one that runs too long is ended, a handler has no more for the jobs that it calls than what is
/// left of its own, and a limit of the job's own attempts counts.
#[test]
fn j7_time_limits_follow_the_work() {
    explore(200, async |sim| {
        let (engine, runs) = (Memory::new(&sim), Runs::default());
        scope(&sim, async |s| {
            let remote = Remote::<Number>::new(&engine, &sim, QUEUE);
            // Nobody works yet, and when somebody does it is too late.
            let late = remote.request(Number(1)).within(SECOND).submit().await.unwrap();
            let waits = remote.request(Number(2)).within(SECOND).call().await.unwrap_err();
            assert!(matches!(waits, CallError::DeadlinePassed), "{waits:?}");
            assert_eq!(sim.elapsed(), SECOND);

            let inner = Remote::<Number>::new(&engine, &sim, "inner");
            let (sim2, sim3) = (sim.clone(), sim.clone());
            s.spawn_daemon(Workers::new(&engine, "inner").serve(
                &sim,
                &sim,
                move |Number(n), cx| {
                    let sim = sim2.clone();
                    async move {
                        assert!(cx.deadline().is_some());
                        sim.sleep(SECOND * n).await;
                        Ok(n)
                    }
                },
            ));
            s.spawn_daemon(serve(workers(&engine).lease(60 * SECOND), &sim, &runs, move |n, _| {
                let (inner, sim) = (inner.clone(), sim3.clone());
                async move {
                    if n == 9 {
                        return Err(Trouble::Passing);
                    }
                    sim.sleep(SECOND).await;
                    match inner.call(Number(n)).await {
                        Ok(n) => Ok(n),
                        Err(CallError::DeadlinePassed) => Err(Trouble::Lasting),
                        Err(error) => panic!("{error:?}"),
                    }
                }
            }));
            let late = remote.attach(&late).await.unwrap_err();
            assert!(matches!(late, CallError::DeadlinePassed), "{late:?}");
            assert_eq!(remote.request(Number(3)).within(5 * SECOND).call().await.unwrap(), 3);
            let begun = sim.elapsed();
            let long = remote.request(Number(30)).within(5 * SECOND).call().await.unwrap_err();
            // Whoever is first to notice.
            assert!(
                matches!(long, CallError::DeadlinePassed | CallError::Failed(Trouble::Lasting)),
                "{long:?}"
            );
            assert_eq!(sim.elapsed() - begun, 5 * SECOND);
            let twice = NonZeroU32::new(2).unwrap();
            let dead = remote.request(Number(9)).attempts(twice).call().await.unwrap_err();
            assert!(matches!(dead, CallError::Dead { attempts: 2, .. }), "{dead:?}");
        })
        .await;
        assert_eq!([1, 2].map(|n| runs.of(n)), [0, 0]);
    });
}

/// Given a caller that cancels before its job is stored, then the job is never begun.
#[test]
fn j8_a_cancel_may_come_before_its_job() {
    explore(1, async |sim| {
        let (engine, queue, id) =
            (Memory::new(&sim), Queue::from(QUEUE), JobId::parse("a").unwrap());
        let end = End::new(b"cancelled".to_vec());
        assert_eq!(engine.settle(&queue, &id, Settler::Caller, end).await.unwrap(), Settled::First);
        let put =
            engine.put(&queue, vec![Envelope::new(id.clone(), "number", 1, Vec::new())]).await;
        assert_eq!(put.unwrap(), [anyscope_remote::engine::Put::Known]);
        assert_eq!(engine.outcome(&queue, &id).await.unwrap(), b"cancelled");
        assert_eq!(engine.status(&queue).await.unwrap().ready, 0);
    });
}

/// Given outcomes that are kept for an hour, then they are there for whoever comes late, and are forgotten after it.
#[test]
fn j9_outcomes_are_kept_for_a_time() {
    explore(1, async |sim| {
        let engine = Memory::builder().keep(3600 * SECOND).build(&sim);
        scope(&sim, async |s| {
            let runs = Runs::default();
            s.spawn_daemon(serve(workers(&engine), &sim, &runs, async |n, _| Ok(n)));
            let remote = Remote::<Number>::new(&engine, &sim, QUEUE);
            let mut tickets = Vec::new();
            for n in 0..1000 {
                tickets.push(remote.submit(Number(n)).await.unwrap());
            }
            runs.begun(999, 1).await;
            sim.sleep(3000 * SECOND).await;
            // Nobody has read one, and none is lost.
            for (n, ticket) in (0..).zip(&tickets) {
                assert_eq!(remote.attach(ticket).await.unwrap(), n);
            }
            sim.sleep(700 * SECOND).await;
            let (fresh, again) = join((remote.call(Number(1000)), remote.call(Number(1001)))).await;
            assert!(fresh.is_ok() && again.is_ok());
            assert!(engine.status(&QUEUE.into()).await.unwrap().settled <= 2);
        })
        .await;
    });
}

/// Given names and bytes that are none, then they are refused; and what a later version adds is ignored.
#[test]
fn j16_names_and_bytes() {
    let name: BadName = Queue::parse("a b").unwrap_err();
    assert!(name.to_string().contains("1 to 64 letters"));
    for wrong in ["", "ä", "a.b", "a>", &"x".repeat(65)] {
        assert!(Queue::parse(wrong).is_err(), "{wrong}");
    }
    for wrong in ["", "a\nb", &"x".repeat(129)] {
        assert!(JobId::parse(wrong).is_err(), "{wrong}");
    }
    assert!("numbers".parse::<Ticket>().is_err() && "a b/c".parse::<Ticket>().is_err());
    assert!(std::panic::catch_unwind(|| Queue::from("a b")).is_err());
    let ids: std::collections::BTreeSet<_> = (0..1000).map(|_| JobId::unique()).collect();
    assert_eq!(ids.len(), 1000);

    let mut envelope = Envelope::new(JobId::unique(), "number", 3, vec![0, 1, 2]);
    envelope.budget = Some(SECOND);
    envelope.attempts = NonZeroU32::new(4);
    envelope.key = Some("key".into());
    envelope.headers = Headers::new().with("a", "1").with("b", "");
    let bytes = envelope.to_bytes();
    assert_eq!(Envelope::from_bytes(&bytes), Ok(envelope.clone()));
    let mut later = bytes.clone();
    later.extend([200, 2, 0, 0, 0, 1, 2]);
    assert_eq!(Envelope::from_bytes(&later), Ok(envelope));
    let mut other = bytes.clone();
    other[0] = 9;
    assert_eq!(Envelope::from_bytes(&other), Err(Malformed::Version(9)));
    let name = EngineError::from(Malformed::Version(9));
    assert_eq!(name.kind(), ErrorKind::Incompatible);
    for end in 0..bytes.len() {
        // Cut anywhere: an error, or an envelope with less, but no panic.
        let _ = Envelope::from_bytes(&bytes[..end]);
    }
    assert_eq!(Envelope::from_bytes(&[]), Err(Malformed::Broken));
}
