//! Why a call was not made, and bad settings.

use super::BreakerState;
use crate::time::Instant;
use core::{error::Error, fmt};

/// A call was not let through by a [`CircuitBreaker`](super::CircuitBreaker).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rejected {
    /// In which state the breaker was.
    pub state: BreakerState,
    /// When it lets a call through again, if that is known: not while it is half-open, and never after
    /// [`force_open`](super::CircuitBreaker::force_open).
    pub until: Option<Instant>,
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.state {
            BreakerState::HalfOpen => {
                f.write_str("the circuit breaker is half-open, and as many probes as it lets through are under way")
            }
            _ => f.write_str("the circuit breaker is open: calls failed too often"),
        }
    }
}

impl Error for Rejected {}

/// Why [`CircuitBreaker::call`](super::CircuitBreaker::call) has no value.
///
/// # Examples
///
/// ```
/// use anyscope::{resilience::breaker::{BreakerError, CircuitBreaker}, smol::Smol};
///
/// # smol::block_on(async {
/// let breaker = CircuitBreaker::builder().build()?;
/// let failed = breaker.call(&Smol, async { Err::<u32, _>("down") }).await;
/// assert_eq!(failed, Err(BreakerError::Failed("down")));
///
/// breaker.force_open();
/// let rejected = breaker.call(&Smol, async { Ok::<_, &str>(1) }).await.unwrap_err();
/// assert!(rejected.is_rejected());
/// # Ok::<_, anyscope::resilience::breaker::InvalidBreaker>(()) }).unwrap();
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BreakerError<E> {
    /// The call was not made.
    Rejected(Rejected),
    /// The call was made, and failed.
    Failed(E),
}

impl<E> BreakerError<E> {
    /// Returns the error of the call, if it was made.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{resilience::breaker::CircuitBreaker, smol::Smol};
    ///
    /// let breaker = CircuitBreaker::builder().build()?;
    /// let failed = smol::block_on(breaker.call(&Smol, async { Err::<(), _>("no route") }));
    /// assert_eq!(failed.unwrap_err().into_failed(), Some("no route"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn into_failed(self) -> Option<E> {
        match self {
            BreakerError::Failed(error) => Some(error),
            BreakerError::Rejected(_) => None,
        }
    }

    /// Returns whether the call was not made.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{resilience::breaker::CircuitBreaker, smol::Smol};
    ///
    /// let breaker = CircuitBreaker::builder().build()?;
    /// breaker.force_open();
    /// let fetched = smol::block_on(breaker.call(&Smol, async { Ok::<_, String>("fresh") }));
    /// // What was not even tried comes from the cache.
    /// let page = fetched.or_else(|error| if error.is_rejected() { Ok("cached") } else { Err(error) });
    /// assert_eq!(page.ok(), Some("cached"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn is_rejected(&self) -> bool {
        matches!(self, BreakerError::Rejected(_))
    }
}

impl<E: fmt::Display> fmt::Display for BreakerError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BreakerError::Rejected(rejected) => rejected.fmt(f),
            BreakerError::Failed(error) => error.fmt(f),
        }
    }
}

impl<E: Error + 'static> Error for BreakerError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            // What is displayed is the error itself.
            BreakerError::Failed(error) => error.source(),
            BreakerError::Rejected(_) => None,
        }
    }
}

/// Settings with which a breaker could not work.
///
/// # Examples
///
/// ```
/// use anyscope::resilience::breaker::{CircuitBreaker, InvalidBreaker};
///
/// let wrong = CircuitBreaker::builder().failure_rate(0).build().unwrap_err();
/// assert_eq!(wrong, InvalidBreaker::Rate(0));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidBreaker {
    /// A rate is 0, or more than 100 per cent.
    Rate(u8),
    /// The window has no calls, or no time.
    EmptyWindow,
    /// Fewer than one call would be enough to open it, or more than the window has.
    MinimumCalls(usize),
    /// No probe would be let through, so it would never close.
    NoProbes,
    /// Every call would be slow.
    SlowAfterNothing,
}

impl fmt::Display for InvalidBreaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InvalidBreaker::Rate(rate) => {
                write!(f, "a rate of {rate} per cent makes no sense; use 1 to 100")
            }
            InvalidBreaker::EmptyWindow => f.write_str(
                "the window of the breaker is empty; use at least one call, or some time",
            ),
            InvalidBreaker::MinimumCalls(calls) => write!(
                f,
                "{calls} calls as the least to judge by; use at least 1, and no more than the window has"
            ),
            InvalidBreaker::NoProbes => {
                f.write_str("with 0 probes the breaker would never close again; use at least 1")
            }
            InvalidBreaker::SlowAfterNothing => {
                f.write_str("after a duration of zero every call is slow; use a longer one")
            }
        }
    }
}

impl Error for InvalidBreaker {}
