//! A count of children that can be waited for and closed.
//!
//! There are two counters, of the children that entered and of those that left, each on a cache
//! line of its own: a thread that spawns writes the first, threads that finish children write the
//! second, and neither waits for the other's line. The two are compared only while something waits
//! for the last child.
//!
//! A child that leaves must not touch the gate afterwards, as the scope may be freed by then,
//! unless the child holds a count of the scope. It takes one if it finds the gate `WATCHED`. That
//! flag is in the word that the child changes by compare-and-swap, so the child cannot miss it.

#[cfg(anyscope_loom)]
use crate::sync::Freed;
use crate::sync::{AtomicUsize, Ordering, cache_padded::CachePadded};

/// In `left`: every child that leaves from now on must check whether it is the last.
const WATCHED: usize = 1;
/// In `entered`: no child can enter any more. Set only when all have left.
const CLOSED: usize = 1;
const ONE: usize = 2;
/// One in this many leaving children holds the scope in any case. A power of two.
const TURN: usize = if cfg!(anyscope_loom) { 4 } else { 64 };

/// How many children are in a scope; see the [module](self).
#[derive(Debug)]
pub(crate) struct Gate {
    entered: CachePadded<AtomicUsize>,
    left: CachePadded<AtomicUsize>,
}

/// Why a child cannot enter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// No room under the limit.
    Full,
    /// The scope has ended.
    Closed,
}

impl Gate {
    pub(crate) fn new() -> Self {
        Gate {
            entered: CachePadded::new(AtomicUsize::new(0)),
            left: CachePadded::new(AtomicUsize::new(0)),
        }
    }

    /// Counts a child in. Returns how many entered before it.
    pub(crate) fn enter(&self) -> Result<usize, Refusal> {
        // Relaxed: what the child needs to see travels with the child.
        let before = self.entered.0.fetch_add(ONE, Ordering::Relaxed);
        if before & CLOSED == 0 {
            return Ok(before / ONE);
        }
        // Nothing reads the count of a closed gate.
        self.entered.0.fetch_sub(ONE, Ordering::Relaxed);
        Err(Refusal::Closed)
    }

    /// Counts a child in, unless `limit` children are inside already.
    pub(crate) fn enter_below(&self, limit: usize) -> Result<usize, Refusal> {
        loop {
            let (entered, inside) = self.read();
            if entered & CLOSED != 0 {
                return Err(Refusal::Closed);
            }
            if inside >= limit {
                return Err(Refusal::Full);
            }
            // If this succeeds, no child entered since, so no more are inside than we counted.
            if self.change_entered(entered, entered.wrapping_add(ONE)) {
                return Ok(entered / ONE);
            }
        }
    }

    /// Counts a child out. Calls `hold` first, while the child is still inside, if `always` says
    /// so, if the gate is watched and this may be the last child, and for one child in [`TURN`].
    /// Returns what `hold` returned, and whether the gate is empty now.
    ///
    /// If this returns `None`, the caller must not touch the gate again.
    pub(crate) fn leave<H>(&self, always: bool, hold: impl FnOnce() -> H) -> Option<(H, bool)> {
        // Acquire, here and on failure: every child that left had entered before, so `entered`
        // below is not smaller than `left`. With a weaker order it could be, and the difference
        // would wrap around.
        let mut left = self.left.0.load(Ordering::Acquire);
        while !always
            && !is_turn(left)
            && (left & WATCHED == 0 || inside(self.entered.0.load(Ordering::Relaxed), left) > 1)
        {
            // Release: what the child did happens before the end of the scope, which may free what
            // the child used.
            match self.left.0.compare_exchange_weak(
                left,
                left + ONE,
                Ordering::Release,
                Ordering::Acquire,
            ) {
                Ok(_) => return None,
                Err(changed) => left = changed,
            }
        }
        let held = hold();
        // AcqRel, for the reasons above; and the last child, which announces the end, has to see
        // what all others did.
        let left = self.left.0.fetch_add(ONE, Ordering::AcqRel) + ONE;
        // A child entering concurrently, from outside, checks for itself when it leaves.
        Some((held, inside(self.entered.0.load(Ordering::Relaxed), left) == 0))
    }

    /// Makes every child that leaves from now on check whether it is the last.
    pub(crate) fn watch(&self) {
        // AcqRel: what a child did that left before this happens before what follows; a child that
        // leaves later sees what happened before this.
        self.left.0.fetch_or(WATCHED, Ordering::AcqRel);
    }

    /// Returns how many children are inside. Children that leave concurrently may still be counted.
    pub(crate) fn count(&self) -> usize {
        self.read().1
    }

    /// Returns how many children ever entered. Wraps around.
    pub(crate) fn entered(&self) -> usize {
        self.entered.0.load(Ordering::Relaxed) / ONE
    }

    /// Closes the gate if it is empty, or returns false. This decides the race with children that
    /// enter concurrently: each is either waited for or refused.
    pub(crate) fn close(&self) -> bool {
        loop {
            let (entered, inside) = self.read();
            if entered & CLOSED != 0 {
                return true;
            }
            if inside != 0 {
                return false;
            }
            if self.change_entered(entered, entered | CLOSED) {
                return true;
            }
        }
    }

    /// Returns `entered`, and how many children are inside, or were at some moment during the call.
    fn read(&self) -> (usize, usize) {
        // Read in this order, so that the difference is never too small. Acquire keeps the order;
        // without it, the gate could look empty while a child is inside. It also makes what the
        // children did that left happen before what the caller does next.
        let left = self.left.0.load(Ordering::Acquire);
        let entered = self.entered.0.load(Ordering::Relaxed);
        (entered, inside(entered, left))
    }

    fn change_entered(&self, from: usize, to: usize) -> bool {
        self.entered.0.compare_exchange(from, to, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

/// For models: freeing is an access.
#[cfg(anyscope_loom)]
impl Drop for Gate {
    fn drop(&mut self) {
        self.entered.0.freed();
        self.left.0.freed();
    }
}

/// Returns the difference of the two counts, which may wrap around.
fn inside(entered: usize, left: usize) -> usize {
    (entered & !CLOSED).wrapping_sub(left & !WATCHED) / ONE
}

fn is_turn(left: usize) -> bool {
    left / ONE % TURN == TURN - 1
}

#[cfg(all(test, not(anyscope_loom)))]
mod tests {
    use super::*;

    #[test]
    fn every_so_often_one_holds_on() {
        let gate = Gate::new();
        (0..2 * TURN).for_each(|_| assert!(gate.enter().is_ok()));
        let holding = (0..2 * TURN).filter(|_| gate.leave(false, || ()).is_some());
        assert_eq!(holding.collect::<alloc::vec::Vec<_>>(), [TURN - 1, 2 * TURN - 1]);
    }

    #[test]
    fn closes_only_when_empty_and_refuses_then() {
        let gate = Gate::new();
        assert_eq!(gate.enter(), Ok(0));
        assert_eq!(gate.enter(), Ok(1));
        assert_eq!(gate.enter_below(2), Err(Refusal::Full));
        assert_eq!(gate.leave(false, || ()), None);
        assert!(!gate.close());
        gate.watch();
        assert_eq!(gate.leave(false, || ()), Some(((), true)));
        assert!(gate.close() && gate.close());
        assert_eq!(gate.enter(), Err(Refusal::Closed));
        assert_eq!(gate.enter_below(9), Err(Refusal::Closed));
        assert_eq!(gate.count(), 0);
    }

    #[test]
    fn only_the_last_holds_unless_told_otherwise() {
        let gate = Gate::new();
        gate.watch();
        (0..3).for_each(|n| assert_eq!(gate.enter(), Ok(n)));
        assert_eq!(gate.leave(false, || ()), None);
        assert_eq!(gate.leave(true, || ()), Some(((), false)));
        assert_eq!(gate.leave(false, || ()), Some(((), true)));
    }
}
