//! Trying again: the future, and its settings.

use super::{
    attempts::{Attempts, Earlier, Failure},
    budget::RetryBudget,
    rules::{Accepted, Chosen, EveryError, EveryValue, Nobody, Told},
};
use crate::{
    cancel::Asked,
    time::{Clock, Instant, IntoDelays, Timer},
};
use core::{convert::Infallible, fmt, future::Future, time::Duration};
use pin_project_lite::pin_project;

/// Calls `f` and awaits what it returns, until that succeeds; waits before each further attempt as
/// `policy` says.
///
/// `policy` is an iterator of delays ([`exponential`](crate::exponential), `[SECOND; 3]`), or with the
/// feature `backon` a builder of that crate; see [`IntoDelays`] for how to put some together. When it
/// ends, so do the attempts. Pass a clone to use it again: no run changes that of another.
///
/// `f` is a closure, as a future can be awaited only once. Settings are methods of what is returned:
///
/// | to | call |
/// |---|---|
/// | bound the retries | [`times`](Retry::times) |
/// | retry only some errors | [`when`](Retry::when) |
/// | retry also some values | [`until`](Retry::until) |
/// | limit the time of each attempt | [`attempt_timeout`](Retry::attempt_timeout) |
/// | limit the time of all | [`within`](Retry::within), [`deadline`](Retry::deadline) |
/// | limit the retries of a whole program | [`budget`](Retry::budget) |
/// | log | [`on_retry`](Retry::on_retry) |
///
/// With `std`, it knows what is around it. It gives up before an attempt, and in the middle of a delay,
/// when the child or body around it is [asked to end](crate::checkpoint()); it does not begin a delay that
/// ends after the deadline of the scope around it, or of a scope around that one; and it takes from the
/// [`RetryBudget`] in the [context](crate::context), if there is one. An attempt that is under way is not
/// ended by such a request: that is up to the attempt, and to the scope.
///
/// # Errors
///
/// [`Attempts`]: how the last attempt failed, how those before it did, and why there is no further one.
///
/// # Cancel safety
///
/// Dropping the returned future drops the attempt, or ends the delay.
///
/// # Panics
///
/// A panic of `f`, of an attempt or of a function of a setting propagates: it is not retried.
/// ([`Restart`](crate::Restart) is for that.) The returned future panics if polled after it was ready or
/// has panicked.
///
/// # Cost
///
/// An attempt that succeeds at once allocates nothing, and reads a clock only for `within`. A delay of
/// zero yields to the executor.
///
/// # Examples
///
/// ```
/// use anyscope::{exponential, resilience::retry, sim::Sim};
/// use std::{cell::Cell, time::Duration};
///
/// const SECOND: Duration = Duration::from_secs(1);
///
/// Sim::new(1).run(async |sim| {
///     let tries = &Cell::new(0);
///     let connect = || async {
///         tries.set(tries.get() + 1);
///         if tries.get() < 4 { Err("refused") } else { Ok("connected") }
///     };
///     let policy = exponential(SECOND, 60 * SECOND).take(5);
///     assert_eq!(retry(&sim, policy, connect).await, Ok("connected"));
///     assert_eq!(sim.elapsed(), (1 + 2 + 4) * SECOND);
/// }).unwrap();
/// ```
///
/// With a builder of `backon`, and a seed for its jitter:
///
/// ```
/// use anyscope::{resilience::retry, sim::Sim};
/// use backon::ExponentialBuilder;
/// use std::time::Duration;
///
/// Sim::new(1).run(async |sim| {
///     let policy = ExponentialBuilder::default().with_jitter().with_jitter_seed(7).with_max_times(3);
///     let result = retry(&sim, policy, async || Err::<(), _>("down")).await;
///     assert_eq!(result.unwrap_err().made, 4);
///     assert!(sim.elapsed() > Duration::from_secs(1 + 2 + 4));
/// }).unwrap();
/// ```
#[inline]
pub fn retry<T, P, Kind, D, F, Fut, V, E>(timer: T, policy: P, f: F) -> Retry<T, D, F, Fut, E>
where
    T: Timer + Clock,
    P: IntoDelays<Kind, Delays = D>,
    F: Attempt<Fut>,
    Fut: Future<Output = Result<V, E>>,
{
    Retry {
        attempt: None,
        make: f,
        sleep: None,
        asked: Asked::new(),
        phase: Phase::Start,
        timer,
        delays: policy.into_delays(),
        limits: Limits { times: None, attempt: Duration::MAX, total: Total::Unlimited },
        budget: None,
        failed: Failed::new(),
        when: EveryError(()),
        until: EveryValue(()),
        told: Nobody(()),
    }
}

/// What can be tried again: a closure that returns a future. Implemented for all of them.
///
/// See [`retry`](super::retry()).
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be tried again",
    label = "pass a closure that makes the future",
    note = "a future can be awaited only once: pass a closure, `|| fetch(url)` or `async || ..`",
    note = "a closure that gives away what it captures can be called only once, and the future of an `async move ||` may not borrow what that owns: write `|| {{ let url = url.clone(); async move {{ .. }} }}`"
)]
pub trait Attempt<Fut> {
    /// Returns the future of one attempt.
    fn attempt(&mut self) -> Fut;
}

#[diagnostic::do_not_recommend]
impl<F: FnMut() -> Fut, Fut: Future> Attempt<Fut> for F {
    #[inline]
    fn attempt(&mut self) -> Fut {
        self()
    }
}

pin_project! {
    /// Future of [`retry`]; its methods are the settings.
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Retry<
        T,
        D,
        F,
        Fut,
        E,
        W = EveryError,
        U = EveryValue,
        O = Nobody,
        R = Infallible,
        Sleep = <T as Timer>::Sleep,
    > {
        // Dropped before the function that made it.
        #[pin]
        pub(super) attempt: Option<Fut>,
        pub(super) make: F,
        // Of the time that an attempt has, or of a delay.
        #[pin]
        pub(super) sleep: Option<Sleep>,
        // Ends a delay.
        pub(super) asked: Asked,
        pub(super) phase: Phase,
        pub(super) timer: T,
        pub(super) delays: D,
        pub(super) limits: Limits,
        // None: that of the context, if there is one.
        pub(super) budget: Option<RetryBudget>,
        pub(super) failed: Failed<E, R>,
        pub(super) when: W,
        pub(super) until: U,
        pub(super) told: O,
    }
}

/// What it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Start,
    Running,
    Delay,
    /// It is ready, or something has panicked.
    Over,
}

pub(super) struct Limits {
    pub(super) times: Option<usize>,
    pub(super) attempt: Duration,
    pub(super) total: Total,
}

/// How long all attempts may take.
pub(super) enum Total {
    Unlimited,
    /// From the first poll on.
    Within(Duration),
    Until(Instant),
}

/// The attempts so far.
pub(super) struct Failed<E, R> {
    pub(super) made: usize,
    pub(super) last: Option<Failure<E, R>>,
    pub(super) earlier: Earlier<Failure<E, R>>,
}

impl<T, D, F, Fut, E, W, U, O, R, Sleep> Retry<T, D, F, Fut, E, W, U, O, R, Sleep> {
    /// Allows at most so many retries, so one attempt more than that. With 0 there is one attempt.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{resilience::retry, smol::Smol};
    /// use std::{iter, time::Duration};
    ///
    /// # smol::block_on(async {
    /// let work = async || Err::<(), _>("down");
    /// let failed = retry(&Smol, iter::repeat(Duration::ZERO), work).times(3).await;
    /// assert_eq!(failed.unwrap_err().made, 4);
    /// # });
    /// ```
    pub fn times(mut self, retries: usize) -> Self {
        self.limits.times = Some(retries);
        self
    }

    /// Limits how long each attempt may take. One that takes longer is dropped: that is a
    /// [failure](Failure::TimedOut), and tried again as any other.
    ///
    /// As with [`timeout`](crate::timeout), a value that is ready counts, and [`Duration::MAX`] is no limit.
    ///
    /// All that an attempt does counts, so also its wait for a permit or for a breaker. Where only the call itself is to
    /// count, put a [`timeout`](crate::timeout) around the call, inside of the attempt.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{resilience::{Failure, retry}, sim::Sim};
    /// use std::{future::pending, time::Duration};
    ///
    /// const SECOND: Duration = Duration::from_secs(1);
    ///
    /// Sim::new(1).run(async |sim| {
    ///     let hangs = || pending::<Result<(), &str>>();
    ///     let failed = retry(&sim, [SECOND], hangs).attempt_timeout(5 * SECOND).await.unwrap_err();
    ///     assert!(matches!(failed.last, Some(Failure::TimedOut(_))));
    ///     assert_eq!(sim.elapsed(), (5 + 1 + 5) * SECOND);
    /// }).unwrap();
    /// ```
    pub fn attempt_timeout(mut self, limit: Duration) -> Self {
        self.limits.attempt = limit;
        self
    }

    /// Limits how long all of it may take, from the first poll on; see [`deadline`](Self::deadline).
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{exponential, resilience::{GaveUp, retry}, sim::Sim};
    /// use std::time::Duration;
    ///
    /// const SECOND: Duration = Duration::from_secs(1);
    ///
    /// Sim::new(1).run(async |sim| {
    ///     let work = async || Err::<(), _>("down");
    ///     let policy = exponential(SECOND, 60 * SECOND);
    ///     let failed = retry(&sim, policy, work).within(10 * SECOND).await.unwrap_err();
    ///     assert_eq!(failed.why, GaveUp::Deadline);
    ///     // After 7 seconds it does not sleep for 8 more, only to give up then.
    ///     assert_eq!(sim.elapsed(), 7 * SECOND);
    /// }).unwrap();
    /// ```
    pub fn within(mut self, time: Duration) -> Self {
        self.limits.total = Total::Within(time);
        self
    }

    /// Limits all of it to the moment `at`: an attempt that is under way then is dropped, which is
    /// [`TimedOut`](Failure::TimedOut); and no delay is begun that would end then or later.
    ///
    /// When the moment has passed already, there is one attempt, which is polled once.
    /// [`Instant::NEVER`] is no limit.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{Clock, resilience::{GaveUp, retry}, sim::Sim};
    /// use std::time::Duration;
    ///
    /// Sim::new(7).run(async |sim| {
    ///     const SECOND: Duration = Duration::from_secs(1);
    ///     let at = sim.now() + 5 * SECOND;
    ///     let down = || async { Err::<(), _>("down") };
    ///     let failed = retry(&sim, [SECOND; 99], down).deadline(at).await.unwrap_err();
    ///     assert_eq!((failed.why, sim.elapsed()), (GaveUp::Deadline, 4 * SECOND));
    /// }).unwrap();
    /// ```
    pub fn deadline(mut self, at: Instant) -> Self {
        self.limits.total = Total::Until(at);
        self
    }

    /// Takes retries from this budget, and not from that in the context.
    ///
    /// # Examples
    ///
    /// See [`RetryBudget`].
    pub fn budget(mut self, budget: &RetryBudget) -> Self {
        self.budget = Some(budget.clone());
        self
    }

    /// Retries only errors for which `retries` returns true. It is told the error and which attempt
    /// that was, the first being 1.
    ///
    /// Attempts that ran out of time, and values that were not accepted, are retried anyway.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{resilience::{GaveUp, retry}, smol::Smol};
    /// use std::{cell::Cell, time::Duration};
    ///
    /// # smol::block_on(async {
    /// let codes = &Cell::new(&[503, 503, 404, 503][..]);
    /// let fetch = || async {
    ///     let (first, rest) = codes.get().split_first().unwrap();
    ///     codes.set(rest);
    ///     Err::<(), u16>(*first)
    /// };
    /// let failed = retry(&Smol, [Duration::ZERO; 9], fetch).when(|code, _| *code >= 500).await;
    /// let failed = failed.unwrap_err();
    /// assert_eq!((failed.why.clone(), failed.into_error()), (GaveUp::NotRetried, Some(404)));
    /// # });
    /// ```
    pub fn when<W2>(self, retries: W2) -> Retry<T, D, F, Fut, E, Chosen<W2>, U, O, R, Sleep>
    where
        W2: FnMut(&E, usize) -> bool,
    {
        self.with(|_, until, told, failed| (Chosen(retries), until, told, failed))
    }

    /// Calls `f` before each delay, with which attempt has failed (the first is 1), how, and how long
    /// the delay is.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{resilience::retry, smol::Smol};
    /// use std::{cell::RefCell, time::Duration};
    ///
    /// # smol::block_on(async {
    /// let log = RefCell::new(vec![]);
    /// let _ = retry(&Smol, [Duration::from_nanos(1); 2], async || Err::<(), _>("down"))
    ///     .on_retry(|attempt, failure, delay| {
    ///         log.borrow_mut().push(format!("attempt {attempt}: {failure}, again in {delay:?}"));
    ///     })
    ///     .await;
    /// assert_eq!(log.into_inner(), ["attempt 1: down, again in 1ns", "attempt 2: down, again in 1ns"]);
    /// # });
    /// ```
    pub fn on_retry<O2>(self, f: O2) -> Retry<T, D, F, Fut, E, W, U, Told<O2>, R, Sleep>
    where
        O2: FnMut(usize, &Failure<E, R>, Duration),
    {
        self.with(|when, until, _, failed| (when, until, Told(f), failed))
    }
}

impl<T, D, F, Fut, V, E, W, Sleep> Retry<T, D, F, Fut, E, W, EveryValue, Nobody, Infallible, Sleep>
where
    Fut: Future<Output = Result<V, E>>,
{
    /// Retries also values for which `accepts` returns false. When it gives up, the error has those that
    /// were [rejected](Failure::Rejected).
    ///
    /// In front of [`on_retry`](Self::on_retry), as what that is told depends on this.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{resilience::{Attempts, Failure, retry}, smol::Smol};
    /// use std::{cell::Cell, time::Duration};
    ///
    /// # smol::block_on(async {
    /// let lines = &Cell::new(0);
    /// let poll = || async { lines.set(lines.get() + 1); Ok::<_, &str>(lines.get()) };
    /// assert_eq!(retry(&Smol, [Duration::ZERO; 9], poll).until(|lines| *lines >= 3).await, Ok(3));
    ///
    /// let failed: Attempts<&str, i32> =
    ///     retry(&Smol, [Duration::ZERO], poll).until(|lines| *lines >= 9).await.unwrap_err();
    /// assert!(failed.failures().eq(&[Failure::Rejected(4), Failure::Rejected(5)]));
    /// # });
    /// ```
    pub fn until<U2>(self, accepts: U2) -> Retry<T, D, F, Fut, E, W, Accepted<U2>, Nobody, V, Sleep>
    where
        U2: FnMut(&V) -> bool,
    {
        self.with(|when, _, told, _| (when, Accepted(accepts), told, Failed::new()))
    }
}

impl<T, D, F, Fut, E, W, U, O, R, Sleep> Retry<T, D, F, Fut, E, W, U, O, R, Sleep> {
    /// The same with other rules.
    fn with<W2, U2, O2, R2>(
        self,
        change: impl FnOnce(W, U, O, Failed<E, R>) -> (W2, U2, O2, Failed<E, R2>),
    ) -> Retry<T, D, F, Fut, E, W2, U2, O2, R2, Sleep> {
        let (when, until, told, failed) = change(self.when, self.until, self.told, self.failed);
        Retry {
            attempt: self.attempt,
            make: self.make,
            sleep: self.sleep,
            asked: self.asked,
            phase: self.phase,
            timer: self.timer,
            delays: self.delays,
            limits: self.limits,
            budget: self.budget,
            failed,
            when,
            until,
            told,
        }
    }
}

impl<E, R> Failed<E, R> {
    fn new() -> Self {
        Failed { made: 0, last: None, earlier: Earlier::new() }
    }

    pub(super) fn add(&mut self, failure: Failure<E, R>) {
        if let Some(earlier) = self.last.replace(failure) {
            self.earlier.push(earlier);
        }
    }

    pub(super) fn give_up(&mut self, why: super::GaveUp) -> Attempts<E, R> {
        let earlier = core::mem::replace(&mut self.earlier, Earlier::new());
        Attempts { last: self.last.take(), earlier, made: self.made, why }
    }
}

impl<T, D, F, Fut, E, W, U, O, R, Sleep> fmt::Debug for Retry<T, D, F, Fut, E, W, U, O, R, Sleep> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retry")
            .field("attempts", &self.failed.made)
            .field("running", &self.attempt.is_some())
            .finish_non_exhaustive()
    }
}
