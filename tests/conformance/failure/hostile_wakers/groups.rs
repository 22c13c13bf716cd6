//! Sets, merges and other groups, which hold one waker for many, and deadlines.

use super::rows::{Hand, Row, Signal, none, row, run};
use anyscope::{
    Clock, FixedFutureSet, FutureMap, Instant, Limit, OwnedScope, StreamMap, StreamSet, Timer,
    WakeSlots, concurrent, flow, join, race, race_ok, try_join,
};
use futures_core::Stream;
use futures_util::stream::once;
use std::{
    future::{Future, pending, poll_fn},
    pin::{Pin, pin},
    time::Duration,
};

/// The rows of this file.
pub(super) fn rows() -> Vec<Row> {
    vec![
        group("StreamSet", async |signal| {
            let mut set = StreamSet::new();
            set.push(Box::pin(once(signal.wait())));
            poll_fn(|cx| Pin::new(&mut set).poll_next(cx)).await;
        }),
        group("FutureMap", async |signal| {
            let mut map = FutureMap::new();
            map.insert("key", signal.wait()).unwrap();
            map.insert("other", signal.wait()).unwrap();
            for _ in 0..2 {
                poll_fn(|cx| Pin::new(&mut map).poll_next(cx)).await;
            }
        }),
        group("StreamMap", async |signal| {
            let mut map = StreamMap::new();
            map.insert("key", Box::pin(once(signal.wait()))).unwrap();
            poll_fn(|cx| Pin::new(&mut map).poll_next(cx)).await;
        }),
        group("FixedFutureSet", async |signal| {
            // As many as there are deeds, each of which has the row once.
            static SLOTS: WakeSlots<16> = WakeSlots::new();
            let mut set = pin!(FixedFutureSet::<_, 2>::new(&SLOTS).unwrap());
            set.as_mut().try_push(signal.wait()).unwrap();
            set.as_mut().try_push(signal.wait()).unwrap();
            for _ in 0..2 {
                poll_fn(|cx| set.as_mut().poll_next(cx)).await;
            }
        }),
        group("join", async |signal| {
            join((signal.wait(), signal.wait())).await;
        }),
        group("try_join", async |signal| {
            let wait = || async {
                signal.wait().await;
                Ok::<_, ()>(())
            };
            try_join((wait(), wait())).await.unwrap();
        }),
        group("join of many", async |signal| {
            join((0..20).map(|_| signal.wait())).await;
        }),
        group("race", async |signal| race((signal.wait(), pending())).await),
        group("race of many", async |signal| {
            race((0..20).map(|_| signal.wait())).await.unwrap();
        }),
        group("race_ok", async |signal| {
            let fails = async {
                signal.wait().await;
                Err::<(), _>("no")
            };
            let succeeds = async {
                signal.wait().await;
                Ok::<_, ()>(())
            };
            race_ok((fails, succeeds)).await.unwrap();
        }),
        group("merge", async |signal| {
            let merged = flow::merge((once(signal.wait()), once(signal.wait())));
            merged.collect::<Vec<_>>().await;
        }),
        group("flatten", async |signal| {
            let each = flow::iter([signal.wait(), signal.wait()]).map(once);
            each.flatten(Limit::new(2)).collect::<Vec<_>>().await;
        }),
        group("switch", async |signal| {
            flow::iter([once(signal.wait())]).switch().collect::<Vec<_>>().await;
        }),
        group("map_concurrent", async |signal| {
            let mapped =
                flow::iter(0..3).map_concurrent(Limit::new(2), async |_| signal.wait().await);
            mapped.collect::<Vec<_>>().await;
        }),
        group("children that are polled by their scope", async |signal| {
            concurrent(async |s| {
                let child = s.spawn(signal.wait());
                s.spawn(signal.wait());
                child.await.unwrap();
            })
            .await;
        }),
        row("a deadline of a scope", |memory| {
            let (exec, time) = (Hand::default(), Signal::default());
            let scope = OwnedScope::new(&exec);
            scope.deadline(&OneMoment(time.clone()), OneMoment::IT);
            let handle = scope.spawn(pending::<()>());
            exec.run();
            let waits = async move {
                let _memory = memory;
                let error = handle.await.unwrap_err();
                assert!(error.is_cancelled());
                scope.close().await;
            };
            let poll = exec.clone();
            let end = Box::new(move || {
                time.fire();
                poll.run();
            });
            (waits, None, end, run(&exec))
        }),
    ]
}

/// A group that is over when the signal was fired, which calls the wakers itself.
fn group<F>(name: &'static str, waits: impl FnOnce(Signal) -> F + Send + 'static) -> Row
where
    F: Future<Output = ()> + Send + 'static,
{
    row(name, |memory| {
        let signal = Signal::default();
        let theirs = waits(signal.clone());
        let waits = async move {
            let _memory = memory;
            theirs.await;
        };
        (waits, None, Box::new(move || signal.fire()), none())
    })
    .unwinding()
}

/// A timer for which all time passes at once, when the signal is fired.
#[derive(Clone)]
struct OneMoment(Signal);

impl OneMoment {
    const START: Instant = Instant::from_epoch(Duration::ZERO);
    const IT: Instant = Self::START.saturating_add(Duration::from_secs(1));
}

impl Clock for OneMoment {
    fn now(&self) -> Instant {
        if self.0.is_fired() { Self::IT } else { Self::START }
    }
}

impl Timer for OneMoment {
    type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

    fn sleep(&self, _: Duration) -> Self::Sleep {
        Box::pin(self.0.wait())
    }
}
