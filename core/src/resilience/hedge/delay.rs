//! After which time the next request is made.

use super::percentile::Percentile;
use core::time::Duration;

/// After which time [`hedge`](super::hedge()) makes the next request: a [`Duration`], a [`Percentile`] of
/// the past, or what you say.
///
/// See [`hedge`](super::hedge()).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no time after which a second request is made",
    note = "pass a `Duration`, or a `&Percentile` that learns from the past"
)]
pub trait HedgeDelay {
    /// Returns how long to wait for the requests that are under way. [`Duration::MAX`]: for ever.
    fn delay(&self) -> Duration;

    /// Whether it wants to know how long requests take. Without it, the clock is not read.
    const LEARNS: bool = false;

    /// Is told how long it took until there was a success, from the first request on.
    fn learn(&self, _took: Duration) {}
}

impl HedgeDelay for Duration {
    fn delay(&self) -> Duration {
        *self
    }
}

impl HedgeDelay for Percentile {
    fn delay(&self) -> Duration {
        self.get()
    }

    const LEARNS: bool = true;

    fn learn(&self, took: Duration) {
        self.record(took);
    }
}

impl<D: HedgeDelay + ?Sized> HedgeDelay for &D {
    fn delay(&self) -> Duration {
        (**self).delay()
    }

    const LEARNS: bool = D::LEARNS;

    fn learn(&self, took: Duration) {
        (**self).learn(took);
    }
}
