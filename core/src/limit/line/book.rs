//! What is handed out.

use crate::time::Instant;
use crate::waits::What;

/// An account of what is handed out, with a line for each key. Runs under a lock, and so must not call
/// user code.
pub(in crate::limit) trait Book {
    /// What changes under the lock.
    type Counts;
    /// What one asks for.
    type Ask;
    /// What one needs to give it back.
    type Got;

    /// How many keys there are.
    fn keys(&self) -> usize;

    /// The lines that one stands in who asks for this.
    fn lines_of(ask: &Self::Ask) -> impl Iterator<Item = usize>;

    /// How much it is, for an estimate of how long the line takes.
    fn amount(ask: &Self::Ask) -> u64;

    /// Hands out all of it or nothing, without the lock of the lines, if the account has its own. Not
    /// called while anyone waits.
    fn take_unlocked(&self, _ask: &Self::Ask, _now: Instant) -> Option<Self::Got> {
        None
    }

    /// When it can be had, at the earliest: not after `now` if that is at once, and
    /// [`Instant::NEVER`] if it takes a return.
    fn ready_at(&self, counts: &Self::Counts, ask: &Self::Ask, now: Instant) -> Instant;

    /// Hands out all of it or nothing.
    ///
    /// # Errors
    ///
    /// Returns when it can be had, as [`ready_at`](Self::ready_at).
    fn take(
        &self,
        counts: &mut Self::Counts,
        ask: &Self::Ask,
        now: Instant,
    ) -> Result<Self::Got, Instant>;

    /// Whether it depends on the time when it can be had. Then it is handed out only by those who know
    /// what time it is.
    fn is_timed(&self, ask: &Self::Ask) -> bool;

    /// Takes back what was not used at all.
    fn give_back(&self, counts: &mut Self::Counts, ask: &Self::Ask, got: Self::Got, now: Instant);

    /// What they say that they wait for.
    fn what(&self) -> What;
}
