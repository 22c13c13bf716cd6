//! Notifies many users, a few at the same time, and lets failures be: side effects with a limit.
//!
//! Three ways to deal with failures: forget them, stop at the first, or look at each. `main` runs
//! them in a simulation, where minutes pass at once and every moment is exact.
//!
//! ```text
//! cargo run -p examples --bin notify_users
//! ```

use anyscope::{
    Limit, Timer, flow,
    sim::{Sim, SimHandle},
};
use std::{cell::Cell, fmt, time::Duration};

/// Someone else's mail server. It takes a second for a mail.
struct Mail<T> {
    timer: T,
    open: Cell<usize>,
    most: Cell<usize>,
    sent: Cell<usize>,
}

#[derive(Debug, PartialEq)]
struct Bounced {
    user: u32,
}

impl fmt::Display for Bounced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "user {} has no address", self.user)
    }
}

impl<T: Timer> Mail<T> {
    fn new(timer: T) -> Self {
        Mail { timer, open: Cell::new(0), most: Cell::new(0), sent: Cell::new(0) }
    }

    async fn send(&self, user: u32) -> Result<(), Bounced> {
        self.open.set(self.open.get() + 1);
        self.most.set(self.most.get().max(self.open.get()));
        self.timer.sleep(Duration::from_secs(1)).await;
        self.open.set(self.open.get() - 1);
        if user % 10 == 3 {
            return Err(Bounced { user });
        }
        self.sent.set(self.sent.get() + 1);
        Ok(())
    }
}

/// Everyone is notified who can be. What goes wrong is printed, and ends nothing.
async fn notify_all(
    mail: &Mail<impl Timer>,
    limit: Limit,
    users: impl Iterator<Item = u32>,
) -> usize {
    flow::iter(users)
        .map_concurrent(limit, async |user| mail.send(user).await)
        .unordered()
        .inspect_err(|bounced| println!("  ignored: {bounced}"))
        .filter_ok()
        .count()
        .await
}

/// The first failure ends it: nobody else is notified, and mails under way are given up.
async fn notify_or_stop(
    mail: &Mail<impl Timer>,
    limit: Limit,
    users: impl Iterator<Item = u32>,
) -> Result<(), Bounced> {
    flow::iter(users).try_for_each_concurrent(limit, async |user| mail.send(user).await).await
}

/// Everyone is notified who can be; gives those who could not be, by their place in the list.
async fn notify_and_report(
    mail: &Mail<impl Timer>,
    limit: Limit,
    users: impl Iterator<Item = u32>,
) -> Vec<(usize, Bounced)> {
    flow::iter(users)
        .map_concurrent(limit, async |user| mail.send(user).await)
        .partition_results()
        .await
        .failures
}

async fn show(sim: SimHandle) {
    let (limit, users) = (Limit::new(5), || 100..120);

    let mail = Mail::new(&sim);
    assert_eq!(notify_all(&mail, limit, users()).await, 18);
    assert_eq!(mail.most.get(), 5, "never more than the limit");
    println!("18 of 20 notified, five at a time, in {:?}", sim.elapsed());
    assert_eq!(sim.elapsed(), Duration::from_secs(4));

    let mail = Mail::new(&sim);
    let stopped = notify_or_stop(&mail, limit, users()).await;
    assert_eq!(stopped, Err(Bounced { user: 103 }));
    println!("stopped, since {}; {} were notified", stopped.unwrap_err(), mail.sent.get());
    assert!(mail.sent.get() < 5);

    let mail = Mail::new(&sim);
    let failures = notify_and_report(&mail, limit, users()).await;
    println!("not notified: {failures:?}");
    assert_eq!(failures, [(3, Bounced { user: 103 }), (13, Bounced { user: 113 })]);

    // Nobody to notify: done at once.
    assert_eq!(notify_all(&mail, limit, 0..0).await, 0);
}

fn main() {
    Sim::new(1).run(show).expect("no hang, and nothing left behind");
}
