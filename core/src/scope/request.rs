//! What a cancel of a scope leaves to be read: its reason and its token.

use crate::{
    cancel::{Around, CancelReason, CancelToken},
    sync::{Ordering, Wakers, fence, once_box::OnceBox},
};

/// The reason and the token of a cancel.
pub(super) struct Request {
    pub(super) reason: OnceBox<CancelReason>,
    pub(super) token: OnceBox<CancelToken>,
    /// What is asked of the child that this scope is in.
    pub(super) around: Around,
}

impl Request {
    pub(super) fn new() -> Self {
        Request { reason: OnceBox::new(), token: OnceBox::new(), around: Around::new() }
    }

    /// Why the scope was cancelled, if a reason was given.
    pub(super) fn reason(&self) -> Option<&CancelReason> {
        self.reason.get()
    }

    /// Cancels the token, if one was made.
    pub(super) fn tell(&self, otherwise: &'static str, wakers: &mut Wakers) {
        // Pairs with the fence in `Shared::token`: that sees the flags that were set before this,
        // or this sees the token.
        fence(Ordering::SeqCst);
        if let Some(token) = self.token.get() {
            let reason = self.reason.get().cloned();
            let reason = reason.unwrap_or_else(|| CancelReason::internal(otherwise));
            token.cancel_and_collect(reason, wakers);
        }
    }
}
