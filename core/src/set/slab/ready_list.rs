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
//! | a slot | has that one to take | wakes nobody; the slot stays below the first chunk |
//! | parked | sleeps until the next wake | wakes the task: this one push, and no other |
//! | `CLOSED` | is gone | does nothing |
//!
//! Where one child is woken at a time, its bit in the word of the chunk would be set and taken for nothing. So an owner
//! that took one slot the last time is parked *for one*: then whoever wakes puts the slot itself in the place of the head, and the
//! chunk is not pushed. That says nothing of the chunk, which may have been given back: then the slot is nobody's, or that
//! of a child which is polled in vain.
//!
//! The waker of the task stays in its place when it is fired, so that a task which parks again and
//! again with the same waker never clones it. There are two ways to park, each with a waker of its
//! own, so that one can be used while a push is still firing the other: an executor may well poll
//! the task inside of its waker.

use super::{chunk::Header, slab::SLOT_BITS};
use crate::{
    sync::{AtomicBool, AtomicUsize, Ordering, UnsafeCell},
    unwind::Finally,
};
use core::task::{Context, Waker};

/// The head while the owner polls.
const RUNS: usize = 0;
/// The head while the owner sleeps, for each way to park.
const PARKED: [usize; 2] = [1, 2];
/// The same, when it is parked for one.
const PARKED_FOR_ONE: [usize; 2] = [3, 4];
const CLOSED: usize = 5;
/// The head, or a link, that is chunk number 0. Less is the link below the first chunk.
const CHUNKS: usize = 6;
/// The head, or the link below the first chunk, that is the slot whose key is 0.
const SLOTS: usize = 1 << 31;
/// How many chunks a list can have.
pub(super) const MOST_CHUNKS: u32 = 1 << (31 - SLOT_BITS);

const _: () = assert!(CHUNKS + MOST_CHUNKS as usize <= SLOTS);

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
    /// Whether no push may be firing `task`. False from when the owner parks in this way, until the push
    /// that finds it is through, or the owner knows that none has found it.
    at_rest: AtomicBool,
}

// SAFETY: `task` is written by the owner of the one `Owner`, and only while no push reads it;
// otherwise it is only read. Wakers may be used and dropped on every thread.
unsafe impl Send for ReadyList {}
// SAFETY: as above.
unsafe impl Sync for ReadyList {}

/// The number of the chunk that a link names.
pub(super) fn number(link: u32) -> Option<usize> {
    let index = link.wrapping_sub(CHUNKS as u32);
    (index < MOST_CHUNKS).then_some(index as usize)
}

/// Whether a link names nothing, as that below the first chunk does.
pub(super) fn is_last(link: u32) -> bool {
    link < CHUNKS as u32
}

/// The key of the slot that a link names.
pub(super) fn slot(link: u32) -> Option<usize> {
    link.checked_sub(SLOTS as u32).map(|key| key as usize)
}

/// The way in which the owner has parked, if it has.
#[inline]
fn way_of(head: usize) -> Option<usize> {
    let parked = head.wrapping_sub(PARKED[0]);
    (parked < 2 * PARKED.len()).then_some(parked % PARKED.len())
}

/// What the owner of a list knows about it.
#[derive(Debug)]
pub(super) struct Owner {
    /// What the head is while nobody has pushed: `RUNS`, or parked.
    head: usize,
    /// Whether one slot was woken the last time, and so may be the next time.
    pub(super) one: bool,
}

impl Owner {
    pub(super) const fn new() -> Self {
        Owner { head: RUNS, one: false }
    }
}

impl ReadyList {
    pub(super) fn new(align: usize) -> Self {
        let way = || Way { task: UnsafeCell::new(None), at_rest: AtomicBool::new(true) };
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
            // SAFETY: found just now.
            unsafe { self.fire(way) };
        }
    }

    /// Has a slot polled by an owner that is parked for one, and wakes its task: false if it is not.
    #[inline(always)]
    pub(super) fn tell(&self, key: usize) -> bool {
        let head = self.head.load(Ordering::Relaxed);
        let way = head.wrapping_sub(PARKED_FOR_ONE[0]);
        // Release: the poll that follows sees what our caller wrote. Acquire: from `park`, see the
        // waker of the task.
        let told = way < PARKED_FOR_ONE.len()
            && self
                .head
                .compare_exchange(head, SLOTS + key, Ordering::AcqRel, Ordering::Relaxed)
                .is_ok();
        if told {
            // SAFETY: found just now.
            unsafe { self.fire(way) };
        }
        told
    }

    /// Wakes the owner's task.
    ///
    /// # Safety
    ///
    /// The caller has found the owner parked in this way, and calls this once.
    #[inline(always)]
    unsafe fn fire(&self, way: usize) {
        let way = &self.ways[way];
        // Also if the waker panics: the owner would take it for being fired for ever.
        // Release: the owner that finds this may write the waker that we have read.
        let _through = Finally::new(|| way.at_rest.store(true, Ordering::Release));
        way.task.with(|task| {
            // SAFETY: the owner was parked in this way and we are not through, so it does not
            // write.
            if let Some(waker) = unsafe { &*task } {
                waker.wake_by_ref();
            }
        });
    }

    /// Whether something is to be taken.
    #[inline]
    pub(super) fn is_woken(&self, owner: &Owner) -> bool {
        // Relaxed: what was pushed before the task was woken is seen, and what comes later wakes it
        // again, or is seen when it parks.
        self.head.load(Ordering::Relaxed) != owner.head
    }

    /// Takes all chunks, if [something is to be taken](Self::is_woken): the link to the one that was
    /// pushed last, whose header has the next link. The last link may be a [`slot`], and the first one
    /// too. The owner does not sleep from here on.
    #[inline]
    pub(super) fn take(&self, owner: &mut Owner) -> u32 {
        owner.head = RUNS;
        // Acquire: see the links that the pushers wrote.
        self.head.swap(RUNS, Ordering::Acquire) as u32
    }

    /// Lets the owner sleep until the next push: false if one has come already.
    ///
    /// What the owner waits for is then still to be taken.
    #[inline]
    pub(super) fn park(&self, owner: &mut Owner, cx: &mut Context<'_>) -> bool {
        if owner.head == RUNS && !self.is_firing(0) && self.has(0, cx.waker()) {
            // As mostly: with the same waker as the last time.
            return self.park_as(owner, 0);
        }
        self.park_again(owner, cx)
    }

    #[cold]
    #[inline(never)]
    fn park_again(&self, owner: &mut Owner, cx: &mut Context<'_>) -> bool {
        if let Some(way) = way_of(owner.head) {
            if self.has(way, cx.waker()) {
                // From then on every push has woken this task, and will.
                return !self.is_woken(owner);
            }
        }
        if !self.unpark(owner) {
            return false;
        }
        let way = usize::from(self.is_firing(0));
        if self.is_firing(way) {
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
        let parks = self.park_as(owner, way);
        // Last, because it runs code of the old waker's executor.
        drop(old);
        parks
    }

    /// Lets the owner, who is awake, sleep in this way, with the waker that is in its place.
    #[inline]
    fn park_as(&self, owner: &mut Owner, way: usize) -> bool {
        let parked = if owner.one { PARKED_FOR_ONE[way] } else { PARKED[way] };
        // Relaxed: before whoever finds us parked. After what made it true, which we have acquired.
        self.ways[way].at_rest.store(false, Ordering::Relaxed);
        // Release: whoever pushes sees the waker.
        let parks =
            self.head.compare_exchange(RUNS, parked, Ordering::Release, Ordering::Relaxed).is_ok();
        if parks {
            owner.head = parked;
        } else {
            self.ways[way].at_rest.store(true, Ordering::Relaxed);
        }
        parks
    }

    /// The owner goes: nothing is pushed any more, and its task is not woken.
    pub(super) fn close(&self, owner: &mut Owner) {
        let head = self.head.swap(CLOSED, Ordering::Acquire);
        match way_of(owner.head) {
            // Nobody has found us.
            Some(way) if head == owner.head => {
                self.ways[way].at_rest.store(true, Ordering::Relaxed);
            }
            _ => {}
        }
        owner.head = CLOSED;
        let [first, second] = [0, 1].map(|way| {
            if self.is_firing(way) {
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
        let Some(way) = way_of(owner.head) else { return true };
        let unparks = self
            .head
            .compare_exchange(owner.head, RUNS, Ordering::Relaxed, Ordering::Relaxed)
            .is_ok();
        if unparks {
            owner.head = RUNS;
            // Nobody has found us.
            self.ways[way].at_rest.store(true, Ordering::Relaxed);
        }
        unparks
    }

    /// Whether some push may be firing the waker of this way, now that the owner does not sleep in it.
    #[inline]
    fn is_firing(&self, way: usize) -> bool {
        // Acquire: whoever is through has read the waker before.
        !self.ways[way].at_rest.load(Ordering::Acquire)
    }
}

#[cfg(anyscope_loom)]
impl Drop for ReadyList {
    fn drop(&mut self) {
        use crate::sync::Freed;
        self.head.freed();
        for way in &mut self.ways {
            way.at_rest.freed();
            way.task.freed();
        }
    }
}
