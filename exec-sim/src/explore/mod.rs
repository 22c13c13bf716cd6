//! Runs the same test in many orders.

mod attempt;
mod exhaust;
mod progress;
mod quiet;
mod repeat;
mod report;
mod shrink;

pub use exhaust::{Exhausted, exhaust};

use crate::{
    choice::{Choices, Pct},
    handle::SimHandle,
    state::{Faults, Rules},
};
use attempt::Trouble;
use progress::Progress;
use quiet::quietly;
use report::Found;
use std::{
    future::Future,
    num::NonZeroUsize,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

/// Runs `test` in many orders, one for each seed in `0..schedules`, and panics with the first
/// failure; see [`Explorer`].
///
/// # Panics
///
/// As [`Explorer::run`].
///
/// # Examples
///
/// This finds that a cache computes a value twice if two tasks ask at the wrong moment:
///
/// ```should_panic
/// use anyscope::{scope, sim::explore};
/// use std::sync::{Arc, Mutex, atomic::{AtomicUsize, Ordering}};
///
/// explore(1000, async |sim| {
///     let (cached, computed) = (Arc::new(Mutex::new(None)), Arc::new(AtomicUsize::new(0)));
///     scope(&sim, async |s| {
///         for _ in 0..2 {
///             let (sim, cached, computed) = (sim.clone(), cached.clone(), computed.clone());
///             s.spawn(async move {
///                 let found: Option<i32> = *cached.lock().unwrap();
///                 if found.is_none() {
///                     sim.yield_now().await; // the lookup
///                     computed.fetch_add(1, Ordering::Relaxed);
///                     *cached.lock().unwrap() = Some(42);
///                 }
///             });
///         }
///     })
///     .await;
///     assert_eq!(computed.load(Ordering::Relaxed), 1);
/// });
/// ```
#[track_caller]
pub fn explore<F, Fut>(schedules: u64, test: F)
where
    F: Fn(SimHandle) -> Fut + Sync,
    Fut: Future<Output = ()>,
{
    Explorer::new(schedules).run(test);
}

/// Runs a test in many orders.
///
/// The seed of a run determines all its choices. Runs are spread over the processors. One run in 64
/// is made twice and compared. If the two differ, the test depends on something outside of the
/// simulation, so a failure could not be repeated; this is reported.
///
/// When a run fails, no further run begins. It is [shrunk](Self::max_shrink_runs): the same failure is
/// looked for with fewer switches from one task to another. The report has the steps of the shortest
/// such run, with the names of the tasks and where they were spawned, what happened, which tasks
/// waited and for what, and a command that repeats this run alone.
///
/// | environment variable | effect |
/// |---|---|
/// | `ANYSCOPE_SIM_REPLAY` | makes only the run that a report has shown, and prints its last steps |
/// | `ANYSCOPE_SIM_SEED` | makes only the run with this seed, as it was before it was shrunk |
/// | `ANYSCOPE_SIM_SCHEDULES` | sets the number of runs, whatever the test asks for |
///
/// Only the run that is reported calls the panic hook. So there is one message and one backtrace, even
/// if several runs fail at the same time.
///
/// # Examples
///
/// ```
/// use anyscope::{Timer, concurrent, sim::{Explorer, Faults}};
/// use std::time::Duration;
///
/// Explorer::new(100)
///     .first_seed(1000)
///     .faults(Faults { spurious_polls: 10, ..Faults::default() })
///     .max_jumps(10)
///     .run(async |sim| {
///         concurrent(async |s| {
///             s.spawn(sim.sleep(Duration::from_secs(1)));
///             s.spawn(sim.sleep(Duration::from_secs(2)));
///         })
///         .await;
///         assert_eq!(sim.elapsed(), Duration::from_secs(2));
///     });
/// ```
#[derive(Clone, Debug)]
#[must_use = "an explorer does nothing before `run`"]
pub struct Explorer {
    schedules: u64,
    first_seed: u64,
    order: Order,
    max_shrink_runs: u64,
    rules: Rules,
}

/// How tasks are picked in the run of a seed.
#[derive(Clone, Copy, Debug)]
enum Order {
    Uniform,
    /// By priorities, of which one changes at so many polls but one, among the first `polls`.
    Pct {
        depth: usize,
        polls: u64,
    },
}

impl Order {
    fn choices(self, seed: u64) -> Choices {
        match self {
            Order::Uniform => Choices::random(seed),
            Order::Pct { depth, polls } => Choices::Pct(Pct::new(seed, depth, polls)),
        }
    }
}

/// One run in this many is made twice.
const CHECK_EVERY: u64 = 64;
/// How many steps of a failed run are printed.
const LAST_STEPS: usize = 50;
/// How many runs are made to shrink one, unless set.
const SHRINK_RUNS: u64 = 500;

impl Explorer {
    /// Creates an explorer that makes `schedules` runs.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::sim::Explorer;
    /// use std::sync::atomic::{AtomicU64, Ordering};
    ///
    /// let runs = AtomicU64::new(0);
    /// Explorer::new(100).run(async |_| drop(runs.fetch_add(1, Ordering::Relaxed)));
    /// assert!(runs.into_inner() >= 100); // some are made twice
    /// ```
    pub fn new(schedules: u64) -> Self {
        Explorer {
            schedules,
            first_seed: 0,
            order: Order::Uniform,
            max_shrink_runs: SHRINK_RUNS,
            rules: Rules::default(),
        }
    }

    /// Sets the seed of the first run. The other runs have the seeds after it.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::sim::Explorer;
    ///
    /// let fails = async |_| panic!("in any order");
    /// # std::panic::set_hook(Box::new(|_| {}));
    /// let failing = Explorer::new(10).first_seed(1000).find_failing_seed(fails);
    /// assert_eq!(failing, Some(1000));
    /// ```
    pub fn first_seed(mut self, seed: u64) -> Self {
        self.first_seed = seed;
        self
    }

    /// Picks tasks by priorities, as in probabilistic concurrency testing (PCT), to find bugs that
    /// need long stretches in which only one task runs.
    ///
    /// Unless this is set, each task that is ready is picked with the same probability. Then it is
    /// unlikely that a task makes twenty steps while another makes none: a bug that needs that is
    /// found once in a million runs. With priorities, each task gets one at random when it is spawned,
    /// and of those that are ready the one with the highest is polled. At `depth - 1` polls of the run,
    /// which are random as well, the task that would be polled gets one below all those at random.
    ///
    /// The depth of a bug is the number of conditions "this happens before that" that a schedule has to
    /// meet for it. Most bugs have a depth of 1 to 3. For one of depth `d`, in a run of `n` tasks and
    /// `k` polls, the probability to find it in one run is at least 1 / (n · k^(d - 1)), if `depth` is
    /// `d`. (S. Burckhardt, P. Kothari, M. Musuvathi, S. Nagarakatte: [A Randomized Scheduler with
    /// Probabilistic Guarantees of Finding Bugs], ASPLOS 2010.) Explore in both ways: neither finds
    /// all that the other finds.
    ///
    /// As `k` serve the polls of a run before all others, in which tasks run in the order in which they
    /// became ready. A task that was polled 64 times in a row while others were ready goes behind all
    /// others: it waits for them in a loop. There the guarantee ends.
    ///
    /// [A Randomized Scheduler with Probabilistic Guarantees of Finding Bugs]: https://doi.org/10.1145/1736020.1736040
    ///
    /// # Panics
    ///
    /// Panics if `depth` is zero.
    ///
    /// # Examples
    ///
    /// A task that comes too late, but only by 40 steps:
    ///
    /// ```
    /// use anyscope::{scope, sim::{Explorer, SimHandle}};
    /// use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
    ///
    /// async fn test(sim: SimHandle) {
    ///     let steps = std::sync::Arc::new(AtomicU32::new(0));
    ///     scope(&sim, async |s| {
    ///         let (sim, counter) = (sim.clone(), steps.clone());
    ///         s.spawn(async move {
    ///             for _ in 0..40 {
    ///                 counter.fetch_add(1, Relaxed);
    ///                 sim.yield_now().await;
    ///             }
    ///         });
    ///         s.spawn(async move { assert!(steps.load(Relaxed) < 40, "too late") });
    ///     })
    ///     .await;
    /// }
    ///
    /// assert_eq!(Explorer::new(1000).find_failing_seed(test), None);
    /// assert!(Explorer::new(10).pct(1).find_failing_seed(test).is_some());
    /// ```
    #[track_caller]
    pub fn pct(mut self, depth: usize) -> Self {
        assert!(depth > 0, "a depth is at least 1");
        self.order = Order::Pct { depth, polls: 1 };
        self
    }

    /// Sets how many runs are made to shrink the one that failed. 500 unless set; 0 turns it off.
    ///
    /// A run is shrunk by leaving out what was decided by chance: that another task goes first, a
    /// [choice](SimHandle::choose) other than 0, a fault. Without such a decision, the task that was
    /// polled last goes on, and after it the one that is ready for the longest time. A decision is
    /// left out for good if the run still fails in the same way, that is, with the same kind of
    /// [`Failure`](crate::Failure) or a panic at the same place, and there are fewer switches from
    /// one task to another, or as many but fewer decisions.
    ///
    /// Livelocks and runs without an end are not shrunk.
    ///
    /// # Examples
    ///
    /// ```should_panic
    /// use anyscope::sim::Explorer;
    ///
    /// // Reports `choose 2 of 3`, and not the first choice.
    /// Explorer::new(100).max_shrink_runs(50).run(async |sim| {
    ///     let _other = sim.choose(100);
    ///     assert_ne!(sim.choose(3), 2);
    /// });
    /// ```
    pub fn max_shrink_runs(mut self, runs: u64) -> Self {
        self.max_shrink_runs = runs;
        self
    }

    /// Sets which faults happen in every run, and how often.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{scope, sim::{Explorer, Faults}};
    ///
    /// let drops = Faults { drops: 2, ..Faults::default() };
    /// Explorer::new(100).faults(drops).run(async |sim| {
    ///     match scope(&sim, async |s| s.spawn(async { 1 }).await).await {
    ///         Ok(value) => assert_eq!(value, 1),
    ///         Err(error) => assert!(error.is_cancelled()), // the executor dropped the child
    ///     }
    /// });
    /// ```
    pub fn faults(mut self, faults: Faults) -> Self {
        self.rules.faults = faults;
        self
    }

    /// Sets how many polls a run may make while the clock stands still; see
    /// [`Builder::max_polls`](crate::Builder::max_polls).
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::sim::Explorer;
    ///
    /// let explorer = Explorer::new(1).max_polls(1000);
    /// let spins = explorer.find_failing_seed(async |sim| {
    ///     loop {
    ///         sim.yield_now().await; // a livelock
    ///     }
    /// });
    /// assert!(spins.is_some());
    /// ```
    pub fn max_polls(mut self, polls: u64) -> Self {
        self.rules.max_polls = polls;
        self
    }

    /// Sets how often the clock of a run may jump; see
    /// [`Builder::max_jumps`](crate::Builder::max_jumps).
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{Timer, sim::Explorer};
    /// use std::time::Duration;
    ///
    /// let explorer = Explorer::new(1).max_jumps(1000);
    /// let waits = explorer.find_failing_seed(async |sim| {
    ///     loop {
    ///         sim.sleep(Duration::from_secs(1)).await; // and checks a condition that never holds
    ///     }
    /// });
    /// assert!(waits.is_some());
    /// ```
    pub fn max_jumps(mut self, jumps: u64) -> Self {
        self.rules.max_jumps = jumps;
        self
    }

    /// Sets how many threads the executor claims to have; see
    /// [`Builder::parallelism`](crate::Builder::parallelism).
    ///
    /// # Panics
    ///
    /// Panics if `threads` is zero.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{Spawn, sim::Explorer};
    ///
    /// Explorer::new(10).parallelism(2).run(async |sim| {
    ///     assert_eq!(sim.parallelism().get(), 2);
    /// });
    /// ```
    #[track_caller]
    pub fn parallelism(mut self, threads: usize) -> Self {
        self.rules.parallelism = NonZeroUsize::new(threads).expect("parallelism is at least 1");
        self
    }

    /// Runs the test in all orders that were asked for.
    ///
    /// # Panics
    ///
    /// Panics with the [`Failure`](crate::Failure) or the panic of the smallest failing seed that was run, and
    /// prints the command that repeats it.
    ///
    /// # Examples
    ///
    /// ```should_panic
    /// use anyscope::sim::Explorer;
    ///
    /// Explorer::new(10).run(async |_| std::future::pending::<()>().await); // a deadlock
    /// ```
    #[track_caller]
    pub fn run<F, Fut>(&self, test: F)
    where
        F: Fn(SimHandle) -> Fut + Sync,
        Fut: Future<Output = ()>,
    {
        if let Some(decisions) = repeat::replay() {
            return self.replay_shrunk(&decisions, &test);
        }
        let order = self.measured(&test);
        if let Some(seed) = repeat::number(repeat::SEED) {
            let found = Found::Seed(seed);
            let what = found.to_string();
            return self.replay(order.choices(seed), &what, &found.repeat(), &test);
        }
        if let Some((seed, trouble)) = self.find(order, &test) {
            self.report(trouble, order.choices(seed), Found::Seed(seed), &test);
        }
    }

    /// Returns the smallest seed that failed among those that were run, or `None` if none failed.
    ///
    /// For a test that another test fails. [`run`](Self::run) reports a failure instead.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::sim::Explorer;
    ///
    /// let seed = Explorer::new(100).find_failing_seed(async |sim| {
    ///     assert_ne!(sim.choose(3), 2, "the third choice fails");
    /// });
    /// assert!(seed.is_some());
    /// ```
    pub fn find_failing_seed<F, Fut>(&self, test: F) -> Option<u64>
    where
        F: Fn(SimHandle) -> Fut + Sync,
        Fut: Future<Output = ()>,
    {
        self.find(self.measured(&test), &test).map(|(seed, _)| seed)
    }

    /// Returns how tasks are picked, after a run that finds out how long runs are, if that matters.
    fn measured<F, Fut>(&self, test: &F) -> Order
    where
        F: Fn(SimHandle) -> Fut,
        Fut: Future<Output = ()>,
    {
        match self.order {
            Order::Uniform => Order::Uniform,
            Order::Pct { depth, .. } => {
                let ((_, ran), _) = quietly(|| self.once(Choices::First, false, test));
                Order::Pct { depth, polls: ran.length.polls.max(1) }
            }
        }
    }

    fn find<F, Fut>(&self, order: Order, test: &F) -> Option<(u64, Trouble)>
    where
        F: Fn(SimHandle) -> Fut + Sync,
        Fut: Future<Output = ()>,
    {
        let schedules = repeat::number(repeat::SCHEDULES).unwrap_or(self.schedules);
        let next = AtomicU64::new(0);
        let found: Mutex<Option<(u64, Trouble)>> = Mutex::new(None);
        let progress = Progress::new(schedules);
        let work = || {
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                if n >= schedules {
                    return;
                }
                let seed = self.first_seed.wrapping_add(n);
                let choices = order.choices(seed);
                let outcome = self.attempt(&choices, n % CHECK_EVERY == 0, false, test);
                progress.add();
                if let Err(trouble) = outcome {
                    // No further run begins. The smallest failing seed of those already begun
                    // is reported.
                    next.fetch_max(schedules, Ordering::Relaxed);
                    let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
                    if found.as_ref().is_none_or(|(smallest, _)| seed < *smallest) {
                        *found = Some((seed, trouble));
                    }
                }
            }
        };
        let threads = thread::available_parallelism().map_or(1, usize::from);
        thread::scope(|scope| {
            // The calling thread works too: the test harness captures the output of that thread,
            // and its name is the test's.
            (1..threads.min(usize::try_from(schedules).unwrap_or(threads))).for_each(|_| {
                scope.spawn(work);
            });
            work();
        });
        found.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}
