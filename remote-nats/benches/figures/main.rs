//! What a job costs over a server of NATS that runs beside it, with its default settings (one replica, on the disk every two minutes); contenders take turns.
//!
//! ```text
//! cargo bench -p anyscope-nats
//! ```
//!
//! It needs `nats-server`, which Debian's package of that name has.

#[path = "../../tests/nats/support.rs"]
#[allow(dead_code, unused_imports, unused_macros)]
mod support;

mod by_hand;

use anyscope::{flow, scope, smol::Smol};
use anyscope_nats::Nats;
use anyscope_remote::{Job, Json, Remote, Workers, engine::Engine};
use anyscope_remote_tests::Figures;
use by_hand::{Confirmed, Unconfirmed};
use std::time::Instant;
use tokio::runtime::Runtime;

#[derive(serde::Serialize, serde::Deserialize)]
struct Nothing(bool);

impl Job for Nothing {
    const NAME: &'static str = "nothing";
    type Output = ();
    type Error = String;
    type Codec = Json;
}

const QUEUE: &str = "figures";
const ROUNDS: usize = 5;
/// How many jobs a worker has at once.
const HERE: usize = 64;

fn main() {
    let Some(server) = support::Server::start("") else {
        eprintln!("there is no `nats-server`; `apt-get install nats-server` has one");
        return;
    };
    let runtime = Runtime::new().unwrap();
    let nats = smol::block_on(Nats::builder(server.address()).connect()).unwrap();
    let mut figures = Figures::default();
    let mut add = |name: &str, value| figures.add(name, value);
    let confirmed = runtime.block_on(by_hand::Line::<Confirmed>::open(&server.address()));
    let unconfirmed = runtime.block_on(by_hand::Line::<Unconfirmed>::open(&server.address()));
    for _ in 0..ROUNDS {
        add("64 at once, anyscope (1/s)", smol::block_on(with_workers(&nats, 64)));
        add("64 at once, by hand, the same protocol (1/s)", runtime.block_on(confirmed.rate(64)));
        add("64 at once, by hand, unconfirmed (1/s)", runtime.block_on(unconfirmed.rate(64)));
        let one = |rate: f64| 1e6 / rate;
        add("one by one, anyscope (us)", one(smol::block_on(with_workers(&nats, 1))));
        add(
            "one by one, by hand, the same protocol (us)",
            one(runtime.block_on(confirmed.rate(1))),
        );
        add("one by one, by hand, unconfirmed (us)", one(runtime.block_on(unconfirmed.rate(1))));
        for taken in smol::block_on(cancel(&nats)) {
            add("from a dropped call to the token (us)", taken);
        }
    }
    figures.print();
}

/// Calls a second, with the worker in this process.
async fn with_workers(nats: &Nats, at_once: usize) -> f64 {
    scope(&Smol, async |s| {
        let workers = Workers::new(nats, QUEUE).here(HERE);
        s.spawn_daemon(workers.serve(&Smol, &Smol, async |_: Nothing, _| Ok(())));
        let remote = Remote::<Nothing>::new(nats, &Smol, QUEUE);
        remote.call(Nothing(false)).await.unwrap();
        let number = jobs(at_once);
        let begun = Instant::now();
        let all = flow::iter(0..number).map_concurrent(at_once, |_| remote.call(Nothing(false)));
        assert_eq!(all.filter(|outcome| outcome.is_err()).count().await, 0);
        number as f64 / begun.elapsed().as_secs_f64()
    })
    .await
}

fn jobs(at_once: usize) -> usize {
    if at_once == 1 { 300 } else { 6000 }
}

/// How long it takes until the token of a handler is cancelled, in microseconds.
async fn cancel(nats: &Nats) -> Vec<f64> {
    let (begun, seen) = smol::channel::unbounded();
    scope(&Smol, async |s| {
        let workers = Workers::new(nats, QUEUE).here(HERE);
        s.spawn_daemon(workers.serve(&Smol, &Smol, move |Nothing(waits), cx| {
            let begun = begun.clone();
            async move {
                if waits {
                    begun.send(Instant::now()).await.unwrap();
                    cx.token().cancelled().await;
                    begun.send(Instant::now()).await.unwrap();
                }
                Ok(())
            }
        }));
        let remote = Remote::<Nothing>::new(nats, &Smol, QUEUE);
        let mut taken = Vec::new();
        for _ in 0..40 {
            let call = s.spawn(remote.call(Nothing(true)));
            seen.recv().await.unwrap();
            let dropped = Instant::now();
            call.cancel().await.unwrap_err();
            let told = seen.recv().await.unwrap();
            taken.push(told.saturating_duration_since(dropped).as_secs_f64() * 1e6);
        }
        while !nats.status(&QUEUE.into()).await.unwrap().running.is_empty() {}
        taken
    })
    .await
}
