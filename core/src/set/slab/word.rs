//! Which slots of a chunk were woken, and how many keep the chunk.
//!
//! Both are in one word where there are words of 64 bits: then a wake that is not the first gives
//! its waker's reference back with the same instruction that sets the bit. Elsewhere there is a word
//! for each.

#[cfg(all(target_has_atomic = "64", not(anyscope_two_words)))]
pub(super) use one::Word;
#[cfg(not(all(target_has_atomic = "64", not(anyscope_two_words))))]
pub(super) use two::Word;

/// For how many slots there are bits.
pub(super) const SLOTS: usize = if usize::BITS > 32 { 32 } else { usize::BITS as usize };

/// What has become of a waker that was used up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Woke {
    /// No slot was woken before, nor is this one now. The waker still has its reference.
    First,
    /// Others were woken before, and now this one too. The waker's reference is gone.
    Again,
    /// The same, and it was the last.
    Last,
}

#[cfg(all(target_has_atomic = "64", not(anyscope_two_words)))]
mod one {
    use super::{SLOTS, Woke};
    use crate::sync::{AtomicU64, Ordering};

    /// The lower half has the bits of the slots, the upper one counts references.
    #[derive(Debug)]
    pub(in super::super) struct Word(AtomicU64);

    const BITS: u64 = u64::MAX >> (64 - SLOTS);
    const REFERENCE: u64 = 1 << 32;

    impl Word {
        /// One reference, and nobody was woken.
        pub(in super::super) fn new() -> Self {
            Word(AtomicU64::new(REFERENCE))
        }

        /// One more reference. Returns false if there are so many, more than two thousand million,
        /// that they must have been leaked.
        #[inline]
        pub(in super::super) fn keep(&self) -> bool {
            // Relaxed: a new reference is made from one that exists.
            self.0.fetch_add(REFERENCE, Ordering::Relaxed) <= i64::MAX as u64
        }

        /// Whether the caller's reference is the only one.
        #[inline]
        pub(in super::super) fn is_last(&self) -> bool {
            // Acquire: what the others did with the chunk comes before its end.
            self.0.load(Ordering::Acquire) < 2 * REFERENCE
        }

        /// One reference less. Returns whether it was the last.
        #[inline]
        pub(in super::super) fn release(&self) -> bool {
            // Release: what we did with the chunk comes before its end. Acquire: so did the others.
            self.0.fetch_sub(REFERENCE, Ordering::AcqRel) < 2 * REFERENCE
        }

        /// Wakes a slot. Returns whether none was woken before.
        #[inline]
        pub(in super::super) fn wake(&self, slot: usize) -> bool {
            // Release: the poll that follows sees what our caller wrote. Acquire: see `take`.
            self.0.fetch_or(1 << slot, Ordering::AcqRel) & BITS == 0
        }

        /// [`wake`](Self::wake) if some slot was woken before. Returns whether one was.
        #[inline]
        pub(in super::super) fn wake_another(&self, slot: usize) -> bool {
            let mut old = self.0.load(Ordering::Relaxed);
            while old & BITS != 0 {
                let new = old | 1 << slot;
                // As in `wake`.
                match self.0.compare_exchange_weak(old, new, Ordering::AcqRel, Ordering::Relaxed) {
                    Ok(_) => return true,
                    Err(now) => old = now,
                }
            }
            false
        }

        /// [`wake`](Self::wake) and [`release`](Self::release) if some slot was woken before.
        #[inline]
        pub(in super::super) fn wake_another_and_release(&self, slot: usize) -> Woke {
            let mut old = self.0.load(Ordering::Relaxed);
            // Before anything else is worked out.
            if old & BITS == 0 {
                return Woke::First;
            }
            loop {
                let new = (old | 1 << slot) - REFERENCE;
                // As in `wake` and `release`.
                match self.0.compare_exchange_weak(old, new, Ordering::AcqRel, Ordering::Relaxed) {
                    Ok(_) if new < REFERENCE => return Woke::Last,
                    Ok(_) => return Woke::Again,
                    Err(now) if now & BITS == 0 => return Woke::First,
                    Err(now) => old = now,
                }
            }
        }

        /// Takes the bits of all slots that were woken.
        #[inline]
        pub(in super::super) fn take(&self) -> usize {
            // Acquire: see what the wakers' callers wrote. Release: whoever wakes the first slot
            // after this comes after what we did before.
            (self.0.fetch_and(!BITS, Ordering::AcqRel) & BITS) as usize
        }

        /// Has no wake be the first from now on: false if some slot is woken already.
        pub(in super::super) fn retire(&self) -> bool {
            // Relaxed: nothing is read after it but the count of references, and nothing is handed
            // over.
            let all = |word| (word & BITS == 0).then_some(word | BITS);
            self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, all).is_ok()
        }
    }

    #[cfg(anyscope_loom)]
    impl Drop for Word {
        fn drop(&mut self) {
            crate::sync::Freed::freed(&mut self.0);
        }
    }
}

#[cfg(not(all(target_has_atomic = "64", not(anyscope_two_words))))]
mod two {
    use super::{SLOTS, Woke};
    use crate::sync::{AtomicUsize, Ordering};

    #[derive(Debug)]
    pub(in super::super) struct Word {
        /// A bit for each slot that was woken.
        ready: AtomicUsize,
        references: AtomicUsize,
    }

    const BITS: usize = usize::MAX >> (usize::BITS as usize - SLOTS);

    // What each does, and why its orders are these, is said in `one`.
    impl Word {
        pub(in super::super) fn new() -> Self {
            Word { ready: AtomicUsize::new(0), references: AtomicUsize::new(1) }
        }

        pub(in super::super) fn keep(&self) -> bool {
            self.references.fetch_add(1, Ordering::Relaxed) <= isize::MAX as usize
        }

        pub(in super::super) fn is_last(&self) -> bool {
            self.references.load(Ordering::Acquire) == 1
        }

        pub(in super::super) fn release(&self) -> bool {
            self.references.fetch_sub(1, Ordering::AcqRel) == 1
        }

        pub(in super::super) fn wake(&self, slot: usize) -> bool {
            self.ready.fetch_or(1 << slot, Ordering::AcqRel) == 0
        }

        pub(in super::super) fn wake_another(&self, slot: usize) -> bool {
            let another = |ready| (ready != 0).then_some(ready | 1 << slot);
            self.ready.fetch_update(Ordering::AcqRel, Ordering::Relaxed, another).is_ok()
        }

        pub(in super::super) fn wake_another_and_release(&self, slot: usize) -> Woke {
            if !self.wake_another(slot) {
                return Woke::First;
            }
            if self.release() { Woke::Last } else { Woke::Again }
        }

        pub(in super::super) fn take(&self) -> usize {
            self.ready.swap(0, Ordering::AcqRel)
        }

        pub(in super::super) fn retire(&self) -> bool {
            self.ready.compare_exchange(0, BITS, Ordering::Relaxed, Ordering::Relaxed).is_ok()
        }
    }

    #[cfg(anyscope_loom)]
    impl Drop for Word {
        fn drop(&mut self) {
            use crate::sync::Freed;
            self.ready.freed();
            self.references.freed();
        }
    }
}
