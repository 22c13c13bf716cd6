//! Haiway's `process_concurrently`, `execute_concurrently` and `concurrently`: many calls, some at a time.
//!
//! | there | here |
//! |---|---|
//! | `process_concurrently(source, handler, concurrent_tasks=3)` | `.try_for_each_concurrent(3, handler)` |
//! | the same with `ignore_exceptions=True` | `.map_concurrent(3, handler).inspect_err(log).filter_ok().count()` |
//! | `execute_concurrently(handler, elements)` | `.map_concurrent(3, handler).try_collect()`; in order |
//! | the same with `return_exceptions=True` | `.map_concurrent(3, handler).collect()` |
//! | `concurrently([call_a(), call_b()])` | `.buffered(2).collect()` |
//! | a limit of 0, which is an assertion | does not compile in a constant, and is an error of `Limit::try_from` |
//! | a handler that cancels itself, which counts as done | an outcome of its own: `JoinError::Cancelled` |
//!
//! Rows H-30 to H-44 of `docs/from-the-seeds.md`.
//!
//! ```text
//! cargo run -p examples --bin bounded_helpers
//! ```

use anyscope::{
    Limit, Timer, cancel_self, flow, join, scope,
    sim::{Sim, SimHandle},
};
use std::{
    cell::Cell,
    future::{Future, pending},
    pin::Pin,
    time::Duration,
};

const SECOND: Duration = Duration::from_secs(1);
const AT_A_TIME: Limit = Limit::new(3);

/// Sends a mail in a second; there is no user 4, which it finds out at once.
async fn send(sim: &SimHandle, user: u32) -> Result<String, String> {
    if user == 4 {
        return Err("user 4 has no address".into());
    }
    sim.sleep(SECOND).await;
    Ok(format!("sent to {user}"))
}

async fn process(sim: &SimHandle) {
    let (sending, most) = (Cell::new(0), Cell::new(0));
    let begun = sim.elapsed();
    let notify = async |user| {
        sending.set(sending.get() + 1);
        most.set(most.get().max(sending.get()));
        let sent = send(sim, user).await.map(drop);
        sending.set(sending.get() - 1);
        sent
    };
    let users = flow::iter([1, 2, 3, 5, 6, 7, 8]);
    assert_eq!(users.try_for_each_concurrent(AT_A_TIME, notify).await, Ok(()));
    println!("seven mails after {:?}, at most {} at a time", sim.elapsed() - begun, most.get());
    assert_eq!((sim.elapsed() - begun, most.get()), (3 * SECOND, 3));

    // The error is that of the handler, also while the source has nothing to give.
    let source = flow::generate(async |users| {
        users.send(4).await.unwrap();
        pending().await
    });
    let failed = source.try_for_each_concurrent(AT_A_TIME, notify).await;
    assert_eq!(failed, Err("user 4 has no address".into()));

    let sent = flow::iter(1..=8).map_concurrent(AT_A_TIME, async |user| send(sim, user).await);
    let sent = sent.inspect_err(|error| println!("skipped: {error}")).filter_ok().count().await;
    assert_eq!(sent, 7);
}

async fn execute(sim: &SimHandle) {
    let send = async |user| send(sim, user).await;
    let all: Result<Vec<_>, _> = flow::iter([3, 1, 2]).map_concurrent(2, send).try_collect().await;
    assert_eq!(all.unwrap(), ["sent to 3", "sent to 1", "sent to 2"]);

    let begun = sim.elapsed();
    let failed = flow::iter(1..=8).map_concurrent(AT_A_TIME, send).try_collect::<Vec<_>>().await;
    println!("{} after {:?}, and nothing runs on", failed.unwrap_err(), sim.elapsed() - begun);
    assert_eq!(sim.elapsed() - begun, SECOND);

    let each: Vec<_> = flow::iter(3..=5).map_concurrent(AT_A_TIME, send).collect().await;
    assert_eq!(each.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true]);
    assert!(Limit::try_from(0).is_err());
}

async fn different_calls(sim: &SimHandle) {
    type Call<'a> = Pin<Box<dyn Future<Output = Result<String, String>> + 'a>>;
    let greet = async { Ok("hello".to_owned()) };
    let calls: [Call<'_>; 3] = [Box::pin(send(sim, 9)), Box::pin(greet), Box::pin(send(sim, 4))];
    let answers: Vec<_> = flow::iter(calls).buffered(2).collect().await;
    println!("{answers:?}");
    assert_eq!(answers[..2], [Ok("sent to 9".to_owned()), Ok("hello".to_owned())]);

    // A call that cancels itself is neither done nor the end of the others.
    let each = scope(sim, async |s| {
        join([0, 1, 2].map(|n| {
            s.spawn(async move {
                if n == 1 {
                    cancel_self().expect("this is a child");
                    pending::<()>().await;
                }
                n
            })
        }))
        .await
    });
    let each = each.await;
    assert!(matches!(&each, [Ok(0), Err(error), Ok(2)] if error.is_cancelled()), "{each:?}");
}

async fn show(sim: SimHandle) {
    process(&sim).await;
    execute(&sim).await;
    different_calls(&sim).await;
}

fn main() {
    Sim::new(1).run(show).unwrap();
}

#[test]
fn in_many_orders() {
    anyscope::sim::explore(50, show);
}
