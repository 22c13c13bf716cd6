//! Which chunks have children that were woken, and the task that wants to know.
//!
//! Chunks are pushed by wakers, from any thread, and taken all at once by the owner (Treiber's
//! stack, as in [`stack`](super::stack); a chunk is its own node). They go by their numbers, not
//! their addresses: the owner may free a chunk and have another one in its place while a push
//! still has the number at hand, and it is the new one that it then means. The head of the stack
//! says as well what the owner does, so that whoever pushes knows with the same instruction
//! whether the owner's task has to be woken:
//!
//! | head | the owner | a push |
//! |---|---|---|
//! | `RUNS` | is polling, nothing was woken | wakes nobody |
//! | a chunk | has chunks to take | wakes nobody |
//! | parked | sleeps until the next wake | wakes the task: this one push, and no other |
//! | `CLOSED` | is gone | does nothing |
//!
//! The waker of the task stays in its place when it is fired, so that a task which parks again and
//! again with the same waker never clones it. There are two ways to park, each with a waker of its
//! own, so that one can be used while a push is still firing the other: an executor may well poll
//! the task inside of its waker.

use super::chunk::Header;
use crate::{
    sync::{AtomicBool, AtomicUsize, Ordering, UnsafeCell},
    unwind::Finally,
};
use core::task::{Context, Waker};

/// The head while the owner polls.
const RUNS: usize = 0;
/// The head while the owner sleeps, for each way to park.
const PARKED: [usize; 2] = [1, 2];
const CLOSED: usize = 3;
/// The head, or a link, that is chunk number 0. Less is the link below the first chunk.
const CHUNKS: usize = 4;
/// How many chunks a list can have.
pub(super) const MOST_CHUNKS: u32 = u32::MAX - CHUNKS as u32;

/// What all chunks of a slab share; see the [module](self).
#[derive(Debug)]
pub(super) struct ReadyList {
    /// That of the memory of all chunks, which are freed by whoever comes last.
    pub(super) align: usize,
    head: AtomicUsize,
    ways: [Way; 2],
}

/// A way to park.
#[derive(Debug)]
struct Way {
    /// Written by the owner, and only while no push fires it.
    task: UnsafeCell<Option<Waker>>,
    /// Whether the push that found the owner parked is through with `task`.
    through: AtomicBool,
}

// SAFETY: `task` is written by the owner of the one `Owner`, and only while no push reads it;
// otherwise it is only read. Wakers may be used and dropped on every thread.
unsafe impl Send for ReadyList {}
// SAFETY: as above.
unsafe impl Sync for ReadyList {}

/// The number of the chunk that a link names.
pub(super) fn number(link: u32) -> Option<usize> {
    link.checked_sub(CHUNKS as u32).map(|index| index as usize)
}

/// The way in which the owner has parked, if it has.
#[inline]
fn way_of(head: usize) -> Option<usize> {
    let way = head.wrapping_sub(PARKED[0]);
    (way < PARKED.len()).then_some(way)
}

/// What the owner of a list knows about it.
#[derive(Debug)]
pub(super) struct Owner {
    /// What the head is while nobody has pushed: `RUNS`, or parked.
    head: usize,
    /// For each way to park: whether some push has found it, and may not be through.
    found: [bool; 2],
}

impl Owner {
    pub(super) const fn new() -> Self {
        Owner { head: RUNS, found: [false; 2] }
    }
}

impl ReadyList {
    pub(super) fn new(align: usize) -> Self {
        let way = || Way { task: UnsafeCell::new(None), through: AtomicBool::new(false) };
        ReadyList { align, head: AtomicUsize::new(RUNS), ways: [way(), way()] }
    }

    /// Pushes a chunk, and wakes the owner's task if it sleeps.
    ///
    /// # Safety
    ///
    /// The caller has just woken the first slot of the chunk, and the owner keeps the chunk
    /// until it has taken it, or has closed the list.
    #[inline(always)]
    pub(super) unsafe fn push(&self, chunk: &Header) {
        let link = CHUNKS + chunk.index as usize;
        let mut head = self.head.load(Ordering::Relaxed);
        loop {
            if head == CLOSED {
                return;
            }
            // SAFETY: we have woken its first slot, so the chunk is not on the list.
            unsafe { chunk.replace_next(head as u32) };
            // Release: publish `next`. Acquire: from `park`, see the waker of the task.
            match self.head.compare_exchange_weak(head, link, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => break,
                Err(now) => head = now,
            }
        }
        if let Some(way) = way_of(head) {
            let way = &self.ways[way];
            // Also if the waker panics: the owner would take it for being fired for ever.
            // Release: the owner that finds this may write the waker that we have read.
            let _through = Finally::new(|| way.through.store(true, Ordering::Release));
            way.task.with(|task| {
                // SAFETY: we found the owner parked in this way and are not through, so it does
                // not write.
                if let Some(waker) = unsafe { &*task } {
                    waker.wake_by_ref();
                }
            });
        }
    }

    /// Whether something is to be taken.
    #[inline]
    pub(super) fn is_woken(&self, owner: &Owner) -> bool {
        // Relaxed: what was pushed before the task was woken is seen, and what comes later wakes it
        // again, or is seen when it parks.
        self.head.load(Ordering::Relaxed) != owner.head
    }

    /// Takes all chunks, if [something is to be taken](Self::is_woken): the link to the one that was
    /// pushed last, whose header has the next link. The owner does not sleep from here on.
    #[inline]
    pub(super) fn take(&self, owner: &mut Owner) -> u32 {
        if let Some(way) = way_of(owner.head) {
            // Whoever has woken us.
            owner.found[way] = true;
        }
        owner.head = RUNS;
        // Acquire: see the links that the pushers wrote.
        self.head.swap(RUNS, Ordering::Acquire) as u32
    }

    /// Lets the owner sleep until the next push: false if one has come already.
    ///
    /// What the owner waits for is then still to be taken.
    #[inline]
    pub(super) fn park(&self, owner: &mut Owner, cx: &mut Context<'_>) -> bool {
        match way_of(owner.head) {
            // From then on every push has woken this task, and will.
            Some(way) if self.has(way, cx.waker()) => !self.is_woken(owner),
            _ => self.park_again(owner, cx),
        }
    }

    fn park_again(&self, owner: &mut Owner, cx: &mut Context<'_>) -> bool {
        if !self.unpark(owner) {
            return false;
        }
        let way = usize::from(self.is_firing(owner, 0));
        if self.is_firing(owner, way) {
            // Both wakers are being fired, perhaps for what has long been taken.
            cx.waker().wake_by_ref();
            return true;
        }
        let mut old = None;
        if !self.has(way, cx.waker()) {
            let waker = cx.waker().clone();
            old = self.ways[way].task.with_mut(|task| {
                // SAFETY: nobody fires the old waker, and nobody will until we park.
                unsafe { &mut *task }.replace(waker)
            });
        }
        // Release: whoever pushes sees the waker.
        let parks = self
            .head
            .compare_exchange(RUNS, PARKED[way], Ordering::Release, Ordering::Relaxed)
            .is_ok();
        if parks {
            owner.head = PARKED[way];
        }
        // Last, because it runs code of the old waker's executor.
        drop(old);
        parks
    }

    /// The owner goes: nothing is pushed any more, and its task is not woken.
    pub(super) fn close(&self, owner: &mut Owner) {
        let head = self.head.swap(CLOSED, Ordering::Acquire);
        if let Some(way) = way_of(owner.head) {
            owner.found[way] = head != owner.head;
        }
        owner.head = CLOSED;
        let [first, second] = [0, 1].map(|way| {
            if self.is_firing(owner, way) {
                // The waker goes with the list.
                return None;
            }
            self.ways[way].task.with_mut(|task| {
                // SAFETY: nobody fires the waker, and nobody will.
                unsafe { &mut *task }.take()
            })
        });
        drop(first);
        drop(second);
    }

    /// Whether the task is woken in this way.
    #[inline]
    fn has(&self, way: usize, waker: &Waker) -> bool {
        self.ways[way].task.with(|task| {
            // SAFETY: nobody but the owner, who calls this, writes.
            unsafe { &*task }.as_ref().is_some_and(|task| task.will_wake(waker))
        })
    }

    /// Ends a sleep that nobody has ended: false if somebody has.
    #[inline]
    pub(super) fn unpark(&self, owner: &mut Owner) -> bool {
        if way_of(owner.head).is_none() {
            return true;
        }
        let unparks = self
            .head
            .compare_exchange(owner.head, RUNS, Ordering::Relaxed, Ordering::Relaxed)
            .is_ok();
        if unparks {
            owner.head = RUNS;
        }
        unparks
    }

    fn is_firing(&self, owner: &mut Owner, way: usize) -> bool {
        let through = &self.ways[way].through;
        // Acquire: whoever is through has read the waker before.
        if owner.found[way] && through.load(Ordering::Acquire) {
            owner.found[way] = false;
            // Nobody else writes it until we park in this way again, which publishes this.
            through.store(false, Ordering::Relaxed);
        }
        owner.found[way]
    }
}

#[cfg(anyscope_loom)]
impl Drop for ReadyList {
    fn drop(&mut self) {
        use crate::sync::Freed;
        self.head.freed();
        for way in &mut self.ways {
            way.through.freed();
            way.task.freed();
        }
    }
}
