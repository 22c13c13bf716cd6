//! What must be released: Haiway's disposables, effectpy's `acquire_release`, finalizers and layers.
//!
//! | there | here |
//! |---|---|
//! | `ctx.scope(disposables=[..])` | `s.acquire(acquire, release)`; released when body and children are gone |
//! | disposables that are entered at the same time | `join` of acquires |
//! | `acquire_release(acquire, release, use)` | `bracket(&exec, acquire, use, release)` |
//! | `ensuring(finalizer)`, `scope.add_finalizer(..)` | `s.defer(..)`; the last one first, all of them |
//! | a finalizer that fails, whose error is swallowed | an error in the `rest` of the scope's |
//! | `uninterruptible(effect)`, which protects nothing | `shield(..)` |
//! | `uninterruptibleMask(restore)`, which crashes | `shield_with(\|restore\| ..)` |
//! | a release that hangs | `s.cleanup_budget(&timer, d)` |
//!
//! Rows H-24, H-25, E-38 to E-42 and E-55 to E-57 of `docs/from-the-seeds.md`.
//!
//! ```text
//! cargo run -p examples --bin resources
//! ```

use anyscope::{
    Grace, ScopeError, Timer, bracket, join, scope, shield,
    sim::{Sim, SimHandle},
    try_scope,
};
use std::{
    future::pending,
    sync::{Arc, Mutex},
    time::Duration,
};

const SECOND: Duration = Duration::from_secs(1);

/// What happened, in this order.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn add(&self, line: impl Into<String>) {
        self.0.lock().unwrap().push(line.into());
    }

    fn take(&self) -> Vec<String> {
        let lines: Vec<_> = self.0.lock().unwrap().drain(..).collect();
        println!("{}", lines.join(", "));
        lines
    }
}

/// Opens in a second; a release that says so.
async fn open(sim: &SimHandle, name: &'static str) -> &'static str {
    sim.sleep(SECOND).await;
    name
}

async fn disposables(sim: &SimHandle, log: &Log) {
    let begun = sim.elapsed();
    scope(sim, async |s| {
        let close = |log: Log| async move |name: Arc<&str>| log.add(format!("close {name}"));
        let database = s.acquire(open(sim, "database"), close(log.clone()));
        let cache = s.acquire(open(sim, "cache"), close(log.clone()));
        let (database, cache) = join((database, cache)).await;
        assert_eq!(sim.elapsed() - begun, SECOND);
        let (timer, log) = (sim.clone(), log.clone());
        // Its resources are there for as long as it is.
        s.spawn(async move {
            timer.sleep(SECOND).await;
            log.add(format!("use {database} and {cache}"));
        });
    })
    .await;
    let lines = log.take();
    assert_eq!((lines.len(), &*lines[0]), (3, "use database and cache"));
}

async fn used_once(sim: &SimHandle, log: &Log) {
    let close = |log: Log| async move |_| log.add("close file");
    let length = bracket(sim, open(sim, "file"), async |file| file.len(), close(log.clone())).await;
    assert_eq!((length, log.take()), (4, vec!["close file".into()]));

    // Dropped in the middle of its use: the release runs on the executor.
    let used = bracket(sim, open(sim, "file"), async |_| pending::<()>().await, close(log.clone()));
    assert!(anyscope::timeout(sim, 2 * SECOND, used).await.is_err());
    sim.idle().await;
    assert_eq!(log.take(), ["close file"]);
}

async fn finalizers(sim: &SimHandle, log: &Log) {
    let result: Result<(), ScopeError<String>> = try_scope(sim, async |s| {
        for name in ["first", "second"] {
            let log = log.clone();
            s.defer(async move {
                log.add(name);
                Err::<(), _>(format!("{name} cannot be closed"))
            });
        }
        Err("no such page".into())
    })
    .await;
    assert_eq!(log.take(), ["second", "first"]);
    let Err(ScopeError::Failed { first, rest }) = result else { panic!("it failed") };
    println!("{first}; and {rest:?}");
    assert_eq!((&*first, rest.len()), ("no such page", 2));
}

async fn uninterruptible(sim: &SimHandle, log: &Log) {
    scope(sim, async |s| {
        let (timer, log) = (sim.clone(), log.clone());
        s.spawn(async move {
            shield(async {
                timer.sleep(5 * SECOND).await;
                log.add("committed");
            })
            .await;
            pending::<()>().await;
        });
        sim.sleep(SECOND).await;
        s.cancel_with(sim, Grace::For(SECOND), "closing");
    })
    .await;
    assert_eq!(log.take(), ["committed"]);
}

async fn show(sim: SimHandle) {
    let log = Log::default();
    disposables(&sim, &log).await;
    used_once(&sim, &log).await;
    finalizers(&sim, &log).await;
    uninterruptible(&sim, &log).await;
}

fn main() {
    Sim::new(1).run(show).unwrap();
}

#[test]
fn in_many_orders() {
    anyscope::sim::explore(50, show);
}
