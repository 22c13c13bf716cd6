//! How far it is, and how it goes: Haiway's monitored batch, concurry's progress, the article's timer.
//!
//! | there | here |
//! |---|---|
//! | concurry `progress=True` | `.progress(&clock, Bar::new("pages").observer())` |
//! | `progress={"desc": .., "unit": .., "colour": ..}` | `Bar::new(desc).unit(..).color(..)`, `.width(..)`, `.rate()`, `.nested(..)` |
//! | `pbar.success(..)`, `pbar.failure(..)` | `bar.finish_with_message(..)`, which returns the text, too |
//! | `progress=callback(completed, total, elapsed)` | `.progress(&clock, \|p\| ..)`: `done`, `failed`, `total`, `elapsed` |
//! | log every n items | `p.done % n == 0`, in the observer |
//! | Haiway: an event when an item starts, fails or ends, and a histogram | in the function: `clock.now()` before and after |
//! | `with timer():` of the article | the same |
//! | effectpy's supervisor, `on_failure` | `s.on_event(..)`: what panicked, failed or was dropped, by name |
//!
//! Metrics and traces are not here yet: rows H-20, H-21 and H-77 say so. Shown are H-77, C-36 to C-42, A-03, A-25
//! and E-62 of `docs/from-the-seeds.md`.
//!
//! ```text
//! cargo run -p examples --bin watch_a_batch
//! ```

use anyscope::{
    Clock, Timer, flow,
    flow::Progress,
    observe::Event,
    progress::{Bar, Color},
    scope,
    sim::{Sim, SimHandle},
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

const SECOND: Duration = Duration::from_secs(1);

/// Most take a second, every fourth takes three, and 13 is bad luck.
async fn work(sim: &SimHandle, n: u32) -> Result<u32, &'static str> {
    sim.sleep(if n % 4 == 0 { 3 * SECOND } else { SECOND }).await;
    if n == 13 { Err("bad luck") } else { Ok(n) }
}

async fn callback(sim: &SimHandle) {
    let log = Mutex::new(vec![]);
    let done = flow::iter(0..20)
        .map_concurrent(5, async |n| work(sim, n).await)
        .unordered()
        .try_progress(sim, |Progress { done, failed, total, elapsed, .. }| {
            if done % 5 == 0 {
                let total = total.expect("as many as the source says");
                log.lock().unwrap().push(format!("{done}/{total}, {failed} failed, {elapsed:?}"));
            }
        });
    assert_eq!(done.filter_ok().count().await, 19);
    let log = log.into_inner().unwrap();
    println!("{}", log.join("\n"));
    assert_eq!(log.last().map(String::as_str), Some("20/20, 1 failed, 7s"));
}

async fn bar(sim: &SimHandle) {
    // Nothing is drawn where stderr is no terminal.
    let days = Bar::new("days").color(Color::Green).rate();
    let files = flow::iter(1..=5)
        .map_concurrent(2, async |day| {
            let files = days.nested("files").unit("files").width(20);
            let done = flow::iter(0..day).map_concurrent(2, async |n| work(sim, n).await);
            done.try_progress(sim, files.observer()).count().await
        })
        .progress(sim, days.observer())
        .fold(0, async |sum, files| sum + files);
    assert_eq!(files.await, 15);
    let text = days.finish_with_message("all there");
    println!("{text}");
    assert!(text.starts_with("days 5/5, ") && text.ends_with(": all there"));
}

async fn histogram(sim: &SimHandle) {
    let times = Mutex::new(BTreeMap::new());
    let timed = async |n| {
        let begun = sim.now();
        let result = work(sim, n).await;
        let took = sim.now() - begun;
        *times.lock().unwrap().entry(took).or_insert(0) += 1;
        result
    };
    flow::iter(0..20).map_concurrent(5, timed).count().await;
    let times = times.into_inner().unwrap();
    for (took, count) in &times {
        println!("{took:>3?} {}", "#".repeat(*count));
    }
    assert_eq!(times, BTreeMap::from([(SECOND, 15), (3 * SECOND, 5)]));
}

async fn failures(sim: &SimHandle) {
    let log = Arc::new(Mutex::new(vec![]));
    let seen = log.clone();
    scope(sim, async |s| {
        s.on_event(move |event| {
            if let Event::Panicked { child, .. } = event {
                let name = child.name.unwrap_or("a child");
                seen.lock().unwrap().push(format!("{name} has panicked"));
            }
        });
        let importer = s.spawn_named("importer", async {
            std::panic::resume_unwind(Box::new("no disk")) // Without what a panic prints.
        });
        s.spawn_named("exporter", async {});
        let failed: Result<(), _> = importer.await;
        assert!(failed.unwrap_err().is_panic());
    })
    .await;
    let log = log.lock().unwrap();
    println!("{}", log.join("\n"));
    assert_eq!(*log, ["importer has panicked"]);
}

async fn show(sim: SimHandle) {
    callback(&sim).await;
    bar(&sim).await;
    histogram(&sim).await;
    failures(&sim).await;
}

fn main() {
    Sim::new(1).run(show).unwrap();
}

#[test]
fn in_many_orders() {
    anyscope::sim::explore(20, show);
}
