//! A merge of many sources, each with a waker of its own.

use super::{
    pool::{Got, Pool},
    sealed::{Inputs, Rules},
};
use crate::{flow::source::Source, set::budget::Budget, waits};
use alloc::{collections::BinaryHeap, vec::Vec};
use core::{
    cmp::Reverse,
    fmt, mem,
    ops::ControlFlow,
    pin::Pin,
    task::{Context, Poll},
};

/// Sources, each of which is polled only when its own waker has fired.
///
/// See [`merge`](super::merge()).
pub struct Many<S: Source> {
    pool: Pool<S, Queued, false>,
    rules: Rules,
    /// Nothing special is to be done: the merge is not biased and does not end, and no source was
    /// let to make progress.
    plain: bool,
    /// The sources that were woken, for a biased merge.
    woken: BinaryHeap<Reverse<usize>>,
    /// While the merge ends: the sources to poll for the last time, in reverse order.
    last: Option<Vec<usize>>,
}

/// Whether a source is in `woken`.
type Queued = bool;

impl<S: Source> Many<S> {
    /// Creates the merge. The keys of the sources are their places.
    pub(super) fn new(sources: impl ExactSizeIterator<Item = S>) -> Self {
        let mut pool = Pool::with_capacity(sources.len());
        for source in sources {
            pool.insert(source, false);
        }
        Many { pool, rules: Rules::PLAIN, plain: true, woken: BinaryHeap::new(), last: None }
    }

    pub(super) fn into_sources(mut self) -> Vec<S>
    where
        S: Unpin,
    {
        let keys: Vec<_> = self.pool.slab.keys().collect();
        keys.into_iter().filter_map(|key| Some(self.pool.slab.take(key)?.source)).collect()
    }

    /// Polls for an item of the first source that has one.
    fn poll_first(&mut self, cx: &mut Context<'_>, budget: &mut Budget) -> Poll<Got<S::Item>> {
        loop {
            loop {
                while let Some(key) = self.pool.next() {
                    let Some(member) = self.pool.slab.get_pin_mut(key) else { continue };
                    if !mem::replace(member.project().tag, true) {
                        self.woken.push(Reverse(key));
                    }
                }
                if !self.pool.slab.begin_pass() {
                    break;
                }
            }
            // One at a time, because its poll may wake an earlier source.
            if let Some(Reverse(key)) = self.woken.pop() {
                if let Some(member) = self.pool.slab.get_pin_mut(key) {
                    *member.project().tag = false;
                }
                match self.pool.poll_one(key) {
                    Poll::Ready(Some(item)) => return Poll::Ready(Got::Item(key, item)),
                    Poll::Ready(None) => return Poll::Ready(Got::Ended(key)),
                    Poll::Pending => {}
                }
                if !budget.pay_poll() {
                    waits::yields(cx.waker());
                    return Poll::Pending;
                }
            } else if self.pool.slab.park(cx) {
                waits::waits_for_what(waits::What::Sources);
                return Poll::Pending;
            }
        }
    }

    /// Does what is special: a source has `ended`, say. Continues with what is left of the budget
    /// when the merge is plain again.
    #[cold]
    #[inline(never)]
    fn poll_apart(
        &mut self,
        mut ended: Option<usize>,
        cx: &mut Context<'_>,
        mut budget: Budget,
    ) -> ControlFlow<Poll<Option<S::Item>>, Budget> {
        self.plain = false;
        loop {
            if let Some(key) = ended.take() {
                budget.pay_poll();
                self.ends_with(key);
            }
            if self.last.is_some() {
                return ControlFlow::Break(self.poll_last());
            }
            if self.pool.slab.is_empty() {
                return ControlFlow::Break(Poll::Ready(None));
            }
            let got = if self.rules.biased {
                self.poll_first(cx, &mut budget)
            } else if let Some(got) = self.pool.poll_aside(cx, &mut budget) {
                got
            } else {
                self.plain = true;
                return ControlFlow::Continue(budget);
            };
            match got {
                Poll::Ready(Got::Item(_, item)) => {
                    return ControlFlow::Break(Poll::Ready(Some(item)));
                }
                Poll::Ready(Got::Ended(key)) => ended = Some(key),
                Poll::Ready(Got::Own | Got::Empty) => {}
                Poll::Pending => return ControlFlow::Break(Poll::Pending),
            }
        }
    }

    /// Drops a source that has ended.
    fn ends_with(&mut self, key: usize) {
        self.pool.remove(key);
        if self.rules.ends.with(key) {
            let mut last: Vec<_> = self.pool.slab.keys().collect();
            last.reverse();
            self.last = Some(last);
        }
    }

    /// Polls the remaining sources for the last time, then drops them.
    fn poll_last(&mut self) -> Poll<Option<S::Item>> {
        while let Some(key) = self.last.as_mut().and_then(Vec::pop) {
            if let Poll::Ready(Some(item)) = self.pool.poll_one(key) {
                return Poll::Ready(Some(item));
            }
        }
        self.pool.clear();
        Poll::Ready(None)
    }
}

impl<S: Source> Inputs for Many<S> {
    type Item = S::Item;

    fn len(&self) -> usize {
        self.pool.slab.len()
    }

    fn rules(&self) -> &Rules {
        &self.rules
    }

    fn rules_mut(&mut self) -> &mut Rules {
        self.plain = false;
        &mut self.rules
    }

    #[inline(always)]
    fn poll_item(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let this = self.get_mut();
        let mut budget = Budget::new();
        if !this.plain {
            match this.poll_apart(None, cx, budget) {
                ControlFlow::Break(polled) => return polled,
                ControlFlow::Continue(left) => budget = left,
            }
        }
        loop {
            let key = match this.pool.poll_item(cx, &mut budget) {
                Poll::Ready(Got::Item(_, item)) => return Poll::Ready(Some(item)),
                Poll::Ready(Got::Ended(key)) => key,
                Poll::Ready(Got::Own | Got::Empty) => return Poll::Ready(None),
                Poll::Pending => return Poll::Pending,
            };
            match this.poll_apart(Some(key), cx, budget) {
                ControlFlow::Break(polled) => return polled,
                ControlFlow::Continue(left) => budget = left,
            }
        }
    }

    fn poll_progress(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        if this.last.is_some() {
            return Poll::Ready(());
        }
        this.plain = false;
        while let Some(Reverse(key)) = this.woken.pop() {
            if let Some(member) = this.pool.slab.get_pin_mut(key) {
                *member.project().tag = false;
            }
            this.pool.slab.wake(key);
        }
        this.pool.poll_progress(cx, &mut Budget::new()).map(drop)
    }

    fn end_at(self: Pin<&mut Self>, is_last: fn(&S::Item) -> bool) {
        let this = self.get_mut();
        let keys: Vec<_> = this.pool.slab.keys().collect();
        for key in keys {
            if let Some(member) = this.pool.slab.get_pin_mut(key) {
                member.project().source.end_at(is_last);
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.pool.size_hint()
    }

    fn is_over(&self) -> bool {
        self.pool.slab.is_empty()
    }
}

/// The sources are pinned in the pool.
impl<S: Source> Unpin for Many<S> {}

impl<S: Source> fmt::Debug for Many<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Many").field("len", &self.pool.slab.len()).finish_non_exhaustive()
    }
}

#[cfg(all(test, feature = "std", not(anyscope_loom)))]
mod tests {
    use crate::flow::{self, Source};
    use alloc::{rc::Rc, vec::Vec};
    use core::{
        cell::{Cell, RefCell},
        pin::{Pin, pin},
        task::{Context, Poll, Waker},
    };
    use futures_core::Stream;

    /// Waits for its item, and counts how often it is polled.
    #[derive(Clone, Default)]
    struct Slow(Rc<(Cell<usize>, RefCell<Option<Waker>>)>);

    impl Stream for Slow {
        type Item = usize;

        fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<usize>> {
            let (polls, waker) = &*self.0;
            polls.set(polls.get() + 1);
            waker.replace(Some(cx.waker().clone()));
            // The first has an item at its second poll.
            if polls.get() == 2 { Poll::Ready(Some(polls.get())) } else { Poll::Pending }
        }
    }

    #[test]
    fn a_biased_merge_polls_what_was_woken_while_its_consumer_is_busy() {
        let sources: Vec<_> = (0..super::super::few::FEW + 1).map(|_| Slow::default()).collect();
        let woken = [sources[0].clone(), sources[1].clone()];
        let mut merge = pin!(flow::merge_all(sources).biased().into_stream());
        let cx = &mut Context::from_waker(Waker::noop());
        assert!(merge.as_mut().poll_next(cx).is_pending());
        for Slow(source) in &woken {
            source.1.take().unwrap().wake();
        }
        assert_eq!(merge.as_mut().poll_next(cx), Poll::Ready(Some(2)));
        let polls = || woken.each_ref().map(|Slow(source)| source.0.get());
        assert_eq!(polls(), [2, 1]);
        // The read of the second has begun, and goes on.
        let _ = merge.as_mut().poll_progress(cx);
        assert_eq!(polls(), [2, 2]);
        assert_eq!(merge.as_mut().poll_next(cx), Poll::Ready(Some(2)));
    }
}
