//! What a job on a file costs here, and in `apalis-sqlite`: write-ahead log, `synchronous = full`, one process, 64 jobs in flight that do nothing. Contenders take turns.
//!
//! ```text
//! cd benches/queues && cargo run --release
//! ```

mod ours;
mod theirs;

use anyscope_remote_tests::Figures;
use std::time::Instant;

const ROUNDS: usize = 5;
/// How many are asked at once, how many a worker runs at once, and how many it takes at once.
const AT_ONCE: usize = 64;
const JOBS: u32 = 2000;

fn main() {
    let mut figures = Figures::default();
    for _ in 0..ROUNDS {
        let rates = ours::measure();
        rates.add("anyscope-sqlite", &mut figures);
        // The fewer connections it has, the less they are in each other's way.
        for connections in [1, 2, 10] {
            let rates = theirs::measure(connections);
            rates.add(&format!("apalis-sqlite, {connections} connections"), &mut figures);
        }
    }
    figures.print();
}

/// Jobs a second.
struct Rates {
    /// Stored, one in each call.
    stored: f64,
    /// Done, of those that are there.
    drained: f64,
    /// Stored, done and heard of.
    called: f64,
}

impl Rates {
    fn add(&self, who: &str, figures: &mut Figures) {
        figures.add(format!("stored, {who} (1/s)"), self.stored);
        figures.add(format!("done of those that wait, {who} (1/s)"), self.drained);
        figures.add(format!("called, {who} (1/s)"), self.called);
    }
}

/// Returns how many of all jobs a second were dealt with.
async fn rate(work: impl AsyncFnOnce()) -> f64 {
    let begun = Instant::now();
    work().await;
    f64::from(JOBS) / begun.elapsed().as_secs_f64()
}
