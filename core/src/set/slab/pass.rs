//! Passes: which children are polled, and when.

use super::{
    chunk::{Chunk, NONE},
    guard::DropChild,
    queue::{Queue, at},
    ready_list,
    slab::{OWN_KEY, Slab},
};
use core::{
    future::Future,
    mem,
    pin::Pin,
    ptr,
    task::{Context, Poll},
};

/// What becomes of a child that was polled.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Then {
    /// It is polled again when it is woken.
    Stay,
    /// It is polled again in the next pass.
    Again,
    /// It is dropped, in place.
    Go,
}

/// Whose turn it was.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Turn<R> {
    /// That of the slot that is set apart.
    Own,
    /// That of a child, which was polled with this result.
    Polled(R),
}

/// Where a child is whose turn it is.
pub(crate) struct Place<F> {
    chunk: Chunk<F>,
    slot: usize,
}

impl<F> Place<F> {
    /// The key of the child. Asks its chunk: not to be called for each.
    pub(crate) fn key(&self) -> usize {
        self.chunk.header().key(self.slot)
    }
}

impl<F, const OWN: bool> Slab<F, OWN> {
    /// Begins a pass with everything that was woken: false if nothing was. The pass before must
    /// be over.
    #[inline]
    pub(crate) fn begin_pass(&mut self) -> bool {
        debug_assert!(self.bits == 0 && self.pass.first == NONE, "a pass within a pass");
        match &self.list {
            Some(list) if list.is_woken(&self.owner) => self.take_woken(),
            _ if self.later.first != NONE => self.take_later(),
            _ if self.again == 0 => return false,
            _ => self.take_again(),
        }
        true
    }

    /// Begins a pass with what [`wake`](Self::wake) was called for, or a poll has asked for: false if
    /// there is nothing. What wakers have woken waits for [`begin_pass`](Self::begin_pass).
    pub(crate) fn begin_queued(&mut self) -> bool {
        if self.later.first == NONE && self.again == 0 {
            return false;
        }
        self.take_later();
        true
    }

    /// Begins a pass with those of one chunk: nobody else is to be polled. It does not sleep, as it has
    /// just polled them.
    #[inline(always)]
    fn take_again(&mut self) {
        self.bits = mem::take(&mut self.again);
    }

    /// Takes what wakers have woken: mostly one slot.
    #[inline(never)]
    fn take_woken(&mut self) {
        self.queue_again();
        let Some(list) = &self.list else { return };
        let newest = list.take(&mut self.owner);
        let Some(key) = ready_list::slot(newest) else { return self.take_chunks(newest) };
        match self.place_of(key) {
            Some((chunk, slot)) if self.later.first == NONE => self.poll_chunk(chunk, 1 << slot),
            _ => self.take_slot(key),
        }
    }

    /// Takes the one slot that was woken, and what `wake` has queued.
    #[cold]
    #[inline(never)]
    fn take_slot(&mut self, key: usize) {
        self.wake(key);
        if self.later.first != NONE {
            self.take_later();
        }
    }

    /// Takes the chunks that were woken: `newest`, and those that were pushed before it.
    #[inline(never)]
    fn take_chunks(&mut self, newest: u32) {
        let Some(index) = ready_list::number(newest) else { return };
        let chunk = at(&self.chunks, index);
        // SAFETY: we have taken it off the list, and have not yet looked at `ready`.
        let below = unsafe { chunk.header().replace_next(0) };
        if ready_list::is_last(below) && self.later.first == NONE {
            // As mostly: one chunk, and nothing that `wake` has queued.
            let slots = chunk.take_ready();
            self.owner.one = slots.is_power_of_two();
            return self.poll_chunk(chunk, slots);
        }
        self.owner.one = false;
        self.drain(newest, below);
        self.take_later();
    }

    #[inline(never)]
    fn take_later(&mut self) {
        self.queue_again();
        // It does not sleep while it polls, though nobody has woken it.
        if let Some(list) = &self.list {
            list.unpark(&mut self.owner);
        }
        let later = mem::replace(&mut self.later, Queue::EMPTY);
        if later.first != later.last {
            self.pass = later;
            return;
        }
        let chunk = at(&self.chunks, later.first as usize);
        self.poll_chunk(chunk, chunk.header().local.replace(0));
    }

    /// Whether something is left of this pass.
    pub(crate) fn is_in_pass(&self) -> bool {
        self.bits != 0 || self.pass.first != NONE
    }

    /// The next key of this pass. It has a child, or is that of the slot that is set apart.
    #[inline]
    pub(crate) fn next(&mut self) -> Option<usize> {
        let (chunk, slot) = self.turn()?;
        Some(Place { chunk, slot }.key())
    }

    /// Calls `poll` with the next child of this pass, its place and its waker, and does with the child
    /// what that says. None when the pass is over.
    ///
    /// If `poll` panics, the child is dropped.
    #[inline(always)]
    pub(crate) fn poll_turn<R>(
        &mut self,
        poll: impl FnOnce(Place<F>, Pin<&mut F>, &mut Context<'_>) -> (Then, R),
    ) -> Option<Turn<R>> {
        let (chunk, slot) = self.turn()?;
        let place = Place { chunk, slot };
        if OWN && place.key() == OWN_KEY {
            return Some(Turn::Own);
        }
        let (then, result) = self.poll_found(chunk, slot, |child, cx| poll(place, child, cx));
        match then {
            Then::Stay => {}
            Then::Again => self.again |= 1 << slot,
            Then::Go => {
                self.vacate(chunk, slot);
                // SAFETY: the slot had a child, which the slab does not know any more.
                unsafe { ptr::drop_in_place(chunk.slot(slot).as_ptr()) };
            }
        }
        Some(Turn::Polled(result))
    }

    /// The next slot of this pass.
    #[inline(always)]
    fn turn(&mut self) -> Option<(Chunk<F>, usize)> {
        while self.bits == 0 {
            if self.pass.first == NONE {
                return None;
            }
            self.queue_again();
            let chunk = at(&self.chunks, self.pass.first as usize);
            let header = chunk.header();
            self.pass.first = header.next_local.replace(NONE);
            self.poll_chunk(chunk, header.local.replace(0));
        }
        let slot = self.bits.trailing_zeros() as usize;
        self.bits &= self.bits - 1;
        // SAFETY: there is one where there are bits of it.
        Some((unsafe { self.chunk.unwrap_unchecked() }, slot))
    }

    /// Polls these slots of a chunk next, but for those where there is nobody any more.
    #[inline]
    fn poll_chunk(&mut self, chunk: Chunk<F>, slots: usize) {
        self.chunk = Some(chunk);
        self.bits = slots & !chunk.header().vacant.get();
    }

    /// Lets the task sleep until the next wake: false if one has come already, or
    /// [`wake`](Self::wake) was called. Call it when a pass is over.
    pub(crate) fn park(&mut self, cx: &mut Context<'_>) -> bool {
        if self.later.first != NONE || self.again != 0 {
            return false;
        }
        match &self.list {
            Some(list) => list.park(&mut self.owner, cx),
            None => true,
        }
    }

    /// Calls `poll` with the child and its waker. None if the key has no child.
    ///
    /// If `poll` panics, the child is dropped.
    #[inline]
    pub(crate) fn poll_with<R>(
        &mut self,
        key: usize,
        poll: impl FnOnce(Pin<&mut F>, &mut Context<'_>) -> R,
    ) -> Option<R> {
        let (chunk, slot) = self.find(key)?;
        Some(self.poll_found(chunk, slot, poll))
    }

    /// Nobody polls any more: wakes do nothing from here on.
    pub(crate) fn close(&mut self) {
        if let Some(list) = &self.list {
            list.close(&mut self.owner);
        }
    }

    #[inline(always)]
    fn poll_found<R>(
        &mut self,
        chunk: Chunk<F>,
        slot: usize,
        poll: impl FnOnce(Pin<&mut F>, &mut Context<'_>) -> R,
    ) -> R {
        let waker = chunk.waker(slot);
        // SAFETY: the slot has a child, ours alone as `self` is. It is pinned: it is never moved,
        // and dropped before its memory is used again or freed.
        let child = unsafe { Pin::new_unchecked(chunk.slot(slot).as_mut()) };
        let unwinds = DropChild { slab: self, chunk, slot };
        let result = poll(child, &mut Context::from_waker(&waker));
        mem::forget(unwinds);
        result
    }

    /// Queues the slots of this chunk that are to be polled again, as another one is polled next.
    #[inline(always)]
    pub(super) fn queue_again(&mut self) {
        if self.again != 0 {
            self.queue_some_again();
        }
    }

    /// Not inlined, as futures never ask for it, and streams once for many polls.
    #[inline(never)]
    fn queue_some_again(&mut self) {
        let again = mem::take(&mut self.again);
        let chunk = self.chunk.expect("a child of it was polled");
        self.enqueue(chunk, again);
    }

    /// Has the slots polled in the next pass.
    #[inline]
    pub(super) fn enqueue(&mut self, chunk: Chunk<F>, slots: usize) {
        let header = chunk.header();
        let local = header.local.replace(header.local.get() | slots);
        if local == 0 {
            self.later.push(&self.chunks, header);
        }
    }

    /// Forgets that the slots are to be polled in this pass, or again.
    #[inline]
    pub(super) fn skip(&mut self, chunk: Chunk<F>, slots: usize) {
        if self.chunk == Some(chunk) {
            self.bits &= !slots;
            self.again &= !slots;
        }
    }

    /// Takes what was woken, first woken chunk first: a chain of `newest`, which is not linked any
    /// more, and those that were pushed before it. The first of all may be a slot.
    #[cold]
    fn drain(&mut self, newest: u32, mut below: u32) {
        // Turns the chain around.
        let mut oldest = newest;
        while let Some(index) = ready_list::number(below) {
            let chunk = at(&self.chunks, index);
            let above = mem::replace(&mut oldest, below);
            // SAFETY: we have taken it off the list, and have not yet looked at `ready`.
            below = unsafe { chunk.header().replace_next(above) };
        }
        if let Some(key) = ready_list::slot(below) {
            self.wake(key);
        }
        while let Some(index) = ready_list::number(oldest) {
            let chunk = at(&self.chunks, index);
            // SAFETY: as above.
            oldest = unsafe { chunk.header().replace_next(0) };
            // From here on somebody may push it again.
            let slots = chunk.take_ready();
            self.enqueue(chunk, slots);
        }
    }
}

impl<F> Slab<F> {
    /// [`poll_turn`](Self::poll_turn) for slabs in which no slot is set apart.
    #[inline(always)]
    pub(crate) fn poll_next<R>(
        &mut self,
        poll: impl FnOnce(Pin<&mut F>, &mut Context<'_>) -> (Then, R),
    ) -> Option<R> {
        match self.poll_turn(|_, child, cx| poll(child, cx))? {
            Turn::Own => None,
            Turn::Polled(result) => Some(result),
        }
    }
}

impl<F: Future> Slab<F> {
    /// Polls the next child of this pass, and drops it in place when it is ready. None when the
    /// pass is over.
    #[inline(always)]
    pub(crate) fn poll_next_future(&mut self) -> Option<Poll<F::Output>> {
        match self.poll_turn_future()? {
            Turn::Own => None,
            Turn::Polled((_, polled)) => Some(polled),
        }
    }
}

impl<F: Future, const OWN: bool> Slab<F, OWN> {
    /// Polls the next child of this pass, and drops it in place when it is ready. None when the
    /// pass is over. With the key of the child.
    #[inline(always)]
    pub(crate) fn poll_turn_future(&mut self) -> Option<Turn<(usize, Poll<F::Output>)>> {
        self.poll_turn(|place, child, cx| match child.poll(cx) {
            Poll::Ready(output) => (Then::Go, (place.key(), Poll::Ready(output))),
            Poll::Pending => (Then::Stay, (place.key(), Poll::Pending)),
        })
    }

    /// Polls the child, and drops it in place when it is ready. None if the key has no child.
    #[inline]
    pub(crate) fn poll(&mut self, key: usize) -> Option<Poll<F::Output>> {
        let (chunk, slot) = self.find(key)?;
        let polled = self.poll_found(chunk, slot, |child, cx| child.poll(cx));
        if polled.is_ready() {
            self.forget(chunk, slot);
            // SAFETY: the slot had a child, which the slab does not know any more.
            unsafe { ptr::drop_in_place(chunk.slot(slot).as_ptr()) };
        }
        Some(polled)
    }
}
