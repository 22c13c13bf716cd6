//! What the tests share: executors and the macros that run a behaviour on each, and what behaviours
//! count, wait for and look at.

#![allow(missing_docs, missing_debug_implementations)]

pub mod alloc;
mod any;
mod behaviour;
pub mod executors;
mod files;
mod flow;
pub mod hoard;
pub mod hostile;
pub mod kinds;
pub mod local;
pub mod observed;
pub mod outcome;
pub mod panics;
mod rounds;
pub mod signal;
mod thread_each;
pub mod time;

pub use any::{AnyExec, AnyOwner};
pub use files::files;
pub use hoard::{Hoard, Refusing};
pub use observed::{Gauge, Inside, Log, Tracer, is_send, on_drop, until_idle};
pub use outcome::{cause, errors, panic_message, record};
pub use panics::{blow_up, panic_in, panic_of, place_of_panic_in, while_panics};
pub use signal::{Signal, until, yield_now, yields};
pub use thread_each::ThreadEach;
pub use time::{HOUR, SECOND, Stopwatch};

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, Waker},
};

/// Polls `future`, which must not end, until `signal` has fired.
pub async fn drive_until<F: Future>(future: Pin<&mut F>, signal: &Signal) {
    let ended = async {
        future.await;
        panic!("the future ended too soon");
    };
    futures_lite::future::or(signal.wait(), ended).await;
}

/// Polls `future` once, with a waker that does nothing.
pub fn poll_once<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}
