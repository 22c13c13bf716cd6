//! What happens to the code that runs on this thread. Without anybody to tell: nothing, or one read of a thread-local.

#[cfg(all(feature = "std", not(anyscope_loom)))]
use super::{Happening, observed};
use core::{fmt, time::Duration};

/// So many attempts have failed, and the next one is after this delay.
pub(crate) fn retries(attempts: usize, delay: Duration) {
    #[cfg(all(feature = "std", not(anyscope_loom)))]
    observed::happens(Happening::Retry { attempts, delay });
    #[cfg(not(all(feature = "std", not(anyscope_loom))))]
    let _ = (attempts, delay);
}

/// A circuit breaker is in this state now.
pub(crate) fn turns_breaker(state: &dyn fmt::Display) {
    #[cfg(all(feature = "std", not(anyscope_loom)))]
    observed::happens(Happening::Breaker { state });
    #[cfg(not(all(feature = "std", not(anyscope_loom))))]
    let _ = state;
}

/// A limit that changes has changed.
pub(crate) fn changes_limit(before: usize, now: usize) {
    #[cfg(all(feature = "std", not(anyscope_loom)))]
    observed::happens(Happening::Limit { before, now });
    #[cfg(not(all(feature = "std", not(anyscope_loom))))]
    let _ = (before, now);
}
