//! What an adapter implements.

use super::Instant;
use core::{future::Future, time::Duration};

/// Tells the time. Needed for deadlines, not for plain sleeps.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a clock",
    note = "the handles of the smol, tokio and threads adapters all are"
)]
pub trait Clock {
    /// The current moment; never less than an earlier answer of the same clock.
    fn now(&self) -> Instant;
}

/// Makes futures that wait.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a timer",
    note = "the handles of the smol, tokio and threads adapters all are"
)]
pub trait Timer {
    /// What [`sleep`](Timer::sleep) returns. Named, so that callers can ask `T::Sleep: Send`.
    type Sleep: Future<Output = ()>;

    /// A future that is ready once `duration` has passed since this call.
    ///
    /// Dropping it releases what the timer holds for it.
    fn sleep(&self, duration: Duration) -> Self::Sleep;
}

macro_rules! forward {
    ($($pointer:ty),*) => {$(
        impl<T: Clock + ?Sized> Clock for $pointer {
            fn now(&self) -> Instant {
                (**self).now()
            }
        }

        impl<T: Timer + ?Sized> Timer for $pointer {
            type Sleep = T::Sleep;

            fn sleep(&self, duration: Duration) -> T::Sleep {
                (**self).sleep(duration)
            }
        }
    )*};
}

forward!(&T);
#[cfg(feature = "alloc")]
forward!(alloc::boxed::Box<T>, alloc::rc::Rc<T>, alloc::sync::Arc<T>);

const _: Option<&dyn Clock> = None;
