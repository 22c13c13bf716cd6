//! The way between a client and an engine in memory, and what may happen on it.

use anyscope_core::Timer;
use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// The way between a client and a [`Memory`](crate::Memory): for tests, as it can be cut, and as messages may be late, lost, or delivered twice.
///
/// Over a link, a request and its answer are messages that go on when whoever asked is dropped. A message that is lost is
/// [`Unavailable`](crate::ErrorKind::Unavailable) after a second. A clone is the same link.
///
/// See [`Memory`](crate::Memory).
#[derive(Clone)]
pub struct Link(Arc<Mutex<State>>);

struct State {
    requests: bool,
    answers: bool,
    faults: Option<Chooser>,
}

#[derive(Clone)]
struct Chooser {
    faults: Faults,
    choose: Arc<dyn Fn(usize) -> usize + Send + Sync>,
}

/// How often what happens on a [`Link`].
///
/// # Examples
///
/// ```
/// use anyscope_remote::memory::{Faults, Link};
/// use std::time::Duration;
///
/// # let sim = anyscope::sim::Sim::new(7).handle();
/// let faults = Faults { latest: Duration::from_secs(1), lost: 20, twice: 20 };
/// let link = Link::new();
/// link.faults(faults, move |options| sim.choose(options));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// How late a message is at most.
    pub latest: Duration,
    /// One in so many is lost. None if it is zero.
    pub lost: usize,
    /// One request in so many is delivered twice. None if it is zero.
    pub twice: usize,
}

/// How long whoever asks waits for an answer.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);

impl Link {
    /// Creates a link on which nothing happens but what is asked for.
    ///
    /// # Examples
    ///
    /// See [`Memory`](crate::Memory).
    pub fn new() -> Self {
        Link(Arc::new(Mutex::new(State { requests: true, answers: true, faults: None })))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Cuts it both ways: for a client that is cut off, and, before its future is dropped, for one that is killed.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::sim::Sim;
    /// use anyscope_remote::{ErrorKind, Memory, engine::{Engine, Queue}, memory::Link};
    ///
    /// Sim::new(7).run(async |sim| {
    ///     let (link, queue) = (Link::new(), Queue::from("squares"));
    ///     let engine = Memory::new(&sim).over(&link);
    ///     assert!(engine.status(&queue).await.is_ok());
    ///     link.cut();
    ///     assert_eq!(engine.status(&queue).await.unwrap_err().kind(), ErrorKind::Unavailable);
    /// }).unwrap();
    /// ```
    pub fn cut(&self) {
        self.cut_requests();
        self.cut_answers();
    }

    /// Cuts it on the way to the engine.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::sim::Sim;
    /// use anyscope_remote::{Memory, engine::{Engine, Envelope, JobId, Put, Queue}, memory::Link};
    ///
    /// Sim::new(7).run(async |sim| {
    ///     let (link, queue) = (Link::new(), Queue::from("squares"));
    ///     let engine = Memory::new(&sim).over(&link);
    ///     let job = Envelope::new(JobId::unique(), "square", 1, vec![]);
    ///     link.cut_requests();
    ///     engine.put(&queue, vec![job.clone()]).await.unwrap_err();
    ///     link.mend();
    ///     assert_eq!(engine.put(&queue, vec![job]).await.unwrap(), [Put::Stored]); // the first was not heard
    /// }).unwrap();
    /// ```
    pub fn cut_requests(&self) {
        self.lock().requests = false;
    }

    /// Cuts it on the way back: the engine does what it is asked, and nobody hears of it.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::sim::Sim;
    /// use anyscope_remote::{Memory, engine::{Engine, Envelope, JobId, Put, Queue}, memory::Link};
    ///
    /// Sim::new(7).run(async |sim| {
    ///     let (link, queue) = (Link::new(), Queue::from("squares"));
    ///     let engine = Memory::new(&sim).over(&link);
    ///     let job = Envelope::new(JobId::unique(), "square", 1, vec![]);
    ///     link.cut_answers();
    ///     engine.put(&queue, vec![job.clone()]).await.unwrap_err();
    ///     link.mend();
    ///     assert_eq!(engine.put(&queue, vec![job]).await.unwrap(), [Put::Known]); // the first was heard
    /// }).unwrap();
    /// ```
    pub fn cut_answers(&self) {
        self.lock().answers = false;
    }

    /// Mends it.
    ///
    /// # Examples
    ///
    /// See [`cut_requests`](Self::cut_requests).
    pub fn mend(&self) {
        let mut state = self.lock();
        state.requests = true;
        state.answers = true;
    }

    /// Lets `faults` happen, as `choose` says: it is passed a number of options, and returns one of them.
    ///
    /// # Examples
    ///
    /// See [`Faults`].
    pub fn faults(&self, faults: Faults, choose: impl Fn(usize) -> usize + Send + Sync + 'static) {
        let old = self.lock().faults.replace(Chooser { faults, choose: Arc::new(choose) });
        drop(old);
    }

    /// Lets no more faults happen. What is cut stays so.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::sim::Sim;
    /// use anyscope_remote::memory::{Faults, Link};
    ///
    /// let (link, sim) = (Link::new(), Sim::new(7).handle());
    /// link.faults(Faults { lost: 2, ..Faults::default() }, move |options| sim.choose(options));
    /// // .. half of all messages are lost ..
    /// link.no_faults();
    /// ```
    pub fn no_faults(&self) {
        let old = self.lock().faults.take();
        drop(old);
    }

    pub(super) fn loses_answers(&self) -> bool {
        !self.lock().answers
    }

    /// Carries a request to the engine. Returns how often it arrives.
    pub(super) async fn request(&self, timer: &impl Timer) -> usize {
        let Some(chooser) = self.chooser() else { return usize::from(self.lock().requests) };
        let times = if chooser.one_in(chooser.faults.twice) { 2 } else { 1 };
        chooser.delay(timer).await;
        if self.lock().requests && !chooser.one_in(chooser.faults.lost) { times } else { 0 }
    }

    /// Carries an answer back. Returns whether it arrives.
    pub(super) async fn answer(&self, timer: &impl Timer) -> bool {
        let Some(chooser) = self.chooser() else { return self.lock().answers };
        chooser.delay(timer).await;
        self.lock().answers && !chooser.one_in(chooser.faults.lost)
    }

    /// Lets time pass between two deliveries of the same message.
    pub(super) async fn between(&self, timer: &impl Timer) {
        if let Some(chooser) = self.chooser() {
            chooser.delay(timer).await;
        }
    }

    /// Out of the lock, as it calls code of others.
    fn chooser(&self) -> Option<Chooser> {
        self.lock().faults.clone()
    }
}

impl Chooser {
    fn one_in(&self, number: usize) -> bool {
        number > 0 && (self.choose)(number) == number - 1
    }

    async fn delay(&self, timer: &impl Timer) {
        if !self.faults.latest.is_zero() {
            let tenths = u32::try_from((self.choose)(11)).unwrap_or(0);
            timer.sleep(self.faults.latest / 10 * tenths).await;
        }
    }
}

impl Default for Link {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        f.debug_struct("Link")
            .field("requests", &state.requests)
            .field("answers", &state.answers)
            .finish_non_exhaustive()
    }
}
