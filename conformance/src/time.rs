//! Sleeps, and a clock.

use crate::{
    Adapter,
    tools::{on, yield_now},
};
use anyscope_core::{Clock, Spawn, Timer, scope, timeout};
use std::{
    future::{Future, pending},
    pin::pin,
    sync::{Arc, Mutex},
    task::{Context, Waker},
    time::Duration,
};

const TICK: Duration = Duration::from_millis(5);

/// What this module tests.
pub trait Timed: Spawn + Timer<Sleep: Send + 'static> + Clock {}

impl<T: Spawn + Timer<Sleep: Send + 'static> + Clock> Timed for T {}

/// A sleep is as long as was asked for, or longer, by the clock of the same handle.
pub fn no_sleep_is_short<A: Adapter<Handle: Timed>>() {
    on::<A>(async |exec| {
        for ticks in 1..4 {
            let start = exec.now();
            exec.sleep(ticks * TICK).await;
            let slept = exec.now().saturating_duration_since(start);
            assert!(slept >= ticks * TICK, "a sleep of {:?} took {slept:?}", ticks * TICK);
        }
    });
}

/// A sleep of no time ends.
pub fn no_time_at_all<A: Adapter<Handle: Timed>>() {
    on::<A>(async |exec| exec.sleep(Duration::ZERO).await);
}

/// Sleeps that began together end in the order of their lengths.
pub fn sleeps_end_in_order<A: Adapter<Handle: Timed>>() {
    on::<A>(async |exec| {
        let ended = Arc::new(Mutex::new(Vec::new()));
        scope(&exec, async |s| {
            for ticks in [9, 1, 5] {
                let (timer, ended) = (exec.clone(), ended.clone());
                s.spawn(async move {
                    timer.sleep(4 * ticks * TICK).await;
                    ended.lock().unwrap().push(ticks);
                });
            }
        })
        .await;
        assert_eq!(*ended.lock().unwrap(), [1, 5, 9]);
    });
}

/// A sleep that is longer than clocks reach does not panic, does not end, and may be dropped.
pub fn the_longest_sleep<A: Adapter<Handle: Timed>>() {
    on::<A>(async |exec| {
        let mut sleep = pin!(exec.sleep(Duration::MAX));
        for _ in 0..3 {
            assert!(sleep.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            yield_now().await;
        }
    });
}

/// A thousand sleeps at once.
pub fn many_sleeps<A: Adapter<Handle: Timed>>() {
    on::<A>(async |exec| {
        scope(&exec, async |s| {
            for n in 0..1000 {
                let timer = exec.clone();
                s.spawn(async move { timer.sleep(TICK / 5 * (n % 10)).await });
            }
        })
        .await;
    });
}

/// A time limit ends what takes longer, and not what is there.
pub fn a_time_limit<A: Adapter<Handle: Timed>>() {
    on::<A>(async |exec| {
        assert!(timeout(&exec, TICK, pending::<()>()).await.is_err());
        assert_eq!(timeout(&exec, Duration::from_secs(3600), async { 7 }).await, Ok(7));
    });
}

/// The clock never shows less than before.
pub fn the_clock_does_not_go_back<A: Adapter<Handle: Timed>>() {
    on::<A>(async |exec| {
        let mut last = exec.now();
        for _ in 0..1000 {
            let now = exec.now();
            assert!(now >= last, "{now:?} after {last:?}");
            last = now;
        }
    });
}
