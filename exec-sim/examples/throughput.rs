//! How many polls a second a simulation does: `cargo run --release --example throughput`.

use anyscope_core::{Timer, scope};
use anyscope_sim::Sim;
use std::{
    cell::Cell,
    time::{Duration, Instant},
};

fn main() {
    let start = Instant::now();
    let polls = Cell::new(0u64);
    for seed in 0..2_000 {
        Sim::new(seed)
            .run(async |sim| {
                scope(&sim, async |s| {
                    for n in 0..20 {
                        let sim = sim.clone();
                        s.spawn(async move {
                            for _ in 0..20 {
                                sim.yield_now().await;
                            }
                            sim.sleep(Duration::from_secs(n)).await;
                        });
                    }
                })
                .await;
                polls.set(polls.get() + 20 * 22);
            })
            .unwrap();
    }
    let elapsed = start.elapsed();
    let per_second = polls.get() as f64 / elapsed.as_secs_f64();
    println!("{} polls in {elapsed:?}: {:.2} million a second", polls.get(), per_second / 1e6);
}
