//! Memory for up to 32 children, and for what wakes them: one allocation.
//!
//! ```text
//! ┌ aligned to 64 ─────────────────┬────────┬────────┬─ … ─┬──────────┐
//! │ Header: word, next, list,      │ slot 0 │ slot 1 │     │ slot n-1 │
//! │         vacant, local, links   │        │        │     │          │
//! └────────────────────────────────┴────────┴────────┴─ … ─┴──────────┘
//!   ▲ a waker points here, plus the number of its slot: the lowest six bits
//! ```
//!
//! The first half of the header is for wakers, on any thread; the second for the owner alone.
//!
//! A wake sets the slot's bit in the [word](super::word). Who finds no bit pushes the chunk on the
//! list of its slab; the owner takes it off, and then takes all bits. So a chunk is on the list, or
//! on its way there or to the owner, exactly while there are bits, and a burst of wakes costs one
//! push.
//!
//! The owner and every waker hold a reference, which the word counts too. When the owner goes, it takes the futures with it;
//! the memory goes with the last waker.
//!
//! The list is the owner's while that has the chunk, and not counted for each chunk. Only a chunk that wakers keep when the
//! owner goes is given a reference to the list.

use super::{
    ready_list::ReadyList,
    slab::SLOT_BITS,
    word::{SLOTS, Woke, Word},
};
use crate::{
    sync::{Arc, UnsafeCell},
    unwind::Finally,
};
use alloc::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use core::{
    cell::Cell,
    marker::PhantomData,
    mem::{self, ManuallyDrop},
    ptr::{self, NonNull},
    task::{RawWaker, RawWakerVTable, Waker},
};

/// The most slots a chunk can have: a bit of the word for each, and six bits in a waker.
pub(super) const MOST: usize = SLOTS;
/// Where a chunk must lie, so that a slot's number fits into the lowest bits of its address.
const ALIGN: usize = 64;
/// The alignment of all memory that allocators give.
const ANY_ALIGN: usize = 2 * size_of::<usize>();
/// No link.
pub(super) const NONE: u32 = u32::MAX;

/// The head of a chunk; see the [module](self).
#[derive(Debug)]
#[repr(C, align(64))]
pub(super) struct Header {
    /// Which slots were woken, and how many references there are.
    word: Word,
    /// The link to the next one on the list: see [`replace_next`](Self::replace_next).
    next: UnsafeCell<u32>,
    pub(super) index: u32,
    /// A copy of the owner's, which counts only once the owner has gone: see [`Chunk::release`].
    list: ManuallyDrop<Arc<ReadyList>>,

    /// A bit for each slot that can be taken.
    pub(super) vacant: Cell<usize>,
    /// A bit for each slot to be polled in the next pass.
    pub(super) local: Cell<usize>,
    /// The next chunk to be polled in that pass.
    pub(super) next_local: Cell<u32>,
    /// The next chunk with a vacant slot.
    pub(super) next_open: Cell<u32>,
    /// How many bytes were allocated.
    size: usize,
    /// How many slots there are.
    slots: u8,
    /// How many bytes of the allocation lie before the header.
    before: u8,
}

#[cfg(all(target_pointer_width = "64", not(any(anyscope_loom, anyscope_two_words))))]
const _: () = assert!(size_of::<Header>() == 64);
// A waker's address lies inside its header.
const _: () = assert!(size_of::<Header>() >= ALIGN && MOST <= ALIGN);

impl Header {
    /// Whether there is such a slot.
    #[inline]
    pub(super) fn has(&self, slot: usize) -> bool {
        slot < usize::from(self.slots)
    }

    /// The key of a slot.
    #[inline(always)]
    pub(super) fn key(&self, slot: usize) -> usize {
        (self.index as usize) << SLOT_BITS | slot
    }

    /// A bit for each slot there is.
    fn all(&self) -> usize {
        usize::MAX >> (usize::BITS - u32::from(self.slots))
    }

    /// A bit for each slot with a child, and for one that is set apart.
    pub(super) fn occupied(&self) -> usize {
        self.all() & !self.vacant.get()
    }

    /// Changes the link to the next chunk on the list, and returns what it was.
    ///
    /// # Safety
    ///
    /// The caller has the chunk for itself: it has woken the first slot and not yet
    /// pushed the chunk, or has taken it off the list and not yet called
    /// [`take_ready`](Chunk::take_ready).
    pub(super) unsafe fn replace_next(&self, link: u32) -> u32 {
        // SAFETY: nobody else accesses it, promised by the caller.
        self.next.with_mut(|next| unsafe { ptr::replace(next, link) })
    }
}

/// The owner's reference to a chunk whose slots are for values of type `F`.
#[derive(Debug)]
pub(super) struct Chunk<F> {
    header: NonNull<Header>,
    slots: PhantomData<F>,
}

impl<F> Clone for Chunk<F> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<F> Copy for Chunk<F> {}

impl<F> PartialEq for Chunk<F> {
    fn eq(&self, other: &Self) -> bool {
        self.header == other.header
    }
}

impl<F> Chunk<F> {
    /// Where the slots begin.
    const OFFSET: usize = size_of::<Header>().next_multiple_of(align_of::<F>());

    /// The alignment of the allocation: no more than any memory has, where the header can be moved
    /// to where it must lie. Allocators take four times as long for memory that is to be aligned to
    /// a line of the cache.
    pub(super) const ALLOC_ALIGN: usize =
        if align_of::<F>() > ALIGN { align_of::<F>() } else { ANY_ALIGN };

    /// The layout of the allocation of a chunk with so many slots.
    fn layout(slots: usize) -> Layout {
        let before = const { ALIGN.saturating_sub(Self::ALLOC_ALIGN) };
        size_of::<F>()
            .checked_mul(slots)
            .and_then(|size| size.checked_add(Self::OFFSET + before))
            .and_then(|size| Layout::from_size_align(size, Self::ALLOC_ALIGN).ok())
            .expect("the futures of a chunk are larger than memory can be")
    }

    /// A chunk with `slots` vacant ones. It is freed by [`release`](Self::release).
    ///
    /// `list` is that of a slab of `F`s: it knows their alignment.
    ///
    /// # Safety
    ///
    /// The caller keeps `list` until it has released the chunk.
    pub(super) unsafe fn new(slots: usize, index: u32, list: &Arc<ReadyList>) -> Self {
        debug_assert!((1..=MOST).contains(&slots) && list.align == Self::ALLOC_ALIGN);
        let layout = Self::layout(slots);
        // SAFETY: the layout is not of size zero, as it has room for a header.
        let memory = unsafe { alloc(layout) };
        let Some(memory) = NonNull::new(memory) else { handle_alloc_error(layout) };
        let before = memory.addr().get().wrapping_neg() % ALIGN;
        // SAFETY: inside the memory, which has room for what is needed to align it.
        let header = unsafe { memory.add(before) }.cast::<Header>();
        // SAFETY: a copy that is used while the caller keeps the list, and dropped only after `release`
        // has counted it.
        let list = ManuallyDrop::new(unsafe { ptr::read(list) });
        // SAFETY: fresh memory, large enough and aligned for a header.
        unsafe {
            header.write(Header {
                word: Word::new(),
                next: UnsafeCell::new(0),
                index,
                list,
                vacant: Cell::new(usize::MAX >> (usize::BITS - slots as u32)),
                local: Cell::new(0),
                next_local: Cell::new(NONE),
                next_open: Cell::new(NONE),
                size: layout.size(),
                slots: slots as u8,
                before: before as u8,
            });
        }
        Chunk { header, slots: PhantomData }
    }

    pub(super) fn header(&self) -> &Header {
        // SAFETY: alive until `release`, after which the owner does not use this any more.
        unsafe { self.header.as_ref() }
    }

    /// Takes the bits of all slots that were woken. The chunk is off the list from here on.
    pub(super) fn take_ready(&self) -> usize {
        self.header().word.take()
    }

    /// Keeps the chunk off the list from now on, whoever still wakes it: false if it is there, or
    /// on its way.
    pub(super) fn retire(&self) -> bool {
        self.header().word.retire()
    }

    /// The slot called `slot`, in the memory of the whole chunk.
    pub(super) fn slot(&self, slot: usize) -> NonNull<F> {
        debug_assert!(self.header().has(slot));
        // SAFETY: inside the chunk's memory: `slot` is less than their number.
        unsafe { self.header.cast::<u8>().add(Self::OFFSET).cast::<F>().add(slot) }
    }

    /// A waker for the slot, borrowed from the owner's reference.
    #[inline(always)]
    pub(super) fn waker(&self, slot: usize) -> ManuallyDrop<Waker> {
        // SAFETY: inside the header, which is at least as large as there are slots.
        let data = unsafe { self.header.cast::<u8>().add(slot) };
        // SAFETY: the vtable keeps the contract of wakers, with data that is a header plus a
        // slot, for as long as it counts the header's references. This one is not counted, and
        // never dropped: it lives no longer than the owner's reference to the chunk.
        ManuallyDrop::new(unsafe { Waker::new(data.as_ptr().cast_const().cast(), &VTABLE) })
    }

    /// Gives the owner's reference back.
    ///
    /// # Safety
    ///
    /// Called once, by the owner, who has emptied the slots, closed the list or had the chunk
    /// [retired](Self::retire), and does not use it any more.
    pub(super) unsafe fn release(self) {
        let header = self.header.as_ptr();
        if self.header().word.is_last() {
            // SAFETY: the last reference is the owner's, given up by the caller. The list is the caller's,
            // who has not given it away with a copy.
            _ = unsafe { free_memory(header) };
            return;
        }
        // The copy counts from here on.
        mem::forget(Arc::clone(&self.header().list));
        // SAFETY: the owner's reference, given up by the caller; the list is counted.
        unsafe { release(header) }
    }
}

const VTABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, drop_waker);

/// The header and the slot of a waker.
fn parts(data: *const ()) -> (*mut Header, usize) {
    let header = data.map_addr(|address| address & !(ALIGN - 1));
    (header.cast::<Header>().cast_mut(), data.addr() & (ALIGN - 1))
}

unsafe fn clone(data: *const ()) -> RawWaker {
    let (header, _) = parts(data);
    // SAFETY: whoever clones a waker has it, and it keeps the header.
    if !unsafe { &(*header).word }.keep() {
        abort();
    }
    RawWaker::new(data, &VTABLE)
}

unsafe fn wake(data: *const ()) {
    let (header, slot) = parts(data);
    // SAFETY: the caller's waker keeps the header.
    match unsafe { &(*header).word }.wake_another_and_release(slot) {
        Woke::Again => {}
        // SAFETY: the caller's reference, which is still there.
        Woke::First => unsafe { wake_first_and_release(header, slot) },
        // SAFETY: the last reference was the caller's.
        Woke::Last => unsafe { free(header) },
    }
}

unsafe fn wake_by_ref(data: *const ()) {
    let (header, slot) = parts(data);
    // SAFETY: the waker keeps the header until this returns.
    if !unsafe { &(*header).word }.wake_another(slot) {
        // SAFETY: as above.
        unsafe { wake_first(header, slot) };
    }
}

/// Wakes a slot of a chunk of which no other was woken just now.
///
/// # Safety
///
/// The caller keeps the header.
#[inline]
unsafe fn wake_first(header: *const Header, slot: usize) {
    // SAFETY: kept by the caller.
    let header = unsafe { &*header };
    if !header.list.tell(header.key(slot)) && header.word.wake(slot) {
        // SAFETY: the chunk is not on the list, since no slot was woken and we have woken one.
        // The owner keeps it until it has taken it, or has closed the list.
        unsafe { header.list.push(header) };
    }
}

/// [`wake_first`] and [`release`]. Not inlined, so that other wakes save no registers.
///
/// # Safety
///
/// That of both.
#[inline(never)]
unsafe fn wake_first_and_release(header: *mut Header, slot: usize) {
    // The waker of the task may panic.
    // SAFETY: the caller's reference.
    let _release = Finally::new(|| unsafe { release(header) });
    // SAFETY: promised by the caller.
    unsafe { wake_first(header, slot) };
}

unsafe fn drop_waker(data: *const ()) {
    // SAFETY: the waker's reference, which the caller gives up.
    unsafe { release(parts(data).0) }
}

/// Gives one reference back, and frees the chunk with the last.
///
/// # Safety
///
/// The reference is the caller's, who does not use it any more.
unsafe fn release(header: *mut Header) {
    // SAFETY: kept by the reference that we give back.
    if unsafe { &(*header).word }.release() {
        // SAFETY: the last reference was ours.
        unsafe { free(header) }
    }
}

/// Frees a chunk that its owner has released, and gives back the reference to the list.
///
/// # Safety
///
/// That of [`free_memory`], and the owner has given its reference back.
#[cold]
#[inline(never)]
unsafe fn free(header: *mut Header) {
    // SAFETY: promised by the caller.
    let list = unsafe { free_memory(header) };
    // Counted, as the owner has gone. Last, since it may drop the waker of a task, which runs code of
    // others.
    drop(ManuallyDrop::into_inner(list));
}

/// Frees a chunk, and returns what it has of the list.
///
/// # Safety
///
/// Nobody else reaches the header, and it is not used after this. Its slots are empty.
unsafe fn free_memory(header: *mut Header) -> ManuallyDrop<Arc<ReadyList>> {
    // SAFETY: it is the caller's alone, and `new` has allocated it with this layout, so many bytes
    // before the header.
    unsafe {
        let (size, before) = ((*header).size, (*header).before);
        let list = ptr::read(&(*header).list);
        let layout = Layout::from_size_align_unchecked(size, list.align);
        ptr::drop_in_place(header);
        dealloc(header.cast::<u8>().sub(usize::from(before)), layout);
        list
    }
}

/// Ends the process: so many references can only have been leaked.
#[cold]
fn abort() -> ! {
    struct Again;
    impl Drop for Again {
        fn drop(&mut self) {
            panic!("too many wakers");
        }
    }
    // A panic while panicking aborts, also without `std`.
    let _again = Again;
    panic!("too many wakers");
}

#[cfg(anyscope_loom)]
impl Drop for Header {
    fn drop(&mut self) {
        use crate::sync::Freed;
        self.next.freed();
    }
}
