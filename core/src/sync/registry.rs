//! All members of a group, so that an end of the group finds them: the children of a scope, the
//! children of a token.
//!
//! The registry is a list of pointers. Entering pushes a member (Treiber's stack); ending does not
//! touch the list. So in a scope of short children a spawn costs one compare-and-swap, and an end
//! costs nothing. Members that have ended are swept out when less than half of the list may be
//! alive, which one in many entering threads and one in many leaving children look at. While all of
//! its children live, none of them is looked at.
//!
//! A sweep goes in steps of a few members, each taken by the next who comes by: so nobody waits
//! while the memory of a million others is touched and freed. A step of [`STEP`] is due with each
//! fourth who enters. So while a list of twice its live members is swept, an eighth of it enters: a
//! scope that runs for a year, or has seen a flood of children, holds at most two and a half times
//! its live members and a constant.
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
//! visits would leave all of them behind. Between two steps a sweep stands at the last member that it
//! has kept. That stays in the list: a sweep takes out what comes behind where it stands, and the
//! next one begins at the newest.

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

/// How many members a step of a sweep looks at, when somebody enters.
const STEP: usize = 32;

/// How many enter from one step to the next.
const PAUSE: usize = STEP / 8;

/// How many more members a step looks at when somebody leaves: about one in 64 does.
const LEAVES: usize = 8;

/// The members of one group; see the [module](self).
pub(crate) struct Registry<L: Listed, const MOST: usize = STEP> {
    /// On a cache line of its own, as every entering thread writes it.
    head: CachePadded<AtomicPtr<L>>,
    /// How many members will have entered when it is time to look whether to sweep.
    sweep_at: AtomicUsize,
    /// How many have entered and are no longer in the list. Only the sweeper writes it.
    swept: AtomicUsize,
    sweeping: AtomicBool,
    /// Whether a sweep has begun and not come to the end: a hint for who may take its next step.
    is_halfway: AtomicBool,
    /// Unlinked, not yet released. Belongs to the thread that has set `sweeping`.
    retired: UnsafeCell<Vec<Run<L>>>,
    /// How far the sweep has come. Belongs to the thread that has set `sweeping`.
    sweep: UnsafeCell<Sweep<L>>,
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

/// How far a sweep has come.
struct Sweep<L> {
    /// The last member that was kept; null between two sweeps. It is in the list.
    at: *mut L,
    /// How many were kept.
    kept: usize,
    /// How many had entered when it began.
    since: usize,
}

// SAFETY: the pointers point to members, which may be shared and released on any thread as they are
// `Send` and `Sync`; `retired` and `sweep` are only touched by the thread that set `sweeping`, or
// has `&mut Registry`.
unsafe impl<L: Listed + Send + Sync, const MOST: usize> Send for Registry<L, MOST> {}
// SAFETY: as above.
unsafe impl<L: Listed + Send + Sync, const MOST: usize> Sync for Registry<L, MOST> {}

impl<L: Listed, const MOST: usize> Registry<L, MOST> {
    pub(crate) fn new() -> Self {
        Registry {
            head: CachePadded::new(AtomicPtr::new(ptr::null_mut())),
            sweep_at: AtomicUsize::new(SLACK),
            swept: AtomicUsize::new(0),
            sweeping: AtomicBool::new(false),
            is_halfway: AtomicBool::new(false),
            retired: UnsafeCell::new(Vec::new()),
            sweep: UnsafeCell::new(Sweep { at: ptr::null_mut(), kept: 0, since: 0 }),
            has_retired: AtomicBool::new(false),
            walkers: AtomicUsize::new(0),
            members: PhantomData,
        }
    }

    /// Once in a while, as [`sweep_if_sparse`](Self::sweep_if_sparse), with a shorter step: `entered`
    /// members have entered, which may wrap around, and `alive` says how many of them may be alive.
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
        if cfg!(anyscope_loom) || self.is_to_sweep(entered, alive, SLACK / 2) {
            return self.sweep(entered, MOST);
        }
        // A sweep would touch the memory of all members, which may be cold, to free few.
        self.sweep_at.store(entered.wrapping_add(SLACK), Ordering::Relaxed);
    }

    /// Takes a step of a sweep if there is one, or so few of the `entered` members are `alive` that most of the
    /// list has ended.
    pub(crate) fn sweep_if_sparse(&self, entered: usize, alive: usize) {
        if self.is_to_sweep(entered, || alive, SLACK) {
            self.sweep(entered, MOST * LEAVES);
        }
    }

    /// Returns whether a sweep has begun, or is to begin.
    fn is_to_sweep(&self, entered: usize, alive: impl FnOnce() -> usize, slack: usize) -> bool {
        self.is_halfway.load(Ordering::Relaxed) || self.is_sparse(entered, alive(), slack)
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

    /// Takes a step of the sweep: looks at so many members, unlinks those that have ended, and releases
    /// them if nothing walks.
    fn sweep(&self, entered: usize, most: usize) {
        // Acquire: see the list as the last sweeper left it.
        if self.sweeping.swap(true, Ordering::Acquire) {
            return;
        }
        self.retired.with_mut(|retired| {
            // SAFETY: `sweeping` was set by this thread alone.
            let retired = unsafe { &mut *retired };
            self.sweep.with_mut(|sweep| {
                // SAFETY: as above.
                let sweep = unsafe { &mut *sweep };
                self.step(entered, most, sweep, retired);
            });
            self.has_retired.store(!retired.is_empty(), Ordering::Relaxed);
        });
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

impl<L: Listed, const MOST: usize> Registry<L, MOST> {
    /// Goes on where the sweep stands, or begins one. Only the sweeper may call this.
    fn step(&self, entered: usize, most: usize, sweep: &mut Sweep<L>, retired: &mut Vec<Run<L>>) {
        if sweep.at.is_null() {
            // Acquire: see the member initialised.
            let newest = untagged(self.head.0.load(Ordering::Acquire));
            *sweep = Sweep { at: newest, kept: usize::from(!newest.is_null()), since: entered };
        }
        unlink(sweep, most, retired);
        let is_halfway = !sweep.at.is_null();
        self.is_halfway.store(is_halfway, Ordering::Relaxed);
        if is_halfway {
            return self.sweep_at.store(entered.wrapping_add(PAUSE), Ordering::Relaxed);
        }
        let listed = sweep.kept.wrapping_add(entered.wrapping_sub(sweep.since));
        self.swept.store(entered.wrapping_sub(listed), Ordering::Relaxed);
        self.sweep_at.store(entered.wrapping_add(listed).wrapping_add(SLACK), Ordering::Relaxed);
    }
}

/// Looks at so many members behind where the sweep stands, and takes runs of those that have ended out of
/// the list.
fn unlink<L: Listed>(sweep: &mut Sweep<L>, most: usize, retired: &mut Vec<Run<L>>) {
    let mut looked = 0;
    while let Some(kept) = NonNull::new(sweep.at) {
        // SAFETY: the member is in the list, and only the sweeper, which we are, releases.
        let link = unsafe { kept.as_ref() }.next();
        // Acquire, here and below: see each member initialised.
        let first = link.load(Ordering::Acquire);
        let mut end = first;
        while let Some(member) = NonNull::new(end) {
            // SAFETY: as above.
            let member = unsafe { member.as_ref() };
            if looked == most || !member.has_ended() {
                break;
            }
            looked += 1;
            end = member.next().load(Ordering::Acquire);
        }
        if first != end {
            // Release: a walker that follows this link sees the member behind it initialised.
            link.store(end, Ordering::Release);
            retired.push(Run { first, end });
        }
        if looked == most && !end.is_null() {
            break;
        }
        looked += 1;
        sweep.kept += usize::from(!end.is_null());
        sweep.at = end;
    }
}

impl<L: Listed, const MOST: usize> Registry<L, MOST> {
    /// Whether no member ever entered, or [`drain`](Self::drain) has taken all of them. A sweep
    /// never unlinks the newest member, so nothing is unlinked then either.
    pub(crate) fn is_empty(&mut self) -> bool {
        untagged(self.head.0.load(Ordering::Relaxed)).is_null()
    }

    /// Takes every member out, and calls `f` with each. `f` receives the registry's share.
    pub(crate) fn drain(&mut self, mut f: impl FnMut(NonNull<L>)) {
        let newest = untagged(self.head.0.load(Ordering::Acquire));
        self.head.0.store(ptr::null_mut(), Ordering::Relaxed);
        // SAFETY: `&mut self` says that nothing sweeps.
        self.sweep.with_mut(|sweep| unsafe { (*sweep).at = ptr::null_mut() });
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

impl<L: Listed, const MOST: usize> Drop for Registry<L, MOST> {
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

impl<L: Listed, const MOST: usize> fmt::Debug for Registry<L, MOST> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").field("closed", &self.is_closed()).finish_non_exhaustive()
    }
}
