//! Three servers, of which one is killed.

use crate::{
    fleet::site,
    processes::{all_are_done, jobs, kills},
    support::{Server, binary, free_port},
};
use std::time::Duration;

/// Given three servers with a copy each, when they are killed and started again, each second time the one that leads the stream of jobs and otherwise one in turn, then each
/// job has one outcome.
#[test]
fn j65_servers_of_a_cluster_are_killed() {
    if binary().is_none() {
        eprintln!("skipped: there is no `nats-server`; `apt-get install nats-server` has one");
        return;
    }
    let routes = [(); 3].map(|()| free_port());
    let all: Vec<_> = routes.iter().map(|port| format!("nats://127.0.0.1:{port}")).collect();
    let all = all.join(",");
    let mut servers: Vec<_> = routes
        .iter()
        .enumerate()
        .map(|(n, route)| {
            let settings = format!(
                "server_name: n{n}\ncluster {{ name: c, listen: \"127.0.0.1:{route}\", routes: [{all}] }}"
            );
            Server::start(&settings).unwrap()
        })
        .collect();
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
