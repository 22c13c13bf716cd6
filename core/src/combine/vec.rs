//! Vectors: each future is polled only when its own waker has fired.

use super::join::Join;
use crate::set::{budget::Budget, slab::Slab};
use alloc::vec::Vec;
use core::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

impl<F: Future> Join for Vec<F> {
    type Output = Vec<F::Output>;
    type Future = JoinVec<F>;

    fn into_join(self) -> JoinVec<F> {
        let values = self.iter().map(|_| None).collect();
        let mut children = Slab::with_capacity(self.len());
        for (place, future) in self.into_iter().enumerate() {
            children.push(Placed { future, place });
        }
        JoinVec { children, values, over: false }
    }
}

pin_project_lite::pin_project! {
    /// A future, and the place of its value.
    struct Placed<F> {
        #[pin]
        future: F,
        place: usize,
    }
}

/// Future of [`join`](super::join) for a `Vec` of futures.
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct JoinVec<F: Future, T = <F as Future>::Output> {
    children: Slab<Placed<F>>,
    values: Vec<Option<T>>,
    over: bool,
}

/// The futures are pinned in the slab; values are not pinned.
impl<F: Future> Unpin for JoinVec<F> {}

impl<F: Future> JoinVec<F> {
    fn poll_children(&mut self, budget: &mut Budget) -> bool {
        while let Some(key) = self.children.next() {
            let values = &mut self.values;
            let polled = self.children.poll_with(key, |child, cx| {
                let child = child.project();
                child.future.poll(cx).map(|value| values[*child.place] = Some(value))
            });
            if matches!(polled, Some(Poll::Ready(()))) {
                self.children.remove(key);
            }
            if polled.is_some() && !budget.pay_poll() {
                return false;
            }
        }
        true
    }
}

impl<F: Future> Future for JoinVec<F> {
    type Output = Vec<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        assert!(!self.over, "polled after it was ready");
        let this = &mut *self;
        let mut budget = Budget::new();
        while this.poll_children(&mut budget) {
            if this.children.is_empty() {
                this.over = true;
                let values = this.values.drain(..);
                let values = values
                    .map(|value| value.expect("a future panicked, and this was polled again"));
                return Poll::Ready(values.collect());
            }
            if this.children.begin_pass() {
                if !budget.pay_pass() {
                    break;
                }
            } else if this.children.park(cx) {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<F: Future> fmt::Debug for JoinVec<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinVec").field("running", &self.children.len()).finish_non_exhaustive()
    }
}
