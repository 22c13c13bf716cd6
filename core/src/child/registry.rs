//! All children of a scope, so that a cancel finds them.
//!
//! A list of pointers, pushed to by spawners (Treiber's stack) and not touched by a child that
//! finishes: in a scope of short children a spawn costs one compare-and-swap, an end nothing at
//! all. What has finished is swept out by a spawner when the list may have doubled, and by one in
//! many of those who leave when less than half of the list may be alive. So a scope that runs for
//! a year, or has seen a flood of children, holds no more than twice its live ones and a constant.
//!
//! ```text
//! head ──► newest ──► … ──► oldest        links: `Header::next`
//!   └ lowest bit: closed, no more pushes
//! ```
//!
//! Only the one sweeper unlinks, never the newest, and leaves `next` of what it unlinked as it
//! was. A walker may therefore be anywhere, even on an unlinked child, and still comes to the
//! end of the list. What is unlinked (in runs, kept in `retired`) is released only when the
//! sweeper finds that nobody walks: walkers announce themselves before they look at `head`, and a
//! sweeper looks at the announcements after it has unlinked, with a sequentially consistent fence
//! on either side, so that one of the two sees the other. (With weaker fences, both could miss:
//! the walker would step on a child that the sweeper frees.)

use super::{
    CancelCause,
    gate::Line,
    raw::{By, Header, NOBODY, Raw},
    state::Keeper,
};
use crate::sync::{AtomicBool, AtomicPtr, AtomicUsize, Ordering, UnsafeCell, fence};
use alloc::vec::Vec;

/// Set in `head` when nobody may push any more. A header is more than two bytes aligned.
const CLOSED: usize = 1;

/// How many finished children may lie about besides as many as live ones.
const SLACK: usize = if cfg!(anyscope_loom) { 1 } else { 64 };

/// The children of one scope; see the [module](self).
#[derive(Debug)]
pub(crate) struct Registry {
    /// On a line of its own, as every spawn writes it.
    head: Line<AtomicPtr<Header>>,
    /// How many children will have entered the scope when the next sweep is due.
    sweep_at: AtomicUsize,
    /// How many have entered the scope and are not in the list any more. The sweeper's to write.
    swept: AtomicUsize,
    sweeping: AtomicBool,
    /// Unlinked, not yet released. The sweeper's.
    retired: UnsafeCell<Vec<Run>>,
    walkers: AtomicUsize,
}

/// Unlinked children that were neighbours: from `first` along `next`, up to `end` exclusive.
#[derive(Debug)]
struct Run {
    first: *mut Header,
    end: *mut Header,
}

// SAFETY: the pointers lead to children of the registry, which any thread may release; `retired`
// is only touched by the thread that set `sweeping`, or has `&mut Registry`.
unsafe impl Send for Registry {}
// SAFETY: as above.
unsafe impl Sync for Registry {}

impl Registry {
    pub(crate) fn new() -> Self {
        Registry {
            head: Line::new(AtomicPtr::new(NOBODY)),
            sweep_at: AtomicUsize::new(SLACK),
            swept: AtomicUsize::new(0),
            sweeping: AtomicBool::new(false),
            retired: UnsafeCell::new(Vec::new()),
            walkers: AtomicUsize::new(0),
        }
    }

    /// Sweeps if that is due now that `entered` children have entered the scope. The count may
    /// wrap around.
    pub(super) fn sweep_if_due(&self, entered: usize) {
        // Not negative, as a difference of counts that may wrap around.
        if entered.wrapping_sub(self.sweep_at.load(Ordering::Relaxed)) <= usize::MAX / 2 {
            self.sweep(entered);
        }
    }

    /// Sweeps if of the `entered` children so few are `alive` that most of the list has finished.
    pub(super) fn sweep_if_sparse(&self, entered: usize, alive: usize) {
        let listed = entered.wrapping_sub(self.swept.load(Ordering::Relaxed));
        // More than half of the address space: a sweeper has counted later arrivals meanwhile.
        if listed > 2 * alive + SLACK && listed <= usize::MAX / 2 {
            self.sweep(entered);
        }
    }

    /// Enters `child`, or answers false if the registry is closed.
    ///
    /// # Safety
    ///
    /// `child` is kept by a share for the registry, which the registry now owns if it says so.
    pub(super) unsafe fn push(&self, child: Raw) -> bool {
        // SAFETY: the share for the registry keeps it.
        let header = unsafe { child.header() };
        let mut head = self.head.0.load(Ordering::Relaxed);
        loop {
            if is_closed(head) {
                return false;
            }
            header.next.store(head, Ordering::Relaxed);
            // Release: a walker sees the child whole. That `head` says in the same word whether
            // the registry is closed makes it impossible to slip in behind a cancel.
            match self.head.0.compare_exchange_weak(
                head,
                child.as_ptr(),
                Ordering::Release,
                Ordering::Relaxed,
            ) {
                Ok(_) => return true,
                Err(now) => head = now,
            }
        }
    }

    /// Closes the registry and cancels every child in it, the newest first. All that are idle
    /// have been dropped when this returns. False if it was closed already: the second cancel is
    /// no cancel.
    pub(crate) fn close_and_cancel(&self, cause: CancelCause) -> bool {
        let mut head = self.head.0.load(Ordering::Relaxed);
        loop {
            if is_closed(head) {
                return false;
            }
            match self.head.0.compare_exchange_weak(
                head,
                head.map_addr(|addr| addr | CLOSED),
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => break,
                Err(now) => head = now,
            }
        }
        // SAFETY: `walk` keeps each child alive for the call.
        self.walk(|child| unsafe { child.cancel(cause, By::Canceller) });
        true
    }

    /// Whether no child can be entered any more.
    pub(crate) fn is_closed(&self) -> bool {
        is_closed(self.head.0.load(Ordering::Relaxed))
    }

    /// Calls `visit` with every child that is in the list now, each kept alive for the call.
    /// `visit` must not unwind.
    fn walk(&self, mut visit: impl FnMut(Raw)) {
        self.walkers.fetch_add(1, Ordering::Relaxed);
        // See the module: pairs with the fence of the sweeper.
        fence(Ordering::SeqCst);
        // Acquire, here and below: see each child whole.
        let mut next = untagged(self.head.0.load(Ordering::Acquire));
        while let Some(child) = Raw::from_ptr(next) {
            visit(child);
            // SAFETY: in the list, or unlinked while we were announced: not released.
            next = unsafe { child.header() }.next.load(Ordering::Acquire);
        }
        // Release: all we did happens before a sweeper that finds nobody releases anything.
        self.walkers.fetch_sub(1, Ordering::Release);
    }

    /// Unlinks what has finished.
    fn sweep(&self, entered: usize) {
        // Acquire: see the list as the last sweeper left it.
        if self.sweeping.swap(true, Ordering::Acquire) {
            return;
        }
        let mut kept = 0;
        // SAFETY: `sweeping` was set by this thread alone.
        self.retired.with_mut(|retired| unsafe {
            kept = self.unlink(&mut *retired);
            // See the module: pairs with the fence of a walker.
            fence(Ordering::SeqCst);
            // Acquire: what a walker did that has left happens before the release.
            if self.walkers.load(Ordering::Acquire) == 0 {
                release_all(&mut *retired);
            }
        });
        self.sweep_at.store(entered.wrapping_add(kept + SLACK), Ordering::Relaxed);
        self.swept.store(entered.wrapping_sub(kept), Ordering::Relaxed);
        // Release: leave the list to the next sweeper.
        self.sweeping.store(false, Ordering::Release);
    }
}

impl Registry {
    /// Takes runs of finished children out of the list; answers how many are left in it. Requires
    /// to be the sweeper.
    fn unlink(&self, retired: &mut Vec<Run>) -> usize {
        let mut kept = 0;
        // Acquire, here and below: see each child whole.
        let mut here = untagged(self.head.0.load(Ordering::Acquire));
        while let Some(previous) = Raw::from_ptr(here) {
            kept += 1;
            // SAFETY: in the list, and only the sweeper releases.
            let link = &unsafe { previous.header() }.next;
            let first = link.load(Ordering::Acquire);
            let mut end = first;
            while let Some(child) = Raw::from_ptr(end) {
                // SAFETY: as above.
                let header = unsafe { child.header() };
                if !header.state.now().is_done() {
                    break;
                }
                end = header.next.load(Ordering::Acquire);
            }
            if first != end {
                // Release: who comes along this link sees the child behind it whole.
                link.store(end, Ordering::Release);
                retired.push(Run { first, end });
            }
            here = end;
        }
        kept
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        // Nobody else is left. A child that has not finished keeps its scope, so all here have.
        let newest = untagged(self.head.0.load(Ordering::Acquire));
        // SAFETY: `&mut self` says that nobody sweeps or walks.
        unsafe {
            self.retired.with_mut(|retired| release_all(&mut *retired));
            Run { first: newest, end: NOBODY }.release();
        }
    }
}

/// Releases every run.
///
/// # Safety
///
/// That of [`Run::release`], for each.
unsafe fn release_all(runs: &mut Vec<Run>) {
    for run in runs.drain(..) {
        // SAFETY: promised by the caller.
        unsafe { run.release() };
    }
}

impl Run {
    /// Gives up the registry's share of every child in the run.
    ///
    /// # Safety
    ///
    /// The run is unlinked, no walker can be in it, and the shares are the registry's.
    unsafe fn release(self) {
        let mut next = self.first;
        while next != self.end {
            let Some(child) = Raw::from_ptr(next) else { break };
            // SAFETY: the registry's share keeps it until the next line, which gives it up.
            unsafe {
                next = child.header().next.load(Ordering::Relaxed);
                child.release(Keeper::Registry);
            }
        }
    }
}

fn is_closed(head: *mut Header) -> bool {
    head.addr() & CLOSED != 0
}

fn untagged(head: *mut Header) -> *mut Header {
    head.map_addr(|addr| addr & !CLOSED)
}
