//! Which chunks have children that were woken, and the task that wants to know.
//!
//! Chunks are pushed by wakers, from any thread, and taken all at once by the owner (Treiber's
//! stack, as in [`stack`](super::stack); a chunk is its own node). The head of the stack says as
//! well what the owner does, so that whoever pushes knows with the same instruction whether the
//! owner's task has to be woken:
//!
//! | head | the owner | a push |
//! |---|---|---|
//! | null | is polling, nothing was woken | wakes nobody |
//! | a chunk | has chunks to take | wakes nobody |
//! | `PARKED` | sleeps until the next wake | wakes the task: this one push, and no other |
//! | `CLOSED` | is gone | does nothing |
//!
//! The waker of the task stays in its slot when it is fired, so that a task which parks again and
//! again with the same waker never clones it. The owner replaces it only while nobody fires it.
//! There are two ways to park, so that one can be used while a push is still firing what it found
//! of the other: an executor may well poll the task inside of its waker.

use super::chunk::Header;
use crate::{
    sync::{AtomicBool, AtomicPtr, Ordering, UnsafeCell},
    unwind::Finally,
};
use core::{
    alloc::Layout,
    ptr,
    task::{Context, Waker},
};

/// What all chunks of a slab share; see the [module](self).
#[derive(Debug)]
pub(super) struct ReadyList {
    /// That of the slots of all chunks, which are freed by whoever comes last.
    pub(super) slot: Layout,
    head: AtomicPtr<Header>,
    /// For each way to park: whether the push that found it is through.
    through: [AtomicBool; 2],
    task: UnsafeCell<Option<Waker>>,
}

// SAFETY: `task` is written by the owner of the one `Owner`, and only while no push fires it;
// otherwise it is only read. Wakers may be used and dropped on every thread, headers too.
unsafe impl Send for ReadyList {}
// SAFETY: as above.
unsafe impl Sync for ReadyList {}

/// The head while the owner sleeps, for each way to park. Never dereferenced, and no header lies
/// at these addresses, as headers are aligned.
fn parked(way: usize) -> *mut Header {
    ptr::without_provenance_mut(1 + way)
}

/// As [`parked`].
fn closed() -> *mut Header {
    ptr::without_provenance_mut(3)
}

/// The way in which the owner has parked, if it has.
fn way_of(head: *mut Header) -> Option<usize> {
    match head.addr() {
        1 => Some(0),
        2 => Some(1),
        _ => None,
    }
}

/// What the owner of a list knows about it.
#[derive(Debug)]
pub(super) struct Owner {
    /// The head was left at `PARKED`, in this way.
    parked: Option<usize>,
    /// For each way to park: whether some push has found it, and may not be through.
    found: [bool; 2],
}

impl Owner {
    pub(super) const fn new() -> Self {
        Owner { parked: None, found: [false; 2] }
    }
}

impl ReadyList {
    pub(super) fn new(slot: Layout) -> Self {
        ReadyList {
            slot,
            head: AtomicPtr::new(ptr::null_mut()),
            through: [AtomicBool::new(false), AtomicBool::new(false)],
            task: UnsafeCell::new(None),
        }
    }

    /// Pushes a chunk, and wakes the owner's task if it sleeps.
    ///
    /// # Safety
    ///
    /// `chunk` is a header, alive until the call returns, that is not on the list. It stays alive
    /// until the owner has taken it or closed the list.
    pub(super) unsafe fn push(&self, chunk: *mut Header) {
        let mut head = self.head.load(Ordering::Relaxed);
        loop {
            if head == closed() {
                return;
            }
            let below = if way_of(head).is_some() { ptr::null_mut() } else { head };
            // SAFETY: alive, promised by the caller.
            unsafe { (*chunk).next.store(below, Ordering::Relaxed) };
            // Release: publish `next`, and what the waker's caller wrote before it woke us.
            // Acquire: with `PARKED`, see the waker that the owner has registered before.
            match self.head.compare_exchange_weak(head, chunk, Ordering::AcqRel, Ordering::Relaxed)
            {
                Ok(_) => break,
                Err(now) => head = now,
            }
        }
        if let Some(way) = way_of(head) {
            // Also if the waker panics: the owner would take it for being fired for ever.
            // Release: the owner that finds this may write the slot that we have read.
            let _through = Finally::new(|| self.through[way].store(true, Ordering::Release));
            self.task.with(|task| {
                // SAFETY: we took the owner's `PARKED` away and are not through, so it does not
                // write.
                if let Some(waker) = unsafe { &*task } {
                    waker.wake_by_ref();
                }
            });
        }
    }

    /// Takes all chunks: the first one, of a chain that is linked by [`Header::next`], last pushed
    /// first. The owner does not sleep from here on.
    pub(super) fn take(&self, owner: &mut Owner) -> *mut Header {
        if owner.parked.is_none() && self.head.load(Ordering::Relaxed).is_null() {
            return ptr::null_mut();
        }
        self.leave(owner, ptr::null_mut())
    }

    /// Lets the owner sleep until the next push: false if one has come already.
    ///
    /// What the owner waits for is then still to be taken.
    pub(super) fn park(&self, owner: &mut Owner, cx: &mut Context<'_>) -> bool {
        let known = self.task.with(|task| {
            // SAFETY: nobody but us writes.
            unsafe { &*task }.as_ref().is_some_and(|waker| waker.will_wake(cx.waker()))
        });
        let firing = [self.is_firing(owner, 0), self.is_firing(owner, 1)];
        let may_write = firing == [false; 2];
        let way = usize::from(firing[0]);
        if firing[way] || !(known || may_write) {
            // The old waker cannot be replaced yet, or is fired in both ways; perhaps for what
            // has long been taken.
            cx.waker().wake_by_ref();
            return true;
        }
        let mut old = None;
        if !known {
            let waker = cx.waker().clone();
            old = self.task.with_mut(|task| {
                // SAFETY: nobody fires the old waker, and nobody will until we park.
                unsafe { &mut *task }.replace(waker)
            });
        }
        // Release: whoever pushes sees the waker.
        let parks = self
            .head
            .compare_exchange(ptr::null_mut(), parked(way), Ordering::Release, Ordering::Relaxed)
            .is_ok();
        owner.parked = parks.then_some(way);
        // Last, because it runs code of the old waker's executor.
        drop(old);
        parks
    }

    /// The owner goes: nothing is pushed any more, and its task is not woken.
    pub(super) fn close(&self, owner: &mut Owner) {
        self.leave(owner, closed());
        if self.is_firing(owner, 0) || self.is_firing(owner, 1) {
            // The waker goes with the list.
            return;
        }
        let waker = self.task.with_mut(|task| {
            // SAFETY: nobody fires the waker, and nobody will.
            unsafe { &mut *task }.take()
        });
        drop(waker);
    }

    fn leave(&self, owner: &mut Owner, state: *mut Header) -> *mut Header {
        // Acquire: see what the pushers wrote. Release, because the next push goes on from here:
        // without it, that push would not continue what `park` has published.
        let head = self.head.swap(state, Ordering::AcqRel);
        if let Some(way) = owner.parked.take() {
            owner.found[way] = head != parked(way);
            if !owner.found[way] {
                return ptr::null_mut();
            }
        }
        head
    }

    fn is_firing(&self, owner: &mut Owner, way: usize) -> bool {
        // Acquire: whoever is through has read the slot before.
        if owner.found[way] && self.through[way].load(Ordering::Acquire) {
            owner.found[way] = false;
            // Nobody else writes it until we park in this way again, which publishes this.
            self.through[way].store(false, Ordering::Relaxed);
        }
        owner.found[way]
    }
}
