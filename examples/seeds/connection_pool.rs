//! effectpy's guide: a pool of 3 connections under a parallelism of 10, and a resource for each worker of
//! a pipeline.
//!
//! | there | here |
//! |---|---|
//! | a queue of connections, `get` and `put` around each use | `ResourcePool`, and a guard that goes back when it is dropped |
//! | `acquire_release(connect, disconnect)` | `Manage::create`, `Manage::destroy`, which is not forgotten |
//! | `via_acquire_release(acquire, release, f, workers)` | a pool of as many, and `.map_concurrent(workers, f)` |
//! | an acquire that fails ends the stream | `.try_collect()`, with the error of `get` |
//! | nothing: a connection that is broken stays in the queue | `Manage::recycle`, idle timeout, lifetime |
//!
//! Rows E-30 and E-84 of `docs/from-the-seeds.md`.
//!
//! ```text
//! cargo run -p examples --bin connection_pool
//! ```

use anyscope::{
    Grace, Timer, flow,
    pool::{
        Manage, ResourcePool,
        resources::{GetError, Guard},
    },
    sim::{Sim, SimHandle},
};
use std::{
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::Duration,
};

const SECOND: Duration = Duration::from_secs(1);

/// A server that accepts so many connections, and then none any more.
struct Server {
    sim: SimHandle,
    accepts: usize,
    accepted: AtomicUsize,
    good_byes: AtomicUsize,
}

struct Connection {
    number: usize,
    works: bool,
}

impl Server {
    fn new(sim: &SimHandle, accepts: usize) -> Self {
        let (accepted, good_byes) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Server { sim: sim.clone(), accepts, accepted, good_byes }
    }

    /// Answers in a second.
    async fn ask(&self, connection: &Connection, question: u32) -> u32 {
        self.sim.sleep(SECOND).await;
        println!("{:?}: connection {} asks {question}", self.sim.elapsed(), connection.number);
        question * question
    }
}

impl Manage for Server {
    type Resource = Connection;
    type Error = String;

    async fn create(&self) -> Result<Connection, String> {
        let number = self.accepted.fetch_add(1, Relaxed);
        if number == self.accepts {
            return Err(format!("{} connections are enough", self.accepts));
        }
        Ok(Connection { number, works: true })
    }

    async fn recycle(&self, connection: &mut Connection) -> bool {
        connection.works
    }

    async fn destroy(&self, _: Connection) {
        self.sim.sleep(SECOND / 10).await;
        self.good_byes.fetch_add(1, Relaxed);
    }
}

/// Ten callers at a time share three connections.
async fn three_for_ten(sim: &SimHandle) {
    let pool = ResourcePool::builder(Server::new(sim, 3)).max(3).build(sim);
    let begun = sim.elapsed();
    let answers: Vec<u32> = flow::iter(0..12)
        .map_concurrent(10, async |question| {
            let connection = pool.get().await.expect("three are accepted");
            pool.manager().ask(&connection, question).await
        })
        .collect()
        .await;
    assert_eq!(answers, (0..12).map(|n| n * n).collect::<Vec<_>>());
    // Twelve questions, three at a time, a second each.
    assert_eq!(sim.elapsed() - begun, 4 * SECOND);
    assert_eq!(pool.status().created, 3);

    assert!(pool.close(Grace::Forever).await.is_clean());
    assert_eq!(pool.manager().good_byes.load(Relaxed), 3);
}

/// What does not work, or is too old, is replaced.
async fn replaced(sim: &SimHandle) {
    let pool = ResourcePool::builder(Server::new(sim, 9))
        .max(3)
        .idle_timeout(30 * SECOND)
        .max_lifetime(3600 * SECOND)
        .build(sim);
    pool.get().await.unwrap().works = false;
    assert_eq!(pool.get().await.unwrap().number, 1);
    Guard::discard(pool.get().await.unwrap());
    assert_eq!(pool.get().await.unwrap().number, 2);
    sim.sleep(31 * SECOND).await;
    assert_eq!((pool.status().idle, pool.status().destroyed), (0, 3));

    // Somebody does not return it.
    let held = pool.get().await.unwrap();
    let report = pool.close(Grace::For(5 * SECOND)).await;
    assert_eq!(report.lent, 1);
    println!("after five seconds: {report:?}");
    drop(held);
    assert!(pool.close(Grace::Forever).await.is_clean());
}

/// A connection for each of four workers, of which the last one gets none.
async fn one_for_each_worker(sim: &SimHandle) {
    let pool = ResourcePool::builder(Server::new(sim, 3)).max(4).build(sim);
    let answers: Result<Vec<u32>, GetError<String>> = flow::iter(0..)
        .map_concurrent(4, async |question| {
            let connection = pool.get().await?;
            Ok(pool.manager().ask(&connection, question).await)
        })
        .try_collect()
        .await;
    println!("{}", answers.unwrap_err());
    assert!(pool.close(Grace::Forever).await.is_clean());
    assert_eq!(pool.manager().good_byes.load(Relaxed), 3, "released after an error as well");
}

async fn show(sim: SimHandle) {
    three_for_ten(&sim).await;
    replaced(&sim).await;
    one_for_each_worker(&sim).await;
}

fn main() {
    Sim::new(1).run(show).unwrap();
}

#[test]
fn in_many_orders() {
    anyscope::sim::explore(50, show);
}
