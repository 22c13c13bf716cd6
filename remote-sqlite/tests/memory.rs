//! What a caller and a worker need: the memory of their limits, however many jobs there are.

use anyscope::{CancelToken, Limit, flow, scope, smol::Smol};
use anyscope_remote::{
    Remote, Workers,
    engine::{Engine, Queue},
};
use anyscope_remote_tests::Echo;
use anyscope_sqlite::{Durability, Sqlite};
use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

/// Counts what all threads have allocated, and the most they had.
struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

static BYTES: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: all of it is left to the allocator of the system; the counters do not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let bytes = BYTES.fetch_add(layout.size(), Relaxed) + layout.size();
        PEAK.fetch_max(bytes, Relaxed);
        // SAFETY: promised by the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        BYTES.fetch_sub(layout.size(), Relaxed);
        // SAFETY: promised by the caller.
        unsafe { System.dealloc(block, layout) }
    }
}

const PAYLOAD: usize = 4096;

fn echo() -> Echo {
    Echo("x".repeat(PAYLOAD))
}

/// The most bytes that `work` had beside what was there before.
fn peak(work: impl Future<Output = ()>) -> usize {
    let before = BYTES.load(Relaxed);
    PEAK.store(before, Relaxed);
    smol::block_on(work);
    PEAK.load(Relaxed) - before
}

/// The peaks of a worker to which so many jobs were submitted before, and of a caller and a worker of as many.
fn peaks(jobs: usize) -> [usize; 2] {
    let folder = tempfile::tempdir().unwrap();
    let builder = Sqlite::builder().durability(Durability::Processes);
    let engine = builder.open(folder.path().join("jobs.db")).unwrap();
    let submitted = Remote::<Echo>::new(&engine, &Smol, "submitted");
    smol::block_on(async {
        for _ in 0..jobs {
            submitted.submit(echo()).await.unwrap();
        }
    });
    let worker = peak(async {
        let (token, mut left) = (CancelToken::new(), jobs);
        let (begun, seen) = smol::channel::bounded(1);
        let workers = Workers::new(&engine, "submitted").here(8).until(&token);
        let serve = workers.serve(&Smol, &Smol, move |Echo(text), _| {
            let begun = begun.clone();
            async move {
                begun.send(()).await.unwrap();
                Ok(text)
            }
        });
        let count = async {
            while left > 0 {
                seen.recv().await.unwrap();
                left -= 1;
            }
            token.cancel("all have begun");
        };
        anyscope::join((async { serve.await.unwrap() }, count)).await;
    });
    let caller = peak(scope(&Smol, async |s| {
        let workers = Workers::new(&engine, "called").here(8);
        s.spawn_daemon(workers.serve(&Smol, &Smol, async |Echo(text), _| Ok(text)));
        let called = Remote::<Echo>::new(&engine, &Smol, "called");
        let all = flow::iter(0..jobs).map_concurrent(Limit::new(16), |_| called.call(echo()));
        all.for_each(async |outcome| assert_eq!(outcome.unwrap().len(), PAYLOAD)).await;
    }));
    smol::block_on(async {
        for queue in ["submitted", "called"] {
            let settled = engine.status(&Queue::from(queue)).await.unwrap().settled;
            assert_eq!(settled, jobs as u64);
        }
    });
    [worker, caller]
}

/// Given ten times as many jobs, then neither a worker nor a caller needs more memory at once.
#[test]
fn j109_memory_is_that_of_the_limits() {
    let few = peaks(200);
    let many = peaks(2000);
    println!("{few:?} bytes for 200 jobs, {many:?} for 2000");
    for (few, many) in few.into_iter().zip(many) {
        assert!(many < few + few / 2, "{few} bytes, and {many} for ten times as many");
    }
}
