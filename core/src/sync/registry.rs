//! All members of a group, so that an end of the group finds them: the children of a scope, the
//! children of a token.
//!
//! A list of pointers, pushed to by whoever enters (Treiber's stack) and not touched by a member
//! that ends: in a scope of short children a spawn costs one compare-and-swap, an end nothing at
//! all. What has ended is swept out by somebody who enters when the list may have doubled, and by
//! one in many of those who leave when less than half of the list may be alive. So a scope that
//! runs for a year, or has seen a flood of children, holds no more than twice its live ones and a
//! constant.
//!
//! ```text
//! head ──► newest ──► … ──► oldest        links: `Listed::next`
//!   └ lowest bit: closed, no more pushes
//! ```
//!
//! Only the one sweeper unlinks, never the newest, and leaves `next` of what it unlinked as it
//! was. A walker may therefore be anywhere, even on an unlinked child, and still comes to the
//! end of the list. What is unlinked (in runs, kept in `retired`) is released only when the
//! sweeper finds that nobody walks: walkers announce themselves before they look at `head`, and a
//! sweeper looks at the announcements after it has unlinked, with a sequentially consistent fence
//! on either side, so that one of the two sees the other. (With weaker fences, both could miss:
//! the walker would step on a member that the sweeper frees.) A sweeper that finds a walker leaves
//! the release to it: a walk that ends what it comes to would otherwise leave all of that behind.

use super::cache_padded::CachePadded;
use crate::{
    sync::{AtomicBool, AtomicPtr, AtomicUsize, Ordering, UnsafeCell, fence},
    unwind::Finally,
};
use alloc::vec::Vec;
use core::{fmt, marker::PhantomData, mem, ptr, ptr::NonNull};

/// Something that can be in one [`Registry`], once.
///
/// # Safety
///
/// - `next` answers with one and the same field, which nobody else touches.
/// - What is a member has a share of its own memory for the registry, which `release` gives up.
/// - What has ended stays so.
pub(crate) unsafe trait Listed: Sized {
    /// The next member of the list, for the registry.
    fn next(&self) -> &AtomicPtr<Self>;

    /// Whether it no longer matters to anybody who walks the list.
    fn has_ended(&self) -> bool;

    /// Gives up the registry's share of the memory.
    ///
    /// # Safety
    ///
    /// The share is there, and `this` is not touched afterwards by the caller.
    unsafe fn release(this: NonNull<Self>);
}

/// Set in `head` when nobody may push any more. Members are more than two bytes aligned.
const CLOSED: usize = 1;

/// How many members that have ended may lie about besides as many as live ones.
const SLACK: usize = if cfg!(anyscope_loom) { 1 } else { 64 };

/// The members of one group; see the [module](self).
pub(crate) struct Registry<L: Listed> {
    /// On a line of its own, as everybody who enters writes it.
    head: CachePadded<AtomicPtr<L>>,
    /// How many members will have entered when the next sweep is due.
    sweep_at: AtomicUsize,
    /// How many have entered and are not in the list any more. The sweeper's to write.
    swept: AtomicUsize,
    sweeping: AtomicBool,
    /// Unlinked, not yet released. Belongs to whoever has set `sweeping`.
    retired: UnsafeCell<Vec<Run<L>>>,
    /// Whether there is something in `retired`.
    has_retired: AtomicBool,
    walkers: AtomicUsize,
    members: PhantomData<L>,
}

/// Unlinked members that were neighbours: from `first` along `next`, up to `end` exclusive.
struct Run<L> {
    first: *mut L,
    end: *mut L,
}

// SAFETY: the pointers lead to members, which may be shared and released on any thread as they are
// `Send` and `Sync`; `retired` is only touched by the thread that set `sweeping`, or has
// `&mut Registry`.
unsafe impl<L: Listed + Send + Sync> Send for Registry<L> {}
// SAFETY: as above.
unsafe impl<L: Listed + Send + Sync> Sync for Registry<L> {}

impl<L: Listed> Registry<L> {
    pub(crate) fn new() -> Self {
        Registry {
            head: CachePadded::new(AtomicPtr::new(ptr::null_mut())),
            sweep_at: AtomicUsize::new(SLACK),
            swept: AtomicUsize::new(0),
            sweeping: AtomicBool::new(false),
            retired: UnsafeCell::new(Vec::new()),
            has_retired: AtomicBool::new(false),
            walkers: AtomicUsize::new(0),
            members: PhantomData,
        }
    }

    /// Sweeps if that is due now that `entered` members have entered. The count may wrap around.
    pub(crate) fn sweep_if_due(&self, entered: usize) {
        // Not negative, as a difference of counts that may wrap around.
        if entered.wrapping_sub(self.sweep_at.load(Ordering::Relaxed)) <= usize::MAX / 2 {
            self.sweep(entered);
        }
    }

    /// Sweeps if of the `entered` members so few are `alive` that most of the list has ended.
    pub(crate) fn sweep_if_sparse(&self, entered: usize, alive: usize) {
        let listed = entered.wrapping_sub(self.swept.load(Ordering::Relaxed));
        // More than half of the address space: a sweeper has counted later arrivals meanwhile.
        if listed > 2 * alive + SLACK && listed <= usize::MAX / 2 {
            self.sweep(entered);
        }
    }

    /// Enters `member`, or answers false if the registry is closed.
    ///
    /// # Safety
    ///
    /// `member` is in no registry, and is kept by a share for one, which this registry owns from
    /// now on if it says so. The pointer may be used for all of the member.
    pub(crate) unsafe fn push(&self, member: NonNull<L>) -> bool {
        // SAFETY: the share for the registry keeps it.
        let next = unsafe { member.as_ref() }.next();
        let mut head = self.head.0.load(Ordering::Relaxed);
        loop {
            if is_closed(head) {
                // Who is refused sees what happened before the end.
                fence(Ordering::Acquire);
                return false;
            }
            next.store(head, Ordering::Relaxed);
            // Release: a walker sees the member whole. That `head` says in the same word whether
            // the registry is closed makes it impossible to slip in behind a cancel.
            match self.head.0.compare_exchange_weak(
                head,
                member.as_ptr(),
                Ordering::Release,
                Ordering::Relaxed,
            ) {
                Ok(_) => return true,
                Err(now) => head = now,
            }
        }
    }

    /// Closes the registry and [visits](Self::visit) every member in it. False, without a visit, if
    /// it was closed already: the second end is no end.
    pub(crate) fn close(&self, visit: impl FnMut(NonNull<L>)) -> bool {
        let mut head = self.head.0.load(Ordering::Relaxed);
        loop {
            if is_closed(head) {
                return false;
            }
            match self.head.0.compare_exchange_weak(
                head,
                head.map_addr(|addr| addr | CLOSED),
                // Release: see the fence in `push`.
                Ordering::Release,
                Ordering::Relaxed,
            ) {
                Ok(_) => break,
                Err(now) => head = now,
            }
        }
        // Nobody was there, and nobody comes any more.
        if !head.is_null() {
            self.visit(visit);
        }
        true
    }

    /// Whether no member can be entered any more.
    pub(crate) fn is_closed(&self) -> bool {
        is_closed(self.head.0.load(Ordering::Relaxed))
    }

    /// Calls `visit` with every member that is in the list now, the newest first, each kept alive
    /// for the call.
    pub(crate) fn visit(&self, mut visit: impl FnMut(NonNull<L>)) {
        self.walkers.fetch_add(1, Ordering::Relaxed);
        // Release: all we did happens before a sweeper that finds nobody releases anything.
        let _leave = Finally::new(|| {
            self.walkers.fetch_sub(1, Ordering::Release);
            self.release_retired();
        });
        // See the module: pairs with the fence of the sweeper.
        fence(Ordering::SeqCst);
        // Acquire, here and below: see each member whole.
        let mut next = untagged(self.head.0.load(Ordering::Acquire));
        while let Some(member) = NonNull::new(next) {
            visit(member);
            // SAFETY: in the list, or unlinked while we were announced: not released.
            next = unsafe { member.as_ref() }.next().load(Ordering::Acquire);
        }
    }

    /// Unlinks what has ended, and releases it if nobody walks.
    fn sweep(&self, entered: usize) {
        // Acquire: see the list as the last sweeper left it.
        if self.sweeping.swap(true, Ordering::Acquire) {
            return;
        }
        let kept = self.retired.with_mut(|retired| {
            // SAFETY: `sweeping` was set by this thread alone.
            let retired = unsafe { &mut *retired };
            let kept = self.unlink(retired);
            self.has_retired.store(!retired.is_empty(), Ordering::Relaxed);
            kept
        });
        self.sweep_at.store(entered.wrapping_add(kept + SLACK), Ordering::Relaxed);
        self.swept.store(entered.wrapping_sub(kept), Ordering::Relaxed);
        self.let_sweep();
        self.release_retired();
    }

    /// Leaves the list to the next sweeper.
    fn let_sweep(&self) {
        // Release: see above. A store would do, but loom lets it come before the swap of one who
        // was refused.
        self.sweeping.swap(false, Ordering::Release);
    }

    /// Releases what is unlinked, unless somebody walks: then that is left to the last of those.
    fn release_retired(&self) {
        loop {
            // Between what we have changed (a walker has left, something is unlinked, the turn to
            // sweep is free) and the look at what others have. Of two who leave something to each
            // other, one sees that it has to do it.
            fence(Ordering::SeqCst);
            if !self.has_retired.load(Ordering::Relaxed)
                || self.walkers.load(Ordering::Relaxed) > 0
                || self.sweeping.swap(true, Ordering::Acquire)
            {
                return;
            }
            // See the module: pairs with the fence of a walker.
            fence(Ordering::SeqCst);
            // Acquire: what a walker did that has left happens before the release.
            let unseen = self.walkers.load(Ordering::Acquire) == 0;
            let mut runs = self.retired.with_mut(|retired| {
                // SAFETY: `sweeping` was set by this thread alone.
                let retired = unsafe { &mut *retired };
                if unseen { mem::take(retired) } else { Vec::new() }
            });
            if unseen {
                self.has_retired.store(false, Ordering::Relaxed);
            }
            self.let_sweep();
            // Only now, as an executor may have something kept with a child, whose drop may do
            // anything.
            // SAFETY: unlinked by sweepers before us, and no walker was there after that.
            unsafe { release_all(&mut runs) };
            self.give_back(runs);
        }
    }

    /// Keeps the memory of an empty list for the next sweep, so that sweeps do not allocate each.
    fn give_back(&self, runs: Vec<Run<L>>) {
        if runs.capacity() == 0 || self.sweeping.swap(true, Ordering::Acquire) {
            return;
        }
        self.retired.with_mut(|retired| {
            // SAFETY: `sweeping` was set by this thread alone.
            let retired = unsafe { &mut *retired };
            if retired.capacity() == 0 {
                *retired = runs;
            }
        });
        self.let_sweep();
    }
}

impl<L: Listed> Registry<L> {
    /// Takes runs of members that have ended out of the list; answers how many are left in it.
    /// Requires to be the sweeper.
    fn unlink(&self, retired: &mut Vec<Run<L>>) -> usize {
        let mut kept = 0;
        // Acquire, here and below: see each member whole.
        let mut here = untagged(self.head.0.load(Ordering::Acquire));
        while let Some(previous) = NonNull::new(here) {
            kept += 1;
            // SAFETY: in the list, and only the sweeper releases.
            let link = unsafe { previous.as_ref() }.next();
            let first = link.load(Ordering::Acquire);
            let mut end = first;
            while let Some(member) = NonNull::new(end) {
                // SAFETY: as above.
                let member = unsafe { member.as_ref() };
                if !member.has_ended() {
                    break;
                }
                end = member.next().load(Ordering::Acquire);
            }
            if first != end {
                // Release: who comes along this link sees the member behind it whole.
                link.store(end, Ordering::Release);
                retired.push(Run { first, end });
            }
            here = end;
        }
        kept
    }
}

impl<L: Listed> Registry<L> {
    /// Takes every member out, and calls `f` with each; the registry's share of it goes with it.
    pub(crate) fn drain(&mut self, mut f: impl FnMut(NonNull<L>)) {
        let newest = untagged(self.head.0.load(Ordering::Acquire));
        self.head.0.store(ptr::null_mut(), Ordering::Relaxed);
        // SAFETY: `&mut self` says that nobody sweeps or walks, so all of them are kept by our shares.
        unsafe {
            self.retired.with_mut(|retired| {
                for run in (*retired).drain(..) {
                    run.each(&mut f);
                }
            });
            Run { first: newest, end: ptr::null_mut() }.each(f);
        }
    }
}

impl<L: Listed> Drop for Registry<L> {
    fn drop(&mut self) {
        let newest = untagged(self.head.0.load(Ordering::Acquire));
        // SAFETY: `&mut self` says that nobody sweeps or walks.
        unsafe {
            self.retired.with_mut(|retired| release_all(&mut *retired));
            Run { first: newest, end: ptr::null_mut() }.release();
        }
    }
}

/// Releases every run.
///
/// # Safety
///
/// That of [`Run::release`], for each.
unsafe fn release_all<L: Listed>(runs: &mut Vec<Run<L>>) {
    for run in runs.drain(..) {
        // SAFETY: promised by the caller.
        unsafe { run.release() };
    }
}

impl<L: Listed> Run<L> {
    /// Gives up the registry's share of every member in the run.
    ///
    /// # Safety
    ///
    /// The run is unlinked, no walker can be in it, and the shares are the registry's.
    unsafe fn release(self) {
        // SAFETY: the shares are the registry's, and `each` does not come back to a member.
        unsafe { self.each(|member| L::release(member)) };
    }

    /// Calls `f` with every member.
    ///
    /// # Safety
    ///
    /// Each is kept until then.
    unsafe fn each(self, mut f: impl FnMut(NonNull<L>)) {
        let mut next = self.first;
        while next != self.end {
            let Some(member) = NonNull::new(next) else { break };
            // SAFETY: promised by the caller.
            next = unsafe { member.as_ref() }.next().load(Ordering::Relaxed);
            f(member);
        }
    }
}

fn is_closed<L>(head: *mut L) -> bool {
    head.addr() & CLOSED != 0
}

fn untagged<L>(head: *mut L) -> *mut L {
    head.map_addr(|addr| addr & !CLOSED)
}

impl<L: Listed> fmt::Debug for Registry<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").field("closed", &self.is_closed()).finish_non_exhaustive()
    }
}
