//! Fetches pages, a few at the same time, and gives them in order, however long each takes.
//!
//! Also: what becomes of failures, how a slow page is kept from holding up the others, and pages of
//! a listing that is itself read page by page. `main` runs it in a simulation, where minutes pass at
//! once and every moment is exact.
//!
//! ```text
//! cargo run -p examples --bin ordered_fetch
//! ```

use anyscope::{
    Timer, flow,
    sim::{Sim, SimHandle},
};
use std::{cell::Cell, time::Duration};

const SECOND: Duration = Duration::from_secs(1);
const THREE: usize = 3;

/// A page with an even number takes one second, the others three. Page 13 does not exist.
async fn fetch(timer: &impl Timer, page: u32) -> Result<String, String> {
    timer.sleep(if page % 2 == 0 { SECOND } else { 3 * SECOND }).await;
    if page == 13 { Err(format!("no page {page}")) } else { Ok(format!("<{page}>")) }
}

/// All pages in the order of their numbers, or the first error in that order.
async fn fetch_all(
    timer: &impl Timer,
    pages: impl IntoIterator<Item = u32>,
) -> Result<Vec<String>, String> {
    flow::iter(pages)
        .map_concurrent(THREE, async |page| fetch(timer, page).await)
        .try_collect()
        .await
}

/// All outcomes, each at its place: failures are values.
async fn fetch_what_there_is(
    timer: &impl Timer,
    pages: impl IntoIterator<Item = u32>,
) -> Vec<Result<String, String>> {
    flow::iter(pages)
        .map_concurrent(THREE, async |page| fetch(timer, page).await)
        .collect::<Vec<_>>()
        .await
}

/// The same, but a slow page lets up to eight more be fetched while they wait for it.
async fn fetch_ahead(timer: &impl Timer, pages: impl IntoIterator<Item = u32>) -> Vec<String> {
    flow::iter(pages)
        .map_concurrent(THREE, async |page| fetch(timer, page).await)
        .window(9)
        .filter_ok()
        .collect()
        .await
}

/// Fetches what a listing names, until that is enough. The listing is read in batches, one ahead of
/// those who use it, and no further than it is needed.
async fn fetch_listed(
    timer: &impl Timer,
    enough: usize,
    batches_read: &Cell<u32>,
) -> Result<Vec<String>, String> {
    let batch = async |number: u32| {
        batches_read.set(batches_read.get() + 1);
        timer.sleep(SECOND).await;
        number * 4..number * 4 + 4
    };
    flow::iter(0..)
        .map_concurrent(1, batch)
        .prefetch(1)
        .flatten_iter()
        .map_concurrent(THREE, async |page| fetch(timer, page).await)
        .take(enough)
        .try_collect()
        .await
}

async fn show(sim: SimHandle) {
    let start = |what| println!("{:>4?} {what}", sim.elapsed());

    start("all of six");
    let all = fetch_all(&sim, 0..6).await.unwrap();
    assert_eq!(all.concat(), "<0><1><2><3><4><5>");
    assert_eq!(sim.elapsed(), 6 * SECOND);

    start("the first failure ends it");
    assert_eq!(fetch_all(&sim, 12..1000).await, Err("no page 13".into()));

    start("failures at their places");
    let outcomes = fetch_what_there_is(&sim, 12..15).await;
    assert_eq!(outcomes, [Ok("<12>".into()), Err("no page 13".into()), Ok("<14>".into())]);

    start("a slow page, and others that do not wait for it");
    let before = sim.elapsed();
    let pages = [1, 2, 4, 6, 8, 10];
    assert_eq!(fetch_ahead(&sim, pages).await.concat(), "<1><2><4><6><8><10>");
    assert_eq!(sim.elapsed() - before, 3 * SECOND);

    start("ten pages of an endless listing");
    let batches_read = Cell::new(0);
    assert_eq!(fetch_listed(&sim, 10, &batches_read).await.unwrap().len(), 10);
    assert!(batches_read.get() <= 5, "{} batches of four were read", batches_read.get());

    start("done");
}

fn main() {
    Sim::new(1).run(show).expect("no hang, and nothing left behind");
}
