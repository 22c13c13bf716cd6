//! A few futures of one type in slots, which are polled together.

use super::{group::Clear, rule::Rule, shape::Shape, slot::Slot, uniform::Store};
use crate::{
    set::pinned::{element, elements},
    unwind::{self, Payload},
};
use core::{
    future::Future,
    mem,
    ops::ControlFlow,
    pin::Pin,
    task::{Context, Poll},
};
use pin_project_lite::pin_project;

/// Polls all that are not done, until one decides.
#[inline(always)]
pub(super) fn poll_slots<R, F: Future, K>(
    slots: Pin<&mut [Slot<F, K>]>,
    cx: &mut Context<'_>,
) -> Poll<ControlFlow<(usize, R::Decided)>>
where
    R: Rule<F::Output, Kept = K>,
{
    let mut all = true;
    for (place, slot) in elements(slots).enumerate() {
        match slot.poll(cx, R::judge) {
            ControlFlow::Continue(done) => all &= done,
            ControlFlow::Break(decided) => {
                return Poll::Ready(ControlFlow::Break((place, decided)));
            }
        }
    }
    if all { Poll::Ready(ControlFlow::Continue(())) } else { Poll::Pending }
}

/// What is kept of all of them.
#[inline(always)]
pub(super) fn take_slots<F, K, C: Shape>(slots: Pin<&mut [Slot<F, K>]>, shape: &mut C) -> C::Of<K> {
    shape.collect(elements(slots).map(|slot| slot.take().expect("all are done")))
}

pub(super) fn clear_slots<F, K>(mut slots: Pin<&mut [Slot<F, K>]>, first: &mut Option<Payload>) {
    if !mem::needs_drop::<Slot<F, K>>() {
        return;
    }
    let mut cleared = 0;
    while cleared < slots.len() {
        // Once, unless a destructor panics: to be ready for that costs more than a slot.
        unwind::keep_first(first, || {
            while cleared < slots.len() {
                cleared += 1;
                element(slots.as_mut(), cleared - 1).set(Slot::Empty);
            }
        });
    }
}

impl<F: Future, K, R: Rule<F::Output, Kept = K>, const N: usize> Store<R> for [Slot<F, K>; N] {
    type Kept = K;
    type Decided = R::Decided;

    #[inline(always)]
    fn poll_members(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<ControlFlow<(usize, R::Decided)>> {
        poll_slots::<R, F, K>(self, cx)
    }

    #[inline(always)]
    fn take<C: Shape>(self: Pin<&mut Self>, shape: &mut C) -> C::Of<K> {
        take_slots(self, shape)
    }
}

impl<F, K, const N: usize> Clear for [Slot<F, K>; N] {
    fn clear(self: Pin<&mut Self>, first: &mut Option<Payload>) {
        clear_slots(self, first);
    }
}

pin_project! {
    /// A future, or none.
    #[derive(Debug)]
    pub struct One<F, K> {
        #[pin]
        slot: Slot<F, K>,
    }
}

impl<F, K> One<F, K> {
    pub(super) fn new(future: Option<F>) -> Self {
        One { slot: future.map_or(Slot::Empty, |future| Slot::Running { future }) }
    }
}

impl<F: Future, K, R: Rule<F::Output, Kept = K>> Store<R> for One<F, K> {
    type Kept = K;
    type Decided = R::Decided;

    fn poll_members(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<ControlFlow<(usize, R::Decided)>> {
        match self.project().slot.poll(cx, R::judge) {
            ControlFlow::Continue(true) => Poll::Ready(ControlFlow::Continue(())),
            ControlFlow::Continue(false) => Poll::Pending,
            ControlFlow::Break(decided) => Poll::Ready(ControlFlow::Break((0, decided))),
        }
    }

    fn take<C: Shape>(self: Pin<&mut Self>, shape: &mut C) -> C::Of<K> {
        shape.collect(self.project().slot.take().into_iter())
    }
}

impl<F, K> Clear for One<F, K> {
    fn clear(self: Pin<&mut Self>, first: &mut Option<Payload>) {
        self.project().slot.clear(first);
    }
}
