//! Workers, callers and servers are killed and stopped.

use crate::{
    fleet::{LEASE, Site, site},
    support::server_or_return,
};
use anyscope::{Limit, Timer, smol::Smol, timeout};
use anyscope_nats::Nats;
use anyscope_remote::{
    contract::lease_as,
    engine::{
        Again, Ask, End, Engine, Envelope, JobId, Queue, Settled, Settler, Status, WorkerName,
    },
};
use anyscope_remote_tests::{EVERYWHERE, scenarios};
use std::{
    env, fs,
    time::{Duration, Instant},
};

/// How often something is killed: a few times, or as often as said by hand. For each there are so many jobs.
pub(crate) fn kills(few: u32) -> u32 {
    env::var("ANYSCOPE_KILLS").map_or(few, |kills| kills.parse().unwrap())
}

pub(crate) fn jobs(few: u32) -> u32 {
    env::var("ANYSCOPE_JOBS").map_or(few, |jobs| jobs.parse().unwrap())
}

/// Calls so many jobs, and kills something with `kill` now and then. Each job has one outcome, and was begun; no more than the limit are leased.
pub(crate) async fn all_are_done(site: &Site, jobs: u32, kills: u32, kill: impl FnMut(u32)) {
    let began = Instant::now();
    let all = scenarios::all_are_done(site, jobs, 10, kills, async || (), kill);
    // Many times what it takes.
    let limit = Duration::from_secs(180 + u64::from(jobs) / 20);
    let (killed, again) = timeout(&Smol, limit, all).await.expect("a job has no outcome");
    site.until(|&Status { ready, delayed, ref running, settled, dead, .. }, _, _| {
        (ready, delayed, running.len(), settled, dead) == (0, 0, 0, u64::from(jobs), 0)
    })
    .await;
    let most = site.most_at_once();
    assert!((2..=EVERYWHERE).contains(&most), "{most} at once");
    println!("{jobs} jobs, {killed} kills, {again} begun again, {:?}", began.elapsed());
}

/// Given three workers of which one is killed again and again while it works, then each job has one outcome.
#[test]
fn j59_workers_are_killed() {
    let server = server_or_return!("");
    let site = site(server.address(), 1);
    let mut workers: Vec<_> = (0..3).map(|_| site.start("worker")).collect();
    smol::block_on(all_are_done(&site, jobs(300), kills(4), |n| {
        let worker = &mut workers[n as usize % 3];
        site.kill(worker);
        *worker = site.start("worker");
    }));
}

/// Given a server that ends and is started again on its store while jobs are put, leased, extended and settled, then callers and workers wait for it, and each job
/// has one outcome. By hand (`ANYSCOPE_KILLS`) it is killed: what one server alone loses of what it has confirmed is put again.
#[test]
fn j60_the_server_is_restarted() {
    let mut server = server_or_return!("");
    let site = site(server.address(), 1);
    let _workers: Vec<_> = (0..2).map(|_| site.start("worker")).collect();
    let kills_it = env::var_os("ANYSCOPE_KILLS").is_some();
    smol::block_on(all_are_done(&site, jobs(200), kills(2).min(100), |_| match kills_it {
        true => server.restart(),
        false => server.restart_in_order(),
    }));
    // A server that was killed has messages again that were acknowledged; they go.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = async_nats::connect(server.address()).await.unwrap();
        loop {
            let info = client.request("$JS.API.STREAM.INFO.anyscope-tasks-work", "".into()).await;
            if String::from_utf8_lossy(&info.unwrap().payload).contains("\"messages\":0,") {
                break;
            }
        }
    });
}

/// Given a worker that is stopped past its lease, then another one does its job; when it goes on, its handler is ended as the lease is lost, the
/// outcome stays, and it works on.
#[test]
fn j61_a_worker_is_stopped() {
    let server = server_or_return!("");
    scenarios::a_worker_is_stopped(&site(server.address(), 1), 1500);
}

/// Given a caller that is killed, then the job that it waits for is cancelled, and the one that it has submitted is done.
#[test]
fn j62_a_caller_is_killed() {
    let server = server_or_return!("");
    scenarios::a_caller_is_killed(&site(server.address(), 1));
}

/// Given a job that ends its process each time, then it is given up after as many attempts as it has, its caller is told, and other jobs are done.
#[test]
fn j63_a_job_ends_its_process() {
    let server = server_or_return!("");
    scenarios::a_job_ends_its_process(&site(server.address(), 1), 2);
}

/// Given a call that waits, then who looks at the tree of the caller sees which process has its job; when that is killed, the next one.
#[test]
fn j68_a_tree_shows_the_worker() {
    let server = server_or_return!("");
    scenarios::a_tree_shows_the_worker(&site(server.address(), 1));
}

/// Given an acknowledgement of a lease that has run out, while another worker has the job, then the server takes it, and it decides nothing: the other one settles, and
/// its outcome is the one. (A server takes any; see its issue 6937.)
#[test]
fn j64_late_acks_decide_nothing() {
    let server = server_or_return!("");
    let queue = Queue::from("late");
    smol::block_on(async {
        let [first, second] = [(); 2].map(|()| Nats::builder(server.address()).connect());
        let (first, second) = (first.await.unwrap(), second.await.unwrap());
        let job = JobId::parse("a").unwrap();
        let put = first.put(&queue, vec![Envelope::new(job.clone(), "a", 1, Vec::new())]);
        put.await.unwrap();
        let ask = || {
            let mut ask = Ask::new(1, LEASE / 4, 10 * LEASE, WorkerName::new("w"));
            ask.everywhere = Limit::new(1);
            ask
        };
        let late = lease_as(&first, &queue, ask(), 1).await.remove(0);
        let leased = lease_as(&second, &queue, ask(), 1).await.remove(0);
        assert!(leased.epoch > late.epoch);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let client = async_nats::connect(server.address()).await.unwrap();
            // An engine's lease is where it is acknowledged.
            client.request(late.lease.as_str().to_owned(), "+ACK".into()).await.unwrap();
        });
        let end = |bytes: &str| End::new(bytes.as_bytes().to_vec());
        let settled =
            second.settle(&queue, &job, Settler::Worker(leased.lease), end("second")).await;
        assert_eq!(settled.unwrap(), Settled::First);
        let settled = first.settle(&queue, &job, Settler::Worker(late.lease), end("first")).await;
        assert_eq!(settled.unwrap(), Settled::Already(b"second".to_vec()));
        assert_eq!(second.outcome(&queue, &job).await.unwrap(), b"second");
    });
}

/// Given a worker that is killed after it has stored an outcome and before the job is acknowledged, then the job is not begun again, and what should have followed does: its
/// dead letter, and the next job of its key.
#[test]
fn j66_what_follows_an_outcome_is_done_by_others() {
    let server = server_or_return!("");
    let queue = Queue::from("half");
    smol::block_on(async {
        let engine = Nats::builder(server.address()).connect().await.unwrap();
        let jobs = ["a", "b"].map(|id| {
            let mut job = Envelope::new(JobId::parse(id).unwrap(), "a", 1, Vec::new());
            job.key = Some("key".to_owned());
            job
        });
        engine.put(&queue, jobs.into()).await.unwrap();
        let ask = || Ask::new(9, LEASE / 4, 10 * LEASE, WorkerName::new("w"));
        let killed = lease_as(&engine, &queue, ask(), 1).await;
        assert_eq!(killed.len(), 1);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let client = async_nats::connect(server.address()).await.unwrap();
            let mut headers = async_nats::HeaderMap::new();
            headers.insert("Anyscope-Dead", "1");
            let subject = "anyscope.half.end.a";
            client.request_with_headers(subject, headers, "dead".into()).await.unwrap();
        });
        let next = lease_as(&engine, &queue, ask(), 1).await;
        assert_eq!(next[0].envelope.id.as_str(), "b");
        let letters = engine.dead_letters(&queue, 9).await.unwrap();
        assert_eq!((letters.len(), &*letters[0].end.bytes), (1, &b"dead"[..]));
    });
}

/// Given a job that was given back, and a server that is killed before its delay is over and then has the acknowledged message again, then the job is leased again all the
/// same.
#[test]
fn j67_a_job_that_waits_outlives_its_server() {
    let mut server = server_or_return!("");
    let queue = Queue::from("waits");
    smol::block_on(async {
        let engine = Nats::builder(server.address()).connect().await.unwrap();
        // Between others that are held: what is alone in its file goes with it.
        let jobs =
            ["x", "a", "y"].map(|id| Envelope::new(JobId::parse(id).unwrap(), "a", 1, Vec::new()));
        engine.put(&queue, jobs.into()).await.unwrap();
        let ask = |free| Ask::new(free, 30 * LEASE, 10 * LEASE, WorkerName::new("w"));
        let mut all = lease_as(&engine, &queue, ask(3), 3).await;
        let mut leased = all.remove(1);
        for attempt in 1..=2 {
            assert_eq!(leased.attempt, attempt);
            let again = Again::after(Duration::from_millis(500));
            engine.give_back(&queue, &leased.lease, again).await.unwrap();
            server.restart();
            leased = loop {
                match engine.lease(&queue, ask(1)).await {
                    // A server that was killed may have forgotten that the others are held.
                    Ok(mut leased) => match leased.pop().expect("it is there again") {
                        leased if leased.envelope.id.as_str() == "a" => break leased,
                        _ => {}
                    },
                    Err(_) => Smol.sleep(Duration::from_millis(20)).await,
                }
            };
        }
    });
}

/// Given a server that waits for the acknowledgement of a message that it has no more, as after a kill, then that does not keep a place under the limit: what waits for one is
/// leased.
#[test]
fn j69_leases_of_nothing_end() {
    let mut server = server_or_return!("");
    let queue = Queue::from("gone");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let ask = |free| {
        let mut ask = Ask::new(free, LEASE / 4, 10 * LEASE, WorkerName::new("w"));
        ask.everywhere = Limit::new(2);
        ask
    };
    let workers = server.store().join("jetstream/$G/streams/anyscope-gone-work/obs/workers/o.dat");
    smol::block_on(async {
        let engine = Nats::builder(server.address()).connect().await.unwrap();
        // The one that goes is behind one that stays: those in front of all are forgotten by the server itself.
        let jobs = ["stays", "goes", "waits"]
            .map(|id| Envelope::new(JobId::parse(id).unwrap(), "a", 1, Vec::new()));
        engine.put(&queue, jobs.into()).await.unwrap();
        lease_as(&engine, &queue, ask(2), 2).await;
    });
    // An earlier moment of what the server knows of leases, and a later one of the messages.
    server.stop();
    let leased = fs::read(&workers).unwrap();
    server.restart();
    runtime.block_on(async {
        let client = async_nats::connect(server.address()).await.unwrap();
        let subject = "$JS.API.STREAM.MSG.DELETE.anyscope-gone-work";
        client.request(subject, "{\"seq\":2}".into()).await.unwrap();
    });
    server.kill();
    fs::write(&workers, leased).unwrap();
    server.restart();
    // It tries in vain to lease it again, for whoever asks.
    runtime.block_on(async {
        let client = async_nats::connect(server.address()).await.unwrap();
        let (inbox, ask) = (client.new_inbox(), "{\"batch\":20,\"expires\":60000000000}");
        let _asks = client.subscribe(inbox.clone()).await.unwrap();
        let next = "$JS.API.CONSUMER.MSG.NEXT.anyscope-gone-work.workers";
        client.publish_with_reply(next, inbox, ask.into()).await.unwrap();
        loop {
            let info = "$JS.API.CONSUMER.INFO.anyscope-gone-work.workers";
            let info = client.request(info, "".into()).await.unwrap();
            let info = String::from_utf8_lossy(&info.payload).into_owned();
            assert!(info.contains("\"num_ack_pending\":2,"), "{info}");
            if info.contains("\"num_redelivered\":2,") {
                break;
            }
        }
    });
    smol::block_on(async {
        let engine = Nats::builder(server.address()).connect().await.unwrap();
        loop {
            let leased = engine.lease(&queue, ask(2)).await.unwrap();
            if leased.iter().any(|leased| leased.envelope.id.as_str() == "waits") {
                break;
            }
            // The other one comes again and again.
            assert!(leased.iter().all(|leased| leased.attempt < 20), "nobody has the second place");
        }
    });
}
