//! concurry's polling: how often to look at what cannot call.
//!
//! | there | here |
//! |---|---|
//! | `polling="adaptive"` | `poll_source::Adaptive` |
//! | `polling="fixed"` | `poll_source::Fixed` |
//! | `polling="exponential"` | `poll_source::Exponential` |
//! | `polling="progressive"` | `poll_source::Progressive` |
//! | `Poller(algorithm, interval=..)` | the fields of each |
//! | a result is seen 10 to 260 ms late | futures wake who waits: at once, and without a poll in between |
//!
//! Futures need none of this. What is left are things without a waker: a file that grows, a pin, a library of
//! another language. Numbers are those that concurry documents, not those that it has.
//!
//! Rows C-30 to C-35 and C-62 of `docs/from-the-seeds.md`.
//!
//! ```text
//! cargo run -p examples --bin polling
//! ```

use anyscope::{
    Clock, Timer,
    flow::{
        self,
        poll_source::{Adaptive, Exponential, Fixed, Progressive, Schedule},
    },
    join,
    sim::{Sim, SimHandle},
};
use std::{cell::Cell, task::Poll, time::Duration};

const MS: Duration = Duration::from_millis(1);

/// A device that has a value at these moments, and no way to say so.
const READY_AT: [Duration; 3] =
    [Duration::from_millis(7), Duration::from_millis(300), Duration::from_millis(2000)];

/// Returns how often it was asked, and how late each value was seen.
async fn watch(sim: &SimHandle, schedule: impl Into<Schedule>) -> (u32, Vec<Duration>) {
    let (begun, asked, taken) = (sim.elapsed(), Cell::new(0), Cell::new(0));
    let look = || {
        asked.set(asked.get() + 1);
        match READY_AT.get(taken.get()) {
            Some(at) if sim.elapsed() - begun >= *at => {
                taken.set(taken.get() + 1);
                Poll::Ready(Some(sim.elapsed() - begun - *at))
            }
            Some(_) => Poll::Pending,
            None => Poll::Ready(None),
        }
    };
    let late = flow::poll_source(sim, schedule, look).collect().await;
    (asked.get(), late)
}

async fn schedules(sim: &SimHandle) {
    let seen = [
        ("adaptive", watch(sim, Adaptive::default()).await),
        ("fixed", watch(sim, Fixed { every: 10 * MS }).await),
        ("exponential", watch(sim, Exponential::default()).await),
        ("progressive", watch(sim, Progressive::default()).await),
    ];
    for (name, (asked, late)) in &seen {
        println!("{name:>12}: asked {asked:>3} times, late by {late:?}");
    }
    let [adaptive, fixed, exponential, progressive] = seen.map(|(_, (asked, late))| {
        assert_eq!(late.len(), READY_AT.len());
        (asked, late.into_iter().max().unwrap())
    });
    assert_eq!(fixed.1, 3 * MS);
    assert!(adaptive.0 < fixed.0 && adaptive.1 <= 100 * MS);
    assert!(exponential.0 < adaptive.0 && exponential.1 <= 500 * MS);
    assert!(progressive.0 < fixed.0 && progressive.1 <= 100 * MS);
}

/// A future is polled when there is something to do: twice, here.
async fn no_polling(sim: &SimHandle) {
    let (begun, polls) = (sim.now(), Cell::new(0));
    let mut sleep = Box::pin(sim.sleep(1000 * MS));
    let counted = std::future::poll_fn(|cx| {
        polls.set(polls.get() + 1);
        sleep.as_mut().poll(cx)
    });
    join([counted]).await;
    let took = sim.now() - begun;
    println!("a future of one second: {took:?}, polled {} times", polls.get());
    assert_eq!((took, polls.get()), (1000 * MS, 2));
}

async fn show(sim: SimHandle) {
    schedules(&sim).await;
    no_polling(&sim).await;
}

fn main() {
    Sim::new(1).run(show).unwrap();
}

#[test]
fn in_many_orders() {
    anyscope::sim::explore(20, show);
}
