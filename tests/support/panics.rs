//! Panics, thrown and caught.

use std::{
    any::Any,
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    pin::pin,
    task::Poll,
};

/// Panics without a word from the panic hook.
pub fn blow_up<T>(message: &'static str) -> T {
    resume_unwind(Box::new(message))
}

/// Awaits a future that must panic, and returns the message.
pub async fn panic_of<F: Future>(future: F) -> String {
    let mut future = pin!(future);
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(_)) => panic!("a panic was expected"),
        Err(payload) => Poll::Ready(message_of(&*payload)),
    })
    .await
}

/// Calls what must panic, and returns the message.
pub fn panic_in<R>(f: impl FnOnce() -> R) -> String {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(_) => panic!("a panic was expected"),
        Err(payload) => message_of(&*payload),
    }
}

fn message_of(payload: &(dyn Any + Send)) -> String {
    let literal = payload.downcast_ref::<&'static str>().map(|message| (*message).into());
    literal.or_else(|| payload.downcast_ref().cloned()).unwrap_or_else(|| "no message".into())
}
