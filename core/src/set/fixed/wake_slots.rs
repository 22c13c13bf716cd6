//! Words in a `static` where wakers leave their wakes.

use crate::{
    sync::{AtomicUsize, Ordering, atomic_waker::AtomicWaker},
    unwind::Finally,
};
use core::{
    fmt,
    mem::ManuallyDrop,
    task::{RawWaker, RawWakerVTable, Waker},
};

/// Room for the wakes of `N` sets of a fixed capacity, in a `static`.
///
/// Each [`FixedFutureSet`] and [`FixedStreamSet`] takes one slot when it is made, for all its
/// children. The slot is free again when the set has been dropped, and every waker that one of its
/// children had kept: a waker that is kept forever, or a set that is forgotten, costs its slot, and
/// nothing else.
///
/// Where compare-and-swap of a `usize` is missing (`target_has_atomic = "ptr"`, as on Cortex-M0),
/// neither this type nor the sets exist.
///
/// # Cost
///
/// A slot is two words of count and wakes and a waker: 64 bytes where a `usize` has 64 bits, 32
/// where it has 32. Looking for a free one is O(N); a wake is one atomic operation, and two more
/// when it is the first since the set was polled.
///
/// # Examples
///
/// ```
/// use anyscope::{FixedFutureSet, WakeSlots};
/// use std::future::Ready;
///
/// static SLOTS: WakeSlots<2> = WakeSlots::new();
///
/// let first = FixedFutureSet::<Ready<()>, 8>::new(&SLOTS).unwrap();
/// let second = FixedFutureSet::<Ready<()>, 8>::new(&SLOTS).unwrap();
/// assert_eq!(SLOTS.free(), 0);
/// assert!(FixedFutureSet::<Ready<()>, 8>::new(&SLOTS).is_err());
/// drop(first);
/// assert!(FixedFutureSet::<Ready<()>, 8>::new(&SLOTS).is_ok());
/// # drop(second);
/// ```
///
/// [`FixedFutureSet`]: crate::FixedFutureSet
/// [`FixedStreamSet`]: crate::FixedStreamSet
pub struct WakeSlots<const N: usize> {
    slots: [WakeSlot; N],
}

impl<const N: usize> WakeSlots<N> {
    /// Creates `N` free slots.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::WakeSlots;
    ///
    /// static SLOTS: WakeSlots<4> = WakeSlots::new();
    /// assert_eq!(SLOTS.free(), 4);
    /// ```
    #[cfg(not(anyscope_loom))]
    pub const fn new() -> Self {
        WakeSlots { slots: [const { WakeSlot::new() }; N] }
    }

    /// The same, because loom's types cannot be made in a constant.
    #[cfg(anyscope_loom)]
    pub fn new() -> Self {
        WakeSlots { slots: core::array::from_fn(|_| WakeSlot::new()) }
    }

    /// Returns how many slots neither a set nor a waker holds now.
    ///
    /// # Cost
    ///
    /// O(N).
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{FixedFutureSet, NoWakeSlot, WakeSlots};
    /// use std::future::Ready;
    ///
    /// static SLOTS: WakeSlots<2> = WakeSlots::new();
    /// # fn main() -> Result<(), NoWakeSlot> {
    /// let set = FixedFutureSet::<Ready<()>, 8>::new(&SLOTS)?;
    /// assert_eq!(SLOTS.free(), 1);
    /// drop(set);
    /// assert_eq!(SLOTS.free(), 2);
    /// # Ok(())
    /// # }
    /// ```
    pub fn free(&self) -> usize {
        self.slots.iter().filter(|slot| slot.holders.load(Ordering::Relaxed) == 0).count()
    }

    /// Takes a slot that nobody holds.
    pub(super) fn claim(&'static self) -> Option<Claim> {
        self.slots.iter().find_map(WakeSlot::claim)
    }
}

impl<const N: usize> Default for WakeSlots<N> {
    fn default() -> Self {
        WakeSlots::new()
    }
}

impl<const N: usize> fmt::Debug for WakeSlots<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WakeSlots").field("slots", &N).field("free", &self.free()).finish()
    }
}

/// The wakes of the children of one set.
///
/// Aligned so that the low bits of its address are zero: a waker keeps the index of its child
/// there.
#[cfg_attr(target_pointer_width = "16", repr(align(16)))]
#[cfg_attr(target_pointer_width = "32", repr(align(32)))]
#[cfg_attr(target_pointer_width = "64", repr(align(64)))]
pub(super) struct WakeSlot {
    /// A bit for each child that was woken since the set last looked.
    ready: AtomicUsize,
    /// The set and the wakers that point here. With none, the slot is free.
    holders: AtomicUsize,
    /// The waker of the task that polls the set.
    parent: AtomicWaker,
}

/// The bits of a waker's pointer that are the index of its child.
const INDEX: usize = align_of::<WakeSlot>() - 1;

const _: () = assert!(align_of::<WakeSlot>() >= usize::BITS as usize);

/// From here on a count only stands for "too many": the slot is never free again. Wakers that were
/// forgotten are the only way to get here.
const TOO_MANY: usize = usize::MAX / 2;

impl WakeSlot {
    #[cfg(not(anyscope_loom))]
    const fn new() -> Self {
        WakeSlot {
            ready: AtomicUsize::new(0),
            holders: AtomicUsize::new(0),
            parent: AtomicWaker::new(),
        }
    }

    #[cfg(anyscope_loom)]
    fn new() -> Self {
        WakeSlot {
            ready: AtomicUsize::new(0),
            holders: AtomicUsize::new(0),
            parent: AtomicWaker::new(),
        }
    }

    fn claim(&'static self) -> Option<Claim> {
        // Acquire: what earlier holders did here happened before. They may have left bits, which
        // the first drain takes when all children are about to be polled anyway.
        self.holders.compare_exchange(0, 1, Ordering::Acquire, Ordering::Relaxed).ok()?;
        Some(Claim { slot: self })
    }

    /// Counts one more, for someone who is counted.
    fn hold(&self) {
        // Relaxed: whoever calls this keeps the slot from being freed.
        if self.holders.fetch_add(1, Ordering::Relaxed) >= TOO_MANY {
            self.stick();
        }
    }

    /// The last access of a holder.
    fn release(&self) {
        // Release: what this holder did here happens before the next claim.
        if self.holders.fetch_sub(1, Ordering::Release) > TOO_MANY {
            self.stick();
        }
    }

    /// Puts the count as far from its ends as it can be.
    #[cold]
    fn stick(&self) {
        self.holders.store(TOO_MANY + TOO_MANY / 2, Ordering::Relaxed);
    }

    fn wake(&self, bit: usize) {
        // Release: the poll that finds the bit sees what the caller did before. A later wake only
        // adds to the word, so that the poll sees what this caller did even if it finds both.
        if self.ready.fetch_or(bit, Ordering::Release) == 0 {
            self.parent.wake();
        }
    }
}

/// The slot of a set, as the set sees it. Dropped, it is free when the wakers are gone too.
pub(super) struct Claim {
    slot: &'static WakeSlot,
}

impl Claim {
    /// The bits of all children that were woken since the last call.
    pub(super) fn drain(&self) -> usize {
        // Relaxed: a wake that this load misses finds the waker that `register` left before it; the
        // read-modify-writes of the parent's cell order the two.
        if self.slot.ready.load(Ordering::Relaxed) == 0 {
            return 0;
        }
        // Acquire: see `wake`.
        self.slot.ready.swap(0, Ordering::Acquire)
    }

    /// Makes `waker` the one that the first wake after a drain fires. Drain again after this.
    pub(super) fn register(&self, waker: &Waker) {
        self.slot.parent.register(waker);
    }

    /// The waker of a child. It is lent: it must not be used when the claim is gone. Its clones
    /// are counted, and may be.
    pub(super) fn waker(&self, index: u32) -> ManuallyDrop<Waker> {
        let index = index as usize;
        debug_assert!(index < usize::BITS as usize);
        let data = (&raw const *self.slot).wrapping_byte_add(index).cast();
        // SAFETY: the functions of `VTABLE` keep the contract of a waker: they may be called from
        // any thread, and `data` is an address in a `'static` slot, with an index in the bits that
        // its alignment leaves zero, which is all that they ask for.
        ManuallyDrop::new(unsafe { Waker::new(data, &VTABLE) })
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        // Also when the destructor of the parent's waker panics.
        let _release = Finally::new(|| self.slot.release());
        // A late wake must not wake a task that knows nothing of it, nor keep its memory.
        drop(self.slot.parent.take());
    }
}

static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, release);

/// The slot and the bit of a waker.
///
/// # Safety
///
/// `data` comes from [`Claim::waker`].
unsafe fn parts(data: *const ()) -> (&'static WakeSlot, usize) {
    let slot = data.map_addr(|address| address & !INDEX).cast::<WakeSlot>();
    // SAFETY: without the index this is the address of the `'static` slot that `data` was made
    // from, with the same provenance.
    (unsafe { &*slot }, 1 << (data.addr() & INDEX))
}

unsafe fn clone(data: *const ()) -> RawWaker {
    // SAFETY: the executor calls this with the data of a waker.
    let (slot, _) = unsafe { parts(data) };
    slot.hold();
    RawWaker::new(data, &VTABLE)
}

unsafe fn wake(data: *const ()) {
    // SAFETY: the executor calls this with the data of a waker.
    let (slot, bit) = unsafe { parts(data) };
    // After the wake, and also when the parent's waker panics.
    let _release = Finally::new(|| slot.release());
    slot.wake(bit);
}

unsafe fn wake_by_ref(data: *const ()) {
    // SAFETY: the executor calls this with the data of a waker.
    let (slot, bit) = unsafe { parts(data) };
    slot.wake(bit);
}

unsafe fn release(data: *const ()) {
    // SAFETY: the executor calls this with the data of a waker.
    let (slot, _) = unsafe { parts(data) };
    slot.release();
}

#[cfg(all(test, not(anyscope_loom)))]
mod tests {
    use super::*;

    /// Given more wakers than can be counted, then the slot is never free again: if the count
    /// wrapped around, another set would get the slot.
    #[test]
    fn a_count_does_not_wrap_around() {
        static SLOTS: WakeSlots<1> = WakeSlots::new();
        let claim = SLOTS.claim().unwrap();
        SLOTS.slots[0].holders.store(usize::MAX - 1, Ordering::Relaxed);
        let wakers = [(); 3].map(|()| {
            let waker = Waker::clone(&claim.waker(0));
            assert_eq!(SLOTS.free(), 0);
            waker
        });
        drop(wakers);
        drop(claim);
        assert_eq!((SLOTS.free(), SLOTS.claim().is_none()), (0, true));
    }
}
