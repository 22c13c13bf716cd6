//! What the tests share.

pub(crate) mod alloc;
pub(crate) mod executors;
pub(crate) mod flow;
pub(crate) mod hoard;
pub(crate) mod hostile;
pub(crate) mod kinds;
pub(crate) mod local;
pub(crate) mod observed;
pub(crate) mod outcome;
pub(crate) mod panics;
mod rounds;
pub(crate) mod signal;
pub(crate) mod time;

pub(crate) use executors::{behaviour, blocking, simulated};
pub(crate) use flow::{flow_behaviour, map_behaviour};
pub(crate) use hoard::{Hoard, Refusing};
pub(crate) use local::local_behaviour;
pub(crate) use observed::{Gauge, Log, Tracer, is_send, on_drop, until_idle};
pub(crate) use outcome::{cause, errors, panic_message, record};
pub(crate) use panics::{blow_up, panic_in, panic_of};
pub(crate) use signal::{Signal, yield_now};
pub(crate) use time::{HOUR, SECOND, Stopwatch};

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, Waker},
};

/// Polls `future`, which must not end, until `signal` has fired.
pub(crate) async fn drive_until<F: Future>(future: Pin<&mut F>, signal: &Signal) {
    let ended = async {
        future.await;
        panic!("the future ended too soon");
    };
    futures_lite::future::or(signal.wait(), ended).await;
}

/// Polls `future` once, with a waker that does nothing.
pub(crate) fn poll_once<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}
