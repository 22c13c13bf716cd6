//! The same test in many orders.

use crate::{
    choice::{Choices, Script},
    failure::Failure,
    handle::SimHandle,
    sim::{Ran, Sim},
    state::{Faults, Rules},
    trace::Step,
};
use indicatif::{ProgressBar, ProgressStyle};
use std::{
    any::Any,
    env,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

/// Runs `test` in many orders, one for each seed from 0 to `schedules`, and fails with the first
/// that fails; see [`Explorer`].
///
/// # Examples
///
/// A cache that computes a value twice if two tasks ask at the wrong moment is found out:
///
/// ```should_panic
/// use anyscope_core::scope;
/// use anyscope_sim::explore;
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

/// How to run a test in many orders.
///
/// Each run has a seed, which decides everything. Runs are spread over the processors. One in 64
/// is run a second time, to see whether it does the same; if not, the test depends on something
/// outside, and nothing found could be repeated.
///
/// When a run fails, the rest is called off, and a panic says what happened, where each task was
/// that waited, and with which line this run alone is repeated: with the environment variable
/// `ANYSCOPE_SIM_SEED`, only that seed is run, and its last steps are printed. With
/// `ANYSCOPE_SIM_SCHEDULES` there are as many runs as it says, whatever the test asked for.
#[derive(Clone, Debug)]
#[must_use = "an explorer does nothing before `run`"]
pub struct Explorer {
    schedules: u64,
    first_seed: u64,
    rules: Rules,
}

/// How many runs there are for one that is run twice.
const CHECK_EVERY: u64 = 64;
/// How many steps of a failed run are printed.
const LAST_STEPS: usize = 50;

impl Explorer {
    /// With so many runs.
    pub fn new(schedules: u64) -> Self {
        Explorer { schedules, first_seed: 0, rules: Rules::default() }
    }

    /// The seed of the first run; the others follow.
    pub fn first_seed(mut self, seed: u64) -> Self {
        self.first_seed = seed;
        self
    }

    /// What goes wrong in every run.
    pub fn faults(mut self, faults: Faults) -> Self {
        self.rules.faults = faults;
        self
    }

    /// See [`Builder::max_polls`](crate::Builder::max_polls).
    pub fn max_polls(mut self, polls: u64) -> Self {
        self.rules.max_polls = polls;
        self
    }

    /// See [`Builder::max_jumps`](crate::Builder::max_jumps).
    pub fn max_jumps(mut self, jumps: u64) -> Self {
        self.rules.max_jumps = jumps;
        self
    }

    /// Runs the test.
    ///
    /// # Panics
    ///
    /// With the first failure, or the first panic of a test, and the line that repeats it.
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
            trouble.report(&format!("ANYSCOPE_SIM_SEED={seed} cargo test{}", this_test()));
        }
    }

    /// The smallest seed that fails, if one of those that were run did.
    ///
    /// For tests of tests: [`run`](Self::run) is what reports it.
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
        let bar = progress(schedules);
        let work = || {
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                if n >= schedules {
                    return;
                }
                let seed = self.first_seed.wrapping_add(n);
                let outcome = self.try_seed(seed, n % CHECK_EVERY == 0, test);
                bar.inc(1);
                if let Err(trouble) = outcome {
                    // Nobody begins another; smaller seeds that are under way come first.
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
            // The output of tests is captured by thread, and so is the name of the test.
            (1..threads.min(usize::try_from(schedules).unwrap_or(threads))).for_each(|_| {
                scope.spawn(work);
            });
            work();
        });
        bar.finish_and_clear();
        found.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    fn try_seed<F, Fut>(&self, seed: u64, twice: bool, test: &F) -> Result<(), Trouble>
    where
        F: Fn(SimHandle) -> Fut,
        Fut: Future<Output = ()>,
    {
        let (result, first) = self.once(Choices::random(seed), false, test);
        result?;
        if twice {
            let (result, second) = self.once(Choices::random(seed), false, test);
            if result.is_err() || first.digest != second.digest {
                return Err(self.compare(seed, test));
            }
        }
        Ok(())
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
            Err(payload) => (Err(Trouble::Panic(payload)), Ran::of(&handle)),
        }
    }

    /// Finds the first step that two runs of a seed do not have in common.
    fn compare<F, Fut>(&self, seed: u64, test: &F) -> Trouble
    where
        F: Fn(SimHandle) -> Fut,
        Fut: Future<Output = ()>,
    {
        let [first, second] = [0, 1].map(|_| self.once(Choices::random(seed), true, test).1.steps);
        let same = first.iter().zip(&second).take_while(|(a, b)| a == b).count();
        let show = |steps: &[Step]| steps.get(same).map_or("the end".to_string(), Step::to_string);
        Trouble::Failure(Failure::NotDeterministic {
            step: same,
            first: show(&first),
            second: show(&second),
        })
    }

    #[track_caller]
    fn replay<F, Fut>(&self, seed: u64, test: &F)
    where
        F: Fn(SimHandle) -> Fut,
        Fut: Future<Output = ()>,
    {
        let (result, ran) = self.once(Choices::random(seed), true, test);
        let skipped = ran.steps.len().saturating_sub(LAST_STEPS);
        eprintln!("seed {seed}: {} steps; the last ones:", ran.steps.len());
        for (number, step) in ran.steps.iter().enumerate().skip(skipped) {
            eprintln!("  {number:>6} {step}");
        }
        if let Err(trouble) = result {
            trouble.report(&format!("ANYSCOPE_SIM_SEED={seed} cargo test{}", this_test()));
        }
    }
}

/// How far [`exhaust`] got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exhausted {
    /// How many schedules were run.
    pub schedules: u64,
    /// Whether these were all there are.
    pub complete: bool,
}

/// Runs `test` in *every* order, one after the other, or in the first `most`.
///
/// For small tests: the number of orders grows with the factorial of the number of tasks that can
/// run at the same time. Besides the order, [choices](SimHandle::choose) are gone through.
///
/// # Panics
///
/// With the first failure, or the first panic of the test.
///
/// # Examples
///
/// ```
/// use anyscope_core::scope;
/// use anyscope_sim::exhaust;
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
    for schedules in 1..=most {
        let (result, ran) = explorer.once(Choices::Script(script), false, &test);
        if let Err(trouble) = result {
            trouble.report(&format!("schedule {schedules} of `exhaust`"));
        }
        let Choices::Script(done) = ran.choices else { unreachable!("a run keeps its choices") };
        match done.advance() {
            Some(next) => script = next,
            None => return Exhausted { schedules, complete: true },
        }
    }
    Exhausted { schedules: most, complete: false }
}

/// What is wrong with a run.
enum Trouble {
    Failure(Failure),
    Panic(Box<dyn Any + Send>),
}

impl Trouble {
    #[track_caller]
    fn report(self, repeat: &str) -> ! {
        match self {
            Trouble::Failure(failure) => panic!("{failure}\nrepeat with: {repeat}"),
            Trouble::Panic(payload) => {
                eprintln!("repeat with: {repeat}");
                resume_unwind(payload)
            }
        }
    }
}

impl Ran {
    /// What happened in a run that has panicked.
    fn of(handle: &SimHandle) -> Self {
        let state = handle.shared.lock();
        Ran {
            digest: state.trace.digest(),
            steps: state.trace.steps().to_vec(),
            choices: state.choices.clone(),
        }
    }
}

/// A bar on stderr, if it is a terminal, and only after a while.
fn progress(schedules: u64) -> ProgressBar {
    let style = "{prefix} [{wide_bar}] {pos}/{len} schedules, {per_sec}, {eta} left";
    let style = ProgressStyle::with_template(style).expect("a valid template");
    let bar = ProgressBar::new(schedules).with_style(style.progress_chars("=> "));
    bar.with_prefix(thread::current().name().unwrap_or("exploring").to_string())
        .with_elapsed(Duration::ZERO)
}

/// The name of the test that this thread runs, as an argument for `cargo test`.
fn this_test() -> String {
    match thread::current().name() {
        Some(name) if name != "main" => format!(" {name}"),
        _ => String::new(),
    }
}

fn number_from(variable: &str) -> Option<u64> {
    let value = env::var(variable).ok()?;
    match value.parse() {
        Ok(number) => Some(number),
        Err(_) => panic!("{variable} is {value:?}, which is not a number"),
    }
}
