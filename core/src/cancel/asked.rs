//! Waits, in the middle of something else, for the child around it to be asked to end.

use super::Cancelled;
use core::task::Context;

#[cfg(all(feature = "std", not(anyscope_loom)))]
use {
    super::current,
    crate::sync::EventListener,
    core::{future::Future, pin::Pin},
};

/// Returns why the child or body around this code is to end, if it is: what
/// [`checkpoint`](crate::checkpoint()) returns. Without `std`, nothing is known of it.
#[inline]
pub(crate) fn asked_to_end() -> Option<Cancelled> {
    #[cfg(all(feature = "std", not(anyscope_loom)))]
    return current::asked_to_end();
    #[cfg(not(all(feature = "std", not(anyscope_loom))))]
    return None;
}

/// Wakes the task when the child or body around it is asked to end, in a grace.
pub(crate) struct Asked {
    #[cfg(all(feature = "std", not(anyscope_loom)))]
    listener: Option<EventListener>,
}

impl Asked {
    pub(crate) fn new() -> Self {
        Asked {
            #[cfg(all(feature = "std", not(anyscope_loom)))]
            listener: None,
        }
    }

    /// Returns why the code around this is to end, if it is; and wakes the task when it is, if not.
    #[cfg(all(feature = "std", not(anyscope_loom)))]
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Option<Cancelled> {
        loop {
            if let Some(cancelled) = asked_to_end() {
                return Some(cancelled);
            }
            match &mut self.listener {
                // Behind a shield there is no token to listen to. Checked again after this: a cancel
                // before `listen` notified nothing.
                None => self.listener = Some(current::token_around()?.listen()),
                Some(listener) => {
                    if Pin::new(listener).poll(cx).is_pending() {
                        return None;
                    }
                    self.listener = None;
                    // Asked from within a shield, or by a token that is not that of the child.
                    asked_to_end().as_ref()?;
                }
            }
        }
    }

    #[cfg(not(all(feature = "std", not(anyscope_loom))))]
    pub(crate) fn poll(&mut self, _: &mut Context<'_>) -> Option<Cancelled> {
        None
    }
}
