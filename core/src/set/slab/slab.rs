//! Children and their keys; see the [room](super).

use super::{
    chunk::{Chunk, MOST, NONE},
    guard::{DropChildren, DropPlace},
    queue::{Queue, at},
    ready_list::{MOST_CHUNKS, Owner, ReadyList},
};
use crate::{sync::Arc, unwind};
use alloc::vec::Vec;
use core::{
    fmt, mem,
    pin::Pin,
    ptr,
    task::{Context, Poll, Waker},
};

/// How many bits of a key name a slot of its chunk.
pub(super) const SLOT_BITS: u32 = MOST.trailing_zeros();

/// The key of the slot that is set apart where `OWN` says so.
pub(crate) const OWN_KEY: usize = 0;

/// A growing set of children; see the [room](super).
///
/// With `OWN`, one slot is for something that is woken like children, but lies elsewhere. Its key is
/// [`OWN_KEY`], and it is polled with [`poll_own`](Self::poll_own). A parameter, as whether there is
/// such a slot is asked at each poll.
pub(crate) struct Slab<F, const OWN: bool = false> {
    /// Made with the first chunk.
    pub(super) list: Option<Arc<ReadyList>>,
    pub(super) owner: Owner,
    /// By their numbers. None where a chunk was given back.
    pub(super) chunks: Vec<Option<Chunk<F>>>,
    /// No number below this one is free.
    free: usize,
    len: usize,
    /// How many slots the next chunk gets.
    next_slots: usize,
    /// The first chunk with a vacant slot.
    open: Option<Chunk<F>>,
    /// The chunks to be polled in the next pass.
    pub(super) later: Queue,
    /// The chunks to be polled in this pass.
    pub(super) pass: Queue,
    /// The chunk that is polled now, and what is left of it: slots with a child, or set apart.
    pub(super) chunk: Option<Chunk<F>>,
    pub(super) bits: usize,
    /// The slots of this chunk to be polled again in the next pass. With those of `later`.
    pub(super) again: usize,
}

// SAFETY: the slab owns its futures, and sending it sends them. What it shares with wakers may be
// used from every thread.
unsafe impl<F: Send, const OWN: bool> Send for Slab<F, OWN> {}
// SAFETY: a shared slab gives out no more than shared references to its futures.
unsafe impl<F: Sync, const OWN: bool> Sync for Slab<F, OWN> {}

/// Futures are pinned in their chunks, which do not move with the slab.
impl<F, const OWN: bool> Unpin for Slab<F, OWN> {}

impl<F> Slab<F> {
    /// An empty slab, which allocates nothing before its first child.
    pub(crate) const fn new() -> Self {
        Slab::empty()
    }
}

impl<F> Slab<F, true> {
    /// A waker of the slot that is set apart.
    pub(crate) fn own_waker(&self) -> Waker {
        Waker::clone(&at(&self.chunks, 0).waker(OWN_KEY))
    }

    /// Calls `poll` with the waker of the slot that is set apart.
    pub(crate) fn poll_own<R>(&self, poll: impl FnOnce(&mut Context<'_>) -> R) -> R {
        let chunk = at(&self.chunks, 0);
        let waker = chunk.waker(OWN_KEY);
        poll(&mut Context::from_waker(&waker))
    }
}

impl<F, const OWN: bool> Slab<F, OWN> {
    /// The slots of the first chunk, unless the slab is known to become large. Few large
    /// children are not to take the memory of many.
    const FIRST: usize = if size_of::<F>() > 512 { 2 } else { 8 };

    const fn empty() -> Self {
        Slab {
            list: None,
            owner: Owner::new(),
            chunks: Vec::new(),
            free: 0,
            len: 0,
            next_slots: Self::FIRST,
            open: None,
            later: Queue::EMPTY,
            pass: Queue::EMPTY,
            chunk: None,
            bits: 0,
            again: 0,
        }
    }

    /// An empty slab that is about to have so many children. Allocates if it sets a slot apart.
    pub(crate) fn with_capacity(children: usize) -> Self {
        let mut slab = Slab::empty();
        let slots = children.saturating_add(usize::from(OWN));
        slab.next_slots = slots.clamp(Self::FIRST, MOST).next_power_of_two().min(MOST);
        if OWN {
            let first = slab.grow();
            first.header().vacant.set(first.header().vacant.get() & !Self::apart(0));
        }
        slab
    }

    /// The slots of the chunk with this number that are set apart.
    #[inline(always)]
    const fn apart(index: usize) -> usize {
        if OWN && index == 0 { 1 << OWN_KEY } else { 0 }
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
        chunk.header().key(slot)
    }

    /// [`insert`](Self::insert) and [`wake`](Self::wake).
    #[inline(always)]
    pub(crate) fn push(&mut self, child: F) -> usize {
        let (chunk, slot) = self.place(child);
        self.enqueue(chunk, 1 << slot);
        chunk.header().key(slot)
    }

    #[inline(always)]
    fn place(&mut self, child: F) -> (Chunk<F>, usize) {
        let (chunk, slot) = self.vacancy();
        // SAFETY: a slot of the chunk, and vacant.
        unsafe { chunk.slot(slot).write(child) };
        self.occupy(chunk);
        (chunk, slot)
    }

    /// The slot that the next child gets.
    #[inline(always)]
    fn vacancy(&mut self) -> (Chunk<F>, usize) {
        let chunk = match self.open {
            Some(chunk) => chunk,
            None => self.grow(),
        };
        (chunk, chunk.header().vacant.get().trailing_zeros() as usize)
    }

    /// Takes the slot that `vacancy` has named.
    #[inline(always)]
    fn occupy(&mut self, chunk: Chunk<F>) {
        let header = chunk.header();
        let vacant = header.vacant.get();
        let left = vacant & (vacant - 1);
        header.vacant.set(left);
        self.len += 1;
        if left == 0 {
            self.open = self.chunk(header.next_open.get());
        }
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
        if self.open.is_none() {
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
        let chunk = self.open.expect("a chunk without a child has a vacant slot");
        let slot = chunk.header().vacant.get().trailing_zeros() as usize;
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
        self.occupy(chunk);
        polled
    }

    /// Has the child polled in the next pass, or in this one if its turn is still to come. Costs
    /// no atomic.
    pub(crate) fn wake(&mut self, key: usize) {
        if let Some((chunk, slot)) = self.place_of(key) {
            self.enqueue(chunk, 1 << slot);
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
        self.forget(chunk, slot);
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
        self.forget(chunk, slot);
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
            let mut dropping = DropChildren { slab: self, chunk, children, left: children };
            while let Some(child) = dropping.next() {
                // SAFETY: a child that was not dropped before, and of which the slab is told when all
                // are, or when this panics.
                unsafe { ptr::drop_in_place(child.as_ptr()) };
            }
        }
    }

    /// Forgets children of a chunk, which were dropped.
    pub(super) fn vacate_all(&mut self, chunk: Chunk<F>, children: usize) {
        let vacant = chunk.header().vacant.get();
        if vacant == 0 {
            self.reopen(chunk);
        }
        chunk.header().vacant.set(vacant | children);
        self.len -= children.count_ones() as usize;
        self.skip(chunk, children);
    }

    /// Gives back the memory of all chunks without a child, but not of those whose slots are just
    /// being woken.
    ///
    /// O(chunks). What was woken, and who sleeps, stays so.
    pub(crate) fn shrink_to_fit(&mut self) {
        self.queue_again();
        self.pass = self.without_empty(self.pass);
        self.later = self.without_empty(self.later);
        if self.bits == 0 {
            self.chunk = None;
        }
        for entry in &mut self.chunks {
            if let Some(chunk) = *entry {
                if chunk.header().occupied() == 0 && chunk.retire() {
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
        self.open = None;
        for index in (0..self.chunks.len()).rev() {
            if let Some(chunk) = self.chunks[index].filter(|chunk| chunk.header().vacant.get() != 0)
            {
                self.reopen(chunk);
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
            if header.occupied() == 0 {
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
        chunk.header().occupied() & !Self::apart(index)
    }

    /// Where the child is, if the key has one.
    #[inline]
    pub(super) fn find(&self, key: usize) -> Option<(Chunk<F>, usize)> {
        let (chunk, slot) = self.place_of(key)?;
        let some = chunk.header().vacant.get() >> slot & 1 == 0 && !(OWN && key == OWN_KEY);
        some.then_some((chunk, slot))
    }

    /// The slot with this key, if there is one.
    #[inline]
    pub(super) fn place_of(&self, key: usize) -> Option<(Chunk<F>, usize)> {
        let chunk = (*self.chunks.get(key >> SLOT_BITS)?)?;
        let slot = key & (MOST - 1);
        chunk.header().has(slot).then_some((chunk, slot))
    }

    /// Forgets the child of a slot, which is the caller's from here on, and that it was to be
    /// polled in this pass.
    #[inline]
    pub(super) fn forget(&mut self, chunk: Chunk<F>, slot: usize) {
        self.vacate(chunk, slot);
        self.skip(chunk, 1 << slot);
    }

    /// Forgets the child of a slot that is not to be polled in this pass any more.
    #[inline(always)]
    pub(super) fn vacate(&mut self, chunk: Chunk<F>, slot: usize) {
        let vacant = chunk.header().vacant.get();
        if vacant == 0 {
            self.reopen(chunk);
        }
        chunk.header().vacant.set(vacant | 1 << slot);
        self.len -= 1;
    }

    /// Has the chunk's slots taken next.
    fn reopen(&mut self, chunk: Chunk<F>) {
        let next = self.open.replace(chunk);
        chunk.header().next_open.set(next.map_or(NONE, |next| next.header().index));
    }

    /// Adds a chunk.
    #[cold]
    fn grow(&mut self) -> Chunk<F> {
        let free = self.chunks[self.free..].iter().position(Option::is_none);
        let index = free.map_or(self.chunks.len(), |after| self.free + after);
        assert!(index < MOST_CHUNKS as usize, "too many children");
        if index == self.chunks.len() {
            self.chunks.push(None);
        }
        self.free = index;
        let list =
            self.list.get_or_insert_with(|| Arc::new(ReadyList::new(Chunk::<F>::ALLOC_ALIGN)));
        // SAFETY: the list goes with the slab, after the chunks.
        let chunk = unsafe { Chunk::new(self.next_slots, index as u32, list) };
        self.chunks[index] = Some(chunk);
        self.free = index + 1;
        self.next_slots = (self.next_slots * 2).min(MOST);
        self.reopen(chunk);
        chunk
    }

    /// The chunk with this number, if it is one.
    #[inline]
    fn chunk(&self, index: u32) -> Option<Chunk<F>> {
        (index != NONE).then(|| at(&self.chunks, index as usize))
    }
}

impl<F, const OWN: bool> Drop for Slab<F, OWN> {
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

impl<F, const OWN: bool> fmt::Debug for Slab<F, OWN> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slab").field("len", &self.len).finish_non_exhaustive()
    }
}
