//! What a bounded map allocates: the memory of its limit, and nothing for its items.

use anyscope::{
    Limit,
    flow::{self, Flow, Source},
};
use futures_util::stream;
use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    future::Future,
    pin::pin,
    task::{Context, Poll, Waker},
};

/// So many that the loop is over soon without optimisations too.
const ITEMS: usize = if cfg!(debug_assertions) { 100_000 } else { 1_000_000 };
const LIMIT: usize = 50;
/// Of the value and the rest of a piece of work.
const WORK: usize = 4096;

struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

// For each thread apart: the harness of the tests allocates on its own.
thread_local! {
    static BLOCKS: Cell<usize> = const { Cell::new(0) };
    static BYTES: Cell<usize> = const { Cell::new(0) };
    static PEAK: Cell<usize> = const { Cell::new(0) };
}

fn allocated(size: usize) {
    // A thread that is going down has no counters any more.
    let _ = BLOCKS.try_with(|blocks| blocks.set(blocks.get() + 1));
    let _ = BYTES.try_with(|bytes| {
        bytes.set(bytes.get().wrapping_add(size));
        let _ = PEAK.try_with(|peak| peak.set(peak.get().max(bytes.get())));
    });
}

fn freed(size: usize) {
    let _ = BYTES.try_with(|bytes| bytes.set(bytes.get().wrapping_sub(size)));
}

// SAFETY: all of it is left to the allocator of the system. The counters have no destructor and
// are initialised at compile time, so that looking at them does not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        allocated(layout.size());
        // SAFETY: promised by the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        allocated(new_size);
        freed(layout.size());
        // SAFETY: promised by the caller.
        unsafe { System.realloc(block, layout, new_size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        freed(layout.size());
        // SAFETY: promised by the caller.
        unsafe { System.dealloc(block, layout) }
    }
}

/// Polls `future` to its end, which needs no other wakes than its own; answers how many blocks it
/// has allocated, and how many bytes it had at most.
fn measure<F: Future>(future: impl FnOnce() -> F) -> (F::Output, usize, usize) {
    let (blocks, bytes) = (BLOCKS.get(), BYTES.get());
    PEAK.set(bytes);
    let output = {
        let mut future = pin!(future());
        let mut cx = Context::from_waker(Waker::noop());
        loop {
            if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
                break output;
            }
        }
    };
    assert_eq!(BYTES.get(), bytes, "something is left");
    (output, BLOCKS.get() - blocks, PEAK.get().wrapping_sub(bytes))
}

/// Work that is not ready at once, in an order that is not that of the items.
async fn work(n: usize) -> usize {
    let room = [n as u8; WORK];
    for _ in 0..n % 4 {
        futures_lite::future::yield_now().await;
    }
    n + usize::from(room[n % WORK] != n as u8)
}

fn items() -> Flow<impl Source<Item = usize>> {
    flow::stream(stream::iter(0..ITEMS))
}

#[test]
fn bounded_maps_allocate_for_the_limit_only() {
    let limit = Limit::new(LIMIT);
    let sum = ITEMS * (ITEMS - 1) / 2;
    let check = |what: &str, chained: usize, (output, blocks, peak): (usize, usize, usize)| {
        println!("{what}: {blocks} blocks, {peak} bytes at most");
        assert_eq!(output, sum, "{what}");
        assert!(blocks * 1000 < ITEMS, "{what}: {blocks} blocks for {ITEMS} items");
        // Chunks are for powers of two, up to 64; with what they need for themselves, and a queue
        // of what is not delivered.
        let most = chained * (64 * (WORK + 256) + 4096);
        assert!(peak < most, "{what}: {peak} bytes at most, expected {most}");
    };
    let add = async |sum, n| sum + n;
    check("ordered", 1, measure(|| items().map_concurrent(limit, work).fold(0, add)));
    check("unordered", 1, measure(|| items().map_concurrent(limit, work).unordered().fold(0, add)));
    check(
        "two",
        2,
        measure(|| items().map_concurrent(limit, work).map_concurrent(limit, work).fold(0, add)),
    );
    check(
        "window",
        1,
        measure(|| items().map_concurrent(limit, work).window(Limit::new(200)).fold(0, add)),
    );
    check("weighted", 1, measure(|| items().map_weighted(limit, |n| n % 3, work).fold(0, add)));
    check(
        "resources",
        1,
        measure(|| {
            let work = async |buffer: Vec<u8>, n| (buffer, work(n).await);
            items().map_with(limit, || Vec::with_capacity(16), work).fold(0, add)
        }),
    );
    check(
        "drive",
        1,
        measure(|| {
            items().map_concurrent(limit, work).drive(async |mut items| {
                let mut sum = 0;
                while let Some(n) = items.next().await {
                    sum += n;
                }
                sum
            })
        }),
    );
    check(
        "for_each",
        1,
        measure(async || {
            let sum = Cell::new(0);
            items()
                .for_each_concurrent(limit, async |n| {
                    let n = work(n).await;
                    sum.set(sum.get() + n);
                })
                .await;
            sum.get()
        }),
    );
}

/// An expansion has the memory of its limit and of its frontier: a place for each item that has
/// found something that was not started, and no more.
#[test]
fn expansions_allocate_for_the_limit_and_the_frontier_only() {
    let sum = ITEMS * (ITEMS + 1) / 2;
    let below = |n: usize| [2 * n, 2 * n + 1].into_iter().filter(|n| *n <= ITEMS);
    let walk = || flow::expand([1], LIMIT, async |n| (work(n).await, below(n)));
    let add = async |sum, n| sum + n;
    // Twice: the old and the new memory of a queue that grows.
    let place = 2 * 2 * size_of_val(&below(1));
    let base = 64 * (WORK + 512) + 4096;
    let check = |what: &str, (output, blocks, peak): (usize, usize, usize), most: usize| {
        println!("{what}: {blocks} blocks, {peak} bytes at most, of which {base} for the limit");
        assert_eq!(output, sum, "{what}");
        assert!(blocks * 1000 < ITEMS, "{what}: {blocks} blocks for {ITEMS} items");
        assert!(peak < base + most, "{what}: {peak} bytes at most, expected {base} + {most}");
    };
    // The frontier is at most half of a tree, its lowest level but one.
    check("ordered", measure(|| walk().fold(0, add)), ITEMS / 2 * place);
    check("unordered", measure(|| walk().unordered().fold(0, add)), ITEMS / 2 * place);
    let depth = ITEMS.ilog2() as usize;
    check(
        "newest first",
        measure(|| walk().unordered().newest_first().fold(0, add)),
        depth * LIMIT * place,
    );
    // A chain has a frontier of one.
    let chain = || flow::expand([1], LIMIT, async |n| (n, (n < ITEMS).then_some(n + 1)));
    check("chain", measure(|| chain().fold(0, add)), 4096);
}
