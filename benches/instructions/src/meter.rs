//! What is counted, and where counting begins and ends.
//!
//! Valgrind is told by instructions that do nothing elsewhere. Only what happens inside of
//! [`counted`] counts, so neither the start of the process nor the preparations of a row do.

use crate::arena::Allocator;
use std::{
    alloc::{GlobalAlloc, Layout},
    hint::black_box,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

/// Counts what is asked of the allocator. Two instructions an allocation: there is one thread.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
static BYTES: AtomicU64 = AtomicU64::new(0);

fn add(counter: &AtomicU64, n: u64) {
    // Not locked.
    counter.store(counter.load(Relaxed).wrapping_add(n), Relaxed);
}

fn count(size: usize) {
    add(&ALLOCATIONS, 1);
    add(&BYTES, size as u64);
}

// SAFETY: forwards to another.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: as the caller promises.
        unsafe { Allocator.alloc(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size);
        // SAFETY: as the caller promises.
        unsafe { Allocator.realloc(block, layout, size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { Allocator.dealloc(block, layout) }
    }
}

/// What the process tells whoever has started it.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) items: u64,
    pub(crate) allocations: u64,
    pub(crate) bytes: u64,
}

static TOLD_ITEMS: AtomicU64 = AtomicU64::new(0);
static TOLD_ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
static TOLD_BYTES: AtomicU64 = AtomicU64::new(0);

pub(crate) fn told() -> Told {
    Told {
        items: TOLD_ITEMS.load(Relaxed),
        allocations: TOLD_ALLOCATIONS.load(Relaxed),
        bytes: TOLD_BYTES.load(Relaxed),
    }
}

/// Counting goes on until it is dropped.
pub(crate) struct Count {
    allocations: u64,
    bytes: u64,
}

impl Count {
    /// Counts the cost of so many items.
    pub(crate) fn of(items: usize) -> Self {
        add(&TOLD_ITEMS, items as u64);
        let count = Count { allocations: ALLOCATIONS.load(Relaxed), bytes: BYTES.load(Relaxed) };
        toggle();
        count
    }
}

impl Drop for Count {
    fn drop(&mut self) {
        toggle();
        add(&TOLD_ALLOCATIONS, ALLOCATIONS.load(Relaxed) - self.allocations);
        add(&TOLD_BYTES, BYTES.load(Relaxed) - self.bytes);
    }
}

/// How often something is done before it counts: until the allocator and all that is made on first
/// use are as they will be.
const BEFORE: usize = 2;

/// How many items a row has, more or less.
const ITEMS: usize = 20_000;

/// How many rounds of so many items count.
pub(crate) fn rounds(items: usize) -> usize {
    (ITEMS / items).clamp(2, 1000)
}

/// Counts something that does so many items.
pub(crate) fn counted<T>(items: usize, mut once: impl FnMut() -> T) {
    for _ in 0..BEFORE {
        drop(black_box(once()));
    }
    let rounds = rounds(items);
    let _count = Count::of(items * rounds);
    for _ in 0..rounds {
        drop(black_box(once()));
    }
}

/// [`counted`], in a task.
pub(crate) async fn counted_in_task<F: Future>(items: usize, once: impl Fn() -> F) {
    for _ in 0..BEFORE {
        drop(black_box(once().await));
    }
    let rounds = rounds(items);
    let _count = Count::of(items * rounds);
    for _ in 0..rounds {
        drop(black_box(once().await));
    }
}

/// Counts the second part only: `part` is given what `prepare` has made.
pub(crate) fn part_counted<P, T>(
    items: usize,
    mut prepare: impl FnMut() -> P,
    mut part: impl FnMut(P) -> T,
) {
    for _ in 0..BEFORE {
        drop(black_box(part(prepare())));
    }
    for _ in 0..rounds(items).min(20) {
        let prepared = prepare();
        let count = Count::of(items);
        let done = black_box(part(prepared));
        drop(count);
        drop(done);
    }
}

/// Tells callgrind to begin, or to stop.
///
/// `valgrind/callgrind.h`: the rotations leave `rdi` as it was, and valgrind knows them.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[inline(always)]
fn toggle() {
    const TOGGLE_COLLECT: u64 = (b'C' as u64) << 24 | (b'T' as u64) << 16 | 2;
    let request = [TOGGLE_COLLECT, 0, 0, 0, 0, 0];
    // SAFETY: on a processor these are no-ops, but for the flags and `rdx`, which are said to be
    // overwritten; under valgrind `rax` points to six words, which live until it has answered.
    unsafe {
        std::arch::asm!(
            "rol rdi, 3",
            "rol rdi, 13",
            "rol rdi, 61",
            "rol rdi, 51",
            "xchg rbx, rbx",
            in("rax") request.as_ptr(),
            inout("rdx") 0_u64 => _,
            options(nostack),
        );
    }
}

#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
fn toggle() {
    panic!("instructions are counted on x86-64 Linux only");
}
