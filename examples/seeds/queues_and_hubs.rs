//! Queues, hubs and events of the seeds, with channels of other crates, which run on any executor.
//!
//! | there | here |
//! |---|---|
//! | effectpy `Queue(maxsize)`, Haiway `AsyncQueue()` | `async_channel::bounded(n)`, `unbounded()` |
//! | `close()`: what is in it is delivered, then the end | the same |
//! | a sender that is blocked at the close slips its item in later | an error, with the item in it |
//! | Haiway `AsyncQueue(limit=n)`: the oldest is dropped | `channel::queue(n, Overflow::DropOldest)`; whoever sends has it |
//! | effectpy `Hub`, Haiway `ctx.send` and `ctx.subscribe` | `tokio::sync::broadcast`, which is no runtime |
//! | a slow subscriber: unbounded, or everybody waits | it is told how many it has missed |
//! | `Channel`, whose receiver hangs when it is closed and empty | the end |
//! | an `async for` over any of them | `flow::stream(receiver)`, `flow::generate(..)` |
//!
//! A rendezvous is ours, see `async_stream`, and so is a queue that drops. Queues whose senders wait for room exist,
//! and are good.
//!
//! Rows H-27, H-66 to H-71 and E-68 to E-70 of `docs/from-the-seeds.md`.
//!
//! ```text
//! cargo run -p examples --bin queues_and_hubs
//! ```

use anyscope::{
    Timer,
    channel::{Overflow, queue},
    flow,
    flow::{Flow, Source},
    join, scope,
    sim::{Sim, SimHandle},
};
use std::time::Duration;
use tokio::sync::broadcast::{self, Receiver, error::RecvError};

const SECOND: Duration = Duration::from_secs(1);

async fn with_room(sim: &SimHandle) {
    let (sender, receiver) = async_channel::bounded(2);
    let done = scope(sim, async |s| {
        for producer in 0..3 {
            let sender = sender.clone();
            s.spawn(async move {
                for n in 0..10 {
                    sender.send(producer * 10 + n).await.expect("it is open");
                }
            });
        }
        drop(sender); // The last of the producers closes it.
        flow::stream(receiver).map_concurrent(4, async |n| n).collect::<Vec<u32>>().await
    });
    let mut done = done.await;
    done.sort();
    println!("three producers, {} items, a queue of two", done.len());
    assert_eq!(done, (0..30).collect::<Vec<_>>());
}

async fn closed(sim: &SimHandle) {
    let (sender, receiver) = async_channel::bounded(1);
    sender.send("delivered").await.unwrap();
    let blocked = sender.send("handed back");
    let close = async {
        sim.sleep(SECOND).await;
        sender.close()
    };
    let (blocked, _) = join((blocked, close)).await;
    println!("the sender has its item: {:?}", blocked.as_ref().unwrap_err().0);
    assert_eq!(blocked.unwrap_err().into_inner(), "handed back");
    assert_eq!(flow::stream(receiver).collect::<Vec<_>>().await, ["delivered"]);
}

async fn sliding() {
    let (sender, receiver) = queue(3, Overflow::DropOldest);
    let dropped: Vec<_> = (0..8).filter_map(|n| sender.send(n).unwrap()).collect();
    drop(sender);
    let kept: Vec<u32> = flow::source(receiver).collect().await;
    println!("dropped {dropped:?}, kept {kept:?}");
    assert_eq!((dropped, kept), (vec![0, 1, 2, 3, 4], vec![5, 6, 7]));
}

#[derive(Clone, Debug, PartialEq)]
enum Event {
    Signup(&'static str),
    Missed(u64),
}

/// What a subscriber sees, from its subscription on.
fn events(mut from: Receiver<Event>) -> Flow<impl Source<Item = Event>> {
    flow::generate(async move |seen| {
        loop {
            let event = match from.recv().await {
                Ok(event) => event,
                Err(RecvError::Lagged(count)) => Event::Missed(count),
                Err(RecvError::Closed) => break,
            };
            if seen.send(event).await.is_err() {
                break;
            }
        }
    })
}

async fn hub(sim: &SimHandle) {
    let (hub, early) = broadcast::channel(2);
    let seen = scope(sim, async |s| {
        let early = s.spawn(events(early).collect::<Vec<_>>());
        hub.send(Event::Signup("ada")).unwrap();
        sim.idle().await;
        let late = hub.subscribe();
        for name in ["bob", "cyd", "dan"] {
            hub.send(Event::Signup(name)).unwrap();
            sim.idle().await;
        }
        drop(hub);
        // It only begins to read now, and there is room for two.
        (early.await.unwrap(), events(late).collect::<Vec<_>>().await)
    });
    let (early, late) = seen.await;
    println!("from the begin: {early:?}\nlate and slow:  {late:?}");
    assert_eq!(early.len(), 4);
    assert_eq!(late, [Event::Missed(1), Event::Signup("cyd"), Event::Signup("dan")]);
}

async fn show(sim: SimHandle) {
    with_room(&sim).await;
    closed(&sim).await;
    sliding().await;
    hub(&sim).await;
}

fn main() {
    Sim::new(1).run(show).unwrap();
}

#[test]
fn in_many_orders() {
    anyscope::sim::explore(50, show);
}
