//! A future, and later its value.

use crate::unwind::{self, Payload};
use core::{
    future::Future,
    mem,
    ops::ControlFlow,
    pin::Pin,
    task::{Context, Poll},
};
use pin_project_lite::pin_project;

pin_project! {
    /// A future, later what is kept of its output, and then nothing.
    #[project = SlotProjection]
    #[project_replace = SlotOwned]
    #[derive(Debug)]
    pub enum Slot<F, K> {
        Running {
            #[pin]
            future: F,
        },
        Kept { value: K },
        Empty,
    }
}

impl<F, K> Slot<F, K> {
    /// Drops what is in it.
    pub(super) fn clear(mut self: Pin<&mut Self>, first: &mut Option<Payload>) {
        if mem::needs_drop::<Self>() {
            unwind::keep_first(first, || self.set(Slot::Empty));
        }
    }

    /// What is kept. A future that still runs is dropped.
    #[inline(always)]
    pub(super) fn take(self: Pin<&mut Self>) -> Option<K> {
        match self.project_replace(Slot::Empty) {
            SlotOwned::Kept { value } => Some(value),
            _ => None,
        }
    }
}

impl<F: Future, K> Slot<F, K> {
    /// Polls the future if it runs: whether it is done, or what decides. What has decided stays
    /// where it is.
    #[inline(always)]
    pub(super) fn poll<D>(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        judge: impl FnOnce(F::Output) -> ControlFlow<D, K>,
    ) -> ControlFlow<D, bool> {
        let SlotProjection::Running { future } = self.as_mut().project() else {
            return ControlFlow::Continue(true);
        };
        let Poll::Ready(output) = future.poll(cx) else { return ControlFlow::Continue(false) };
        let value = judge(output)?;
        self.set(Slot::Kept { value });
        ControlFlow::Continue(true)
    }
}
