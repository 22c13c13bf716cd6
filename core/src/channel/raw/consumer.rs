//! The receiving end.

use super::{
    line::Line,
    look::{First, Look},
    node::Taken,
    slot::Found,
};
use crate::{
    sync::{Arc, Wakers},
    unwind,
};
use alloc::vec::Vec;
use core::task::{Context, Poll, Waker};

/// The one consumer of a line.
pub(in crate::channel) struct Consumer<T> {
    line: Arc<Line<T>>,
    /// The slot is out: it was asked for an item, and has not given one yet.
    asks: bool,
    ended: bool,
    /// Something was left on the list when we looked last.
    listed: bool,
    /// An item that was taken when a waker panicked.
    kept: Option<T>,
}

impl<T> Consumer<T> {
    /// Requires a line that has no consumer.
    pub(in crate::channel) fn new(line: Arc<Line<T>>) -> Self {
        Consumer { line, asks: false, ended: false, listed: false, kept: None }
    }

    pub(in crate::channel) fn line(&self) -> &Line<T> {
        &self.line
    }

    /// Takes the next item, or asks for one.
    #[inline]
    pub(in crate::channel) fn poll_take(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        match self.take_first(Some(cx.waker())) {
            Some(polled) => polled,
            None => self.poll_take_rest(cx),
        }
    }

    /// What is to be done in most cases. `None` in the others.
    #[inline]
    fn take_first(&mut self, waker: Option<&Waker>) -> Option<Poll<Option<T>>> {
        if self.ended || self.kept.is_some() {
            return None;
        }
        if self.asks {
            // SAFETY: we are the consumer, and have asked.
            let Found::Item(item) = (unsafe { self.line.slot.found() }) else { return None };
            self.asks = false;
            return Some(Poll::Ready(Some(item)));
        }
        if self.listed {
            // SAFETY: we are the consumer, and do not ask.
            let (taken, listed) = unsafe { self.line.look_listed() }?;
            self.listed = listed;
            return self.taken(taken);
        }
        // SAFETY: we are the consumer, do not ask, and have left nothing on the list.
        match unsafe { self.line.look_first(|| waker.cloned()) }? {
            First::Taken(taken) => self.taken(taken),
            First::Asked => {
                self.asks = true;
                Some(Poll::Pending)
            }
            First::NotAsked(waker) => {
                drop(waker);
                None
            }
        }
    }

    #[inline]
    fn taken(&mut self, taken: Taken<T>) -> Option<Poll<Option<T>>> {
        match taken {
            Taken::Item(item, waker) => {
                self.line.ends.serves();
                Some(Poll::Ready(Some(self.fire(item, waker))))
            }
            Taken::Gone { waker, stayed } => {
                self.line.count_freed(stayed);
                drop(waker);
                None
            }
            Taken::Asks(_) => unreachable!("one that asks is taken with a waker in `late`"),
        }
    }

    /// Fires the waker of the sender of `item`. If it panics, the item is kept for the next poll.
    #[inline]
    fn fire(&mut self, item: T, waker: Option<Waker>) -> T {
        let Some(waker) = waker else { return item };
        let (mut item, kept) = (Some(item), &mut self.kept);
        let fired = unwind::catch_or(|| *kept = item.take(), || waker.wake());
        if let Err(panic) = fired {
            self.kept = item.take();
            unwind::resume_unless_panicking(Some(panic));
            item = self.kept.take();
        }
        item.expect("in one of both places")
    }

    #[inline(never)]
    fn poll_take_rest(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let mut unused = Vec::new();
        self.run(&mut unused, |this, wakers, unused| this.step(Some(cx), wakers, unused))
    }

    /// Takes the next item if there is one. Does not ask, and leaves a request that there is.
    pub(in crate::channel) fn try_take(&mut self) -> Poll<Option<T>> {
        let mut unused = Vec::new();
        self.run(&mut unused, |this, wakers, unused| this.step(None, wakers, unused))
    }

    fn run(
        &mut self,
        unused: &mut Vec<Waker>,
        step: impl FnOnce(&mut Self, &mut Wakers, &mut Vec<Waker>) -> Poll<Option<T>>,
    ) -> Poll<Option<T>> {
        if self.kept.is_some() {
            return Poll::Ready(self.kept.take());
        }
        if self.ended {
            return Poll::Ready(None);
        }
        let mut wakers = Wakers::new();
        let mut polled = step(self, &mut wakers, unused);
        let mut panic = wakers.fire().err();
        if !unused.is_empty() {
            unused.drain(..).for_each(|waker| unwind::keep_first(&mut panic, || drop(waker)));
        }
        if panic.is_some() {
            if let Poll::Ready(item) = polled {
                self.kept = item;
            }
            unwind::resume_unless_panicking(panic);
            polled = match self.kept.take() {
                None if !self.ended => Poll::Pending,
                item => Poll::Ready(item),
            };
        }
        polled
    }

    fn step(
        &mut self,
        mut cx: Option<&mut Context<'_>>,
        wakers: &mut Wakers,
        unused: &mut Vec<Waker>,
    ) -> Poll<Option<T>> {
        let mut waker = None;
        let (mut late, mut called) = (false, false);
        loop {
            if self.asks {
                // SAFETY: we are the consumer, and have asked.
                match unsafe { self.line.slot.found() } {
                    Found::Item(item) => {
                        self.asks = false;
                        return Poll::Ready(Some(item));
                    }
                    Found::Released => self.asks = false,
                    Found::Nothing => {
                        let Some(cx) = cx.as_deref_mut() else { return Poll::Pending };
                        if self.line.take_back() {
                            self.asks = false;
                            // SAFETY: we are the consumer, and do not ask any more.
                            waker = unsafe { self.line.slot.close() };
                            if !waker.as_ref().is_some_and(|old| old.will_wake(cx.waker())) {
                                unused.extend(waker.replace(cx.waker().clone()));
                            }
                        } else if self.wait_for_giver(cx) {
                            return self.end_or_pending();
                        }
                        continue;
                    }
                }
            }
            match self.look(&mut waker, late, called, wakers, unused) {
                None => {
                    let Some(cx) = cx.as_deref_mut() else { return Poll::Pending };
                    if called {
                        // Whoever is at the list will see our request.
                        unused.extend(waker);
                        return Poll::Pending;
                    }
                    self.line.slot.late.register(cx.waker());
                    (late, called) = (true, true);
                }
                Some(Look::Item(item)) => {
                    unused.extend(waker);
                    return Poll::Ready(Some(item));
                }
                Some(Look::End) => {
                    unused.extend(waker);
                    self.ended = true;
                    return Poll::Ready(None);
                }
                Some(Look::Asked) => {
                    unused.extend(waker);
                    self.asks = true;
                    return Poll::Pending;
                }
                Some(Look::NeedsWaker) => {
                    let Some(cx) = cx.as_deref_mut() else { return Poll::Pending };
                    waker = Some(cx.waker().clone());
                }
                Some(Look::NeedsLate) => {
                    let Some(cx) = cx.as_deref_mut() else { return Poll::Pending };
                    self.line.slot.late.register(cx.waker());
                    late = true;
                }
            }
        }
    }

    fn look(
        &mut self,
        waker: &mut Option<Waker>,
        late: bool,
        call: bool,
        wakers: &mut Wakers,
        unused: &mut Vec<Waker>,
    ) -> Option<Look<T>> {
        // SAFETY: we are the consumer, and do not ask.
        let (look, listed) = unsafe { self.line.look(waker, late, call, wakers, unused) }?;
        self.listed = listed;
        Some(look)
    }

    /// The slot is somebody's, who has not given yet. Returns false if that has changed.
    fn wait_for_giver(&mut self, cx: &mut Context<'_>) -> bool {
        self.line.slot.late.register(cx.waker());
        self.line.slot.mark_late();
        // SAFETY: we are the consumer, and have asked.
        if self.line.head().is_aborted() && unsafe { self.line.slot.abandon() } {
            self.asks = false;
            self.ended = true;
        }
        self.ended || self.line.slot.is_out()
    }

    fn end_or_pending(&self) -> Poll<Option<T>> {
        if self.ended { Poll::Ready(None) } else { Poll::Pending }
    }

    /// Does not ask any more, unless a sender is about to give. Returns a waker to be dropped.
    pub(in crate::channel) fn stop_asking(&mut self) -> Option<Waker> {
        if self.asks && self.line.take_back() {
            self.asks = false;
            // SAFETY: we are the consumer, and do not ask any more.
            return unsafe { self.line.slot.close() };
        }
        None
    }
}

impl<T> Drop for Consumer<T> {
    fn drop(&mut self) {
        let mut wakers = Wakers::new();
        let own = self.stop_asking();
        let left = self.line.abort(&mut wakers);
        let mut item = None;
        // SAFETY: we are the consumer, and have asked.
        if self.asks && !unsafe { self.line.slot.abandon() } {
            // SAFETY: as above.
            if let Found::Item(given) = unsafe { self.line.slot.found() } {
                item = Some(given);
            }
        }
        // Every step is done. What follows is user code.
        let mut panic = wakers.fire().err();
        unwind::keep_first(&mut panic, || drop(own));
        unwind::keep_first(&mut panic, || drop(left));
        unwind::keep_first(&mut panic, || drop(item));
        unwind::keep_first(&mut panic, || drop(self.kept.take()));
        unwind::resume_unless_panicking(panic);
    }
}
