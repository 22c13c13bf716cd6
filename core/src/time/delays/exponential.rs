//! Delays that double.

use core::time::Duration;

/// Creates endless delays for retries and restarts: `first`, twice that, and so on, at most `most`.
///
/// Without jitter. For that, `map` them, as shown at [`IntoDelays`](super::IntoDelays); or use a
/// builder of the crate `backon`.
///
/// # Examples
///
/// ```
/// use anyscope::exponential;
/// use std::time::Duration;
///
/// let delays = exponential(Duration::from_secs(1), Duration::from_secs(5)).take(4);
/// assert_eq!(delays.map(|delay| delay.as_secs()).collect::<Vec<_>>(), [1, 2, 4, 5]);
/// ```
pub fn exponential(first: Duration, most: Duration) -> Exponential {
    Exponential { next: first.min(most), most }
}

/// Delays that double; see [`exponential`].
///
/// # Examples
///
/// ```
/// use anyscope::{resilience::retry, exponential, smol::Smol};
/// use std::{cell::Cell, time::Duration};
///
/// # smol::block_on(async {
/// let calls = Cell::new(0);
/// let delays = exponential(Duration::from_millis(1), Duration::from_secs(1)).take(4);
/// let third = retry(&Smol, delays, || async {
///     calls.set(calls.get() + 1);
///     if calls.get() < 3 { Err("busy") } else { Ok(calls.get()) }
/// });
/// assert_eq!(third.await.unwrap(), 3);
/// # });
/// ```
#[derive(Clone, Debug)]
pub struct Exponential {
    next: Duration,
    most: Duration,
}

impl Iterator for Exponential {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let next = self.next;
        self.next = next.saturating_mul(2).min(self.most);
        Some(next)
    }
}
