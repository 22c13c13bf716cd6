//! A count of children that can be waited for and closed.
//!
//! Two counters, one of those who entered and one of those who left, each on a cache line of its
//! own: a thread that spawns writes the one, threads that finish children write the other, and
//! neither waits for the other's line. Nobody compares the two as long as nobody waits.
//!
//! Whoever leaves must not touch the gate afterwards, as the scope may be freed by then, unless
//! it holds a count of the scope. It takes one if it finds the gate `WATCHED`; that flag is in
//! the word that it changes by compare-and-swap, so it cannot be missed.

#[cfg(anyscope_loom)]
use crate::sync::Freed;
use crate::sync::{AtomicUsize, Ordering, cache_padded::CachePadded};

/// In `left`: whoever leaves from now on must look whether it is the last.
const WATCHED: usize = 1;
/// In `entered`: nobody can enter any more. Set only when all have left.
const CLOSED: usize = 1;
const ONE: usize = 2;
/// One in so many of those who leave holds on in any case, a power of two.
const TURN: usize = if cfg!(anyscope_loom) { 4 } else { 512 };

/// How many children are in a scope; see the [module](self).
#[derive(Debug)]
pub(crate) struct Gate {
    entered: CachePadded<AtomicUsize>,
    left: CachePadded<AtomicUsize>,
}

/// Why there is no way in.
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

    /// One child more; answers how many entered before it.
    pub(crate) fn enter(&self) -> Result<usize, Refusal> {
        // Relaxed: what the child needs to see travels with the child.
        let before = self.entered.0.fetch_add(ONE, Ordering::Relaxed);
        if before & CLOSED == 0 {
            return Ok(before / ONE);
        }
        // Nobody looks at the count of a closed gate.
        self.entered.0.fetch_sub(ONE, Ordering::Relaxed);
        Err(Refusal::Closed)
    }

    /// One child more, unless there are `limit` already.
    pub(crate) fn enter_below(&self, limit: usize) -> Result<usize, Refusal> {
        loop {
            let (entered, inside) = self.read();
            if entered & CLOSED != 0 {
                return Err(Refusal::Closed);
            }
            if inside >= limit {
                return Err(Refusal::Full);
            }
            // Nobody entered since, so there are no more inside than we counted.
            if self.change_entered(entered, entered.wrapping_add(ONE)) {
                return Ok(entered / ONE);
            }
        }
    }

    /// One child less. `hold` is called first, while the child is still inside, if `always` says
    /// so, if the gate is watched and this may be the last child, and for one in [`TURN`]. Its
    /// answer comes back, with a flag that says whether nobody is left.
    ///
    /// Without an answer, this was the last access.
    pub(crate) fn leave<H>(&self, always: bool, hold: impl FnOnce() -> H) -> Option<(H, bool)> {
        // Acquire, here and on failure: whoever left has entered before, so `entered` below is
        // not smaller.
        let mut left = self.left.0.load(Ordering::Acquire);
        while !always
            && !is_turn(left)
            && (left & WATCHED == 0 || inside(self.entered.0.load(Ordering::Relaxed), left) > 1)
        {
            // Release: what the child did happens before the end of the scope.
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
        // AcqRel: as above; and the last child speaks for all.
        let left = self.left.0.fetch_add(ONE, Ordering::AcqRel) + ONE;
        // Of those who enter at this moment, from outside, each will look when it leaves.
        Some((held, inside(self.entered.0.load(Ordering::Relaxed), left) == 0))
    }

    /// From now on, whoever leaves looks whether it is the last.
    pub(crate) fn watch(&self) {
        // AcqRel: whoever left before this happened before what follows; whoever leaves later
        // sees what happened before this.
        self.left.0.fetch_or(WATCHED, Ordering::AcqRel);
    }

    /// How many there are. May be too high by those who leave at this moment.
    pub(crate) fn count(&self) -> usize {
        self.read().1
    }

    /// How many ever entered. Wraps around.
    pub(crate) fn entered(&self) -> usize {
        self.entered.0.load(Ordering::Relaxed) / ONE
    }

    /// Closes the gate if nobody is inside, or answers false. Ends the race with those who enter
    /// at this moment: they are either waited for or refused.
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

    /// `entered`, and how many are inside, or were at some moment during the call.
    fn read(&self) -> (usize, usize) {
        // In this order, so that the difference is never too small. Acquire keeps the order, and
        // what those who left did happens before whatever follows from it.
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

/// The difference of the two counts, which may wrap around.
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
