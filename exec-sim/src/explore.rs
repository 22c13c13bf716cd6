//! The same test in many orders.

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

/// Runs `test` in many orders, one for each seed from 0 to `schedules`, and fails with the first
/// that fails; see [`Explorer`].
///
/// # Examples
///
/// A cache that computes a value twice if two tasks ask at the wrong moment is found out:
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

/// How to run a test in many orders.
///
/// Each run has a seed, which decides everything. Runs are spread over the processors. One in 64
/// is run a second time, to see whether it does the same; if not, the test depends on something
/// outside, and nothing found could be repeated.
///
/// When a run fails, the rest is called off, and a panic says what happened, where each task was
/// that waited, and with which line this run alone is repeated: with the environment variable
/// `ANYSCOPE_SIM_SEED`, only that seed is run, and its last steps are printed, with the names of its
/// tasks and where they were spawned. With `ANYSCOPE_SIM_SCHEDULES` there are as many runs as it
/// says, whatever the test asked for.
///
/// A run that fails is run once more, and only then is the panic hook told of panics: so there is
/// one message and one backtrace, whatever fails elsewhere at the same time.
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

    /// See [`Builder::parallelism`](crate::Builder::parallelism).
    ///
    /// # Panics
    ///
    /// When it is zero.
    #[track_caller]
    pub fn parallelism(mut self, threads: usize) -> Self {
        self.rules.parallelism = NonZeroUsize::new(threads).expect("parallelism is at least 1");
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
            self.report(trouble, Choices::random(seed), &repeat::command(seed), &test);
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
        found.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// One run, without a word to the panic hook; or two, to see that they are the same.
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
                // Once more, if need be, with all that happens.
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

    /// Repeats a run that failed, aloud.
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
/// Each run repeats the choices of the one before up to a point, and is compared with it up to
/// there; some are run twice. So a test that is not deterministic is
/// [found out](Failure::NotDeterministic), rather than called complete.
///
/// # Panics
///
/// With the first failure, or the first panic of the test.
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

/// What is wrong with a run.
enum Trouble {
    Failure(Failure),
    /// And what the panic hook would have been told.
    Panic(Box<dyn Any + Send>, Option<String>),
}

impl Trouble {
    /// From what two runs did that should have been the same.
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
