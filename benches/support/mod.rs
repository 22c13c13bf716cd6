//! What the benchmarks share: a counting allocator, and comparisons that can be trusted.
//!
//! Criterion measures one contender after the other, so a machine that changes its speed in
//! between changes the ratio. [`compare`] takes turns instead, and compares what it measured in
//! the same round.

#![allow(dead_code, reason = "not every benchmark prints everything")]

pub(crate) mod group;
pub(crate) mod parked;
pub(crate) mod task;

use async_executor::Executor;
use futures_lite::future::{block_on, pending};
use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicIsize, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

/// The system's allocator, counting inside [`counted`]. Elsewhere it must not: two counters cost
/// more than a small allocation, and whoever allocates less would look better than it is.
pub(crate) struct Counting;

static COUNTING: AtomicBool = AtomicBool::new(false);
static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);
static BYTES: AtomicUsize = AtomicUsize::new(0);
static LIVE: AtomicIsize = AtomicIsize::new(0);
static PEAK: AtomicIsize = AtomicIsize::new(0);

/// Counts a block that comes, and one that goes.
fn count(comes: usize, goes: usize) {
    if COUNTING.load(Ordering::Relaxed) {
        if comes > 0 {
            ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
            BYTES.fetch_add(comes, Ordering::Relaxed);
        }
        let change = comes as isize - goes as isize;
        let live = LIVE.fetch_add(change, Ordering::Relaxed) + change;
        PEAK.fetch_max(live, Ordering::Relaxed);
    }
}

// SAFETY: forwards to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        // SAFETY: as the caller promises.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size, layout.size());
        // SAFETY: as the caller promises.
        unsafe { System.realloc(block, layout, size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        count(0, layout.size());
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(block, layout) }
    }
}

/// What was allocated meanwhile, by all threads.
pub(crate) struct Counted {
    pub(crate) allocations: usize,
    pub(crate) bytes: usize,
    /// The most bytes at one time, above those at the beginning.
    pub(crate) peak: usize,
}

/// Runs something and counts its allocations.
pub(crate) fn counted(run: impl FnOnce()) -> Counted {
    for counter in [&ALLOCATIONS, &BYTES] {
        counter.store(0, Ordering::SeqCst);
    }
    for counter in [&LIVE, &PEAK] {
        counter.store(0, Ordering::SeqCst);
    }
    COUNTING.store(true, Ordering::SeqCst);
    run();
    COUNTING.store(false, Ordering::SeqCst);
    Counted {
        allocations: ALLOCATIONS.load(Ordering::SeqCst),
        bytes: BYTES.load(Ordering::SeqCst),
        peak: PEAK.load(Ordering::SeqCst) as usize,
    }
}

/// What people use in place of a `ThreadPool` of two threads. Its threads are never joined.
pub(crate) fn executor_of_two_threads() -> Arc<Executor<'static>> {
    let executor = Arc::new(Executor::new());
    for _ in 0..2 {
        let executor = executor.clone();
        thread::spawn(move || block_on(executor.run(pending::<()>())));
    }
    executor
}

/// Something to be measured.
pub(crate) struct Contender<'a> {
    pub(crate) name: String,
    /// Runs so many iterations, and answers how long they took.
    pub(crate) run: Box<dyn Fn(u64) -> Duration + 'a>,
}

/// What was measured of one contender.
pub(crate) struct Measured {
    /// Nanoseconds an iteration, the median of all rounds.
    pub(crate) nanos: f64,
    /// The medians of its ratios to the contenders before it and to itself.
    pub(crate) ratios: Vec<f64>,
    /// Allocations an iteration, and their bytes.
    pub(crate) allocations: f64,
    pub(crate) bytes: f64,
}

const ROUNDS: usize = 31;
const ROUND: Duration = Duration::from_millis(20);

/// Measures all contenders in turns.
pub(crate) fn compare(contenders: &[Contender<'_>]) -> Vec<Measured> {
    let iterations: Vec<u64> = contenders.iter().map(iterations_of_a_round).collect();
    let mut times = vec![Vec::with_capacity(ROUNDS); contenders.len()];
    for _ in 0..ROUNDS {
        for ((contender, times), &iterations) in contenders.iter().zip(&mut times).zip(&iterations)
        {
            let time = (contender.run)(iterations);
            times.push(time.as_nanos() as f64 / iterations as f64);
        }
    }
    contenders
        .iter()
        .enumerate()
        .map(|(n, contender)| {
            let ratio = |other: &Vec<f64>| {
                median(times[n].iter().zip(other).map(|(own, other)| own / other).collect())
            };
            let (allocations, bytes) = allocated(contender);
            Measured {
                nanos: median(times[n].clone()),
                ratios: times[..=n].iter().map(ratio).collect(),
                allocations,
                bytes,
            }
        })
        .collect()
}

fn iterations_of_a_round(contender: &Contender<'_>) -> u64 {
    (contender.run)(2);
    let one = (contender.run)(2) / 2;
    (ROUND.as_nanos() / one.as_nanos().max(1)).clamp(1, 100_000) as u64
}

/// Allocations and bytes of one iteration: those of a hundred and one less those of one, so that
/// what is set up once does not count.
fn allocated(contender: &Contender<'_>) -> (f64, f64) {
    let count = |iterations| counted(|| _ = (contender.run)(iterations));
    let (one, many) = (count(1), count(101));
    let each = |many: usize, one: usize| many.saturating_sub(one) as f64 / 100.0;
    (each(many.allocations, one.allocations), each(many.bytes, one.bytes))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
