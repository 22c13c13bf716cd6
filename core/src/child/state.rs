//! The state word of a child: which thread may touch what, and what keeps the memory alive.
//!
//! | bit | set by | cleared by | while it is set |
//! |---|---|---|---|
//! | `RUNNING` | the thread that polls or ends the child, when it claims the child | the same thread | `stage` and `runner` belong to that thread |
//! | `DONE` | the same thread, in the step that clears `RUNNING` | never | the future has been dropped; `stage` holds the outcome for the handle, if there is one |
//! | `CANCELLED` | the first canceller | `end_poll`, for `CANCEL_DEFERRED`, if the child is behind a shield | no other poll starts; the thread that holds `RUNNING` ends the child |
//! | `SHIELDED` | `end_poll` | the next `end_poll` | the child is idle behind a shield, or was idle there and is being polled again |
//! | `CANCEL_DEFERRED` | a canceller that finds `SHIELDED`, or `end_poll` | never | the child ends when its shield ends |
//! | `FORCED` | a canceller that ignores shields | never | `end_poll` does not defer `CANCELLED` |
//! | `JOIN_WAKER` | the handle, after it wrote `joiner` | the handle, before `DONE` | `joiner` belongs to the thread that sets `DONE`; otherwise it belongs to the handle |
//! | `HANDLE` | birth | the handle's drop | one owner of the memory: the handle |
//! | `EXEC` | birth | the executor's drop, or its last poll | one owner of the memory: the executor |
//! | `LISTED` | birth | the registry | one owner of the memory: the registry of the scope |
//! | `EXEC_WAKER` | `end_poll`, when the child becomes idle | never | `runner` holds a waker, which the thread that ends the child takes |
//! | `DAEMON` | birth | never | the child does not keep its scope open |
//! | `OBSERVED` | birth | never | observers are told of the child |
//! | `BY` (3 bits) | with the first of `CANCELLED` and `CANCEL_DEFERRED` | never | what cancelled the child: [`CancelledBy`] |
//! | the rest | birth | never | the child's number, see [`Snapshot::number`] |
//!
//! `RUNNING` and `DONE` exclude each other, except for a moment: a poll that comes after the end
//! sets `RUNNING`, sees `DONE` and clears `RUNNING` again. A child that has neither bit is *idle*:
//! its future is there and no thread touches it. A canceller may claim an idle child and drop its
//! future at once, unless the child is `SHIELDED`. Then the end of the shield wakes the child, and
//! its next poll finds `CANCEL_DEFERRED`. If the child is `RUNNING`, the canceller sets
//! `CANCELLED`, and the poller ends the child, because every poll must pass through
//! [`end_poll`](State::end_poll).
//!
//! Clearing the last of `HANDLE`, `EXEC` and `LISTED` obliges the caller to free the memory.
//!
//! No method waits: each is a load, one read-modify-write, or a loop up to one successful
//! compare-and-swap.

#[cfg(anyscope_loom)]
use crate::sync::Freed;
use crate::{
    cancel::CancelledBy,
    sync::{AtomicUsize, Ordering},
};
use core::fmt;

const RUNNING: usize = 1 << 0;
const DONE: usize = 1 << 1;
const CANCELLED: usize = 1 << 2;
const JOIN_WAKER: usize = 1 << 3;
const HANDLE: usize = 1 << 4;
const EXEC: usize = 1 << 5;
const LISTED: usize = 1 << 6;
const DAEMON: usize = 1 << 7;
const EXEC_WAKER: usize = 1 << 8;
const BY_SHIFT: u32 = 9;
const BY: usize = 0b111 << BY_SHIFT;
const SHIELDED: usize = 1 << 12;
const CANCEL_DEFERRED: usize = 1 << 13;
const FORCED: usize = 1 << 14;
const OBSERVED: usize = 1 << 15;
/// Where nobody can observe, the number has the bit.
const NUMBER_SHIFT: u32 = if cfg!(all(feature = "std", not(anyscope_loom))) { 16 } else { 15 };

/// An owner of a share of a child's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub(super) enum Keeper {
    Handle = HANDLE,
    Exec = EXEC,
    Registry = LISTED,
}

const KEEPERS: usize = HANDLE | EXEC | LISTED;

/// The state word; see the [module](self).
pub(super) struct State(AtomicUsize);

/// The state word as it was at some moment.
#[derive(Clone, Copy)]
pub(super) struct Snapshot(usize);

/// What [`State::cancel`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CancelStep {
    /// The child was idle. The caller holds `RUNNING`, and must end the child.
    Claimed,
    /// The child is being polled, and will be ended right after; or it is behind a shield, and will
    /// be ended after the shield.
    Requested,
    /// The child is done, or was cancelled before.
    Nothing,
}

impl State {
    /// Creates the state of an idle child with the given keepers.
    pub(super) fn new(keepers: &[Keeper], daemon: bool, number: usize) -> Self {
        let bits = keepers.iter().fold(0, |bits, keeper| bits | *keeper as usize);
        let daemon = if daemon { DAEMON } else { 0 };
        State(AtomicUsize::new(bits | daemon | number << NUMBER_SHIFT))
    }

    /// Creates the state of a child that was refused before its first poll: done, with a handle.
    pub(super) fn cancelled_at_birth(by: CancelledBy) -> Self {
        State(AtomicUsize::new(DONE | CANCELLED | HANDLE | by.to_bits() << BY_SHIFT))
    }

    /// Marks a new child as one that observers are told of.
    #[cfg(all(feature = "std", not(anyscope_loom)))]
    pub(super) fn observe(&self) {
        self.0.fetch_or(OBSERVED, Ordering::Relaxed);
    }

    /// Returns the current state. Acquire: if the child is done, its outcome can be read.
    pub(super) fn now(&self) -> Snapshot {
        Snapshot(self.0.load(Ordering::Acquire))
    }

    /// Changes idle to running, and returns the state before. Returns `None` if the child is done,
    /// is being polled, or is being ended.
    pub(super) fn begin_poll(&self) -> Option<Snapshot> {
        // One read-modify-write, before any load: the cache line comes from the spawner's core, and
        // should be fetched once, to be written. Acquire: the last poll, on another thread,
        // happened before ours.
        if self.0.fetch_or(RUNNING, Ordering::Acquire) & RUNNING != 0 {
            return None;
        }
        // No other thread sets `DONE` while we hold `RUNNING`.
        let now = self.0.load(Ordering::Relaxed);
        if now & DONE != 0 {
            self.0.fetch_and(!RUNNING, Ordering::Relaxed);
            return None;
        }
        Some(Snapshot(now))
    }

    /// Changes running to idle, with a waker in `runner`; behind a shield, if `shielded`. Returns
    /// false if the child was cancelled and no shield defers that: then the caller still holds
    /// `RUNNING`, and must end the child.
    pub(super) fn end_poll(&self, shielded: bool) -> bool {
        let mut now = self.0.load(Ordering::Relaxed);
        loop {
            let idle = if shielded && now & FORCED == 0 {
                let pending = if now & CANCELLED != 0 { CANCEL_DEFERRED } else { 0 };
                now & !(RUNNING | CANCELLED) | EXEC_WAKER | SHIELDED | pending
            } else if now & (CANCELLED | CANCEL_DEFERRED) != 0 {
                // `BY` was written with the first request. This makes it visible as a cancel.
                self.0.fetch_or(CANCELLED, Ordering::Relaxed);
                return false;
            } else {
                now & !(RUNNING | SHIELDED) | EXEC_WAKER
            };
            // Release: this poll happens before the next one, or before the drop by a canceller.
            match self.0.compare_exchange_weak(now, idle, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(changed) => now = changed,
            }
        }
    }

    /// Asks for the end of the child. Claims an idle child for the caller to end, unless it is
    /// behind a shield. With `force`, shields are ignored.
    pub(super) fn cancel(&self, by: CancelledBy, force: bool) -> CancelStep {
        let mut now = self.0.load(Ordering::Relaxed);
        loop {
            let known = now & (CANCELLED | CANCEL_DEFERRED) != 0;
            let forces = force && now & FORCED == 0;
            if now & DONE != 0 || known && !forces {
                return CancelStep::Nothing;
            }
            let by = if known { 0 } else { by.to_bits() << BY_SHIFT };
            let forced = if force { FORCED } else { 0 };
            let claims = now & RUNNING == 0 && (force || now & SHIELDED == 0);
            let asked = now
                | by
                | forced
                | match (claims, now & RUNNING != 0) {
                    (true, _) => CANCELLED | RUNNING,
                    (false, true) => CANCELLED,
                    (false, false) => CANCEL_DEFERRED,
                };
            // Acquire: the last poll happened before the drop of the future.
            match self.0.compare_exchange_weak(now, asked, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) if claims => return CancelStep::Claimed,
                Ok(_) => return CancelStep::Requested,
                Err(changed) => now = changed,
            }
        }
    }

    /// Changes running to done, and returns the state before. Requires that the outcome is written.
    pub(super) fn finish(&self) -> Snapshot {
        // Release: a thread that sees `DONE` sees the outcome, and that the future is gone.
        // Acquire: see the waker behind `JOIN_WAKER`.
        Snapshot(self.0.fetch_add(DONE - RUNNING, Ordering::AcqRel))
    }

    /// Changes running to done after the executor's last poll, and gives up the executor's share in
    /// the same step. Does so only if nothing else is to do, that is, if the handle exists and does
    /// not wait, as in `now`, which was read a short time ago. Otherwise, or if the state is another
    /// one by now, changes nothing and returns false.
    #[inline]
    pub(super) fn finish_and_release(&self, Snapshot(now): Snapshot) -> bool {
        // The registry keeps its share until the child is done, so ours is not the last.
        now & (HANDLE | JOIN_WAKER | LISTED) == HANDLE | LISTED
            && self
                .0
                .compare_exchange(
                    now,
                    now + DONE - RUNNING - EXEC,
                    // As for `finish`, and for `release`.
                    Ordering::AcqRel,
                    Ordering::Relaxed,
                )
                .is_ok()
    }

    /// Publishes the waker in `joiner` to the thread that ends the child. Returns false if the
    /// child is done already: then `joiner` still belongs to the handle.
    pub(super) fn publish_joiner(&self) -> bool {
        // Release: the thread that takes the waker sees it written.
        self.change_unless_done(|now| now | JOIN_WAKER)
    }

    /// Retracts the waker in `joiner`. Returns false if the child is done: then the waker has been
    /// taken.
    pub(super) fn retract_joiner(&self) -> bool {
        self.change_unless_done(|now| now & !JOIN_WAKER)
    }

    /// Gives up the handle's share and its claim to the outcome. Returns false if the child is done
    /// already: then the handle must drop the outcome and [`release`](Self::release) its share.
    /// Requires that no joiner is published.
    pub(super) fn leave_handle(&self) -> bool {
        self.change_unless_done(|now| now & !HANDLE)
    }

    /// Replaces the word by `change` of it, unless the child is done. Returns whether it did.
    fn change_unless_done(&self, change: impl Fn(usize) -> usize) -> bool {
        // Acquire, here and on failure: if the child is done, the caller reads its outcome next.
        let mut now = self.0.load(Ordering::Acquire);
        loop {
            if now & DONE != 0 {
                return false;
            }
            match self.0.compare_exchange_weak(
                now,
                change(now),
                Ordering::Release,
                Ordering::Acquire,
            ) {
                Ok(_) => return true,
                Err(changed) => now = changed,
            }
        }
    }

    /// Gives up one keeper's share of the memory. Returns true if it was the last: then the caller
    /// must free the memory.
    pub(super) fn release(&self, keeper: Keeper) -> bool {
        // Acquire: as below. No other keeper is left that could change the word.
        if self.0.load(Ordering::Acquire) & KEEPERS == keeper as usize {
            return true;
        }
        // Release: everything this keeper did happens before the memory is freed. Acquire: so does
        // everything the other keepers did.
        let before = self.0.fetch_sub(keeper as usize, Ordering::AcqRel);
        debug_assert!(before & keeper as usize != 0, "a keeper released its share twice");
        before & KEEPERS == keeper as usize
    }
}

/// For models: freeing is an access.
#[cfg(anyscope_loom)]
impl Drop for State {
    fn drop(&mut self) {
        self.0.freed();
    }
}

impl Snapshot {
    pub(super) fn is_done(self) -> bool {
        self.0 & DONE != 0
    }

    pub(super) fn is_running(self) -> bool {
        self.0 & RUNNING != 0
    }

    pub(super) fn has_handle(self) -> bool {
        self.0 & HANDLE != 0
    }

    pub(super) fn has_joiner(self) -> bool {
        self.0 & JOIN_WAKER != 0
    }

    pub(super) fn has_runner(self) -> bool {
        self.0 & EXEC_WAKER != 0
    }

    /// Returns whether the child is idle behind a shield, or was so before this poll.
    pub(super) fn is_shielded(self) -> bool {
        self.0 & SHIELDED != 0
    }

    /// Returns whether there is more to do at its end than for most.
    pub(super) fn ends_slowly(self) -> bool {
        let observed = if cfg!(all(feature = "std", not(anyscope_loom))) { OBSERVED } else { 0 };
        self.0 & (SHIELDED | observed) != 0
    }

    /// Returns whether the child was asked to end, shielded or not.
    pub(super) fn is_asked_to_end(self) -> bool {
        self.0 & (CANCELLED | CANCEL_DEFERRED) != 0
    }

    /// Returns what asked the child to end. Requires that it was asked.
    pub(super) fn by(self) -> CancelledBy {
        CancelledBy::from_bits((self.0 & BY) >> BY_SHIFT)
    }

    pub(super) fn is_daemon(self) -> bool {
        self.0 & DAEMON != 0
    }

    /// Returns how many children of the same scope and kind were spawned before. Wraps around after
    /// 2^49 children, or after 2^17 where a word has 32 bits.
    pub(super) fn number(self) -> usize {
        self.0 >> NUMBER_SHIFT
    }

    /// Returns what cancelled the child, if it was cancelled and no shield defers that.
    pub(super) fn cancelled(self) -> Option<CancelledBy> {
        (self.0 & CANCELLED != 0).then(|| self.by())
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.is_done(), self.is_running(), self.cancelled()) {
            (true, ..) => "done",
            (_, true, Some(_)) => "being cancelled",
            (_, true, None) => "running",
            (..) => "idle",
        })
    }
}

#[cfg(all(test, not(anyscope_loom)))]
mod tests {
    use super::*;

    #[test]
    fn an_idle_child_is_claimed_by_the_first_canceller_only() {
        let state = State::new(&[Keeper::Exec], false, 7);
        assert_eq!(state.cancel(CancelledBy::Handle, false), CancelStep::Claimed);
        assert_eq!(state.cancel(CancelledBy::Scope, false), CancelStep::Nothing);
        assert!(state.begin_poll().is_none());
        assert_eq!(state.finish().cancelled(), Some(CancelledBy::Handle));
        assert_eq!(state.now().number(), 7);
        assert!(state.now().is_done() && !state.now().is_running());
    }

    #[test]
    fn a_running_child_is_left_to_its_poller() {
        let state = State::new(&[Keeper::Exec], true, 0);
        assert!(state.begin_poll().is_some());
        assert!(state.begin_poll().is_none());
        assert_eq!(state.cancel(CancelledBy::Scope, false), CancelStep::Requested);
        assert!(!state.end_poll(false));
        assert!(state.finish().is_daemon());
        assert_eq!(state.cancel(CancelledBy::Scope, false), CancelStep::Nothing);
    }

    #[test]
    fn a_shield_keeps_cancellers_off_until_it_ends() {
        let state = State::new(&[Keeper::Exec], false, 0);
        assert!(state.begin_poll().is_some());
        assert!(state.end_poll(true));
        assert_eq!(state.cancel(CancelledBy::Handle, false), CancelStep::Requested);
        assert_eq!(state.cancel(CancelledBy::Scope, false), CancelStep::Nothing);
        assert_eq!(state.now().cancelled(), None);
        assert!(state.begin_poll().is_some_and(Snapshot::is_asked_to_end));
        assert!(state.end_poll(true) && state.begin_poll().is_some());
        assert!(!state.end_poll(false));
        assert_eq!(state.finish().cancelled(), Some(CancelledBy::Handle));
    }

    #[test]
    fn a_cancel_during_a_poll_waits_for_the_shield_that_the_poll_raised() {
        let state = State::new(&[Keeper::Exec], false, 0);
        assert!(state.begin_poll().is_some());
        assert_eq!(state.cancel(CancelledBy::Scope, false), CancelStep::Requested);
        assert!(state.end_poll(true));
        assert_eq!(state.now().cancelled(), None);
        assert!(state.begin_poll().is_some() && !state.end_poll(false));
        assert_eq!(state.now().cancelled(), Some(CancelledBy::Scope));
    }

    #[test]
    fn shields_do_not_stop_force() {
        let state = State::new(&[Keeper::Exec], false, 0);
        assert!(state.begin_poll().is_some() && state.end_poll(true));
        assert_eq!(state.cancel(CancelledBy::Handle, false), CancelStep::Requested);
        assert_eq!(state.cancel(CancelledBy::Scope, true), CancelStep::Claimed);
        assert_eq!(state.finish().cancelled(), Some(CancelledBy::Handle));

        let state = State::new(&[Keeper::Exec], false, 0);
        assert!(state.begin_poll().is_some());
        assert_eq!(state.cancel(CancelledBy::Handle, false), CancelStep::Requested);
        assert_eq!(state.cancel(CancelledBy::Scope, true), CancelStep::Requested);
        assert_eq!(state.cancel(CancelledBy::Scope, true), CancelStep::Nothing);
        assert!(!state.end_poll(true));
    }

    #[test]
    fn every_canceller_survives_the_word() {
        for by in [
            CancelledBy::Scope,
            CancelledBy::Finished,
            CancelledBy::Closed,
            CancelledBy::Handle,
            CancelledBy::Executor,
        ] {
            let state = State::new(&[], false, 1 << 20);
            state.cancel(by, false);
            assert_eq!(state.now().cancelled(), Some(by));
            assert_eq!(state.now().number() % (1 << 17), (1 << 20) % (1 << 17));
        }
    }

    #[test]
    fn the_last_keeper_is_told_so() {
        let state = State::new(&[Keeper::Exec, Keeper::Handle, Keeper::Registry], false, 0);
        assert!(!state.release(Keeper::Exec));
        assert!(!state.release(Keeper::Registry));
        assert!(state.release(Keeper::Handle));
    }
}
