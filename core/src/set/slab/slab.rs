//! Children and their keys; see the [room](super).

use super::{
    chunk::{Chunk, MOST, NONE},
    guard::{DropChild, DropPlace},
    queue::{Queue, at},
    ready_list::{self, MOST_CHUNKS, Owner, ReadyList},
};
use crate::{sync::Arc, unwind};
use alloc::{alloc::Layout, vec::Vec};
use core::{
    fmt,
    future::Future,
    mem,
    pin::Pin,
    ptr,
    task::{Context, Poll, Waker},
};

/// How many bits of a key name a slot of its chunk.
const SLOT_BITS: u32 = MOST.trailing_zeros();

/// A growing set of children; see the [room](super).
pub(crate) struct Slab<F> {
    /// Made with the first chunk.
    list: Option<Arc<ReadyList>>,
    owner: Owner,
    /// By their numbers. None where a chunk was given back.
    chunks: Vec<Option<Chunk<F>>>,
    /// No number below this one is free.
    free: usize,
    len: usize,
    /// How many slots the next chunk gets.
    next_slots: usize,
    /// The bits of the first chunk's slots that are set apart.
    own: usize,
    /// The first chunk with a vacant slot.
    open: u32,
    /// The chunks to be polled in the next pass.
    later: Queue,
    /// The chunks to be polled in this pass.
    pass: Queue,
    /// The chunk that is polled now, and what is left of it.
    chunk: u32,
    bits: usize,
}

// SAFETY: the slab owns its futures, and sending it sends them. What it shares with wakers may be
// used from every thread.
unsafe impl<F: Send> Send for Slab<F> {}
// SAFETY: a shared slab gives out no more than shared references to its futures.
unsafe impl<F: Sync> Sync for Slab<F> {}

/// Futures are pinned in their chunks, which do not move with the slab.
impl<F> Unpin for Slab<F> {}

impl<F> Slab<F> {
    /// The slots of the first chunk, unless the slab is known to become large. Few large
    /// children are not to take the memory of many.
    const FIRST: usize = if size_of::<F>() > 512 { 2 } else { 8 };

    /// The key of the slot that [`with_own`](Self::with_own) sets apart.
    pub(crate) const OWN: usize = 0;

    /// An empty slab, which allocates nothing before its first child.
    pub(crate) const fn new() -> Self {
        Slab {
            list: None,
            owner: Owner::new(),
            chunks: Vec::new(),
            free: 0,
            len: 0,
            next_slots: Self::FIRST,
            own: 0,
            open: NONE,
            later: Queue::EMPTY,
            pass: Queue::EMPTY,
            chunk: NONE,
            bits: 0,
        }
    }

    /// An empty slab that is about to have so many children.
    pub(crate) fn with_capacity(children: usize) -> Self {
        let mut slab = Slab::new();
        slab.next_slots = children.clamp(Self::FIRST, MOST).next_power_of_two().min(MOST);
        slab
    }

    /// An empty slab for about so many children, with a slot for something that is woken like
    /// them, but lies elsewhere. Its key is [`OWN`](Self::OWN); it is polled with
    /// [`poll_own`](Self::poll_own).
    pub(crate) fn with_own(children: usize) -> Self {
        let mut slab = Slab::with_capacity(children.saturating_add(1));
        slab.own = 1 << Self::OWN;
        slab.grow();
        at(&slab.chunks, 0).header().occupied.set(slab.own);
        slab
    }

    /// How many children there are.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Stores a child and returns its key. It is not polled by this, nor by a pass: see
    /// [`wake`](Self::wake).
    ///
    /// O(1); allocates if all slots are taken.
    #[inline]
    pub(crate) fn insert(&mut self, child: F) -> usize {
        let (chunk, slot) = self.place(child);
        (chunk.header().index as usize) << SLOT_BITS | slot
    }

    /// [`insert`](Self::insert) and [`wake`](Self::wake).
    #[inline(always)]
    pub(crate) fn push(&mut self, child: F) -> usize {
        let (chunk, slot) = self.place(child);
        self.enqueue(chunk, 1 << slot);
        (chunk.header().index as usize) << SLOT_BITS | slot
    }

    #[inline]
    fn place(&mut self, child: F) -> (Chunk<F>, usize) {
        if self.open == NONE {
            self.grow();
        }
        let chunk = at(&self.chunks, self.open as usize);
        let header = chunk.header();
        let vacant = header.vacant();
        let slot = vacant.trailing_zeros() as usize;
        // SAFETY: a slot of the chunk, and vacant.
        unsafe { chunk.slot(slot).write(child) };
        header.occupied.set(header.occupied.get() | 1 << slot);
        self.len += 1;
        if vacant & (vacant - 1) == 0 {
            self.open = header.next_open.get();
        }
        (chunk, slot)
    }

    /// Stores a child, and polls it at once. One that is ready is dropped in place, before its slot
    /// has been taken: that costs neither an atomic nor a change of the slab.
    ///
    /// If `poll` panics, the child is dropped.
    #[inline]
    pub(crate) fn start<R>(
        &mut self,
        child: F,
        poll: impl FnOnce(Pin<&mut F>, &mut Context<'_>) -> Poll<R>,
    ) -> Poll<R> {
        if self.open == NONE {
            self.grow();
        }
        self.start_vacant(child, poll)
    }

    /// [`start`](Self::start) where there is a vacant slot, as in each chunk that has no child. So there
    /// is nothing to come back from, and less to save.
    ///
    /// # Panics
    ///
    /// When there is none. The child is dropped then.
    #[inline]
    pub(crate) fn start_vacant<R>(
        &mut self,
        child: F,
        poll: impl FnOnce(Pin<&mut F>, &mut Context<'_>) -> Poll<R>,
    ) -> Poll<R> {
        let chunk = at(&self.chunks, self.open as usize);
        let header = chunk.header();
        let vacant = header.vacant();
        let slot = vacant.trailing_zeros() as usize;
        let waker = chunk.waker(slot);
        let mut place = chunk.slot(slot);
        // SAFETY: a slot of the chunk, and vacant.
        unsafe { place.write(child) };
        let unwinds = DropPlace(place);
        // SAFETY: just written, and ours alone as `self` is. It is pinned: it is not moved from
        // here on, and dropped before its memory is used again or freed.
        let child = unsafe { Pin::new_unchecked(place.as_mut()) };
        let polled = poll(child, &mut Context::from_waker(&waker));
        mem::forget(unwinds);
        if polled.is_ready() {
            // SAFETY: the slot has a child that the slab does not know of.
            unsafe { ptr::drop_in_place(place.as_ptr()) };
            return polled;
        }
        header.occupied.set(header.occupied.get() | 1 << slot);
        self.len += 1;
        if vacant & (vacant - 1) == 0 {
            self.open = header.next_open.get();
        }
        polled
    }

    /// Has the child polled in the next pass, or in this one if its turn is still to come. Costs
    /// no atomic.
    pub(crate) fn wake(&mut self, key: usize) {
        if let Some(&Some(chunk)) = self.chunks.get(key >> SLOT_BITS) {
            self.enqueue(chunk, 1 << (key & (MOST - 1)));
        }
    }

    /// The child, if the key has one.
    pub(crate) fn get(&self, key: usize) -> Option<&F> {
        let (chunk, slot) = self.find(key)?;
        // SAFETY: the slot has a child, which nobody has a `&mut` to while we are shared.
        Some(unsafe { chunk.slot(slot).as_ref() })
    }

    /// The child, if the key has one.
    pub(crate) fn get_pin_mut(&mut self, key: usize) -> Option<Pin<&mut F>> {
        let (chunk, slot) = self.find(key)?;
        // SAFETY: the slot has a child, ours alone as `self` is. It is pinned: it is never moved,
        // and dropped before its memory is used again or freed.
        Some(unsafe { Pin::new_unchecked(chunk.slot(slot).as_mut()) })
    }

    /// Drops the child, in place; false if the key has none.
    pub(crate) fn remove(&mut self, key: usize) -> bool {
        let Some((chunk, slot)) = self.find(key) else { return false };
        self.vacate(chunk, slot);
        // SAFETY: the slot had a child, which the slab does not know any more.
        unsafe { ptr::drop_in_place(chunk.slot(slot).as_ptr()) };
        true
    }

    /// Moves the child out; none if the key has none.
    pub(crate) fn take(&mut self, key: usize) -> Option<F>
    where
        F: Unpin,
    {
        let (chunk, slot) = self.find(key)?;
        self.vacate(chunk, slot);
        // SAFETY: the slot had a child, which the slab does not know any more. It may be moved, as
        // it is `Unpin`.
        Some(unsafe { chunk.slot(slot).read() })
    }

    /// The keys of all children, in the order of their slots.
    pub(crate) fn keys(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.chunks.len()).flat_map(|index| {
            let occupied = self.children(index);
            (0..MOST)
                .filter(move |slot| occupied >> slot & 1 == 1)
                .map(move |slot| index << SLOT_BITS | slot)
        })
    }

    /// Begins a pass with everything that was woken: false if nothing was. The pass before must
    /// be over.
    pub(crate) fn begin_pass(&mut self) -> bool {
        debug_assert!(self.bits == 0 && self.pass.first == NONE, "a pass within a pass");
        if let Some(list) = &self.list {
            let newest = list.take(&mut self.owner);
            if let Some(index) = ready_list::number(newest) {
                let chunk = at(&self.chunks, index);
                // SAFETY: we have taken it off the list, and have not yet looked at `ready`.
                let below = unsafe { chunk.header().replace_next(ready_list::END) };
                if below == ready_list::END && self.later.first == NONE {
                    // As mostly: one chunk, and nothing that `wake` has queued.
                    self.chunk = index as u32;
                    self.bits = chunk.take_ready();
                    return true;
                }
                self.drain(newest, below);
            }
        }
        if self.later.first == self.later.last {
            if self.later.first == NONE {
                return false;
            }
            self.chunk = mem::replace(&mut self.later, Queue::EMPTY).first;
            self.bits = at(&self.chunks, self.chunk as usize).header().local.replace(0);
            return true;
        }
        self.pass = mem::replace(&mut self.later, Queue::EMPTY);
        true
    }

    /// Whether something is left of this pass.
    pub(crate) fn is_in_pass(&self) -> bool {
        self.bits != 0 || self.pass.first != NONE
    }

    /// The next key of this pass, which perhaps has no child any more.
    #[inline]
    pub(crate) fn next(&mut self) -> Option<usize> {
        while self.bits == 0 {
            if self.pass.first == NONE {
                return None;
            }
            self.chunk = self.pass.first;
            let chunk = at(&self.chunks, self.chunk as usize);
            let header = chunk.header();
            self.pass.first = header.next_local.replace(NONE);
            self.bits = header.local.replace(0);
        }
        let slot = self.bits.trailing_zeros() as usize;
        self.bits &= self.bits - 1;
        Some((self.chunk as usize) << SLOT_BITS | slot)
    }

    /// Lets the task sleep until the next wake: false if one has come already, or
    /// [`wake`](Self::wake) was called. Call it when a pass is over.
    pub(crate) fn park(&mut self, cx: &mut Context<'_>) -> bool {
        if self.later.first != NONE {
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

    /// A waker of the slot that was set apart.
    pub(crate) fn own_waker(&self) -> Waker {
        debug_assert!(self.own != 0, "made by `with_own`");
        Waker::clone(&at(&self.chunks, 0).waker(Self::OWN))
    }

    /// Calls `poll` with the waker of the slot that was set apart.
    pub(crate) fn poll_own<R>(&self, poll: impl FnOnce(&mut Context<'_>) -> R) -> R {
        debug_assert!(self.own != 0, "made by `with_own`");
        let chunk = at(&self.chunks, 0);
        let waker = chunk.waker(Self::OWN);
        poll(&mut Context::from_waker(&waker))
    }

    /// Drops every child, also when the destructor of one of them panics; the first panic then
    /// is resumed.
    pub(crate) fn clear(&mut self) {
        let mut first = None;
        while !self.is_empty() {
            // Once, unless a destructor panics: to be ready for that costs more than a child.
            unwind::keep_first(&mut first, || self.drop_children());
        }
        unwind::resume_unless_panicking(first);
    }

    fn drop_children(&mut self) {
        for index in 0..self.chunks.len() {
            let children = self.children(index);
            if children == 0 {
                continue;
            }
            let chunk = at(&self.chunks, index);
            if !mem::needs_drop::<F>() {
                self.vacate_all(chunk, children);
                continue;
            }
            let mut left = children;
            while left != 0 {
                let slot = left.trailing_zeros() as usize;
                left &= left - 1;
                self.vacate(chunk, slot);
                // SAFETY: the slot had a child, which the slab does not know any more.
                unsafe { ptr::drop_in_place(chunk.slot(slot).as_ptr()) };
            }
        }
    }

    /// Forgets children of a chunk, which have nothing to drop.
    fn vacate_all(&mut self, chunk: Chunk<F>, children: usize) {
        let header = chunk.header();
        if header.vacant() == 0 {
            header.next_open.set(mem::replace(&mut self.open, header.index));
        }
        header.occupied.set(header.occupied.get() & !children);
        self.len -= children.count_ones() as usize;
    }

    /// Gives back the memory of all chunks without a child, but not of those whose slots are just
    /// being woken.
    ///
    /// O(chunks). What was woken, and who sleeps, stays so.
    pub(crate) fn shrink_to_fit(&mut self) {
        self.pass = self.without_empty(self.pass);
        self.later = self.without_empty(self.later);
        if self.bits != 0 && at(&self.chunks, self.chunk as usize).header().occupied.get() == 0 {
            self.bits = 0;
        }
        for entry in &mut self.chunks {
            if let Some(chunk) = *entry {
                if chunk.header().occupied.get() == 0 && chunk.retire() {
                    *entry = None;
                    // SAFETY: ours; it is empty, retired, and not in a queue any more.
                    unsafe { chunk.release() };
                }
            }
        }
        while let Some(None) = self.chunks.last() {
            self.chunks.pop();
        }
        self.chunks.shrink_to_fit();
        self.free = 0;
        self.open = NONE;
        for chunk in self.chunks.iter().rev().flatten() {
            let header = chunk.header();
            if header.vacant() != 0 {
                header.next_open.set(mem::replace(&mut self.open, header.index));
            }
        }
        if self.chunks.is_empty() {
            self.next_slots = Self::FIRST;
        }
    }

    /// The chunks of the queue that have children.
    fn without_empty(&self, queue: Queue) -> Queue {
        let mut kept = Queue::EMPTY;
        let mut next = queue.first;
        while next != NONE {
            let chunk = at(&self.chunks, next as usize);
            let header = chunk.header();
            next = header.next_local.replace(NONE);
            if header.occupied.get() == 0 {
                header.local.set(0);
            } else {
                kept.push(&self.chunks, header);
            }
        }
        kept
    }

    /// The slots of a chunk that have a child.
    fn children(&self, index: usize) -> usize {
        let Some(chunk) = self.chunks[index] else { return 0 };
        let own = if index == 0 { self.own } else { 0 };
        chunk.header().occupied.get() & !own
    }

    /// Where the child is, if the key has one.
    #[inline]
    fn find(&self, key: usize) -> Option<(Chunk<F>, usize)> {
        let chunk = (*self.chunks.get(key >> SLOT_BITS)?)?;
        let slot = key & (MOST - 1);
        let some =
            chunk.header().occupied.get() >> slot & 1 == 1 && !(self.own != 0 && key == Self::OWN);
        some.then_some((chunk, slot))
    }

    /// Forgets the child of a slot, which is the caller's from here on.
    #[inline]
    pub(super) fn vacate(&mut self, chunk: Chunk<F>, slot: usize) {
        let header = chunk.header();
        if header.vacant() == 0 {
            header.next_open.set(mem::replace(&mut self.open, header.index));
        }
        header.occupied.set(header.occupied.get() & !(1 << slot));
        self.len -= 1;
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

    /// Adds a chunk.
    #[cold]
    fn grow(&mut self) {
        let free = self.chunks[self.free..].iter().position(Option::is_none);
        let index = free.map_or(self.chunks.len(), |after| self.free + after);
        assert!(index < MOST_CHUNKS as usize, "too many children");
        let list = self.list.get_or_insert_with(|| Arc::new(ReadyList::new(Layout::new::<F>())));
        if index == self.chunks.len() {
            self.chunks.push(None);
        }
        self.free = index;
        let chunk = Chunk::new(self.next_slots, index as u32, list.clone());
        self.chunks[index] = Some(chunk);
        self.free = index + 1;
        self.next_slots = (self.next_slots * 2).min(MOST);
        chunk.header().next_open.set(mem::replace(&mut self.open, index as u32));
    }

    /// Has the slots polled in the next pass.
    #[inline]
    fn enqueue(&mut self, chunk: Chunk<F>, slots: usize) {
        let header = chunk.header();
        let local = header.local.replace(header.local.get() | slots);
        if local == 0 {
            self.later.push(&self.chunks, header);
        }
    }

    /// Takes what was woken, first woken chunk first: a chain of `newest`, which is not linked any
    /// more, and those that were pushed before it.
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
        while let Some(index) = ready_list::number(oldest) {
            let chunk = at(&self.chunks, index);
            // SAFETY: as above.
            oldest = unsafe { chunk.header().replace_next(ready_list::END) };
            // From here on somebody may push it again.
            let slots = chunk.take_ready();
            self.enqueue(chunk, slots);
        }
    }
}

impl<F: Future> Slab<F> {
    /// Polls the child, and drops it in place when it is ready. None if the key has no child.
    #[inline]
    pub(crate) fn poll(&mut self, key: usize) -> Option<Poll<F::Output>> {
        let (chunk, slot) = self.find(key)?;
        let polled = self.poll_found(chunk, slot, |child, cx| child.poll(cx));
        if polled.is_ready() {
            self.vacate(chunk, slot);
            // SAFETY: the slot had a child, which the slab does not know any more.
            unsafe { ptr::drop_in_place(chunk.slot(slot).as_ptr()) };
        }
        Some(polled)
    }
}

impl<F> Drop for Slab<F> {
    fn drop(&mut self) {
        let Some(list) = self.list.take() else { return };
        // The chunks are released also when a destructor panics.
        let mut first = None;
        // First: the children that go may wake each other.
        unwind::keep_first(&mut first, || list.close(&mut self.owner));
        unwind::keep_first(&mut first, || self.clear());
        for chunk in mem::take(&mut self.chunks).into_iter().flatten() {
            // SAFETY: the chunks are ours; they are empty, the list is closed, and nobody knows
            // them any more.
            unsafe { chunk.release() };
        }
        unwind::resume_unless_panicking(first);
    }
}

impl<F> fmt::Debug for Slab<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slab").field("len", &self.len).finish_non_exhaustive()
    }
}
