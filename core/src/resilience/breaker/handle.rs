//! What users hold of a breaker.

use super::{
    Admission, BreakerError, BreakerState, Builder, Rejected,
    builder::OnChange,
    machine::{Machine, Rules, Stepped},
};
use crate::{
    combine::race,
    observers,
    sync::{LazyEvent, lock::Lock},
    time::{Clock, Instant, Timer},
    unwind, waits,
};
use alloc::sync::Arc;
use core::{
    fmt,
    future::{Future, poll_fn},
    pin::Pin,
    time::Duration,
};

/// Lets calls through while they succeed, and none for a while when too many have failed. Cheap to clone; clones are the same breaker.
///
/// It is *closed* at first: calls are made, and the last ones counted. When as many of them have failed as its
/// [failure rate](Builder::failure_rate) says, it is *open*: calls are refused at once. After [a while](Builder::open_for) it is *half-open*:
/// [some](Builder::probes) calls are let through, and decide whether it closes or opens again.
///
/// A call that is cancelled is neither a success nor a failure. Time is that of the clock that is passed, so it works in
/// virtual time; use the same clock for all calls.
///
/// # Cost
///
/// A lock for a few steps at the begin and the end of a call; the time is read only where it matters: not at the success of a call
/// that is judged by neither its time nor a [window of time](Builder::window_time).
///
/// # Examples
///
/// ```
/// use anyscope::{Timer, resilience::breaker::{BreakerState, CircuitBreaker}, sim::Sim};
/// use std::time::Duration;
///
/// let ran = Sim::new(0).run(async |sim| {
///     let breaker = CircuitBreaker::builder()
///         .window_calls(4)
///         .minimum_calls(2)
///         .open_for(Duration::from_secs(10))
///         .build()?;
///     for _ in 0..2 {
///         let failed = breaker.call(&sim, async { Err::<(), _>("no route") }).await;
///         assert_eq!(failed.unwrap_err().into_failed(), Some("no route"));
///     }
///     // From now on it is not even tried.
///     let refused = breaker.call(&sim, async { Ok::<_, &str>(1) }).await;
///     assert!(refused.unwrap_err().is_rejected());
///     // Until it is worth a try, ten seconds later.
///     breaker.ready(&sim).await;
///     assert_eq!(breaker.call(&sim, async { Ok::<_, &str>(2) }).await, Ok(2));
///     assert_eq!(breaker.state(), BreakerState::Closed);
///     Ok::<_, anyscope::resilience::breaker::InvalidBreaker>(sim.elapsed())
/// });
/// assert_eq!(ran.unwrap().unwrap(), Duration::from_secs(10));
/// ```
#[derive(Clone)]
pub struct CircuitBreaker {
    shared: Arc<Shared>,
}

pub(super) struct Shared {
    machine: Lock<Machine>,
    /// Something has changed for those who wait.
    changed: LazyEvent,
    on_change: Option<OnChange>,
}

impl CircuitBreaker {
    /// Returns a builder: the failure rate, the window, how long it is open.
    ///
    /// # Examples
    ///
    /// See [`CircuitBreaker`].
    pub fn builder() -> Builder {
        Builder::new()
    }

    pub(super) fn new(rules: Rules, on_change: Option<OnChange>) -> Self {
        let machine = Lock::new(Machine::new(rules));
        let shared = Shared { machine, changed: LazyEvent::new(), on_change };
        CircuitBreaker { shared: Arc::new(shared) }
    }

    /// Makes a call: polls `call` if it is let through, and counts how it ends. Each `Err` is a failure; see
    /// [`call_when`](Self::call_when).
    ///
    /// # Errors
    ///
    /// Returns [`BreakerError::Rejected`] without polling `call` if it is not let through, and [`BreakerError::Failed`] with the
    /// error of the call otherwise.
    ///
    /// # Cancel safety
    ///
    /// Dropping the returned future drops `call`; it counts as cancelled.
    ///
    /// # Panics
    ///
    /// A panic of `call` propagates; with `std` it is a failure, without it counts as cancelled.
    ///
    /// # Examples
    ///
    /// See [`CircuitBreaker`].
    pub async fn call<C, F, T, E>(&self, clock: &C, call: F) -> Result<T, BreakerError<E>>
    where
        C: Clock,
        F: Future<Output = Result<T, E>>,
    {
        self.call_when(clock, |_| true, call).await
    }

    /// As [`call`](Self::call); an error is a failure only if `is_failure` says so. The others count as success: the service
    /// has answered.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{resilience::breaker::CircuitBreaker, smol::Smol};
    ///
    /// # smol::block_on(async {
    /// let breaker = CircuitBreaker::builder().minimum_calls(1).build().unwrap();
    /// let not_found = breaker.call_when(&Smol, |status| *status >= 500, async { Err::<(), _>(404) });
    /// assert_eq!(not_found.await.unwrap_err().into_failed(), Some(404));
    /// assert!(breaker.try_enter(&Smol).is_ok());
    /// # });
    /// ```
    pub async fn call_when<C, F, T, E>(
        &self,
        clock: &C,
        is_failure: impl FnOnce(&E) -> bool,
        call: F,
    ) -> Result<T, BreakerError<E>>
    where
        C: Clock,
        F: Future<Output = Result<T, E>>,
    {
        let admission = self.try_enter(clock).map_err(BreakerError::Rejected)?;
        let result = call.await;
        // A panic of this closure is a failure too, by the drop of the admission.
        let failed = result.as_ref().is_err_and(is_failure);
        admission.end(failed);
        result.map_err(BreakerError::Failed)
    }

    /// Lets a call through, if it may be made now. The caller makes it, and says how it ended.
    ///
    /// # Errors
    ///
    /// Returns [`Rejected`], which says until when.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{resilience::breaker::CircuitBreaker, smol::Smol};
    ///
    /// # fn call() -> Result<u32, std::num::ParseIntError> { "1".parse() }
    /// let breaker = CircuitBreaker::builder().build()?;
    /// match breaker.try_enter(&Smol) {
    ///     Ok(admission) => match call() {
    ///         Ok(_) => admission.success(),
    ///         Err(_) => admission.failure(),
    ///     },
    ///     Err(rejected) => eprintln!("{rejected}, until {:?}", rejected.until),
    /// }
    /// # Ok::<_, anyscope::resilience::breaker::InvalidBreaker>(())
    /// ```
    pub fn try_enter<'a, C: Clock>(
        &'a self,
        clock: &'a C,
    ) -> Result<Admission<'a, &'a C>, Rejected> {
        let (era, start) = self.shared.enter(clock)?;
        Ok(Admission::new(&self.shared, clock, era, start))
    }

    /// Waits until a call is let through. The caller makes it, and says how it ended.
    ///
    /// Of several who wait for probes of a half-open breaker, any is first. After [`force_open`](Self::force_open) it waits
    /// for a [`reset`](Self::reset).
    ///
    /// # Cancel safety
    ///
    /// Dropping the returned future takes no place.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{resilience::breaker::CircuitBreaker, smol::Smol};
    ///
    /// # smol::block_on(async {
    /// let breaker = CircuitBreaker::builder().build().unwrap();
    /// let call = breaker.enter(&Smol).await; // as soon as one may be made
    /// let answer = async { Ok::<_, String>("pong") }.await;
    /// call.end(answer.is_err());
    /// assert_eq!(answer.unwrap(), "pong");
    /// # });
    /// ```
    pub async fn enter<'a, T: Timer + Clock>(&'a self, timer: &'a T) -> Admission<'a, &'a T> {
        if let Ok(admission) = self.try_enter(timer) {
            return admission;
        }
        loop {
            // Before it is tried again, so that no change is missed.
            let mut changed = self.shared.changed.listen();
            let rejected = match self.try_enter(timer) {
                Ok(admission) => return admission,
                Err(rejected) => rejected,
            };
            let changes = poll_fn(|cx| {
                let polled = Pin::new(&mut changed).poll(cx);
                if polled.is_pending() {
                    let words = format_args!("a circuit breaker that is {}", rejected.state);
                    waits::waits_for(waits::Wait::What(waits::What::Breaker), words);
                }
                polled
            });
            match rejected.until {
                Some(until) if until < Instant::NEVER => {
                    let left = until.saturating_duration_since(timer.now());
                    race((changes, timer.sleep(left))).await;
                }
                _ => changes.await,
            }
        }
    }

    /// Waits until a call would be let through. By the time that it is made, others may have taken all probes of a half-open breaker: with
    /// [`enter`](Self::enter) that cannot be.
    ///
    /// # Examples
    ///
    /// See [`CircuitBreaker`].
    pub async fn ready<T: Timer + Clock>(&self, timer: &T) {
        // Dropped at once: the place is free again.
        drop(self.enter(timer).await);
    }

    /// Returns the state. A breaker whose time to be open has passed is open until the next call comes.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::resilience::breaker::{BreakerState, CircuitBreaker};
    ///
    /// let breaker = CircuitBreaker::builder().build()?;
    /// assert_eq!(breaker.state(), BreakerState::Closed);
    /// breaker.force_open();
    /// assert_eq!(breaker.state().to_string(), "forced open");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn state(&self) -> BreakerState {
        self.shared.machine.with(|machine| machine.state())
    }

    /// Opens it until it is [`reset`](Self::reset). Calls that were let through run on, and do not count.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{resilience::breaker::CircuitBreaker, smol::Smol};
    ///
    /// let breaker = CircuitBreaker::builder().build()?;
    /// breaker.force_open(); // the other side is being upgraded
    /// assert!(breaker.try_enter(&Smol).is_err());
    /// breaker.reset();
    /// assert!(breaker.try_enter(&Smol).is_ok());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn force_open(&self) {
        self.shared.step(|machine| {
            let transition = machine.force_open();
            Stepped { result: (), transition, freed: transition.is_some() }
        });
    }

    /// Closes it, and forgets all calls. Calls that were let through before do not count.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{resilience::breaker::{BreakerState, CircuitBreaker}, smol::Smol};
    ///
    /// let breaker = CircuitBreaker::builder().minimum_calls(1).build()?;
    /// breaker.try_enter(&Smol)?.failure();
    /// assert_eq!(breaker.state(), BreakerState::Open);
    /// breaker.reset(); // it is known to work again
    /// assert_eq!(breaker.state(), BreakerState::Closed);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn reset(&self) {
        self.shared.step(|machine| {
            let transition = Some(machine.reset());
            Stepped { result: (), transition, freed: true }
        });
    }

    /// Whether it is closed, and no call in its window has failed.
    pub(super) fn is_idle(&self, now: Instant) -> bool {
        self.shared.machine.with(|machine| machine.is_idle(now))
    }
}

impl Shared {
    fn enter<C: Clock>(&self, clock: &C) -> Result<(u64, Option<Instant>), Rejected> {
        // The clock is user code, and is read before.
        let open = self
            .machine
            .with(|machine| (machine.state() == BreakerState::Open, machine.needs_start()));
        let now = match open {
            (false, false) => None,
            _ => Some(clock.now()),
        };
        let mut again = false;
        let entered = self.step(|machine| {
            let stepped = machine.enter(|| now.unwrap_or(Instant::from_epoch(Duration::ZERO)));
            // It has opened in between.
            again = now.is_none() && machine.state() == BreakerState::Open;
            stepped
        });
        if again {
            let now = clock.now();
            return self.step(|machine| machine.enter(|| now)).map(|era| (era, None));
        }
        entered.map(|era| (era, if open.1 { now } else { None }))
    }

    pub(super) fn end<C: Clock>(&self, era: u64, start: Option<Instant>, failed: bool, clock: &C) {
        let needs = failed || self.machine.with(|machine| machine.needs_end());
        let epoch = Instant::from_epoch(Duration::ZERO);
        let now = if needs { clock.now() } else { epoch };
        let took = start.map_or(Duration::ZERO, |start| now.saturating_duration_since(start));
        self.step(|machine| machine.end(era, took, failed, now));
    }

    pub(super) fn cancel(&self, era: u64) {
        if self.machine.with(|machine| machine.cancel(era)) {
            self.changed.notify(1);
        }
    }

    /// Makes a step, and tells of it when the lock is free.
    fn step<R>(&self, step: impl FnOnce(&mut Machine) -> Stepped<R>) -> R {
        let Stepped { result, transition, freed } = self.machine.with(step);
        let mut panic = None;
        if freed {
            unwind::keep_first(&mut panic, || self.changed.notify(usize::MAX));
        }
        if let (Some(transition), Some(observer)) = (transition, &self.on_change) {
            unwind::keep_first(&mut panic, || observer(transition));
        }
        if let Some(transition) = transition {
            observers::turns_breaker(&transition.to);
        }
        unwind::resume_unless_panicking(panic);
        result
    }
}

impl fmt::Debug for CircuitBreaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CircuitBreaker").field("state", &self.state()).finish_non_exhaustive()
    }
}
