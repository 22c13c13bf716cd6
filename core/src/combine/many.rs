//! Any number of futures of one type: a few in slots, many in a slab, where each is polled only
//! when its own waker has fired.

use super::{
    few::{clear_slots, poll_slots, take_slots},
    group::Clear,
    rule::Rule,
    shape::Shape,
    slot::Slot,
    uniform::Store,
};
use crate::{
    set::{
        budget::Budget,
        pinned::PinnedVec,
        slab::{Slab, Turn},
    },
    unwind::{self, Payload},
    waits,
};
use alloc::{boxed::Box, vec::Vec};
use core::{
    cmp::Reverse,
    fmt,
    future::Future,
    iter, mem,
    ops::ControlFlow,
    pin::Pin,
    task::{Context, Poll},
};

/// How many are polled together: to find out who was woken costs as much as some polls.
const FEW: usize = 16;

/// Futures of one type, on the heap.
#[derive(Debug)]
pub enum Boxed<F, K> {
    /// Those of which nothing is kept: they stay where they were.
    Bare(PinnedVec<F>),
    Few(Pin<Box<[Slot<F, K>]>>),
    /// Boxed, so that a few are moved fast.
    Many(Box<Many<F, K>>),
}

/// Futures are pinned on the heap; values are not pinned.
impl<F, K> Unpin for Boxed<F, K> {}

impl<F: Future, K> Boxed<F, K> {
    #[inline(always)]
    pub(super) fn new<R: Rule<F::Output>>(members: Vec<F>) -> Self {
        if members.len() > FEW {
            return Boxed::Many(Many::boxed(members));
        }
        if !R::KEEPS {
            return Boxed::Bare(PinnedVec::new(members));
        }
        Boxed::few(members)
    }

    #[inline(never)]
    fn few(members: Vec<F>) -> Self {
        let slots: Box<[_]> = members.into_iter().map(|future| Slot::Running { future }).collect();
        Boxed::Few(slots.into())
    }
}

/// Polls all of whom the first one decides.
#[inline(always)]
fn poll_bare<R: Rule<F::Output>, F: Future>(
    members: &mut PinnedVec<F>,
    cx: &mut Context<'_>,
) -> Poll<ControlFlow<(usize, R::Decided)>> {
    for (place, member) in members.iter_mut().enumerate() {
        if let Poll::Ready(output) = member.poll(cx) {
            match R::judge(output) {
                ControlFlow::Break(decided) => {
                    return Poll::Ready(ControlFlow::Break((place, decided)));
                }
                ControlFlow::Continue(_) => unreachable!("nothing is kept"),
            }
        }
    }
    if members.is_empty() { Poll::Ready(ControlFlow::Continue(())) } else { Poll::Pending }
}

impl<F: Future, K, R: Rule<F::Output, Kept = K>> Store<R> for Boxed<F, K> {
    type Kept = K;
    type Decided = R::Decided;

    #[inline(always)]
    fn poll_members(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<ControlFlow<(usize, R::Decided)>> {
        match self.get_mut() {
            Boxed::Bare(members) => poll_bare::<R, F>(members, cx),
            Boxed::Few(slots) => poll_slots::<R, F, K>(slots.as_mut(), cx),
            Boxed::Many(many) => many.poll::<R>(cx),
        }
    }

    fn take<C: Shape>(self: Pin<&mut Self>, shape: &mut C) -> C::Of<K> {
        match self.get_mut() {
            Boxed::Bare(_) => shape.collect(iter::empty()),
            Boxed::Few(slots) => take_slots(slots.as_mut(), shape),
            Boxed::Many(many) => shape.collect(many.take()),
        }
    }
}

impl<F, K> Clear for Boxed<F, K> {
    const ON_HEAP: bool = true;

    #[inline(always)]
    fn clear(self: Pin<&mut Self>, first: &mut Option<Payload>) {
        match self.get_mut() {
            Boxed::Bare(members) => members.clear(first),
            Boxed::Few(slots) => clear_slots(slots.as_mut(), first),
            Boxed::Many(many) => many.clear(first),
        }
    }
}

/// Many futures. Each has the key of its place.
pub struct Many<F, K> {
    children: Slab<F>,
    values: Vec<Option<K>>,
    /// What is left of this pass, the last place first. Only where somebody can decide, so that of
    /// several it is the first.
    pass: Vec<usize>,
}

impl<F, K> Many<F, K> {
    #[inline(never)]
    fn boxed(members: Vec<F>) -> Box<Self> {
        let values = members.iter().map(|_| None).collect();
        let mut children = Slab::with_capacity(members.len());
        for (place, future) in members.into_iter().enumerate() {
            let key = children.push(future);
            assert_eq!(key, place, "a new slab of known length has no gaps");
        }
        Box::new(Many { children, values, pass: Vec::new() })
    }

    /// By value, so that a `Vec` of them may have the same memory.
    fn take(&mut self) -> impl ExactSizeIterator<Item = K> + use<F, K> {
        mem::take(&mut self.values).into_iter().map(|value| value.expect("all are done"))
    }

    #[inline(never)]
    fn clear(&mut self, first: &mut Option<Payload>) {
        unwind::keep_first(first, || self.children.clear());
        while !self.values.is_empty() {
            unwind::keep_first(first, || while self.values.pop().is_some() {});
        }
    }
}

impl<F: Future, K> Many<F, K> {
    #[inline(never)]
    fn poll<R>(&mut self, cx: &mut Context<'_>) -> Poll<ControlFlow<(usize, R::Decided)>>
    where
        R: Rule<F::Output, Kept = K>,
    {
        let mut budget = Budget::new();
        loop {
            let over = match self.poll_pass::<R>(&mut budget) {
                ControlFlow::Continue(over) => over,
                ControlFlow::Break(decided) => return Poll::Ready(ControlFlow::Break(decided)),
            };
            if self.children.is_empty() {
                return Poll::Ready(ControlFlow::Continue(()));
            }
            if !over {
                break;
            }
            if self.children.begin_pass() {
                if !budget.pay_pass() {
                    break;
                }
            } else if self.children.park(cx) {
                waits::waits_for_what(waits::What::Several);
                return Poll::Pending;
            }
        }
        waits::yields(cx.waker());
        Poll::Pending
    }

    /// Polls those of this pass: whether it is over, or what decides, and where.
    fn poll_pass<R>(&mut self, budget: &mut Budget) -> ControlFlow<(usize, R::Decided), bool>
    where
        R: Rule<F::Output, Kept = K>,
    {
        while let Some((place, polled)) = self.poll_one::<R>() {
            if let Some(Poll::Ready(output)) = polled {
                match R::judge(output) {
                    ControlFlow::Continue(value) => self.values[place] = Some(value),
                    ControlFlow::Break(decided) => return ControlFlow::Break((place, decided)),
                }
            }
            if !budget.pay_poll() {
                return ControlFlow::Continue(false);
            }
        }
        ControlFlow::Continue(true)
    }

    /// Polls the next of this pass. None when it is over.
    #[inline(always)]
    fn poll_one<R: Rule<F::Output>>(&mut self) -> Option<(usize, Option<Poll<F::Output>>)> {
        if !R::DECIDES {
            return match self.children.poll_turn_future()? {
                Turn::Own => None,
                Turn::Polled((place, polled)) => Some((place, Some(polled))),
            };
        }
        let place = self.next_in_order()?;
        Some((place, self.children.poll(place)))
    }

    /// The next of this pass, by their places.
    fn next_in_order(&mut self) -> Option<usize> {
        if self.pass.is_empty() {
            if self.pass.capacity() == 0 {
                self.pass.reserve_exact(self.children.len());
            }
            while let Some(place) = self.children.next() {
                self.pass.push(place);
            }
            self.pass.sort_unstable_by_key(|place| Reverse(*place));
        }
        self.pass.pop()
    }
}

impl<F, K> fmt::Debug for Many<F, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Many").field("running", &self.children.len()).finish_non_exhaustive()
    }
}
