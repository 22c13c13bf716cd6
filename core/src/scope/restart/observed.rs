//! Who is told of restarts.

use crate::unwind::Payload;
use alloc::string::String;
use core::{any::Any, fmt, time::Duration};

/// A restart that is due: what the function of [`on_restart`](super::Restart::on_restart) is told.
#[non_exhaustive]
pub struct Restarted<'a, O> {
    /// Which restart of this child it is. The first is 1.
    pub number: usize,
    /// What the child has returned. `None` if it has panicked.
    pub output: Option<&'a O>,
    /// The message of the panic, if the child has panicked with one, as `panic!` does.
    pub panic: Option<&'a str>,
    /// How long the wait is until the child is made again.
    pub delay: Duration,
}

impl<'a, O> Restarted<'a, O> {
    pub(super) fn new(number: usize, ended: &'a Result<O, Payload>, delay: Duration) -> Self {
        let (output, panic) = match ended {
            Ok(output) => (Some(output), None),
            Err(payload) => {
                let payload: &(dyn Any + Send) = &**payload;
                let text = payload.downcast_ref::<&'static str>().copied();
                (None, text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)))
            }
        };
        Restarted { number, output, panic, delay }
    }
}

/// Who is told of the restarts of a child that returns an `O`. Sealed: [`Observed`] and
/// [`Unobserved`].
///
/// See [`on_restart`](super::Restart::on_restart).
pub trait ObservesRestarts<O>: sealed::Sealed {
    #[doc(hidden)]
    fn tell(&mut self, restarted: &Restarted<'_, O>);
}

/// Nobody is told of restarts.
///
/// See [`on_restart`](super::Restart::on_restart).
#[derive(Clone, Copy, Debug)]
pub struct Unobserved(pub(super) ());

/// A function is told of restarts; see [`on_restart`](super::Restart::on_restart).
#[derive(Clone, Copy)]
pub struct Observed<N>(pub(super) N);

impl<O> ObservesRestarts<O> for Unobserved {
    #[inline]
    fn tell(&mut self, _: &Restarted<'_, O>) {}
}

impl<O, N: FnMut(&Restarted<'_, O>)> ObservesRestarts<O> for Observed<N> {
    fn tell(&mut self, restarted: &Restarted<'_, O>) {
        (self.0)(restarted);
    }
}

mod sealed {
    use super::*;

    #[allow(unnameable_types, reason = "sealed")]
    pub trait Sealed {}

    impl Sealed for Unobserved {}
    impl<N> Sealed for Observed<N> {}
}

impl<O> fmt::Debug for Restarted<'_, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Restarted")
            .field("number", &self.number)
            .field("panicked", &self.output.is_none())
            .field("delay", &self.delay)
            .finish_non_exhaustive()
    }
}

impl<N> fmt::Debug for Observed<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Observed(..)")
    }
}
