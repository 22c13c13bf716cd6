//! Three servers, of which one is killed.

use crate::{
    fleet::site,
    processes::{all_are_done, jobs, kills},
    support::{Server, binary, free_port},
};

/// Given three servers with a copy each, when they are killed and started again in turn, the leader among them, then each job has one outcome.
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
    smol::block_on(all_are_done(&site, jobs(150), kills(2).min(30), |n| {
        servers[n as usize % 3].restart();
    }));
}
