//! Sources of one task, each polled only when its own waker fired.

use crate::{
    flow::source::Source,
    set::{budget::Budget, slab::Slab},
};
use alloc::{collections::VecDeque, vec::Vec};
use core::{
    mem,
    task::{Context, Poll},
};
use pin_project_lite::pin_project;

/// Growing set of sources. With `OWN`, one slot is set apart: see [`Slab::with_own`].
///
/// It is either asked for items, or told to go on. A source that was told to go on is asked for an
/// item when it is its turn; until then it is told again only if it was woken.
pub(crate) struct Pool<S, T, const OWN: bool> {
    pub(crate) slab: Slab<Member<S, T>>,
    /// Those that yielded an item, to be asked again in the next pass. Not as if they were woken:
    /// one that was, too, is to be told to go on twice.
    again: Vec<usize>,
    /// Those told to go on, to be asked for an item when one is wanted.
    aside: VecDeque<usize>,
    /// How many of them have nothing to do.
    settled: usize,
}

pin_project! {
    /// A source, with what its operation knows of it.
    pub(crate) struct Member<S, T> {
        #[pin]
        pub(crate) source: S,
        pub(crate) tag: T,
        aside: bool,
        settled: bool,
    }
}

/// What a pool has got.
pub(crate) enum Got<T> {
    /// An item of the source with this key. It is asked again in the next pass.
    Item(usize, T),
    /// The source with this key has ended. It is still there.
    Ended(usize),
    /// The slot that was set apart was woken.
    Own,
}

impl<S: Source, T, const OWN: bool> Pool<S, T, OWN> {
    pub(crate) fn with_capacity(sources: usize) -> Self {
        let slab = if OWN { Slab::with_own(sources) } else { Slab::with_capacity(sources) };
        Pool { slab, again: Vec::new(), aside: VecDeque::new(), settled: 0 }
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

    /// Drops all of them.
    pub(crate) fn clear(&mut self) {
        self.again.clear();
        self.aside.clear();
        self.settled = 0;
        self.slab.clear();
    }

    /// How many items are left of what is there.
    pub(crate) fn size_hint(&self) -> (usize, Option<usize>) {
        self.slab
            .keys()
            .filter_map(|key| Some(self.slab.get(key)?.source.size_hint()))
            .fold((0, Some(0)), super::tuple::add_hints)
    }

    /// The next one that was told to go on, to be asked for an item.
    #[inline]
    pub(crate) fn next_aside(&mut self) -> Option<usize> {
        if self.aside.is_empty() { None } else { self.pop_aside() }
    }

    #[cold]
    fn pop_aside(&mut self) -> Option<usize> {
        let key = self.aside.pop_front()?;
        // None if it was removed meanwhile.
        if let Some(member) = self.slab.get_pin_mut(key) {
            let member = member.project();
            *member.aside = false;
            self.settled -= usize::from(mem::take(member.settled));
        }
        Some(key)
    }

    /// The next item in this pass and the following ones, or what else there is to see to.
    /// Pending, also when there is no source, if the task is to be woken.
    #[inline(always)]
    pub(crate) fn poll_item(
        &mut self,
        cx: &mut Context<'_>,
        budget: &mut Budget,
    ) -> Poll<Got<S::Item>> {
        loop {
            while let Some(key) = self.next_aside().or_else(|| self.slab.next()) {
                if OWN && key == Slab::<Member<S, T>>::OWN {
                    return Poll::Ready(Got::Own);
                }
                match self.slab.poll_with(key, |member, cx| member.project().source.poll_next(cx)) {
                    Some(Poll::Ready(Some(item))) => {
                        self.again.push(key);
                        return Poll::Ready(Got::Item(key, item));
                    }
                    Some(Poll::Ready(None)) => return Poll::Ready(Got::Ended(key)),
                    _ => {}
                }
                if !budget.pay_poll() {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
            }
            self.resume();
            if self.pass_or_park(cx, budget) {
                return Poll::Pending;
            }
        }
    }

    /// Has those that yielded an item asked for another in the next pass.
    #[inline]
    pub(crate) fn resume(&mut self) {
        for key in self.again.drain(..) {
            self.slab.wake(key);
        }
    }

    /// Asks a source for an item, and again in the next pass if it yields one. Pending if there is
    /// none of this key.
    #[inline]
    pub(crate) fn poll_one(&mut self, key: usize) -> Poll<Option<S::Item>> {
        let polled = self.slab.poll_with(key, |member, cx| member.project().source.poll_next(cx));
        if let Some(Poll::Ready(Some(_))) = polled {
            self.again.push(key);
        }
        polled.unwrap_or(Poll::Pending)
    }

    /// Lets those go on that were woken. Ready when the slot that was set apart was woken (true),
    /// or when no source has anything to do (false).
    pub(crate) fn poll_progress(
        &mut self,
        cx: &mut Context<'_>,
        budget: &mut Budget,
    ) -> Poll<bool> {
        loop {
            while let Some(key) = self.again.pop() {
                self.go_on(key);
            }
            while let Some(key) = self.slab.next() {
                if OWN && key == Slab::<Member<S, T>>::OWN {
                    return Poll::Ready(true);
                }
                self.go_on(key);
                if !budget.pay_poll() {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
            }
            if self.pass_or_park(cx, budget) {
                let done = self.settled == self.slab.len();
                return if done { Poll::Ready(false) } else { Poll::Pending };
            }
        }
    }

    fn go_on(&mut self, key: usize) {
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

    /// Begins a pass: false. Or has the task woken: true.
    #[inline]
    fn pass_or_park(&mut self, cx: &mut Context<'_>, budget: &mut Budget) -> bool {
        loop {
            if self.slab.begin_pass() {
                if budget.pay_pass() {
                    return false;
                }
                cx.waker().wake_by_ref();
                return true;
            }
            if self.slab.park(cx) {
                return true;
            }
        }
    }
}
