//! How a bounded map is polled.

use super::{
    super::upstream::Asked,
    map::{MapConcurrent, Numbered},
};
use crate::{
    flow::{source::Source, work::Work},
    set::{budget::Budget, slab::Turn},
    unwind, waits,
};
use core::{
    mem,
    pin::Pin,
    task::{Context, Poll},
};

impl<S, W> MapConcurrent<S, W>
where
    S: Source,
    W: Work<S::Item>,
{
    /// Polls for the next value. Without `deliver`, keeps the values, and is ready with `None` when
    /// nothing is left to do before the next value is asked for.
    #[inline]
    pub(in crate::flow) fn poll_value(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        budget: &mut Budget,
        deliver: bool,
    ) -> Poll<Option<W::Output>> {
        if deliver && self.is_quiet() {
            if let Some(value) = self.as_mut().start_next(budget) {
                return Poll::Ready(Some(value));
            }
        }
        self.poll_whole(cx, budget, deliver)
    }

    #[inline(always)]
    fn poll_whole(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        budget: &mut Budget,
        deliver: bool,
    ) -> Poll<Option<W::Output>> {
        let this = self.as_mut().project();
        assert!(
            !mem::replace(this.broken, true),
            "this flow was polled again after a panic of its source or its work"
        );
        let polled = self.as_mut().poll_passes(cx, budget, deliver);
        *self.project().broken = false;
        polled
    }

    // Two functions, and neither inlined: each saves the registers that it needs itself, which for a
    // quiet map are few.

    #[inline(never)]
    pub(super) fn poll_quiet(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<W::Output>> {
        let mut budget = Budget::new();
        match self.as_mut().start_next(&mut budget) {
            Some(value) => Poll::Ready(Some(value)),
            None => self.poll_busy(cx, budget),
        }
    }

    #[inline(never)]
    pub(super) fn poll_busy(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut budget: Budget,
    ) -> Poll<Option<W::Output>> {
        self.poll_whole(cx, &mut budget, true)
    }

    /// Returns whether nothing is under way or waits to be delivered, and the source has yielded an
    /// item when it was last asked. Then there is room for an item, and nothing else to look at.
    #[inline]
    pub(super) fn is_quiet(&self) -> bool {
        self.children.is_empty()
            && self.done.is_empty()
            && self.upstream.asked() == Asked::Nothing
            && (!W::WEIGHTED || self.held.is_none())
            && !self.broken
    }

    /// Starts the work on the next item of the source, if there is one, in a map that is
    /// [quiet](Self::is_quiet). Returns the value if the work is ready at once.
    #[inline]
    fn start_next(self: Pin<&mut Self>, budget: &mut Budget) -> Option<W::Output> {
        let this = self.project();
        *this.broken = true;
        let source = this.source.as_pin_mut().expect("not ended");
        let children = this.children;
        let item = this.upstream.next(|| children.poll_own(|cx| source.poll_next(cx)));
        let value = item.and_then(|item| {
            let work = this.work.as_mut().expect("not taken over");
            let weight = if W::WEIGHTED { work.weigh(&item) } else { 0 };
            let numbered = Numbered { future: work.start(item), number: this.done.next(), weight };
            match children.start_vacant(numbered, |work, cx| work.poll(cx)) {
                Poll::Ready((_, _, output)) => {
                    if *this.ordered {
                        this.done.pass();
                    }
                    Some(work.finish(output))
                }
                Poll::Pending => {
                    *this.weight += weight;
                    if *this.ordered {
                        this.done.reserve();
                    }
                    budget.pay_poll();
                    None
                }
            }
        });
        *this.broken = false;
        value
    }

    #[inline(always)]
    fn poll_passes(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        budget: &mut Budget,
        deliver: bool,
    ) -> Poll<Option<W::Output>> {
        loop {
            if deliver {
                if let Some(value) = self.as_mut().project().done.pop() {
                    return Poll::Ready(Some(value));
                }
            }
            if let Some(value) = self.as_mut().poll_work(budget, deliver) {
                return Poll::Ready(Some(value));
            }
            if !budget.is_spent() {
                if let Some(value) = self.as_mut().pull(cx, budget, deliver) {
                    return Poll::Ready(Some(value));
                }
            }
            let this = self.as_mut().project();
            if this.upstream.has_ended()
                && this.children.is_empty()
                && this.held.is_none()
                && (!deliver || this.done.is_empty())
            {
                return Poll::Ready(None);
            }
            if budget.is_spent() {
                break;
            }
            if this.children.begin_pass() {
                if !budget.pay_pass() {
                    break;
                }
            } else if this.children.park(cx) {
                waits::waits_for_all(|| waits::Wait::Flow {
                    in_flight: this.children.len(),
                    limit: this.limit.now(),
                    undelivered: this.done.values().count(),
                    asks: this.upstream.asked() == Asked::Item,
                });
                return Poll::Pending;
            }
        }
        waits::yields(cx.waker());
        Poll::Pending
    }

    /// Polls the work that was woken.
    fn poll_work(
        mut self: Pin<&mut Self>,
        budget: &mut Budget,
        deliver: bool,
    ) -> Option<W::Output> {
        let this = self.as_mut().project();
        while !budget.is_spent() {
            let polled = match this.children.poll_turn_future()? {
                Turn::Own => {
                    this.upstream.wake();
                    continue;
                }
                Turn::Polled((_, polled)) => polled,
            };
            if let Poll::Ready((number, weight, output)) = polled {
                if W::WEIGHTED {
                    *this.weight -= weight;
                }
                let value = this.work.as_mut().expect("not taken over").finish(output);
                if deliver && !*this.ordered {
                    return Some(value);
                }
                if deliver && number == this.done.next() {
                    this.done.pass();
                    return Some(value);
                }
                if this.is_last.is_some_and(|is_last| is_last(&value)) {
                    return self.end_with(value, deliver);
                }
                match this.ordered {
                    true => this.done.put(number, value),
                    false => this.done.push(value),
                }
            }
            budget.pay_poll();
        }
        None
    }

    /// Ends the map with this value. Before it come only the values whose turn it is; all else is
    /// dropped. Returns the next value, if it is wanted.
    #[cold]
    pub(super) fn end_with(
        mut self: Pin<&mut Self>,
        value: W::Output,
        deliver: bool,
    ) -> Option<W::Output> {
        let this = self.as_mut().project();
        let work = this.work.as_mut().expect("not taken over");
        let mut dropped = this.done.end_with(value);
        let mut first = None;
        for value in dropped.drain() {
            unwind::keep_first(&mut first, || work.undelivered(value));
        }
        unwind::keep_first(&mut first, || self.as_mut().clear_work());
        unwind::resume_unless_panicking(first);
        if deliver { self.project().done.pop() } else { None }
    }

    /// Takes items from the source while there is room, and starts their work.
    #[inline]
    fn pull(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        budget: &mut Budget,
        deliver: bool,
    ) -> Option<W::Output> {
        loop {
            let room = self.as_mut().room(cx)?;
            let mut this = self.as_mut().project();
            let work = this.work.as_mut().expect("not taken over");
            for _ in 0..room {
                let mut held = if W::WEIGHTED { this.held.take() } else { None };
                if held.is_none() {
                    let children = &*this.children;
                    let source = this.source.as_mut().as_pin_mut().expect("not ended");
                    let item = this.upstream.next(|| children.poll_own(|cx| source.poll_next(cx)));
                    let Some(item) = item else { break };
                    if W::WEIGHTED {
                        let weight = work.weigh(&item);
                        *this.held = Some((item, weight));
                        break;
                    }
                    held = Some((item, 0));
                }
                let Some((item, weight)) = held else { break };
                let future = Numbered { future: work.start(item), number: this.done.end(), weight };
                match this.children.start(future, |work, cx| work.poll(cx)) {
                    Poll::Ready((_, _, output)) => {
                        let value = work.finish(output);
                        if deliver && !*this.ordered {
                            return Some(value);
                        }
                        if deliver && this.done.is_empty() {
                            this.done.pass();
                            return Some(value);
                        }
                        if this.is_last.is_some_and(|is_last| is_last(&value)) {
                            return self.end_with(value, deliver);
                        }
                        this.done.push(value);
                    }
                    Poll::Pending => {
                        *this.weight += weight;
                        if *this.ordered {
                            this.done.reserve();
                        }
                    }
                }
                if !budget.pay_poll() {
                    return None;
                }
            }
        }
    }

    /// Returns how many items may be started one after the other, before it is to be asked again;
    /// `None` if nothing is to be done. Lets the source make progress if there is no room.
    #[inline]
    fn room(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Option<usize> {
        loop {
            let this = self.as_mut().project();
            let limit = this.limit.now();
            // In an ordered map, `done` has a place for work under way too.
            let running = if *this.ordered { 0 } else { this.children.len() };
            let mut room = limit.max(*this.window).saturating_sub(this.done.len() + running);
            if let Some((_, weight)) = this.held {
                // An item heavier than the limit runs alone.
                let fits = this.weight.checked_add(*weight).is_some_and(|sum| sum <= limit);
                if room > 0 && (fits || this.children.is_empty()) {
                    return Some(1);
                }
                room = 0;
            } else {
                let taken = if W::WEIGHTED { *this.weight } else { this.children.len() };
                room = room.min(limit.saturating_sub(taken));
            }
            if !this.upstream.is_due(|| room > 0) {
                let more = !this.upstream.has_ended() || this.held.is_some();
                if room == 0 && more && self.as_mut().is_limit_changed(cx, limit) {
                    continue;
                }
                return None;
            }
            if room > 0 {
                // What runs meanwhile may change the limit, and what is started has a weight.
                let one = W::WEIGHTED || this.limit.live().is_some();
                return Some(if one { 1 } else { room });
            }
            let mut source = this.source.as_pin_mut().expect("not ended");
            let children = this.children;
            this.upstream.progress(|| children.poll_own(|cx| source.as_mut().poll_progress(cx)));
        }
    }

    /// Returns whether the limit differs from `seen`. If not, a change will wake us.
    fn is_limit_changed(self: Pin<&mut Self>, cx: &mut Context<'_>, seen: usize) -> bool {
        let this = self.project();
        let Some(live) = this.limit.live() else { return false };
        // With the task's waker: our own slot's waker would make us poll the source.
        live.is_changed(seen, this.raised, |raised| raised.poll(cx))
    }
}
