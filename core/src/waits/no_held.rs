//! Without thread-locals, or in a model, nobody watches.

/// Nothing.
#[derive(Debug, Default)]
pub(crate) struct Held;

impl Held {
    pub(crate) fn now(_: usize, _: usize) -> Self {
        Held
    }

    pub(crate) fn split(&self, _: usize, _: usize) -> Self {
        Held
    }

    pub(crate) fn end(&mut self, _: usize) {}
}

pub(crate) fn forget(_: usize) {}
