//! Three servers, of which one is killed.

use crate::{
    fleet::site,
    processes::{all_are_done, jobs, kills},
    support::{Server, binary, free_port},
};
use anyscope_nats::Nats;
use anyscope_remote::{
    ErrorKind,
    engine::{Engine, Envelope, JobId, Queue},
};
use std::{thread, time::Duration};

/// Given three servers with a copy each, when they are killed and started again, each second time the one that leads the stream of jobs and otherwise one in turn, then each
/// job has one outcome.
#[test]
fn j65_servers_of_a_cluster_are_killed() {
    let Some(plan) = Plan::new() else { return };
    let mut servers: Vec<_> = (0..3).map(|n| plan.start(n)).collect();
    let addresses: Vec<_> = servers.iter().map(Server::address).collect();
    let site = site(addresses.join(","), 3);
    let _workers: Vec<_> = (0..2).map(|_| site.start("worker")).collect();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let client = runtime.block_on(async_nats::connect(addresses)).unwrap();
    let mut led = 0;
    smol::block_on(all_are_done(&site, jobs(150), kills(2).min(100), |n| {
        let leader = runtime.block_on(leader(&client));
        let killed = if n % 2 == 0 { leader } else { n as usize / 2 % 3 };
        led += u32::from(killed == leader);
        servers[killed].restart();
    }));
    println!("{led} of them led the stream of jobs");
}

/// Given a cluster of which only two servers have begun, so that it refuses three copies, when a queue with three copies is used, then that waits for the third server.
#[test]
fn j117_a_cluster_that_begins_has_time() {
    let Some(plan) = Plan::new() else { return };
    let servers = [plan.start(0), plan.start(1)];
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let client = runtime.block_on(async_nats::connect(servers[0].address())).unwrap();
    while !runtime.block_on(refuses_three(&client)) {}
    let engine = Nats::builder(servers[0].address()).replicas(3).connect();
    let engine = smol::block_on(engine).unwrap();
    thread::scope(|s| {
        let stored = s.spawn(|| {
            let job = || Envelope::new(JobId::parse("a").unwrap(), "a", 1, Vec::new());
            loop {
                match smol::block_on(engine.put(&Queue::from("forming"), vec![job()])) {
                    // The cluster looks for a leader.
                    Err(error) if error.kind() == ErrorKind::Unavailable => {}
                    stored => break stored,
                }
            }
        });
        // Long enough that it is refused, or this shows nothing.
        thread::sleep(Duration::from_millis(500));
        let _third = plan.start(2);
        assert_eq!(stored.join().unwrap().unwrap().len(), 1);
    });
}

async fn refuses_three(client: &async_nats::Client) -> bool {
    let config = r#"{ "name": "three", "subjects": ["three"], "num_replicas": 3 }"#;
    let answer = client.request("$JS.API.STREAM.CREATE.three", config.into()).await;
    answer.is_ok_and(|answer| String::from_utf8_lossy(&answer.payload).contains("10005"))
}

/// Where three servers find each other.
struct Plan([u16; 3]);

impl Plan {
    /// Says why a test does nothing, where there is no server.
    fn new() -> Option<Self> {
        if binary().is_none() {
            eprintln!("skipped: there is no `nats-server`; `apt-get install nats-server` has one");
            return None;
        }
        Some(Plan([(); 3].map(|()| free_port())))
    }

    fn start(&self, n: usize) -> Server {
        let all = self.0.map(|port| format!("nats://127.0.0.1:{port}")).join(",");
        let route = self.0[n];
        let settings = format!(
            "server_name: n{n}\ncluster {{ name: c, listen: \"127.0.0.1:{route}\", routes: [{all}] }}"
        );
        Server::start(&settings).unwrap()
    }
}

/// Returns which server leads the stream of jobs, as soon as one does.
async fn leader(client: &async_nats::Client) -> usize {
    loop {
        let info = client.request("$JS.API.STREAM.INFO.anyscope-tasks-work", "".into()).await;
        let info = info.ok().and_then(|info| serde_json::from_slice(&info.payload).ok());
        let info: serde_json::Value = info.unwrap_or_default();
        if let Some(name) = info["cluster"]["leader"].as_str() {
            return name.trim_start_matches('n').parse().unwrap();
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
