//! The first success of requests that are made one after the other.

use super::delay::HedgeDelay;
use crate::{
    cancel::asked_to_end,
    combine::AllFailed,
    resilience::retry::{Attempt, RetryBudget},
    set::FutureSet,
    time::{Clock, Instant, Timer},
    unwind, waits,
};
use alloc::vec::Vec;
use core::{
    fmt,
    future::Future,
    mem,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use futures_core::Stream;
use pin_project_lite::pin_project;

/// Makes a second request if the first is not back after `delay`, and returns what succeeds first.
///
/// Against the slowest requests of a service, whose cause is often the one server that was asked. `f` makes
/// the future of a request. There are at most two, or [as many as you say](Hedge::at_most), each after the
/// `delay` from the one before; when one fails, the next is made at once. The delay is a [`Duration`], or a
/// [`Percentile`](super::Percentile) of how long requests took: the 95th percentile makes one more request for
/// twenty calls.
///
/// What is asked for must be safe to do twice. All other requests are dropped before the value is
/// returned.
///
/// As a retry does, a further request takes from the [`RetryBudget`] in the
/// [context](crate::context) or that is [passed](Hedge::budget), and is not made when that is used up, or
/// when the child around this is [asked to end](crate::checkpoint()): those under way continue.
///
/// # Errors
///
/// [`AllFailed`], with all errors in the order in which they came, when every request has failed.
///
/// # Cancel safety
///
/// Dropping the returned future drops all requests.
///
/// # Panics
///
/// A panic of `f` or of a request propagates. The returned future panics if polled after it was ready or
/// has panicked.
///
/// # Cost
///
/// A first request that is ready at once costs no allocation and no timer, and reads the clock only for a
/// percentile. The second one allocates.
///
/// # Examples
///
/// ```
/// use anyscope::{Timer, resilience::hedge, sim::Sim};
/// use std::{cell::Cell, time::Duration};
///
/// const SECOND: Duration = Duration::from_secs(1);
///
/// Sim::new(1).run(async |sim| {
///     let servers = &Cell::new(0);
///     let ask = || {
///         servers.set(servers.get() + 1);
///         let (server, sim) = (servers.get(), &sim);
///         async move {
///             // The first one hangs.
///             sim.sleep(if server == 1 { 100 * SECOND } else { SECOND }).await;
///             Ok::<_, String>(server)
///         }
///     };
///     assert_eq!(hedge(&sim, 2 * SECOND, ask).await, Ok(2));
///     assert_eq!(sim.elapsed(), 3 * SECOND);
/// }).unwrap();
/// ```
///
/// For each item of a flow, with what the past says:
///
/// ```
/// use anyscope::{flow, resilience::{Percentile, hedge}, smol::Smol};
/// use std::time::Duration;
///
/// # smol::block_on(async {
/// let fetch = async |n: u32| Ok::<_, String>(n);
/// let usual = Percentile::new(95, Duration::from_millis(100));
/// let all: Vec<u32> = flow::iter(0..9)
///     .map_concurrent(3, |n| hedge(&Smol, &usual, move || fetch(n)))
///     .try_collect()
///     .await
///     .unwrap();
/// assert_eq!(all.len(), 9);
/// # });
/// ```
pub fn hedge<T, L, F, Fut, V, E>(timer: T, delay: L, f: F) -> Hedge<T, L, F, Fut, E, Result<V, E>>
where
    T: Timer + Clock,
    L: HedgeDelay,
    F: Attempt<Fut>,
    Fut: Future<Output = Result<V, E>>,
{
    Hedge {
        first: None,
        others: FutureSet::new(),
        make: f,
        sleep: None,
        timer,
        delay,
        made: 0,
        most: 2,
        begun: Instant::NEVER,
        errors: Vec::new(),
        budget: None,
        is_over: false,
    }
}

pin_project! {
    /// Future of [`hedge`].
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Hedge<T, L, F, Fut, E, O, Sleep = <T as Timer>::Sleep> {
        // Requests are dropped before the function that made them.
        #[pin]
        first: Option<Fut>,
        others: FutureSet<Fut, O>,
        make: F,
        #[pin]
        sleep: Option<Sleep>,
        timer: T,
        delay: L,
        made: usize,
        most: usize,
        begun: Instant,
        errors: Vec<E>,
        budget: Option<RetryBudget>,
        // It is ready, or something has panicked.
        is_over: bool,
    }
}

impl<T, L, F, Fut, E, O, Sleep> Hedge<T, L, F, Fut, E, O, Sleep> {
    /// Makes at most so many requests, the first included. With 0 or 1 there is no second one.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{resilience::hedge, smol::Smol};
    /// use std::time::Duration;
    ///
    /// # smol::block_on(async {
    /// let down = async || Err::<(), _>("down");
    /// let failed = hedge(&Smol, Duration::from_secs(1), down).at_most(3).await.unwrap_err();
    /// assert_eq!(failed.errors, ["down"; 3]);
    /// # });
    /// ```
    pub fn at_most(mut self, requests: usize) -> Self {
        self.most = requests;
        self
    }

    /// Takes further requests from this budget, and not from that in the context.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{resilience::{RetryBudget, hedge}, smol::Smol};
    /// use std::time::Duration;
    ///
    /// # smol::block_on(async {
    /// // No request more than the first, however slow that is.
    /// let none = RetryBudget::new(0);
    /// let down = async || Err::<(), _>("down");
    /// let failed = hedge(&Smol, Duration::ZERO, down).at_most(3).budget(&none).await.unwrap_err();
    /// assert_eq!(failed.errors, ["down"]);
    /// # });
    /// ```
    pub fn budget(mut self, budget: &RetryBudget) -> Self {
        self.budget = Some(budget.clone());
        self
    }
}

impl<T, L, F, Fut, V, E> Future for Hedge<T, L, F, Fut, E, Result<V, E>>
where
    T: Timer + Clock,
    L: HedgeDelay,
    F: Attempt<Fut>,
    Fut: Future<Output = Result<V, E>>,
{
    type Output = Result<V, AllFailed<Vec<E>>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        assert!(!self.is_over, "polled after it was ready");
        // Unless this ends without a panic.
        *self.as_mut().project().is_over = true;
        if self.made == 0 {
            let mut this = self.as_mut().project();
            RetryBudget::around(this.budget, RetryBudget::deposit);
            if L::LEARNS {
                *this.begun = this.timer.now();
            }
            *this.made = 1;
            this.first.set(Some(this.make.attempt()));
        }
        let mut failures = self.errors.len();
        let mut won = self.as_mut().poll_first(cx);
        loop {
            won = won.or_else(|| self.as_mut().poll_others(cx));
            if let Some(value) = won.take() {
                return Poll::Ready(Ok(self.win(value)));
            }
            let this = self.as_mut().project();
            let has_failed = mem::replace(&mut failures, this.errors.len()) < this.errors.len();
            if *this.made < *this.most
                && (has_failed || Self::is_slow(this.sleep, this.timer, this.delay, cx))
            {
                let mut this = self.as_mut().project();
                this.sleep.set(None);
                let may = asked_to_end().is_none()
                    && RetryBudget::around(this.budget, |budget| budget.withdraw(&*this.timer))
                        != Some(false);
                if may {
                    *this.made += 1;
                    this.others.push(this.make.attempt());
                    continue;
                }
                *this.most = *this.made;
            }
            let this = self.project();
            if this.errors.len() == *this.made {
                return Poll::Ready(Err(AllFailed { errors: mem::take(this.errors) }));
            }
            let words = format_args!("the first of {} requests", *this.made);
            waits::waits_for(waits::Wait::What(waits::What::FirstRequest), words);
            *this.is_over = false;
            return Poll::Pending;
        }
    }
}

impl<T, L, F, Fut, V, E> Hedge<T, L, F, Fut, E, Result<V, E>>
where
    T: Timer + Clock,
    L: HedgeDelay,
    Fut: Future<Output = Result<V, E>>,
{
    /// Polls the first request, and returns its success.
    fn poll_first(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Option<V> {
        let mut this = self.project();
        let first = this.first.as_mut().as_pin_mut()?;
        if let Poll::Ready(result) = first.poll(cx) {
            this.first.set(None);
            match result {
                Ok(value) => return Some(value),
                Err(error) => this.errors.push(error),
            }
        }
        None
    }

    /// Polls the others that were woken, until one succeeds.
    fn poll_others(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Option<V> {
        let this = self.project();
        if this.others.is_empty() {
            return None;
        }
        while let Poll::Ready(Some(result)) = Pin::new(&mut *this.others).poll_next(cx) {
            match result {
                Ok(value) => return Some(value),
                Err(error) => this.errors.push(error),
            }
        }
        None
    }

    /// Returns whether the delay since the last request has passed.
    fn is_slow(
        mut sleep: Pin<&mut Option<T::Sleep>>,
        timer: &T,
        delay: &L,
        cx: &mut Context<'_>,
    ) -> bool {
        if sleep.is_none() {
            match delay.delay() {
                Duration::MAX => return false,
                // Not left to the timer, as some timers round up to their next tick.
                Duration::ZERO => return true,
                delay => sleep.set(Some(timer.sleep(delay))),
            }
        }
        sleep.as_pin_mut().expect("just set").poll(cx).is_ready()
    }

    /// Drops all other requests, also if some destructors panic; then the first panic propagates.
    fn win(self: Pin<&mut Self>, value: V) -> V {
        let mut this = self.project();
        if L::LEARNS {
            this.delay.learn(this.timer.now().saturating_duration_since(*this.begun));
        }
        let mut panic = None;
        unwind::keep_first(&mut panic, || this.sleep.set(None));
        unwind::keep_first(&mut panic, || this.first.set(None));
        unwind::keep_first(&mut panic, || drop(mem::take(this.others)));
        unwind::keep_first(&mut panic, || this.errors.clear());
        unwind::resume_unless_panicking(panic);
        value
    }
}

impl<T, L: fmt::Debug, F, Fut, E, O, Sleep> fmt::Debug for Hedge<T, L, F, Fut, E, O, Sleep> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hedge")
            .field("delay", &self.delay)
            .field("made", &self.made)
            .field("failed", &self.errors.len())
            .finish_non_exhaustive()
    }
}
