//! Which ends are followed by a restart, how often, and after what time.

use super::{
    observed::{Observed, ObservesRestarts, Restarted, Unobserved},
    restarting::Restarting,
};
use crate::time::{Clock, IntoDelays, Timer};
use core::{fmt, future::Future, iter, time::Duration};

/// When a child is made anew after it has ended; for [`supervise`](crate::ScopeHandle::supervise).
///
/// Restarts [on a failure](Self::on_failure), [on a panic](Self::on_panic) or
/// [always](Self::always): at once, without end, unless told [how long to wait](Self::backoff) and
/// [how often](Self::at_most). When no restart is left, the last end is that of the child: its error
/// is returned, its panic resumed.
///
/// # Examples
///
/// ```
/// use anyscope::{Restart, exponential, scope, sim::Sim};
/// use std::{cell::Cell, sync::atomic::{AtomicU32, Ordering}, time::Duration};
///
/// const SECOND: Duration = Duration::from_secs(1);
/// static TRIES: AtomicU32 = AtomicU32::new(0);
///
/// Sim::new(1).run(|sim| async move {
///     let restart = Restart::on_failure(sim.clone())
///         .backoff(exponential(SECOND, 60 * SECOND))
///         .at_most(5, 60 * SECOND);
///     let connect = || async {
///         match TRIES.fetch_add(1, Ordering::Relaxed) {
///             0 | 1 => Err("connection refused"),
///             tries => Ok(tries),
///         }
///     };
///     let tries = scope(&sim, async |s| s.supervise(restart, connect).await.unwrap()).await;
///     assert_eq!(tries, Ok(2));
///     assert_eq!(sim.elapsed(), 3 * SECOND);
/// }).unwrap();
/// ```
#[derive(Clone)]
#[must_use = "a policy does nothing until it is passed to `supervise`"]
pub struct Restart<T, W = OnFailure, D = iter::Repeat<Duration>, N = Unobserved> {
    pub(super) timer: T,
    pub(super) when: W,
    pub(super) delays: D,
    /// How many restarts, and in what time.
    pub(super) most: Option<(usize, Duration)>,
    pub(super) observer: N,
}

impl<T: Timer + Clock> Restart<T> {
    /// Restarts a child that has returned an `Err`, or has panicked.
    ///
    /// # Examples
    ///
    /// See [`Restart`].
    pub fn on_failure(timer: T) -> Self {
        Restart::new(timer, OnFailure(()))
    }
}

impl<T: Timer + Clock> Restart<T, OnPanic> {
    /// Restarts a child that has panicked, and no other. Never without `std`, where panics are not
    /// caught.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{Restart, concurrent, smol::Smol};
    /// use std::cell::Cell;
    ///
    /// # std::panic::set_hook(Box::new(|_| {}));
    /// # smol::block_on(async {
    /// let tries = &Cell::new(0);
    /// let work = || async {
    ///     tries.set(tries.get() + 1);
    ///     assert!(tries.get() > 1, "not the first time");
    ///     "done"
    /// };
    /// assert_eq!(Restart::on_panic(Smol).run(work).await, "done");
    /// # });
    /// ```
    pub fn on_panic(timer: T) -> Self {
        Restart::new(timer, OnPanic(()))
    }
}

impl<T: Timer + Clock> Restart<T, Always> {
    /// Restarts a child however it has ended.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{Restart, smol::Smol};
    /// use std::{cell::Cell, time::Duration};
    ///
    /// # smol::block_on(async {
    /// let runs = &Cell::new(0);
    /// let restart = Restart::always(Smol).at_most(2, Duration::MAX);
    /// restart.run(|| async { runs.set(runs.get() + 1) }).await;
    /// assert_eq!(runs.get(), 3);
    /// # });
    /// ```
    pub fn always(timer: T) -> Self {
        Restart::new(timer, Always(()))
    }
}

impl<T, W> Restart<T, W> {
    fn new(timer: T, when: W) -> Self {
        let (delays, observer) = (iter::repeat(Duration::ZERO), Unobserved(()));
        Restart { timer, when, delays, most: None, observer }
    }
}

impl<T: Timer + Clock, W, D, N> Restart<T, W, D, N> {
    /// Sets how long to wait before each restart.
    ///
    /// `delays` is any iterator of durations, such as [`exponential`](crate::exponential), or with the
    /// feature `backon` a builder of that crate; see [`IntoDelays`]. When it ends, there is no further restart. It starts from the
    /// beginning when the child has run for longer than the time of [`at_most`](Self::at_most).
    /// Also without a delay, the task yields to its executor before each restart, so a child that
    /// fails at once for ever does not hold up others.
    ///
    /// # Examples
    ///
    /// See [`Restart`].
    ///
    /// ```
    /// use anyscope::{Restart, exponential, sim::Sim};
    /// use std::time::Duration;
    ///
    /// Sim::new(7).run(async |sim| {
    ///     const SECOND: Duration = Duration::from_secs(1);
    ///     let restart = Restart::on_failure(&sim).backoff(exponential(SECOND, 60 * SECOND).take(3));
    ///     let down = || async { Err::<(), _>("down") };
    ///     assert!(restart.run(down).await.is_err()); // after the last delay
    ///     assert_eq!(sim.elapsed(), (1 + 2 + 4) * SECOND);
    /// }).unwrap();
    /// ```
    pub fn backoff<I, Kind>(self, delays: I) -> Restart<T, W, I::Delays, N>
    where
        I: IntoDelays<Kind, Delays: Clone>,
    {
        let Restart { timer, when, delays: _, most, observer } = self;
        Restart { timer, when, delays: delays.into_delays(), most, observer }
    }

    /// Allows at most `restarts` in any period of this length, its ends included.
    ///
    /// With 0 there is no restart. With a period of zero, only restarts at the same moment count;
    /// with [`Duration::MAX`] all of them do.
    ///
    /// # Cost
    ///
    /// The moment of each restart in the period is kept.
    ///
    /// # Examples
    ///
    /// See [`Restart`].
    ///
    /// ```
    /// use anyscope::{Restart, smol::Smol};
    /// use std::{cell::Cell, time::Duration};
    ///
    /// # smol::block_on(async {
    /// let runs = &Cell::new(0);
    /// // No more than 2 in a minute; then it is up to those above.
    /// let restart = Restart::on_failure(Smol).at_most(2, Duration::from_secs(60));
    /// let failed = restart.run(|| async {
    ///     runs.set(runs.get() + 1);
    ///     Err::<(), _>("down")
    /// });
    /// assert!(failed.await.is_err());
    /// assert_eq!(runs.get(), 3);
    /// # });
    /// ```
    pub fn at_most(mut self, restarts: usize, period: Duration) -> Self {
        self.most = Some((restarts, period));
        self
    }

    /// Calls `f` when a restart is due, before its delay: to log it, to count it, to raise an alarm.
    ///
    /// It is told how the child has ended, which is gone by then. Not of the last end, after which there
    /// is no restart: that is the child's own. Its panic is one of the child, and is not followed by a
    /// restart. A second call of this replaces the first.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{Restart, exponential, sim::Sim, try_scope};
    /// use std::{sync::{Arc, Mutex}, time::Duration};
    ///
    /// const SECOND: Duration = Duration::from_secs(1);
    ///
    /// let log = Arc::new(Mutex::new(vec![]));
    /// let lines = log.clone();
    /// Sim::new(1).run(|sim| async move {
    ///     let restart = Restart::on_failure(sim.clone())
    ///         .backoff(exponential(SECOND, 60 * SECOND))
    ///         .at_most(2, 60 * SECOND)
    ///         .on_restart(move |restarted| {
    ///             let (number, output) = (restarted.number, restarted.output);
    ///             let line = format!("{number}: {output:?}, again in {:?}", restarted.delay);
    ///             lines.lock().unwrap().push(line);
    ///         });
    ///     let connect = || async { Err::<(), _>("refused") };
    ///     let failed = try_scope(&sim, async |s| Ok(s.supervise(restart, connect).value().await));
    ///     assert_eq!(failed.await.unwrap_err().into_first(), Some("refused"));
    /// }).unwrap();
    /// let lines = ["1: Some(Err(\"refused\")), again in 1s", "2: Some(Err(\"refused\")), again in 2s"];
    /// assert_eq!(*log.lock().unwrap(), lines);
    /// ```
    pub fn on_restart<F, O>(self, f: F) -> Restart<T, W, D, Observed<F>>
    where
        F: FnMut(&Restarted<'_, O>),
    {
        let Restart { timer, when, delays, most, observer: _ } = self;
        Restart { timer, when, delays, most, observer: Observed(f) }
    }

    /// Returns the future of a child that is restarted: for any scope, a daemon, or without a scope.
    ///
    /// `child` is called by the first poll, and before each restart; its panic is one of the child.
    /// What it returns is polled in place. It is dropped before the delay of its restart.
    ///
    /// While the scope of the child is asked to end, in a grace, there is no restart, and the end
    /// that would have been followed by one is that of the child.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the child, or ends the wait for its restart.
    ///
    /// # Panics
    ///
    /// Resumes the panic of the child when it is not restarted. Panics if polled after that.
    ///
    /// # Examples
    ///
    /// A group of which all are restarted when one fails is a scope that is restarted. A group where
    /// those are restarted that came after the failed one, too, is a scope for each of them and what
    /// comes after it:
    ///
    /// ```
    /// use anyscope::{Restart, scope, smol::Smol, try_scope};
    /// use std::{sync::{Arc, Mutex}, time::Duration};
    ///
    /// # smol::block_on(async {
    /// let log = Arc::new(Mutex::new(vec![]));
    /// let restart = || Restart::on_failure(Smol).at_most(1, Duration::MAX);
    /// let db = log.clone();
    /// let server = move || {
    ///     let log = log.clone();
    ///     // One for all: the server has two parts.
    ///     try_scope(&Smol, async move |s| {
    ///         let part = log.clone();
    ///         s.spawn(async move { Ok(part.lock().unwrap().push("reader")) });
    ///         s.spawn(async move { Err::<(), _>("writer failed") });
    ///         Ok(())
    ///     })
    /// };
    /// let app = try_scope(&Smol, async |s| {
    ///     // Rest for one: the server is restarted alone; a failure of this one ends both.
    ///     s.spawn(async move { Ok(db.lock().unwrap().push("database")) });
    ///     s.supervise(restart(), server);
    ///     Ok(())
    /// });
    /// let failed = app.await.unwrap_err().into_first().unwrap();
    /// assert_eq!(failed.into_first(), Some("writer failed"));
    /// # });
    /// ```
    pub fn run<F, Fut>(self, child: F) -> Restarting<T, W, D, F, Fut, N>
    where
        W: Restarts<Fut::Output>,
        D: Iterator<Item = Duration> + Clone,
        N: ObservesRestarts<Fut::Output>,
        F: FnMut() -> Fut,
        Fut: Future,
    {
        Restarting::new(self, child)
    }
}

/// Which outputs of a child are followed by a restart. Implemented by [`OnFailure`], for children
/// that return a `Result`, and by [`OnPanic`] and [`Always`].
///
/// See [`Restart::on_failure`], [`Restart::on_panic`] and [`Restart::always`].
#[diagnostic::on_unimplemented(
    message = "a child that returns `{O}` cannot be restarted by `{Self}`",
    note = "`Restart::on_failure` is for children that return a `Result`; there are `Restart::on_panic` and `Restart::always` for others"
)]
pub trait Restarts<O>: sealed::Sealed {
    /// Returns whether such an output is followed by a restart. Every panic is.
    fn restarts(&self, output: &O) -> bool;
}

mod sealed {
    #[allow(unnameable_types, reason = "sealed")]
    pub trait Sealed {}
}

/// Restarts after an `Err`; see [`Restart::on_failure`].
#[derive(Clone, Debug)]
pub struct OnFailure(());

/// Restarts after a panic only; see [`Restart::on_panic`].
#[derive(Clone, Debug)]
pub struct OnPanic(());

/// Restarts after every end; see [`Restart::always`].
#[derive(Clone, Debug)]
pub struct Always(());

impl sealed::Sealed for OnFailure {}
impl sealed::Sealed for OnPanic {}
impl sealed::Sealed for Always {}

impl<T, E> Restarts<Result<T, E>> for OnFailure {
    fn restarts(&self, output: &Result<T, E>) -> bool {
        output.is_err()
    }
}

impl<O> Restarts<O> for OnPanic {
    fn restarts(&self, _: &O) -> bool {
        false
    }
}

impl<O> Restarts<O> for Always {
    fn restarts(&self, _: &O) -> bool {
        true
    }
}

impl<T, W: fmt::Debug, D, N> fmt::Debug for Restart<T, W, D, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Restart")
            .field("when", &self.when)
            .field("at_most", &self.most)
            .finish_non_exhaustive()
    }
}
