//! The traits that an adapter implements to tell the time and to wait.

use super::Instant;
use core::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

/// Tells the time. Needed for deadlines, not for plain sleeps.
///
/// # Examples
///
/// ```
/// use anyscope::{Clock, Instant};
///
/// struct SystemClock;
///
/// impl Clock for SystemClock {
///     fn now(&self) -> Instant {
///         std::time::Instant::now().into()
///     }
/// }
///
/// let start = SystemClock.now();
/// assert!(SystemClock.now() >= start);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a clock",
    note = "the handles of the smol, tokio and threads adapters all are, and it is the first argument: `.progress(&clock, observer)`"
)]
pub trait Clock {
    /// Returns the current moment, which is never less than an earlier answer of the same clock.
    fn now(&self) -> Instant;
}

/// A clock that stands still, for observers that do not ask how long it takes.
///
/// See [`Flow::progress`](crate::flow::Flow::progress).
#[derive(Clone, Copy, Debug, Default)]
pub struct NoClock;

impl Clock for NoClock {
    fn now(&self) -> Instant {
        Instant::from_epoch(Duration::ZERO)
    }
}

/// Creates futures that wait.
///
/// # Examples
///
/// A complete timer, made of the one in `smol`:
///
/// ```
/// use anyscope::{Timer, timeout};
/// use std::{future::{Future, pending}, pin::Pin, time::Duration};
///
/// struct MyTimer;
///
/// impl Timer for MyTimer {
///     type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;
///
///     fn sleep(&self, duration: Duration) -> Self::Sleep {
///         Box::pin(async move { drop(smol::Timer::after(duration).await) })
///     }
/// }
///
/// # smol::block_on(async {
/// assert!(timeout(&MyTimer, Duration::from_millis(1), pending::<()>()).await.is_err());
/// # });
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a timer",
    note = "the handles of the smol, tokio and threads adapters all are, and it is the first argument: `timeout(&timer, limit, future)`"
)]
pub trait Timer {
    /// The future that [`sleep`](Timer::sleep) returns. Named, so that callers can require
    /// `T::Sleep: Send`.
    type Sleep: Future<Output = ()>;

    /// Returns a future that is ready once `duration` has passed since this call.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future releases what the timer holds for it.
    fn sleep(&self, duration: Duration) -> Self::Sleep;

    /// Returns whether the time of `sleep` has passed, as a poll of it would find: for code that has
    /// polled it before, and no longer waits for it.
    ///
    /// A poll, if the timer has no cheaper way to tell: one that need not keep a waker, for
    /// instance.
    fn has_passed(&self, sleep: Pin<&mut Self::Sleep>, cx: &mut Context<'_>) -> bool {
        sleep.poll(cx) == Poll::Ready(())
    }
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

            fn has_passed(&self, sleep: Pin<&mut T::Sleep>, cx: &mut Context<'_>) -> bool {
                (**self).has_passed(sleep, cx)
            }
        }
    )*};
}

forward!(&T);
#[cfg(feature = "alloc")]
forward!(alloc::boxed::Box<T>, alloc::rc::Rc<T>, alloc::sync::Arc<T>);

const _: Option<&dyn Clock> = None;
