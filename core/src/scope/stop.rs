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
    tree::Surroundings,
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
        let is_first = self.request.reason.set(reason).is_ok();
        self.stop(CANCELLED | Self::whole(), CancelledBy::Scope, "");
        if is_first {
            self.tells_cancel("");
        }
    }

    /// Gives the reason for the cancel that follows. The first one counts.
    pub(super) fn set_reason(&self, reason: CancelReason) {
        let _ = self.request.reason.set(reason);
    }

    /// Asks all children to end, and lets no new ones in.
    pub(super) fn ask(&self) {
        let mut wakers = Wakers::new();
        // From here on children are refused, except the scope's own child that watches the end of
        // the grace: so the registry stays open.
        let is_first = self.flags.fetch_or(CANCELLED, Ordering::AcqRel) & CANCELLED == 0;
        if is_first {
            self.freed.collect(usize::MAX, &mut wakers);
        }
        self.request.tell("", &mut wakers);
        self.fire(wakers);
        if is_first {
            self.tells_cancel("");
        }
    }

    /// Called when the scope's time is no longer watched. Shuts the scope down at once, rather than
    /// never. A grace is over then; otherwise the reason says `what` happened.
    fn lost_watch(&self, what: &'static str, info: Info<'_>) {
        self.emit(|| observe::Event::Refused { child: info.into() });
        if !self.has(SWEPT) {
            let has_reason = self.request.reason.set(CancelReason::internal(what)).is_err();
            let refused = if has_reason { 0 } else { REFUSED };
            self.stop(CANCELLED | refused | Self::whole(), CancelledBy::Scope, "");
        }
    }

    /// Returns why the children were asked to end, if they were.
    pub(super) fn asks_to_end(&self) -> Option<Cancelled> {
        if !self.has(CANCELLED | STOPPED) {
            let reason = self.request.around.cancelled()?;
            return Some(Cancelled::new(CancelledBy::Scope, reason));
        }
        let by = if self.has(ELAPSED) { CancelledBy::Deadline } else { CancelledBy::Scope };
        Some(Cancelled::new(by, self.request.reason()))
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.has(CANCELLED)
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.has(STOPPED)
    }

    /// Links this scope to the token of the child or body in which this code runs, and takes over
    /// the context around it.
    /// Calls `body` and `executor` for their names.
    #[inline]
    pub(super) fn look_around(&self, body: fn() -> &'static str, executor: fn() -> &'static str) {
        // Most scopes have nothing around them, and do not pay for a look.
        if current::is_outermost() {
            return;
        }
        if let Some(token) = current::token_around() {
            self.request.around.set(token);
        }
        self.take_context(body, executor);
    }

    /// Takes over the context around this code.
    #[inline]
    pub(super) fn take_context(&self, body: fn() -> &'static str, executor: fn() -> &'static str) {
        if let Some(context) = current::context() {
            // Once: the first poll.
            let _ = self.around.set(self.surroundings(context, body, executor));
        }
    }

    /// Calls `f` with the context of this scope around it, if there is one.
    pub(super) fn in_context<R>(&self, f: impl FnOnce() -> R) -> R {
        match self.around.get().map(Surroundings::context) {
            Some(context) => current::in_context(context, || context.hooked(f)),
            None => f(),
        }
    }

    /// Returns a token that is cancelled when this scope shuts down, for whatever reason, or when a
    /// scope around it asks its children to end.
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

    /// Returns how the scope ended, if it ended without a value of its body.
    pub(super) fn ended(&self) -> Ended {
        if self.has(ELAPSED) {
            return Ended::Elapsed;
        }
        let by = if self.has(REFUSED) { CancelledBy::Executor } else { CancelledBy::Scope };
        Ended::Cancelled(Cancelled::new(by, self.request.reason()))
    }

    /// Returns whether a deadline of this scope passed before it ended.
    pub(super) fn has_elapsed(&self) -> bool {
        self.has(ELAPSED)
    }

    /// Returns the flag that stops the body, if the body is stopped with the children.
    pub(super) fn whole() -> usize {
        if P::FAIL_FAST { STOPPED } else { 0 }
    }
}

impl<P, K> Shared<P, K> {
    /// Sets `flags`, then cancels the children and wakes all waiters. Without a reason from
    /// outside, tokens get `why`.
    pub(super) fn stop(&self, flags: usize, cancelled_by: CancelledBy, why: &'static str) {
        self.shut_down(flags, cancelled_by, why, false);
    }

    /// As [`stop`](Self::stop), but ignores shields.
    pub(super) fn stop_by_force(&self, flags: usize, cancelled_by: CancelledBy, why: &'static str) {
        self.shut_down(flags, cancelled_by, why, true);
    }

    fn shut_down(&self, flags: usize, cancelled_by: CancelledBy, why: &'static str, force: bool) {
        // Before the children go, because their handles ask `is_failing`. AcqRel: a thread that
        // sees the flags sees what led to them.
        let before = self.flags.fetch_or(flags | SWEPT, Ordering::AcqRel);
        let by = if force { By::Abandoner } else { By::Canceller };
        let mut wakers = Wakers::new();
        if before & SWEPT == 0 || force {
            self.request.tell(why, &mut wakers);
            if !self.registry.close_and_cancel(cancelled_by, by) {
                // The children were asked before, and have had their grace.
                self.registry.cancel_all(cancelled_by, by);
            }
            self.freed.collect(usize::MAX, &mut wakers);
        }
        // Only once: an owner that has seen the flag waits only for the children.
        if flags & !before & STOPPED != 0 {
            wakers.add(self.owner.take());
        }
        self.fire(wakers);
    }
}

/// Returns the spec of a daemon that the scope spawns for its own use. User code does not see it.
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
            let why = "its deadline has passed";
            self.stop(flags, CancelledBy::Deadline, why);
            if elapsed != 0 {
                self.tells_cancel(why);
            }
        }
        Some(())
    }

    fn lost(&self, info: Info<'_>) {
        self.lost_watch("the executor dropped what watched its deadline", info);
    }
}
