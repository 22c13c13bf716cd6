//! Children that block a thread of their own.

use crate::{
    cancel::current::{self, Mark},
    child::Child,
};
use alloc::boxed::Box;
use core::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, Waker},
};

/// A future that runs a closure when polled.
pub(super) struct Blocking<F>(Option<F>);

impl<F> Blocking<F> {
    pub(super) fn new(f: F) -> Self {
        Blocking(Some(f))
    }
}

/// The closure is moved out, never pinned.
impl<F> Unpin for Blocking<F> {}

impl<F: FnOnce() -> O, O> Future for Blocking<F> {
    type Output = O;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<O> {
        let f = self.0.take().expect("a child that is done is not polled");
        Poll::Ready(current::marked(Mark::Blocked, f))
    }
}

/// What runs a [`Blocking`] child on a thread for it.
pub(super) fn job(mut child: Child) -> Box<dyn FnOnce() + Send> {
    Box::new(move || {
        // Ready after one poll: the closure runs in it, or the child was cancelled before.
        let poll = Pin::new(&mut child).poll(&mut Context::from_waker(Waker::noop()));
        debug_assert!(poll.is_ready());
    })
}
