//! So many calls at a time, and no long queue.

use crate::{
    limit::{AcquireError, Backlog, IntoLimit, Permit, Semaphore},
    time::{Timer, timeout},
};
use alloc::sync::Arc;
use core::{error::Error, fmt, future::Future, time::Duration};

/// Runs at most so many calls at a time, lets at most so many wait, and refuses the rest at once. Cheap to clone; clones are the same bulkhead.
///
/// So one service that hangs does not take all tasks and memory of those who also call others: each gets a bulkhead of its own.
/// Who waits is served in the order of the [`Backlog`], and leaves it if that takes [too long](Self::run_within).
///
/// The limit may change: with an [`AdaptiveLimit`](crate::AdaptiveLimit), of which the calls tell, it is as much as the
/// service takes at the moment.
///
/// # Examples
///
/// ```
/// use anyscope::{join, resilience::Bulkhead};
/// use std::future::ready;
///
/// # async fn query(n: u32) -> u32 { smol::future::yield_now().await; n }
/// # smol::block_on(async {
/// // One at a time, and one that waits.
/// let bulkhead = Bulkhead::new(1, 1);
/// let calls = (bulkhead.run(query(1)), bulkhead.run(query(2)), bulkhead.run(query(3)));
/// let (first, second, third) = join(calls).await;
/// assert_eq!((first, second), (Ok(1), Ok(2)));
/// assert!(third.unwrap_err().is_full());
/// # });
/// ```
///
/// In front of a server whose users do not wait for long: a hundred of them may wait, the newest is served first, none
/// waits for more than a second, and who asks whether the server is alive does not wait at all.
///
/// ```
/// use anyscope::{context::{self, Context}, limit::Backlog, resilience::Bulkhead, smol::Smol};
/// use std::time::Duration;
///
/// struct HealthCheck;
///
/// async fn answer(request: &str) -> String { request.to_uppercase() }
///
/// # smol::block_on(async {
/// let bulkhead = Bulkhead::new(8, Backlog::lifo(100))
///     .bypass_when(|| context::current().get::<HealthCheck>().is_some());
/// let second = Duration::from_secs(1);
/// let answered = bulkhead.run_within(&Smol, second, answer("hello")).await;
/// assert_eq!(answered.unwrap(), "HELLO");
///
/// let checked = bulkhead.run(async { bulkhead.running() });
/// assert_eq!(Context::new().with(HealthCheck).around(checked).await, Ok(0));
/// # });
/// ```
#[derive(Clone)]
pub struct Bulkhead {
    semaphore: Semaphore,
    bypass: Option<Bypass>,
}

type Bypass = Arc<dyn Fn() -> bool + Send + Sync>;

impl Bulkhead {
    /// Creates a bulkhead that runs `limit` calls at a time, and lets so many more wait as `backlog` says: a number, or a
    /// [`Backlog`]. 0 lets none wait.
    ///
    /// # Panics
    ///
    /// Panics if `limit` is 0: nothing could ever run. For a number that comes from outside, use [`Limit::try_from`](crate::Limit).
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{limit::Backlog, resilience::Bulkhead};
    ///
    /// # smol::block_on(async {
    /// let none_waits = Bulkhead::new(1, 0);
    /// let _running = none_waits.enter().await.unwrap();
    /// assert!(none_waits.enter().await.unwrap_err().is_full());
    ///
    /// // Of 100 who wait, the newest comes first.
    /// let newest = Bulkhead::new(8, Backlog::lifo(100));
    /// assert_eq!(newest.running(), 0);
    /// # });
    /// ```
    #[track_caller]
    pub fn new(limit: impl IntoLimit, backlog: impl Into<Backlog>) -> Self {
        Bulkhead { semaphore: Semaphore::with_backlog(limit, backlog), bypass: None }
    }

    /// Lets calls through at once for which `bypass` returns true: they wait for nothing, count as none of those that run, and
    /// are refused only when the bulkhead is [closed](Self::close). It replaces one that was set before, for this handle and
    /// clones that are made of it.
    ///
    /// It is called once for each call, when that is first polled; what it knows of the call is in the
    /// [context](crate::context) around it.
    ///
    /// # Examples
    ///
    /// See [`Bulkhead`].
    ///
    /// ```
    /// use anyscope::{context::{self, Context}, resilience::Bulkhead};
    ///
    /// # smol::block_on(async {
    /// struct HealthCheck;
    ///
    /// let bulkhead = Bulkhead::new(1, 0)
    ///     .bypass_when(|| context::with_current(|here| here.get::<HealthCheck>().is_some()));
    /// let _busy = bulkhead.enter().await.unwrap();
    /// assert!(bulkhead.run(async { 200 }).await.is_err());
    /// let check = Context::new().with(HealthCheck).around(bulkhead.run(async { 200 }));
    /// assert_eq!(check.await, Ok(200));
    /// # });
    /// ```
    #[must_use]
    pub fn bypass_when(mut self, bypass: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        self.bypass = Some(Arc::new(bypass));
        self
    }

    /// Runs `call` when there is room.
    ///
    /// # Errors
    ///
    /// Returns [`BulkheadError::Full`] at once, without polling `call`, if as many wait as may, and
    /// [`BulkheadError::Closed`] once it is [closed](Self::close).
    ///
    /// # Cancel safety
    ///
    /// Dropping the returned future drops `call`, and gives its room to the next.
    ///
    /// # Panics
    ///
    /// A panic of `call` propagates, and gives its room to the next. So does a panic of what
    /// [`bypass_when`](Self::bypass_when) was given, before there is any room to give.
    ///
    /// # Examples
    ///
    /// See [`Bulkhead`].
    ///
    /// See [`Bulkhead`].
    pub async fn run<F: Future>(&self, call: F) -> Result<F::Output, BulkheadError> {
        let _room = self.enter().await?;
        Ok(call.await)
    }

    /// Runs `call` when there is room, if that is before `wait` has passed. How long the call takes then is its own affair.
    ///
    /// # Errors
    ///
    /// Those of [`run`](Self::run), and [`BulkheadError::TimedOut`]. Room that comes at the same moment as the end of the time is
    /// either that of this call or that of the next; it is not lost.
    ///
    /// # Cancel safety, panics
    ///
    /// Those of [`run`](Self::run).
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{resilience::{Bulkhead, BulkheadError}, smol::Smol};
    /// use std::{future::ready, time::Duration};
    ///
    /// # smol::block_on(async {
    /// let bulkhead = Bulkhead::new(1, 10);
    /// let held = bulkhead.enter().await.unwrap();
    /// let moment = Duration::from_millis(1);
    /// assert_eq!(bulkhead.run_within(&Smol, moment, ready(1)).await, Err(BulkheadError::TimedOut));
    /// drop(held);
    /// assert_eq!(bulkhead.run_within(&Smol, moment, ready(2)).await, Ok(2));
    /// # });
    /// ```
    pub async fn run_within<T, F>(
        &self,
        timer: &T,
        wait: Duration,
        call: F,
    ) -> Result<F::Output, BulkheadError>
    where
        T: Timer,
        F: Future,
    {
        let _room = self.enter_within(timer, wait).await?;
        Ok(call.await)
    }

    /// Waits for room, which is given back when the permit is dropped.
    ///
    /// # Errors
    ///
    /// Those of [`run`](Self::run).
    ///
    /// # Cancel safety
    ///
    /// Dropping the returned future leaves the backlog; room that it was given goes to the next.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::resilience::Bulkhead;
    ///
    /// # smol::block_on(async {
    /// let bulkhead = Bulkhead::new(2, 0);
    /// let permit = bulkhead.enter().await.unwrap();
    /// // .. several calls, in one's own order ..
    /// assert_eq!(bulkhead.running(), 1);
    /// drop(permit);
    /// assert_eq!(bulkhead.running(), 0);
    /// # });
    /// ```
    pub async fn enter(&self) -> Result<Permit<'_>, BulkheadError> {
        if self.bypass.as_ref().is_some_and(|bypass| bypass()) && !self.semaphore.is_closed() {
            return Ok(Permit::of_none(&self.semaphore));
        }
        self.semaphore.acquire().await.map_err(|error| match error {
            AcquireError::Closed => BulkheadError::Closed,
            AcquireError::Full => BulkheadError::Full,
            _ => unreachable!("one permit is neither none nor too many"),
        })
    }

    /// Waits for room, but no longer than `wait`. Room that there is at once is taken also if that is zero.
    ///
    /// # Errors
    ///
    /// Those of [`run_within`](Self::run_within).
    ///
    /// # Cancel safety
    ///
    /// As [`enter`](Self::enter).
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{resilience::{Bulkhead, BulkheadError}, smol::Smol};
    /// use std::time::Duration;
    ///
    /// # smol::block_on(async {
    /// let bulkhead = Bulkhead::new(1, 10);
    /// let running = bulkhead.enter().await.unwrap();
    /// let moment = Duration::from_millis(1);
    /// let late = bulkhead.enter_within(&Smol, moment).await.unwrap_err();
    /// assert_eq!(late, BulkheadError::TimedOut);
    /// drop(running);
    /// assert!(bulkhead.enter_within(&Smol, moment).await.is_ok());
    /// # });
    /// ```
    pub async fn enter_within<T: Timer>(
        &self,
        timer: &T,
        wait: Duration,
    ) -> Result<Permit<'_>, BulkheadError> {
        let entered = timeout(timer, wait, self.enter()).await;
        entered.unwrap_or(Err(BulkheadError::TimedOut))
    }

    /// Refuses all calls from now on, and those that wait. Those that run go on.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::resilience::{Bulkhead, BulkheadError};
    ///
    /// # smol::block_on(async {
    /// let bulkhead = Bulkhead::new(2, 10);
    /// bulkhead.close();
    /// assert_eq!(bulkhead.run(async { 1 }).await, Err(BulkheadError::Closed));
    /// # });
    /// ```
    pub fn close(&self) {
        self.semaphore.close();
    }

    /// Returns how many calls run, without those that [bypass](Self::bypass_when) it.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::resilience::Bulkhead;
    ///
    /// # smol::block_on(async {
    /// let bulkhead = Bulkhead::new(2, 0);
    /// let seen = bulkhead.run(async { bulkhead.running() }).await;
    /// assert_eq!((seen, bulkhead.running()), (Ok(1), 0));
    /// # });
    /// ```
    pub fn running(&self) -> usize {
        self.semaphore.in_use()
    }

    /// Returns how many calls wait.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::resilience::Bulkhead;
    /// use smol::future::poll_once;
    ///
    /// # smol::block_on(async {
    /// let bulkhead = Bulkhead::new(1, 10);
    /// let _running = bulkhead.enter().await.unwrap();
    /// let mut second = Box::pin(bulkhead.enter());
    /// assert!(poll_once(&mut second).await.is_none());
    /// assert_eq!(bulkhead.waiting(), 1);
    /// # });
    /// ```
    pub fn waiting(&self) -> usize {
        self.semaphore.waiting()
    }
}

impl fmt::Debug for Bulkhead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bulkhead")
            .field("running", &self.running())
            .field("waiting", &self.waiting())
            .finish_non_exhaustive()
    }
}

/// Why a [`Bulkhead`] did not run a call.
///
/// # Examples
///
/// ```
/// use anyscope::resilience::{Bulkhead, BulkheadError};
///
/// /// What a server answers.
/// fn status(answered: Result<u16, BulkheadError>) -> u16 {
///     match answered {
///         Ok(status) => status,
///         Err(BulkheadError::Full | BulkheadError::TimedOut) => 429,
///         Err(_) => 503,
///     }
/// }
///
/// # smol::block_on(async {
/// let bulkhead = Bulkhead::new(1, 0);
/// assert_eq!(status(bulkhead.run(async { 200 }).await), 200);
/// let _busy = bulkhead.enter().await.unwrap();
/// assert_eq!(status(bulkhead.run(async { 200 }).await), 429);
/// # });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BulkheadError {
    /// As many calls run, and as many wait, as may.
    Full,
    /// There was no room before the time to [wait](Bulkhead::run_within) had passed.
    TimedOut,
    /// It was closed.
    Closed,
}

impl BulkheadError {
    /// Returns whether there was no room.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::resilience::Bulkhead;
    ///
    /// # smol::block_on(async {
    /// let bulkhead = Bulkhead::new(1, 0);
    /// let _running = bulkhead.enter().await.unwrap();
    /// assert!(bulkhead.enter().await.unwrap_err().is_full());
    /// bulkhead.close();
    /// assert!(!bulkhead.enter().await.unwrap_err().is_full());
    /// # });
    /// ```
    pub fn is_full(&self) -> bool {
        *self == BulkheadError::Full
    }

    /// Returns whether there was no room in time.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{resilience::Bulkhead, smol::Smol};
    /// use std::time::Duration;
    ///
    /// # smol::block_on(async {
    /// let bulkhead = Bulkhead::new(1, 10);
    /// let _running = bulkhead.enter().await.unwrap();
    /// let late = bulkhead.run_within(&Smol, Duration::from_millis(1), async {}).await;
    /// assert!(late.unwrap_err().is_timed_out());
    /// # });
    /// ```
    pub fn is_timed_out(&self) -> bool {
        *self == BulkheadError::TimedOut
    }
}

impl fmt::Display for BulkheadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BulkheadError::Full => {
                "the bulkhead is full: as many calls run, and as many wait, as may"
            }
            BulkheadError::TimedOut => "there was no room in the bulkhead in time",
            BulkheadError::Closed => "the bulkhead is closed",
        })
    }
}

impl Error for BulkheadError {}
