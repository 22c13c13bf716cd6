//! Waiting for some of many (W).

mod as_completed;
mod bad_input;
mod counts;
mod dropped;
mod handles;
mod waits;

use std::{future::Future, pin::Pin};
use support::Signal;

/// A future of any type.
type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A future that is ready with `value` when the signal has fired.
fn when<T: Send + 'static>(signal: &Signal, value: T) -> Boxed<T> {
    let fired = signal.wait();
    Box::pin(async {
        fired.await;
        value
    })
}

/// A future that is ready with `value` after so many yields.
fn after<T: Send + 'static>(yields: usize, value: T) -> Boxed<T> {
    let yields = support::yields(yields);
    Box::pin(async {
        yields.await;
        value
    })
}
