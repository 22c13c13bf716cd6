//! Haiway's `AsyncStream`: producers push what happens, one consumer iterates over it, and neither is ahead
//! of the other. Here it is a handoff, which needs no event loop, and loses nothing:
//!
//! | there | here |
//! |---|---|
//! | `stream = AsyncStream()` | `let (sender, receiver) = handoff()` |
//! | `await stream.send(x)` | `sender.send(x).await`; an error has the item |
//! | `stream.finish()`, which drops what waits | `sender.close()`, which delivers it; `sender.abort()`, which hands it back |
//! | `stream.finish(error)` | `sender.close_with(Err(error))`, of a channel of results |
//! | `async for x in stream` | `flow::source(receiver)` |
//! | `ctx.stream(generator)` | `flow::generate(async \|yielder\| ..)` |
//!
//! Rows H-28 and H-53 to H-65 of `docs/from-the-seeds.md`.
//!
//! ```text
//! cargo run -p examples --bin async_stream
//! ```

use anyscope::{
    Spawn,
    channel::{Sender, TrySendError, handoff},
    flow, scope,
    sim::{Sim, SimHandle},
};

#[derive(Debug, PartialEq)]
enum Event {
    Key(char),
    Tick(u32),
}

type Events = Sender<Result<Event, &'static str>>;

/// A producer that waits until each event is taken.
async fn keys(events: Events) {
    for key in "hi".chars() {
        events.send(Ok(Event::Key(key))).await.unwrap();
    }
}

/// A callback, which cannot wait: it skips an event that nobody waits for.
fn on_tick(events: &Events, n: u32) -> bool {
    match events.try_send(Ok(Event::Tick(n))) {
        Ok(()) => true,
        Err(TrySendError::Full(_) | TrySendError::Closed(_)) => false,
    }
}

/// What came, up to the end or the first error.
async fn watch(exec: &(impl Spawn + Clone)) -> (Vec<Event>, Option<&'static str>) {
    let (sender, receiver) = handoff();
    scope(exec, async move |s| {
        s.spawn(async move {
            on_tick(&sender, 1);
            keys(sender.clone()).await;
            // What waits is received before this, and nothing after it.
            sender.close_with(Err("keyboard unplugged")).unwrap();
            assert!(sender.send(Ok(Event::Key('!'))).await.is_err());
        });
        flow::source(receiver)
            .fold((vec![], None), async |(mut seen, error), event| match event {
                Ok(event) => {
                    seen.push(event);
                    (seen, error)
                }
                Err(error) => (seen, Some(error)),
            })
            .await
    })
    .await
}

async fn show(sim: SimHandle) {
    let (seen, error) = watch(&sim).await;
    println!("{seen:?}, then: {error:?}");
    assert!(seen.ends_with(&[Event::Key('h'), Event::Key('i')]));
    assert_eq!(error, Some("keyboard unplugged"));

    // A generator: made as it is read, and dropped with its flow.
    let primes = flow::generate(async |yielder| {
        for n in 2_u32.. {
            let is_prime = (2..n).all(|d| n % d != 0);
            if is_prime && yielder.send(n).await.is_err() {
                break;
            }
        }
    });
    let first: Vec<_> = primes.take(5).collect().await;
    println!("{first:?}");
    assert_eq!(first, [2, 3, 5, 7, 11]);
}

fn main() {
    Sim::new(1).run(show).unwrap();
}

#[test]
fn in_many_orders() {
    anyscope::sim::explore(200, show);
}
