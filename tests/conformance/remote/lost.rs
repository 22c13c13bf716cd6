//! An engine that loses what it had said was stored.

use crate::{
    cluster::{Runs, SECOND, serve, workers},
    faults::{ORDERS, remote},
    jobs::Number,
};
use anyscope::{flow, join, scope, sim::explore};
use anyscope_remote::{
    Memory,
    memory::{Faults, Link},
};
use std::{
    mem,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

/// Given an engine that loses what it had said was stored, again and again, and messages that are late, lost and delivered twice, then each call has its outcome, and
/// epochs of a job grow, so that the writes of its handlers can be fenced.
#[test]
fn j81_what_an_engine_has_lost_is_put_again() {
    static AGAIN: AtomicU32 = AtomicU32::new(0);
    explore(ORDERS, async |sim| {
        let (engine, runs) = (Memory::new(&sim), Runs::default());
        let epochs = Arc::new(Mutex::new([0; 6]));
        scope(&sim, async |s| {
            for _ in 0..2 {
                let (sim2, runs2, epochs) = (sim.clone(), runs.clone(), epochs.clone());
                let workers = workers(&engine).here(2).lease(6 * SECOND);
                s.spawn_daemon(serve(workers, &sim, &runs, move |n, cx| {
                    let last = mem::replace(&mut epochs.lock().unwrap()[n as usize], cx.epoch());
                    runs2.check(last < cx.epoch(), format!("{last}, then {}", cx.epoch()));
                    let sim = sim2.clone();
                    async move {
                        sim.dawdle(2 * SECOND).await;
                        Ok(n)
                    }
                }));
            }
            let (link, chooses) = (Link::new(), sim.clone());
            let faults = Faults { latest: Duration::from_millis(400), lost: 16, twice: 16 };
            link.faults(faults, move |options| chooses.choose(options));
            let caller = remote(&engine.over(&link), &sim).caller_lease(60 * SECOND);
            let calls =
                flow::iter(0..6).map_concurrent(4, |n| caller.call(Number(n))).collect::<Vec<_>>();
            let losses = async {
                for _ in 0..3 {
                    sim.dawdle(3 * SECOND).await;
                    engine.lose(sim.choose(5) as u32 * SECOND);
                }
            };
            let (all, ()) = join((calls, losses)).await;
            for (n, outcome) in (0..6).zip(all) {
                assert_eq!(outcome.unwrap(), n);
                AGAIN.fetch_add(runs.of(n) - 1, Relaxed);
            }
            s.cancel("done");
        })
        .await;
    });
    assert!(AGAIN.load(Relaxed) > 0, "nothing was lost");
}
