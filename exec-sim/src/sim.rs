//! One run.

use crate::{
    choice::Choices,
    decision::{Decisions, Length},
    failure::{Failure, Parked},
    handle::SimHandle,
    state::{Faults, MAIN, Next, Rules, Shared, Work},
    trace::Recorder,
    wait,
};
use anyscope_core::{BlockOn, Child, Clock, Instant, Spawn, SpawnBlocking, Timer, enter};
use std::{
    fmt,
    future::Future,
    num::NonZeroUsize,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

/// The owner of a simulated executor.
///
/// Everything runs on the thread that calls [`run`](Self::run) or [`block_on`](BlockOn::block_on),
/// one task at a time, in an order that the seed determines. The clock starts at zero, and jumps to
/// the next timer when nothing can run. So no test waits for real time to pass.
///
/// # Examples
///
/// ```
/// use anyscope::{Timer, scope, sim::Sim};
/// use std::time::Duration;
///
/// const HOUR: Duration = Duration::from_secs(3600);
///
/// let elapsed = Sim::new(7)
///     .run(async |sim| {
///         scope(&sim, async |s| {
///             for hours in 1..=3 {
///                 s.spawn(sim.sleep(hours * HOUR));
///             }
///         })
///         .await;
///         sim.elapsed()
///     })
///     .unwrap();
/// assert_eq!(elapsed, 3 * HOUR);
/// ```
///
/// A hang is reported:
///
/// ```
/// use anyscope::sim::{Failure, Sim};
///
/// let hang = Sim::new(7).run(async |sim| {
///     sim.label("a reply", std::future::pending::<()>()).await;
/// });
/// let failure = hang.unwrap_err();
/// assert!(matches!(failure, Failure::Deadlock { .. }));
/// assert!(failure.to_string().contains("the test itself, which waits for a reply"));
/// ```
pub struct Sim {
    handle: SimHandle,
}

impl Sim {
    /// Creates a simulation that makes random choices, from a generator with this seed.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::sim::Sim;
    ///
    /// // The same seed means the same choices, on every machine.
    /// let choices = |seed| Sim::new(seed).run(async |sim| [0; 10].map(|_| sim.choose(6))).unwrap();
    /// assert_eq!(choices(7), choices(7));
    /// assert_ne!(choices(7), choices(8));
    /// ```
    pub fn new(seed: u64) -> Self {
        Self::builder().seed(seed).build()
    }

    /// Returns a builder of a simulation. Unless set otherwise, tasks run in the order in which
    /// they became ready.
    ///
    /// # Examples
    ///
    /// See [`Builder::build`].
    pub fn builder() -> Builder {
        Builder { choices: Choices::First, rules: Rules::default(), keep_trace: false }
    }

    /// Returns a handle, for tests that do not use [`run`](Self::run).
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{BlockOn, scope, sim::Sim};
    ///
    /// let sim = Sim::new(7);
    /// let handle = sim.handle();
    /// let joined = sim.block_on(scope(&handle, async |s| s.spawn(async { 42 }).await));
    /// assert_eq!(joined.unwrap(), 42);
    /// ```
    pub fn handle(&self) -> SimHandle {
        self.handle.clone()
    }

    /// Runs a test and everything it spawned to the end, and checks that nothing is left over.
    ///
    /// When the future of the test is ready, tasks that can still run do so, but the clock stands
    /// still from then on.
    ///
    /// # Errors
    ///
    /// Returns a [`Failure`] instead of hanging, and if tasks, sleeps or wakers are left over.
    ///
    /// # Panics
    ///
    /// Propagates a panic of the test.
    ///
    /// # Examples
    ///
    /// See [`Sim`].
    pub fn run<F, Fut>(self, test: F) -> Result<Fut::Output, Failure>
    where
        F: FnOnce(SimHandle) -> Fut,
        Fut: Future,
    {
        self.run_traced(test).0
    }

    /// As [`run`](Self::run). Returns also the steps and choices of the run.
    pub(crate) fn run_traced<F, Fut>(self, test: F) -> (Result<Fut::Output, Failure>, Ran)
    where
        F: FnOnce(SimHandle) -> Fut,
        Fut: Future,
    {
        let result = {
            let mut test = pin!(test(self.handle()));
            self.drive(test.as_mut()).and_then(|output| self.settle().map(|()| output))
        };
        let result = result.and_then(|output| self.check_leaks().map(|()| output));
        (result, Ran::of(&self.handle))
    }

    fn drive<F: Future>(&self, mut test: Pin<&mut F>) -> Result<F::Output, Failure> {
        let shared = &self.handle.shared;
        shared.lock().start();
        loop {
            match shared.next() {
                Next::Poll(MAIN, _, waker) => {
                    if let Poll::Ready(output) =
                        test.as_mut().poll(&mut Context::from_waker(&waker))
                    {
                        return Ok(output);
                    }
                }
                Next::Failed(mut failure) => {
                    if let Failure::Deadlock { tasks, .. } | Failure::Endless { tasks, .. } =
                        &mut failure
                    {
                        tasks.iter_mut().for_each(|parked| self.question(parked, test.as_mut()));
                    }
                    return Err(failure);
                }
                next => self.step(next)?,
            }
        }
    }

    /// Asks a parked task what it waits for, by polling it once more. The run has failed already,
    /// so an extra poll does no harm. If the task makes progress, a wake was lost.
    fn question<F: Future>(&self, parked: &mut Parked, test: Pin<&mut F>) {
        let shared = &self.handle.shared;
        let Some((slot, mut work, waker)) = shared.lock().take(parked.task) else { return };
        let cx = &mut Context::from_waker(&waker);
        let (poll, waits) = wait::collect(|| match &mut work {
            Work::Child(child) => Pin::new(child).poll(cx).map(drop),
            _ => test.poll(cx).map(drop),
        });
        parked.waits = waits;
        parked.lost_wake = poll.is_ready() || shared.lock().forget_ready();
        // An ended child is an empty shell.
        shared.put_back(slot, work);
    }

    /// Runs what can run without the test's future and without a jump of the clock.
    fn settle(&self) -> Result<(), Failure> {
        while let Some(next) = self.handle.shared.next_ready() {
            match next {
                Next::Poll(MAIN, ..) => {}
                next => self.step(next)?,
            }
        }
        Ok(())
    }

    fn step(&self, next: Next) -> Result<(), Failure> {
        match next {
            Next::Failed(failure) => return Err(failure),
            Next::Drop(work) => drop(work),
            Next::Poll(slot, work, waker) => self.poll(slot, work, &waker),
        }
        Ok(())
    }

    fn poll(&self, slot: usize, work: Work, waker: &Waker) {
        let shared = &self.handle.shared;
        match work {
            Work::Child(mut child) => {
                match Pin::new(&mut child).poll(&mut Context::from_waker(waker)) {
                    Poll::Pending => shared.put_back(slot, Work::Child(child)),
                    Poll::Ready(()) => shared.end(slot),
                }
            }
            Work::Job(job, _) => {
                job();
                shared.end(slot);
            }
            Work::None | Work::Elsewhere => unreachable!("only what is there is polled"),
        }
    }

    fn check_leaks(&self) -> Result<(), Failure> {
        let shared = &self.handle.shared;
        let state = shared.lock();
        let (tasks, timers) = (state.parked().split_off(1), state.timers());
        drop(state);
        shared.end_all();
        let wakers = shared.wakers();
        if tasks.is_empty() && timers == 0 && wakers == 0 {
            return Ok(());
        }
        Err(Failure::Leak { tasks, timers, wakers })
    }
}

/// The steps and choices of a run.
pub(crate) struct Ran {
    pub(crate) trace: Recorder,
    pub(crate) choices: Choices,
    pub(crate) decisions: Decisions,
    pub(crate) length: Length,
}

impl Ran {
    pub(crate) fn of(handle: &SimHandle) -> Self {
        let state = handle.shared.lock();
        Ran {
            trace: state.trace.clone(),
            choices: state.choices.clone(),
            decisions: state.course.decisions(),
            length: state.course.length(),
        }
    }
}

/// A builder of a [`Sim`].
///
/// See [`build`](Self::build).
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing before `build`"]
pub struct Builder {
    choices: Choices,
    rules: Rules,
    keep_trace: bool,
}

impl Builder {
    /// Makes random choices, such as which task is polled next, from a generator with this seed.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::sim::Sim;
    ///
    /// let sim = Sim::builder().seed(7).build(); // as `Sim::new(7)`, and more can be set
    /// assert!(sim.run(async |_| {}).is_ok());
    /// ```
    pub fn seed(self, seed: u64) -> Self {
        self.choices(Choices::random(seed))
    }

    /// Sets which faults happen, and how often. They happen only with a seed.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{Timer, sim::{Faults, Sim}};
    /// use std::time::Duration;
    ///
    /// let faults = Faults { oversleep: Duration::from_secs(5), ..Faults::default() };
    /// let sim = Sim::builder().seed(7).faults(faults).build();
    /// let slept = sim.run(async |sim| {
    ///     sim.sleep(Duration::from_secs(1)).await;
    ///     sim.elapsed()
    /// });
    /// assert!(slept.unwrap() >= Duration::from_secs(1));
    /// ```
    pub fn faults(mut self, faults: Faults) -> Self {
        self.rules.faults = faults;
        self
    }

    /// Sets how many polls may be made while the clock stands still. More count as a
    /// [livelock](Failure::Livelock). A million unless set.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::sim::{Failure, Sim};
    ///
    /// let sim = Sim::builder().max_polls(1000).build();
    /// let spins = sim.run(async |_| loop {
    ///     futures_lite::future::yield_now().await;
    /// });
    /// assert!(matches!(spins, Err(Failure::Livelock { .. })));
    /// ```
    pub fn max_polls(mut self, polls: u64) -> Self {
        self.rules.max_polls = polls;
        self
    }

    /// Sets how often the clock may jump in one run. More jumps count as
    /// [endless](Failure::Endless). Ten million unless set.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{Timer, sim::{Failure, Sim}};
    /// use std::time::Duration;
    ///
    /// let sim = Sim::builder().max_jumps(1000).build();
    /// let polls = sim.run(async |sim| loop {
    ///     sim.sleep(Duration::from_secs(1)).await; // until something comes that never does
    /// });
    /// assert!(matches!(polls, Err(Failure::Endless { .. })));
    /// ```
    pub fn max_jumps(mut self, jumps: u64) -> Self {
        self.rules.max_jumps = jumps;
        self
    }

    /// Sets how many threads the executor claims to have ([`Spawn::parallelism`]). This determines,
    /// for instance, into how many shards `map_on` splits its work. 4 unless set, whatever the
    /// machine has, so that a seed means the same everywhere.
    ///
    /// # Panics
    ///
    /// Panics if `threads` is zero.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{Spawn, sim::Sim};
    ///
    /// let sim = Sim::builder().parallelism(16).build();
    /// assert_eq!(sim.handle().parallelism().get(), 16);
    /// ```
    #[track_caller]
    pub fn parallelism(mut self, threads: usize) -> Self {
        self.rules.parallelism = NonZeroUsize::new(threads).expect("parallelism is at least 1");
        self
    }

    /// Allows other threads to wake tasks. When nothing can run and no timer is set, the run waits
    /// for them instead of reporting a deadlock. Such a run cannot be repeated.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{channel::{Overflow, queue}, sim::Sim};
    /// use std::thread;
    ///
    /// let sim = Sim::builder().foreign_threads(true).build();
    /// let answer = sim.run(async |_| {
    ///     let (sender, mut receiver) = queue(1, Overflow::DropOldest);
    ///     let thread = thread::spawn(move || sender.send(42).unwrap());
    ///     let answer = receiver.recv().await.unwrap();
    ///     thread.join().unwrap();
    ///     answer
    /// });
    /// assert_eq!(answer.unwrap(), 42);
    /// ```
    pub fn foreign_threads(mut self, allowed: bool) -> Self {
        self.rules.foreign_threads = allowed;
        self
    }

    /// Keeps all steps of the run, for [`SimHandle::recording`](crate::SimHandle::recording). Not unless set: they take memory as
    /// long as the run goes on.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{concurrent, sim::Sim};
    ///
    /// let recording = Sim::builder().record(true).build().run(async |sim| {
    ///     concurrent(async |s| s.spawn(async {}).await.unwrap()).await;
    ///     sim.recording()
    /// });
    /// assert!(recording.is_ok());
    /// ```
    pub fn record(self, record: bool) -> Self {
        self.keep_trace(record)
    }

    pub(crate) fn choices(mut self, choices: Choices) -> Self {
        self.choices = choices;
        self
    }

    pub(crate) fn rules(mut self, rules: Rules) -> Self {
        self.rules = rules;
        self
    }

    pub(crate) fn keep_trace(mut self, keep: bool) -> Self {
        self.keep_trace = keep;
        self
    }

    /// Creates the simulation. Nothing runs before [`Sim::run`].
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{BlockOn, sim::Sim};
    ///
    /// let sim = Sim::builder().seed(7).max_polls(1000).parallelism(2).build();
    /// assert_eq!(sim.block_on(async { 42 }), 42);
    /// ```
    pub fn build(self) -> Sim {
        let shared = Shared::new(self.choices, self.rules, self.keep_trace);
        Sim { handle: SimHandle { shared } }
    }
}

/// # Panics
///
/// `block_on` panics with the message of the [`Failure`] instead of hanging.
impl BlockOn for Sim {
    fn block_on<F: Future>(&self, future: F) -> F::Output {
        let key = Arc::as_ptr(&self.handle.shared).addr();
        let _inside = enter::block(key, "simulation");
        self.drive(pin!(future)).unwrap_or_else(|failure| panic!("{failure}"))
    }
}

impl Spawn for Sim {
    fn spawn(&self, child: Child) {
        self.handle.spawn(child);
    }

    fn parallelism(&self) -> NonZeroUsize {
        self.handle.parallelism()
    }
}

impl SpawnBlocking for Sim {
    #[track_caller]
    fn spawn_blocking(&self, job: Box<dyn FnOnce() + Send>) {
        self.handle.spawn_blocking(job);
    }
}

impl Timer for Sim {
    type Sleep = crate::Sleep;

    fn sleep(&self, duration: Duration) -> Self::Sleep {
        self.handle.sleep(duration)
    }
}

impl Clock for Sim {
    fn now(&self) -> Instant {
        self.handle.now()
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        self.handle.shared.end_all();
    }
}

impl fmt::Debug for Sim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.handle.fmt(f)
    }
}
