//! An allocator that counts, for each thread apart, so that tests in parallel do not disturb each
//! other.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

/// How many blocks this thread has allocated.
pub fn allocations() -> usize {
    ALLOCATED.get()
}

/// How many blocks this thread has allocated and not freed. Blocks that others freed, or that
/// others allocated and this thread freed, count as well.
pub fn balance() -> usize {
    ALLOCATED.get().wrapping_sub(FREED.get())
}

thread_local! {
    static ALLOCATED: Cell<usize> = const { Cell::new(0) };
    static FREED: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

fn count(counter: &'static std::thread::LocalKey<Cell<usize>>) {
    // A thread that is going down has no counters any more.
    let _ = counter.try_with(|count| count.set(count.get().wrapping_add(1)));
}

// SAFETY: all of it is left to the allocator of the system. The counters have no destructor and
// are initialised at compile time, so that looking at them does not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(&ALLOCATED);
        // SAFETY: promised by the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(&ALLOCATED);
        // SAFETY: promised by the caller.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count(&ALLOCATED);
        count(&FREED);
        // SAFETY: promised by the caller.
        unsafe { System.realloc(block, layout, new_size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        count(&FREED);
        // SAFETY: promised by the caller.
        unsafe { System.dealloc(block, layout) }
    }
}
