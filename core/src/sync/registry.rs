//! All members of a group, so that an end of the group finds them: the children of a scope, the
//! children of a token.
//!
//! The registry is a list of pointers. Entering pushes a member (Treiber's stack); ending does not
//! touch the list. So in a scope of short children a spawn costs one compare-and-swap, and an end
//! costs nothing. Members that have ended are swept out when less than half of the list may be
//! alive, which one in many entering threads and one in many leaving children look at. So a scope
//! that runs for a year, or has seen a flood of children, holds at most twice its live members and
//! a constant; and while all of its children live, none of them is looked at.
//!
//! ```text
//! head ──► newest ──► … ──► oldest        links: `Listed::next`
//!   └ lowest bit: closed, no more pushes
//! ```
//!
//! Only one sweeper at a time unlinks members. It never unlinks the newest, and leaves `next` of an
//! unlinked member as it was. A walker may therefore be anywhere, even on an unlinked member, and
//! still reaches the end of the list. Unlinked members (in runs, kept in `retired`) are released
//! only when the sweeper finds that nothing walks: a walker announces itself before it reads
//! `head`, and a sweeper reads the announcements after it has unlinked, with a sequentially
//! consistent fence on either side, so that at least one of the two sees the other. (With weaker
//! fences, both could miss the other: the walker would step on a member that the sweeper frees.) A
//! sweeper that finds a walker leaves the release to it. Otherwise a walk that ends the members it
//! visits would leave all of them behind.

use super::cache_padded::CachePadded;
use crate::{
    sync::{AtomicBool, AtomicPtr, AtomicUsize, Ordering, UnsafeCell, fence},
    unwind::Finally,
};
use alloc::vec::Vec;
use core::{fmt, marker::PhantomData, mem, ptr, ptr::NonNull};

/// A value that can be in one [`Registry`], once.
///
/// # Safety
///
/// - `next` always returns the same field, which only the registry touches.
/// - A member has a share of its own memory for the registry, which `release` gives up.
/// - A member that has ended stays ended.
pub(crate) unsafe trait Listed: Sized {
    /// Returns the link to the next member of the list, for the registry.
    fn next(&self) -> &AtomicPtr<Self>;

    /// Returns whether a walk may skip this member.
    fn has_ended(&self) -> bool;

    /// Gives up the registry's share of the memory.
    ///
    /// # Safety
    ///
    /// The share has not been given up, and the caller does not touch `this` afterwards.
    unsafe fn release(this: NonNull<Self>);
}

/// Set in `head` when no member may be pushed any more. Members are aligned to two bytes or more.
const CLOSED: usize = 1;

/// How many ended members may stay in the list, beyond as many as there are live ones.
const SLACK: usize = if cfg!(anyscope_loom) { 1 } else { 64 };

/// The members of one group; see the [module](self).
pub(crate) struct Registry<L: Listed> {
    /// On a cache line of its own, as every entering thread writes it.
    head: CachePadded<AtomicPtr<L>>,
    /// How many members will have entered when it is time to look whether to sweep.
    sweep_at: AtomicUsize,
    /// How many have entered and are no longer in the list. Only the sweeper writes it.
    swept: AtomicUsize,
    sweeping: AtomicBool,
    /// Unlinked, not yet released. Belongs to the thread that has set `sweeping`.
    retired: UnsafeCell<Vec<Run<L>>>,
    /// Whether `retired` is not empty.
    has_retired: AtomicBool,
    walkers: AtomicUsize,
    members: PhantomData<L>,
}

/// Unlinked members that were neighbours: from `first` along `next`, up to `end` exclusive.
struct Run<L> {
    first: *mut L,
    end: *mut L,
}

// SAFETY: the pointers point to members, which may be shared and released on any thread as they are
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

    /// Once in a while, as [`sweep_if_sparse`](Self::sweep_if_sparse): `entered` members have
    /// entered, which may wrap around, and `alive` says how many of them may be alive.
    pub(crate) fn sweep_if_due(&self, entered: usize, alive: impl FnOnce() -> usize) {
        // Not negative, as a difference of counts that may wrap around.
        if entered.wrapping_sub(self.sweep_at.load(Ordering::Relaxed)) <= usize::MAX / 2 {
            self.look_whether_to_sweep(entered, alive);
        }
    }

    #[cold]
    #[inline(never)]
    fn look_whether_to_sweep(&self, entered: usize, alive: impl FnOnce() -> usize) {
        // Models have few members, and are about sweeps.
        if cfg!(anyscope_loom) || self.is_sparse(entered, alive(), SLACK / 2) {
            return self.sweep(entered);
        }
        // A sweep would touch the memory of all members, which may be cold, to free few.
        self.sweep_at.store(entered.wrapping_add(SLACK), Ordering::Relaxed);
    }

    /// Sweeps if so few of the `entered` members are `alive` that most of the list has ended.
    pub(crate) fn sweep_if_sparse(&self, entered: usize, alive: usize) {
        if self.is_sparse(entered, alive, SLACK) {
            self.sweep(entered);
        }
    }

    /// Returns whether more than half of the list, and more than `slack`, has ended.
    fn is_sparse(&self, entered: usize, alive: usize, slack: usize) -> bool {
        let listed = entered.wrapping_sub(self.swept.load(Ordering::Relaxed));
        // More than half of the address space is a negative difference: a sweeper has meanwhile
        // counted members that entered later.
        listed > alive.saturating_mul(2).saturating_add(slack) && listed <= usize::MAX / 2
    }

    /// Adds `member`, or returns false if the registry is closed.
    ///
    /// # Safety
    ///
    /// `member` is in no registry, and a share for a registry keeps it alive. This registry owns
    /// that share if the call returns true. The pointer is valid for the whole member.
    pub(crate) unsafe fn push(&self, member: NonNull<L>) -> bool {
        // SAFETY: the share for the registry keeps it.
        let next = unsafe { member.as_ref() }.next();
        let mut head = self.head.0.load(Ordering::Relaxed);
        loop {
            if is_closed(head) {
                // A caller that is refused sees what happened before the close.
                fence(Ordering::Acquire);
                return false;
            }
            next.store(head, Ordering::Relaxed);
            // Release: a walker sees the member initialised. `head` and the closed flag are one
            // word, so a member cannot slip in behind a cancel.
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

    /// Closes the registry and [visits](Self::visit) every member in it. If it was closed already,
    /// visits nothing and returns false.
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
        // An empty list stays empty: no member can be pushed any more.
        if !head.is_null() {
            self.visit(visit);
        }
        true
    }

    /// Returns whether the registry is closed: no member can be added any more.
    pub(crate) fn is_closed(&self) -> bool {
        is_closed(self.head.0.load(Ordering::Relaxed))
    }

    /// Calls `visit` with every member that is in the list now, the newest first. Each is kept
    /// alive for its call.
    pub(crate) fn visit(&self, visit: impl FnMut(NonNull<L>)) {
        let _release = Finally::new(|| self.release_retired());
        self.look(visit);
    }

    /// As [`visit`](Self::visit), and releases nothing: for whoever may not run destructors. What a sweeper leaves behind
    /// meanwhile is left to the next one.
    pub(crate) fn look(&self, mut visit: impl FnMut(NonNull<L>)) {
        self.walkers.fetch_add(1, Ordering::Relaxed);
        // Release: all we did happens before a sweeper that sees no walker releases a member.
        let _leave = Finally::new(|| {
            self.walkers.fetch_sub(1, Ordering::Release);
        });
        // See the module: pairs with the fence of the sweeper.
        fence(Ordering::SeqCst);
        // Acquire, here and below: see each member initialised.
        let mut next = untagged(self.head.0.load(Ordering::Acquire));
        while let Some(member) = NonNull::new(next) {
            visit(member);
            // SAFETY: the member is in the list, or was unlinked while we were announced. Either
            // way it has not been released.
            next = unsafe { member.as_ref() }.next().load(Ordering::Acquire);
        }
    }

    /// Unlinks the members that have ended, and releases them if nothing walks.
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

    /// Hands the list to the next sweeper.
    fn let_sweep(&self) {
        // Release: the next sweeper sees the list as we leave it. A store would be enough, but loom
        // may order it before the swap of a thread that was refused.
        self.sweeping.swap(false, Ordering::Release);
    }

    /// Releases the unlinked members. If something walks, that is left to the last walker.
    #[inline]
    fn release_retired(&self) {
        loop {
            // Stands between what we have changed (a walker has left, a member is unlinked, the
            // turn to sweep is free) and the reads of what other threads have changed. If two
            // threads leave the release to each other, at least one of them sees that it has to do
            // it. With a weaker order neither might, and the members would stay unreleased.
            fence(Ordering::SeqCst);
            if !self.has_retired.load(Ordering::Relaxed)
                || self.walkers.load(Ordering::Relaxed) > 0
                || self.sweeping.swap(true, Ordering::Acquire)
            {
                return;
            }
            // See the module: pairs with the fence of a walker.
            fence(Ordering::SeqCst);
            // Acquire: all that a walker did before it left happens before the release.
            let unseen = self.walkers.load(Ordering::Acquire) == 0;
            self.take_and_release(unseen);
        }
    }

    /// Releases what is retired if it is `unseen`, and leaves the turn to sweep, which is ours.
    /// Apart from the checks, as there is seldom something to release.
    #[inline(never)]
    fn take_and_release(&self, unseen: bool) {
        let mut runs = self.retired.with_mut(|retired| {
            // SAFETY: `sweeping` was set by this thread alone.
            let retired = unsafe { &mut *retired };
            if unseen { mem::take(retired) } else { Vec::new() }
        });
        if unseen {
            self.has_retired.store(false, Ordering::Relaxed);
        }
        self.let_sweep();
        // Only now, with nothing held: a member may own a `KeepAlive` of an executor, and its
        // destructor may do anything.
        // SAFETY: the runs were unlinked by sweepers before us, there was no walker after that,
        // and the shares are the registry's.
        unsafe { release_all(&mut runs) };
        self.give_back(runs);
    }

    /// Keeps the memory of an empty list for the next sweep, so that not every sweep allocates.
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
    /// Takes runs of ended members out of the list, and returns how many members are left in it.
    /// Only the sweeper may call this.
    fn unlink(&self, retired: &mut Vec<Run<L>>) -> usize {
        let mut kept = 0;
        // Acquire, here and below: see each member initialised.
        let mut here = untagged(self.head.0.load(Ordering::Acquire));
        while let Some(previous) = NonNull::new(here) {
            kept += 1;
            // SAFETY: the member is in the list, and only the sweeper, which we are, releases.
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
                // Release: a walker that follows this link sees the member behind it initialised.
                link.store(end, Ordering::Release);
                retired.push(Run { first, end });
            }
            here = end;
        }
        kept
    }
}

impl<L: Listed> Registry<L> {
    /// Whether no member ever entered, or [`drain`](Self::drain) has taken all of them. A sweep
    /// never unlinks the newest member, so nothing is unlinked then either.
    pub(crate) fn is_empty(&mut self) -> bool {
        untagged(self.head.0.load(Ordering::Relaxed)).is_null()
    }

    /// Takes every member out, and calls `f` with each. `f` receives the registry's share.
    pub(crate) fn drain(&mut self, mut f: impl FnMut(NonNull<L>)) {
        let newest = untagged(self.head.0.load(Ordering::Acquire));
        self.head.0.store(ptr::null_mut(), Ordering::Relaxed);
        // SAFETY: `&mut self` says that nothing sweeps or walks, so our shares keep all members.
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
        // SAFETY: `&mut self` says that nothing sweeps or walks, so the runs are ours to release,
        // with the registry's shares.
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
/// That of [`Run::release`], for each run.
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
        // SAFETY: the shares are the registry's, and `each` does not touch a member after its call.
        unsafe { self.each(|member| L::release(member)) };
    }

    /// Calls `f` with every member.
    ///
    /// # Safety
    ///
    /// Each member is kept alive until `f` is called with it.
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
