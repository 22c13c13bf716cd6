//! Sources of one task, each polled only when its own waker has fired.

use crate::{
    flow::source::Source,
    set::{
        budget::Budget,
        slab::{OWN_KEY, Place, Slab, Then, Turn},
    },
    waits,
};
use alloc::collections::VecDeque;
use core::{
    cell::Cell,
    mem,
    pin::Pin,
    task::{Context, Poll},
};
use pin_project_lite::pin_project;

/// A growing set of sources. With `OWN`, one slot belongs to the operator: see [`Slab`].
///
/// The operator either polls the pool for items, or lets it make progress. A source that was let to
/// make progress is polled for an item when it is its turn. Until then it makes progress again only
/// if it was woken.
pub(crate) struct Pool<S, T, const OWN: bool> {
    pub(crate) slab: Slab<Member<S, T>, OWN>,
    /// The sources that were let to make progress, to be polled when an item is asked for.
    aside: VecDeque<usize>,
    /// How many of the sources in `aside` have nothing left to do.
    settled: usize,
}

pin_project! {
    /// A source, with the operator's data.
    pub(crate) struct Member<S, T> {
        #[pin]
        pub(crate) source: S,
        pub(crate) tag: T,
        aside: bool,
        settled: bool,
    }
}

/// The result of polling a pool.
pub(crate) enum Got<T> {
    /// An item of the source with this key, which is polled again in the next pass.
    Item(usize, T),
    /// The source with this key has ended. It is still in the pool.
    Ended(usize),
    /// The operator's own slot was woken.
    Own,
    /// There is no source. Not returned to an operator with a slot of its own.
    Empty,
}

impl<S: Source, T, const OWN: bool> Pool<S, T, OWN> {
    pub(crate) fn with_capacity(sources: usize) -> Self {
        Pool { slab: Slab::with_capacity(sources), aside: VecDeque::new(), settled: 0 }
    }

    /// Adds a source, which is polled in the next pass.
    pub(crate) fn insert(&mut self, source: S, tag: T) -> usize {
        let key = self.slab.insert(Member { source, tag, aside: false, settled: false });
        self.slab.wake(key);
        key
    }

    /// Drops a source.
    pub(crate) fn remove(&mut self, key: usize) {
        if self.slab.get(key).is_some_and(|member| member.settled) {
            self.settled -= 1;
        }
        self.slab.remove(key);
    }

    /// Drops all sources.
    pub(crate) fn clear(&mut self) {
        self.aside.clear();
        self.settled = 0;
        self.slab.clear();
    }

    /// Returns how many items the sources have left.
    pub(crate) fn size_hint(&self) -> (usize, Option<usize>) {
        self.slab
            .keys()
            .filter_map(|key| Some(self.slab.get(key)?.source.size_hint()))
            .fold((0, Some(0)), super::tuple::add_hints)
    }

    /// Returns the next source to be polled for an item.
    pub(crate) fn next(&mut self) -> Option<usize> {
        self.pop_aside().or_else(|| self.slab.next())
    }

    #[cold]
    fn pop_aside(&mut self) -> Option<usize> {
        let key = self.aside.pop_front()?;
        // `None` if the source was removed meanwhile.
        if let Some(member) = self.slab.get_pin_mut(key) {
            let member = member.project();
            *member.aside = false;
            self.settled -= usize::from(mem::take(member.settled));
        }
        Some(key)
    }

    /// Polls the woken sources, in this pass and the following ones, up to the first result.
    /// Pending if there is none: the task will be woken.
    #[inline(always)]
    pub(crate) fn poll_item(
        &mut self,
        cx: &mut Context<'_>,
        budget: &mut Budget,
    ) -> Poll<Got<S::Item>> {
        let ended = Cell::new(None);
        loop {
            // One that has ended counts as pending, so that its key is looked at only then.
            let turn = |place: Place<_>, member: Pin<&mut Member<S, T>>, cx: &mut Context<'_>| {
                match member.project().source.poll_next(cx) {
                    Poll::Ready(Some(item)) => (Then::Again, Poll::Ready((place.key(), item))),
                    Poll::Ready(None) => {
                        ended.set(Some(place.key()));
                        (Then::Stay, Poll::Pending)
                    }
                    Poll::Pending => (Then::Stay, Poll::Pending),
                }
            };
            while let Some(turn) = self.slab.poll_turn(turn) {
                match turn {
                    Turn::Own => return Poll::Ready(Got::Own),
                    Turn::Polled(Poll::Ready((key, item))) => {
                        return Poll::Ready(Got::Item(key, item));
                    }
                    Turn::Polled(Poll::Pending) => {}
                }
                if let Some(key) = ended.get() {
                    return Poll::Ready(Got::Ended(key));
                }
                if !budget.pay_poll() {
                    return yield_now(cx);
                }
            }
            if !OWN && self.slab.is_empty() {
                return Poll::Ready(Got::Empty);
            }
            if self.pass_or_park(cx, budget) {
                return Poll::Pending;
            }
        }
    }

    /// Polls the sources that were let to make progress, up to the first result. None if there is none
    /// left: then it is the turn of [`poll_item`](Self::poll_item).
    #[inline]
    pub(crate) fn poll_aside(
        &mut self,
        cx: &mut Context<'_>,
        budget: &mut Budget,
    ) -> Option<Poll<Got<S::Item>>> {
        if self.aside.is_empty() { None } else { self.poll_some_aside(cx, budget) }
    }

    #[inline(never)]
    fn poll_some_aside(
        &mut self,
        cx: &mut Context<'_>,
        budget: &mut Budget,
    ) -> Option<Poll<Got<S::Item>>> {
        while let Some(key) = self.pop_aside() {
            match self.poll_one(key) {
                Poll::Ready(Some(item)) => return Some(Poll::Ready(Got::Item(key, item))),
                Poll::Ready(None) => return Some(Poll::Ready(Got::Ended(key))),
                Poll::Pending => {}
            }
            if !budget.pay_poll() {
                return Some(yield_now(cx));
            }
        }
        None
    }

    /// Polls a source for an item. If it yields one, it is polled again in the next pass. Pending
    /// if no source has this key.
    pub(crate) fn poll_one(&mut self, key: usize) -> Poll<Option<S::Item>> {
        let polled = self.slab.poll_with(key, |member, cx| member.project().source.poll_next(cx));
        if let Some(Poll::Ready(Some(_))) = polled {
            self.slab.wake(key);
        }
        polled.unwrap_or(Poll::Pending)
    }

    /// Lets the woken sources make progress. Ready with true if the operator's own slot was woken,
    /// and with false if no source has anything left to do.
    pub(crate) fn poll_progress(
        &mut self,
        cx: &mut Context<'_>,
        budget: &mut Budget,
    ) -> Poll<bool> {
        // Those that yielded an item come first, and apart from those that were woken: a source that
        // is both must make progress twice.
        loop {
            while let Some(key) = self.slab.next() {
                if OWN && key == OWN_KEY {
                    return Poll::Ready(true);
                }
                self.progress(key);
                if !budget.pay_poll() {
                    return yield_now(cx);
                }
            }
            if !self.slab.begin_queued() && self.pass_or_park(cx, budget) {
                let done = self.settled == self.slab.len();
                return if done { Poll::Ready(false) } else { Poll::Pending };
            }
        }
    }

    fn progress(&mut self, key: usize) {
        let polled = self.slab.poll_with(key, |member, cx| {
            let member = member.project();
            let settled = member.source.poll_progress(cx).is_ready();
            let before = mem::replace(member.settled, settled);
            (mem::replace(member.aside, true), before, settled)
        });
        let Some((aside, before, settled)) = polled else { return };
        if !aside {
            self.aside.push_back(key);
        }
        self.settled = self.settled + usize::from(settled) - usize::from(before);
    }

    /// Begins a pass and returns false; or arranges that the task is woken and returns true.
    #[inline(always)]
    fn pass_or_park(&mut self, cx: &mut Context<'_>, budget: &mut Budget) -> bool {
        loop {
            if self.slab.begin_pass() {
                if budget.pay_pass() {
                    return false;
                }
                return yield_now::<()>(cx).is_pending();
            }
            if self.slab.park(cx) {
                waits::waits_for_what(waits::What::Sources);
                return true;
            }
        }
    }
}

/// Yields to the executor. Not inlined, as it seldom happens.
#[cold]
#[inline(never)]
fn yield_now<T>(cx: &mut Context<'_>) -> Poll<T> {
    waits::yields(cx.waker());
    Poll::Pending
}
