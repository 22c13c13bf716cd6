//! Groups that are dropped at any point where they wait: nothing is left, and nothing is dropped twice.

use anyscope::{
    join, maybe, race, race_ok, scope,
    sim::{SimHandle, exhaust, explore},
    try_join,
};
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

/// Counts what is there.
#[derive(Clone, Default)]
struct Census {
    made: Arc<AtomicUsize>,
    dropped: Arc<AtomicUsize>,
}

struct Item(usize, Census);

impl Census {
    fn item(&self, number: usize) -> Item {
        self.made.fetch_add(1, SeqCst);
        Item(number, self.clone())
    }

    fn nothing_is_left(&self) {
        assert_eq!(self.made.load(SeqCst), self.dropped.load(SeqCst));
    }
}

impl Drop for Item {
    fn drop(&mut self) {
        self.1.dropped.fetch_add(1, SeqCst);
    }
}

/// Holds something while it waits, and yields something else; or fails with a third.
async fn member(sim: SimHandle, census: Census, number: usize) -> Result<Item, Item> {
    let held = census.item(number);
    for _ in 0..=number % 2 {
        sim.yield_now().await;
    }
    let item = census.item(held.0);
    if number % 3 == 2 { Err(item) } else { Ok(item) }
}

/// Runs all four, over `n` members, each dropped at some await.
async fn each_group(sim: SimHandle, n: usize) {
    let census = Census::default();
    let members = || (0..n).map(|number| member(sim.clone(), census.clone(), number));
    match sim.choose(5) {
        0 => {
            if let Some(values) = sim.cancel_somewhere(join(members())).await {
                assert_eq!(values.len(), n);
            }
        }
        1 => {
            if let Some(Ok(values)) = sim.cancel_somewhere(try_join(members())).await {
                assert!(values.iter().map(|item| item.0).eq(0..n));
                assert!(n < 3);
            }
        }
        2 => drop(sim.cancel_somewhere(race(members().collect::<Vec<_>>())).await),
        3 => {
            let keyed: BTreeMap<_, _> = members().enumerate().collect();
            if let Some(won) = sim.cancel_somewhere(race_ok(keyed)).await {
                let (key, item) = won.ok().expect("the first one succeeds");
                assert_eq!(key, item.0);
                // Its losers are gone by now.
                assert_eq!(census.made.load(SeqCst) - census.dropped.load(SeqCst), 1);
            }
        }
        _ => {
            let mut all = members();
            let (one, two) = (all.next().unwrap(), all.next().unwrap());
            let rest = race_ok(all.collect::<Vec<_>>());
            drop(sim.cancel_somewhere(join((one, maybe(two), rest))).await);
        }
    }
    census.nothing_is_left();
}

/// Given two members, then groups of them are dropped in each order at each await.
#[test]
fn few_are_dropped_at_each_await() {
    exhaust(20_000, |sim| each_group(sim, 2));
    exhaust(20_000, |sim| each_group(sim, 3));
}

/// Given many members, of which each is polled when it was woken, then groups of them are dropped at any await.
#[test]
fn many_are_dropped_at_any_await() {
    explore(400, |sim| each_group(sim, 10));
    explore(400, |sim| each_group(sim, 20));
    explore(100, |sim| each_group(sim, 100));
}

/// Given a group of children's handles which is dropped at any await, then no child is lost, and the scope waits for
/// all.
#[test]
fn groups_of_children_are_dropped_at_any_await() {
    explore(400, async |sim| {
        let census = Census::default();
        scope(&sim, async |s| {
            let spawn = |number| s.spawn(member(sim.clone(), census.clone(), number));
            let handles: Vec<_> = (0..20).map(spawn).collect();
            match sim.choose(2) {
                0 => drop(sim.cancel_somewhere(join(handles)).await),
                _ => drop(sim.cancel_somewhere(race(handles)).await),
            }
        })
        .await;
        census.nothing_is_left();
    });
}
