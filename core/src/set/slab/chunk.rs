//! Memory for up to a word's bits of children, and for what wakes them: one allocation.
//!
//! ```text
//! ┌ aligned to 64 ────────────────────────┬────────┬────────┬─ … ─┬──────────┐
//! │ Header: ready, next, references, list │ slot 0 │ slot 1 │     │ slot n-1 │
//! │         vacant, local, links          │        │        │     │          │
//! └───────────────────────────────────────┴────────┴────────┴─ … ─┴──────────┘
//!   ▲ a waker points here, plus the number of its slot: the lowest six bits
//! ```
//!
//! The first half of the header is for wakers, on any thread; the second for the owner alone.
//!
//! A wake sets the slot's bit in `ready`. Who finds the word at zero pushes the chunk on the list
//! of its slab; the owner takes it off, and then takes the whole word. So a chunk is on the list,
//! or on its way there or to the owner, exactly while the word is not zero, and a burst of wakes
//! costs one push.
//!
//! The owner and every waker hold a reference. When the owner goes, it takes the futures with it;
//! the memory goes with the last waker.

use super::ready_list::ReadyList;
use crate::{
    sync::{Arc, AtomicUsize, Ordering, UnsafeCell},
    unwind::Finally,
};
use alloc::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use core::{
    cell::Cell,
    marker::PhantomData,
    mem::ManuallyDrop,
    ptr::{self, NonNull},
    task::{RawWaker, RawWakerVTable, Waker},
};

/// The most slots a chunk can have: a bit of `ready` for each, and six bits in a waker.
pub(super) const MOST: usize = if usize::BITS > 64 { 64 } else { usize::BITS as usize };
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
    /// A bit for each slot that was woken.
    ready: AtomicUsize,
    /// The link to the next one on the list: see [`replace_next`](Self::replace_next).
    next: UnsafeCell<u32>,
    pub(super) index: u32,
    references: AtomicUsize,
    list: ManuallyDrop<Arc<ReadyList>>,

    /// A bit for each slot that can be taken.
    pub(super) vacant: Cell<usize>,
    /// A bit for each slot to be polled in the next pass.
    pub(super) local: Cell<usize>,
    /// The next chunk to be polled in that pass.
    pub(super) next_local: Cell<u32>,
    /// The next chunk with a vacant slot.
    pub(super) next_open: Cell<u32>,
    /// How many slots there are.
    slots: u8,
    /// How many bytes of the allocation lie before the header.
    before: u8,
}

#[cfg(all(target_pointer_width = "64", not(anyscope_loom)))]
const _: () = assert!(size_of::<Header>() == 64);
// A waker's address lies inside its header.
const _: () = assert!(size_of::<Header>() >= ALIGN && MOST <= ALIGN);

impl Header {
    /// Whether there is such a slot.
    #[inline]
    pub(super) fn has(&self, slot: usize) -> bool {
        slot < usize::from(self.slots)
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
    /// The caller has the chunk for itself: it has made `ready` other than zero and not yet
    /// pushed the chunk, or has taken it off the list and not yet called
    /// [`take_ready`](Chunk::take_ready).
    pub(super) unsafe fn replace_next(&self, link: u32) -> u32 {
        // SAFETY: nobody else accesses it, promised by the caller.
        self.next.with_mut(|next| unsafe { ptr::replace(next, link) })
    }
}

/// The layout of the allocation of a chunk with so many slots.
///
/// It is aligned no more than any memory is, and has room for a header that is: allocators take
/// four times as long for memory that is to be aligned to a line of the cache.
fn layout(slot: Layout, slots: usize) -> Layout {
    let align = if slot.align() > ALIGN { slot.align() } else { ANY_ALIGN };
    slot.size()
        .checked_mul(slots)
        .and_then(|size| Layout::from_size_align(size, slot.align()).ok())
        .and_then(|array| Layout::new::<Header>().extend(array).ok())
        .and_then(|(chunk, _)| chunk.size().checked_add(ALIGN.saturating_sub(align)))
        .and_then(|size| Layout::from_size_align(size, align).ok())
        .expect("the futures of a chunk are larger than memory can be")
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

    /// A chunk with `slots` vacant ones. It is freed by [`release`](Self::release).
    ///
    /// `list` is that of a slab of `F`s: it knows their layout.
    pub(super) fn new(slots: usize, index: u32, list: Arc<ReadyList>) -> Self {
        debug_assert!((1..=MOST).contains(&slots) && list.slot == Layout::new::<F>());
        let layout = layout(list.slot, slots);
        // SAFETY: the layout is not of size zero, as it has room for a header.
        let memory = unsafe { alloc(layout) };
        let Some(memory) = NonNull::new(memory) else { handle_alloc_error(layout) };
        let before = memory.addr().get().wrapping_neg() % ALIGN;
        // SAFETY: inside the memory, which has room for what is needed to align it.
        let header = unsafe { memory.add(before) }.cast::<Header>();
        // SAFETY: fresh memory, large enough and aligned for a header.
        unsafe {
            header.write(Header {
                ready: AtomicUsize::new(0),
                next: UnsafeCell::new(0),
                index,
                references: AtomicUsize::new(1),
                list: ManuallyDrop::new(list),
                vacant: Cell::new(usize::MAX >> (usize::BITS - slots as u32)),
                local: Cell::new(0),
                next_local: Cell::new(NONE),
                next_open: Cell::new(NONE),
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
        // Acquire: see what the wakers' callers wrote. Release: whoever finds the word at zero
        // comes after our reading of `next`, which it overwrites.
        self.header().ready.swap(0, Ordering::AcqRel)
    }

    /// Keeps the chunk off the list from now on, whoever still wakes it: false if it is there, or
    /// on its way.
    pub(super) fn retire(&self) -> bool {
        // A word that is never zero again, so that no wake finds it so. Relaxed: nothing is read
        // after it but the count of references, and nothing is handed over.
        let ready = &self.header().ready;
        ready.compare_exchange(0, usize::MAX, Ordering::Relaxed, Ordering::Relaxed).is_ok()
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
        // SAFETY: the owner's reference, given up by the caller.
        unsafe { release(self.header.as_ptr()) }
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
    let references = unsafe { &(*header).references };
    // Relaxed: a new reference is made from one that exists.
    if references.fetch_add(1, Ordering::Relaxed) > isize::MAX as usize {
        abort();
    }
    RawWaker::new(data, &VTABLE)
}

unsafe fn wake(data: *const ()) {
    let (header, slot) = parts(data);
    // SAFETY: the caller's waker keeps the header, and is given back by either.
    unsafe {
        match set_ready(header, slot) {
            true => push_and_release(header),
            false => release(header),
        }
    }
}

unsafe fn wake_by_ref(data: *const ()) {
    let (header, slot) = parts(data);
    // SAFETY: the waker keeps the header until this returns.
    if unsafe { set_ready(header, slot) } {
        // SAFETY: kept, and the first bit was just set.
        unsafe { push(header) };
    }
}

/// Sets the slot's bit, and returns whether there was none.
///
/// # Safety
///
/// The caller keeps the header.
unsafe fn set_ready(header: *const Header, slot: usize) -> bool {
    // SAFETY: kept by the caller.
    let ready = unsafe { &(*header).ready };
    // Release: the poll that follows sees what our caller wrote. Acquire: see `take_ready`.
    ready.fetch_or(1 << slot, Ordering::AcqRel) == 0
}

/// Puts the chunk on the list of its slab.
///
/// # Safety
///
/// The caller keeps the header, and [has set](set_ready) the first bit.
#[inline]
unsafe fn push(header: *const Header) {
    // SAFETY: kept by the caller.
    let header = unsafe { &*header };
    // SAFETY: the chunk is not on the list, since `ready` was zero and the caller has changed it.
    // The owner keeps it until it has taken it, or has closed the list.
    unsafe { header.list.push(header) };
}

/// [`push`] and [`release`]. Not inlined, so that other wakes save no registers.
///
/// # Safety
///
/// That of both.
#[inline(never)]
unsafe fn push_and_release(header: *mut Header) {
    // The waker of the task may panic.
    // SAFETY: the caller's reference.
    let _release = Finally::new(|| unsafe { release(header) });
    // SAFETY: promised by the caller.
    unsafe { push(header) };
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
    // Release: what we did with the chunk comes before its end. Acquire: so did the others.
    if unsafe { (*header).references.fetch_sub(1, Ordering::AcqRel) } == 1 {
        // SAFETY: the last reference was ours.
        unsafe { free(header) }
    }
}

/// Frees a chunk.
///
/// # Safety
///
/// Nobody else reaches the header, and it is not used after this. Its slots are empty: the owner
/// has given its reference back.
#[cold]
#[inline(never)]
unsafe fn free(header: *mut Header) {
    // SAFETY: it is the caller's alone, and `new` has allocated it with this layout, so many bytes
    // before the header.
    unsafe {
        let (slots, before) = ((*header).slots, (*header).before);
        let list = ManuallyDrop::take(&mut (*header).list);
        let layout = layout(list.slot, usize::from(slots));
        ptr::drop_in_place(header);
        dealloc(header.cast::<u8>().sub(usize::from(before)), layout);
        // Last, since it may drop the waker of a task, which runs code of others.
        drop(list);
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
        self.ready.freed();
        self.next.freed();
        self.references.freed();
    }
}
