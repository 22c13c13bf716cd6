//! The observer that records metrics.

use super::named::{ByName, Named};
use crate::{
    Clock, Instant,
    marks::Marks,
    observe::{Begin, Observer, Outcome, Subject, Who},
};
use ::metrics::Recorder;
use alloc::{boxed::Box, sync::Arc};
use core::{
    fmt,
    sync::atomic::{AtomicBool, Ordering},
};

/// An [`Observer`] that counts children and measures their time, by name. See the [module](super).
///
/// # Cost
///
/// Two reads of the clock for each child, a lock that is rarely met at each begin, poll and end, and what the recorder takes for six
/// values.
///
/// # Examples
///
/// In the time of a simulation, with ten names at most:
///
/// ```
/// use anyscope::{metrics::Metrics, observe::tree::Tree, sim::Sim};
///
/// let sim = Sim::new(0);
/// let metrics = Metrics::new().clock(sim.handle()).names(10);
/// let tree = Tree::builder().observer(metrics).build();
/// # let _ = tree;
/// ```
pub struct Metrics {
    by_name: ByName,
    clock: Box<dyn Clock + Send + Sync>,
    children: Marks<Child>,
}

/// What is known of a child.
struct Child {
    named: Arc<Named>,
    spawned: Instant,
    is_polled: AtomicBool,
}

impl Metrics {
    /// Returns an observer that records by the clock of the system, with a hundred names.
    ///
    /// It asks the recorder of the program for the metrics of each name when a child of that name is first spawned.
    /// Install the recorder before.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{metrics::Metrics, observe::tree::Tree};
    ///
    /// // Install the recorder of the program before: that of Prometheus, for example.
    /// let tree = Tree::builder().observer(Metrics::new()).build();
    /// assert!(tree.snapshot().scopes.is_empty());
    /// ```
    pub fn new() -> Self {
        Metrics { by_name: ByName::new(), clock: Box::new(SystemClock), children: Marks::new() }
    }

    /// Takes the time from this clock.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{metrics::Metrics, observe::tree::Tree, sim::Sim};
    ///
    /// // A test of what is recorded runs in the time of a simulation.
    /// let sim = Sim::new(7);
    /// let tree = Tree::builder().observer(Metrics::new().clock(sim.handle())).build();
    /// assert!(tree.snapshot().scopes.is_empty());
    /// ```
    pub fn clock(self, clock: impl Clock + Send + Sync + 'static) -> Self {
        Metrics { clock: Box::new(clock), ..self }
    }

    /// Sets how many names have metrics of their own; children of further names are recorded as `other`.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{metrics::Metrics, observe::tree::Tree};
    ///
    /// // A program that names its children after customers has too many names for metrics.
    /// let tree = Tree::builder().observer(Metrics::new().names(20)).build();
    /// assert!(tree.snapshot().scopes.is_empty());
    /// ```
    pub fn names(mut self, limit: usize) -> Self {
        self.by_name.limit = limit;
        self
    }

    /// Records to this recorder, and not to that of the program.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{concurrent, metrics::Metrics, observe::tree::Tree};
    /// use metrics_util::debugging::DebuggingRecorder;
    ///
    /// let recorder = DebuggingRecorder::new();
    /// let seen = recorder.snapshotter();
    /// let tree = Tree::builder().observer(Metrics::new().recorder(recorder)).build();
    /// smol::block_on(tree.watch(concurrent(async |s| {
    ///     s.spawn_named("feed", async {});
    /// })));
    /// assert!(!seen.snapshot().into_vec().is_empty());
    /// ```
    pub fn recorder(mut self, recorder: impl Recorder + Send + Sync + 'static) -> Self {
        self.by_name.recorder = Some(Arc::new(recorder));
        self
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Observer for Metrics {
    fn begins(&self, begin: &Begin<'_>) -> u64 {
        let Who::Child { .. } = begin.who else { return 0 };
        let named = self.by_name.of(begin.name);
        let spawned = self.clock.now();
        named.queued.increment(1);
        self.children.insert(Arc::new(Child { named, spawned, is_polled: AtomicBool::new(false) }))
    }

    fn poll_begins(&self, subject: Subject) {
        let Some(child) = self.children.get(subject.mark) else { return };
        // The polls of a child come one after the other.
        if !child.is_polled.load(Ordering::Relaxed) {
            child.is_polled.store(true, Ordering::Relaxed);
            child.named.queued.decrement(1);
            child.named.in_flight.increment(1);
            child.named.first_poll.record(self.since(child.spawned));
        }
    }

    fn ends(&self, subject: Subject, outcome: Outcome) {
        let Some(child) = self.children.remove(subject.mark) else { return };
        let is_polled = child.is_polled.load(Ordering::Relaxed);
        let gauge = if is_polled { &child.named.in_flight } else { &child.named.queued };
        gauge.decrement(1);
        child.named.ended(outcome).increment(1);
        child.named.duration.record(self.since(child.spawned));
    }
}

impl Metrics {
    fn since(&self, moment: Instant) -> f64 {
        self.clock.now().saturating_duration_since(moment).as_secs_f64()
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").field("names", &self.by_name.limit).finish_non_exhaustive()
    }
}

struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        std::time::Instant::now().into()
    }
}
