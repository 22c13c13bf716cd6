//! Runs the same test in many orders.

use crate::{
    choice::{Choices, Script},
    failure::Failure,
    handle::SimHandle,
    progress::Progress,
    quiet::quietly,
    repeat,
    sim::{Ran, Sim},
    state::{Faults, Rules},
    trace::Recorder,
};
use std::{
    any::Any,
    env, fmt,
    future::Future,
    num::NonZeroUsize,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
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
/// When a run fails, no further run begins. A panic says what happened, which tasks waited and for
/// what, and which command repeats this run alone.
///
/// | environment variable | effect |
/// |---|---|
/// | `ANYSCOPE_SIM_SEED` | runs only this seed, and prints its last steps, with the names of the tasks and where they were spawned |
/// | `ANYSCOPE_SIM_SCHEDULES` | sets the number of runs, whatever the test asks for |
///
/// A run that fails is repeated once, and only the repetition calls the panic hook. So there is one
/// message and one backtrace, even if several runs fail at the same time.
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
    rules: Rules,
}

/// One run in this many is made twice.
const CHECK_EVERY: u64 = 64;
/// How many steps of a failed run are printed.
const LAST_STEPS: usize = 50;

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
        Explorer { schedules, first_seed: 0, rules: Rules::default() }
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
    /// Panics with the [`Failure`] or the panic of the smallest failing seed that was run, and
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
        if let Some(seed) = number_from("ANYSCOPE_SIM_SEED") {
            return self.replay(seed, &test);
        }
        if let Some((seed, trouble)) = self.find(&test) {
            self.report(trouble, Choices::random(seed), &repeat::command(seed), &test);
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
        self.find(&test).map(|(seed, _)| seed)
    }

    fn find<F, Fut>(&self, test: &F) -> Option<(u64, Trouble)>
    where
        F: Fn(SimHandle) -> Fut + Sync,
        Fut: Future<Output = ()>,
    {
        let schedules = number_from("ANYSCOPE_SIM_SCHEDULES").unwrap_or(self.schedules);
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
                let outcome =
                    self.attempt(&Choices::random(seed), n % CHECK_EVERY == 0, false, test);
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

    /// Makes one run without calling the panic hook; or two, and compares them.
    fn attempt<F, Fut>(
        &self,
        choices: &Choices,
        twice: bool,
        keep: bool,
        test: &F,
    ) -> Result<Ran, Trouble>
    where
        F: Fn(SimHandle) -> Fut,
        Fut: Future<Output = ()>,
    {
        let once = |keep| {
            let ((result, ran), panic) = quietly(|| self.once(choices.clone(), keep, test));
            (result.map_err(|trouble| trouble.saying(panic)), ran)
        };
        let (result, first) = once(keep);
        result?;
        if twice {
            let (result, second) = once(keep);
            if result.is_err() || first.trace.digest() != second.trace.digest() {
                // Both again, with all their steps, if those were not kept.
                let [first, second] =
                    if keep { [first, second] } else { [(); 2].map(|()| once(true).1) };
                return Err(Trouble::not_deterministic(&first.trace, &second.trace));
            }
        }
        Ok(first)
    }

    fn once<F, Fut>(&self, choices: Choices, keep: bool, test: &F) -> (Result<(), Trouble>, Ran)
    where
        F: Fn(SimHandle) -> Fut,
        Fut: Future<Output = ()>,
    {
        let sim =
            Sim::builder().rules(self.rules.clone()).choices(choices).keep_trace(keep).build();
        let handle = sim.handle();
        match catch_unwind(AssertUnwindSafe(|| sim.run_traced(test))) {
            Ok((result, ran)) => (result.map_err(Trouble::Failure), ran),
            Err(payload) => (Err(Trouble::Panic(payload, None)), Ran::of(&handle)),
        }
    }

    /// Repeats a run that failed, with the panic hook, and panics.
    #[track_caller]
    fn report<F, Fut>(&self, trouble: Trouble, choices: Choices, repeat: &str, test: &F) -> !
    where
        F: Fn(SimHandle) -> Fut,
        Fut: Future<Output = ()>,
    {
        if let Trouble::Failure(Failure::NotDeterministic { .. }) = trouble {
            trouble.report(repeat);
        }
        match self.once(choices, false, test).0 {
            Err(again) => again.report(repeat),
            Ok(()) => panic!(
                "the test is not deterministic: a run failed, and when it was repeated it did not; \
                 does it look at the clock of the machine, at random numbers, or at addresses?\n\
                 what it said when it failed: {trouble}\nrepeat with: {repeat}"
            ),
        }
    }

    #[track_caller]
    fn replay<F, Fut>(&self, seed: u64, test: &F)
    where
        F: Fn(SimHandle) -> Fut,
        Fut: Future<Output = ()>,
    {
        let (result, ran) = self.once(Choices::random(seed), true, test);
        eprint!("seed {seed}: {}", ran.trace.show_last(LAST_STEPS));
        if let Err(trouble) = result {
            trouble.report(&repeat::command(seed));
        }
    }
}

/// The result of [`exhaust`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exhausted {
    /// How many schedules were run.
    pub schedules: u64,
    /// Whether these were all the schedules that the test has.
    pub complete: bool,
}

/// Runs `test` in *every* order, one after the other, or in the first `most` orders.
///
/// For small tests: the number of orders grows with the factorial of the number of tasks that can
/// run at the same time. All combinations of orders and [choices](SimHandle::choose) are run.
///
/// Each run repeats the choices of the previous run up to some point, and must be the same up to
/// there. One run in 64 is made twice. So a test that is not deterministic is
/// [reported](Failure::NotDeterministic) instead of being called complete.
///
/// # Panics
///
/// Panics with the first [`Failure`], or the first panic of the test.
///
/// # Examples
///
/// ```
/// use anyscope::{scope, sim::exhaust};
///
/// let all = exhaust(1000, async |sim| {
///     scope(&sim, async |s| {
///         s.spawn(async {});
///         s.spawn(async {});
///     })
///     .await;
/// });
/// assert!(all.complete && all.schedules >= 2);
/// ```
#[track_caller]
pub fn exhaust<F, Fut>(most: u64, test: F) -> Exhausted
where
    F: Fn(SimHandle) -> Fut,
    Fut: Future<Output = ()>,
{
    let explorer = Explorer::new(most);
    let mut script = Script::default();
    let mut last: Option<Recorder> = None;
    for schedules in 1..=most {
        let choices = Choices::Script(script);
        let repeat = format!("schedule {schedules} of `exhaust`");
        let twice = (schedules - 1) % CHECK_EVERY == 0;
        let ran = match explorer.attempt(&choices, twice, true, &test) {
            Ok(ran) => ran,
            Err(trouble) => explorer.report(trouble, choices, &repeat, &test),
        };
        let Choices::Script(done) = ran.choices else { unreachable!("a run keeps its choices") };
        if let Some(last) = last.filter(|_| done.has_strayed()) {
            Trouble::not_deterministic(&last, &ran.trace).report(&repeat);
        }
        last = Some(ran.trace);
        match done.advance() {
            Some(next) => script = next,
            None => return Exhausted { schedules, complete: true },
        }
    }
    Exhausted { schedules: most, complete: false }
}

/// How a run failed.
enum Trouble {
    Failure(Failure),
    /// The payload, and the message that the panic hook would have printed.
    Panic(Box<dyn Any + Send>, Option<String>),
}

impl Trouble {
    /// Describes the first difference of two runs that should have been the same.
    fn not_deterministic(first: &Recorder, second: &Recorder) -> Self {
        let step = first.first_difference(second);
        Trouble::Failure(Failure::NotDeterministic {
            step,
            first: first.show_step(step),
            second: second.show_step(step),
        })
    }

    fn saying(self, panic: Option<String>) -> Self {
        match self {
            Trouble::Panic(payload, _) => Trouble::Panic(payload, panic),
            failure => failure,
        }
    }

    #[track_caller]
    fn report(self, repeat: &str) -> ! {
        match self {
            Trouble::Failure(failure) => panic!("{failure}\nrepeat with: {repeat}"),
            Trouble::Panic(payload, _) => {
                eprintln!("repeat with: {repeat}");
                resume_unwind(payload)
            }
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::Failure(failure) => failure.fmt(f),
            Trouble::Panic(_, said) => f.write_str(said.as_deref().unwrap_or("a panic")),
        }
    }
}

fn number_from(variable: &str) -> Option<u64> {
    let value = env::var(variable).ok()?;
    match value.parse() {
        Ok(number) => Some(number),
        Err(_) => panic!("{variable} is {value:?}, which is not a number"),
    }
}
