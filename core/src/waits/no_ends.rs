//! Without thread-locals, or in a model, nobody watches.

use super::{Wait, What};

/// Nothing.
#[derive(Default)]
pub(crate) struct Ends;

/// Nothing.
#[derive(Debug, Default)]
pub(crate) struct SenderKey;

impl Ends {
    pub(crate) fn new() -> Self {
        Ends
    }

    pub(crate) fn add_sender(&self) -> SenderKey {
        SenderKey
    }

    pub(crate) fn remove_sender(&self, _: &SenderKey) {}

    pub(crate) fn sender_used(&self, _: &SenderKey) {}

    pub(crate) fn receiver_used(&self) {}

    pub(crate) fn claimed(&self) {}

    pub(crate) fn claim_ended(&self) {}

    pub(crate) fn sender_gave(&self, _: &SenderKey) {}

    pub(crate) fn serves(&self) {}

    pub(crate) fn learns(&self) {}

    pub(crate) fn closes(&self) {}

    pub(crate) fn receiver(&self, what: What) -> Wait {
        Wait::What(what)
    }

    pub(crate) fn senders(&self, what: What) -> Wait {
        Wait::What(what)
    }
}
