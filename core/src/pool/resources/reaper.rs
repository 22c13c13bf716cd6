//! Ends idle resources whose time is over, also when nobody asks for one.

use super::{manage::Manage, shared::Shared};
use crate::time::Instant;
use alloc::sync::Arc;
use core::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    task::Poll,
};

/// A daemon of the pool's scope. Where it has panicked, a get still looks how old a resource is.
pub(super) async fn reap<M: Manage>(shared: Arc<Shared<M>>) {
    loop {
        // Before the look at the queue: what is put there after the look is announced.
        let mut sooner = pin!(shared.sooner.listen());
        let now = shared.now();
        let mut sleep = match shared.reap(now) {
            Instant::NEVER => None,
            next => Some(shared.time.sleep(next.saturating_duration_since(now))),
        };
        poll_fn(|cx| {
            if sooner.as_mut().poll(cx).is_ready() {
                return Poll::Ready(());
            }
            match &mut sleep {
                Some(sleep) => Pin::as_mut(sleep).poll(cx),
                None => Poll::Pending,
            }
        })
        .await;
    }
}
