//! An allocator whose cost does not depend on what was allocated before.
//!
//! That of the C library takes other paths, and up to a tenth more instructions for a whole row,
//! when something else of the process lies elsewhere: an argument that is a letter longer is enough.
//! Here an allocation is a dozen instructions, always. So the baseline sees how many allocations
//! there are and what happens between them, and not what the C library makes of them; floors and
//! peers are counted with the C library's, as that is what users have.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    ptr,
};

/// All that is ever allocated in one class; memory that is not touched costs nothing.
const SIZE: usize = 1 << 30;

/// Blocks are powers of two, and lie at multiples of their size.
const CLASSES: usize = SIZE.ilog2() as usize;

struct Arena {
    begin: Cell<*mut u8>,
    used: Cell<usize>,
    /// The free blocks of each class: the first, and in each the next.
    free: [Cell<*mut u8>; CLASSES],
}

thread_local! {
    /// There is none on threads that have not asked for it.
    static ARENA: Arena = const {
        Arena {
            begin: Cell::new(ptr::null_mut()),
            used: Cell::new(0),
            free: [const { Cell::new(ptr::null_mut()) }; CLASSES],
        }
    };
}

/// From now on this thread allocates here.
pub(crate) fn begin() {
    let layout = Layout::from_size_align(SIZE, 4096).unwrap();
    // SAFETY: the size is not zero.
    let begin = unsafe { System.alloc(layout) };
    assert!(!begin.is_null(), "no memory");
    ARENA.with(|arena| arena.begin.set(begin));
}

fn class(layout: Layout) -> usize {
    let size = layout.size().max(layout.align()).max(16);
    size.next_power_of_two().ilog2() as usize
}

impl Arena {
    fn is_on(&self) -> bool {
        !self.begin.get().is_null()
    }

    fn has(&self, block: *mut u8) -> bool {
        self.is_on() && block.addr().wrapping_sub(self.begin.get().addr()) < SIZE
    }

    /// Null if there is no more memory.
    fn alloc(&self, layout: Layout) -> *mut u8 {
        let class = class(layout);
        let Some(free) = self.free.get(class) else { return ptr::null_mut() };
        let first = free.get();
        if !first.is_null() {
            // SAFETY: a free block is ours, and its first word is the next one.
            free.set(unsafe { first.cast::<*mut u8>().read() });
            return first;
        }
        self.more(class)
    }

    #[cold]
    fn more(&self, class: usize) -> *mut u8 {
        let size = 1 << class;
        // The arena itself begins at a multiple of a page only.
        let from = self.used.get().next_multiple_of(size.min(4096));
        if from + size > SIZE {
            return ptr::null_mut();
        }
        self.used.set(from + size);
        // SAFETY: it is within the arena.
        unsafe { self.begin.get().add(from) }
    }

    /// # Safety
    ///
    /// The block is of this arena, of this layout, and nobody uses it any more.
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let free = &self.free[class(layout)];
        // SAFETY: the block is at least as large as a pointer, and lies at a multiple of its size.
        unsafe { block.cast::<*mut u8>().write(free.get()) };
        free.set(block);
    }
}

/// The arena where this thread has one, the system's allocator elsewhere.
pub(crate) struct Allocator;

// SAFETY: blocks are of the layout that was asked for, or of a larger one, and are given to one at
// a time. A block is given back to where it came from; what another thread gives back to an arena
// that is not its own goes to the system, so nobody may: there is one thread where there is an
// arena.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ARENA.with(|arena| match arena.is_on() {
            true => arena.alloc(layout),
            // SAFETY: as the caller promises.
            false => unsafe { System.alloc(layout) },
        })
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        ARENA.with(|arena| match arena.has(block) {
            // SAFETY: as the caller promises, and it is of the arena.
            true => unsafe { arena.dealloc(block, layout) },
            // SAFETY: as the caller promises.
            false => unsafe { System.dealloc(block, layout) },
        })
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let new = Layout::from_size_align(size, layout.align()).unwrap();
        ARENA.with(|arena| match arena.has(block) {
            false if !arena.is_on() => {
                // SAFETY: as the caller promises.
                unsafe { System.realloc(block, layout, size) }
            }
            true if class(new) == class(layout) => block,
            _ => {
                // SAFETY: as the caller promises: the new size is not zero.
                let moved = unsafe { self.alloc(new) };
                if !moved.is_null() {
                    // SAFETY: both have that many bytes, and the new one is nobody else's.
                    unsafe { block.copy_to_nonoverlapping(moved, size.min(layout.size())) };
                    // SAFETY: as the caller promises.
                    unsafe { self.dealloc(block, layout) };
                }
                moved
            }
        })
    }
}
