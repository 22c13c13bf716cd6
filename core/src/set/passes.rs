//! One poll of the task of a set.

use super::{budget::Budget, slab::Slab};
use crate::waits;
use core::task::{Context, Poll};

/// Polls what was woken, in passes, until `poll_one` is ready: with that, or none when there are no
/// children.
///
/// `poll_one` polls the next child of the pass, and returns none when the pass is over.
#[inline(always)]
pub(super) fn poll_next<F, T>(
    slab: &mut Slab<F>,
    cx: &mut Context<'_>,
    mut poll_one: impl FnMut(&mut Slab<F>) -> Option<Poll<T>>,
) -> Poll<Option<T>> {
    let mut budget = Budget::new();
    loop {
        while let Some(polled) = poll_one(slab) {
            match polled {
                Poll::Ready(output) => return Poll::Ready(Some(output)),
                Poll::Pending if !budget.pay_poll() => {
                    waits::yields(cx.waker());
                    return Poll::Pending;
                }
                Poll::Pending => {}
            }
        }
        if slab.is_empty() {
            return Poll::Ready(None);
        }
        if slab.begin_pass() {
            if !budget.pay_pass() {
                waits::yields(cx.waker());
                return Poll::Pending;
            }
        } else if slab.park(cx) {
            waits::waits_for_all(|| waits::Wait::AnyOf(slab.len()));
            return Poll::Pending;
        }
    }
}

/// [`poll_next`] with what is left for this poll of the task: nothing, if it yields.
///
/// Not one function with it: a budget behind a reference costs each poll of a set 13 instructions.
#[inline(always)]
pub(super) fn poll_within<F, T>(
    budget: &mut Budget,
    slab: &mut Slab<F>,
    cx: &mut Context<'_>,
    mut poll_one: impl FnMut(&mut Slab<F>) -> Option<Poll<T>>,
) -> Poll<Option<T>> {
    loop {
        while let Some(polled) = poll_one(slab) {
            match polled {
                Poll::Ready(output) => return Poll::Ready(Some(output)),
                Poll::Pending if !budget.pay_poll() => {
                    waits::yields(cx.waker());
                    return Poll::Pending;
                }
                Poll::Pending => {}
            }
        }
        if slab.is_empty() {
            return Poll::Ready(None);
        }
        if slab.begin_pass() {
            if !budget.pay_pass() {
                budget.spend();
                waits::yields(cx.waker());
                return Poll::Pending;
            }
        } else if slab.park(cx) {
            waits::waits_for_all(|| waits::Wait::AnyOf(slab.len()));
            return Poll::Pending;
        }
    }
}
