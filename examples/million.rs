//! A producer and fifty consumers over a million items, in constant memory, with a progress bar.
//!
//! In other words: why not make a million tasks? Because each takes memory, and whoever they ask
//! has to answer them all at once. With a limit there is no need for a queue, for a mark at its end,
//! for counting what is done, or for consumers that must not die: an item is taken from the source
//! when there is room for it, and a failure or a panic is a value of its item.
//!
//! ```text
//! cargo run --release -p examples --bin million
//! ```

use anyscope::{BlockOn, Clock, Limit, Timer, flow, progress::Bar, sim::Sim, smol::Smol};
use std::{
    cell::Cell,
    panic, thread,
    time::{Duration, Instant},
};

const FIFTY: Limit = Limit::new(50);

/// Something to do. Knows how many of its kind there are.
struct Job<'a> {
    number: u64,
    alive: &'a Counter,
}

#[derive(Default)]
struct Counter {
    now: Cell<usize>,
    most: Cell<usize>,
}

impl<'a> Job<'a> {
    fn new(number: u64, alive: &'a Counter) -> Self {
        alive.now.set(alive.now.get() + 1);
        alive.most.set(alive.most.get().max(alive.now.get()));
        Job { number, alive }
    }

    /// A job does something, waits for others, and sometimes fails.
    async fn run(self) -> Result<u64, &'static str> {
        futures_lite::future::yield_now().await;
        match self.number % 100_000 {
            7 => Err("no luck"),
            8 => panic!("a bug"),
            _ => Ok(self.number),
        }
    }
}

impl Drop for Job<'_> {
    fn drop(&mut self) {
        self.alive.now.set(self.alive.now.get() - 1);
    }
}

/// Runs so many jobs. Gives how many succeeded, failed, and panicked; and the most that were there
/// at the same time.
async fn run(clock: &impl Clock, jobs: u64) -> (usize, usize, usize, usize) {
    let (alive, bar) = (Counter::default(), Bar::new("jobs"));
    let (failed, panicked) = (Cell::new(0), Cell::new(0));
    let succeeded = flow::iter((0..jobs).map(|number| Job::new(number, &alive)))
        .map_concurrent(FIFTY, Job::run)
        .unordered()
        .catch_unwind()
        .inspect_err(|_| panicked.set(panicked.get() + 1))
        .map(|caught| caught.unwrap_or(Err("panicked")))
        .inspect_err(|_| failed.set(failed.get() + 1))
        .try_progress(clock, bar.observer())
        .filter_ok()
        .count()
        .await;
    (succeeded, failed.get() - panicked.get(), panicked.get(), alive.most.get())
}

/// The same with producers on threads of their own, and a channel in between that holds two items a
/// consumer. They wait while it is full; when the last of them has gone, the channel ends, and so
/// does this. Gives the sum of what came.
async fn run_with_producers(producers: u64, each: u64) -> u64 {
    let (sender, receiver) = async_channel::bounded(2 * FIFTY.get());
    for producer in 0..producers {
        let sender = sender.clone();
        thread::spawn(move || {
            for number in 0..each {
                // Nobody is there any more if this fails.
                let Ok(()) = sender.send_blocking(producer * each + number) else { return };
            }
        });
    }
    drop(sender);
    flow::stream(receiver)
        .map_concurrent(FIFTY, async |number| number)
        .unordered()
        .fold(0, async |sum, number| sum + number)
        .await
}

fn main() {
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let start = Instant::now();
    let counts = Smol.block_on(run(&Smol, 1_000_000));
    println!("{counts:?} in {:?}", start.elapsed());
    assert_eq!(counts, (999_980, 10, 10, 50));
    panic::set_hook(hook);

    let sum = Smol.block_on(run_with_producers(4, 25_000));
    assert_eq!(sum, (0..100_000).sum());

    // A thousand requests of a second each, fifty at a time: twenty seconds, to the nanosecond.
    let run = Sim::new(1).run(async |sim| {
        let request = async |_| sim.sleep(Duration::from_secs(1)).await;
        flow::iter(0..1000).for_each_concurrent(FIFTY, request).await;
        sim.elapsed()
    });
    assert_eq!(run.expect("no hang"), Duration::from_secs(20));
}
