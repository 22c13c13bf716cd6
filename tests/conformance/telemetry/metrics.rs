//! Children are counted and measured, by name.

use ::metrics::{Counter, Gauge, Histogram, Key, KeyName, Recorder, SharedString, Unit};
use anyscope::{Clock, Instant, metrics::Metrics, observe::tree::Tree, scope, try_concurrent};
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use std::{
    collections::BTreeMap,
    future::pending,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};
use support::{Signal, behaviour, blow_up, until, yield_now, yields};

/// A clock that is a second later each time it is read.
#[derive(Clone, Default)]
struct Ticks(Arc<AtomicU64>);

impl Clock for Ticks {
    fn now(&self) -> Instant {
        Instant::from_epoch(Duration::from_secs(self.0.fetch_add(1, Relaxed)))
    }
}

/// What was recorded. A look of `metrics-util` takes away what it shows, so looks are added up.
struct Seen {
    new: Snapshotter,
    all: Mutex<BTreeMap<String, Vec<f64>>>,
}

/// Returns an observer, and what it records.
fn recorded() -> (Metrics, Seen) {
    let recorder = DebuggingRecorder::new();
    let seen = Seen { new: recorder.snapshotter(), all: Mutex::default() };
    (Metrics::new().clock(Ticks::default()).recorder(recorder), seen)
}

impl Seen {
    /// Returns what was recorded, by `queued{fetch}` and the like: a level, a count, or some times.
    fn look(&self) -> BTreeMap<String, Vec<f64>> {
        let mut all = self.all.lock().unwrap();
        for (key, _, _, value) in self.new.snapshot().into_vec() {
            let labels: Vec<_> = key.key().labels().map(|label| label.value()).collect();
            let name = key.key().name().strip_prefix("anyscope_child").unwrap();
            let name = name.strip_prefix("ren").unwrap_or(name).trim_start_matches('_');
            let name = name.trim_end_matches("_seconds").trim_end_matches("_total");
            let values = all.entry(format!("{name}{{{}}}", labels.join(", "))).or_default();
            let more = match value {
                DebugValue::Counter(count) => count as f64,
                DebugValue::Gauge(level) => level.into_inner(),
                DebugValue::Histogram(times) => {
                    values.extend(times.into_iter().map(|time| time.into_inner()));
                    continue;
                }
            };
            *values = vec![values.first().unwrap_or(&0.) + more];
        }
        all.clone()
    }
}

behaviour! {
    /// Given a child that is spawned, polled and ended, then it is queued, in flight and neither, its times are recorded, and it is
    /// counted by its outcome.
    o109_a_child_is_counted_and_measured in [spawned, inline] |ex| {
        let (metrics, seen) = recorded();
        let go = Signal::new();
        let work = open!(async |s| {
            s.spawn_named("fetch", go.wait());
            until(|| go.waiting() > 0).await;
            let now = seen.look();
            assert_eq!((&now["queued{fetch}"][..], &now["in_flight{fetch}"][..]), (&[0.][..], &[1.][..]));
            assert_eq!(now["first_poll{fetch}"], [1.]);
            go.fire();
        });
        Tree::builder().observer(metrics).build().watch(work).await;
        let now = seen.look();
        assert_eq!((&now["queued{fetch}"][..], &now["in_flight{fetch}"][..]), (&[0.][..], &[0.][..]));
        assert_eq!(now["duration{fetch}"], [2.]);
        assert_eq!((&now["ended{fetch, returned}"][..], &now["ended{fetch, failed}"][..]), (&[1.][..], &[0.][..]));
    }

    /// Given a child that nobody has polled yet, then it is queued, and no longer when it is cancelled.
    o110_who_waits_for_the_first_poll_is_queued |ex| {
        let (metrics, seen) = recorded();
        let work = anyscope::concurrent(async |s| {
            let child = s.spawn_named("fetch", pending::<()>());
            assert_eq!(seen.look()["queued{fetch}"], [1.]);
            child.abort();
        });
        Tree::builder().observer(metrics).build().watch(work).await;
        let now = seen.look();
        assert_eq!((&now["queued{fetch}"][..], &now["in_flight{fetch}"][..]), (&[0.][..], &[0.][..]));
        assert_eq!((&now["ended{fetch, cancelled}"][..], &now["first_poll{fetch}"][..]), (&[1.][..], &[][..]));
        let _ = ex;
    }

    /// Given children that fail, panic, or have no name, then they are counted so; given more names than are allowed, then the rest is
    /// `other`.
    o111_outcomes_and_names |ex| {
        let (metrics, seen) = recorded();
        let tree = Tree::builder().observer(metrics.names(2)).build();
        let failing = try_concurrent(async |s| {
            s.spawn(async { Err::<(), _>("no") });
            pending::<Result<(), _>>().await
        });
        tree.watch(failing).await.unwrap_err();
        let work = scope(&ex, async |s| {
            let _ = s.spawn_named("panics", async { blow_up::<()>("as asked") }).await;
            for name in ["a", "b", "c", "a"] {
                s.spawn_named(name, async {}).await.unwrap();
            }
        });
        tree.watch(work).await;
        let now = seen.look();
        assert_eq!(now["ended{unnamed, failed}"], [1.]);
        assert_eq!(now["ended{panics, panicked}"], [1.]);
        assert_eq!((&now["ended{a, returned}"][..], &now["ended{other, returned}"][..]), (&[2.][..], &[2.][..]));
        assert!(!now.contains_key("ended{b, returned}"));
    }

    /// Given a storm, then nobody is queued or in flight after it, and all are counted.
    o112_nothing_is_left_of_a_storm |ex| {
        let (metrics, seen) = recorded();
        let work = scope(&ex, async |s| {
            for n in 0..40 {
                let child = s.spawn_named("child", yields(n % 5));
                if n % 7 == 0 {
                    child.abort();
                }
                if n % 8 == 0 {
                    yield_now().await;
                }
            }
        });
        Tree::builder().observer(metrics).build().watch(work).await;
        let now = seen.look();
        assert_eq!((now["queued{child}"][0], now["in_flight{child}"][0]), (0., 0.));
        assert_eq!(now["ended{child, returned}"][0] + now["ended{child, cancelled}"][0], 40.);
    }

    /// Given a recorder that panics, then the program is as it would be without.
    o113_a_failing_recorder_breaks_nothing |ex| {
        let tree = Tree::builder().observer(Metrics::new().recorder(Panics)).build();
        let value = tree.watch(scope(&ex, async |s| s.spawn(async { 7 }).value().await)).await;
        assert_eq!((value, tree.failed_observers()), (7, 1));
    }
}

struct Panics;

impl Recorder for Panics {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, _: &Key, _: &::metrics::Metadata<'_>) -> Counter {
        blow_up("a recorder")
    }

    fn register_gauge(&self, _: &Key, _: &::metrics::Metadata<'_>) -> Gauge {
        blow_up("a recorder")
    }

    fn register_histogram(&self, _: &Key, _: &::metrics::Metadata<'_>) -> Histogram {
        blow_up("a recorder")
    }
}
