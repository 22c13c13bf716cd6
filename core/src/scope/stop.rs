//! Shutting a scope down: what asks for it, and what happens then.
//!
//! | | children | body of a fail-fast scope | new children |
//! |---|---|---|---|
//! | [`ask`](Shared::ask) | see the token, and run on | runs on | refused |
//! | [`stop`](Shared::stop) | dropped, those behind a shield when it ends | dropped | refused |
//!
//! An `ask` is followed by a `stop` when its grace ends, if it ends.

use super::{
    flags::*,
    policy::{Ended, Policy},
    shared::Shared,
};
use crate::{
    cancel::{CancelReason, CancelToken, Cancelled, CancelledBy, current},
    child::{
        origin::{Info, Origin},
        parent::Receive,
        raw::By,
        spawn::Spec,
    },
    observe,
    sync::{Ordering, Wakers, fence},
};

impl<P: Policy, K> Shared<P, K> {
    /// Ends all children, present and future; in a fail-fast scope the body too.
    pub(super) fn cancel(&self, reason: CancelReason) {
        let _ = self.request.reason.set(reason);
        self.stop(CANCELLED | Self::whole(), CancelledBy::Scope, "");
    }

    /// Gives the reason for the cancel that follows. The first one counts.
    pub(super) fn set_reason(&self, reason: CancelReason) {
        let _ = self.request.reason.set(reason);
    }

    /// Asks all children to end, and lets no new ones in.
    pub(super) fn ask(&self) {
        let mut wakers = Wakers::new();
        // From here on children are refused, but for those of the scope's own that watch the end of
        // the grace: so the registry stays open.
        if self.flags.fetch_or(CANCELLED, Ordering::AcqRel) & CANCELLED == 0 {
            self.freed.collect(usize::MAX, &mut wakers);
        }
        self.request.tell("", &mut wakers);
        self.fire(wakers);
    }

    /// The scope's time is no longer watched: it shuts down at once rather than never. A grace is
    /// over then; otherwise the reason says `what` happened.
    fn lost_watch(&self, what: &'static str, info: Info<'_>) {
        self.emit(|| observe::Event::Refused { child: info.into() });
        if !self.has(SWEPT) {
            let has_reason = self.request.reason.set(CancelReason::internal(what)).is_err();
            let refused = if has_reason { 0 } else { REFUSED };
            self.stop(CANCELLED | refused | Self::whole(), CancelledBy::Scope, "");
        }
    }

    /// Why children are to end, if they are.
    pub(super) fn asks_to_end(&self) -> Option<Cancelled> {
        if !self.has(CANCELLED | STOPPED) {
            let reason = self.request.around.cancelled()?;
            return Some(Cancelled::new(CancelledBy::Scope, reason));
        }
        let cause = if self.has(ELAPSED) { CancelledBy::Deadline } else { CancelledBy::Scope };
        Some(Cancelled::new(cause, self.request.reason()))
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.has(CANCELLED)
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.has(STOPPED)
    }

    /// Links this scope to what is asked of the child or body in which this code runs.
    pub(super) fn look_around(&self) {
        if let Some(token) = current::token_around() {
            self.request.around.set(token);
        }
    }

    /// A token that is cancelled when this scope shuts down, for whatever reason, or when a scope
    /// around it asks its children to end.
    pub(super) fn token(&self) -> CancelToken {
        // Not the token itself: cancelling one caller's token must not cancel the others.
        self.request_token().child_token()
    }

    pub(super) fn request_token(&self) -> &CancelToken {
        if self.request.token.get().is_none() {
            // A scope that has shut down did so for a reason of its own.
            let linked = !self.has(CANCELLED | SWEPT);
            let around = &self.request.around;
            let token = if linked { around.child_token() } else { CancelToken::new() };
            // If another thread won the race, its token is used.
            let _ = self.request.token.set(token);
        }
        // See `Request::tell`.
        fence(Ordering::SeqCst);
        if self.has(CANCELLED | SWEPT) {
            let mut wakers = Wakers::new();
            self.request.tell("its scope has ended", &mut wakers);
            self.fire(wakers);
        }
        self.request.token.get().expect("set above")
    }

    /// How the scope ended, if it did without a value of its body.
    pub(super) fn ended(&self) -> Ended {
        if self.has(ELAPSED) {
            return Ended::Elapsed;
        }
        let cause = if self.has(REFUSED) { CancelledBy::Executor } else { CancelledBy::Scope };
        Ended::Cancelled(Cancelled::new(cause, self.request.reason()))
    }

    /// Whether a deadline of this scope has passed before it ended.
    pub(super) fn has_elapsed(&self) -> bool {
        self.has(ELAPSED)
    }

    /// The flag for the body, if it is stopped with the children.
    pub(super) fn whole() -> usize {
        if P::FAIL_FAST { STOPPED } else { 0 }
    }
}

impl<P, K> Shared<P, K> {
    /// Sets `flags`, then cancels the children and wakes all waiters. Without a reason from
    /// outside, tokens get `why`.
    pub(super) fn stop(&self, flags: usize, cause: CancelledBy, why: &'static str) {
        self.bring_down(flags, cause, why, false);
    }

    /// [`stop`](Self::stop), whatever shields there are.
    pub(super) fn stop_by_force(&self, flags: usize, cause: CancelledBy, why: &'static str) {
        self.bring_down(flags, cause, why, true);
    }

    fn bring_down(&self, flags: usize, cause: CancelledBy, why: &'static str, force: bool) {
        // Before the children go, because their handles ask `is_failing`. AcqRel: a thread that
        // sees the flags sees what led to them.
        let before = self.flags.fetch_or(flags | SWEPT, Ordering::AcqRel);
        let by = if force { By::Abandoner } else { By::Canceller };
        let mut wakers = Wakers::new();
        if before & SWEPT == 0 || force {
            self.request.tell(why, &mut wakers);
            if !self.registry.close_and_cancel(cause, by) {
                // They were asked before, and have had their grace.
                self.registry.cancel_all(cause, by);
            }
            self.freed.collect(usize::MAX, &mut wakers);
        }
        // Only once: an owner that has seen it waits for nothing but the children.
        if flags & !before & STOPPED != 0 {
            wakers.add(self.owner.take());
        }
        self.fire(wakers);
    }
}

/// How a daemon of the scope's own is spawned, which users need not know of.
#[track_caller]
pub(super) fn daemon(name: &'static str) -> Spec {
    Spec { origin: Origin::here().own(name), daemon: true }
}

/// The daemon that ends a grace: when it has slept, the scope is stopped.
pub(super) struct EndOfGrace;

impl<P: Policy, K> Receive<(), EndOfGrace> for Shared<P, K> {
    type Value = ();

    fn receive(&self, (): (), _: Info<'_>) -> Option<()> {
        self.stop(CANCELLED | Self::whole(), CancelledBy::Scope, "");
        Some(())
    }

    fn lost(&self, info: Info<'_>) {
        self.lost_watch("the executor dropped what was to end its grace", info);
    }
}

/// The daemon that watches a deadline.
pub(super) struct EndOfTime;

impl<P: Policy, K> Receive<bool, EndOfTime> for Shared<P, K> {
    type Value = ();

    fn receive(&self, has_passed: bool, _: Info<'_>) -> Option<()> {
        if has_passed && !self.has(SWEPT) {
            // Of a scope that was asked to end before, this ends the grace.
            let elapsed = if self.has(CANCELLED) { 0 } else { ELAPSED };
            let flags = CANCELLED | elapsed | Self::whole();
            self.stop(flags, CancelledBy::Deadline, "its deadline has passed");
        }
        Some(())
    }

    fn lost(&self, info: Info<'_>) {
        self.lost_watch("the executor dropped what watched its deadline", info);
    }
}
